# customize.sh ROOT: the last step of the base's root file system, run by mmdebstrap.
set -eu
root=$1
here=$(dirname "$0")

echo 'edgefleet:x:65532:65532:EdgeFleet:/nonexistent:/usr/sbin/nologin' >>"$root/etc/passwd"
echo 'edgefleet:x:65532:' >>"$root/etc/group"

# Nothing of the machine that built it: its name, its resolver, where apt got the packages and through which proxy.
rm -f "$root/etc/hostname" "$root/etc/resolv.conf"
mv "$root/etc/apt/sources.list.default" "$root/etc/apt/sources.list"
rm -f "$root/etc/apt/apt.conf.d/99mmdebstrap"
mv "$root/etc/dpkg/dpkg.cfg.d/99mmdebstrap" "$root/etc/dpkg/dpkg.cfg.d/lean"
cp "$here/apt.cfg" "$root/etc/apt/apt.conf.d/lean"
# The machine's settings are mounted over it while a Dockerfile runs apt-get.
: >"$root/etc/apt/apt.conf"

rm -rf "$root"/var/cache/apt/* "$root"/var/cache/ldconfig/* "$root"/var/cache/debconf/*-old "$root"/var/lib/apt/lists/*
rm -f "$root"/var/lib/dpkg/*-old "$root"/etc/*-
find "$root/var/log" -type f -delete
# Nobody in a container becomes somebody else.
find "$root" -xdev -type f -perm /6000 -exec chmod a-s {} +
