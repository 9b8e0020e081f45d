#!/bin/sh
# Asks the package index whether everything in the lock is there as a wheel for each platform and Python, and prints it.
# Usage: scripts/platforms.sh. Installs nothing. The table of docs/install.md is from here.
set -eu
cd "$(dirname "$0")/.."
nowhere=$(mktemp -d)
trap 'rm -rf "$nowhere"' EXIT
for platform in x86_64-manylinux_2_28 aarch64-manylinux_2_28 x86_64-unknown-linux-musl aarch64-apple-darwin \
    x86_64-apple-darwin x86_64-pc-windows-msvc aarch64-pc-windows-msvc; do
    for version in 3.11 3.12 3.13 3.14; do
        if said=$(.venv/bin/uv pip install --system-certs --dry-run --no-progress --target "$nowhere" --only-binary :all: \
            --python-platform "$platform" --python-version "$version" --require-hashes -r requirements/runtime.txt 2>&1); then
            said="all of them"
        else
            said="not $(printf '%s' "$said" | tr '\n' ' ' | sed -n 's/.*Because \([^ ]*\) has no .*/\1/p')"
        fi
        printf '%-28s %-5s %s\n' "$platform" "$version" "$said"
    done
done
