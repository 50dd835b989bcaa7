#!/bin/bash
# `make test-containers`: docker-compose.yml with a real Docker engine, from the build of the image to a rush of buyers.
#
#   dev/containers.sh [PYTEST OPTION]…     tests/containers, on the engine of this machine or on one of our own
#
# Where `docker info` answers, that engine and its images are used. Elsewhere, as root on Debian or Ubuntu, one Debian root
# is made in $WORK: it runs the engine, in a mount and a network namespace of its own, and imported into that engine it
# stands in for all images that would be pulled. $WORK stays (about 2 GB), which makes the next run faster.
# tests/containers/README.md lists what is real and what is a stand-in.
set -euo pipefail
SOURCE=$(cd "$(dirname "$0")/.." && pwd)
WORK=$(realpath -m "${WORK:-/var/tmp/evently-containers}")
SUITE=${SUITE:-forky}
ROOT=$WORK/root
NAMESPACE=evently-containers
PYTHON=$SOURCE/.venv/bin/python
engine=

say() { echo "[${SECONDS} s] $*"; }

give_up() {
    echo "The containers are not tested: $*" >&2
    case ${CI:-} in 1 | true) exit 1 ;; *) exit 0 ;; esac
}

find_clients() {
    mkdir -p "$WORK"/{data,run,stage} "$WORK/config/cli-plugins"
    if ! docker compose version >/dev/null 2>&1; then
        [ -x "$SOURCE/.venv/bin/docker-compose" ] || give_up "no Docker Compose: install requirements-dev.txt"
        ln -sf "$SOURCE/.venv/bin/docker-compose" "$WORK/config/cli-plugins/docker-compose"
        export DOCKER_CONFIG=$WORK/config
    fi
}

# A Debian root with the packages for the engine and all images.
make_root() {
    [ "$(id -u)" = 0 ] || give_up "no engine answers, and only root can start one"
    [ "$(stat -f -c %T "$(dirname "$WORK")")" != tmpfs ] || give_up "WORK is on a tmpfs, which cannot hold images"
    [ ! -e "$ROOT/.ready" ] || return 0
    command -v debootstrap >/dev/null || { apt-get update -qq && apt-get install -y -qq debootstrap; } >"$WORK/apt.log" 2>&1 ||
        give_up "debootstrap cannot be installed; $WORK/apt.log says why"
    local mirror script=sid
    mirror=$(grep -rhoP '^(URIs: *|deb +(\[.*?\] +)?)\Khttps?://\S+' /etc/apt/sources.list /etc/apt/sources.list.d 2>/dev/null | head -1 || true)
    [ ! -e "/usr/share/debootstrap/scripts/$SUITE" ] || script=$SUITE
    rm -rf "$ROOT"
    debootstrap --variant=minbase --include=ca-certificates "$SUITE" "$ROOT" "${mirror:-http://deb.debian.org/debian}" \
        "/usr/share/debootstrap/scripts/$script" >"$WORK/debootstrap.log" 2>&1 || give_up "$(tail -1 "$WORK/debootstrap.log")"
    say "a root of Debian $SUITE"
    printf '#!/bin/sh\nexit 101\n' >"$ROOT/usr/sbin/policy-rc.d"
    chmod +x "$ROOT/usr/sbin/policy-rc.d"
    unshare --mount sh -c "mount -t proc proc '$ROOT/proc' && exec chroot '$ROOT' sh -e" >"$WORK/packages.log" 2>&1 <<'INSIDE' ||
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends docker.io docker-cli docker-buildx iptables \
    python3.13 python3.13-venv postgresql redis-server nginx caddy busybox tzdata
apt-get clean
rm -rf /var/lib/apt/lists/* /usr/share/doc /usr/share/man /etc/nginx/sites-enabled /etc/nginx/modules-enabled/*
ln -sf /usr/bin/python3.13 /usr/local/bin/python
ln -sf /bin/busybox /usr/local/bin/wget
ln -s "$(echo /usr/lib/postgresql/*)" /usr/lib/pg
mkdir -p /data /wheels /oldroot /enginerun /var/lib/docker
INSIDE
        give_up "its packages cannot be installed; $WORK/packages.log says why"
    touch "$ROOT/.ready"
    say "its packages"
}

# The Python packages that the Dockerfile installs, and substitutes for the entry points of the official images.
fill_root() {
    "$PYTHON" -m pip download --quiet --python-version 3.13 --only-binary=:all: -r "$SOURCE/requirements.txt" -d "$ROOT/wheels" \
        >"$WORK/wheels.log" 2>&1 || give_up "the packages cannot be downloaded; $WORK/wheels.log says why"
    printf '[global]\nno-index = true\nfind-links = /wheels\n' >"$ROOT/etc/pip.conf"
    install -m 755 "$SOURCE/dev/stand-ins/docker-entrypoint.sh" "$ROOT/usr/local/bin/docker-entrypoint.sh"
    install -m 755 "$SOURCE/dev/stand-ins/mailcatcher.py" "$ROOT/usr/local/bin/mailcatcher"
    install -m 644 "$SOURCE/dev/stand-ins/nginx.conf" "$ROOT/etc/nginx/nginx.conf"
}

start_engine() {
    ip netns add "$NAMESPACE" 2>/dev/null || true
    ip -n "$NAMESPACE" link set lo up
    # pivot_root and not chroot: with chroot `docker exec`, and so every health check, would enter the host's root.
    setsid nsenter --net="/run/netns/$NAMESPACE" unshare --mount --propagation private bash -ec "
        mount --bind '$ROOT' '$ROOT'
        mount -t proc proc '$ROOT/proc'; mount --rbind /sys '$ROOT/sys'; mount --rbind /dev '$ROOT/dev'; mount -t tmpfs run '$ROOT/run'
        mkdir -p '$ROOT$WORK/stage'
        mount --bind '$WORK/run' '$ROOT/enginerun'; mount --bind '$WORK/stage' '$ROOT$WORK/stage'; mount --bind '$WORK/data' '$ROOT/var/lib/docker'
        cd '$ROOT'; pivot_root . oldroot; umount -l /oldroot
        exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin dockerd --host unix:///enginerun/docker.sock" >"$WORK/dockerd.log" 2>&1 &
    engine=$!
    export DOCKER_HOST=unix://$WORK/run/docker.sock DOCKER_CONFIG=$WORK/config
    ln -sf "$ROOT/usr/libexec/docker/cli-plugins/docker-buildx" "$SOURCE/.venv/bin/docker-compose" "$DOCKER_CONFIG/cli-plugins/"
    command -v docker >/dev/null || { ln -sf "$ROOT/usr/bin/docker" "$WORK/docker" && PATH=$WORK:$PATH; }
    until docker info >/dev/null 2>&1; do
        kill -0 "$engine" 2>/dev/null || give_up "the engine ended: $(tail -1 "$WORK/dockerd.log")"
        sleep 0.3
    done
    say "an engine: $(docker version --format '{{.Server.Version}}')"
}

# One import, and a name for each image of docker-compose.yml and the Dockerfile.
make_images() {
    local state name rest
    state=$(sha256sum "$SOURCE"/dev/stand-ins/* "$SOURCE/requirements.txt" "$SOURCE/docker-compose.yml" | sha256sum | cut -c 1-16)
    [ "$(cat "$WORK/images" 2>/dev/null)" != "$state" ] || [ -z "$(docker images --quiet python:3.13-slim)" ] || return 0
    tar -C "$ROOT" --exclude='./proc/*' --exclude='./sys/*' --exclude=./var/lib/docker --exclude=./usr/sbin/dockerd \
        --exclude=./usr/bin/containerd --exclude=./usr/libexec/docker -c . |
        docker import --change "ENV PATH=/usr/lib/pg/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8" \
            - python:3.13-slim >/dev/null
    while read -r name rest; do
        printf 'FROM python:3.13-slim\nENTRYPOINT ["docker-entrypoint.sh"]\n%b\n' "$rest" | docker build --quiet --tag "$name" - >/dev/null
    done <"$SOURCE/dev/stand-ins/images"
    echo "$state" >"$WORK/images"
    say "images that stand in"
}

stage() {
    rm -rf "$WORK/stage/site"
    mkdir -p "$WORK/stage/site"
    git -C "$SOURCE" ls-files -z --cached --others --exclude-standard |
        tar -C "$SOURCE" --null --files-from=- --ignore-failed-read -c 2>/dev/null | tar -C "$WORK/stage/site" -x
}

finish() {
    [ -z "$engine" ] || { kill -- "-$engine" 2>/dev/null || true; wait "$engine" 2>/dev/null || true; ip netns del "$NAMESPACE" || true; }
}

trap finish EXIT
[ -x "$PYTHON" ] || give_up "no .venv: make test-containers makes it"
find_clients
within=()
if ! docker info >/dev/null 2>&1; then
    make_root
    fill_root
    start_engine
    make_images
    within=(nsenter "--net=/run/netns/$NAMESPACE")
    stage
    # The syntax line names an image that would have to be pulled.
    sed -i '/^# syntax=/d' "$WORK/stage/site/Dockerfile"
else
    stage
fi
cd "$SOURCE"
EVENTLY_CONTAINERS=$WORK/stage/site "${within[@]}" "$PYTHON" -m pytest tests/containers -p no:cacheprovider "$@"
say "done"
