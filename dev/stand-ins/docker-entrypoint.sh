#!/bin/bash
# Like the entry points of the official PostgreSQL and Redis images: prepares the data directory and drops root's privileges.
set -e
case $1 in
redis-server)
    mkdir -p /data
    chown redis /data
    exec setpriv --reuid redis --regid redis --clear-groups "$@" --protected-mode no
    ;;
postgres)
    export PGDATA=/var/lib/postgresql/data
    if [ "$(id -u)" = 0 ]; then
        mkdir -p "$PGDATA" /run/postgresql
        chown postgres "$PGDATA" /run/postgresql
        chmod 700 "$PGDATA"
        exec setpriv --reuid postgres --regid postgres --clear-groups "$0" "$@"
    fi
    if [ ! -s "$PGDATA/PG_VERSION" ]; then
        initdb -U "$POSTGRES_USER" --pwfile=<(echo "$POSTGRES_PASSWORD") >/dev/null
        echo 'host all all all scram-sha-256' >>"$PGDATA/pg_hba.conf"
        echo "listen_addresses = '*'" >>"$PGDATA/postgresql.conf"
        pg_ctl -w start -o "-c listen_addresses=" >/dev/null
        PGPASSWORD=$POSTGRES_PASSWORD createdb -U "$POSTGRES_USER" "$POSTGRES_DB"
        pg_ctl -w -m fast stop >/dev/null
    fi
    exec "$@"
    ;;
*) exec "$@" ;;
esac
