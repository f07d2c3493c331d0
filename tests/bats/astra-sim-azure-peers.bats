#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The rehearsal cloud's Azure as clients see it that we did not write.

load astra-sim
load astra-sim-azure

# What curl put, as others see it.
prepare_tree() {
	sim_start --cloud azure
	migrate
	head -c 9000000 /dev/urandom >"$T/big"
	echo small >"$T/small"
	: >"$T/empty"
	put "node1/sp%20ace/small" "$T/small" \
		-H "x-ms-meta-mtime: 2024-02-03T04:05:06.789Z"
	put node1/empty "$T/empty"
	split -b 4000000 "$T/big" "$T/big."
	block node1/big 1 "$T/big.aa"
	block node1/big 2 "$T/big.ab"
	block node1/big 3 "$T/big.ac"
	commit node1/big Latest:1 Latest:2 Latest:3
	[ "$CODE" = 201 ]
}

need() { # WHAT COMMAND...: run the command, or skip; a failure in CI
	local what=$1
	shift
	"$@" >/dev/null 2>&1 && return
	[ "${CI:-}" = true ] && { echo "CI must have $what"; return 1; }
	skip "no $what"
}

@test "Azure's own library lists and reads back what curl put" {
	local py=python3
	"$py" -c 'import azure.storage.blob' 2>/dev/null || py=/usr/bin/python3
	need python3-azure-storage "$py" -c 'import azure.storage.blob'
	prepare_tree
	mkdir "$T/got"
	"$py" "$HELP" sdk "$CONTAINER?$SAS" "$T/got" >"$T/seen"
	diff "$T/seen" - <<-EOT
		sstables/node1/big 9000000 -
		sstables/node1/empty 0 -
		sstables/node1/sp ace/small 6 2024-02-03T04:05:06.789Z
		in sstables/node1/
	EOT
	cmp "$T/big" "$T/got/sstables/node1/big"
	cmp "$T/small" "$T/got/sstables/node1/sp ace/small"
}

@test "rclone lists, reads back and writes" {
	need rclone rclone version
	prepare_tree
	export RCLONE_CONFIG=/dev/null RCLONE_CONFIG_AZ_TYPE=azureblob
	export RCLONE_CONFIG_AZ_SAS_URL="$CONTAINER?$SAS"
	local at=az:mig-upload-$ID/sstables
	TZ=UTC rclone lsl "$at" | sed 's/^ *//' | sort >"$T/seen"
	grep -q '^6 2024-02-03 04:05:06.789000000 node1/sp ace/small$' "$T/seen"
	grep -q '^9000000 .* node1/big$' "$T/seen"
	[ "$(wc -l <"$T/seen")" = 3 ]
	rclone copy "$at" "$T/got"
	cmp "$T/big" "$T/got/node1/big"
	cmp "$T/small" "$T/got/node1/sp ace/small"
	rclone copy --azureblob-chunk-size 4M --azureblob-upload-cutoff 4M \
		"$T/got/node1" "$at/node2"
	cmp "$T/big" "$OBJECTS/node2/big"
	rclone check "$T/got/node1" "$at/node2"
}
