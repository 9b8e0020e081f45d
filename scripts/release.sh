#!/bin/sh
# Makes a release of what is committed: looks whether all is ready, builds dist, and with --tag tags it. Pushes nothing.
# Usage: scripts/release.sh [--tag]
#
# The version stands in pyproject.toml and src/esoz_notify/__init__.py; everything else must name the same one. In dist:
# the source archive, the wheel that was built from it, the bill of materials, SHA256SUMS.
set -eu
cd "$(dirname "$0")/.."
here=$(pwd)
case ${1:-} in "" | --tag) ;; *) echo "usage: scripts/release.sh [--tag]" >&2; exit 2 ;; esac
python=${PYTHON:-$here/.venv/bin/python}
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' pyproject.toml | head -n 1)
tag=v$version
faults=0

fault() {
    echo "release: $*" >&2
    faults=$((faults + 1))
}

says() { grep -qF -- "$2" "$1" || fault "$1 does not say  $2"; }

says src/esoz_notify/__init__.py "__version__ = \"$version\""
says deploy/helm/esoz-notify/Chart.yaml "version: $version"
says deploy/helm/esoz-notify/Chart.yaml "appVersion: \"$version\""
says deploy/compose.yaml "esoz-notify:$version}"
says docs/deployment.md "esoz-notify:$version "
heading=$(grep -m 1 '^## ' CHANGELOG.md)
case $heading in
    "## $version ("[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]")") ;;
    *) fault "CHANGELOG.md begins with  $heading  and must begin with  ## $version (YYYY-MM-DD)" ;;
esac
"$python" scripts/generate_docs.py --check >&2 || fault "pages are stale"
[ -z "$(git status --porcelain)" ] || fault "there are changes that are not committed"
! git rev-parse -q --verify "refs/tags/$tag" >/dev/null || fault "the tag $tag is there already: raise the version"
previous=$(git describe --tags --abbrev=0 --match 'v*' HEAD 2>/dev/null || true)
if [ -n "$previous" ]; then
    touched=$(git diff --name-only --diff-filter=a "$previous" HEAD -- src/esoz_notify/store/migrations_sql)
    [ -z "$touched" ] || fault "migrations of $previous were changed, which every ledger of it refuses: $touched"
fi
[ "$faults" = 0 ] || exit 1

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH
rm -rf dist
"$python" -m hatchling build -t sdist -d dist >/dev/null
tar -xzf "dist/esoz_notify-$version.tar.gz" -C "$work"
PYTHON=$python sh "$work/esoz_notify-$version/scripts/wheel.sh" dist >/dev/null
PYTHON=$python sh scripts/sbom.sh >/dev/null
(cd dist && sha256sum -- * >SHA256SUMS)
cat dist/SHA256SUMS
if [ "${1:-}" = --tag ]; then
    git tag -a "$tag" -m "ESOZ Notify $version"
    echo "release: $tag is made${previous:+ after $previous}; publish it:  git push origin $tag"
fi
