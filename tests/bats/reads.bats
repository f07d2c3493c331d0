#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Reading back from the mount: every byte the object's whatever the store does
# meanwhile, one request for a small file, ranges side by side for a large
# one, and nothing that waits for ever.

load helpers

dir=node1/ks/t-00112233445566778899aabbccddeeff/snapshots/migrate1

setup() {
	sl_sim_start
	m=$BATS_TEST_TMPDIR/m
	big=$BATS_TEST_TMPDIR/nb-1-big-Blob.db
	sl_mount "$m"
	sl_begin "$m"
	mkdir -p "$m/$dir"
	control=$(sed -n 's/^control=//p' "$BATS_TEST_TMPDIR/sim.ready")
}
teardown() { sl_cleanup; }

copy_in() {
	head -c "$1" /dev/urandom >"$big"
	cp "$big" "$m/$dir/"
}

fault() { curl -fsS -X POST --data-binary "$1" "$control/faults" >/dev/null; }
metric() { awk -v n="sideloadfs_$1" '$1 == n { print $2 }' "$m/.metrics"; }

@test "faults in the middle of answers change no byte" {
	copy_in 40000000
	for line in 'match=s3.get after=1 every=2 count=6 do=cut-body' \
		'match=s3.get after=1 every=2 count=4 do=503:SlowDown' \
		'match=s3.get after=2 every=3 count=3 do=cut-before' \
		'match=s3.get after=1 count=2 do=stall:1' \
		'match=s3.get after=2 count=1 do=expire'; do
		fault "$line"
		cmp "$big" "$m/$dir/${big##*/}" || {
			echo "with $line"
			return 1
		}
	done
	fault '# none'
	sl_umount "$m"
}

@test "small files: one GET each, of just their size, and no HEAD" {
	mkdir "$BATS_TEST_TMPDIR/src"
	for i in {1..60}; do
		head -c $((i * 9000)) /dev/urandom \
			>"$BATS_TEST_TMPDIR/src/nb-$i-big-Blob.db"
	done
	cp "$BATS_TEST_TMPDIR"/src/* "$m/$dir/"
	(cd "$BATS_TEST_TMPDIR/src" && sha256sum ./*) >"$BATS_TEST_TMPDIR/sums"
	before=$(metric 'http_requests_total{method="HEAD",status="2xx"}')
	(cd "$m/$dir" && sha256sum --quiet -c "$BATS_TEST_TMPDIR/sums")
	[ "$(metric 'http_requests_total{method="HEAD",status="2xx"}')" = \
		"$before" ]
	[ "$(metric read_ahead_requests_total)" -eq 60 ]
	[ "$(metric read_single_requests_total)" -eq 0 ]
	[ "$(metric read_fetched_bytes_total)" -eq $((9000 * 60 * 61 / 2)) ]
	[ "$(metric read_ahead_used_bytes)" -eq 0 ]
	sl_umount "$m"
}

@test "a large file comes in few ranges, random reads in their own" {
	copy_in 60000000
	cmp "$big" "$m/$dir/${big##*/}"
	[ "$(metric read_ahead_requests_total)" -le 30 ]
	[ "$(metric read_fetched_bytes_total)" -le 64000000 ]
	before=$(metric read_fetched_bytes_total)
	python3 - "$big" "$m/$dir/${big##*/}" <<'P'
import os, sys
a, b = (os.open(p, os.O_RDONLY) for p in sys.argv[1:])
os.posix_fadvise(b, 0, 0, os.POSIX_FADV_RANDOM)
for i in range(40):
    at = (i * 7919 + 5000) % 14000 * 4096
    assert os.pread(a, 4096, at) == os.pread(b, 4096, at), at
P
	# 40 pages; the kernel may ask for a little more than one at a time.
	[ $(($(metric read_fetched_bytes_total) - before)) -le 6000000 ]
	sl_umount "$m"
}

@test "16 copies back side by side, in bounded memory" {
	for i in {1..16}; do
		head -c 6000000 /dev/urandom >"$BATS_TEST_TMPDIR/nb-$i-big-Blob.db"
	done
	cp "$BATS_TEST_TMPDIR"/nb-* "$m/$dir/"
	mkdir "$BATS_TEST_TMPDIR/back"
	pids=()
	for i in {1..16}; do
		cp "$m/$dir/nb-$i-big-Blob.db" "$BATS_TEST_TMPDIR/back/" 3>&- &
		pids+=($!)
	done
	[ "$(metric read_ahead_used_bytes)" -le "$(metric \
		read_ahead_limit_bytes)" ]
	for pid in "${pids[@]}"; do
		wait "$pid"
	done
	for i in {1..16}; do
		cmp "$BATS_TEST_TMPDIR/nb-$i-big-Blob.db" \
			"$BATS_TEST_TMPDIR/back/nb-$i-big-Blob.db"
	done
	sl_umount "$m"
}

@test "an object that is replaced or removed meanwhile never gives mixed bytes" {
	copy_in 60000000
	run python3 - "$m/$dir/${big##*/}" "$(sl_bucket "$m")/$dir/${big##*/}" \
		"$big" <<'P'
import errno, os, sys
mount, bucket, source = sys.argv[1:]
want = open(source, "rb").read()
for how in "replace", "remove":
    fd = os.open(mount, os.O_RDONLY)
    got = os.read(fd, 131072)
    if how == "replace":
        with open(bucket + ".new", "wb") as f:
            f.write(os.urandom(len(want)))
        os.rename(bucket + ".new", bucket)
    else:
        os.unlink(bucket)
    try:
        while True:
            more = os.read(fd, 131072)
            if not more:
                break
            got += more
        sys.exit("no error at all after " + how)
    except OSError as e:
        print(how, errno.errorcode[e.errno])
    if how == "replace":
        assert want.startswith(got), "mixed bytes"
    os.close(fd)
P
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output == *"replace EIO"* ]]
	grep -q 'replaced while' "$m/.errors"
	sl_umount "$m"
}

@test "cp that waits for bytes ends on INT, and unmounting ends the waiting" {
	copy_in 30000000
	fault 'match=s3.get do=stall:60'
	env --default-signal=INT cp "$m/$dir/${big##*/}" /dev/null 3>&- &
	copy=$!
	wait_for 20 waiting
	kill -INT "$copy"
	SECONDS=0
	wait "$copy" && return 1
	[ "$SECONDS" -lt 20 ]
	cat "$m/$dir/${big##*/}" >/dev/null 3>&- &
	copy=$!
	wait_for 20 waiting
	kill -TERM "${MOUNT_PID[$m]}"
	wait "${MOUNT_PID[$m]}"
	unset "MOUNT_PID[$m]"
	wait "$copy" && return 1
	sl_check_log "$m.log"
}
waiting() { [ "$(metric read_waiting)" -gt 0 ]; }

@test "a daemon killed under 16 readers leaves none of them waiting" {
	copy_in 30000000
	fault 'match=s3.get do=stall:60'
	pids=()
	for _ in {1..16}; do
		cat "$m/$dir/${big##*/}" >/dev/null 2>&1 3>&- &
		pids+=($!)
	done
	wait_for 20 all_waiting
	kill -KILL "${MOUNT_PID[$m]}"
	for pid in "${pids[@]}"; do
		wait_for 10 sl_gone "$pid"
		wait "$pid" && return 1
	done
	fusermount3 -uz "$m"
	unset "MOUNT_PID[$m]"
}
all_waiting() { [ "$(metric read_waiting)" -ge 16 ]; }

@test "a private mapping works, a shared one is refused, not corrupt" {
	copy_in 3000000
	python3 - "$m/$dir/${big##*/}" "$big" <<'P'
import mmap, sys
want = open(sys.argv[2], "rb").read()
f = open(sys.argv[1], "rb")
p = mmap.mmap(f.fileno(), 0, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ)
assert p[:] == want
try:
    s = mmap.mmap(f.fileno(), 0, flags=mmap.MAP_SHARED, prot=mmap.PROT_READ)
    assert s[:] == want
except OSError:
    pass
P
	sl_umount "$m"
}

# What is copied or read back does not push the database's pages out.
cached() { fincore -n -r -b -o PAGES "$1"; }

@test "neither what is written nor what is read stays in the page cache" {
	requires fincore
	copy_in 20000000
	exec 7<"$m/$dir/${big##*/}"
	[ "$(cached "$m/$dir/${big##*/}")" -eq 0 ]
	cmp "$big" "$m/$dir/${big##*/}"
	[ "$(cached "$m/$dir/${big##*/}")" -eq 0 ]
	[ "$(cached "$big")" -gt 0 ]
	exec 7<&-
	sl_umount "$m"
}
