#!/bin/sh
# Starts Redis in its container, behind REDIS_PASSWORD. The server gets the hash of it in a file: the arguments of a process
# can be read by every user of the machine.
#
#   start-redis.sh OPTION…     as of redis-server; the image's own entry point takes root's rights away
set -eu
: "${REDIS_PASSWORD:?Set REDIS_PASSWORD}"
users=${REDIS_USERS_FILE:-/etc/redis-users.acl}
umask 077
hash=$(printf %s "$REDIS_PASSWORD" | sha256sum | cut -c 1-64)
printf 'user default on #%s ~* &* +@all\n' "$hash" >"$users"
[ "$(id -u)" != 0 ] || chown redis "$users"
unset REDIS_PASSWORD
exec docker-entrypoint.sh redis-server --aclfile "$users" "$@"
