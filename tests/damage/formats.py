# SPDX-License-Identifier: Apache-2.0
"""Readers and writers of SSTable components, only as much as damaging them
needs. Written from the description of the formats, apart from the parsers
that are tested with them: an error that both had would hide itself.
"""
import struct
import zlib

M64 = (1 << 64) - 1


def crc32(b):
    return zlib.crc32(b) & 0xffffffff


class Reader:
    def __init__(self, b, at=0):
        self.b, self.at = b, at

    def take(self, n):
        if n < 0 or self.at + n > len(self.b):
            raise ValueError("ends too early")
        self.at += n
        return self.b[self.at - n:self.at]

    def num(self, form):
        return struct.unpack(">" + form,
                             self.take(struct.calcsize(">" + form)))[0]

    def vint(self):
        first, n = self.num("B"), 0
        while n < 8 and first & 0x80 >> n:
            n += 1
        value = first & 0xff >> n
        for c in self.take(n):
            value = value << 8 | c
        return value

    def utf(self):
        return self.take(self.num("H"))

    def text(self):
        return self.take(self.vint())

    def left(self):
        return len(self.b) - self.at


def vint(v):
    for n in range(9):
        if n == 8 or v < 1 << 7 * (n + 1):
            break
    if n == 8:
        return b"\xff" + v.to_bytes(8, "big")
    b = bytearray(v.to_bytes(n + 1, "big"))
    b[0] |= 0xff << 8 - n & 0xff
    return bytes(b)


def utf(b):
    return struct.pack(">H", len(b)) + b


def text(b):
    return vint(len(b)) + b


def bytes_type(name):
    """The class that a CQL type is."""
    return b"org.apache.cassandra.db.marshal." + name


# --- CompressionInfo.db, CRC.db and the chunks of Data.db

class Compression:
    def __init__(self, b, limit=True):
        r = Reader(b)
        self.name = r.utf()
        self.options = [(r.utf(), r.utf()) for _ in range(r.num("i"))]
        self.chunk = r.num("i")
        self.limit = r.num("i") if limit else None
        self.length = r.num("q")
        self.offsets = [r.num("q") for _ in range(r.num("i"))]

    def bytes(self, count=None):
        b = utf(self.name) + struct.pack(">i", len(self.options))
        b += b"".join(utf(k) + utf(v) for k, v in self.options)
        b += struct.pack(">i", self.chunk)
        if self.limit is not None:
            b += struct.pack(">i", self.limit)
        n = len(self.offsets) if count is None else count
        b += struct.pack(">qi", self.length, n)
        return b + b"".join(struct.pack(">q", o) for o in self.offsets)

    def chunks(self, data):
        ends = self.offsets[1:] + [len(data)]
        return [data[a:b - 4] for a, b in zip(self.offsets, ends)]


def join_chunks(payloads):
    """Data.db of these chunks, and their offsets."""
    out, offsets = bytearray(), []
    for p in payloads:
        offsets.append(len(out))
        out += p + struct.pack(">I", crc32(p))
    return bytes(out), offsets


def _more(payload, at, n):
    """A length of LZ4: 15 goes on in the bytes behind."""
    while n >= 15:
        n, at = n + payload[at], at + 1
        if payload[at - 1] != 255:
            break
    return at, n


def lz4(payload):
    """What a chunk of LZ4Compressor holds."""
    out, at = bytearray(), 4
    while at < len(payload):
        token = payload[at]
        at, n = _more(payload, at + 1, token >> 4)
        out += payload[at:at + n]
        at += n
        if at >= len(payload):
            break
        back = payload[at] | payload[at + 1] << 8
        at, n = _more(payload, at + 2, token & 15)
        for _ in range(n + 4):
            out.append(out[-back])
    if len(out) != struct.unpack("<I", payload[:4])[0]:
        raise ValueError("an LZ4 chunk holds other than it says")
    return bytes(out)


def crc_db(data, block=65536):
    words = [crc32(data[i:i + block]) for i in range(0, len(data), block)]
    return struct.pack(">i%dI" % len(words), block, *words)


def digest(data):
    return b"%d" % crc32(data)


# --- Index.db, Summary.db, Filter.db

def index_entries(b):
    """(key, position, promoted index) of each partition."""
    r, ret = Reader(b), []
    while r.left():
        ret.append((r.utf(), r.vint(), r.text()))
    return ret


def index_bytes(entries):
    return b"".join(utf(k) + vint(p) + text(x) for k, p, x in entries)


class Summary:
    def __init__(self, b):
        r = Reader(b)
        self.interval, n, size, self.level, self.full = (
            r.num(f) for f in "iiqii")
        area = r.take(size)
        at = list(struct.unpack("<%dI" % n, area[:4 * n])) + [size]
        self.entries = [
            (area[a:z - 8], struct.unpack("<q", area[z - 8:z])[0])
            for a, z in zip(at, at[1:])]
        self.first, self.last = r.take(r.num("i")), r.take(r.num("i"))

    def bytes(self):
        n = len(self.entries)
        at, heads, body = 4 * n, b"", b""
        for key, position in self.entries:
            heads += struct.pack("<I", at)
            body += key + struct.pack("<q", position)
            at += len(key) + 8
        return (struct.pack(">iiqii", self.interval, n, at, self.level,
                            self.full) + heads + body +
                b"".join(struct.pack(">i", len(k)) + k
                         for k in (self.first, self.last)))


# --- Statistics.db

VALIDATION, COMPACTION, STATS, HEADER = range(4)


def checked(version, bti):
    return bti or version >= "na"


def statistics_parts(b, version, bti):
    r = Reader(b)
    n, ck = r.num("i"), checked(version, bti)
    if ck:
        r.take(4)
    toc = [(r.num("i"), r.num("i")) for _ in range(n)]
    ends = [o for _, o in toc[1:]] + [len(b)]
    return {kind: b[o:end - (4 if ck else 0)]
            for (kind, o), end in zip(toc, ends)}


def statistics_bytes(parts, version, bti):
    ck = checked(version, bti)
    n = struct.pack(">i", len(parts))
    at = 4 + 8 * len(parts) + (8 if ck else 0)
    toc, body = b"", b""
    for kind, payload in sorted(parts.items()):
        toc += struct.pack(">ii", kind, at + len(body))
        body += payload
        if ck:
            body += struct.pack(">I", crc32(payload))
    if not ck:
        return n + toc + body
    return (n + struct.pack(">I", crc32(n)) + toc +
            struct.pack(">I", crc32(n + toc)) + body)


def _array(each):
    def read(r):
        n = r.num("i")
        r.take(n * each)
    return read


def _bytes(n):
    return lambda r: r.take(n)


def _tombstones(r):
    r.num("i")
    _array(16)(r)


def _bound(r):
    for _ in range(r.num("i")):
        r.utf()


def _flagged(n):
    return lambda r: r.take(n if r.num("B") else 0)


# Fields of STATS as nb has them, in order: those that are read here.
NB = [
    ("sizes", _array(16)), ("cells", _array(16)), ("log_end", _bytes(12)),
    ("times", _bytes(32)), ("ratio", _bytes(8)),
    ("tombstones", _tombstones), ("level", _bytes(4)),
    ("repaired", _bytes(8)), ("min_clustering", _bound),
    ("max_clustering", _bound), ("legacy", _bytes(1)),
    ("columns_set", _bytes(8)), ("rows", _bytes(8)),
    ("log_begin", _bytes(12)), ("intervals", _array(24)),
    ("pending", _flagged(16)), ("transient", _bytes(1)),
    ("host", _flagged(16)),
]
# Those of other versions, by the names above and what nb has not.
HEAD = ["sizes", "cells", "log_end", "times", "ratio", "tombstones", "level",
        "repaired"]
TAIL = ["legacy", "columns_set", "rows", "log_begin", "intervals"]
BOUNDS = ["min_clustering", "max_clustering"]
FIELDS = {
    "me": HEAD + BOUNDS + TAIL + ["host"],
    "nb": [name for name, _ in NB],
    "bb": HEAD + ["covered"] + TAIL +
          ["pending", "slice", "nodesync", "column_sizes", "deletions",
           "host"],
    "cc": HEAD + ["covered"] + TAIL +
          ["pending", "transient", "deletions", "host", "token_space"],
}
ABSENT = {
    # No types; two bounds (kinds 0 and 7) of no values.
    "covered": vint(0) + b"\0\0\0\7\0\0",
    "slice": b"\0", "nodesync": bytes(8), "column_sizes": bytes(4),
    "deletions": b"\0", "token_space": struct.pack(">d", float("nan")),
}


def stats_fields(payload):
    r, ret = Reader(payload), dict(ABSENT)
    for name, read in NB:
        start = r.at
        read(r)
        ret[name] = payload[start:r.at]
    if r.left():
        raise ValueError("bytes after the last field")
    return ret


def stats_bytes(fields, version):
    return b"".join(fields[name] for name in FIELDS[version])


class Header:
    def __init__(self, payload):
        r = Reader(payload)
        self.times = [r.vint() for _ in range(3)]
        self.key = r.text()
        self.clustering = [r.text() for _ in range(r.vint())]
        self.statics = [(r.text(), r.text()) for _ in range(r.vint())]
        self.regulars = [(r.text(), r.text()) for _ in range(r.vint())]
        if r.left():
            raise ValueError("bytes after the header")

    def bytes(self):
        def columns(l):
            return vint(len(l)) + b"".join(text(a) + text(b) for a, b in l)
        return (b"".join(map(vint, self.times)) + text(self.key) +
                vint(len(self.clustering)) +
                b"".join(map(text, self.clustering)) +
                columns(self.statics) + columns(self.regulars))


class Statistics:
    """Statistics.db of 'nb' taken apart; bytes() in any version of FIELDS."""

    def __init__(self, b):
        parts = statistics_parts(b, "nb", False)
        r = Reader(parts[VALIDATION])
        self.partitioner, self.fp = r.utf(), r.num("d")
        self.compaction = parts[COMPACTION]
        self.stats = stats_fields(parts[STATS])
        self.header = Header(parts[HEADER])

    def bytes(self, version="nb"):
        return statistics_bytes({
            VALIDATION: utf(self.partitioner) + struct.pack(">d", self.fp),
            COMPACTION: self.compaction,
            STATS: stats_bytes(self.stats, version),
            HEADER: self.header.bytes(),
        }, version, version in ("bb", "cc"))


# --- Murmur3Partitioner, and the trie of Partitions.db

def _rot(v, n):
    return (v << n | v >> 64 - n) & M64


def _mix(v):
    v = (v ^ v >> 33) * 0xff51afd7ed558ccd & M64
    v = (v ^ v >> 33) * 0xc4ceb9fe1a85ec53 & M64
    return v ^ v >> 33


def token(key):
    c1, c2, h1, h2 = 0x87c37b91114253d5, 0x4cf5ad432745937f, 0, 0
    whole = len(key) // 16 * 16
    for i in range(0, whole, 16):
        k1, k2 = struct.unpack("<QQ", key[i:i + 16])
        h1 ^= _rot(k1 * c1 & M64, 31) * c2 & M64
        h1 = ((_rot(h1, 27) + h2) * 5 + 0x52dce729) & M64
        h2 ^= _rot(k2 * c2 & M64, 33) * c1 & M64
        h2 = ((_rot(h2, 31) + h1) * 5 + 0x38495ab5) & M64
    k1 = k2 = 0
    for i, c in enumerate(key[whole:]):
        c = c - 256 & M64 if c > 127 else c  # bytes are signed there
        if i < 8:
            k1 ^= c << 8 * i & M64
        else:
            k2 ^= c << 8 * (i - 8) & M64
    h2 ^= _rot(k2 * c2 & M64, 33) * c1 & M64
    h1 ^= _rot(k1 * c1 & M64, 31) * c2 & M64
    h1, h2 = h1 ^ len(key), h2 ^ len(key)
    h1 = h1 + h2 & M64
    h2 = h2 + h1 & M64
    h1, h2 = _mix(h1), _mix(h2)
    h1 = h1 + h2 & M64
    return h1 - (1 << 64) if h1 >> 63 else h1


def in_order(keys):
    l = [(token(k), k) for k in keys]
    return l == sorted(l)


def _trie(out, items, depth):
    """Writes the nodes of these (bytes, position); returns the last's place.
    """
    if len(items) == 1:
        position = (~items[0][1]).to_bytes(4, "big", signed=True)
        out += bytes([8 + 3, items[0][0][-1]]) + position
        return len(out) - 6
    groups = {}
    for key, position in items:
        groups.setdefault(key[depth], []).append((key, position))
    places = [(c, _trie(out, l, depth + 1)) for c, l in sorted(groups.items())]
    at = len(out)
    if len(places) == 1:  # one child, 16 bits
        out += struct.pack(">BBH", 0x40, places[0][0], at - places[0][1])
    else:  # sparse, 16 bits
        out += bytes([0x70, len(places)]) + bytes(c for c, _ in places)
        out += b"".join(struct.pack(">H", at - p) for _, p in places)
    return at


def partitions_db(entries):
    items = [((token(k) + (1 << 63)).to_bytes(8, "big") + b"\0", p)
             for k, p, _ in entries]
    out = bytearray()
    root = _trie(out, items, 0)
    at = len(out)
    out += utf(entries[0][0]) + utf(entries[-1][0])
    return bytes(out) + struct.pack(">qqq", at, len(entries), root)
