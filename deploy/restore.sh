#!/bin/sh
# What a backup holds, into an empty database: deploy/restore.sh FILE
#
# The database is that of DATABASE_URL or of DB_*, as for backup.sh. It must be empty: nothing is written over. Stop web
# servers, workers and beat first if they are of that database; afterwards `flask --app wsgi db upgrade` and
# `flask --app wsgi check-ledger`.
set -eu
file=${1:?Name the file that backup.sh has written}
. "$(dirname "$0")/database.sh"
tables=$(psql --no-psqlrc --tuples-only --no-align --dbname="$database" \
    --command="SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
if [ "$tables" != 0 ]; then
    echo "The database has $tables tables. Restore into an empty one, and let the site use that." >&2
    exit 1
fi
# All of it or nothing.
pg_restore --no-owner --no-privileges --exit-on-error --single-transaction --dbname="$database" "$file"
# Tables of the server's own, which only its superuser may look through, are passed over without a line for each.
psql --no-psqlrc --quiet --dbname="$database" --command="SET client_min_messages = error" --command="ANALYZE"
echo "Restored. Next: flask --app wsgi db upgrade, then flask --app wsgi check-ledger"
