# SPDX-License-Identifier: Apache-2.0
"""Trees that are wrong as a whole, one for each rule that no damage of a
component brings about, and those that are right, of which no rule may warn.

A scene makes a tree (a dict of path and bytes) out of a healthy one; it is
given to sideload-check as a directory of nodes, unless the scene says how.
"""
import json
import os
import re
import stat
import subprocess
import tempfile

import bases
import formats as F
from bases import TAG

ID = "0123456789abcdef0123456789abcdef"
READINGS = "smart_home/sensor_readings-9effe7f0e6e011f1aadb4157f6ea276e"
DEVICES = "smart_home/devices-a0623710e6e011f1bf840d06878e994f"
HERE = "node1/%s/%s" % (READINGS, TAG)
ONE = HERE + "/nb-1-big-"
# Rules that no tree lying here can bring about, and what shows them.
ELSEWHERE = {
    "bad-node": "tests/unit/test_path.c: here nodes are given names",
}


def added(*names, content=b"x"):
    return lambda t: {**t, **{n: content for n in names}}


def moved(pattern, new):
    """Renamed by a regular expression, manifests with them."""
    def scene(t):
        return {re.sub(pattern, new, n): re.sub(
            pattern.encode(), new.replace("\\g", "\\\\g").encode(), b)
            if n.endswith("manifest.json") else b for n, b in t.items()}
    return scene


def copied(pattern, new):
    """What is below the first is also below the second."""
    return lambda t: {**t, **{re.sub(pattern, new, n): b
                              for n, b in t.items() if re.search(pattern, n)}}


def without(pattern):
    return lambda t: {n: b for n, b in t.items() if not re.search(pattern, n)}


def text(name, old, new):
    def scene(t):
        b = t[name]
        if old not in b:
            raise ValueError("%r is not in %s" % (old, name))
        return {**t, name: b.replace(old, new)}
    return scene


def schema(old, new):
    return text(HERE + "/schema.cql", old, new)


def statistics(change, version="nb", form="%s-1-big-Statistics.db"):
    def scene(t):
        s = F.Statistics(t[ONE + "Statistics.db"])
        change(s)
        name = HERE + "/" + form % version
        return {**t, name: s.bytes(version)}
    return scene


def stats(name, value):
    def change(s):
        s.stats[name] = value
    return change


def unfrozen(t):
    """A header that calls a user's type unfrozen, as Cassandra 3.0 did."""
    kind = (F.bytes_type(b"UserType") + b"(smart_home,706c616365,726f6f6d:" +
            F.bytes_type(b"UTF8Type") + b")")
    t = statistics(lambda s: s.header.regulars.append((b"spot", kind)))(t)
    return text(HERE + "/schema.cql", b"    PRIMARY KEY",
                b"    spot frozen<place>,\n    PRIMARY KEY")(
        schema(b"CREATE TABLE", b"CREATE TYPE smart_home.place (\n"
               b"    room text\n);\nCREATE TABLE")(t))


def compact(t):
    return schema(b"WITH ID", b"WITH COMPACT STORAGE\n    AND ID")(t)


def dropped(t):
    return schema(b"99p';", b"99p';\nALTER TABLE smart_home.sensor_readings "
                  b"DROP reading_value USING TIMESTAMP 1795399739967000;")(t)


def slice_of(t):
    """DSE 6.8: the zero-copy block of a part of an SSTable."""
    s = F.Statistics(t[ONE + "Statistics.db"])
    s.stats["slice"] = (b"\1" + F.struct.pack(">qqiq", 16384, 32768, 16384, 9)
                        + F.utf(b"k") + F.utf(b"z"))
    return {**t, HERE + "/bb-9-bti-Statistics.db": s.bytes("bb")}


def lookalike(t):
    """Before Cassandra 3.11.12 the schema.cql of a view said TABLE."""
    t = bases.converted(t, bases.to_me)
    view = "node1/smart_home/by_room-%s/%s/" % (ID, TAG)
    d = "node1/%s/%s/" % (DEVICES, TAG)
    cql = (b"CREATE TABLE IF NOT EXISTS smart_home.by_room (\n    room_id "
           b"uuid,\n    device_id uuid,\n    installed date,\n    PRIMARY "
           b"KEY (room_id, device_id)\n) WITH ID = %s;\n" % ID.encode())
    return {**t, **{n.replace(d, view): b for n, b in t.items()
                    if n.startswith(d)}, view + "schema.cql": cql}


def two_hosts(t):
    """One number under two versions, written by two hosts."""
    def get(c):
        return t[ONE.replace("node1", "node2") + c]
    form, parts = bases.to_me(get)
    return {**t, **{"%s/me-1-big-%s" % (HERE, c): b
                    for c, b in parts.items()}}


def encrypted_pages(t):
    """Partitions.db of a DSE 6.8 with encryption: pages with their CRCs."""
    page = os.urandom(4088) + F.struct.pack(">i", 4080)
    page += F.struct.pack(">I", F.crc32(page))
    return {**t, HERE + "/bb-7-bti-Partitions.db": page * 3}


# Rules that must be found, name, how the tree is made, options.
SCENES = (
    ("system-keyspace", "a system keyspace", added(
        "node1/system/local-%s/%s/nb-1-big-Data.db" % (ID, TAG)), ()),
    ("live-file", "live files", copied("/" + TAG, ""), ()),
    ("backups", "backups", copied("/" + TAG, "/backups"), ()),
    ("index-directory", "a secondary index", copied(
        "/migrate1/nb", "/migrate1/.by_room/nb"), ()),
    ("machine-tag", "snapshots that the node made", copied(
        "migrate1", "1795399739967"), ()),
    ("machine-tag", "a dropped table's", copied(
        "migrate1", "dropped-1795399736340-x"), ()),
    ("other-tag", "a tag that is not asked for", copied("migrate1", "b"),
     ("--tag", "migrate1")),
    ("index-component", "SAI and SASI", added(
        ONE + "SI_room.db", ONE + "SAI+aa+GroupComplete.db"), ()),
    ("no-table-id", "no table", added("node1/smart_home/paxos/b.meta"), ()),
    ("not-a-snapshot", "a file at the wrong place", added(
        "node1/%s/snapshots/a.txt" % READINGS), ()),
    ("ephemeral-marker", "a repair's mark", added(
        HERE + "/ephemeral.snapshot", content=b""), ()),
    ("bad-name", "a control byte", added(HERE + "/nb-1-\x01-big-Data.db"),
     ()),
    ("pre21-directory", "a table without id", moved(
        "(node1/.*/devices)-[0-9a-f]+", r"\g<1>"), ()),
    ("old-version", "Cassandra 2.2", moved("node1(.*)/nb-", r"node1\g<1>/la-"),
     ()),
    ("old-version", "Cassandra 2.1", added(
        HERE + "/smart_home-sensor_readings-ka-1-Data.db"), ()),
    ("new-version", "Cassandra 5.0", moved("node1(.*)/nb-",
                                           r"node1\g<1>/oa-"), ()),
    ("new-version", "BTI of Cassandra 5.0", moved(
        "node1(.*)/nb-([0-9]+)-big", r"node1\g<1>/da-\g<2>-bti"), ()),
    ("new-version", "a version of the future", moved(
        "node1(.*)/nb-", r"node1\g<1>/pa-"), ()),
    ("prerelease", "a pre-release", moved("node1(.*)/nb-",
                                          r"node1\g<1>/na-"), ()),
    ("scylla", "ScyllaDB", added(ONE + "Scylla.db"), ()),
    ("temporary", "an unfinished file", added(ONE + "Data.db.tmp"), ()),
    ("temporary", "an unfinished file of old", added(
        HERE + "/tmp-la-5-big-Data.db"), ()),
    ("transaction-log", "a transaction log", added(
        HERE + "/nb_txn_flush_7c210720-e6e3-11f1-b771-9b8f340ad727.log"), ()),
    ("unknown-file", "a stranger", added(HERE + "/notes.txt"), ()),
    ("unknown-component", "an unknown component", added(ONE + "Colour.db"),
     ()),
    ("odd-tag", "an odd tag", moved("migrate1", "my.tag-1"), ()),
    ("view", "a view", schema(b"CREATE TABLE IF NOT EXISTS",
                              b"CREATE MATERIALIZED VIEW IF NOT EXISTS"), ()),
    ("compact-storage", "COMPACT STORAGE", compact, ()),
    ("pending-repair", "a repair at work", statistics(
        stats("pending", b"\1" + bytes(range(16)))), ()),
    ("transient", "a transient replica", statistics(
        stats("transient", b"\1")), ()),
    ("legacy-counters", "old counters", statistics(
        stats("legacy", b"\1")), ()),
    ("slice", "a part of an SSTable", slice_of, ()),
    ("encrypted", "encrypted pages", encrypted_pages, ()),
    ("dropped-column", "a dropped column", dropped, ()),
    ("unfrozen-type", "an unfrozen type", unfrozen, ()),
    ("looks-like-view", "a table like a view", lookalike, ()),
    ("both-checksums", "CompressionInfo.db and CRC.db", added(
        ONE + "CRC.db", content=F.struct.pack(">iI", 65536, 1)), ()),
    ("second-tag", "two snapshots", copied("migrate1/", "migrate2/"), ()),
    ("same-sstable", "one SSTable in two snapshots", copied(
        "node1/.*/migrate1/", "node1/%s/snapshots/again/" % READINGS), ()),
    ("second-table-id", "two ids", copied(
        "a0623710e6e011f1bf840d06878e994f", ID), ()),
    ("second-table-id", "another id on another node", moved(
        "(node2.*)a0623710e6e011f1bf840d06878e994f", r"\g<1>" + ID), ()),
    ("other-data", "two nodes in one", lambda t: t, ("--one-node",)),
    ("host-ids", "SSTables of two hosts", two_hosts, ()),
    ("double-upload", "a node under two names", copied("^node1/", "node9/"),
     ()),
    ("no-checksums", "no CompressionInfo.db, and TOC.txt lies", lambda t:
     without(ONE + "CompressionInfo.db")(
         text(ONE + "TOC.txt", b"CompressionInfo.db\n", b"")(t)), ()),
    ("manifest-sstable", "an SSTable is not there", without(ONE), ()),
    ("no-manifest", "no manifest on one node", without(
        HERE + "/manifest.json"), ()),
    ("table-missing", "a table is not there", without("node2/" + READINGS),
     ()),
    ("schemas-differ", "schemas differ", schema(
        b"reading_value double", b"reading_value double,\n    more int"), ()),
    ("nothing", "nothing to import", without(TAG), ()),
    ("unread", "a file that may not be read", lambda t: t, ("closed",)),
)


def write(root, tree):
    for name, b in tree.items():
        path = os.path.join(root, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as f:
            f.write(b)


def check(program, root, options):
    args, how = list(options), {}
    if options == ("closed",):
        args = []
        os.chmod(os.path.join(root, ONE + "Data.db"), 0)
        os.chmod(root, stat.S_IRWXU | stat.S_IRWXG | stat.S_IRWXO)
        if os.getuid() == 0:
            how = {"user": 65534, "group": 65534, "extra_groups": []}
    dirs = sorted(os.listdir(root)) if "--one-node" in args else ["."]
    done = subprocess.run([program, "--json"] + args + dirs, cwd=root,
                          stdout=subprocess.PIPE, timeout=60, **how)
    found = [json.loads(l) for l in done.stdout.splitlines()]
    return done.returncode, [f for f in found if "rule" in f]


def exit_status(found):
    verdicts = {f["verdict"] for f in found}
    rules = {f["rule"] for f in found}
    return 2 if "unread" in rules else 1 if "reject" in verdicts else 0


def one(program, parent, tree, scene, tap):
    rule, what, make, options = scene
    root = tempfile.mkdtemp(dir=parent)
    os.chmod(parent, 0o755)
    # There must be something left that can be walked.
    os.makedirs(os.path.join(root, "node1"))
    write(root, make(tree))
    status, found = check(program, root, options)
    rules = {f["rule"] for f in found}
    wanted = exit_status(found)
    tap.test(rule in rules and status == wanted, "%s: %s" % (rule, what),
             ["found: " + ", ".join(sorted(rules)),
              "exit status %d, not %d" % (status, wanted)])
    return rules


def run(options, program, parent, tap):
    tree = {n: b for n, b in bases.cluster().items() if "/." not in n}
    seen = set()
    for scene in SCENES:
        if options.k in scene[0] + scene[1]:
            seen |= one(program, parent, tree, scene, tap)
    for name, healthy in bases.healthy():
        if options.k not in name:
            continue
        root = tempfile.mkdtemp(dir=parent)
        write(root, healthy)
        status, found = check(program, root, ())
        bad = [f for f in found if f["verdict"] in ("warn", "reject")]
        tap.test(not bad and status == 0, "%s is healthy" % name,
                 ["%(rule)s %(path)s: %(message)s" % f for f in bad])
    return seen


def check_rules(program, seen, tap):
    """Each rule of the table was found by some damage."""
    done = subprocess.run([program, "--rules"], stdout=subprocess.PIPE,
                          check=True, text=True)
    rules = [l.split()[0] for l in done.stdout.splitlines()
             if l.strip() and not l.startswith("#")]
    missed = [r for r in rules if r not in seen and r not in ELSEWHERE]
    tap.test(len(rules) > 70 and not missed,
             "each of %d rules was found by some damage" % len(rules), missed)
    stale = [r for r in ELSEWHERE if r in seen]
    tap.test(not stale, "what is shown elsewhere is not found here", stale)
