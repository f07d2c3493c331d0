#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Large directories, and stores whose listings do not end. The objects are
# listing.py's inventions: astra-sim's would have to be made one by one.

load helpers

setup() {
	requires python3
	T=$BATS_TEST_TMPDIR
	m=$T/m
	sl_sim_start
}
teardown() {
	sl_cleanup
	if [ -n "${PEER:-}" ]; then
		kill "$PEER" || true
		wait "$PEER" || true
	fi
}

# store MODE [FILES [DIRECTORIES]]: the endpoint that only lists.
store() {
	python3 "$BATS_TEST_DIRNAME/listing.py" "$T/port" "$@" \
		>"$T/asked" 2>"$T/peer.log" </dev/null 3>&- &
	PEER=$!
	wait_for 20 test -s "$T/port"
	SIM_OPTIONS=${SIM_OPTIONS%%s3_endpoint=*}s3_endpoint=http://127.0.0.1:$(cat "$T/port")
}

# Memory of the daemon that is its own, in bytes.
memory() {
	awk '/^Private_(Dirty|Clean):/ { n += $2 } END { print n * 1024 }' \
		"/proc/${MOUNT_PID[$m]}/smaps_rollup"
}

# per_entry BEFORE ENTRIES WHAT [MOST]: what one has cost since; printed and
# held.
per_entry() {
	local n=$((($(memory) - $1) / $2))
	echo "# bytes per entry: $n ($3)" >&3
	[ "$n" -lt "${4:-300}" ]
}

# The snapshot directory of table $2 of node $1.
snapshot() { printf '%s/ks/t%04d-%032x/snapshots/s' "$1" "$2" "$2"; }
asked() { grep -c "sstables/$1/\$" "$T/asked" || true; }

@test "100,000 entries in a directory: under 300 bytes each, found at once" {
	store many 100000 3
	sl_mount "$m"
	sl_begin "$m"
	dir=$m/$(snapshot node2 0)
	ls "$m/node2/ks" >"$T/out"
	# What a listing takes while it lasts, threads and pages, is there.
	ls -f "$m/$(snapshot node2 1)" >"$T/out"
	before=$(memory)
	ls -f "$m/$(snapshot node2 2)" >"$T/out"
	ls -f "$dir" >"$T/out"
	[ "$(grep -c nb- "$T/out")" -eq 100000 ]
	per_entry "$before" 200000 "another node's, listed"
	# Every name once, and each can be looked at.
	[ "$(sort -u "$T/out" | grep -c nb-)" -eq 100000 ]
	[ "$(find "$dir" -type f -size 1 | wc -l)" -eq 100000 ]
	[ "$(stat -c %s "$dir/nb-0012499-big-TOC.txt")" -eq 1 ]
	[ ! -e "$dir/nb-0012500-big-TOC.txt" ]
	sl_umount "$m"
}

# Of two nodes, 100,000 each.
@test "a tree of 200,000 files: a request per page, a directory at a time" {
	tables=${SL_TREE_TABLES:-40}
	files=$((tables * 2500))
	store many 2500 "$tables"
	sl_mount "$m"
	sl_begin "$m"
	ls "$m/node2/ks" >"$T/out"
	before=$(memory)
	ls -f "$m/$(snapshot node2 7)" >"$T/out"
	[ "$(asked "$(snapshot node2 7)")" -eq 3 ]
	[ "$(asked "$(snapshot node2 8)")" -eq 0 ]
	[ "$(find "$m/node2" -type f -size 1 | wc -l)" -eq "$files" ]
	per_entry "$before" "$files" "a tree of $files"
	# Our own directory is asked for once, whatever looks at it.
	[ "$(find "$m/node1" -type f -size 1 | wc -l)" -eq "$files" ]
	sleep 1.2
	du -s "$m/node1" >"$T/out"
	ls -lR "$m/node1" >"$T/out"
	[ "$(asked "$(snapshot node1 7)")" -eq 3 ]
	sl_umount "$m"
}

@test "names of a directory that is read stay while entries come and go" {
	store many 20000
	sl_mount "$m"
	sl_begin "$m"
	dir=node1/ks/t-00112233445566778899aabbccddeeff/snapshots/s
	mkdir -p "$m/$dir"
	python3 - "$m/$dir" >"$T/out" <<-'END'
		import os, sys
		top = sys.argv[1]
		for i in range(3000):
		    os.mkdir("%s/d%04d" % (top, i))
		seen = []
		for entry in os.scandir(top):
		    seen.append(entry.name)
		    if len(seen) % 2:
		        os.rmdir(entry.path)
		    os.mkdir("%s/new%04d" % (top, len(seen)))
		old = [n for n in seen if n.startswith("d")]
		print(len(old), len(set(old)), len(os.listdir(top)))
	END
	cat "$T/out"
	read -r old distinct after <"$T/out"
	[ "$old" -eq 3000 ]
	[ "$distinct" -eq 3000 ]
	[ "$after" -ge 4000 ]
	sl_umount "$m"
}

# Of our own the judge has a record beside the node.
@test "50,000 files of an earlier run: under 370 bytes each" {
	store many 50000
	dir=$(snapshot node1 0)
	sl_mount "$m"
	sl_begin "$m"
	touch "$m/node1"
	sl_umount "$m"
	# The same once more, to know what a mount without files takes.
	sl_mount "$m"
	echo ReceivingFiles >"$m/.wait"
	before=$(memory)
	sl_umount "$m"
	python3 - "$m.state" "$dir" <<-'END'
		import glob, sqlite3, sys
		parts = ("CompressionInfo.db Data.db Digest.crc32 Filter.db "
		         "Index.db Statistics.db Summary.db TOC.txt").split()
		(path,) = glob.glob(sys.argv[1] + "/**/node1.db", recursive=True)
		db = sqlite3.connect(path)
		db.executemany(
		    "INSERT INTO files VALUES(?,'committed','',?,1,?,33188,0,0,7)",
		    (("%s/nb-%07d-big-%s" % (sys.argv[2], i // 8, parts[i % 8]),
		      '"%032x"' % i, 1700000000000000000) for i in range(50000)))
		db.commit()
	END
	sl_mount "$m"
	echo ReceivingFiles >"$m/.wait"
	per_entry "$before" 50000 "own, from the ledger" 370
	[ "$(find "$m/$dir" -type f -newermt 2023-11-01 ! -newermt 2023-12-01 |
		wc -l)" -eq 50000 ]
	per_entry "$before" 50000 "own, and listed" 370
	[ "$(status_of "$m" .local.files.committed)" -eq 50000 ]
	sl_umount "$m"
}

# unending MODE ERRNO: the listing fails in good time, and only that one.
unending() {
	store "$1"
	sl_mount "$m"
	sl_begin "$m"
	run timeout 120 ls "$m/$(snapshot node2 0)"
	echo "$output"
	[ "$status" -ne 0 ]
	[ "$status" -ne 124 ]
	jq -r . "$m/.status" >"$T/out"
	grep "$2" "$m/.errors"
	[ "$(ls "$m/calm")" = file ]
	echo "# memory after '$1': $(($(memory) / 1048576)) MiB" >&3
	[ "$(memory)" -lt $((400 << 20)) ]
	sl_umount "$m"
}

@test "a listing that never ends is cut off with a clear error" {
	unending endless 'EOVERFLOW.*more than 1,000,000 names'
}

@test "a listing that goes in circles is no listing" {
	unending circle 'the listing makes no sense'
}

@test "a listing of empty pages without end is no listing" {
	unending idle 'the listing makes no sense'
}

@test "hard names of other tools arrive as they are, by percent-encoding" {
	store odd
	sl_mount "$m"
	sl_begin "$m"
	python3 - "$BATS_TEST_DIRNAME/listing.py" "$m/$(snapshot node2 0)" <<-'END'
		import ast, os, sys
		tree = ast.parse(open(sys.argv[1], encoding="utf-8").read())
		for node in tree.body:
		    if getattr(node, "targets", None) and \
		       node.targets[0].id == "ODD":
		        odd = eval(compile(ast.Expression(node.value), "", "eval"))
		want = {n for n in odd if n not in (".", "..") and len(n) < 256}
		have = set(os.listdir(sys.argv[2]))
		assert have == want, (have - want, want - have)
		for name in have:
		    assert os.stat(os.path.join(sys.argv[2], name)).st_size == 1
	END
	grep 'names here that no directory can hold' "$m/.errors"
	sl_umount "$m"
}

@test "a store that does not encode what XML cannot carry: a clear error" {
	store raw
	sl_mount "$m"
	sl_begin "$m"
	run ls "$m/$(snapshot node2 0)"
	echo "$output"
	[ "$status" -ne 0 ]
	grep 'the listing makes no sense' "$m/.errors"
	[ "$(ls "$m/calm")" = file ]
	sl_umount "$m"
}
