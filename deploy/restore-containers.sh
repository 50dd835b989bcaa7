#!/bin/sh
# Restores a backup of the containers. The current database is renamed and stays until you drop it:
#
#   deploy/restore-containers.sh evently-2026-11-29T03-30-00Z.dump      a file in the directory BACKUPS (./backups)
#
# The site is stopped meanwhile. If a step fails, the previous database is put back and the site is started again.
set -eu
cd "$(dirname "$0")/.."
name=$(basename "${1:?Name the backup}")
before=evently_before_$(date -u +%Y%m%d_%H%M%S)
site="web worker mail-worker beat"

sql() {
    docker compose exec -T postgres psql --no-psqlrc --quiet --username evently --dbname postgres --set ON_ERROR_STOP=1 --command "$1"
}

# shellcheck disable=SC2086 # several words
start() { docker compose up --detach --no-deps --no-recreate $site; }

run() { docker compose run --rm --no-deps -T "$@"; }

run backup test -s "/backups/$name" || { echo "There is no backup $name." >&2; exit 1; }
# shellcheck disable=SC2086
docker compose stop $site
if ! sql "ALTER DATABASE evently RENAME TO $before"; then
    start
    echo "Not restored: the database is in use. The site runs again." >&2
    exit 1
fi
# The last three: sessions and cached values belong to the previous database; do the books and the reports add up?
if docker compose exec -T postgres createdb --username evently --encoding UTF8 --template template0 evently &&
    run backup sh /deploy/restore.sh "/backups/$name" &&
    run migrate &&
    run web flask cache clear &&
    run web flask check-ledger &&
    run web flask reports check; then
    start
    echo "Restored. The previous database is $before; when everything is right, drop it:"
    echo "  docker compose exec postgres dropdb --username evently $before"
else
    sql "DROP DATABASE IF EXISTS evently"
    sql "ALTER DATABASE $before RENAME TO evently"
    start
    echo "Not restored; the message above says why. The site runs again with the previous database." >&2
    exit 1
fi
