#!/bin/sh
# Fills a template from the environment and becomes nginx: entrypoint.sh ingest | web
# weir/server_configs.py does the same for the embedded stack.
#
#   both     SECRET or SECRET_FILE: the rooms' WEIR_HOOK_SECRET. RUN, MODULES, USER_LINE.
#            RESOLVER: a name server; then CONTROL, REALTIME and MEDIA are names that are looked up again while nginx runs. Without it
#            they are addresses, to which connections are kept.
#   ingest   HOOKS (http://HOST:PORT/internal/rtmp), or CONTROL with RESOLVER; RTMP_LISTEN, STAT_LISTEN;
#            PULL_FROM: networks of the media workers, whose connections are not counted; CONNECTIONS_PER_ADDRESS
#   web      CONTROL, REALTIME, MEDIA (addresses of all), ORIGINS ("NAME=ADDRESS …"), EDGE, EDGE_LISTEN, DATA, LIVE, PLAYER, WORKERS;
#            HTTP_LISTEN, HTTPS_LISTEN, TLS_CERTIFICATE, TLS_KEY; PUBLIC_URL as the rooms' WEIR_PUBLIC_URL;
#            CDN_URL as the media room's WEIR_CDN_URL;
#            TRUSTED_PROXIES and METRICS_ALLOW: networks, with blanks between; CONNECTIONS_PER_ADDRESS
set -eu
here=$(dirname "$0")
run=${RUN:-/run/weir}
mkdir -p "$run"
chmod 700 "$run"
umask 077
boot=$(od -An -N8 -tx1 /dev/urandom | tr -d ' \n')
stop() { echo "entrypoint.sh: $*" >&2; exit 2; }
fill() { # fill NAME=value … : each @NAME@ of the template becomes its value; by a file, because a command line is read by others
  : >"$run/fill.sed"
  for pair in "$@"; do
    printf 's|@%s@|%s|g\n' "${pair%%=*}" "$(printf '%s' "${pair#*=}" | sed 's/[&|\\]/\\&/g')" >>"$run/fill.sed"
  done
  sed -f "$run/fill.sed"
  rm "$run/fill.sed"
}
choose() { # choose TEMPLATE WORD… : the lines behind these words, without the others
  file=$1; shift
  script=""
  for word in "$@"; do script="$script;s/^\( *\)#$word: /\1/"; done
  sed "${script#;};/^ *#[a-z]*: /d" "$file"
}
each() { # each BEFORE AFTER WORD… : BEFOREwordAFTER for each word
  before=$1; after=$2; shift 2
  for word in "$@"; do printf '%s%s%s ' "$before" "$word" "$after"; done
}
shares() { # shares NAME… : the names by equal shares, for split_clients
  count=$#; name=""
  while [ $# -gt 1 ]; do name="$name $((100 / count))% $1;"; shift; done
  printf '%s * %s;' "$name" "$1"
}
[ -z "${SECRET_FILE:-}" ] || SECRET=$(cat "$SECRET_FILE")
[ -n "${SECRET:-}" ] || stop "give SECRET or SECRET_FILE, the secret that the rooms have as WEIR_HOOK_SECRET"
modules=${MODULES:-/usr/lib/nginx/modules}
how=pool
[ -z "${RESOLVER:-}" ] || how=names
user=""
case ${1:-web} in
  ingest)
    if [ "$(id -u)" = 0 ]; then user=${USER_LINE-user www-data;}; fi
    gate=open
    [ ! -e "$modules/ngx_stream_module.so" ] || gate=gate
    hooks=${HOOKS:-http://127.0.0.1:${HOOK_PORT:-9182}/internal/rtmp}
    choose "$here/ingest.conf.template" $gate $how | fill "MODULES=$modules" "USER=$user" "RUN=$run" \
      "RTMP_LISTEN=${RTMP_LISTEN:-0.0.0.0:1935}" "STAT_LISTEN=${STAT_LISTEN:-0.0.0.0:9180}" "INNER_PORT=${INNER_PORT:-1936}" \
      "PULL_FROM=$(each "" " 1;" ${PULL_FROM:-})" "PER_ADDRESS=${CONNECTIONS_PER_ADDRESS:-20}" "RESOLVER=${RESOLVER:-}" \
      "CONTROL=${CONTROL:-}" "HOOK_PORT=${HOOK_PORT:-9182}" "HOOKS=$hooks" "HOOK_QUERY=boot=$boot&secret=$SECRET" >"$run/ingest.conf" ;;
  web)
    data=${DATA:-/data}
    live=${LIVE:-/live}
    mkdir -p "$data/usage" "$data/hls" "$live/hls"
    if [ "$(id -u)" = 0 ]; then user=${USER_LINE-user $(stat -c %U "$data/hls");}; fi
    tls=plain
    if [ -n "${TLS_CERTIFICATE:-}" ]; then
      tls=tls
      [ -n "${PUBLIC_URL:-}" ] || stop "with TLS_CERTIFICATE, give PUBLIC_URL: where plain HTTP is sent to"
    fi
    realtime="" same="" media="" origins="" real_ip=""
    if [ $how = pool ]; then
      realtime=$(each "server " ";" $REALTIME)
      media=$(each "server " ";" $MEDIA)
      for one in ${ORIGINS:-}; do origins="$origins upstream ${one%%=*} { server ${one#*=}; keepalive 8192; keepalive_requests 1000000; }"; done
    else
      realtime=$(shares $REALTIME)
      same=$realtime
      media=$MEDIA
      case $media in *" "*) stop "with RESOLVER, MEDIA is one name, which may stand for several workers" ;; esac
      for one in ${ORIGINS:-}; do origins="$origins ${one%%=*} ${one#*=};"; done
    fi
    if [ -n "${TRUSTED_PROXIES:-}" ]; then
      real_ip="$(each "set_real_ip_from " ";" $TRUSTED_PROXIES) real_ip_header X-Forwarded-For; real_ip_recursive on;"
    fi
    choose "$here/web.conf.template" "${EDGE:-files}" $tls $how ${CDN_URL:+cdn} | fill "USER=$user" "RUN=$run" "LIVE=$live" "DATA=$data" \
      "MODULES=$modules" "PLAYER=${PLAYER:-/player}" "WORKERS=${WORKERS:-auto}" "TO=$([ $how = pool ] || echo '$to_')" \
      "CONTROL=$CONTROL" "REALTIME=$realtime" "REALTIME_SAME=$same" "MEDIA=$media" "ORIGINS=$origins" "RESOLVER=${RESOLVER:-}" \
      "HTTP_LISTEN=${HTTP_LISTEN:-0.0.0.0:8080}" "HTTPS_LISTEN=${HTTPS_LISTEN:-0.0.0.0:8443}" "PUBLIC_URL=${PUBLIC_URL:-http:}" \
      "TLS_CERTIFICATE=${TLS_CERTIFICATE:-}" "TLS_KEY=${TLS_KEY:-}" "EDGE_LISTEN=${EDGE_LISTEN:-0.0.0.0:9181}" \
      "TRUSTED_PROXIES=$real_ip" "TRUSTED_PEERS=$(each "" " 1;" ${TRUSTED_PROXIES:-})" \
      "METRICS_ALLOW=$(each "" " 1;" ${METRICS_ALLOW:-127.0.0.0/8 ::1/128})" "CONNECTIONS=${CONNECTIONS_PER_ADDRESS:-1000}" \
      "CDN=$(case ${CDN_URL:-} in http*) echo " $CDN_URL" ;; esac)" "USAGE=$data/usage/web.log" "INTERNAL_SECRET=$SECRET" >"$run/web.conf" ;;
  *) stop "ingest or web" ;;
esac
if [ -z "${NGINX_OPTIONS:-}" ]; then # $$ becomes nginx; the loops end with it
  if [ "$1" = web ]; then # the ledger removes the files that it has read
    (while sleep 30 && kill -0 $$ 2>/dev/null; do
      if [ "$(stat -c %s "$data/usage/web.log" 2>/dev/null || echo 0)" -gt 10000000 ]; then
        mv "$data/usage/web.log" "$data/usage/web.log.$(date +%s%3N | sed 's/^/00/')" && kill -USR1 $$
      fi
    done) &
  else # with its worker all publishes have ended, and only a new start forgets what the dead one had counted
    (sleep 3; first=$(cat /proc/$$/task/$$/children 2>/dev/null || true)
    while sleep 1 && [ -n "$first" ] && now=$(cat /proc/$$/task/$$/children 2>/dev/null); do
      [ "$now" = "$first" ] || kill -TERM $$
    done) &
  fi
fi
# What nginx says of a request has its address in it, with the viewer's token.
rm -f "$run/said"
mkfifo -m 600 "$run/said"
sed -u -e 's|/hls/[^/ "]*|/hls/[redacted]|g' -e 's|secret=[^& "]*|secret=[redacted]|g' -e 's|token=[^& "]*|token=[redacted]|g' <"$run/said" >&2 &
exec nginx -e stderr -p "$run" -c "$run/$1.conf" ${NGINX_OPTIONS:-} 2>"$run/said"
