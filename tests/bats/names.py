# SPDX-License-Identifier: Apache-2.0
"""Hard names for names.bats, where a shell would get in the way.

names.py make DIR           a snapshot with each name as tag and as file
names.py refused DIR        each name that no snapshot has must be refused
names.py same DIR OBJECTS   astra-sim's directory holds just the same keys
"""
import errno
import os
import sys
import urllib.parse

# A table has one tag only.
OF_TAG = b"node1/ks/t%d-00112233445566778899aabbccddeeff/snapshots/"
SNAPSHOTS = b"node1/ks/t-00112233445566778899aabbccddeeff/snapshots/"
TAKEN = [b"a" + bytes([c]) + b"b" for c in range(0x20, 0x7f)
         if bytes([c]) not in b"/0123456789"
         and not chr(c).isalpha()] + [
    b" ", b" lead", b"trail ", b"  ", b"-", b"-rf", b"--", b"...", b"..x",
    b"x..", b".dot", b"~", b"*", b"?", b"[a]", b"{a,b}", b"$HOME", b"$(id)",
    b"`id`", b"'", b'"', b"\\", b"%", b"%2F", b"%00", b"%-", b"a%", b"+",
    b"&amp;", b"<x>", b"]]>", b"#", b"a=b&c", b"A", b"a", b"aws-chunked",
    "caf\u00e9".encode(), "cafe\u0301".encode(), "\u6f22\u5b57".encode(),
    "\U0001f600".encode(), "\ufeff".encode(), "\u202e".encode(),
    "\u00e9".encode() * 127 + b"x", b"n" * 255, b"%" * 255,
]
REFUSED = [b"a" + bytes([c]) + b"b" for c in list(range(1, 0x20)) + [0x7f]] + [
    b"\xff", b"\xc3", b"a\xc3(b", b"\xc0\xaf", b"\xed\xa0\x80",
    b"\xf5\x80\x80\x80",
]


def put(path, data):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as out:
        out.write(data)


def make(top):
    for i, name in enumerate(TAKEN):
        put(os.path.join(top, OF_TAG % i, name, b"nb-1-big-Blob.db"), name)
        put(os.path.join(top, SNAPSHOTS, b"s", name), name + b"!")
    print(2 * len(TAKEN))


def must_refuse(what, call, path):
    try:
        call(path)
    except OSError as e:
        if e.errno == errno.EOPNOTSUPP:
            return
        sys.exit("%s %r: %s" % (what, path, e))
    sys.exit("%s %r was taken" % (what, path))


def refused(top):
    at = os.path.join(top, SNAPSHOTS)
    os.makedirs(os.path.join(at, b"s"))
    for name in REFUSED:
        must_refuse("mkdir", os.mkdir, os.path.join(at, name))
        must_refuse("create", lambda p: open(p, "wb").close(),
                    os.path.join(at, b"s", name))
    print(len(REFUSED))


def files(top):
    for path, _, names in os.walk(top):
        for name in names:
            yield os.path.relpath(os.path.join(path, name), top)


def same(top, objects):
    want = set(files(top))
    have = set()
    for rel in files(objects):
        key = urllib.parse.unquote_to_bytes(rel.replace(b"%-/", b""))
        have.add(key)
        with open(os.path.join(objects, rel), "rb") as a, \
                open(os.path.join(top, key), "rb") as b:
            if a.read() != b.read():
                sys.exit("%r differs" % key)
    if want != have:
        sys.exit("missing %r, extra %r" % (want - have, have - want))


{"make": make, "refused": refused, "same": same}[sys.argv[1]](
    *map(os.fsencode, sys.argv[2:]))
