#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The launch gate over a cluster of three nodes, each copied through a mount
# of its own into one migration: names and seals, what is missing or too much
# in the bucket, what came by another tool, and when snapshots may be cleared.

load helpers

setup() {
	T=$BATS_TEST_TMPDIR
	sl_unpack "$T/src"
	src=$(dirname "$(find "$T/src" -type d -name node1 | head -n 1)")
	snap=$(cd "$src/node2" && find smart_home -type d \
		-path '*/devices-*/snapshots/migrate1')
}
teardown() { sl_cleanup; }

# cluster [ASTRA-SIM OPTIONS...]: three mounts, three nodes copied.
cluster() {
	local n
	sl_sim_start "$@"
	m=$T/node1
	sl_mount "$m" node=node1
	sl_begin "$m"
	for n in 2 3; do
		sl_mount "$T/node$n" \
			"node=node$n,migration=$(status_of "$m" .migrationID)"
	done
	for n in 1 2 3; do
		copy "$n"
	done
	bucket=$(sl_bucket "$m")
}

copy() {
	rsync -am --include='*/' --include='/smart_home/*/snapshots/**' \
		--exclude='*' "$src/node$1/" "$T/node$1/node$1/"
}

faults() { # LINE: from now on
	curl -fsS -o /dev/null --data-binary "$1" \
		"$(sed -n 's/^control=//p' "$T/sim.ready")/faults"
}

# mounts_go: all three, with clean logs.
mounts_go() {
	local n
	for n in 1 2 3; do
		sl_umount "$T/node$n"
	done
}

# closed ERRNO-TEXT PATTERN...: the gate is closed so, and says all of these.
closed() {
	local pattern
	run bash -c "echo launch node1 node2 node3 >'$m/.launch'"
	[ "$status" -ne 0 ]
	[[ $output == *"$1"* ]] || { echo "$output"; return 1; }
	shift
	for pattern; do
		grep -qE "$pattern" "$m/.launch" || {
			echo "no '$pattern' in:"
			cat "$m/.launch"
			return 1
		}
	done
	[ "$(status_of "$m" .status)" = ReceivingFiles ]
}

opens() {
	echo launch node1 node2 node3 >"$m/.launch" || {
		cat "$m/.launch"
		return 1
	}
}

safe() { status_of "$1" '.local.nodes[] | select(.node) | .safe_to_clear'; }

@test "three nodes by name; then each snapshot may be cleared" {
	cluster
	[ "$(safe "$m")" = false ]
	[[ $(status_of "$m" '.local.nodes[0].why') == *"not launched"* ]]
	opens
	echo MigrationDone >"$m/.wait"
	[ "$(safe "$m")" = true ]
	[ "$(status_of "$m" '.local.nodes[0].files')" -gt 20 ]
	# A node that did not launch knows it too, and after a remount.
	echo MigrationDone >"$T/node2/.wait"
	[ "$(safe "$T/node2")" = true ]
	sl_umount "$T/node2"
	sl_mount "$T/node2" node=node2
	wait_for 10 eval '[ "$(safe "$T/node2")" = true ]'
	mounts_go
}

@test "seals: each node prints its own, the launch proves them all" {
	cluster
	for n in 1 2 3; do
		run_ctl 0 seal "$T/node$n"
		[[ $output =~ ^node$n=v1:[0-9]+:[0-9]+:[0-9a-f]{64}$ ]]
		seal[n]=$output
	done
	wrong=${seal[3]%?}
	[ "${seal[3]}" = "${wrong}0" ] && wrong+=1 || wrong+=0
	run bash -c "echo launch ${seal[1]} node2 $wrong >'$m/.launch'"
	[ "$status" -ne 0 ]
	grep -q 'seal-mismatch: node3: .*names, sizes or ETags differ' \
		"$m/.launch"
	run bash -c "echo launch node1 node2=v1:1:2 node3 >'$m/.launch'"
	[ "$status" -ne 0 ]
	grep -q 'is no seal' "$m/.launch"
	# A harmless file more is no finding of names, but one of a seal.
	echo '{"files":[]}' >"$T/node2/node2/$snap/extra.txt"
	run bash -c "echo launch ${seal[1]} ${seal[2]} node3 >'$m/.launch'"
	[ "$status" -ne 0 ]
	grep -qE 'seal-mismatch: node2: .* were sealed' "$m/.launch"
	rm "$T/node2/node2/$snap/extra.txt"
	run_ctl 0 launch "$m" "${seal[1]}" "${seal[2]}" "${seal[3]}" --wait
	mounts_go
}

@test "no seal of a copy that was cut" {
	cluster
	run bash -c "head -c 100 /dev/zero | timeout -s KILL 1 python3 -c '
import sys, time
f = open(sys.argv[1], \"wb\")
f.write(b\"x\" * 9)
f.flush()
time.sleep(9)' '$m/node1/$snap/x.bin'"
	run_ctl 1 seal "$m"
	[[ $output == *"no seal"* ]]
	rm -f "$m/node1/$snap/x.bin"
	mounts_go
}

@test "what is missing in the bucket is named with node, table and cure" {
	cluster
	# A component of another node, gone behind everybody's back.
	mv "$bucket/node2/$snap/nb-1-big-Index.db" "$T/kept"
	closed 'Bad message' \
		"missing-component: node2/$snap/nb-1-big-Index.db: .*copy the rest"
	mv "$T/kept" "$bucket/node2/$snap/nb-1-big-Index.db"
	# One without bytes.
	cp "$bucket/node3/$snap/nb-1-big-Statistics.db" "$T/kept"
	: >"$bucket/node3/$snap/nb-1-big-Statistics.db"
	closed 'Bad message' \
		"empty-component: node3/$snap/nb-1-big-Statistics.db"
	cp "$T/kept" "$bucket/node3/$snap/nb-1-big-Statistics.db"
	# A table that one node does not have.
	table=${snap%/snapshots/*}
	mv "$bucket/node3/$table" "$T/table"
	closed 'Bad message' "table-missing: node3/$table: .*take the snapshot"
	mv "$T/table" "$bucket/node3/$table"
	opens
	mounts_go
}

@test "what is too much in the bucket is named" {
	cluster
	table=${snap%/snapshots/*}
	# An index's directory, which fails the import.
	mkdir "$bucket/node2/$snap/.idx"
	cp "$bucket/node2/$snap/nb-1-big-Data.db" "$bucket/node2/$snap/.idx/"
	closed 'Bad message' \
		"index-directory: node2/$snap/\\.idx: .*remove it there"
	rm -r "$bucket/node2/$snap/.idx"
	# The same rows twice.
	cp -r "$bucket/node2/$snap" "$bucket/node2/$table/snapshots/other"
	closed 'Bad message' "second-tag: node2/$table/snapshots/other: .*-o tag="
	rm -r "$bucket/node2/$table/snapshots/other"
	# A table of another cluster.
	cp -r "$bucket/node2/$table" \
		"$bucket/node2/${table%-*}-00112233445566778899aabbccddeeff"
	closed 'Bad message' 'second-table-id: node2/.*-00112233445566778899aabb'
	rm -r "$bucket/node2/${table%-*}-00112233445566778899aabbccddeeff"
	# Live files.
	cp "$bucket/node2/$snap/nb-1-big-Data.db" "$bucket/node2/$table/"
	closed 'Bad message' "live-file: node2/$table: "
	rm "$bucket/node2/$table/nb-1-big-Data.db"
	opens
	mounts_go
}

@test "an unfinished upload of another node is waited for" {
	cluster
	# Big enough to be sent in parts; its writer stands still.
	mkfifo "$T/stop"
	python3 - "$T/node2/node2/$snap/x.bin" "$T/stop" 3>&- <<'P' &
import sys
f = open(sys.argv[1], "wb")
for i in range(40):
    f.write(bytes(1 << 20))
f.flush()
open(sys.argv[2]).read()
f.close()
P
	writer=$!
	begun() {
		[ "$(status_of "$T/node2" .local.files.open)" -eq 1 ] &&
			find "$SIM_DIR" -path '*uploads*' -type f | grep -q .
	}
	wait_for 20 begun
	closed 'busy' 'unfinished-upload: node2: .*let the copy there end'
	echo go >"$T/stop"
	wait "$writer"
	rm "$T/node2/node2/$snap/x.bin"
	opens
	mounts_go
}

@test "unfinished uploads that may not be listed are a note" {
	cluster --deny uploads
	opens
	grep -q 'note: .*unfinished uploads' "$m/.launch"
	mounts_go
}

@test "the ledger was lost: verify reads back, and the gate opens" {
	cluster
	sl_umount "$m"
	rm -r "$m.state"
	sl_mount "$m" "node=node1,migration=$(status_of "$T/node2" .migrationID)"
	closed 'Bad message' foreign
	echo verify >"$m/.verify" || { cat "$m/.verify"; return 1; }
	head -n 1 "$m/.verify" | grep -qE '^ok: .*taken into the ledger'
	if grep "^reject" "$m/.verify"; then return 1; fi
	opens
	echo MigrationDone >"$m/.wait"
	[ "$(safe "$m")" = true ]
	mounts_go
}

@test "verify finds what another tool damaged, on any node" {
	cluster
	file=$bucket/node2/$snap/nb-1-big-Statistics.db
	python3 - "$file" <<'P'
import sys
b = bytearray(open(sys.argv[1], "rb").read())
b[len(b) // 2] ^= 1
open(sys.argv[1], "wb").write(b)
P
	echo verify node2 >"$m/.verify"
	grep -q "^reject node2/$snap/nb-1-big-Statistics.db: statistics: " \
		"$m/.verify"
	closed 'Bad message' "statistics: node2/$snap/nb-1-big-Statistics.db"
	# Data.db is not read, its checksum is asked.
	cp "$src/node2/$snap/nb-1-big-Statistics.db" "$file"
	echo verify node2 >"$m/.verify"
	if grep '^reject' "$m/.verify"; then return 1; fi
	# Sent again by its own mount, and everything is fine.
	rm "$T/node2/node2/$snap/nb-1-big-Statistics.db"
	copy 2
	echo verify node2 >"$m/.verify"
	opens
	mounts_go
}

@test "verify: grammar, interrupted, and again" {
	cluster
	for line in verif 'verify .x' 'verify a/b' 'Verify'; do
		run bash -c "echo $line >'$m/.verify'"
		[ "$status" -ne 0 ]
		grep -q 'EINVAL' "$m/.verify"
	done
	# A node that is not there is nothing to read.
	echo verify node9 >"$m/.verify"
	faults 'match=s3.get do=stall:20'
	run timeout -s INT 2 bash -c 'echo verify node2 >"$0"' "$m/.verify"
	[ "$status" -ne 0 ]
	faults ''
	# What was under way has ended, or ends soon: the next one goes through.
	again() { echo verify node2 >"$m/.verify"; }
	wait_for 10 again 2>/dev/null
	head -n 1 "$m/.verify" | grep -q '^ok: '
	mounts_go
}

@test "an import that fails: what of this node was whole is told" {
	cluster
	# The service finds it, the gate was told to go ahead.
	rm "$bucket/node3/$snap/nb-1-big-Index.db"
	echo launch anyway >"$m/.launch"
	failed() {
		case $(status_of "$m" .status) in
		ReceivingFiles | ImportInProgress) return 1 ;;
		esac
	}
	wait_for 20 failed
	[ "$(status_of "$m" .status)" != MigrationDone ]
	[ "$(safe "$m")" = false ]
	status_of "$m" '.local.nodes[0].why' |
		grep -E 'were whole when it began: .*new.*same copy again'
	# And that is the whole cure.
	for n in 1 2 3; do
		sl_umount "$T/node$n"
	done
	sl_mount "$m" node=node1
	sl_begin "$m"
	for n in 2 3; do
		sl_mount "$T/node$n" \
			"node=node$n,migration=$(status_of "$m" .migrationID)"
	done
	for n in 1 2 3; do
		copy "$n"
	done
	opens
	echo MigrationDone >"$m/.wait"
	[ "$(safe "$m")" = true ]
	mounts_go
}
