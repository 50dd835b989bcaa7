#!/bin/sh
# Starts nginx in its container. Reports a missing certificate, and resets the list of web servers, which an interrupted
# rollout may have left behind.
set -eu
certificates=/etc/nginx/evently/certificates
for file in fullchain.pem privkey.pem; do
    if [ ! -s "$certificates/$file" ]; then
        echo "nginx cannot start: there is no $file in the directory that CERTIFICATES names (deploy/certificates unless set)." >&2
        echo "Make one with deploy/self-signed.sh HOST to try it out, put yours there, or use the profile acme, which gets one." >&2
        exit 1
    fi
done
echo 'server web:8000 resolve max_fails=1 fail_timeout=5s;' >/etc/nginx/evently-servers.conf
exec nginx -g 'daemon off;'
