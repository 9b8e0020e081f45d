#!/bin/sh
# Builds hosts as network namespaces on this machine, hurts them under load, and judges. Usage: scripts/cluster.sh [OPTION …]
#
# Installs Debian's etcd and Patroni where apt and root are there. Where something is missing it says so and returns 0.
set -u
cd "$(dirname "$0")/.."

say() { printf 'cluster: %s\n' "$*"; }

has_packages() {
    command -v etcd >/dev/null && command -v patroni >/dev/null && /usr/bin/python3 -c 'import etcd' 2>/dev/null
}

# Only the programs are wanted: meanwhile no service of theirs may start on this machine.
install_packages() {
    export DEBIAN_FRONTEND=noninteractive
    options="-qq -o DPkg::Lock::Timeout=60 -o Acquire::Retries=2"
    policy=/usr/sbin/policy-rc.d
    if [ ! -e "$policy" ]; then
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod 755 "$policy"
        trap 'rm -f "$policy"' EXIT INT TERM
    fi
    # shellcheck disable=SC2086 # the options are words on purpose
    timeout 120 apt-get $options update >"$log" 2>&1 </dev/null &&
        timeout 300 apt-get $options install -y --no-install-recommends \
            etcd-server patroni python3-etcd iproute2 >>"$log" 2>&1 </dev/null
}

if ! has_packages && [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
    log=$(mktemp)
    say "installing Debian's packages etcd-server, patroni, python3-etcd"
    (install_packages) || tail -n 3 "$log"
    rm -f "$log"
fi
exec .venv/bin/python -m tests.cluster "$@"
