#!/bin/sh
# Makes sure of Prometheus for the tests of alarms. Never fails: without it those tests are skipped and say so.
set -u

say() { printf 'prometheus: %s\n' "$*"; }

find_programs() {
    if path=$(command -v prometheus) && command -v promtool >/dev/null; then
        say "$path"
        exit 0
    fi
}

# Debian's package, whose service is not started; never more than five minutes, and never a question.
install_package() {
    export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1
    options="-qq -o DPkg::Lock::Timeout=60 -o Acquire::Retries=2"
    # shellcheck disable=SC2086 # the options are words on purpose
    timeout 120 apt-get $options update >"$log" 2>&1 </dev/null &&
        timeout 300 apt-get $options install -y --no-install-recommends prometheus >>"$log" 2>&1 </dev/null
}

find_programs
if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
    log=$(mktemp)
    say "installing Debian's package prometheus"
    if install_package; then
        rm -f "$log"
        find_programs
    fi
    tail -n 3 "$log" 2>/dev/null
fi
say "the package prometheus is missing (apt-get install prometheus): tests of alarms will be skipped"
