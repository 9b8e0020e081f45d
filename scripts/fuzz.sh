#!/bin/sh
# Fuzzes every reader and the API for so many minutes. Usage: scripts/fuzz.sh MINUTES [TARGET …]
#
# Coverage guides it where atheris has a wheel (Linux on x86_64, Python 3.11 to 3.13); elsewhere only the API is fuzzed,
# and it says so.
set -u
cd "$(dirname "$0")/.."
python=.venv/bin/python
if ! "$python" -c 'import atheris' 2>/dev/null; then
    .venv/bin/uv pip install --quiet --system-certs --require-hashes -r requirements/fuzz.txt 2>/dev/null ||
        "$python" -m pip install --quiet --disable-pip-version-check --only-binary :all: --require-hashes \
            -r requirements/fuzz.txt 2>/dev/null || true
fi
exec "$python" -m tests.fuzz "$@"
