#!/bin/sh
# Recomputes requirements/*.txt: every version and hash that setup.sh may install, on every platform and Python >= 3.11.
# Usage: scripts/lock.sh [--upgrade | --upgrade-package NAME]. Without arguments, pins that still fit are kept.
set -eu
cd "$(dirname "$0")/.."
uv=.venv/bin/uv
[ -x "$uv" ] || { echo "lock: uv is needed: .venv/bin/python -m pip install --require-hashes -r requirements/uv.txt" >&2; exit 1; }

lock() {
    out=$1
    shift
    "$uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header -o "requirements/$out" "$@"
    echo "lock: requirements/$out"
}

lock runtime.txt pyproject.toml --extra lab "$@"
lock dev.txt pyproject.toml --extra lab --extra traces --extra dev -c requirements/runtime.txt "$@"
lock fuzz.txt requirements/fuzz.in "$@"
lock deploy.txt requirements/deploy.in --no-deps "$@"
lock clients.txt requirements/clients.in --no-deps "$@"
lock build.txt requirements/build.in "$@"
lock uv.txt requirements/uv.in "$@"
