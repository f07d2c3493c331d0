#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Hard links, made by the tools that make them: each name becomes an object
# of its own, and a copy run again sends nothing.

load helpers

tag=node1/ks/t-00112233445566778899aabbccddeeff/snapshots/migrate1

setup() {
	sl_sim_start
	m=$BATS_TEST_TMPDIR/m
	src=$BATS_TEST_TMPDIR/src
	mkdir -p "$src/$tag"
	(
		cd "$src/$tag" || exit 1
		echo '{"files":[]}' >manifest.json
		head -c 40000 /dev/urandom >nb-1-big-Blob.db
		ln nb-1-big-Blob.db nb-2-big-Blob.db
		ln nb-1-big-Blob.db nb-3-big-Blob.db
		: >nb-1-big-Blob2.db
		ln nb-1-big-Blob2.db nb-2-big-Blob2.db
	)
	touch -d '2020-02-02 02:02:02.5' "$src/$tag"/*
	sl_mount "$m"
	sl_begin "$m"
}
teardown() { sl_cleanup; }

# The bucket has the files of the source and nothing else; none is missing
# anything; times and sizes are the source's.
all_there() {
	local file
	diff -r "$src/node1" "$(sl_bucket "$m")/node1" || return 1
	diff -r "$src/node1" "$m/node1" || return 1
	(cd "$src/$tag" && stat -c '%n %s %Y %a' ./* | sort) \
		>"$BATS_TEST_TMPDIR/want"
	(cd "$m/$tag" && stat -c '%n %s %Y %a' ./* | sort) |
		diff "$BATS_TEST_TMPDIR/want" - || return 1
	for file in open queued interrupted failed; do
		[ "$(status_of "$m" ".local.files.$file")" -eq 0 ] || return 1
	done
	[ -z "$(find "$SIM_DIR" -path '*/uploads/*')" ]
}

stored_times() { find "$(sl_bucket "$m")" -type f -printf '%p %T@ %i\n' | sort; }

again_sends_no_object() {
	stored_times >"$BATS_TEST_TMPDIR/before"
	"$@" || return 1
	stored_times | diff "$BATS_TEST_TMPDIR/before" -
}

again_sends_nothing() { again_sends_no_object "$@" && all_there; }

@test "cp -a of hard links" {
	cp -a "$src/node1" "$m/"
	all_there
	[ "$(stat -c %h "$m/$tag/nb-2-big-Blob.db")" -eq 1 ]
	[ "$(grep -c Index "$m/.errors")" -eq 0 ]
	sl_umount "$m"
}

@test "rsync -aH of hard links, and again, also after a remount" {
	rsync -aH "$src/node1" "$m/"
	all_there
	again_sends_nothing rsync -aH "$src/node1" "$m/"
	again_sends_nothing rsync -a "$src/node1" "$m/"
	sl_umount "$m"
	sl_mount "$m"
	echo ReceivingFiles >"$m/.wait"
	again_sends_nothing rsync -aH "$src/node1" "$m/"
	sl_umount "$m"
}

@test "tar -x of hard links, twice" {
	tar -C "$src" -cf "$BATS_TEST_TMPDIR/a.tar" node1
	tar -C "$m" -xf "$BATS_TEST_TMPDIR/a.tar"
	all_there
	tar -C "$m" -xf "$BATS_TEST_TMPDIR/a.tar"
	all_there
	sl_umount "$m"
}

@test "a link that came to mean other bytes is sent again" {
	cp -a "$src/node1" "$m/"
	rm "$src/$tag/nb-3-big-Blob.db"
	head -c 50000 /dev/urandom >"$src/$tag/nb-4-big-Blob.db"
	ln "$src/$tag/nb-4-big-Blob.db" "$src/$tag/nb-3-big-Blob.db"
	rsync -aH "$src/node1" "$m/"
	all_there
	head -c 60000 /dev/urandom >"$src/$tag/nb-3-big-Blob.db"
	rm "$src/$tag/nb-2-big-Blob.db"
	ln "$src/$tag/nb-3-big-Blob.db" "$src/$tag/nb-2-big-Blob.db"
	cp -a "$src/node1" "$m/"
	all_there
	sl_umount "$m"
}

@test "ln and ln -f, in parts, with equal bytes" {
	head -c 40000000 /dev/urandom >"$BATS_TEST_TMPDIR/big"
	cp -r "$src/node1" "$m/"
	cp "$BATS_TEST_TMPDIR/big" "$m/$tag/nb-7-big-Blob.db"
	ln "$m/$tag/nb-7-big-Blob.db" "$m/$tag/nb-8-big-Blob.db"
	cmp "$BATS_TEST_TMPDIR/big" "$(sl_bucket "$m")/$tag/nb-8-big-Blob.db"
	cmp "$BATS_TEST_TMPDIR/big" "$m/$tag/nb-8-big-Blob.db"
	run ln "$m/$tag/nb-1-big-Blob.db" "$m/$tag/nb-8-big-Blob.db"
	[ "$status" -eq 1 ]
	ln -f "$m/$tag/nb-1-big-Blob.db" "$m/$tag/nb-8-big-Blob.db"
	cmp "$src/$tag/nb-1-big-Blob.db" \
		"$(sl_bucket "$m")/$tag/nb-8-big-Blob.db"
	cmp "$src/$tag/nb-1-big-Blob.db" "$m/$tag/nb-8-big-Blob.db"
	[ "$(status_of "$m" .local.files.open)" -eq 0 ]
	[ -z "$(find "$(sl_bucket "$m")" -name 'Cu*')" ]
	sl_umount "$m"
}

@test "what is linked to and from skipped paths" {
	local table=node1/ks/t-00112233445566778899aabbccddeeff
	cp -r "$src/node1" "$m/"
	ln "$m/$tag/nb-1-big-Blob.db" "$m/$table/nb-1-big-Blob.db"
	grep -q "$table/nb-1-big-Blob.db" "$m/.skipped"
	[ "$(stat -c %s "$m/$table/nb-1-big-Blob.db")" -eq 40000 ]
	run ln "$m/$table/nb-1-big-Blob.db" "$m/$tag/nb-9-big-Blob.db"
	[ "$status" -eq 1 ]
	[[ $output == *"not permitted"* ]]
	grep -q 'rsync without -H' "$m/.errors"
	[ ! -e "$m/$tag/nb-9-big-Blob.db" ]
	[ ! -e "$(sl_bucket "$m")/$table/nb-1-big-Blob.db" ]
	sl_umount "$m"
}

@test "live files linked into a snapshot: rsync -aH, rsync -a, tar" {
	local table=node1/ks/t-00112233445566778899aabbccddeeff file
	for file in "$src/$tag"/nb-1-*; do
		ln "$file" "$src/$table/"
	done
	rsync -aH "$src/node1" "$m/"
	diff -r "$src/$tag" "$(sl_bucket "$m")/$tag"
	[ "$(find "$(sl_bucket "$m")/$table" -maxdepth 1 -type f | wc -l)" -eq 0 ]
	grep -q "$table/nb-1-big-Blob.db" "$m/.skipped"
	again_sends_no_object rsync -aH "$src/node1" "$m/"
	# tar meets the live name first: a link to it has no bytes here.
	tar -C "$src" --sort=name -cf "$BATS_TEST_TMPDIR/a.tar" node1
	rm -r "$m/node1/ks"
	run tar -C "$m" -xf "$BATS_TEST_TMPDIR/a.tar"
	[ "$status" -eq 2 ]
	grep -q 'rsync without -H' "$m/.errors"
	rsync -a "$src/node1" "$m/"
	diff -r "$src/$tag" "$(sl_bucket "$m")/$tag"
	sl_umount "$m"
}

@test "a file still being written is not linked" {
	mkdir -p "$m/$tag"
	exec 7>"$m/$tag/nb-1-big-Blob.db"
	echo half >&7
	run ln "$m/$tag/nb-1-big-Blob.db" "$m/$tag/nb-2-big-Blob.db"
	exec 7>&-
	[ "$status" -eq 1 ]
	[[ $output == *busy* ]]
	[ ! -e "$(sl_bucket "$m")/$tag/nb-2-big-Blob.db" ]
	sl_umount "$m"
}
