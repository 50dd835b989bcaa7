#!/bin/sh
# A certificate that no browser trusts, to try the proxy out: deploy/self-signed.sh tickets.example.org [DIRECTORY]
set -eu
name=${1:?Name the host the certificate is for}
directory=${2:-$(dirname "$0")/certificates}
mkdir -p "$directory"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 90 -subj "/CN=$name" -addext "subjectAltName=DNS:$name" \
    -keyout "$directory/privkey.pem" -out "$directory/fullchain.pem" 2>/dev/null
chmod 600 "$directory/privkey.pem"
echo "$directory holds a certificate for $name, for 90 days."
