#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Ceph's S3 gateway for tests, out of Debian's packages:
#   sh rgw.sh DIR [later]
# Runs a monitor, a memory-backed OSD and radosgw in DIR (which must not
# exist) until it is told to end (TERM) or its parent is gone; then all of
# them are gone. Nothing leaves the loopback, no port is fixed. When the
# gateway can be used DIR/ready says, as NAME=VALUE lines:
#   endpoint        where it listens
#   later           one whose clock is 20 minutes ahead (when asked for)
#   bucket, prefix  what the roles may write to: only below prefix/, in any
#                   bucket whose name begins with ds-mig-; this one is there
#   access, secret  of the owner, who may do everything
#   role, lists     what AssumeRole takes; lists may see unfinished uploads
# rgw.py makes session credentials and signed requests of it.
# Why Ceph: it checks signatures, issues real session tokens with an end and a
# prefix, and ignores checksums that other stores keep.
# What it cannot show: it does not look at the region of a signature, says
# AccessDenied for tokens that have ended, InvalidArgument for those it cannot
# read, and 500 to a Complete of an upload that is gone.
set -u

dir=${1:?usage: rgw.sh DIR [later]}
mkdir "$dir" || exit 2
dir=$(cd "$dir" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
parent=$PPID
CEPH_CONF=$dir/ceph.conf
export CEPH_CONF
unset CEPH_ARGS http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY \
	ALL_PROXY
bucket=ds-mig-ceph
prefix=11112222-3333-4444-5555-666677778888/sstables
access=owner secret=owner-secret
pids=

# shellcheck disable=SC2317 # called by the traps
stop_all() {
	# Memory is all they keep: there is nothing that must be saved.
	# shellcheck disable=SC2086
	[ -z "$pids" ] || kill -KILL $pids 2>/dev/null
	pids=
	wait
}
trap stop_all EXIT
trap 'exit 143' TERM
trap 'exit 130' INT

# daemon NAME COMMAND...: in the background, its words in DIR/NAME.out; it
# does not outlive this script, even when that is killed.
daemon() {
	name=$1
	shift
	setpriv --pdeathsig KILL "$@" >"$dir/$name.out" 2>&1 </dev/null &
	last=$!
	pids="$pids $last"
}

say() {
	echo "rgw.sh: $*" >&2
}

# patient SECONDS COMMAND...: until it succeeds.
patient() {
	left=$(($1 * 10))
	shift
	until "$@" >"$dir/patient.out" 2>&1; do
		left=$((left - 1))
		[ "$left" -gt 0 ] || return 1
		sleep 0.1
	done
}

# A port below those that the kernel gives to whoever connects, so that only
# another test can be faster; then the start is repeated with another one.
some_port() {
	od -An -N2 -tu2 /dev/urandom | awk '{ print 20000 + $1 % 12000 }'
}

uuid() {
	cat /proc/sys/kernel/random/uuid
}

# Without cephx "secure" cannot work between the daemons, and radosgw would
# ask for it and hang.
write_conf() {
	cat >"$CEPH_CONF" <<-END
	[global]
	fsid = $fsid
	mon host = [v2:127.0.0.1:$mon_port/0]
	public addr = 127.0.0.1
	auth cluster required = none
	auth service required = none
	auth client required = none
	ms mon client mode = crc
	ms bind ipv6 = false
	ms bind msgr1 = false
	ms bind port min = 12000
	ms bind port max = 19999
	osd pool default size = 1
	osd pool default min size = 1
	osd pool default pg num = 1
	osd pool default pgp num = 1
	osd pool default pg autoscale mode = off
	osd crush chooseleaf type = 0
	osd crush initial weight = 1
	mon allow pool size one = true
	mon warn on pool no redundancy = false
	mon osd down out interval = 0
	mon data avail crit = 1
	mon data avail warn = 1
	paxos propose interval = 0.05
	paxos min wait = 0.01
	client mount timeout = 20
	run dir = $dir
	admin socket =
	pid file =
	keyring = $dir/keyring
	log file = $dir/\$name.log
	log to stderr = false
	log flush on exit = false
	mon cluster log file = $dir/cluster.log
	crash dir = $dir
	[mon.a]
	mon data = $dir/mon
	[osd.0]
	osd data = $dir/osd
	osd objectstore = memstore
	memstore device bytes = 4294967296
	osd op num shards = 2
	[client]
	rgw data = $dir/rgw
	rgw sts key = 0123456789abcdef
	rgw s3 auth use sts = true
	rgw gc obj min wait = 5
	rgw enable usage log = false
	rgw dynamic resharding = false
	rgw enable quota threads = false
	rgw run sync thread = false
	rgw enable lc threads = false
	rgw thread pool size = 64
	END
}

start_mon() {
	rm -rf "$dir/mon"
	mon_port=$(some_port)
	write_conf
	monmaptool --create --clobber --fsid "$fsid" \
		--addv a "[v2:127.0.0.1:$mon_port]" "$dir/monmap" \
		>"$dir/mkfs.out" 2>&1 &&
		ceph-mon --mkfs -i a --monmap "$dir/monmap" \
			>>"$dir/mkfs.out" 2>&1 || return 1
	daemon mon ceph-mon -f -i a
	patient 10 listens "$mon_port"
}

# listens PORT: is there somebody, and is the daemon that was to be there?
listens() {
	kill -0 "$last" 2>/dev/null || return 0
	grep -q "$(printf ':%04X 00000000:0000 0A' "$1")" /proc/net/tcp
}

# attempts COMMAND...: again while the daemon does not stay.
attempts() {
	try=0
	while [ $try -lt 5 ]; do
		"$@" && kill -0 "$last" 2>/dev/null && return 0
		try=$((try + 1))
	done
	return 1
}

start_osd() {
	osd_uuid=$(uuid)
	mkdir "$dir/osd" "$dir/rgw" &&
		ceph --connect-timeout 20 osd new "$osd_uuid" >"$dir/osd-new.out" 2>&1 &&
		ceph-osd -i 0 --mkfs --osd-uuid "$osd_uuid" \
			>>"$dir/mkfs.out" 2>&1 || return 1
	daemon osd ceph-osd -f -i 0
}

admin() {
	radosgw-admin "$@" >"$dir/admin.out" 2>&1 || {
		cat "$dir/admin.out" >&2
		return 1
	}
}

# What an upload may do, below the prefix only. Ceph does not know s3:prefix
# for the listing of unfinished uploads: that is granted whole or not at all.
policy() {
	cat <<-END
	{"Version":"2012-10-17","Statement":[
	{"Effect":"Allow","Action":["s3:PutObject","s3:GetObject",
	"s3:DeleteObject","s3:AbortMultipartUpload",
	"s3:ListMultipartUploadParts"],
	"Resource":["arn:aws:s3:::ds-mig-*/$prefix/*"]},
	$1
	{"Effect":"Allow","Action":["s3:ListBucket"],
	"Resource":["arn:aws:s3:::ds-mig-*"],
	"Condition":{"StringLike":{"s3:prefix":["$prefix/*","$prefix"]}}}]}
	END
}

trusts_owner() {
	cat <<-END
	{"Version":"2012-10-17","Statement":[{"Effect":"Allow",
	"Principal":{"AWS":["arn:aws:iam:::user/owner"]},
	"Action":["sts:AssumeRole"]}]}
	END
}

# make_role NAME [STATEMENT,]
make_role() {
	admin role create --role-name="$1" --path=/ \
		--assume-role-policy-doc="$(trusts_owner)" &&
		admin role-policy put --role-name="$1" --policy-name=p \
			--policy-doc="$(policy "$2")"
}

make_users() {
	admin user create --uid=owner --display-name=owner \
		--access-key="$access" --secret-key="$secret" &&
		make_role upload '' &&
		make_role lists '{"Effect":"Allow",
			"Action":["s3:ListBucketMultipartUploads"],
			"Resource":["arn:aws:s3:::ds-mig-*"]},'
}

# start_gateway NAME [COMMAND...]: with another clock, say.
start_gateway() {
	gateway=$1
	shift
	port=$(some_port)
	daemon "$gateway" "$@" radosgw -f -n "client.$gateway" \
		--rgw-frontends="beast endpoint=127.0.0.1:$port tcp_nodelay=1"
	patient 20 listens "$port"
}

make_bucket() {
	python3 "$here/rgw.py" request "$dir/ready.new" PUT "/$bucket" \
		</dev/null | grep -q '^200$'
}

tell() {
	cat >"$dir/ready.new" <<-END
	endpoint=$endpoint
	later=$later
	bucket=$bucket
	prefix=$prefix
	access=$access
	secret=$secret
	role=arn:aws:iam:::role/upload
	lists=arn:aws:iam:::role/lists
	END
}

faketime_library() {
	find /usr/lib -path '*/faketime/libfaketimeMT.so.1' 2>/dev/null |
		head -n 1
}

start_later() {
	library=$(faketime_library)
	if [ -z "$library" ]; then
		say "no libfaketime: no gateway with another clock"
		return 0
	fi
	attempts start_gateway later env "LD_PRELOAD=$library" \
		FAKETIME=+20m DONT_FAKE_MONOTONIC=1 || return 1
	later=http://127.0.0.1:$port
}

start_all() {
	fsid=$(uuid)
	later=
	attempts start_mon && start_osd && make_users &&
		attempts start_gateway rgw || return 1
	endpoint=http://127.0.0.1:$port
	tell
	patient 10 make_bucket || return 1
	[ "${1:-}" != later ] || start_later
}

if ! start_all "${2:-}"; then
	say "it does not start; what it said:"
	tail -n 15 "$dir"/*.out "$dir"/*.log >&2
	exit 1
fi
tell
mv "$dir/ready.new" "$dir/ready"
while [ -d "/proc/$parent" ]; do
	sleep 0.5
done
