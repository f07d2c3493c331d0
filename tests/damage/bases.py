# SPDX-License-Identifier: Apache-2.0
"""Healthy snapshots to be damaged: some as Cassandra wrote them, others made
of those in forms that the archive has not (uncompressed, of Cassandra 3.11,
of HCD). A tree is a dict of path and bytes.
"""
import json
import os
import re
import tarfile

import formats as F

HERE = os.path.dirname(os.path.abspath(__file__))
DATA = os.path.join(HERE, "..", "data")
TAG = "snapshots/migrate1"
COMPONENTS = ("CompressionInfo.db", "CRC.db", "Data.db", "Digest.crc32",
              "Filter.db", "Index.db", "Partitions.db", "Rows.db",
              "Statistics.db", "Summary.db", "TOC.txt")
TEXTS = ("manifest.json", "schema.cql")


def _files(path):
    with tarfile.open(path) as tar:
        names, links = {}, {}
        for m in tar:
            name = m.name[2:] if m.name.startswith("./") else m.name
            if m.isreg():
                names[name] = tar.extractfile(m).read()
            elif m.islnk():
                links[name] = m.linkname
    for name, to in links.items():
        names[name] = names[to[2:] if to.startswith("./") else to]
    return names


def archive(path):
    """Its snapshots, system keyspaces left out."""
    names = _files(path)
    return {n: b for n, b in sorted(names.items())
            if "/snapshots/" in n and "system" not in n.split("/")[1]}


def cluster():
    return archive(os.path.join(DATA, "cluster-4.1-smart_home.tar.xz"))


class Base:
    """One table of one node, and where to take other components from."""

    def __init__(self, name, tree, donors):
        self.name, self.tree, self.donors = name, tree, donors
        self.dir = os.path.dirname(next(n for n in tree if "-Data.db" in n))
        self.sstables = sorted({n[:-len("Data.db")] for n in tree
                                if n.endswith("-Data.db")})
        self.version = os.path.basename(self.sstables[0])[:2]
        self.bti = "-bti-" in self.sstables[0]

    def components(self):
        return [c for c in COMPONENTS
                if any(s + c in self.tree for s in self.sstables)]

    def part(self, sstable, component):
        return self.tree[sstable + component]


def tables_of(tree):
    """The directories of its snapshots, and the files in each."""
    ret = {}
    for name, b in tree.items():
        d, f = os.path.split(name)
        ret.setdefault(d, {})[f] = b
    return ret


def table(tree, node, part):
    """The files of one table, under their paths."""
    return {n: b for n, b in tree.items()
            if n.startswith(node + "/") and "/%s-" % part in n and
            not n.split("/")[5].startswith(".")}


# --- other forms of the same table

def _plain(get):
    c = F.Compression(get("CompressionInfo.db"))
    return b"".join(F.lz4(p) for p in c.chunks(get("Data.db")))


def to_plain(get):
    data, s = _plain(get), F.Statistics(get("Statistics.db"))
    s.stats["ratio"] = F.struct.pack(">d", -1)
    toc = get("TOC.txt").replace(b"CompressionInfo.db", b"CRC.db")
    return "nb-%s-big", {
        "CRC.db": F.crc_db(data), "Data.db": data,
        "Digest.crc32": F.digest(data), "Statistics.db": s.bytes(),
        "TOC.txt": toc, "Index.db": get("Index.db"),
        "Filter.db": get("Filter.db"), "Summary.db": get("Summary.db"),
    }


def _same(get, version, names):
    c = F.Compression(get("CompressionInfo.db"))
    if version == "me":
        c.limit = None
    ret = {n: get(n) for n in names}
    ret["CompressionInfo.db"] = c.bytes()
    ret["Statistics.db"] = F.Statistics(get("Statistics.db")).bytes(version)
    return ret


KEPT = ("Data.db", "Digest.crc32", "Filter.db", "TOC.txt")


def to_me(get):
    return "me-%s-big", _same(get, "me", KEPT + ("Index.db", "Summary.db"))


def to_bti(version):
    def make(get):
        ret = _same(get, version, KEPT)
        entries = F.index_entries(get("Index.db"))
        ret["Partitions.db"] = F.partitions_db(entries)
        ret["Rows.db"] = b""
        ret["TOC.txt"] = b"".join(b"%s\n" % n.encode() for n in
                                  list(ret)) + b"CompressionInfo.db\n"
        return version + "-%s-bti", ret
    return make


def converted(tree, make):
    """The tree with each SSTable made anew; ids and all else stay."""
    out = {}
    for d, files in tables_of(tree).items():
        for f, b in files.items():
            if f in TEXTS:
                out["%s/%s" % (d, f)] = b
            if not f.endswith("-Data.db"):
                continue
            old = f[:-len("-Data.db")]
            form, parts = make(lambda c, o=old: files["%s-%s" % (o, c)])
            new = form % old.split("-")[1]
            for c, part in parts.items():
                out["%s/%s-%s" % (d, new, c)] = part
            manifest = "%s/manifest.json" % d
            out[manifest] = out.get(manifest, files["manifest.json"]).replace(
                (old + "-Data.db").encode(), (new + "-Data.db").encode())
    return out


FORMS = (
    ("lz4", None),
    ("plain", to_plain),
    ("me", to_me),
    ("bti", to_bti("cc")),
)


def donors_of(tree, apart):
    """Components of SSTables that lie in none of 'apart'."""
    ret = {}
    for name, b in sorted(tree.items()):
        f = os.path.basename(name)
        if name not in apart and "/." not in name and f.count("-") >= 3:
            ret.setdefault(f.split("-", 3)[3], []).append(b)
    return ret


def standard():
    """The bases that are always there."""
    whole = {n: b for n, b in cluster().items() if "/." not in n}
    ret = []
    for name, make in FORMS:
        tree = converted(whole, make) if make else whole
        one = table(tree, "node1", "sensor_readings")
        ret.append(Base(name, one, donors_of(tree, one)))
    return ret


# --- material outside the repository

def _fixture(name):
    path = os.path.join(os.environ["SL_FIXTURES"], name + ".tar.xz")
    return archive(path) if os.path.exists(path) else {}


# Archive, node, table: one for each form that the standard ones have not.
OTHERS = (
    ("snappy", "oddities-4.1", "d1", "comp_snappy"),
    ("deflate", "oddities-4.1", "d1", "comp_deflate"),
    ("zstd", "oddities-4.1", "d1", "comp_zstd"),
    ("noop", "oddities-4.1", "d1", "comp_noop"),
    ("raw", "oddities-4.1", "d1", "rawchunks"),
    ("padded", "oddities-4.1", "d1", "raw_last"),
    ("compacted-lz4", "oddities-4.1", "d1", "compacted"),
    ("compacted-plain", "oddities-4.1", "d1", "uncompressed_compacted"),
    ("wide", "oddities-4.1", "d1", "wide"),
    ("collections", "oddities-4.1", "d1", "collections"),
    ("4.0", "cassandra-4.0", "node1", "metrics"),
    ("5.0", "cassandra-5.0-compat4", "node1", "reviews"),
)


def _as_node1(files, node):
    """One node, one tag; a manifest that lists what is there."""
    ret = {"node1" + n[len(node):]: b for n, b in files.items()
           if "/%s/" % TAG in n}
    d = os.path.dirname(next(iter(ret)))
    listed = [os.path.basename(n) for n in ret if n.endswith("-Data.db")]
    ret[d + "/manifest.json"] = json.dumps({"files": listed}).encode()
    return ret


def fixtures():
    if not os.environ.get("SL_FIXTURES"):
        return []
    ret, archives = [], {}
    for name, kept, node, part in OTHERS:
        if kept not in archives:
            archives[kept] = _fixture(kept)
        files = table(archives[kept], node, part)
        if not any(n.endswith("-Data.db") for n in files):
            continue
        # schema.cql may be in the other data directory.
        for n, b in archives[kept].items():
            if "/%s-" % part in n and n.endswith("%s/schema.cql" % TAG):
                files[node + n[n.index("/"):]] = b
        files = _as_node1(files, node)
        ret.append(Base("fixtures-" + name, files,
                        donors_of(archives[kept], files)))
    return ret


LEGACY = re.compile(r".*/legacy-sstables/(\w\w)/legacy_tables/"
                    r"legacy_\w\w_(simple|clust)/(\w\w-[^/]+)$")


def legacy():
    """(name, tree) of what DSE and HCD keep for their own tests: each version
    of BTI that is imported. The partitioner is made right, all but that one
    string is as it was written. (In the other format the order of keys would
    then be wrong.)
    """
    path = os.path.join(os.environ.get("SL_FIXTURES", ""),
                        "sstables-old-formats.tar.xz")
    trees = {}
    for n, b in _files(path).items() if os.path.exists(path) else ():
        m = LEGACY.match(n)
        if not m or m.group(1) > "cc":
            continue
        version, what, f = m.groups()
        if f.endswith("Statistics.db"):
            b = _murmur3(b, version)
        d = "node1/legacy/%s_%s-%032x/%s/" % (version, what, 7, TAG)
        trees.setdefault("%s %s" % (version, what), {})[d + f] = b
    return sorted(trees.items())


def _murmur3(b, version):
    parts = F.statistics_parts(b, version, True)
    parts[F.VALIDATION] = parts[F.VALIDATION].replace(
        F.utf(b"org.apache.cassandra.dht.ByteOrderedPartitioner"),
        F.utf(b"org.apache.cassandra.dht.Murmur3Partitioner"))
    return F.statistics_bytes(parts, version, True)


def healthy():
    """(name, tree) of what no rule may warn of."""
    whole = cluster()
    bare = {n: b for n, b in whole.items() if "/." not in n}
    yield "the cluster", whole
    for name, make in FORMS:
        if make:
            yield "the cluster as %s" % name, converted(bare, make)
    yield "the cluster as DSE's", converted(bare, to_bti("bb"))
    for b in fixtures():
        yield b.name, b.tree
    for name, tree in legacy():
        yield "fixtures-legacy %s" % name, tree
