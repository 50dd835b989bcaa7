#!/bin/sh
# Runs backup.sh each day at BACKUP_TIME (03:30, UTC); backup.sh deletes backups that are older than KEEP_DAYS days:
#
#   backup-schedule.sh DIRECTORY [once]
#
# `once` makes one backup now. Otherwise it exits only if a setting is wrong; a failed backup is repeated after an hour.
set -u
directory=${1:?Name the directory for backups}
here=$(dirname "$0")
time=${BACKUP_TIME:-03:30}
case $time in
[01][0-9]:[0-5][0-9] | 2[0-3]:[0-5][0-9]) ;;
*)
    echo "BACKUP_TIME must be a time like 03:30, not '$time'." >&2
    exit 1
    ;;
esac

# Seconds until that time. The leading 1 is there because the shell reads 08 as an invalid octal number.
pause() {
    now=$(date -u +1%H,1%M,1%S)
    hour=${now%%,*} rest=${now#*,}
    minute=${rest%,*} second=${rest#*,}
    wanted=$(((1${time%:*} - 100) * 3600 + (1${time#*:} - 100) * 60))
    passed=$(((hour - 100) * 3600 + (minute - 100) * 60 + second - 100))
    echo $(((wanted - passed + 86399) % 86400 + 1))
}

# This file exists while the last backup has failed; the health check looks for it.
failed=${BACKUP_FAILED_FILE:-/tmp/backup-failed}
backup() {
    if file=$("$here/backup.sh" "$directory"); then
        rm -f "$failed"
        echo "backup: $file, $(wc -c <"$file") bytes"
    else
        : >"$failed"
        echo "backup: failed; the message above says why" >&2
        return 1
    fi
}

if [ "${2:-}" = once ]; then
    backup
    exit
fi
trap 'exit 0' TERM INT
while :; do
    sleep "$(pause)" &
    wait $!
    until backup; do
        sleep 3600 &
        wait $!
    done
done
