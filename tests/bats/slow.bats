#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# A store that is slow or away: one request out of many stalls, and an outage
# is answered with few requests until it is over.

load helpers

setup() {
	sl_sim_start
	CONTROL=$(sed -n 's/^control=//p' "$BATS_TEST_TMPDIR/sim.ready")
	m=$BATS_TEST_TMPDIR/m
	src=$BATS_TEST_TMPDIR/f
	data=node1/ks/t-0123456789abcdef0123456789abcdef/snapshots/s1
}
teardown() { sl_cleanup; }

faults() { printf '%s\n' "$1" | curl -sf --data-binary @- "$CONTROL/faults"; }

hit() { [ "$(curl -sf "$CONTROL/faults" | jq '[.. | .hits? // empty] | add')" -ge 1 ]; }

requests() { curl -sf "$CONTROL/state" | jq ".requests[\"$1\"] // 0"; }

begin() { # OPTIONS
	sl_mount "$m" "node=node1,$1"
	sl_begin "$m"
	mkdir -p "$m/$data"
}

@test "a part that stalls is sent a second time, and nobody waits for it" {
	begin "memory=256"
	head -c $((96 << 20)) /dev/urandom >"$src"
	cp "$src" "$m/$data/usual"
	usual=$(requests s3.part)
	echo "$usual parts"
	[ "$usual" -ge 6 ]
	faults "match=s3.part after=4 count=1 do=stall:90"
	began=$SECONDS
	cp "$src" "$m/$data/stalled"
	echo "$((SECONDS - began)) s, $(requests s3.part) parts after $usual"
	# The limit for silence alone would be 30 s.
	[ $((SECONDS - began)) -lt 25 ]
	# On a busy machine others than the stalled one may be slow too.
	[ "$(requests s3.part)" -le $((2 * usual + 4)) ]
	hit
	cmp "$src" "$(sl_bucket "$m")/$data/stalled"
	sl_umount "$m"
}

@test "a read that stalls before its first byte is asked for again" {
	begin "memory=256"
	head -c $((32 << 20)) /dev/urandom >"$src"
	for name in usual first third; do
		cp "$src" "$m/$data/$name"
	done
	cmp "$src" "$m/$data/usual"
	# Ranges of two sizes; the first has hardly any of its own.
	for at in first:0 third:2; do
		faults "match=s3.get after=${at#*:} count=1 do=stall:90"
		began=$SECONDS
		cmp "$src" "$m/$data/${at%:*}"
		hit
		echo "${at%:*}: $((SECONDS - began)) s"
		[ $((SECONDS - began)) -lt 25 ]
	done
	sl_umount "$m"
}

@test "of the first read after a mount nothing is known, but not for long" {
	begin "memory=64"
	head -c 100000 /dev/urandom >"$src"
	cp "$src" "$m/$data/a"
	faults "match=s3.get count=1 do=stall:90"
	began=$SECONDS
	cmp "$src" "$m/$data/a"
	hit
	echo "$((SECONDS - began)) s"
	[ $((SECONDS - began)) -lt 25 ]
	sl_umount "$m"
}

@test "a whole object is never sent twice at a time" {
	begin "memory=64"
	head -c 100000 /dev/urandom >"$src"
	for i in {1..12}; do cp "$src" "$m/$data/f-$i"; done
	usual=$(requests s3.put)
	[ "$usual" -eq 12 ]
	faults "match=s3.put count=1 do=stall:7"
	cp "$src" "$m/$data/slow"
	[ "$(requests s3.put)" -eq 13 ]
	sl_umount "$m"
}

@test "an outage costs few requests, and all goes on when it is over" {
	begin "memory=64,connections=64"
	head -c 20000 /dev/urandom >"$src"
	faults "match=s3.put do=503:SlowDown"
	pids=()
	for i in {1..64}; do
		cp "$src" "$m/$data/f-$i" 3>&- &
		pids+=($!)
	done
	wait_for 30 eval '[ "$(requests s3.put)" -ge 64 ]'
	sleep 6
	# First attempts, the bucket of 100, and a probe a second.
	during=$(requests s3.put)
	echo "$during requests in the outage"
	[ "$during" -le $((64 + 100 + 45)) ]
	curl -sf -X POST --data-binary '' "$CONTROL/faults"
	wait "${pids[@]}"
	echo "$(($(requests s3.put) - during)) requests after it"
	[ $(($(requests s3.put) - during)) -le $((64 + 20)) ]
	[ "$(find "$(sl_bucket "$m")" -type f -name 'f-*' | wc -l)" -eq 64 ]
	sl_umount "$m"
}
