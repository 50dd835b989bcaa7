#!/bin/sh
# One file with the whole database: deploy/backup.sh DIRECTORY
#
# The database is that of DATABASE_URL, or of DB_HOST, DB_PORT, DB_NAME, DB_USER and DB_PASSWORD. KEEP_DAYS (14) says how
# long files stay. The site goes on meanwhile; the file holds the moment at which it was begun. Needs pg_dump of the
# server's version or a later one.
set -eu
directory=${1:?Name the directory for backups}
umask 077
mkdir -p "$directory"
. "$(dirname "$0")/database.sh"
file=$directory/evently-$(date -u +%Y-%m-%dT%H-%M-%SZ).dump
pg_dump --format=custom --no-owner --no-privileges --file="$file.unfinished" --dbname="$database"
# Whoever finds it by its name finds all of it.
pg_restore --list "$file.unfinished" >/dev/null
mv "$file.unfinished" "$file"
find "$directory" -name 'evently-*.dump' -mtime "+${KEEP_DAYS:-14}" -delete
echo "$file"
