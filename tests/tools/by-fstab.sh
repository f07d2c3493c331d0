#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# unshare -m sh by-fstab.sh COMMAND...: COMMAND below a mount that mount(8)
# made from a line of /etc/fstab, as at boot: without environment or PATH. The
# namespace is private, so /etc and /usr/local/sbin of the host stay as they are.
set -e
mount --make-rprivate /
echo "$DB $MNT fuse.sideloadfs $OPTIONS,nosuid,nodev,noatime,_netdev 0 0" \
	>"$TMP/fstab"
[ -e /etc/fstab ] || : >/etc/fstab
mount --bind "$TMP/fstab" /etc/fstab
mount --bind "$SL_BUILD" /usr/local/sbin
env -i /bin/mount "$MNT"
grep -q "^$DB $MNT fuse.sideloadfs .*nosuid,nodev" /proc/self/mounts ||
	grep " $MNT " /proc/self/mounts
pid=$(sed -n 's/.*"pid":[^0-9]*\([0-9]*\).*/\1/p' "$MNT/.status")
mkdir -p "$DST"
status=0
"$@" || status=$?
env -i /bin/umount "$MNT"
# The ledger is locked until the daemon is gone.
timeout 20 tail --pid="$pid" -f /dev/null
exit "$status"
