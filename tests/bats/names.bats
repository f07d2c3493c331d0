#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Names with bytes that S3 keys, XML and shells find hard; keys as long as the
# store takes; and what a file costs in requests, from astra-sim's log.

load helpers

setup() {
	requires python3
	T=$BATS_TEST_TMPDIR
	m=$T/m
	src=$T/src
	log=$T/requests
	dir=node1/ks/t-00112233445566778899aabbccddeeff/snapshots/s
	sl_sim_start --log "$log"
	sl_mount "$m"
	sl_begin "$m"
}
teardown() { sl_cleanup; }

names() { python3 "$BATS_TEST_DIRNAME/names.py" "$@"; }
# Requests of a kind so far; "" for all to the store.
asked() { grep -c "\"kind\":\"s3\\.$1" "$log" || true; }

# cost COMMAND...: $put, $list and $all become what it asked of the store.
cost() {
	local p l a
	p=$(asked put) l=$(asked list) a=$(asked '')
	"$@"
	put=$(($(asked put) - p)) list=$(($(asked list) - l))
	all=$(($(asked '') - a))
	echo "'$*' asked: $all in all, $put put, $list list"
}

# hard_names COMMAND...: copies $src/node1 to $m/, and all of it arrives under
# just its names and is known again after a remount.
hard_names() {
	local count
	count=$(names make "$src")
	"$@"
	names same "$src" "$(sl_bucket "$m")"
	[ "$(status_of "$m" .local.files.committed)" -eq "$count" ]
	sl_umount "$m"
	sl_mount "$m"
	echo ReceivingFiles >"$m/.wait"
	cost rsync -ai "$src/node1" "$m/"
	[ "$put" -eq 0 ]
	diff -r "$src/node1" "$m/node1"
	sl_umount "$m"
}

@test "hard names arrive as they are and are known again: rsync -a" {
	hard_names rsync -a "$src/node1" "$m/"
}

@test "hard names arrive as they are and are known again: cp -a" {
	hard_names cp -a "$src/node1" "$m/"
}

@test "names that no snapshot has are refused with a sentence" {
	names refused "$m"
	grep 'EOPNOTSUPP.*control bytes, invalid UTF-8' "$m/.errors"
	[ "$(asked put)" -eq 0 ]
	for name in '-node' '.node' 'no de' 'no+de' "$(printf 'n%.0s' {1..64})"; do
		run mkdir -- "$m/$name"
		echo "$output"
		[ "$status" -ne 0 ]
	done
	sl_umount "$m"
}

@test "what is no importable place is skipped, whatever its name" {
	mkdir -p "$m/node1/k s" "$m/node1/ks/t+1" "$m/node1/ks/t-1"
	mkdir -p "$m/$dir"
	for name in "node1/k s/f" "node1/ks/t+1/f" "node1/ks/t-1/f" "${dir%/*}/f"; do
		cp "$BATS_TEST_FILENAME" "$m/$name"
	done
	[ "$(status_of "$m" .local.files.skipped)" -eq 4 ]
	grep 'node1/k s/f' "$m/.skipped"
	[ "$(asked put)" -eq 0 ]
	sl_umount "$m"
}

@test "a key of 1,024 bytes goes up, one of 1,025 is refused before a byte" {
	local front long
	of() { head -c "$1" /dev/zero | tr '\0' "$2"; }
	front=node1/$(of 222 k)/$(of 222 t)-00112233445566778899aabbccddeeff
	front=$front/snapshots/$(of 255 s)
	# "MIGRATION/sstables/" is 46 bytes.
	long=$(of $((1024 - 46 - ${#front} - 1)) f)
	mkdir -p "$m/$front" "$src"
	echo some >"$src/$long"
	echo more >"$src/${long}x"
	cp "$src/$long" "$m/$front/"
	[ "$(cat "$m/$front/$long")" = some ]
	[ "$(asked put)" -eq 1 ]
	run cp "$src/${long}x" "$m/$front/"
	[ "$status" -ne 0 ]
	[[ $output == *"File name too long"* ]]
	run mv "$m/$front/$long" "$m/$front/${long}x"
	[ "$status" -ne 0 ]
	[ "$(asked put)" -eq 1 ]
	grep 'ENAMETOOLONG.*979 bytes; the store takes at most 978' "$m/.errors"
	# rsync's temporary name is longer than what it becomes.
	rm "$m/$front/$long"
	rsync -a "$src/$long" "$m/$front/"
	[ "$(cat "$m/$front/$long")" = some ]
	[ "$(asked put)" -eq 2 ]
	sl_umount "$m"
}

@test "requests: one for a small or an empty file, N+2 for N parts" {
	local parts
	mkdir -p "$m/$dir" "$src"
	: >"$src/nb-1-big-Blob3.db"
	echo x >"$src/nb-1-big-Blob.db"
	head -c 50000000 /dev/zero >"$src/nb-2-big-Blob.db"
	cost cp "$src/nb-1-big-Blob.db" "$m/$dir/"
	[ "$put" -eq 1 ]
	[ "$all" -eq 1 ]
	empty() {
		cp "$src/nb-1-big-Blob3.db" "$m/$dir/"
		wait_for 10 one_more
	}
	one_more() { [ "$(asked put)" -eq 2 ]; }
	cost empty
	[ "$put" -eq 1 ]
	[ "$all" -eq 1 ]
	[ ! -s "$(sl_bucket "$m")/$dir/nb-1-big-Blob3.db" ]
	cost cp "$src/nb-2-big-Blob.db" "$m/$dir/"
	parts=$(asked part)
	[ "$parts" -ge 2 ]
	[ "$all" -eq $((parts + 2)) ]
	[ "$(asked create)" -eq 1 ]
	[ "$(asked complete)" -eq 1 ]
	sl_umount "$m"
}

metadata() {
	mkdir "$m/node1/ks2"
	chmod 750 "$m/node1/ks2"
	rmdir "$m/node1/ks2"
	stat "$m/$dir/nb-1-big-Blob.db"
	chmod 640 "$m/$dir/nb-1-big-Blob.db"
	chown "$(id -u):$(id -g)" "$m/$dir/nb-1-big-Blob.db"
	touch -d 2020-01-01 "$m/$dir/nb-1-big-Blob.db" "$m/$dir"
	python3 - "$m/$dir/nb-1-big-Blob.db" <<-'END'
		import os, sys
		os.setxattr(sys.argv[1], "user.x", b"y")
		assert os.getxattr(sys.argv[1], "user.x") == b"y"
		os.listxattr(sys.argv[1])
		os.removexattr(sys.argv[1], "user.x")
	END
	ls -lR "$m/node1"
	find "$m/node1" -size +1M
	du -s "$m/node1"
}

@test "requests: none for directories, attributes and what is known" {
	mkdir -p "$m/$dir"
	echo x >"$T/nb-1-big-Blob.db"
	cp "$T/nb-1-big-Blob.db" "$m/$dir/"
	# A second later other nodes' directories are asked for again: the root.
	sleep 1.2
	ls "$m" >"$T/out"
	SECONDS=0
	cost metadata
	[ "$((all - list))" -eq 0 ]
	[ "$list" -le $((1 + SECONDS)) ]
	cost metadata_of_open_file
	[ "$all" -eq "$list" ]
	sl_umount "$m"
}

# create, write, fstat and fchmod of a file that is not closed yet.
metadata_of_open_file() {
	exec 8>"$m/$dir/nb-3-big-Blob.db"
	stat "$m/$dir/nb-3-big-Blob.db"
	chmod 600 "$m/$dir/nb-3-big-Blob.db"
	rm "$m/$dir/nb-3-big-Blob.db"
	exec 8>&-
}

@test "requests: cp -a of 20 files is 20 PUT and the listing of the root" {
	for i in {1..20}; do
		mkdir -p "$src/${dir/t-/t$((i % 4))-}"
		echo "$i" >"$src/${dir/t-/t$((i % 4))-}/nb-$i-big-Blob.db"
	done
	cost cp -a "$src/node1" "$m/"
	[ "$put" -eq 20 ]
	# Is there a node1 already? And again if that was over a second ago.
	# What cp makes itself is known to be empty.
	[ "$list" -le 2 ]
	[ "$all" -eq $((put + list)) ]
	cost cp -a "$src/node1" "$m/"
	[ "$put" -eq 20 ]
	cost rsync -a "$src/node1" "$m/"
	[ "$put" -eq 0 ]
	[ "$list" -le 2 ]
	[ "$all" -eq "$list" ]
	sl_umount "$m"
}
