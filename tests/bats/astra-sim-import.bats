#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What the rehearsal cloud takes for an import, and what it finds wrong.

load astra-sim

# A small SSTable that the import check takes, in the bucket itself.
sstable() { # DIR STEM
	mkdir -p "$1"
	local s=$1/$2 c
	printf 'data of %s' "$2" >"$s-Data.db"
	crc_dec "$s-Data.db" >"$s-Digest.crc32"
	for c in Filter.db Summary.db TOC.txt; do echo x >"$s-$c"; done
	printf 'xx org.apache.cassandra.dht.Murmur3Partitioner xx' \
		>"$s-Statistics.db"
	echo LZ4Compressor >"$s-CompressionInfo.db"
	case $2 in
	*-bti) echo x >"$s-Partitions.db"; : >"$s-Rows.db" ;;
	*) echo x >"$s-Index.db" ;;
	esac
}

healthy() {
	D=$OBJECTS/$SNAP
	sstable "$D" nb-1-big
	sstable "$D" cc-3gdv_0vos_4jbmo2l3kqtv0q1se8-bti
	echo '{"files":["nb-1-big-Data.db"]}' >"$D/manifest.json"
	echo 'CREATE TABLE ks1.t1 (k int PRIMARY KEY)' >"$D/schema.cql"
}

import_says() { # TEXT: fails with the text; "" : is done
	api POST "/$ID/launch" >/dev/null
	if [ -z "$1" ]; then
		wait_status MigrationDone
	else
		wait_status MigrationFailed
		status | jq -r .progressInfo >"$T/why"
		cat "$T/why"
		grep -qF -- "$1" "$T/why"
	fi
}

@test "import: healthy, system keyspaces ignored, relaunch after a repair" {
	sim_start
	migrate
	healthy
	mkdir -p "$OBJECTS/node1/system/local-x/live"
	echo x >"$OBJECTS/node1/system/local-x/live/file"
	rm "$D/nb-1-big-Index.db"
	import_says "$SNAP/nb-1-big-Index.db: component is missing"
	echo x >"$D/nb-1-big-Index.db"
	import_says ""
}

@test "import: each kind of damage reaches the status, path and all" {
	sim_start --init-delay 0
	local spoil want n=0
	while IFS='|' read -r spoil want; do
		migrate
		healthy
		cd "$D"
		eval "$spoil"
		echo "case: $spoil"
		import_says "$want"
		n=$((n + 1))
	done <<-'CASES'
	sed -i s/^d/D/ nb-1-big-Data.db|snapshots/tag1/nb-1-big-Data.db: corrupt data
	echo abc >nb-1-big-Digest.crc32|nb-1-big-Digest.crc32: not a checksum
	: >nb-1-big-Statistics.db|nb-1-big-Statistics.db: component is empty
	: >nb-1-big-Filter.db|nb-1-big-Filter.db: component is empty
	rm nb-1-big-Data.db|nb-1-big-Data.db: component is missing
	rm nb-1-big-Statistics.db|nb-1-big-Statistics.db: component is missing
	rm *-bti-Rows.db|-bti-Rows.db: component is missing
	rm *-bti-Partitions.db|-bti-Partitions.db: component is missing
	rm nb-1-big-CompressionInfo.db|nb-1-big: needs exactly one of CompressionInfo.db and CRC.db
	echo x >nb-1-big-CRC.db|nb-1-big: needs exactly one of CompressionInfo.db and CRC.db
	sed -i s/Murmur3/Random/ nb-1-big-Statistics.db|nb-1-big-Statistics.db: the partitioner is not Murmur3Partitioner
	echo EncryptingLZ4Compressor >nb-1-big-CompressionInfo.db|encrypted SSTables
	rm nb-1-big-*|nb-1-big-Data.db: listed in manifest.json but missing
	echo nonsense >manifest.json|manifest.json: not a snapshot manifest
	echo CREATE MATERIALIZED VIEW >schema.cql|schema.cql: materialized views
	touch nb-2-big-Data.db.tmp|unknown SSTable component
	touch x.tmp|x.tmp: temporary file
	touch nb_txn_flush_1.log|nb_txn_flush_1.log: temporary file
	touch .nb-1-big-Data.db.Xa3f2x|.nb-1-big-Data.db.Xa3f2x: unexpected file
	touch ks1-t1-ka-1-Data.db|ks1-t1-ka-1-Data.db: unexpected file
	for f in nb-1-big-*; do mv $f oa-${f#nb-}; done; rm manifest.json|SSTable version 'oa'
	for f in cc-*; do mv $f da-${f#cc-}; done|SSTable version 'da'
	mkdir .idx; cp nb-1-big-* .idx|/.idx/nb-1-big-CompressionInfo.db: secondary index
	mkdir sub; touch sub/f|sub/f: malformed path
	touch ../../live-file|malformed path
	touch $OBJECTS/stray|stray: malformed path
	mv ../tag1 ../../tag1|/tag1/
	mkdir $OBJECTS/node1/ks1/t2; touch $OBJECTS/node1/ks1/t2/f|node1/ks1/t2/f: malformed path
	mkdir $D/%00; touch $D/%00/f|//f: malformed path
	cp -r ../tag1 ../tag2|a second snapshot of the table
	mkdir -p $OBJECTS/node2/ks1; cp -r $OBJECTS/node1/$TABLE $OBJECTS/node2/ks1/t1-ffffffffffffffffffffffffffffffff|a second table ID
	rm -r $OBJECTS/node1|no SSTables found
	CASES
	[ "$n" = 32 ]
}

@test "import: index directories may be ignored" {
	sim_start --index-dirs ignore
	migrate
	healthy
	mkdir "$D/.idx"
	echo x >"$D/.idx/nb-1-big-Data.db"
	import_says ""
}

fixture() { # sets FX to a directory with node1 node2 node3
	local a
	for a in "$ROOT/tests/data" "${SL_FIXTURES:-/nonexistent}"; do
		[ -e "$a/cluster-4.1-smart_home.tar.xz" ] || continue
		mkdir -p "$T/fx"
		tar -xJf "$a/cluster-4.1-smart_home.tar.xz" -C "$T/fx"
		FX=$(dirname "$(find "$T/fx" -maxdepth 2 -name node1)")
		return 0
	done
	skip "cluster-4.1-smart_home.tar.xz is not here"
}

@test "aws: syncs a real snapshot of three nodes, lists it, launch succeeds" {
	command -v aws >/dev/null || skip "no aws command"
	fixture
	sim_start --print-env
	migrate
	export AWS_ACCESS_KEY_ID=$AK AWS_SECRET_ACCESS_KEY=$SK
	export AWS_SESSION_TOKEN=$ST AWS_REGION=us-east-1
	local n
	for n in node1 node2 node3; do
		aws --endpoint-url "$S3" s3 sync --only-show-errors \
			--exclude '*' --include 'smart_home/*/snapshots/migrate1*' \
			--exclude '*/.roomidx/*' "$FX/$n/" "s3://$BUCKET/$P/$n"
	done
	head -c 12000000 /dev/urandom >"$T/big"
	aws --endpoint-url "$S3" s3 cp --only-show-errors "$T/big" \
		"s3://$BUCKET/$P/node1/big"
	aws --endpoint-url "$S3" s3 cp --only-show-errors \
		"s3://$BUCKET/$P/node1/big" "$T/back"
	cmp "$T/big" "$T/back"
	aws --endpoint-url "$S3" s3 rm --only-show-errors \
		"s3://$BUCKET/$P/node1/big"
	aws --endpoint-url "$S3" s3 ls --recursive "s3://$BUCKET/$P/" >"$T/ls"
	[ "$(wc -l <"$T/ls")" = "$(cd "$FX" && find node[123]/smart_home -path \
		'*/snapshots/migrate1/*' -type f ! -path '*/.roomidx/*' | wc -l)" ]
	# The CRC32 of an object is the number in its Digest.crc32.
	local d
	d=$(find "$OBJECTS" -name '*-Data.db' | head -1)
	[ "$(crc_dec "$d")" = "$(cat "${d%Data.db}Digest.crc32")" ]
	import_says ""
}
