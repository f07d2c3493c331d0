#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A whole migration, rehearsed on this machine: the real snapshot of a
# three-node cluster goes through three mounts into astra-sim, is launched and
# imported. Each command is printed before it runs, so that it can be done by
# hand; a real migration differs in the token, the database ID and in that
# api_url= and the endpoint are left out. Everything made here is removed.
#
#   sh tools/demo.sh [--cloud s3|gcs|azure]
#
# Programs are built into build/plain unless $SL_BUILD names others.
# SL_DEMO_TAMPER=flip|delete|add damages the bucket between copy and launch,
# behind the back of the mounts: the launch is refused then, and so this ends
# with an error.
set -eu
cd "$(dirname "$0")/.."

root=$(pwd)
demo=
sim=
cloud=s3

# Nothing that was begun here stays, however this ends.
cleanup() {
	status=$?
	trap - EXIT INT TERM
	cd "$root"
	if [ -n "$demo" ]; then
		for mnt in "$demo"/mnt1 "$demo"/mnt2 "$demo"/mnt3; do
			fusermount3 -u "$mnt" 2>/dev/null ||
				fusermount3 -uz "$mnt" 2>/dev/null || true
		done
	fi
	if [ -n "$sim" ]; then
		kill "$sim" 2>/dev/null || true
		wait "$sim" 2>/dev/null || true
	fi
	[ -z "$demo" ] || rm -rf "$demo"
	exit "$status"
}

say() { printf '\n# %s\n' "$*"; }

die() {
	printf '\ndemo: %s\n' "$*" >&2
	exit 1
}

# Prints a command line, then runs it.
run() {
	printf '$ %s\n' "$1"
	eval "$1" || die "this failed: $1"
}

prepare() {
	sh tools/setup-packages.sh build demo
	if [ -z "${SL_BUILD:-}" ]; then
		make -j2 all >/dev/null
		SL_BUILD=$root/build/plain
	fi
	PATH=$SL_BUILD:$PATH
	export PATH
	[ -c /dev/fuse ] || die "there is no /dev/fuse here"
	demo=$(mktemp -d)
	trap cleanup EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM
	cd "$demo"
}

start_cloud() {
	say "A cloud to rehearse with: the DevOps API and a bucket ($cloud)" \
		"over a directory"
	mkdir cloud mnt1 mnt2 mnt3
	run "astra-sim --cloud $cloud --dir cloud --ready-file ready >sim.log 2>&1 &"
	sim=$!
	tries=0
	until [ -s ready ]; do
		tries=$((tries + 1))
		if [ "$tries" -gt 200 ] || ! kill -0 "$sim" 2>/dev/null; then
			cat sim.log >&2
			die "astra-sim did not start"
		fi
		sleep 0.1
	done
	options=$(sed -n 's/^options=//p' ready)
	database=$(sed -n 's/^database=//p' ready)
	# The token is not printed, as it would not be with a real one.
	printf '$ export ASTRA_DB_APPLICATION_TOKEN=AstraCS:...\n'
	eval "$(grep '^export ASTRA_DB_APPLICATION_TOKEN=' ready)"
}

mount_node() {
	run "sideloadfs -o node=node$1,state=$demo/state$1,$options \\
    $database mnt$1"
}

begin() {
	say "The data directories of three Cassandra nodes, with a snapshot each"
	run "tar -xJf '$root/tests/data/cluster-4.1-smart_home.tar.xz'"
	run "ls node1 node1/smart_home"
	start_cloud
	say "On each node the migration directory is mounted"
	for n in 1 2 3; do mount_node "$n"; done
	say "The first begins a migration, the others join it"
	run "echo new > mnt1/.init"
	run "echo ReceivingFiles > mnt1/.wait"
	id=$(jq -r .migrationID mnt1/.status)
	for n in 2 3; do
		run "echo $id > mnt$n/.init"
		run "echo ReceivingFiles > mnt$n/.wait"
	done
}

# The byte at the offset becomes another.
flip() {
	old=$(od -An -tu1 -j"$2" -N1 "$1" | tr -d ' ')
	byte=$(printf '\\%03o' $(((old + 1) % 256)))
	# The format is the byte.
	# shellcheck disable=SC2059
	printf "$byte" | dd of="$1" bs=1 seek="$2" count=1 conv=notrunc \
		2>/dev/null
}

snapshot_file() {
	find node1 -name "$1" -path '*/snapshots/*' -path '*/smart_home/*' \
		-not -path '*/.*' | sort | head -n 1
}

check() {
	say "Before anything is sent: would the import take it?"
	run "sideload-check node1 node2 node3"
	say "The tables that the target database must have"
	run "sideload-check --schema node1"
}

refuse() {
	say "A broken file does not get in: one byte differs, and cp fails"
	data=$(snapshot_file nb-1-big-Data.db)
	info=${data%Data.db}CompressionInfo.db
	cp "$data" broken.db
	flip broken.db 100
	run "mkdir -p mnt1/${data%/*}"
	run "cp $info mnt1/$info"
	printf '$ %s\n' "cp broken.db mnt1/$data"
	! cp broken.db "mnt1/$data" || die "a broken file was taken"
	run "tail -n 1 mnt1/.errors"
}

copy() {
	say "Copy with the tools you have; what is no snapshot is left out"
	run "rsync -a node1/ mnt1/node1/"
	run "rsync -a node2/ mnt2/node2/"
	run "cp -r --preserve=timestamps node3 mnt3/"
	run "jq -c .local.files mnt1/.status mnt2/.status mnt3/.status"
	run "sideloadctl status mnt1"
	say "The other nodes' files are seen from each mount, after a while"
	run "timeout 60 sh -c 'until [ -d mnt1/node3 ]; do sleep 1; done'"
	run "find mnt1/node3 -name '*-Data.db' -path '*/snapshots/*'"
	say "What arrived is what was sent: a Data.db read back from the bucket"
	data=$(snapshot_file nb-1-big-Data.db)
	run "cmp $data mnt1/$data"
}

# Changes the bucket as nobody should, in astra-sim's own directory.
tamper() {
	object=$(find cloud/buckets -path '*/objects/*/node1/*' \
		-name '*-Data.db' | sort | head -n 1)
	[ -n "$object" ] || die "no object to damage"
	say "Behind the back of the mounts: $1"
	case $1 in
	flip) flip "$object" 0 ;;
	delete) rm "$object" ;;
	add) cp "$object" "$(dirname "$object")/nb-99-big-Data.db" ;;
	*) die "SL_DEMO_TAMPER is flip, delete or add" ;;
	esac
}

launch() {
	say "Launch: the gate compares what was sent with what is there"
	line='echo launch node1 node2 node3 > mnt1/.launch'
	printf '$ %s\n' "$line"
	if ! eval "$line"; then
		run "cat mnt1/.launch"
		die "the launch was refused"
	fi
	run "echo MigrationDone > mnt1/.wait"
	run "jq -r .status mnt1/.status"
}

finish() {
	say "Unmount: returns when all is committed and the daemon has gone"
	for n in 1 2 3; do run "sideloadctl umount mnt$n"; done
	say "The migration is done."
}

while [ $# -gt 0 ]; do
	case $1=${2:-} in
	--cloud=s3 | --cloud=gcs | --cloud=azure)
		cloud=$2
		shift 2
		;;
	*)
		echo "usage: sh tools/demo.sh [--cloud s3|gcs|azure]" >&2
		exit 2
		;;
	esac
done
prepare
begin
check
refuse
copy
[ -z "${SL_DEMO_TAMPER:-}" ] || tamper "$SL_DEMO_TAMPER"
launch
finish
