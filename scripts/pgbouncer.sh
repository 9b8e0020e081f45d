#!/bin/sh
# Makes sure of a PgBouncer for the tests of pooling. Never fails: without one those tests are skipped and say so.
set -u

say() { printf 'pgbouncer: %s\n' "$*"; }

find_pooler() {
    # Debian puts it where only root looks.
    if path=$(PATH="$PATH:/usr/sbin" command -v pgbouncer); then
        say "$path"
        exit 0
    fi
}

# Debian's package; never more than five minutes, and never a question. Its service is not started.
install_pooler() {
    export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1
    options="-qq -o DPkg::Lock::Timeout=60 -o Acquire::Retries=2"
    # shellcheck disable=SC2086 # the options are words on purpose
    timeout 120 apt-get $options update >"$log" 2>&1 </dev/null &&
        timeout 180 apt-get $options install -y --no-install-recommends pgbouncer >>"$log" 2>&1 </dev/null
}

find_pooler
if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
    log=$(mktemp)
    say "installing Debian's package pgbouncer"
    if install_pooler; then
        rm -f "$log"
        find_pooler
    fi
    tail -n 3 "$log" 2>/dev/null
fi
say "the package pgbouncer is missing (apt-get install pgbouncer): its tests will be skipped"
