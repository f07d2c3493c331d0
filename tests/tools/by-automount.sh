#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# unshare -m sh by-automount.sh COMMAND...: COMMAND below a mount that autofs
# makes when it is first looked at, and takes away again when it ends.
set -e
mount --make-rprivate /
mount --bind "$SL_BUILD" /usr/local/sbin
mount -t tmpfs none /run
echo "/- $TMP/auto.map" >"$TMP/auto.master"
# In a map a colon that is not escaped ends the name of a host.
# shellcheck disable=SC2153 # by the environment
options=$(printf %s "$OPTIONS" | sed 's/:/\\:/g')
echo "$MNT -fstype=fuse.sideloadfs,$options :$DB" >"$TMP/auto.map"
# In a session of its own: what is in its process group sees no mounts.
setsid env -i /usr/sbin/automount -f -v "$TMP/auto.master" &
automount=$!
trap 'kill "$automount"; wait "$automount"' EXIT
tries=0
until grep -q " $MNT autofs " /proc/self/mounts; do
	tries=$((tries + 1))
	[ "$tries" -lt 200 ]
	sleep 0.05
done
status=0
mkdir -p "$DST"
"$@" || status=$?
pid=$(sed -n 's/.*"pid":[^0-9]*\([0-9]*\).*/\1/p' "$MNT/.status")
kill "$automount"
wait "$automount" || true
trap - EXIT
timeout 20 tail --pid="$pid" -f /dev/null
exit "$status"
