#!/bin/sh
# Copies into a folder the files of those Debian packages that Python needs to run, and nothing of a shell's.
# Usage, within deploy/Containerfile: rootfs.sh FOLDER
set -eu
out=$1
python=$(python3 -c 'import sys; print("python%d.%d" % sys.version_info[:2])')

# The packages, by what each of them needs, without those that are there for people and for other packages' scripts.
packages() {
    apt-cache depends --recurse --installed --important --no-recommends --no-suggests --no-conflicts --no-breaks \
        --no-replaces --no-enhances "$python-minimal" "lib$python-stdlib" libstdc++6 2>/dev/null |
        grep '^[a-z0-9]' | sort -u |
        grep -vE '^(dpkg|debconf|cdebconf|tar|perl-base|dash|bash|coreutils|libreadline8.*|readline-common|libdebconf.*|debianutils)$' |
        while read -r name; do
            [ "$(dpkg-query -W -f '${db:Status-Abbrev}' "$name" 2>/dev/null)" = 'ii ' ] && printf '%s\n' "$name"
        done
    printf '%s\n' ca-certificates base-files netbase
}

mkdir -p "$out/usr/lib" "$out/usr/bin" "$out/usr/sbin" "$out/tmp" "$out/var/lib/esoz-notify" "$out/etc/ssl/certs"
for name in lib bin sbin lib64; do
    [ ! -e "/usr/$name" ] || { mkdir -p "$out/usr/$name" && ln -s "usr/$name" "$out/$name"; }
done
packages | while read -r name; do
    dpkg -L "$name" 2>/dev/null | while read -r file; do
        case $file in
            /usr/share/doc/*/copyright | /usr/share/common-licenses/*) ;;
            /usr/share/* | */__pycache__/* | */pip/* | /etc/init.d/* | /etc/apt/* | /etc/profile* | /usr/sbin/* | /sbin/*) continue ;;
        esac
        { [ -f "$file" ] || [ -L "$file" ]; } && cp -a --parents "$file" "$out" || :
    done
done
ln -sf "$python" "$out/usr/bin/python3"
cp -aL /etc/ssl/certs/ca-certificates.crt "$out/etc/ssl/certs/"
cp -a /usr/share/zoneinfo "$out/usr/share/" 2>/dev/null || :
cp -a /etc/ld.so.cache "$out/etc/" 2>/dev/null || :
printf 'root:x:0:0::/:\nesoz-notify:x:65532:65532::/var/lib/esoz-notify:\n' >"$out/etc/passwd"
printf 'root:x:0:\nesoz-notify:x:65532:\n' >"$out/etc/group"
printf 'hosts: files dns\n' >"$out/etc/nsswitch.conf"
chmod 1777 "$out/tmp"
chmod 700 "$out/var/lib/esoz-notify"
find "$out" -xdev -perm /6000 -type f -exec chmod a-s {} +
for shell in sh dash bash busybox; do
    [ ! -e "$out/usr/bin/$shell" ] || { echo "rootfs: there is a shell: $shell" >&2; exit 1; }
done
