#!/bin/sh
# Makes sure of a chromium for the browser tests. Never fails: without one those tests are skipped and say so.
set -u

say() { printf 'browser: %s\n' "$*"; }

find_browser() {
    for name in "${ESOZ_NOTIFY_TEST_CHROMIUM:-chromium}" chromium; do
        if path=$(command -v "$name"); then
            say "$path"
            exit 0
        fi
    done
}

# Debian's package; never more than five minutes, and never a question.
install_browser() {
    export DEBIAN_FRONTEND=noninteractive
    options="-qq -o DPkg::Lock::Timeout=60 -o Acquire::Retries=2"
    # shellcheck disable=SC2086 # the options are words on purpose
    timeout 120 apt-get $options update >"$log" 2>&1 </dev/null &&
        timeout 300 apt-get $options install -y --no-install-recommends chromium >>"$log" 2>&1 </dev/null
}

find_browser
if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
    log=$(mktemp)
    say "installing Debian's package chromium"
    if install_browser; then
        rm -f "$log"
        find_browser
    fi
    tail -n 3 "$log" 2>/dev/null
fi
say "the package chromium is missing (apt-get install chromium): browser tests will be skipped"
