#!/bin/sh
# Builds the wheel so that the same sources give the same octets wherever and whenever it is done.
# Usage: scripts/wheel.sh [FOLDER], dist without. SOURCE_DATE_EPOCH: time of the files in it, else that of the commit.
set -eu
umask 022
out=${1:-dist}
mkdir -p "$out"
out=$(cd "$out" && pwd)
cd "$(dirname "$0")/.."
python=${PYTHON:-.venv/bin/python}
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 1577836800)}
export SOURCE_DATE_EPOCH
"$python" -m pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation --no-cache-dir \
    --wheel-dir "$out" .
echo "wheel: $(ls "$out"/esoz_notify-*.whl)"
