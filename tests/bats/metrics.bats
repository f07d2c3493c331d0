#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# .metrics: the format as Prometheus reads it, numbers that are true, counters
# that never go back.

load helpers

dir=node1/ks/t-00112233445566778899aabbccddeeff/snapshots/migrate1

setup() {
	sl_sim_start
	m=$BATS_TEST_TMPDIR/m
	sl_mount "$m"
}
teardown() { sl_cleanup; }

metric() { awk -v n="sideloadfs_$1" '$1 == n { print $2 }' "$m/.metrics"; }

# The rules of the text format 0.0.4, by hand, and our own of naming.
strict() {
	awk '
	function bad(why) { print FILENAME ":" NR ": " why ": " $0; failed = 1 }
	$1 == "#" && $2 == "HELP" {
		if (NF < 4 || $3 in help) bad("help")
		help[$3] = 1; next
	}
	$1 == "#" && $2 == "TYPE" {
		if (NF != 4 || $3 in type || !($3 in help)) bad("type")
		if ($4 != "counter" && $4 != "gauge") bad("kind")
		if (($4 == "counter") != ($3 ~ /_total$/)) bad("name of a counter")
		type[$3] = $4; last = $3; next
	}
	!/^[a-z_:][a-z0-9_:]*(\{[a-z_]+="([^"\\]|\\[\\"n])*"(,[a-z_]+="([^"\\]|\\[\\"n])*")*\})? (NaN|-?[0-9.]+(e[+-][0-9]+)?)$/ {
		bad("sample")
	}
	{
		name = $0; sub(/[{ ].*/, "", name)
		if (name != last) bad("not below its TYPE")
		key = $0; sub(/ [^ ]*$/, "", key)
		if (key in seen) bad("twice")
		seen[key] = 1
		if (type[name] == "counter" && $NF < 0) bad("negative")
	}
	END { if (!NR) failed = 1; exit failed }' "$1"
}

checked() {
	cat "$m/.metrics" >"$BATS_TEST_TMPDIR/metrics"
	strict "$BATS_TEST_TMPDIR/metrics" || return 1
	if command -v promtool >/dev/null; then
		promtool check metrics <"$BATS_TEST_TMPDIR/metrics" || return 1
	fi
	if python3 -c 'import prometheus_client' 2>/dev/null; then
		python3 - "$BATS_TEST_TMPDIR/metrics" <<'P' || return 1
import sys
from prometheus_client.parser import text_string_to_metric_families as parse
families = list(parse(open(sys.argv[1]).read()))
assert len(families) > 25, families
P
	fi
}

counters() {
	grep -E '^[a-z_]+_total[{ ]' "$m/.metrics" | LC_ALL=C sort
}

# Every counter of file $1 is in $2 and not smaller.
not_back() {
	awk 'NR == FNR { old[$1] = $2; next } { now[$1] = $2 }
	END { for (k in old) if (!(k in now) || now[k] < old[k]) {
		print k, old[k], now[k]; bad = 1 } exit bad }' "$1" "$2"
}

@test "valid without a migration, with one, and after a copy" {
	checked
	[ "$(metric 'migration_status{status="none"}')" -eq 1 ]
	sl_begin "$m"
	checked
	[ "$(metric 'migration_status{status="ReceivingFiles"}')" -eq 1 ]
	[ "$(metric 'migration_status{status="none"}')" -eq 0 ]
	mkdir -p "$m/$dir"
	head -c 3000000 /dev/urandom >"$BATS_TEST_TMPDIR/nb-1-big-Blob.db"
	cp "$BATS_TEST_TMPDIR/nb-1-big-Blob.db" "$m/$dir/"
	checked
	[ "$(metric 'files{state="committed"}')" -eq 1 ]
	[ "$(metric 'file_bytes{state="committed"}')" -eq 3000000 ]
	[ "$(metric uploaded_bytes_total)" -eq 3000000 ]
	[ "$(metric http_sent_bytes_total)" -ge 3000000 ]
	[ "$(metric 'http_requests_total{method="PUT",status="2xx"}')" -eq 1 ]
	[ "$(metric budget_limit_bytes)" -eq "$(status_of "$m" \
		.local.budget.total)" ]
	[ "$(metric api_up)" -eq 1 ]
	[ "$(metric ledger_up)" -eq 1 ]
	[ "$(metric credential_refreshes_total)" -ge 1 ]
	awk -v s="$(metric credential_expiry_seconds)" \
		'BEGIN { exit !(s > 60 && s < 90000) }'
	awk -v s="$(metric start_time_seconds)" -v now="$(date +%s)" \
		'BEGIN { exit !(s > now - 120 && s <= now + 1) }'
	cat "$m/$dir/nb-1-big-Blob.db" >/dev/null
	[ "$(metric read_bytes_total)" -eq 3000000 ]
	[ "$(metric read_fetched_bytes_total)" -eq 3000000 ]
	sl_umount "$m"
}

@test "trouble is counted by status and errno, and counters never go back" {
	sl_begin "$m"
	mkdir -p "$m/$dir"
	control=$(sed -n 's/^control=//p' "$BATS_TEST_TMPDIR/sim.ready")
	counters >"$BATS_TEST_TMPDIR/c1"
	curl -fsS -X POST --data-binary \
		'match=s3.put count=2 do=503:SlowDown' "$control/faults"
	echo x >"$m/$dir/nb-1-big-Blob.db"
	counters >"$BATS_TEST_TMPDIR/c2"
	not_back "$BATS_TEST_TMPDIR/c1" "$BATS_TEST_TMPDIR/c2"
	[ "$(metric http_throttled_total)" -eq 2 ]
	[ "$(metric 'http_requests_total{method="PUT",status="5xx"}')" -eq 2 ]
	[ "$(metric http_failed_attempts_total)" -ge 2 ]
	[ "$(grep -c '^sideloadfs_http_errors_total{' "$m/.metrics")" -ge 1 ]
	checked
	sl_umount "$m"
}

@test "another migration while a file is open: counters go on, copies too" {
	sl_begin "$m"
	mkdir -p "$m/$dir"
	head -c 30000000 /dev/urandom >"$BATS_TEST_TMPDIR/nb-1-big-Blob.db"
	cp "$BATS_TEST_TMPDIR/nb-1-big-Blob.db" "$m/$dir/"
	exec 7>"$m/$dir/nb-2-big-Blob.db"
	head -c 9000000 /dev/urandom >&7
	counters >"$BATS_TEST_TMPDIR/c1"
	status_of "$m" .migrationID >"$m/.abort"
	sl_begin "$m"
	checked
	counters >"$BATS_TEST_TMPDIR/c2"
	not_back "$BATS_TEST_TMPDIR/c1" "$BATS_TEST_TMPDIR/c2"
	run mkdir "$m/node1/ks2"
	[ "$status" -ne 0 ]
	exec 7>&-
	wait_for 10 mkdir -p "$m/$dir"
	# Nothing of the last one is there.
	[ "$(find "$m/node1" -type f | wc -l)" -eq 0 ]
	cp "$BATS_TEST_TMPDIR/nb-1-big-Blob.db" "$m/$dir/"
	cmp "$BATS_TEST_TMPDIR/nb-1-big-Blob.db" \
		"$(sl_bucket "$m")/$dir/nb-1-big-Blob.db"
	counters >"$BATS_TEST_TMPDIR/c3"
	not_back "$BATS_TEST_TMPDIR/c2" "$BATS_TEST_TMPDIR/c3"
	[ "$(metric uploaded_bytes_total)" -ge 60000000 ]
	checked
	sl_umount "$m"
}

@test "read often, and never written" {
	sl_begin "$m"
	for _ in {1..50}; do
		cat "$m/.metrics" >/dev/null
	done
	run bash -c "echo x >'$m/.metrics'"
	[ "$status" -ne 0 ]
	sl_umount "$m"
}
