#!/bin/sh
# Replaces all containers of the site with ones of the current image and settings, without refusing a request:
#
#   docker compose build            or, with a published image: docker compose pull
#   deploy/rollout.sh
#
# It migrates the database first; the previous release must run on the new schema (docs/operations.md). It starts new web
# containers beside the old ones, waits until they are healthy, makes nginx send all requests to them, and then stops the old
# ones. If a new container does not become healthy within PATIENCE (180) seconds, the new ones are removed and the old ones stay.
set -eu
cd "$(dirname "$0")/.."

say() { echo "rollout: $*"; }

fail() {
    echo "rollout: $*" >&2
    exit 1
}

# Sets the servers of nginx: `use_servers ADDRESS…`, or without an address all containers of the service `web`.
use_servers() {
    [ -n "$(docker compose ps --quiet nginx 2>/dev/null)" ] || return 0
    if [ $# = 0 ]; then
        set -- 'web:8000 resolve'
    fi
    for server in "$@"; do
        echo "server $server max_fails=1 fail_timeout=5s;"
    done | docker compose exec -T nginx sh -c 'cat >/etc/nginx/evently-servers.conf && nginx -t -q && nginx -s reload'
    # The previous nginx workers finish their requests, which they send to the old web containers.
    docker compose exec -T nginx sh -c '
        for second in $(seq 60); do
            grep -qs "shutting dow[n]" /proc/[0-9]*/cmdline || exit 0
            sleep 1
        done'
}

address_of() {
    docker inspect --format '{{range $name, $network := .NetworkSettings.Networks}}{{$name}} {{$network.IPAddress}}{{"\n"}}{{end}}' "$1" |
        awk '$1 ~ /_front$/ {print $2 ":8000"}'
}

wait_until_healthy() {
    for second in $(seq "${PATIENCE:-180}"); do
        case $(docker inspect --format '{{.State.Health.Status}}' "$1" 2>/dev/null) in
        healthy) return 0 ;;
        unhealthy | "") return 1 ;;
        esac
        sleep 1
    done
    return 1
}

old=$(docker compose ps --quiet web)
[ -n "$old" ] || fail "no web container runs; docker compose up starts the site"
[ -z "$(docker inspect --format '{{range .HostConfig.PortBindings}}published{{end}}' $old)" ] ||
    fail "the web port is published, which only one container can have. Put a proxy in front: docs/operations.md"
number=$(echo "$old" | wc -l)

say "migrating the database"
docker compose run --rm --no-deps migrate >/dev/null

say "starting $number new web container(s)"
docker compose up --detach --no-deps --no-recreate --scale web=$((2 * number)) web >/dev/null 2>&1
new=$(docker compose ps --all --quiet web | grep -vF "$old") || fail "no new container was started"
for container in $new; do
    if ! wait_until_healthy "$container"; then
        docker logs --tail 20 "$container" >&2 || true
        docker rm --force $new >/dev/null
        fail "a new web container does not become healthy; its last lines are above. The old ones stay"
    fi
done

say "sending everything to the new ones"
use_servers $(for container in $new; do address_of "$container"; done)

say "stopping the old ones"
docker stop $old >/dev/null
docker rm $old >/dev/null
use_servers

say "replacing workers and beat"
docker compose up --detach --no-deps worker mail-worker beat >/dev/null 2>&1
say "done"
