#!/bin/sh
# Runs a command as nobody, without any right of root's, where nothing can be written but one folder and /dev/shm (its
# own and empty, for temporary files). Usage: scripts/read-only.sh FOLDER COMMAND [ARGUMENT …]
#
# As a container with a read-only root does; needs root and a kernel that gives mount namespaces. Ends with 77 where
# those are missing.
set -eu
umask 077
user=65534
folder=$(cd "$1" && pwd -P)
shift

if [ -z "${ESOZ_NOTIFY_TEST_INSIDE:-}" ]; then
    [ "$(id -u)" -eq 0 ] || { echo "read-only: root is needed to make a mount namespace" >&2; exit 77; }
    command -v setpriv >/dev/null && unshare --mount true 2>/dev/null ||
        { echo "read-only: no setpriv, or the kernel gives no mount namespace" >&2; exit 77; }
    ESOZ_NOTIFY_TEST_INSIDE=1 exec unshare --mount --propagation private "$0" "$folder" "$@"
fi
unset ESOZ_NOTIFY_TEST_INSIDE

# An interpreter below a folder that is closed to others (/root) is shown through it; the rest of that folder is hidden.
show() {
    closed=$1
    while [ "$closed" != / ] && [ "$(stat -c %A "$(dirname "$closed")" | cut -c10)" = x ]; do closed=$(dirname "$closed"); done
    closed=$(dirname "$closed")
    [ "$closed" != / ] || return 0
    mkdir "$kept/shown"
    mount --bind "$1" "$kept/shown"
    mount -t tmpfs -o mode=755 none "$closed"
    mkdir -p -m 755 "$1"
    chmod 755 "$(dirname "$1")" "$(dirname "$(dirname "$1")")" "$1"
    mount --bind "$kept/shown" "$1"
}

chown -R "$user:$user" "$folder"
kept=$(mktemp -d)
mkdir "$kept/data"
mount --bind "$folder" "$kept/data"
real=$(readlink -f "$(command -v "$1")")
head -c 2 "$real" | grep -q '#!' && real=$(readlink -f "$(head -n 1 "$real" | cut -c3-)")
show "$(dirname "$(dirname "$real")")"

mount -t tmpfs -o mode=1777 none /dev/shm
awk '$5 !~ "^/(proc|sys|dev/shm|dev/pts)" { print $5 }' /proc/self/mountinfo | sort -u | while read -r place; do
    mount -o remount,bind,ro "$place" 2>/dev/null || true # some are read-only for good; the test looks at what matters
done
mount --bind "$kept/data" "$folder"
mount -o remount,bind,rw "$folder"
export TMPDIR=/dev/shm HOME="$folder"
umask "${ESOZ_NOTIFY_TEST_UMASK:-077}"
unset ESOZ_NOTIFY_TEST_UMASK
exec setpriv --reuid "$user" --regid "$user" --clear-groups --no-new-privs --bounding-set -all --inh-caps -all "$@"
