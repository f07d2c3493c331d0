# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034
# For tests in which clients that we did not write, and a mount, read what the
# other put into the same bucket: real snapshots, an object of many parts, an
# empty one, and names that are written in many ways in a URL.

load helpers

setup() {
	T=$BATS_TEST_TMPDIR
	m=$T/m
	src=$T/src
	log=$T/requests
	# Not what the machine itself is set to.
	unset http_proxy https_proxy all_proxy no_proxy HTTP_PROXY \
		HTTPS_PROXY ALL_PROXY NO_PROXY
}
teardown() { sl_cleanup; }

peers_start() { # CLOUD
	sl_sim_start --cloud "$1" --init-delay 0 --log "$log"
	sl_unpack "$src"
	mount_it
	sl_begin "$m"
	ask_service >"$T/status"
	up=$(jq -r .uploadBucketDir "$T/status")
}

# With parts of 8 MiB, not of 16.
mount_it() { sl_mount "$m" node=node1,memory=64; }

# What the service says to whoever has the token.
ask_service() {
	curl -fsS -H @- "$(sed -n 's/^api_url=//p' \
		"$T/sim.ready")/v2/databases/$SL_DB/migrations/$(status_of \
		"$m" .migrationID)" \
		<<<"Authorization: Bearer $ASTRA_DB_APPLICATION_TOKEN"
}

# wanted NODE: its files that belong in the bucket, by another rule than the
# product's.
wanted() {
	(cd "$src" && find "$1" -type f -path '*/snapshots/*' \
		-not -path "$1/system*" -not -path '*/migrate1/.*' |
		LC_ALL=C sort)
}

# Beside the snapshot of a node: a table whose snapshot has an odd name, with a
# small file, an empty one, and one of BYTES.
add_odd_ones() { # NODE BYTES
	local odd=$1/ks/t-0123456789abcdef0123456789abcdef/snapshots
	odd="$odd/a+b c%20é&=~"
	big=$odd/nb-77-big-Blob.db
	mkdir -p "$src/$odd"
	echo odd >"$src/$odd/nb-71-big-Blob.db"
	: >"$src/$odd/nb-72-big-Blob.db"
	head -c "$2" /dev/urandom >"$src/$big"
}

# Through the mount, with cp; the big one by a pipe: nobody knows its size.
fill() {
	add_odd_ones node1 24000000
	wanted node1 | grep -vxF "$big" | (cd "$src" &&
		xargs -d '\n' cp --parents -t "$m")
	dd if="$src/$big" bs=1M status=none | cat >"$m/$big"
	[ "$(status_of "$m" .local.files.failed)" -eq 0 ]
	parts_are 3
}

# sizes NODE: "SIZE NAME" of each file of it that is wanted.
sizes() {
	(cd "$src" && wanted "$1" | xargs -d '\n' stat -c '%s %n')
}

# same_files DIR: holds just what node1 was to send, byte by byte.
same_files() {
	local file
	(cd "$1" && find . -type f -printf '%P\n' | LC_ALL=C sort) |
		diff <(wanted node1) - || return 1
	while read -r file; do
		cmp "$src/$file" "$1/$file" || return 1
	done < <(wanted node1)
}

# What is to be sent of node2 by another client: links to it below DIR.
foreign_node() { # DIR
	add_odd_ones node2 20000000
	(cd "$src" && wanted node2 | xargs -d '\n' cp -l --parents -t "$1")
}

# The mount shows all of node2 and nothing else, and reads the same bytes.
mount_shows_node2() {
	local file
	wait_for 30 shows_all
	while read -r file; do
		cmp "$src/$file" "$m/$file" || return 1
	done < <(wanted node2)
}

shows_all() {
	(cd "$m" && find node2 -type f -printf '%s %p\n' | sort -k 2) \
		>"$T/shown" 2>"$T/find" || return 1
	sizes node2 | sort -k 2 | cmp -s - "$T/shown"
}

# rclone with the remote "peer" that the environment describes.
rclone_() {
	RCLONE_CONFIG=/dev/null timeout 60 rclone --retries 1 "$@"
}

rclone_reads() { # REMOTE-DIRECTORY
	rclone_ lsf -R --files-only --format sp --separator ' ' "$1" |
		sort -k 2 | diff <(sizes node1 | sort -k 2) -
	rclone_ copy "$1" "$T/down"
	same_files "$T/down"
	# By its own sums where the store has them.
	rclone_ check "$T/down" "$1"
}

# When a mount was killed in the middle of a file.
kill_in_the_middle() { # NAME
	exec 7>"$m/$1"
	head -c 20000000 "$src/$1" >&7
	wait_for 30 parts_are 2
	kill -KILL "${MOUNT_PID[$m]}"
	exec 7>&- || true
	fusermount3 -uz "$m"
	wait "${MOUNT_PID[$m]}" || true
	unset "MOUNT_PID[$m]"
}

parts_are() { # AT LEAST
	[ "$(jq -r 'select(.kind == "s3.part" and .status < 300) | .n' \
		"$log" | wc -l)" -ge "$1" ]
}
