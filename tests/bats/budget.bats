#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Memory is bounded, whatever is copied at once and however slow the store is;
# who waits gets on as soon as it may, and nobody waits for ever. Nothing here
# asserts how long a thing took, but for bounds far beyond what it takes;
# figures are printed ("make check-bats" keeps them in its logs).

load helpers

setup() {
	requires python3 jq curl
	m=$BATS_TEST_TMPDIR/m
	src=$BATS_TEST_TMPDIR/src
	dir=node1/ks/t-00112233445566778899aabbccddeeff/snapshots/s1
	PIDS=()
	mkdir -p "$src"
}

teardown() {
	[ ! -e "$BATS_TEST_TMPDIR/sim.ready" ] || sim_faults '' || true
	kill "${PIDS[@]}" 2>/dev/null || true
	[ -z "${OTHER_SIM:-}" ] || kill "$OTHER_SIM" 2>/dev/null || true
	sl_cleanup
}

# begin OPTION,...: the cloud, a mount and a migration.
begin() {
	sl_sim_start
	sl_mount "$m" "node=node1,$1"
	sl_begin "$m"
	mkdir -p "$m/$dir"
}

sim_faults() {
	local control
	control=$(sed -n 's/^control=//p' "$BATS_TEST_TMPDIR/sim.ready")
	curl -sf --data-binary "$1" "$control/faults" >/dev/null
}

# The store takes requests and answers none, until sim_faults ''.
no_acknowledgements() {
	sim_faults 'match=s3.put,s3.create,s3.part,s3.complete do=stall:600'
}

sanitized() { grep -qE '__(a|t)san_init' "$SL_BUILD/sideloadfs"; }

# memory_of FIELD: VmHWM or VmRSS of the daemon, MiB.
memory_of() {
	awk -v f="$1:" '$1 == f { print int($2 / 1024) }' \
		"/proc/${MOUNT_PID[$m]}/status"
}

# copies FROM TO SOURCE: cp SOURCE to that many numbered files, side by side.
copies() {
	local n
	for n in $(seq "$1" "$2"); do
		cp "$3" "$m/$dir/nb-$n-big-Blob.db" 3>&- &
		PIDS+=($!)
	done
}

# All of PIDS end with 0.
all_end_well() {
	local pid
	for pid in "${PIDS[@]}"; do
		wait "$pid" || return 1
	done
	PIDS=()
}

# all_equal FROM TO SOURCE: each is in the bucket, whole.
all_equal() {
	local n bucket
	bucket=$(sl_bucket "$m")/$dir
	for n in $(seq "$1" "$2"); do
		cmp "$3" "$bucket/nb-$n-big-Blob.db" || return 1
	done
}

blocked_at_least() { [ "$(status_of "$m" .local.blocked_writes)" -ge "$1" ]; }

# Nothing has moved for a second: memory is full, the writers wait.
stands_still() {
	local now last=
	while :; do
		now=$(status_of "$m" '[.local.budget.used,
			.local.blocked_writes] | join("/")')
		[ "$now" != "$last" ] || [ "${now#*/}" -lt "$1" ] || return 0
		last=$now
		sleep 1
	done
}

# robin COUNT BYTES: see writers.py; its answer in $said.
robin() {
	said=$(timeout 300 python3 "$BATS_TEST_DIRNAME/writers.py" robin \
		"$m/$dir" "$1" "$2") || return 1
	jq -c 'del(.sha256)' <<<"$said"
}

# What robin closed is in the bucket, and nothing else.
robin_is_there() {
	local bucket
	bucket=$(sl_bucket "$m")/$dir
	jq -r '.sha256 | to_entries[] | "\(.value)  \(.key)"' <<<"$said" |
		(cd "$bucket" && sha256sum -c --quiet) &&
		[ "$(find "$bucket" -type f | wc -l)" -eq \
			"$(jq .closed <<<"$said")" ]
}

@test "one process fills 40 files in turn" {
	begin memory=256
	robin 40 $((8 << 20))
	[ "$(jq -c '[.refused, .admitted, .closed]' <<<"$said")" = \
		'[null,40,40]' ]
	robin_is_there
	[ "$(status_of "$m" .local.files.committed)" -eq 40 ]
	[ "$(status_of "$m" .local.budget.used)" -eq 0 ]
	sl_umount "$m"
}

@test "one process fills 200 files in turn: the 52nd is told, 51 commit" {
	begin memory=256
	robin 200 $((6 << 20))
	[ "$(jq -c '[.refused, .refused_nth, .refused_closed, .admitted,
		.closed]' <<<"$said")" = '["ENOBUFS",52,false,51,51]' ]
	# Bounded by what was promised, 30 s, and a loaded machine.
	jq -e '.after_s < 60' <<<"$said"
	robin_is_there
	grep -q 'nb-52-big-Blob.db.*51 files at once' "$m/.errors"
	[ "$(status_of "$m" .local.files.open)" -eq 0 ]
	# It is copied again, now that others are closed.
	echo again >"$m/$dir/nb-52-big-Blob.db"
	sl_umount "$m"
}

@test "64 cp and a store that acknowledges nothing: memory is bounded" {
	begin memory=256
	head -c 6000000 /dev/urandom >"$src/f"
	no_acknowledgements
	copies 1 64 "$src/f"
	wait_for 60 blocked_at_least 1
	stands_still 1
	local blocked hwm
	blocked=$(status_of "$m" .local.blocked_writes)
	hwm=$(memory_of VmHWM)
	echo "# stalled: $blocked blocked writes, VmRSS $(memory_of VmRSS)" \
		"MiB, VmHWM $hwm MiB" >&3
	sanitized || [ "$hwm" -le $((256 + 64 + blocked)) ]
	# Nobody has been told that a file is there.
	local pid
	for pid in "${PIDS[@]}"; do
		kill -0 "$pid"
	done
	sim_faults ''
	all_end_well
	hwm=$(memory_of VmHWM)
	echo "# at the end: VmHWM $hwm MiB" >&3
	sanitized || [ "$hwm" -le $((256 + 64 + 64)) ]
	all_equal 1 64 "$src/f"
	sl_umount "$m"
}

@test "200 blocked writers: .status and ls answer, then all go through" {
	begin memory=32
	local other=node1/ks/u-00112233445566778899aabbccddeeff/snapshots/s1
	mkdir -p "$m/$other"
	echo here >"$m/$other/nb-1-big-Blob.txt"
	head -c 1300000 /dev/urandom >"$src/f"
	no_acknowledgements
	copies 1 240 "$src/f"
	wait_for 120 blocked_at_least 200
	local hwm blocked
	blocked=$(status_of "$m" .local.blocked_writes)
	hwm=$(memory_of VmHWM)
	echo "# $blocked blocked writes at memory=32: VmHWM $hwm MiB" >&3
	sanitized || [ "$hwm" -le $((32 + 64 + blocked)) ]
	timeout 120 python3 - "$m/.status" "$m/$other" <<-'P' >&3
		import os, subprocess, sys, time
		def worst(what):
		    took = []
		    for _ in range(20):
		        began = time.monotonic()
		        what()
		        took.append(time.monotonic() - began)
		    return max(took)
		status = worst(lambda: subprocess.run(
		    ["jq", ".", sys.argv[1]], check=True,
		    stdout=subprocess.DEVNULL))
		names = worst(lambda: os.listdir(sys.argv[2]) or sys.exit(1))
		print("# worst of 20: jq . .status %.3f s, listing %.3f s"
		      % (status, names))
		sys.exit(status > 5 or names > 5)
	P
	[ "$(ls "$m/$other")" = nb-1-big-Blob.txt ]
	blocked_at_least 200
	sim_faults ''
	all_end_well
	all_equal 1 240 "$src/f"
	sl_umount "$m"
}

@test "rsync --delay-updates of 4,000 files at memory=64" {
	requires rsync
	begin memory=64
	python3 - "$src" <<-'P'
		import os, random, sys
		r = random.Random(1)
		for n in range(4000):
		    with open("%s/nb-%d-big-Blob.db" % (sys.argv[1], n), "wb") as f:
		        f.write(r.randbytes(r.randrange(100, 30000)))
	P
	timeout 300 rsync -a --delay-updates "$src/" "$m/$dir/"
	diff -r "$src" "$(sl_bucket "$m")/$dir"
	[ "$(status_of "$m" .local.files.committed)" -eq 4000 ]
	[ -z "$(find "$SIM_DIR" -path '*/uploads/*')" ]
	sl_umount "$m"
}

@test "a bucket that stands still does not slow another mount, nor its own" {
	begin memory=64
	head -c 40000000 /dev/urandom >"$src/f"
	echo small >"$m/$dir/nb-9-big-Blob.txt"
	no_acknowledgements
	copies 1 4 "$src/f"
	wait_for 60 blocked_at_least 1
	# Another database, another cloud, the same host and state directory.
	local first=$m first_sim=$SIM_PID ready=$BATS_TEST_TMPDIR/sim.ready
	local first_dir=$SIM_DIR
	mv "$ready" "$ready.1"
	SIM_DIR=$BATS_TEST_TMPDIR/sim2
	sl_sim_start
	OTHER_SIM=$SIM_PID SIM_PID=$first_sim
	mv "$ready.1" "$ready"
	m=$BATS_TEST_TMPDIR/m2
	sl_mount "$m" "node=node1,memory=64,state=$first.state"
	sl_begin "$m"
	mkdir -p "$m/$dir"
	timeout 120 cp "$src/f" "$m/$dir/nb-1-big-Blob.db"
	all_equal 1 1 "$src/f"
	sl_umount "$m"
	# All the while the first stood still, and still answers.
	m=$first SIM_DIR=$first_dir
	blocked_at_least 1
	[ "$(status_of "$m" .local.files.committed)" -eq 1 ]
	timeout 20 ls "$m/$dir" | grep -q nb-9-big-Blob.txt
	[ "$(timeout 20 cat "$m/$dir/nb-9-big-Blob.txt")" = small ]
	timeout 20 mkdir "$m/node1/ks2"
	timeout 20 stat "$m/$dir/nb-1-big-Blob.db"
	sim_faults ''
	all_end_well
	all_equal 1 4 "$src/f"
	sl_umount "$m"
}

@test "small files get through between large ones" {
	begin memory=32,connections=4
	head -c 60000000 /dev/urandom >"$src/large"
	head -c 100000 /dev/urandom >"$src/small"
	# Slow enough that the large ones take longer than any small ones.
	sim_faults 'match=s3.part do=stall:1'
	copies 1 8 "$src/large"
	wait_for 60 blocked_at_least 6
	local n pid
	for n in 101 102 103; do
		timeout 120 cp "$src/small" "$m/$dir/nb-$n-big-Blob.db"
	done
	for pid in "${PIDS[@]}"; do
		kill -0 "$pid"
	done
	sim_faults ''
	all_end_well
	all_equal 1 8 "$src/large"
	all_equal 101 103 "$src/small"
	sl_umount "$m"
}
