# For the scripts beside it: $database is what PostgreSQL's programs connect to. The password never is an argument,
# which every user of the machine could read.
# shellcheck shell=sh disable=SC2034 # used by whoever reads this file

# What was meant by %40 and the like.
decoded() {
    printf '%s\n' "$1" | LC_ALL=C awk '{
        out = ""
        while (match($0, /%[0-9A-Fa-f][0-9A-Fa-f]/)) {
            digits = toupper(substr($0, RSTART + 1, 2))
            code = 16 * index("123456789ABCDEF", substr(digits, 1, 1)) + index("123456789ABCDEF", substr(digits, 2, 1))
            out = out substr($0, 1, RSTART - 1) sprintf("%c", code)
            $0 = substr($0, RSTART + 3)
        }
        print out $0
    }'
}

if [ -n "${DATABASE_URL:-}" ]; then
    address=${DATABASE_URL#*://}
    login=${address%%@*}
    case $address in
    *:*@*)
        PGPASSWORD=$(decoded "${login#*:}")
        export PGPASSWORD
        database=postgresql://${login%%:*}@${address#*@}
        ;;
    *) database=postgresql://$address ;;
    esac
else
    export PGHOST="${DB_HOST:-127.0.0.1}" PGPORT="${DB_PORT:-5432}" PGUSER="${DB_USER:-postgres}" PGPASSWORD="${DB_PASSWORD:-}"
    database=${DB_NAME:-evently}
fi
