#!/bin/sh
# Builds the image of deploy/Containerfile and looks whether it works. Usage: scripts/image.sh [--base IMAGE] [--check DSN]
#
# --base IMAGE   build in this image, as a registry of yours has it; without it a base is made of Debian's own packages
#                (mmdebstrap, of the suite that this machine runs), and no registry is asked
# --check DSN    then run it as it will be run: read-only, without any right, no shell; migrate the PostgreSQL of the
#                DSN (an empty one, for trying) and ask the API for /readyz
# Needs root, and buildah (building) and podman with runc (checking): Debian's packages buildah podman runc mmdebstrap.
set -eu
cd "$(dirname "$0")/.."
python=.venv/bin/python
base=
dsn=
while [ $# -gt 0 ]; do
    case $1 in
        --base) base=$2 ;;
        --check) dsn=$2 ;;
        *) echo "usage: scripts/image.sh [--base IMAGE] [--check DSN]" >&2; exit 2 ;;
    esac
    shift 2
done
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' pyproject.toml | head -n 1)
image=localhost/esoz-notify:$version

say() { printf 'image: %s\n' "$*"; }
need() {
    for program in "$@"; do
        command -v "$program" >/dev/null || { say "no $program: apt-get install buildah podman runc mmdebstrap"; exit 77; }
    done
}

make_base() {
    . /etc/os-release
    base=localhost/debian-base:${VERSION_CODENAME:?not a Debian, name a base by --base}
    if ! buildah images -q "$base" >/dev/null 2>&1; then
        say "making $base of Debian's packages"
        need mmdebstrap
        archive=$(mktemp -d)
        mmdebstrap --quiet --variant=apt --include=python3-venv,ca-certificates,tzdata,netbase "$VERSION_CODENAME" "$archive/base.tar"
        podman import -q "$archive/base.tar" "$base" >/dev/null 2>&1
        rm -rf "$archive"
    fi
}

# What the lock names, fetched here, so that the build asks nobody. The base's Python says for which one.
fetch_wheels() {
    wanted=$(buildah from "$base")
    minor=$(buildah run --isolation chroot "$wanted" -- python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    buildah rm "$wanted" >/dev/null
    mkdir -p dist/wheels
    for lock in runtime build; do
        "$python" -m pip download --quiet --quiet --disable-pip-version-check --no-deps --only-binary :all: --require-hashes \
            --python-version "$minor" -d dist/wheels -r "requirements/$lock.txt"
    done
}

need buildah
[ -n "$base" ] || make_base
fetch_wheels
buildah build --quiet --isolation chroot --build-arg "BASE=$base" -f deploy/Containerfile \
    --ignorefile deploy/Containerfile.dockerignore -t "$image" . >/dev/null
say "$image: $(buildah inspect --type image --format '{{len .OCIv1.RootFS.DiffIDs}} layers, user {{.OCIv1.Config.User}}' "$image")"
[ -n "$dsn" ] || exit 0

# --- as it will be run -------------------------------------------------------------------------------------------------

need podman runc
run() {
    # The limits are named because a machine may not allow those that podman takes by itself.
    podman --runtime runc run --rm --read-only --network host --cap-drop all --security-opt no-new-privileges \
        --ulimit nofile=20000:20000 --ulimit nproc=4096:4096 --env "ESOZ_NOTIFY_DSN=$dsn" \
        --env ESOZ_NOTIFY_SMSCS=smpp://nobody:secret@127.0.0.1:1 --env ESOZ_NOTIFY_HOST=127.0.0.1 \
        --tmpfs /var/lib/esoz-notify:mode=0700,U "$@"
}
python_says() { run --entrypoint /opt/esoz-notify/bin/python "$image" -c "$1"; }

! run --entrypoint /bin/sh "$image" -c true 2>/dev/null || { say "there is a shell in it"; exit 1; }
python_says '
import os, pathlib, sys
assert os.getuid() == 65532 and "CapEff:\t0000000000000000" in pathlib.Path("/proc/self/status").read_text()
try:
    pathlib.Path("/opt/esoz-notify/x").touch()
except OSError as error:
    print("image: user", os.getuid(), "without rights; its root:", error.strerror)
else:
    sys.exit("its root can be written")
'
run "$image" migrate | sed 's/^/image: migrate: /' | cut -c1-100
name=esoz-notify-check-$$
run --name "$name" "$image" api --port 0 >"dist/$name.log" 2>&1 &
trap 'podman stop -t 30 "$name" >/dev/null 2>&1 || true; rm -f "dist/$name.log"' EXIT
"$python" - "dist/$name.log" <<'END'
import pathlib, re, sys, time, urllib.request
until = time.monotonic() + 120
while not (found := re.search(r"ready (\S+)", pathlib.Path(sys.argv[1]).read_text())):
    if time.monotonic() > until:
        sys.exit(f"image: it does not start: {pathlib.Path(sys.argv[1]).read_text()[-2000:]}")
    time.sleep(0.2)
print("image: /readyz:", urllib.request.urlopen(found[1] + "/readyz", timeout=10).read().decode())
END
