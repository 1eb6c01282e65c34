#!/bin/sh
# Fills a template from the environment and becomes nginx: entrypoint.sh ingest | web
# weir/configuration.py does the same for the embedded stack.
set -eu
here=$(dirname "$0")
run=${RUN:-/run/weir}
mkdir -p "$run"
chmod 700 "$run"
boot=$(od -An -N8 -tx1 /dev/urandom | tr -d ' \n')
fill() { # fill NAME=value … : each @NAME@ of the template becomes its value
  script=""
  for pair in "$@"; do
    value=$(printf '%s' "${pair#*=}" | sed 's/[&|\\]/\\&/g')
    script="$script;s|@${pair%%=*}@|$value|g"
  done
  sed "${script#;}"
}
case ${1:-web} in
  ingest)
    fill "MODULES=${MODULES:-/usr/lib/nginx/modules}" "USER=${USER_LINE:-user www-data;}" "RUN=$run" "RTMP_LISTEN=${RTMP_LISTEN:-0.0.0.0:1935}" \
      "STAT_LISTEN=${STAT_LISTEN:-0.0.0.0:9180}" "PLAY_ALLOW=allow play ${PULL_FROM:-127.0.0.1};" "HOOKS=$HOOKS" \
      "HOOK_QUERY=boot=$boot&secret=$SECRET" <"$here/ingest.conf.template" >"$run/ingest.conf" ;;
  web)
    data=${DATA:-/data}
    live=${LIVE:-/live}
    mkdir -p "$data/usage" "$data/hls" "$live/hls"
    servers=""  # MEDIA: addresses of all media workers; ORIGINS: "NAME=ADDRESS …" where workers have names (WEIR_ORIGIN_NAME)
    for one in $MEDIA; do servers="$servers server $one;"; done
    origins=""
    for one in ${ORIGINS:-}; do origins="$origins upstream ${one%%=*} { server ${one#*=}; keepalive 8192; keepalive_requests 1000000; }"; done
    chosen="${EDGE:-files} plain"
    if [ -n "${TLS_CERTIFICATE:-}" ]; then chosen="${EDGE:-files} tls"; fi
    port=${HTTPS_PUBLIC_PORT:-443}
    if [ "$port" = 443 ]; then port=""; else port=":$port"; fi
    for word in $chosen; do script="${script:-};s/^\( *\)#$word: /\1/"; done
    sed "${script#;};/^ *#[a-z]*: /d" "$here/web.conf.template" | fill "USER=${USER_LINE:-user root;}" "RUN=$run" "LIVE=$live" "DATA=$data" \
      "MODULES=${MODULES:-/usr/lib/nginx/modules}" "PLAYER=${PLAYER:-/player}" "WORKERS=${WORKERS:-auto}" \
      "CONTROL=$CONTROL" "REALTIME=$REALTIME" "MEDIA=$servers" "ORIGINS=$origins" "HTTP_LISTEN=${HTTP_LISTEN:-0.0.0.0:8080}" \
      "HTTPS_LISTEN=${HTTPS_LISTEN:-0.0.0.0:8443}" "HTTPS_PORT=$port" "TLS_CERTIFICATE=${TLS_CERTIFICATE:-}" "TLS_KEY=${TLS_KEY:-}" \
      "EDGE_LISTEN=${EDGE_LISTEN:-0.0.0.0:9181}" "USAGE=$data/usage/web.log" "INTERNAL_SECRET=$SECRET" >"$run/web.conf" ;;
  *) echo "entrypoint.sh: ingest or web" >&2; exit 2 ;;
esac
chmod 600 "$run/$1.conf"
if [ "$1" = web ] && [ -z "${NGINX_OPTIONS:-}" ]; then # the ledger removes the files that it has read
  (while sleep 30 && kill -0 $$ 2>/dev/null; do  # $$ becomes nginx; the loop ends with it
    if [ "$(stat -c %s "$data/usage/web.log" 2>/dev/null || echo 0)" -gt 10000000 ]; then
      mv "$data/usage/web.log" "$data/usage/web.log.$(date +%s%3N | sed 's/^/00/')" && kill -USR1 $$
    fi
  done) &
fi
exec nginx -e stderr -p "$run" -c "$run/$1.conf" ${NGINX_OPTIONS:-}
