#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# A mount whose bucket is Google's: a real node there and back, how many
# requests a file costs, tokens and keys that end while files are on their
# way, and what it says when there is nothing more to be had.

load helpers

setup() {
	log=$BATS_TEST_TMPDIR/requests
	m=$BATS_TEST_TMPDIR/m
	dir=node1/ks/t-0123456789abcdef0123456789abcdef/snapshots/migrate1
}
teardown() { sl_cleanup; }

start() { # [ASTRA-SIM OPTIONS...]
	sl_sim_start --cloud gcs --log "$log" "$@"
	sl_mount "$m"
	sl_begin "$m"
}

faults() { # LINE...: from now on
	curl -fsS -o /dev/null --data-binary "$(printf '%s\n' "$@")" \
		"$(sed -n 's/^control=//p' "$BATS_TEST_TMPDIR/sim.ready")/faults"
}

# Requests of these kinds in the log since line FROM.
count() { # FROM KIND...
	local from=$1
	shift
	tail -n "+$from" "$log" | jq -r .kind | grep -cxF "${@/#/-e}" || true
}

@test "a node is copied, compared, launched and unmounted" {
	start
	sl_unpack "$BATS_TEST_TMPDIR/src"
	rsync -a "$BATS_TEST_TMPDIR/src/node1/" "$m/node1/"
	[ "$(status_of "$m" .local.files.failed)" -eq 0 ]
	[ "$(status_of "$m" .local.store.checksum)" = crc32c ]
	[ "$(status_of "$m" .local.endpoints.store)" = \
		"${SIM_OPTIONS##*gcs_endpoint=}" ]
	diff -r "$BATS_TEST_TMPDIR/src/node1/smart_home/"devices-*/snapshots/migrate1/nb-1-big-Data.db \
		"$m/node1/smart_home/"devices-*/snapshots/migrate1/nb-1-big-Data.db
	sl_umount "$m"
	# Again after a new mount: nothing is sent.
	sl_mount "$m"
	before=$(wc -l <"$log")
	rsync -a "$BATS_TEST_TMPDIR/src/node1/" "$m/node1/"
	[ "$(count "$before" s3.put s3.create s3.part)" -eq 0 ]
	echo launch node1 >"$m/.launch"
	echo MigrationDone >"$m/.wait"
	sl_umount "$m"
}

@test "a small file is one request, a large one its parts and two more" {
	start
	mkdir -p "$m/$dir"
	echo warm >"$m/$dir/nb-1-big-Blob.db" # has the token
	before=$(($(wc -l <"$log") + 1))
	head -c 100000 /dev/urandom >"$BATS_TEST_TMPDIR/small"
	cp "$BATS_TEST_TMPDIR/small" "$m/$dir/nb-2-big-Blob.db"
	head -c 40000000 /dev/urandom >"$BATS_TEST_TMPDIR/large"
	cp "$BATS_TEST_TMPDIR/large" "$m/$dir/nb-3-big-Blob.db"
	tail -n "+$before" "$log" | jq -r .kind | sort | uniq -c
	[ "$(count "$before" s3.put)" -eq 1 ]
	parts=$(count "$before" s3.part)
	[ "$parts" -ge 2 ]
	[ "$(count "$before" s3.create)" -eq 1 ]
	[ "$(count "$before" s3.complete)" -eq 1 ]
	[ "$(tail -n "+$before" "$log" | jq -r .kind | grep -c '^s3\|^token')" \
		-eq $((parts + 3)) ]
	cmp "$BATS_TEST_TMPDIR/large" "$m/$dir/nb-3-big-Blob.db"
	sl_umount "$m"
}

@test "tokens and keys of 6 seconds: a copy that lasts longer goes on" {
	start --creds-life 6
	mkdir -p "$m/$dir" "$BATS_TEST_TMPDIR/src"
	for i in 1 2 3 4; do
		head -c 9000000 /dev/urandom >"$BATS_TEST_TMPDIR/src/$i"
		rsync --bwlimit=2000 "$BATS_TEST_TMPDIR/src/$i" \
			"$m/$dir/nb-$i-big-Blob.db"
	done
	for i in 1 2 3 4; do
		cmp "$BATS_TEST_TMPDIR/src/$i" \
			"$(sl_bucket "$m")/$dir/nb-$i-big-Blob.db"
	done
	[ "$(status_of "$m" .local.files.committed)" -eq 4 ]
	# Renewed many times, and not by every request.
	[ "$(count 1 token)" -ge 3 ]
	[ "$(count 1 token)" -le 20 ]
	sl_umount "$m"
}

says_why() {
	[[ $(status_of "$m" .local.store.error) == *"no access token"*503* ]]
}

@test "a token endpoint that is down for a while is waited for" {
	start
	mkdir -p "$m/$dir"
	faults 'match=token do=503' 'match=s3.put count=1 do=expire'
	head -c 100000 /dev/urandom >"$BATS_TEST_TMPDIR/small"
	timeout 60 cp "$BATS_TEST_TMPDIR/small" "$m/$dir/nb-1-big-Blob.db" 3>&- &
	cp=$!
	wait_for 30 says_why
	kill -0 "$cp"
	faults
	wait "$cp"
	[ "$(status_of "$m" .local.store.error)" = null ]
	cmp "$BATS_TEST_TMPDIR/small" "$(sl_bucket "$m")/$dir/nb-1-big-Blob.db"
	sl_umount "$m"
}

@test "a user's refresh token serves as well" {
	start --gcs-creds authorized_user
	mkdir -p "$m/$dir"
	echo text >"$m/$dir/nb-1-big-Blob.db"
	[ "$(cat "$(sl_bucket "$m")/$dir/nb-1-big-Blob.db")" = text ]
	sl_umount "$m"
}

@test "where listing and deleting are not granted, files still go up" {
	start --deny delete,uploads,list
	mkdir -p "$m/$dir"
	echo text >"$m/$dir/nb-1-big-Blob.db"
	[ "$(cat "$(sl_bucket "$m")/$dir/nb-1-big-Blob.db")" = text ]
	wait_for 10 test "$(status_of "$m" .local.store.delete)" = false
	sl_umount "$m"
}

@test "no secret of the credentials is in any log" {
	# shellcheck disable=SC2034 # sl_mount reads it
	SL_MOUNT_ARGS=(-d)
	start
	mkdir -p "$m/$dir"
	faults 'match=s3.put count=1 do=expire' 'match=token count=1 do=400'
	echo text >"$m/$dir/nb-1-big-Blob.db"
	[ "$(cat "$m/$dir/nb-1-big-Blob.db")" = text ]
	cat "$m/.errors" "$m/.status" >"$BATS_TEST_TMPDIR/said"
	sl_umount "$m"
	grep -q 'gcs: put' "$m.log"
	if grep -nE 'PRIVATE KEY|eyJ|assertion=|ya29|Bearer|access_token' \
		"$m.log" "$BATS_TEST_TMPDIR/said"; then
		return 1
	fi
}
