#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# A mount whose bucket is Azure's: a real node there and back, how many
# requests a file costs, a policy that ends and is prolonged while files are
# on their way, a server that cannot check CRC64, and copies that are cut off.

load helpers

setup() {
	log=$BATS_TEST_TMPDIR/requests
	m=$BATS_TEST_TMPDIR/m
	dir=node1/ks/t-0123456789abcdef0123456789abcdef/snapshots/migrate1
	name=nb-1-big-Blob.db
	file=$BATS_TEST_TMPDIR/file
}
teardown() { sl_cleanup; }

mount_it() {
	sl_mount "$m" "node=node1,memory=64,state=$BATS_TEST_TMPDIR/state"
}

start() { # [ASTRA-SIM OPTIONS...]
	sl_sim_start --cloud azure --log "$log" "$@"
	mount_it
	sl_begin "$m"
	mkdir -p "$m/$dir"
}

mark() { before=$(($(wc -l <"$log") + 1)); }

# Requests since the last mark, of these kinds, that were answered well.
count() { # KIND...
	tail -n "+$before" "$log" | jq -r 'select(.status < 300) | .kind' |
		grep -cxF "${@/#/-es3.}" || true
}

whole() { cmp "$file" "$(sl_bucket "$m")/$dir/$name"; }

@test "a node is copied, compared, launched and unmounted" {
	start
	sl_unpack "$BATS_TEST_TMPDIR/src"
	rsync -a "$BATS_TEST_TMPDIR/src/node1/" "$m/node1/"
	[ "$(status_of "$m" .local.files.failed)" -eq 0 ]
	[ "$(status_of "$m" .local.store.checksum)" = crc64 ]
	big=$(cd "$BATS_TEST_TMPDIR/src/node1/smart_home" &&
		echo devices-*/snapshots/migrate1/nb-1-big-Data.db)
	cmp "$BATS_TEST_TMPDIR/src/node1/smart_home/$big" \
		"$m/node1/smart_home/$big"
	sl_umount "$m"
	# Again after a new mount: nothing is sent.
	mount_it
	mark
	rsync -a "$BATS_TEST_TMPDIR/src/node1/" "$m/node1/"
	[ "$(count put part complete)" -eq 0 ]
	echo launch node1 >"$m/.launch"
	echo MigrationDone >"$m/.wait"
	sl_umount "$m"
}

@test "a small file is one request, a large one its parts and one more" {
	start
	mark
	head -c 100000 /dev/urandom >"$file"
	cp "$file" "$m/$dir/nb-2-big-Blob.db"
	head -c 45000000 /dev/urandom >"$file"
	cp "$file" "$m/$dir/$name"
	tail -n "+$before" "$log" | jq -r .kind | sort | uniq -c
	[ "$(count put)" -eq 1 ]
	[ "$(count part)" -eq 6 ]
	[ "$(count complete)" -eq 1 ]
	[ "$(tail -n "+$before" "$log" | jq -r .kind | grep -c '^s3')" -eq 8 ]
	cmp "$file" "$m/$dir/$name"
	whole
	sl_umount "$m"
}

@test "a policy of 8 seconds, prolonged again and again, each time late" {
	start --creds same --creds-life 8 --policy-delay 1
	for i in 1 2 3 4; do
		head -c 9000000 /dev/urandom >"$file"
		name=nb-$i-big-Blob.db
		rsync --bwlimit=2000 "$file" "$m/$dir/$name"
		whole
	done
	[ "$(status_of "$m" .local.files.committed)" -eq 4 ]
	sl_umount "$m"
}

@test "new policies of 8 seconds, each late" {
	start --creds mint --creds-life 8 --policy-delay 1
	for i in 1 2 3; do
		head -c 9000000 /dev/urandom >"$file"
		name=nb-$i-big-Blob.db
		rsync --bwlimit=2000 "$file" "$m/$dir/$name"
		whole
	done
	sl_umount "$m"
}

@test "a server that cannot check CRC64 is met with Content-MD5" {
	start --no-crc64
	head -c 45000000 /dev/urandom >"$file"
	cp "$file" "$m/$dir/$name"
	whole
	[ "$(status_of "$m" .local.store.checksum)" = md5 ]
	sl_umount "$m"
}

# What is in a block's id says which bytes it holds.
@test "a daemon killed with -9: the same copy sends what is missing" {
	start
	head -c 45000000 /dev/urandom >"$file"
	mark
	exec 7>"$m/$dir/$name"
	head -c 35000000 "$file" >&7
	wait_for 30 eval '[ "$(count part)" -ge 4 ]'
	kill -KILL "${MOUNT_PID[$m]}"
	exec 7>&- || true
	fusermount3 -uz "$m"
	wait "${MOUNT_PID[$m]}" || true
	unset "MOUNT_PID[$m]"
	mount_it
	mark
	cp "$file" "$m/$dir/$name"
	whole
	[ "$(count parts)" -ge 1 ]
	[ "$(count part)" -eq 2 ]
	[ "$(status_of "$m" .local.files.interrupted)" -eq 0 ]
	sl_umount "$m"
}

@test "what another program left unfinished under other ids is no obstacle" {
	start
	head -c 45000000 /dev/urandom >"$file"
	url=$(status_of "$m" .uploadBucketDir)$dir/$name
	# The mount shows no signature; the service does.
	sas=$(curl -fsS -H "Authorization: Bearer $ASTRA_DB_APPLICATION_TOKEN" \
		"$(sed -n 's/^api_url=//p' "$BATS_TEST_TMPDIR/sim.ready")/v2/databases/$SL_DB/migrations/$(status_of "$m" .migrationID)" |
		jq -r .uploadCredentials.keys.urlSignature)
	# A block id of 36 bytes.
	curl -fsS -X PUT -H 'x-ms-version: 2021-12-02' --data-binary foreign \
		"$url?comp=block&blockid=$(printf %036d 1 | base64 -w 0)&$sas"
	cp "$file" "$m/$dir/$name"
	whole
	sl_umount "$m"
}

@test "no signature is in any log" {
	# shellcheck disable=SC2034 # sl_mount's
	SL_MOUNT_ARGS=(-d)
	start
	curl -fsS -o /dev/null --data-binary 'match=s3.put count=1 do=expire' \
		"$(sed -n 's/^control=//p' "$BATS_TEST_TMPDIR/sim.ready")/faults"
	echo text >"$m/$dir/$name"
	[ "$(cat "$m/$dir/$name")" = text ]
	cat "$m/.errors" "$m/.status" >"$BATS_TEST_TMPDIR/said"
	sl_umount "$m"
	run ! grep -nE 'sig=[A-Za-z0-9%]' "$m.log" "$BATS_TEST_TMPDIR/said"
}
