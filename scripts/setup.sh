#!/bin/sh
# Makes .venv in this checkout from the hashed locks. Usage: scripts/setup.sh [dev|runtime]
#
# Needs Python 3.11 or newer and nothing else. uv does the work when it can be had, pip when not; both obey the same
# locks. Runs again in a moment when nothing changed: a stamp in .venv remembers what it was made from.
#   PYTHON=/path/to/python    the interpreter for a new .venv, instead of the first good one on PATH
#   ESOZ_NOTIFY_SETUP=pip     do not try uv
set -eu
cd "$(dirname "$0")/.."
here=$(pwd -P)
profile=${1:-dev}
lock=requirements/$profile.txt
clients=requirements/clients.txt
python=.venv/bin/python
log=.venv/setup.log
started=$(date +%s)

say() { printf 'setup: %s\n' "$*"; }
die() {
    printf 'setup: %s\n' "$@" >&2
    exit 1
}

good_python() { "$1" -c 'import sys; raise SystemExit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

find_python() {
    for name in ${PYTHON:+"$PYTHON"} python3.11 python3.12 python3.13 python3 python; do
        if good_python "$name"; then
            printf '%s\n' "$name"
            return
        fi
        [ "$name" != "${PYTHON:-}" ] || die "PYTHON=$name is not a working Python 3.11 or newer."
    done
    die "Python 3.11 or newer is needed and was not found on PATH." \
        "Debian 12, Ubuntu 24.04 and newer: apt-get install python3 python3-venv" \
        "or name one: make setup PYTHON=/path/to/python3.12"
}

# A digest of all that .venv is made from; another one means that the installation must run again.
fingerprint() {
    "$python" -I -S -c '
import hashlib, pathlib, sys
digest = hashlib.sha256(repr((sys.version, sys.base_prefix, sys.argv[1])).encode())
for path in sys.argv[2:]:
    digest.update(pathlib.Path(path).read_bytes())
print(digest.hexdigest())
' "$here" pyproject.toml scripts/setup.sh "requirements/$1.txt" requirements/build.txt "$clients"
}

is_current() { [ "$(cat ".venv/stamp-$1" 2>/dev/null)" = "$(fingerprint "$1")" ]; }

make_venv() {
    base=$(find_python)
    "$base" -c 'import ensurepip, venv' >/dev/null 2>&1 || die "this Python comes without venv or ensurepip." \
        "Debian, Ubuntu: apt-get install python3-venv (or python3.12-venv and so on, of the same version)"
    say "making .venv with $("$base" -c 'import platform, sys; print("Python", platform.python_version(), sys.executable)')"
    rm -rf .venv 2>/dev/null || die "the old .venv belongs to somebody else; remove it first."
    "$base" -m venv .venv || die "the environment could not be made; see above."
}

pip_setting() { "$python" -m pip config get "global.$1" 2>/dev/null || true; }

# Where pip is pointed at a mirror or at a company's certificates, uv is pointed at the same ones.
uv_install() {
    index=${UV_DEFAULT_INDEX:-${PIP_INDEX_URL:-$(pip_setting index-url)}}
    [ -z "$index" ] || export UV_DEFAULT_INDEX="$index"
    certificates=${SSL_CERT_FILE:-${PIP_CERT:-$(pip_setting cert)}}
    [ -z "$certificates" ] || export SSL_CERT_FILE="$certificates"
    [ -w "${HOME:-/nonexistent}" ] || export UV_NO_CACHE=1
    export UV_HTTP_RETRIES="${UV_HTTP_RETRIES:-1}" UV_NO_PROGRESS=1 VIRTUAL_ENV="$here/.venv"
    "$python" -m pip install --quiet --no-input --only-binary :all: --require-hashes -r requirements/uv.txt &&
        .venv/bin/uv pip install --quiet --system-certs --require-hashes -r "$lock" &&
        { [ "$profile" != dev ] || .venv/bin/uv pip install --quiet --system-certs --no-deps --require-hashes -r "$clients"; } &&
        .venv/bin/uv pip install --quiet --system-certs --require-hashes -r requirements/build.txt &&
        .venv/bin/uv pip install --quiet --system-certs --no-deps --no-build-isolation -e .
}

pip_install() {
    "$python" -m pip install --quiet --no-input --progress-bar off --require-hashes -r "$lock" &&
        { [ "$profile" != dev ] || "$python" -m pip install --quiet --no-input --progress-bar off --no-deps --require-hashes -r "$clients"; } &&
        "$python" -m pip install --quiet --no-input --progress-bar off --require-hashes -r requirements/build.txt &&
        "$python" -m pip install --quiet --no-input --no-deps --no-build-isolation -e .
}

export PIP_DISABLE_PIP_VERSION_CHECK=1
[ -f "$lock" ] || die "usage: scripts/setup.sh [dev|runtime]"

# An environment that was moved here from another path keeps pointing there: it is made anew.
if good_python "$python" && grep -qsF "$here/.venv" .venv/bin/activate && [ -x .venv/bin/esoz-notify ]; then
    if is_current "$profile" || { [ "$profile" = runtime ] && is_current dev; }; then
        exit 0
    fi
    [ -w .venv ] || die "$here/.venv belongs to somebody else and is out of date; remove it first."
    "$python" -m pip --version >/dev/null 2>&1 || make_venv
else
    make_venv
fi

: >"$log"
say "installing $(grep -c '^[a-z0-9]' "$lock") packages of $lock"
if [ "${ESOZ_NOTIFY_SETUP:-uv}" = uv ] && uv_install >>"$log" 2>&1; then
    tool=uv
else
    [ "${ESOZ_NOTIFY_SETUP:-uv}" != uv ] || say "uv could not be used here ($log says why); going on with pip"
    pip_install >>"$log" 2>&1 || {
        tail -n 20 "$log" >&2
        die "pip could not install the locked packages; see above."
    }
    tool=pip
fi
fingerprint "$profile" >".venv/stamp-$profile"
say "ready with $tool in $(($(date +%s) - started)) s"
