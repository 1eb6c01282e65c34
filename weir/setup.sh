#!/bin/sh
# Set-up: makes this checkout runnable. A second call finds everything there and returns in a moment.
#   weir/setup.sh run    what `make up` and `make demo` need
#   weir/setup.sh dev    and what `make check` and `make test` need
#   weir/setup.sh e2e    and a browser and a second media player for `make e2e`
# Needs nothing but a POSIX shell: Debian packages come with apt when we are root or may use sudo, Python packages and the
# Node packages from their registries, pinned by the lock files.
set -eu
cd "$(dirname "$0")/.."
level=${1:-run}
state=.setup
mkdir -p "$state"
PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"  # servers live there, and an ordinary user's path leaves it out
export PATH

say() { printf '\033[36mset-up\033[0m %s\n' "$*" >&2; }
stop() { printf '\033[31mset-up\033[0m %s\n' "$*" >&2; exit 2; }

# ---- Debian packages: those whose program or file is missing

missing=""
need() { # need PACKAGE PROBE-COMMAND…
  package=$1; shift
  "$@" >/dev/null 2>&1 || missing="$missing $package"
}
has() { command -v "$1"; }
python_ok() { "$1" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }
find_python() {
  for candidate in ${PYTHON:-} python3 python3.13 python3.12 python3.11 /usr/bin/python3; do
    if command -v "$candidate" >/dev/null && python_ok "$candidate"; then command -v "$candidate"; return 0; fi
  done
  return 1
}

if ! find_python >/dev/null; then missing="$missing python3 python3-venv"; fi
need ca-certificates test -e /etc/ssl/certs/ca-certificates.crt
need redis-server has redis-server
need nginx has nginx
need libnginx-mod-rtmp test -e /usr/lib/nginx/modules/ngx_rtmp_module.so
need libnginx-mod-stream test -e /usr/lib/nginx/modules/ngx_stream_module.so
need ffmpeg has ffmpeg
if [ "$level" != run ] || [ "${WEIR_EDGE:-}" = nchan ]; then
  need libnginx-mod-nchan test -e /usr/lib/nginx/modules/ngx_nchan_module.so
fi
if [ "$level" = e2e ]; then
  need chromium has chromium
  need mpv has mpv
  need jq has jq
  need curl has curl
fi

if [ -n "$missing" ]; then
  if [ "$(id -u)" = 0 ]; then as_root=""
  elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then as_root="sudo -n"
  else stop "Weir needs packages that are not installed. Type: sudo apt-get install --no-install-recommends$missing"
  fi
  command -v apt-get >/dev/null || stop "Weir needs$missing; install them with this system's package manager."
  say "installing Debian packages:$missing"
  # No service may start because its package is installed: ours run privately. What ran before goes on.
  policy=/usr/sbin/policy-rc.d
  made_policy=""
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' | $as_root tee "$policy" >/dev/null
    $as_root chmod 755 "$policy"
    made_policy=yes
  fi
  undo() { if [ -n "$made_policy" ]; then $as_root rm -f "$policy"; fi; }
  trap undo EXIT INT TERM
  $as_root apt-get update -q >"$state/apt.log" 2>&1 || stop "apt-get update failed; see $state/apt.log."
  # shellcheck disable=SC2086 – a list of names
  $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $missing >>"$state/apt.log" 2>&1 \
    || stop "Installing$missing failed; see $state/apt.log."
  undo
  trap - EXIT INT TERM
fi

# ---- Python: a virtual environment that fits lock and interpreter, built aside and renamed

python=$(find_python) || stop "Weir needs Python 3.11 or newer with its venv module; type: sudo apt-get install python3 python3-venv"
lock=requirements.lock
if [ "$level" != run ]; then lock=requirements-dev.lock; fi
stamp_of() { { cat "$1"; "$python" -c 'import sys; print(sys.version, sys.base_prefix)'; pwd; } | sha256sum | cut -c1-32; }
if [ "$(cat .venv/stamp 2>/dev/null || true)" != "$(stamp_of "$lock")" ] && [ "$(cat .venv/stamp 2>/dev/null || true)" != "$(stamp_of requirements-dev.lock)" ]; then
  say "Python packages ($lock) with $("$python" --version)"
  aside=.venv.new
  rm -rf "$aside"
  "$python" -m venv "$aside" || stop "The virtual environment could not be made with $python."
  "$aside/bin/python" -m pip install -q --disable-pip-version-check --require-hashes -r "$lock" >"$state/pip.log" 2>&1 \
    || stop "Installing the Python packages failed; see $state/pip.log."
  if [ "$level" != run ]; then # the independent MongoDB server of the contract suite has wheels for some platforms only
    "$aside/bin/python" -m pip install -q --disable-pip-version-check --only-binary :all: --require-hashes -r requirements-mongo-test.lock \
      >>"$state/pip.log" 2>&1 || say "no MongoDB test server for this platform: that half of the contract suite will be reported as skipped"
  fi
  stamp_of "$lock" >"$aside/stamp"
  grep -lI "/$aside/" "$aside"/bin/* | xargs sed -i "s|/$aside/|/.venv/|g"  # scripts name the folder that they will live in
  rm -rf .venv
  mv "$aside" .venv
  printf '#!/bin/sh\nPYTHONPATH="%s" exec "%s/.venv/bin/python" -m weir "$@"\n' "$(pwd)" "$(pwd)" >.venv/bin/weir
  chmod 755 .venv/bin/weir
fi

# ---- What others make of the API's description: tools of the tests, with packages of their own

if [ "$level" != run ] && [ "$(cat "$state/generators/stamp" 2>/dev/null || true)" != "$(stamp_of requirements-generators.lock)" ]; then
  say "tools that read the API's description"
  rm -rf "$state/generators"
  "$python" -m venv "$state/generators"
  "$state/generators/bin/python" -m pip install -q --disable-pip-version-check --require-hashes -r requirements-generators.lock >"$state/generators.log" 2>&1 \
    || stop "Installing them failed; see $state/generators.log."
  stamp_of requirements-generators.lock >"$state/generators/stamp"
fi

# ---- The player: built by Vite; Node is the system's when new enough, else the one that PyPI carries

node_ok() { "$1" -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 22 || (a === 22 && b >= 22) ? 0 : 1)' 2>/dev/null; }
if [ -f player/package-lock.json ]; then
  built_stamp() { find player -path player/node_modules -prune -o -path player/dist -prune -o -type f -print | LC_ALL=C sort | xargs sha256sum | sha256sum | cut -c1-32; }
  if ! { command -v node >/dev/null && command -v npm >/dev/null && node_ok node; }; then
    if [ ! -x "$state/node/bin/node" ]; then
      say "Node.js (from PyPI)"
      "$python" -m venv "$state/node"
      "$state/node/bin/python" -m pip install -q --disable-pip-version-check --require-hashes -r requirements-node.lock >"$state/node.log" 2>&1 \
        || stop "Installing Node.js failed; see $state/node.log."
    fi
    PATH="$(pwd)/$state/node/bin:$PATH"
    export PATH
  fi
  if [ "$level" != run ] && [ "$(cat "$state/linters/stamp" 2>/dev/null || true)" != "$(stamp_of tests/linters/package-lock.json)" ]; then
    say "linters that read the API's description"
    rm -rf "$state/linters"
    mkdir "$state/linters"
    cp tests/linters/package.json tests/linters/package-lock.json "$state/linters/"
    (cd "$state/linters" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error) >"$state/linters.log" 2>&1 \
      || stop "Installing them failed; see $state/linters.log."
    stamp_of tests/linters/package-lock.json >"$state/linters/stamp"
  fi
  if [ "$(cat "$state/player" 2>/dev/null || true)" != "$(built_stamp)" ] || [ ! -f player/dist/watch.html ]; then
    say "the player's packages and pages (Vite)"
    (cd player && npm ci --no-audit --no-fund --loglevel=error && npm run -s build) >"$state/player.log" 2>&1 \
      || stop "Building the player failed; see $state/player.log."
    built_stamp >"$state/player"
  fi
fi
