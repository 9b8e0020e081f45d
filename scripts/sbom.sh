#!/bin/sh
# Writes the bill of materials of what is served, from the lock alone: dist/esoz-notify-VERSION.cdx.json (CycloneDX 1.6).
# The same lock gives the same octets. Usage: scripts/sbom.sh
set -eu
cd "$(dirname "$0")/.."
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' pyproject.toml | head -n 1)
out=dist/esoz-notify-$version.cdx.json
mkdir -p dist
"$(dirname "${PYTHON:-.venv/bin/python}")/cyclonedx-py" requirements requirements/runtime.txt --pyproject pyproject.toml --mc-type application \
    --sv 1.6 --of JSON --output-reproducible --short-PURLs --no-validate -o "$out" 2>/dev/null ||
    { echo "sbom: it could not be made; run without 2>/dev/null to see why" >&2; exit 1; }
echo "sbom: $out"
