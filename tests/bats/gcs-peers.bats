#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# A mount in Google's bucket, and clients that we did not write beside it:
# Google's own library and rclone read what the mount wrote, and the mount
# what they wrote.
# shellcheck disable=SC2154 # of peers.bash

load peers

begin() {
	peers_start gcs
	creds=$T/creds.json
	(
		umask 077
		jq -r .uploadCredentials.keys.file "$T/status" | base64 -d \
			>"$creds"
	)
	endpoint=${SIM_OPTIONS##*gcs_endpoint=}
}

# tools/check.sh gets it, if this python has none.
requires_library() {
	for python in python3 "$SL_ROOT/build/tools/python/bin/python3"; do
		"$python" -c 'import google.cloud.storage' 2>/dev/null &&
			return
	done
	requires google-cloud-storage
}

google() { # VERB [ARGUMENT]
	timeout 60 "$python" "$BATS_TEST_DIRNAME/gcs-peers.py" "$1" "$creds" \
		"$endpoint" "$up" "${@:2}"
}

requires_rclone() {
	requires rclone
	export RCLONE_CONFIG_PEER_TYPE="google cloud storage"
	export RCLONE_CONFIG_PEER_BUCKET_POLICY_ONLY=true
}

rclone_begin() {
	begin
	export RCLONE_CONFIG_PEER_SERVICE_ACCOUNT_FILE=$creds
	export RCLONE_CONFIG_PEER_ENDPOINT=$endpoint/storage/v1/
	at=peer:${up#gs://}
}

@test "Google's library lists and reads what the mount wrote, and its CRC32C" {
	requires_library
	begin
	fill
	mkdir "$T/down"
	google get "$T/down" | sort -k 3 >"$T/listed"
	wanted node1 | "$python" "$BATS_TEST_DIRNAME/gcs-peers.py" sums \
		"$src" | sort -k 3 | diff - "$T/listed"
	same_files "$T/down"
	sl_umount "$m"
}

@test "rclone lists, reads and checks what the mount wrote" {
	requires_rclone
	rclone_begin
	fill
	rclone_reads "$at"
	sl_umount "$m"
}

@test "the mount shows and reads what Google's library uploaded in each way" {
	requires_library
	begin
	mkdir "$T/up"
	foreign_node "$T/up"
	# In chunks one after the other, and in parts side by side.
	cp "$src/$big" "$T/up/${big/-77-/-78-}"
	cp "$src/$big" "$src/${big/-77-/-78-}"
	google put "$T/up"
	jq -r 'select(.status < 300) | .kind' "$log" | grep -qx s3.complete
	mount_shows_node2
	sl_umount "$m"
}

@test "the mount shows and reads what rclone uploaded" {
	requires_rclone
	rclone_begin
	mkdir "$T/up"
	foreign_node "$T/up"
	rclone_ copy "$T/up" "$at"
	mount_shows_node2
	sl_umount "$m"
}

@test "an upload that was left is listed as such, and as no object, till it is done" {
	requires_library
	begin
	add_odd_ones node1 24000000
	mkdir -p "$m/${big%/*}"
	kill_in_the_middle "$big"
	[ "$(google list)" = "unfinished $big" ]
	mount_it
	cp "$src/$big" "$m/$big"
	wait_for 20 only_big_is_there
	mkdir "$T/down"
	google get "$T/down"
	cmp "$src/$big" "$T/down/$big"
	sl_umount "$m"
}

only_big_is_there() { [ "$(google list)" = "$big" ]; }
