#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# sideload-check on real snapshots: each table judged as it must be, what DIR
# may be, exit status, JSON, the schema, what cannot be read. Archives besides
# that of tests/data come from $SL_FIXTURES.

load helpers
bats_require_minimum_version 1.5.0

setup() {
	sl_root
	T=$BATS_TEST_TMPDIR
}

# unpack NAME: sets TREE to the unpacked archive.
unpack() {
	local archive=$SL_ROOT/tests/data/$1.tar.xz
	[ -f "$archive" ] || archive=${SL_FIXTURES:-}/$1.tar.xz
	[ -f "$archive" ] || skip "no $1 (SL_FIXTURES)"
	TREE=$T/$1
	mkdir "$TREE"
	tar -xJf "$archive" -C "$TREE"
}

# check STATUS ARGUMENTS...: must end with just that; JSON in $T/json.
check() {
	local expected=$1 status=0
	shift
	timeout 60 sideload-check --json "$@" >"$T/json" 2>"$T/stderr" ||
		status=$?
	sl_check_log "$T/stderr"
	if [ "$status" -ne "$expected" ]; then
		echo "$* ended with $status, not $expected:"
		cat "$T/stderr" "$T/json"
		return 1
	fi
}

# verdicts TAG: "TABLE VERDICT" for each table, the worst of its snapshot.
verdicts() {
	jq -rs --arg tag "$1" '
		["accept", "skip", "warn", "reject"] as $order |
		map(select(.rule and .verdict != "skip") |
			.verdict as $v | .path |
			capture("/(?<t>[^/]+)-[0-9a-f]{32}/snapshots/" +
				$tag + "(/|$)") |
			{ t, v: ($order | index($v)) }) |
		group_by(.t)[] |
		"\(.[0].t) \($order[map(.v) | max])"' "$T/json"
}

# expect TAG: verdicts are the lines of standard input.
expect() { diff <(sort) <(verdicts "$1" | sort); }

# rules TABLE: names of rules that warned or rejected there.
rules() {
	jq -r --arg t "/$1-" 'select(.verdict == "warn" or
		.verdict == "reject") | select(.path | contains($t)) |
		.rule' "$T/json" | sort -u | xargs
}

# found FILTER: is there a finding for which it holds?
found() { jq -es "any(.[:-1][]; $1)" "$T/json"; }
summary() { jq -r "select(.summary) | $1" "$T/json"; }
skipped() { jq -r 'select(.verdict == "skip") | "\(.rule) \(.path)"' "$T/json"; }

@test "a cluster of three nodes: all accepted, the rest left out" {
	unpack cluster-4.1-smart_home
	check 0 "$TREE"
	expect migrate1 <<-END
		devices accept
		sensor_readings accept
	END
	[ "$(summary '"\(.nodes) \(.tables) \(.sstables)"')" = "3 2 15" ]
	[ "$(summary '.counts.warn + .counts.reject')" -eq 0 ]
	skipped >"$T/skipped"
	grep -q '^system-keyspace .*/node2/system$' "$T/skipped"
	grep -q '^index-directory .*/migrate1/\.roomidx$' "$T/skipped"
	grep -q '^live-file .*/nb-1-big-Data\.db$' "$T/skipped"
	grep -q '^backups .*/backups$' "$T/skipped"
}

@test "fixtures: oddities, data directories named in any way" {
	unpack oddities-4.1
	for dirs in "$TREE" "$TREE/d1 $TREE/d2" "--one-node $TREE/d2 $TREE/d1"; do
		# shellcheck disable=SC2086
		check 1 $dirs
		[ "$(summary .nodes)" -eq 1 ]
		verdicts migrate1 >"$T/all"
		[ "$(wc -l <"$T/all")" -eq 35 ]
		grep -v ' accept$' "$T/all" | sort | diff - <(
			echo compact_dense warn
			echo compact_st warn
			echo dropped_col warn
			echo mv_by_city reject
		)
		[ "$(rules compact_st)" = compact-storage ]
		[ "$(rules dropped_col)" = dropped-column ]
		[ "$(rules mv_by_city)" = view ]
		# What is blamed lies where it is said to, on d1 and d2.
		jq -r 'select(.verdict == "warn" or .verdict == "reject") |
			.path' "$T/json" >"$T/blamed"
		xargs ls -d <"$T/blamed" >/dev/null
		grep -q '/d1/' "$T/blamed"
		grep -q '/d2/' "$T/blamed"
	done
	skipped >"$T/skipped"
	[ "$(grep -c '^machine-tag ' "$T/skipped")" -ge 4 ]
	grep -q '^index-component .*SI_sasi_title' "$T/skipped"
	grep -q '^index-directory .*twoidx.*/\.owner_idx$' "$T/skipped"
	# Other names, and hosts tell that it is one node.
	mv "$TREE/d1" "$TREE/red"
	mv "$TREE/d2" "$TREE/blue"
	check 1 "$TREE"
	[ "$(summary .nodes)" -eq 1 ]
	# One of the two alone lacks what the manifests list.
	check 1 "$TREE/red"
	[ "$(rules many_small)" = manifest-sstable ]
}

@test "fixtures: cassandra 4.0, a view, a dropped column, an odd tag" {
	unpack cassandra-4.0
	check 1 --tag migrate1 "$TREE"
	expect migrate1 <<-END
		accounts accept
		accounts_by_email reject
		blobs accept
		metrics accept
		notes accept
		sessions warn
		unused accept
	END
	[ "$(rules accounts_by_email)" = view ]
	[ "$(rules sessions)" = dropped-column ]
	check 0 --tag my.tag-1 "$TREE"
	[ "$(rules sessions)" = "dropped-column odd-tag" ]
	# Both at once: the rows would be imported twice.
	check 1 "$TREE"
	[[ $(rules sessions) = *second-tag* ]]
}

@test "fixtures: cassandra 5.0, compatible, vectors and SAI files, all accepted" {
	unpack cassandra-5.0-compat4
	check 0 "$TREE"
	expect migrate1 <<-END
		baskets accept
		embeddings accept
		masked accept
		nothing_yet accept
		products accept
		reviews accept
	END
	[ "$(summary '.counts.warn')" -eq 0 ]
	skipped | grep -q '^index-component .*SAI+aa+emb_ann+TermsData\.db$'
}

@test "fixtures: negatives, each table rejected for the one reason" {
	for version in cassandra-5.0-oa:new-version \
		cassandra-5.0-da:new-version byteordered-4.1:partitioner; do
		unpack "${version%:*}"
		check 1 "$TREE"
		expect migrate1 <<-END
			orders reject
			stock reject
		END
		[ "$(rules orders) $(rules stock)" = \
			"${version#*:} ${version#*:}" ]
	done
}

@test "fixtures: a pre-release is told, and nothing of it is wrong" {
	unpack snapshots-cassandra-4.0-alpha4
	for tag in $(find "$TREE" -path '*/snapshots/*' -prune -printf '%f\n' |
		sort -u); do
		check 0 --tag "$tag" "$TREE"
		# mv is a view, though its schema.cql says CREATE TABLE.
		jq -r 'select(.verdict == "warn") | "\(.rule) \(.path)"' \
			"$T/json" >"$T/warned"
		[ -s "$T/warned" ]
		run grep -vE '^(prerelease|odd-tag) |^looks-like-view .*/mv-|^dropped-column .*/dropped-' "$T/warned"
		[ -z "$output" ]
	done
}

@test "DIR may be any level, and is understood by its names" {
	unpack cluster-4.1-smart_home
	table=$(echo "$TREE"/node1/smart_home/devices-*)
	for dir in "$TREE/node1" "$TREE/node1/smart_home" "$table" \
		"$table/snapshots" "$table/snapshots/migrate1"; do
		check 0 "$dir"
		[ "$(verdicts migrate1 | head -n 1)" = "devices accept" ]
		[ "$(summary .nodes)" -eq 1 ]
	done
	[ "$(summary '"\(.tables) \(.sstables)"')" = "1 2" ]
	# From inside, and two tables of one node.
	(cd "$table/snapshots/migrate1" && check 0 .)
	check 0 "$table" "$TREE"/node1/smart_home/sensor*
	[ "$(summary '"\(.nodes) \(.tables)"')" = "1 2" ]
	# Twice the same is once.
	check 0 "$TREE" "$TREE/node1" "$table"
	[ "$(summary '"\(.nodes) \(.sstables) \(.files)"')" = "3 15 132" ]
	# The files alone, without a place.
	cp -r "$table/snapshots/migrate1" "$T/alone"
	check 0 "$T/alone"
	[ "$(summary .sstables)" -eq 2 ]
	rm "$T/alone/nb-1-big-Statistics.db"
	check 1 "$T/alone"
	[ "$(jq -r 'select(.verdict == "reject") | "\(.rule) \(.path)"' \
		"$T/json")" = "missing-component $T/alone/nb-1-big-Statistics.db" ]
}

@test "a staged copy, nodes with several disks, and one merged by mistake" {
	unpack cluster-4.1-smart_home
	for n in 1 2; do
		mkdir -p "$T/staged/node$n"
		(cd "$TREE/node$n" && cp -r --parents \
			smart_home/*/snapshots "$T/staged/node$n/")
	done
	check 0 "$T/staged"
	[ "$(summary '"\(.nodes) \(.sstables)"')" = "2 10" ]
	mkdir -p "$T/disks/node1/d1" "$T/disks/node1/d2"
	cp -r "$TREE/node2" "$T/disks/node2"
	cp -r "$TREE/node1/smart_home" "$T/disks/node1/d1/"
	mkdir "$T/disks/node1/d2/smart_home"
	mv "$T"/disks/node1/d1/smart_home/sensor* "$T/disks/node1/d2/smart_home/"
	check 0 "$T/disks"
	[ "$(summary '"\(.nodes) \(.tables) \(.sstables)"')" = "2 2 10" ]
	check 1 --one-node "$TREE/node1" "$TREE/node2"
	[[ $(rules devices) = *other-data* ]]
	# One node's files under two names are not taken for its two disks.
	cp -r "$T/staged/node1" "$T/staged/node3"
	check 1 "$T/staged"
	[ "$(summary .nodes)" -eq 3 ]
	found '.rule == "double-upload"'
	rm -r "$T/staged/node3"
	# A table that one node lacks.
	rm -r "$T"/staged/node2/smart_home/devices-*
	check 1 "$T/staged"
	jq -r 'select(.rule == "table-missing") | .path' "$T/json" |
		grep "^$T/staged/node2/smart_home/devices-"
}

@test "damage is found, named with its place, and ends with 1" {
	unpack cluster-4.1-smart_home
	dir=$(echo "$TREE"/node1/smart_home/sensor*/snapshots/migrate1)
	cp "$dir/nb-1-big-Data.db" "$T/whole"
	printf X | dd of="$T/whole" bs=1 seek=100 conv=notrunc status=none
	rm "$dir/nb-1-big-Data.db"
	cp "$T/whole" "$dir/nb-1-big-Data.db"
	check 1 --jobs 3 "$TREE"
	jq -r 'select(.verdict == "reject") | .path' "$T/json" | sort -u |
		diff - <(echo "$dir/nb-1-big-Data.db")
	found '.rule == "data-chunk" and (.message | contains("chunk 0 at"))'
	run -1 sideload-check "$TREE"
	[[ $output == *"reject $dir/nb-1-big-Data.db: "*"; "* ]]
	[[ ${lines[-1]} == "2 rejected, 0 warnings, 147 left out" ]]
	# A policy changes what it comes to, not that it is told.
	for rule in data-chunk digest-mismatch; do
		echo "$rule warn"
	done >"$T/policy"
	check 0 --policy "$T/policy" "$TREE"
	[ "$(summary .counts.reject)" -eq 0 ]
	[ "$(summary .counts.warn)" -ge 1 ]
}

@test "what the manifest lists is there, or may be an index's" {
	unpack cluster-4.1-smart_home
	dir=$(echo "$TREE"/node1/smart_home/devices*/snapshots/migrate1)
	rm "$dir"/nb-2-* "$dir"/schema.cql
	check 0 "$TREE"
	[ "$(rules devices)" = manifest-sstable ]
	rm -r "$dir/.roomidx"
	check 1 "$TREE"
	[ "$(rules devices)" = manifest-sstable ]
	found '.verdict == "reject" and
		(.path | endswith("/migrate1/nb-2-big-Data.db"))'
}

@test "the same whatever the number of workers" {
	unpack cluster-4.1-smart_home
	rm "$TREE"/node3/smart_home/*/snapshots/migrate1/nb-2-big-TOC.txt
	for jobs in 1 2 7; do
		check 0 --jobs "$jobs" "$TREE"
		jq -c 'del(.seconds)' "$T/json" >"$T/$jobs"
	done
	grep -q no-toc "$T/1"
	cmp "$T/1" "$T/2"
	cmp "$T/1" "$T/7"
}

@test "JSON: valid, five members a finding, one summary at the end" {
	unpack cluster-4.1-smart_home
	dir=$(echo "$TREE"/node1/smart_home/devices*/snapshots/migrate1)
	: >"$dir"/$'quo"te\\ \e[31m\n\xff.txt'
	check 1 "$TREE"
	jq -es 'all(type == "object")' "$T/json"
	jq -es '.[:-1] | all((keys == ["cure", "message", "path", "rule",
		"verdict"]) and all(.[]; type == "string"))' "$T/json"
	jq -es '.[:-1] | map(.verdict) | unique ==
		["accept", "reject", "skip"]' "$T/json"
	jq -es 'map(has("summary")) | (.[-1] and (.[:-1] | any | not))' "$T/json"
	jq -es '.[-1] | .counts.accept == 5 and .files == 132 and .bytes > 500000
		and (.seconds | type == "number") and .counts.unread == 0' "$T/json"
	found '.rule == "bad-name" and
		(.path | endswith("/quo\"te\\ ?[31m??.txt"))'
	# On a terminal neither.
	run -1 sideload-check "$TREE"
	[[ $output != *$'\e'* ]]
}

@test "nothing to upload is a rejection, and says so" {
	mkdir -p "$T/empty"
	check 1 "$T/empty"
	[ "$(jq -r 'select(.verdict) | "\(.rule) \(.path)"' "$T/json")" = \
		"nothing $T/empty" ]
	unpack cluster-4.1-smart_home
	check 1 --tag other "$TREE"
	[ "$(jq -r 'select(.rule == "nothing") | .path' "$T/json" | sort |
		xargs -n 1 basename | xargs)" = "node1 node2 node3" ]
	skipped | grep -q '^other-tag .*/snapshots/migrate1$'
}

@test "what cannot be read: 2, named, and nothing else is blamed" {
	unpack cluster-4.1-smart_home
	dir=$(echo "$TREE"/node1/smart_home/devices*/snapshots/migrate1)
	check 2 "$T/not-there"
	check 2 "$TREE/node1" "$T/not-there"
	[ "$(summary .nodes)" -eq 1 ]
	: >"$T/file"
	check 2 "$T/file"
	# Root may read all: it is root without the right to.
	drop=()
	if [ "$(id -u)" -eq 0 ]; then
		drop=(setpriv --inh-caps=-all --bounding-set=-all)
	fi
	chmod 000 "$dir/nb-1-big-Data.db" "$dir/nb-1-big-Statistics.db"
	run -2 "${drop[@]}" timeout 60 "$SL_BUILD/sideload-check" --json "$TREE"
	[ "$(grep -v '"skip"' <<<"$output" |
		jq -r 'select(.verdict == "reject") | "\(.rule) \(.path)"')" = \
		"unread $dir/nb-1-big-Data.db
unread $dir/nb-1-big-Statistics.db" ]
	chmod 000 "$dir"
	run -2 "${drop[@]}" timeout 60 "$SL_BUILD/sideload-check" --quiet "$TREE"
	[[ $output == *"unread $dir: it cannot be read: Permission denied"* ]]
	chmod 700 "$dir"
}

@test "links are not followed, and told" {
	unpack cluster-4.1-smart_home
	mkdir "$T/out"
	dir=$(echo "$TREE"/node1/smart_home/devices*/snapshots/migrate1)
	mv "$dir/nb-1-big-Data.db" "$T/out/"
	ln -s "$T/out/nb-1-big-Data.db" "$dir/nb-1-big-Data.db"
	check 1 "$TREE"
	found '.verdict == "warn" and (.path | endswith("Data.db")) and
		(.message | contains("symbolic link"))'
	jq -r 'select(.verdict == "reject") | .rule' "$T/json" |
		grep -qx missing-component
	# A loop, and DIR itself as a link.
	rm "$dir/nb-1-big-Data.db"
	mv "$T/out/nb-1-big-Data.db" "$dir/"
	ln -s "$TREE" "$TREE/node1/smart_home/loop"
	ln -s "$TREE" "$T/link"
	mkfifo "$dir/nb-9-big-Data.db"
	check 0 "$T/link"
	found '(.path | endswith("/nb-9-big-Data.db")) and
		(.message | contains("no regular file"))'
}

@test "snapshots without a table id, and those that cassandra made" {
	unpack cluster-4.1-smart_home
	table=$(echo "$TREE"/node1/smart_home/devices-*)
	tag=$table/snapshots/1690000000000
	mv "$table/snapshots/migrate1" "$tag"
	check 0 "$TREE/node1"
	skipped | grep -q "^machine-tag $tag\$"
	[ "$(summary .tables)" -eq 1 ]
	check 0 --tag '1[0-9]*' "$TREE/node1"
	[ "$(summary .sstables)" -eq 2 ]
	# Named itself, it is meant.
	check 0 "$tag"
	[ "$(summary .sstables)" -eq 2 ]
	# Of a table without an id.
	mv "$table" "$TREE/node1/smart_home/devices"
	# And of one before 2.2, with nothing above that says what it is.
	mkdir "$T/old"
	: >"$T/old/ks-table-ka-1-Data.db"
	check 1 "$T/old"
	found '.rule == "old-version"'
	mv "$TREE/node1/smart_home/devices/snapshots"/{1690000000000,migrate1}
	check 1 "$TREE/node1"
	found '.rule == "pre21-directory" and .verdict == "reject" and
		(.path | endswith("/devices/snapshots/migrate1"))'
}

@test "--schema: what must exist in the target" {
	unpack cluster-4.1-smart_home
	run -0 --separate-stderr sideload-check --schema "$TREE"
	[[ $output == *"CREATE TABLE IF NOT EXISTS smart_home.devices ("* ]]
	[[ $output == *"PRIMARY KEY (device_id, room_id, reading_timestamp)"* ]]
	[[ $output == *"(room_id ASC, reading_timestamp DESC);"* ]]
	[ -z "$stderr" ]
	# Nodes that differ: told, and not in the CQL.
	sed -i 's/reading_value double/reading_value text/' \
		"$TREE"/node2/smart_home/sensor*/snapshots/migrate1/schema.cql
	run --separate-stderr sideload-check --schema "$TREE"
	[[ $stderr == *"/node2/smart_home/sensor"*"/schema.cql: "* ]]
	[[ $output == *"reading_value double"* ]]
	[[ $output != *node2* ]]
	mkdir "$T/empty"
	run -1 --separate-stderr sideload-check --schema "$T/empty"
	[ -z "$output" ]
	[[ $stderr == "reject $T/empty: nothing "* ]]
}

@test "progress only on a terminal" {
	requires script
	unpack cluster-4.1-smart_home
	sideload-check "$TREE" >"$T/out" 2>"$T/err"
	[ ! -s "$T/err" ]
	grep -q '^0 rejected' "$T/out"
	script -qec "sideload-check '$TREE'" "$T/tty" >/dev/null
	grep -qE '\[#* *\] +[0-9]+% ' "$T/tty"
	script -qec "sideload-check --quiet '$TREE'" "$T/quiet" >/dev/null
	run -1 grep -E '\[#* *\] +[0-9]+% ' "$T/quiet"
}

@test "usage: wrong words end with 2 and are told; help and manual agree" {
	for words in '' '--jobs' '--jobs 0 /' '--jobs=x /' '--nonsense /' \
		'--json=1 /' '--schema --json /' '--tag a/b /' \
		'--policy /nonexistent /' '--policy / /'; do
		# shellcheck disable=SC2086
		run -2 timeout 20 sideload-check $words
		[[ $output == "sideload-check: "* ]]
		[ "${#lines[@]}" -eq 1 ]
	done
	echo 'no-such-rule warn' >"$T/policy"
	run -2 sideload-check --policy "$T/policy" /
	[[ $output == *"line 1: 'no-such-rule' is no rule"* ]]
	pod=$SL_ROOT/tools/sideload-check/sideload-check.1.pod
	diff <(sideload-check --help | grep -oE '^  --[a-z-]+' | tr -d ' ' |
		sort) <(sed -nE 's/^=item B<(--[a-z-]+)>.*/\1/p' "$pod" | sort)
	[ "$(sideload-check --version)" = \
		"$(sideloadctl --version | sed s/sideloadctl/sideload-check/)" ]
}
