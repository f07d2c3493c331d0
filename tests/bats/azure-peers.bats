#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# A mount in Azure's container, and clients that we did not write beside it:
# Azure's own library and rclone read what the mount wrote, and the mount what
# they wrote.
# shellcheck disable=SC2154 # of peers.bash

load peers

begin() {
	peers_start azure
	sas=$(jq -r .uploadCredentials.keys.urlSignature "$T/status")
}

# Debian's package is Debian's python's.
requires_library() {
	for python in python3 /usr/bin/python3; do
		"$python" -c 'import azure.storage.blob' 2>/dev/null && return
	done
	requires python3-azure-storage
}

azure() { # VERB [ARGUMENT]
	timeout 60 "$python" "$BATS_TEST_DIRNAME/azure-peers.py" "$1" "$up" \
		"${@:2}" <<<"$sas"
}

requires_rclone() {
	requires rclone
	export RCLONE_CONFIG_PEER_TYPE=azureblob
	export RCLONE_AZUREBLOB_CHUNK_SIZE=4Mi
}

rclone_begin() {
	local path
	begin
	path=$(echo "$up" | cut -d / -f 5-)
	export RCLONE_CONFIG_PEER_SAS_URL="${up%"/${path#*/}"}?$sas"
	at=peer:$path
}

@test "Azure's library lists and reads what the mount wrote" {
	requires_library
	begin
	fill
	mkdir "$T/down"
	azure get "$T/down" | sort -k 2 >"$T/listed"
	sizes node1 | sort -k 2 | diff - "$T/listed"
	same_files "$T/down"
	# The big one is its blocks and no more; a small one is none.
	azure blocks "$big" >"$T/blocks"
	awk '{ n = 0; for (i = 1; i < NF; i++) n += $i }
		END { exit !($NF == "/" && NF >= 4 && n == 24000000) }' \
		"$T/blocks"
	[ "$(azure blocks "${big/-77-/-71-}")" = " / " ]
	sl_umount "$m"
}

@test "rclone lists, reads and checks what the mount wrote" {
	requires_rclone
	rclone_begin
	fill
	rclone_reads "$at"
	sl_umount "$m"
}

@test "the mount shows and reads what Azure's library uploaded" {
	requires_library
	begin
	mkdir "$T/up"
	foreign_node "$T/up"
	azure put "$T/up"
	[ "$(azure blocks "$big" | wc -w)" -eq 6 ]
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

@test "blocks that were left are listed as such, and as no blob, till it is done" {
	requires_library
	begin
	add_odd_ones node1 24000000
	mkdir -p "$m/${big%/*}"
	kill_in_the_middle "$big"
	[ "$(azure list)" = "unfinished $big" ]
	[[ $(azure blocks "$big") == " / "*[0-9]" "[0-9]* ]]
	mount_it
	cp "$src/$big" "$m/$big"
	[ "$(azure list)" = "$big" ]
	[[ $(azure blocks "$big") == *[0-9]" / " ]]
	mkdir "$T/down"
	azure get "$T/down"
	cmp "$src/$big" "$T/down/$big"
	sl_umount "$m"
}
