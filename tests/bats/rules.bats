#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What rules about names and places do at a real mount: refused with the
# sentence and the cure, skipped, or uploaded with a warning; and a policy
# that changes that.

load helpers

ks=node1/ks
table=$ks/t-00112233445566778899aabbccddeeff
tag=$table/snapshots/migrate1

setup() {
	sl_sim_start
	m=$BATS_TEST_TMPDIR/m
}
teardown() { sl_cleanup; }

begin() { sl_mount "$m" "$1" && sl_begin "$m" && mkdir -p "$m/$tag"; }

# refused PATH RULE: it cannot be made, and .errors says why and what to do.
refused() {
	run cp "$SL_ROOT/README.md" "$m/$1"
	[ "$status" -eq 1 ] || return 1
	[[ $output == *"Operation not supported"* ]] || return 1
	local said
	said=$(sideloadfs --rules | sed -n "s/^$2 [a-z]* # //p")
	grep -F "$1" "$m/.errors" | grep -qF "$said" || return 1
	[ ! -e "$m/$1" ] && not_in_bucket "$1"
}
in_bucket() { [ -e "$(sl_bucket "$m")/$1" ]; }
not_in_bucket() { [ ! -e "$(sl_bucket "$m")/$1" ]; }
verdict() {
	python3 -c 'import os, sys
print(os.getxattr(sys.argv[1], "user.sideload.verdict").decode())' "$m/$1"
}

@test "rules: names that cannot be imported are refused, with the cure" {
	begin node=node1
	refused "$tag/oa-1-big-TOC.txt" new-version
	refused "$tag/la-1-big-TOC.txt" old-version
	refused "$tag/ks-t-ka-1-TOC.txt" old-version
	refused "$tag/me-1-big-Scylla.db" scylla
	refused "$tag/nb-1-big-TOC.txt.tmp" temporary
	txn=nb_txn_flush_a0623710-e6e0-11f1-bf84-0d06878e994f.log
	refused "$tag/$txn" transaction-log
	cp "$SL_ROOT/README.md" "$m/$table/$txn"
	mkdir -p "$m/$ks/old/snapshots"
	run mkdir "$m/$ks/old/snapshots/migrate1"
	[ "$status" -eq 1 ]
	grep -q 'before cassandra 2.1.*system_schema.tables' "$m/.errors"
	[ -z "$(find "$(sl_bucket "$m")" -type f)" ]
	sl_umount "$m"
}

@test "rules: what is odd is uploaded and told, what is no data skipped" {
	begin node=node1
	other=$ks/u-00112233445566778899aabbccddeeff/snapshots/my.tag-1
	mkdir -p "$m/$other"
	for file in "$tag/notes.txt" "$tag/na-1-big-TOC.txt" \
		"$other/nb-1-big-TOC.txt"; do
		cp "$SL_ROOT/README.md" "$m/$file"
		in_bucket "$file"
		[[ $(verdict "$file") == warn ]]
	done
	for file in ephemeral.snapshot nb-1-big-SAI+aa+x+TermsData.db; do
		cp "$SL_ROOT/README.md" "$m/$tag/$file"
		not_in_bucket "$tag/$file"
		[[ $(verdict "$tag/$file") == skip ]]
		grep -q "$tag/$file	" "$m/.skipped"
	done
	printf '%s\n' Data.db TOC.txt >"$m/$tag/nb-1-big-TOC.txt"
	[ "$(verdict "$tag/nb-1-big-TOC.txt")" = accept ]
	sl_umount "$m"
}

@test "rules: rsync goes on beside what is refused, and names it" {
	begin node=node1
	src=$BATS_TEST_TMPDIR/src
	mkdir -p "$src"
	echo 1 >"$src/nb-1-big-TOC.txt"
	echo 2 >"$src/nb-1-big-TOC.txt.tmp"
	echo 3 >"$src/nb-2-big-TOC.txt"
	run rsync -a "$src/" "$m/$tag/"
	[ "$status" -eq 23 ]
	[[ $output == *"nb-1-big-TOC.txt.tmp"*"Operation not supported"* ]]
	in_bucket "$tag/nb-1-big-TOC.txt"
	in_bucket "$tag/nb-2-big-TOC.txt"
	not_in_bucket "$tag/nb-1-big-TOC.txt.tmp"
	sl_umount "$m"
}

@test "rules: policy= changes what is done with a name" {
	printf '%s\n' '# ours' 'new-version warn' 'unknown-file reject' \
		'temporary skip' >"$BATS_TEST_TMPDIR/policy"
	begin "node=node1,policy=$BATS_TEST_TMPDIR/policy"
	refused "$tag/notes.txt" unknown-file
	cp "$SL_ROOT/README.md" "$m/$tag/oa-1-big-TOC.txt"
	in_bucket "$tag/oa-1-big-TOC.txt"
	cp "$SL_ROOT/README.md" "$m/$tag/nb-1-big-TOC.txt.tmp"
	not_in_bucket "$tag/nb-1-big-TOC.txt.tmp"
	grep -q "nb-1-big-TOC.txt.tmp	temporary	" "$m/.skipped"
	sl_umount "$m"
	# What is there against a rule is not written over either.
	sl_mount "$m" "node=node1"
	echo ReceivingFiles >"$m/.wait"
	run cp "$SL_ROOT/Makefile" "$m/$tag/oa-1-big-TOC.txt"
	[ "$status" -eq 1 ]
	[[ $output == *"Operation not supported"* ]]
	cmp "$SL_ROOT/README.md" "$m/$tag/oa-1-big-TOC.txt"
	sl_umount "$m"
}

@test "rules: a policy with a mistake does not mount, and says where" {
	printf 'crc-table warn\n\ncrc-tabel warn\n' >"$BATS_TEST_TMPDIR/policy"
	mkdir "$m"
	run sideloadfs -o "policy=$BATS_TEST_TMPDIR/policy,$SIM_OPTIONS" \
		"$SL_DB" "$m"
	[ "$status" -eq 2 ]
	[[ $output == *"policy, line 3: 'crc-tabel' is no rule"* ]]
	run sl_is_mounted "$m"
	[ "$status" -eq 1 ]
}
