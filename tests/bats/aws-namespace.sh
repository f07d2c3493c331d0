#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# For aws.bats: a migration as on AWS, where names and not an option say where
# the store is. Run as the first process of namespaces of its own (network,
# mounts, processes), so that the names of the bucket can be 127.0.0.1 there,
# port 443 is free, and nothing is left when this ends.
#   aws-namespace.sh CERT KEY TREE [FAULT LINE]
# copies TREE (of the real snapshot, say node1) and leaves
# $BATS_TEST_TMPDIR/{requests,peer.log,m.log} for the test to judge.
set -eu

# shellcheck source=tests/bats/helpers.bash
. "$BATS_TEST_DIRNAME/helpers.bash"

cert=$1 key=$2 tree=$3 fault=${4:-}
T=$BATS_TEST_TMPDIR
region=eu-central-1
m=$T/m src=$T/src

ended() { # EXIT-STATUS
	BATS_TEST_COMPLETED=
	[ "$1" -ne 0 ] || BATS_TEST_COMPLETED=1
	sl_cleanup
}
trap 'ended $?' EXIT

loopback_up() {
	python3 - <<'P'
import fcntl, socket, struct
SIOCSIFFLAGS, IFF_UP = 0x8914, 1
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
    fcntl.ioctl(s, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", IFF_UP))
P
}

name_the_bucket() {
	{
		echo 127.0.0.1 localhost
		printf '127.0.0.1 %s\n' "ds-mig-$SL_DB.s3.amazonaws.com" \
			"ds-mig-$SL_DB.s3.$region.amazonaws.com"
	} >"$T/hosts"
	mount --bind "$T/hosts" /etc/hosts
	# So that no name of the machine's own resolver can be meant.
	echo 'hosts: files' >"$T/nsswitch.conf"
	mount --bind "$T/nsswitch.conf" /etc/nsswitch.conf
}

store_at_443() {
	local port
	port=$(sed -n 's|^s3_endpoint=http://127.0.0.1:||p' "$T/sim.ready")
	python3 "$BATS_TEST_DIRNAME/netpeer.py" tls "$T/443.port" "$cert" \
		"$key" "$port" 443 2>>"$T/peer.log" </dev/null 3>&- &
	wait_for 20 test -s "$T/443.port"
}

bucket_equals_source() {
	local bucket
	bucket=$(sl_bucket "$m")
	(cd "$src" && find "$tree" -type f -path '*/snapshots/migrate1/*' \
		-not -path 'node1/system*' -not -path '*/migrate1/.*' |
		LC_ALL=C sort) >"$T/want"
	(cd "$bucket" && find . -type f -printf '%P\n' | LC_ALL=C sort) \
		>"$T/have"
	test -s "$T/want"
	diff "$T/want" "$T/have"
	while read -r file; do
		cmp "$src/$file" "$bucket/$file"
	done <"$T/want"
}

loopback_up
printf '%s\n' "$fault" >"$T/faults"
sl_sim_start --region "$region" --log "$T/requests" --faults "$T/faults"
name_the_bucket
store_at_443
SIM_OPTIONS=$(sed -n '/^api_url=/p' "$T/sim.ready") # and no s3_endpoint
mkdir "$src"
tar -xJf "$SL_ROOT/tests/data/cluster-4.1-smart_home.tar.xz" -C "$src" "./$tree"
sl_mount "$m"
sl_begin "$m"
rsync -aR "$src/./$tree" "$m/"
bucket_equals_source
while read -r file; do
	cmp "$src/$file" "$m/$file"
done <"$T/want"
if [ "$tree" = node1 ]; then
	echo launch node1 >"$m/.launch"
	echo MigrationDone >"$m/.wait"
fi
sl_umount "$m"
