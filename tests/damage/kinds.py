# SPDX-License-Identifier: Apache-2.0
"""Kinds of damage. A kind is a function of a Spot (which component of which
SSTable, and a source of chance) that gives the files to be replaced: a dict
of path and bytes, None for a file that is gone. It gives an empty dict where
chance hit upon something that changes nothing; then it is asked again.

ANY are done to each component, OWN to one, with knowledge of its format.
"""
import json
import os
import re
import struct

import formats as F


class Spot:
    def __init__(self, base, component, rng):
        self.base, self.component, self.rng = base, component, rng
        if "-" in component or component in ("manifest.json", "schema.cql"):
            self.sstable, self.path = None, base.dir + "/" + component
        else:
            self.sstable = rng.choice(base.sstables)
            self.path = self.sstable + component
        self.bytes = base.tree.get(self.path, b"")

    def get(self, component):
        return self.base.tree[self.sstable + component]

    def edit(self, b):
        return {self.path: bytes(b)} if b != self.bytes else {}

    def edits(self, **parts):
        """By the first words of components: Data=b"...", Digest=..."""
        names = {n.split(".")[0]: n for n in self.base.components()}
        return {self.sstable + names[k]: v for k, v in parts.items()
                if k in names}


# --- to any component

def flip(s):
    """one bit"""
    b = bytearray(s.bytes)
    if b:
        b[s.rng.randrange(len(b))] ^= 1 << s.rng.randrange(8)
    return s.edit(b)


def overwrite(s):
    """1 to 16 bytes by others"""
    b = bytearray(s.bytes)
    at = s.rng.randrange(len(b)) if b else 0
    for i in range(at, min(len(b), at + s.rng.randint(1, 16))):
        b[i] = s.rng.randrange(256)
    return s.edit(b)


def zeros(s):
    """a run of zeros, up to a sector, as of blocks never written"""
    b = bytearray(s.bytes)
    at = s.rng.randrange(len(b)) if b else 0
    n = min(len(b) - at, s.rng.choice((4, 8, 16, 64, 512)))
    b[at:at + n] = bytes(n)
    return s.edit(b)


def boundaries(s):
    """Where entries of this component begin and end."""
    kind = s.component.split(".")[0]
    n = len(s.bytes)
    ret = {0, 1, 2, 4, 8, n // 2, n - 4, n - 1}
    if kind == "Data" and "CompressionInfo.db" in s.base.components():
        c = F.Compression(s.get("CompressionInfo.db"),
                          s.base.version != "me")
        for o in c.offsets:
            ret |= {o, o + 4, o - 4, o - 1, o + 1}
    elif kind == "Data":
        ret |= set(range(65536, n, 65536))
    elif kind == "Index":
        at = 0
        for e in F.index_entries(s.bytes):
            at += len(F.index_bytes([e]))
            ret |= {at, at - 1, at + 1}
    elif kind in ("CompressionInfo", "CRC", "Filter", "Summary"):
        ret |= {n - 8, n - 12, n - 16, n - 20, n - 24}
    elif kind == "Statistics":
        k = 8 if F.checked(s.base.version, s.base.bti) else 4
        ret |= {struct.unpack(">i", s.bytes[i:i + 4])[0]
                for i in range(k + 4, k + 36, 8)}
    elif kind == "Partitions":
        ret |= {n - 24, n - 16, n - 8, n - 25}
    else:
        ret |= {m.end() for m in re.finditer(rb"\n", s.bytes)}
    return sorted(x for x in ret if 0 <= x < n)


def cut(s):
    """cut off, mostly between two entries"""
    if not s.bytes:
        return {}
    if s.rng.randrange(4):
        return s.edit(s.bytes[:s.rng.choice(boundaries(s))])
    return s.edit(s.bytes[:s.rng.randrange(len(s.bytes))])


def grow(s):
    """bytes behind the end: garbage, zeros, or its own beginning again"""
    n = s.rng.choice((1, 4, 8, 16, 64, 4096))
    more = s.rng.choice((bytes(n), s.rng.randbytes(n), s.bytes[:n]))
    return s.edit(s.bytes + more)


def head(s):
    """bytes lost at the beginning or in the middle"""
    at = s.rng.choice((0, s.rng.randrange(len(s.bytes) or 1)))
    n = s.rng.choice((1, 2, 4, 8, 100, 4096))
    return s.edit(s.bytes[:at] + s.bytes[at + n:])


def foreign(s):
    """that of another SSTable, table or node"""
    other = [s.base.part(q, s.component) for q in s.base.sstables
             if q != s.sstable] + s.base.donors[s.component]
    return s.edit(s.rng.choice(other))


def swapped(s):
    """exchanged with that of another SSTable of the table"""
    q = s.rng.choice([q for q in s.base.sstables if q != s.sstable])
    other = s.base.part(q, s.component)
    if other == s.bytes:
        return {}
    return {s.path: other, q + s.component: s.bytes}


def missing(s):
    """not there"""
    return {s.path: None}


ANY = (flip, overwrite, zeros, cut, grow, head, foreign, swapped, missing)


# --- CompressionInfo.db

def compression(change):
    def kind(s):
        c = F.Compression(s.bytes, s.base.version != "me")
        change(s.rng, c)
        return s.edit(c.bytes())
    kind.__name__ = change.__name__
    kind.__doc__ = change.__doc__
    return kind


@compression
def offset_moved(rng, c):
    """one offset wrong"""
    i = rng.randrange(len(c.offsets))
    c.offsets[i] += rng.choice((-4096, -16, -4, -1, 1, 4, 16, 4096))


@compression
def offsets_swapped(rng, c):
    """two offsets exchanged"""
    i, j = (rng.randrange(len(c.offsets)) for _ in range(2))
    c.offsets[i], c.offsets[j] = c.offsets[j], c.offsets[i]


@compression
def offset_dropped(rng, c):
    """one offset missing, the count made right"""
    del c.offsets[rng.randrange(len(c.offsets))]


@compression
def offset_added(rng, c):
    """one offset too many, the count made right"""
    i = rng.randint(1, len(c.offsets))
    after = c.offsets[i] if i < len(c.offsets) else c.offsets[-1] + 20000
    c.offsets.insert(i, (c.offsets[i - 1] + after) // 2)


@compression
def chunk_length(rng, c):
    """another chunk length"""
    c.chunk = rng.choice((0, -1, 1, 1000, 4096, 8192, 16384, 32768, 65536,
                          1 << 30))


@compression
def data_length(rng, c):
    """another length of the data"""
    c.length += rng.choice((-20000, -16384, -100, -1, 1, 100, 16384, 20000))


@compression
def compressor(rng, c):
    """another compressor that is known"""
    c.name = rng.choice((b"SnappyCompressor", b"DeflateCompressor",
                         b"ZstdCompressor", b"NoopCompressor"))


@compression
def unknown_compressor(rng, c):
    """a compressor that nobody has"""
    c.name = rng.choice((b"", b"LZ5Compressor", b"lz4compressor", b"\xff\xfe",
                         b"com.example.Own", b"LZ4Compressor ",
                         b"LZ4CompressorLZ4Compressor"))


@compression
def encrypted(rng, c):
    """an encrypting compressor, or its options"""
    if rng.randrange(2):
        c.name = rng.choice((b"Encryptor", b"EncryptingLZ4Compressor",
                             b"EncryptingSnappyCompressor",
                             b"EncryptingDeflateCompressor"))
    else:
        c.options.append((rng.choice((
            b"cipher_algorithm", b"secret_key_strength", b"iv_length",
            b"key_provider", b"secret_key_provider_factory_class",
            b"system_key_file")), b"x%d" % rng.randrange(99)))


def count_lies(s):
    """a count of chunks that is not that of the list"""
    c = F.Compression(s.bytes, s.base.version != "me")
    n = len(c.offsets)
    return s.edit(c.bytes(s.rng.choice((-1, 0, n - 1, n + 1, n + 1000,
                                        0x7fffffff))))


# --- CRC.db

def word_changed(s):
    """one checksum wrong"""
    at = s.rng.randrange(4, len(s.bytes), 4)
    return s.edit(s.bytes[:at] + s.rng.randbytes(4) + s.bytes[at + 4:])


def word_dropped(s):
    """one checksum missing"""
    at = s.rng.randrange(4, len(s.bytes), 4)
    return s.edit(s.bytes[:at] + s.bytes[at + 4:])


def word_added(s):
    """one checksum too many"""
    at = s.rng.randrange(4, len(s.bytes) + 1, 4)
    return s.edit(s.bytes[:at] + s.rng.randbytes(4) + s.bytes[at:])


def block_size(s):
    """another size of blocks"""
    n = s.rng.choice((0, -1, 1, 4096, 16384, 65535, 131072, 0x7fffffff))
    return s.edit(struct.pack(">i", n) + s.bytes[4:])


# --- Digest.crc32

def not_a_number(s):
    """no number"""
    d = s.bytes
    return s.edit(s.rng.choice((
        b"abc", b"-" + d, b"+" + d, b"0x%x" % int(d), d + b"a", d + b" 1",
        b" " + d, b"4294967296", b"99999999999", b"\n", b"\0" * 10, d + b".0",
        b"%d" % (int(d) + (1 << 32)), d + b"\n" + d, b"1e9", d + b"\0", b"%",
        b"12345678901", b"\xef\xbb\xbf" + d, d.replace(d[:1], b"o", 1))))


def wrong_number(s):
    """another number"""
    return s.edit(b"%d" % (int(s.bytes) ^ 1 << s.rng.randrange(32)))


# --- Statistics.db, its own checksums made right

def statistics(change):
    def kind(s):
        # Of another version only what all have in common can be rewritten.
        parts = F.statistics_parts(s.bytes, s.base.version, s.base.bti)
        change(s.rng, parts)
        return s.edit(F.statistics_bytes(parts, s.base.version, s.base.bti))
    kind.__name__ = change.__name__
    kind.__doc__ = change.__doc__
    return kind


@statistics
def partitioner(rng, parts):
    """another partitioner"""
    name = rng.choice((b"RandomPartitioner", b"ByteOrderedPartitioner",
                       b"OrderPreservingPartitioner", b"LocalPartitioner",
                       b"Murmur3Partitione", b"murmur3partitioner", b""))
    old = parts[F.VALIDATION]
    parts[F.VALIDATION] = F.utf(b"org.apache.cassandra.dht." + name) + old[-8:]


@statistics
def partition_count(rng, parts):
    """another number of partitions in the histogram"""
    b = bytearray(parts[F.STATS])
    n = struct.unpack(">i", b[:4])[0]
    at = 4 + 16 * rng.randrange(n) + 8
    v = struct.unpack(">q", b[at:at + 8])[0]
    struct.pack_into(">q", b, at, v + rng.choice((-1, 1, 2, 5, 100, 1 << 40)))
    parts[F.STATS] = bytes(b)


def header(change):
    @statistics
    def kind(rng, parts):
        h = F.Header(parts[F.HEADER])
        change(rng, h)
        parts[F.HEADER] = h.bytes()
    kind.__name__ = change.__name__
    kind.__doc__ = change.__doc__
    return kind


MARSHAL = b"org.apache.cassandra.db.marshal."


def other_type(rng, old):
    return rng.choice([t for t in (
        MARSHAL + n for n in (
            b"Int32Type", b"LongType", b"UUIDType", b"DoubleType",
            b"BooleanType", b"InetAddressType", b"DecimalType",
            b"CounterColumnType", b"SetType(" + MARSHAL + b"UTF8Type)"))
        if t != old and t not in old])


@header
def key_type(rng, h):
    """another type of the partition key"""
    h.key = other_type(rng, h.key)


@header
def clustering_type(rng, h):
    """another type of a clustering column"""
    i = rng.randrange(len(h.clustering))
    h.clustering[i] = other_type(rng, h.clustering[i])


@header
def clustering_order(rng, h):
    """a clustering column the other way round"""
    i, mark = rng.randrange(len(h.clustering)), MARSHAL + b"ReversedType("
    old = h.clustering[i]
    h.clustering[i] = (old[len(mark):-1] if old.startswith(mark)
                       else mark + old + b")")


@header
def clustering_count(rng, h):
    """a clustering column more or less"""
    if rng.randrange(2):
        h.clustering.pop(rng.randrange(len(h.clustering)))
    else:
        h.clustering.insert(rng.randint(0, len(h.clustering)),
                            MARSHAL + b"Int32Type")


@header
def column_type(rng, h):
    """another type of a column"""
    i = rng.randrange(len(h.regulars))
    h.regulars[i] = (h.regulars[i][0], other_type(rng, h.regulars[i][1]))


@header
def column_unknown(rng, h):
    """a column that the table has not"""
    i = rng.randrange(len(h.regulars))
    h.regulars[i] = (h.regulars[i][0] + b"%d" % rng.randrange(100),
                     h.regulars[i][1])


@header
def column_static(rng, h):
    """a column that is static in one place only"""
    h.statics.append(h.regulars.pop(rng.randrange(len(h.regulars))))


@header
def type_nonsense(rng, h):
    """a type that is none"""
    i = rng.randrange(len(h.regulars))
    t = rng.choice((b"", b"()", MARSHAL + b"MapType(", b"a,b", b"\xff\xff",
                    MARSHAL + b"NoSuchType", h.regulars[i][1] + b")",
                    MARSHAL + b"ListType()", b"(" * 300))
    h.regulars[i] = (h.regulars[i][0], t)


@statistics
def spoilt(rng, parts):
    """a part overwritten by chance, its checksum right"""
    kind = rng.choice((F.VALIDATION, F.STATS, F.HEADER))
    n = len(parts[kind])
    parts[kind] = rng.randbytes(n)


@statistics
def part_cut(rng, parts):
    """a part shortened or lengthened, its checksum right"""
    kind = rng.choice(sorted(parts))
    n = rng.randint(1, 20)
    parts[kind] = (parts[kind][:-n] if rng.randrange(2) else
                   parts[kind] + rng.randbytes(n))


@statistics
def part_missing(rng, parts):
    """a part that is not there"""
    del parts[rng.choice(sorted(parts))]


# --- Index.db

def index(change):
    def kind(s):
        e = F.index_entries(s.bytes)
        change(s.rng, e)
        return s.edit(F.index_bytes(e))
    kind.__name__ = change.__name__
    kind.__doc__ = change.__doc__
    return kind


@index
def entry_dropped(rng, e):
    """a partition missing"""
    del e[rng.choice((0, len(e) - 1, rng.randrange(len(e))))]


@index
def entries_swapped(rng, e):
    """two partitions exchanged"""
    i, j = (rng.randrange(len(e)) for _ in range(2))
    e[i], e[j] = e[j], e[i]


@index
def entry_twice(rng, e):
    """a partition twice"""
    i = rng.randrange(len(e))
    e.insert(i, e[i])


@index
def key_changed(rng, e):
    """another key"""
    i = rng.randrange(len(e))
    k = bytearray(e[i][0])
    k[rng.randrange(len(k))] ^= 1 << rng.randrange(8)
    e[i] = (bytes(k),) + e[i][1:]


@index
def position_far(rng, e):
    """a position beyond the data"""
    i = rng.randrange(len(e))
    e[i] = (e[i][0], e[i][1] + (1 << rng.randint(20, 40)), e[i][2])


@index
def position_back(rng, e):
    """a position before that of the partition before"""
    i = rng.randrange(1, len(e))
    e[i] = (e[i][0], e[i - 1][1] - min(e[i - 1][1], rng.randint(0, 50)),
            e[i][2])


@index
def position_near(rng, e):
    """a position that is off by some bytes"""
    i = rng.randrange(len(e) - 1)
    p = (e[i][1] + e[i + 1][1]) // 2
    e[i] = (e[i][0], p, e[i][2])


@index
def first_position(rng, e):
    """the first position is not 0"""
    e[0] = (e[0][0], rng.randint(1, e[1][1] - 1), e[0][2])


# --- Summary.db

def summary(change):
    def kind(s):
        m = F.Summary(s.bytes)
        change(s.rng, m)
        return s.edit(m.bytes())
    kind.__name__ = change.__name__
    kind.__doc__ = change.__doc__
    return kind


@summary
def last_key(rng, m):
    """another last key"""
    m.last = m.last[:-1] + bytes([m.last[-1] ^ rng.randint(1, 255)])


@summary
def first_key(rng, m):
    """another first key, also in its first entry"""
    m.first = m.first[:-1] + bytes([m.first[-1] ^ rng.randint(1, 255)])
    m.entries[0] = (m.first, m.entries[0][1])


@summary
def entry_key(rng, m):
    """another key in an entry"""
    i = rng.randrange(len(m.entries))
    k = bytearray(m.entries[i][0])
    k[rng.randrange(len(k))] ^= 1 << rng.randrange(8)
    m.entries[i] = (bytes(k), m.entries[i][1])


@summary
def entry_position(rng, m):
    """another position in an entry"""
    i = rng.randrange(len(m.entries))
    m.entries[i] = (m.entries[i][0], m.entries[i][1] +
                    rng.choice((-1, 1, 7, 1 << 20, 1 << 40)))


@summary
def sampling(rng, m):
    """numbers of the head that cannot be"""
    setattr(m, rng.choice(("interval", "level", "full")),
            rng.choice((0, -1, 129, 1 << 30)))


# --- Filter.db

def words_dropped(s):
    """shorter, its head made right"""
    hashes, words = struct.unpack(">ii", s.bytes[:8])
    keep = s.rng.randrange(words)
    return s.edit(struct.pack(">ii", hashes, keep) + s.bytes[8:8 + 8 * keep])


def hash_count(s):
    """another number of hash functions"""
    return s.edit(struct.pack(">i", s.rng.choice(
        (0, -1, 1, 2, 4, 6, 7, 9, 20, 21, 1000, 1 << 30))) + s.bytes[4:])


def bits_cleared(s):
    """a part of it zero"""
    b = bytearray(s.bytes)
    n = s.rng.randint((len(b) - 8) // 4, len(b) - 8)
    at = s.rng.randint(8, len(b) - n)
    b[at:at + n] = bytes(n)
    return s.edit(b)


def bits_set(s):
    """every bit set: it never says no"""
    return s.edit(s.bytes[:8] + b"\xff" * (len(s.bytes) - 8))


# --- Data.db with other components that fit it

def _chunks(s):
    c = F.Compression(s.get("CompressionInfo.db"), s.base.version != "me")
    return c, c.chunks(s.bytes)


def _with_chunks(s, c, payloads, table, digest):
    data, c.offsets = F.join_chunks(payloads)
    parts = {"Data": data}
    if table:
        parts["CompressionInfo"] = c.bytes()
    if digest:
        parts["Digest"] = F.digest(data)
    return s.edits(**parts)


def _spoil(rng, payload, start):
    p = bytearray(payload)
    p[rng.randrange(start, len(p))] ^= rng.randint(1, 255)
    return bytes(p)


def chunk_changed(s):
    """a chunk changed, its CRC right"""
    c, p = _chunks(s)
    i = s.rng.randrange(len(p))
    p[i] = _spoil(s.rng, p[i], 0)
    return _with_chunks(s, c, p, False, False)


def chunk_and_digest(s):
    """a chunk changed, its CRC and Digest.crc32 right"""
    c, p = _chunks(s)
    i = s.rng.randrange(len(p))
    p[i] = _spoil(s.rng, p[i], 4)
    return _with_chunks(s, c, p, False, True)


def size_word(s):
    """a chunk says that it holds another length, all checksums right"""
    c, p = _chunks(s)
    i = s.rng.randrange(len(p))
    n = struct.unpack("<I", p[i][:4])[0] + s.rng.choice((-100, -1, 1, 4096))
    p[i] = struct.pack("<I", n) + p[i][4:]
    return _with_chunks(s, c, p, False, True)


def chunks_swapped(s):
    """two chunks exchanged, Digest.crc32 right"""
    c, p = _chunks(s)
    i, j = (s.rng.randrange(len(p)) for _ in range(2))
    p[i], p[j] = p[j], p[i]
    return {} if p[i] == p[j] else _with_chunks(s, c, p, False, True)


def chunk_lost(s):
    """a chunk missing, Digest.crc32 right"""
    c, p = _chunks(s)
    del p[s.rng.randrange(len(p))]
    return _with_chunks(s, c, p, False, True)


def chunk_twice(s):
    """a chunk twice, Digest.crc32 right"""
    c, p = _chunks(s)
    i = s.rng.randrange(len(p))
    p.insert(i, p[i])
    return _with_chunks(s, c, p, False, True)


def chunk_lost_everywhere(s):
    """a chunk missing, also in the table; Digest.crc32 right"""
    c, p = _chunks(s)
    del p[s.rng.randrange(len(p))]
    return {} if not p else _with_chunks(s, c, p, True, True)


def plain_changed(s):
    """a byte changed, Digest.crc32 right"""
    data = _spoil(s.rng, s.bytes, 0)
    return s.edits(Data=data, Digest=F.digest(data))


def plain_and_crc(s):
    """a byte changed, CRC.db right"""
    data = _spoil(s.rng, s.bytes, 0)
    return s.edits(Data=data, CRC=F.crc_db(data))


def plain_and_all(s):
    """a byte changed, CRC.db and Digest.crc32 right"""
    data = _spoil(s.rng, s.bytes, 0)
    return s.edits(Data=data, CRC=F.crc_db(data), Digest=F.digest(data))


def plain_no_digest(s):
    """a byte changed, Digest.crc32 not there"""
    return s.edits(Data=_spoil(s.rng, s.bytes, 0), Digest=None)


def plain_cut(s):
    """cut off, CRC.db and Digest.crc32 right"""
    data = s.bytes[:s.rng.randrange(1, len(s.bytes))]
    return s.edits(Data=data, CRC=F.crc_db(data), Digest=F.digest(data))


# --- Partitions.db

def footer(s):
    """a number of the footer wrong"""
    b, i = bytearray(s.bytes), s.rng.randrange(3)
    at = len(b) - 24 + 8 * i
    v = struct.unpack(">q", b[at:at + 8])[0]
    v += s.rng.choice((-v, -1, 1, 100, 1 << 40))
    struct.pack_into(">q", b, at, v)
    return s.edit(b)


# --- texts

def lists_absent(s):
    """lists a component that is not there"""
    other = ("CRC.db" if "CompressionInfo.db" in s.base.components() else
             "CompressionInfo.db")
    gone = s.rng.choice([c for c in s.base.components() if c != "TOC.txt"])
    if s.rng.randrange(2):
        return s.edit(s.bytes + other.encode() + b"\n")
    return {s.sstable + gone: None}


def no_list(s):
    """no list at all"""
    return s.edit(s.rng.choice((
        b"\0" * 92, s.rng.randbytes(90), b"{}", b"<html></html>\n",
        b"Data.db" * 20)))


def sstable_absent(s):
    """lists an SSTable that is not there"""
    m = json.loads(s.bytes)
    name = os.path.basename(s.base.sstables[0]).split("-")
    name[1] = str(s.rng.randint(10, 1000))
    m["files"].insert(s.rng.randint(0, len(m["files"])),
                      "-".join(name) + "Data.db")
    return s.edit(json.dumps(m).encode())


def sstable_gone(s):
    """all files of an SSTable that it lists are gone"""
    q = s.rng.choice(s.base.sstables)
    return {n: None for n in s.base.tree if n.startswith(q)}


def not_json(s):
    """no JSON, or of another shape"""
    return s.edit(s.rng.choice((
        b"", b"[]", b'{"files":1}', b'{"files":[1,2]}', b"null", b'{"files":[',
        s.bytes.rstrip()[:-1], s.bytes + b"}", b"<html></html>", b"\0\0\0\0",
        s.bytes.replace(b'"', b"'"), b'{"file":[]}')))


COLUMNS = re.compile(rb"^(\s+)(\w+) (timestamp|text|uuid|int|double|float|"
                     rb"bigint|date|boolean|smallint|tinyint)\b", re.M)


def schema_type(s):
    """another type of a column"""
    m = s.rng.choice(list(COLUMNS.finditer(s.bytes)))
    new = s.rng.choice([t for t in (b"bigint", b"boolean", b"inet", b"double",
                                    b"set<text>", b"uuid")
                        if t != m.group(3)])
    return s.edit(s.bytes[:m.start(3)] + new + s.bytes[m.end(3):])


def schema_column(s):
    """a column missing or of another name"""
    m = s.rng.choice(list(COLUMNS.finditer(s.bytes)))
    if s.rng.randrange(2):
        name = b"%s%d" % (m.group(2), s.rng.randrange(100))
        return s.edit(s.bytes[:m.start(2)] + name + s.bytes[m.end(2):])
    end = s.bytes.index(b"\n", m.start(2))
    return s.edit(s.bytes[:m.start()] + s.bytes[end + 1:])


def schema_static(s):
    """a column that is static there only"""
    m = s.rng.choice(list(COLUMNS.finditer(s.bytes)))
    return s.edit(s.bytes[:m.end()] + b" static" + s.bytes[m.end():])


def schema_order(s):
    """another clustering order"""
    return s.edit(re.sub(rb"\bDESC\b", b"ASC", s.bytes))


def schema_nonsense(s):
    """no CQL"""
    return s.edit(s.rng.choice((
        b"\0" * 500, s.rng.randbytes(300), b"hello", b"CREATE TABLE",
        b"DROP TABLE a.b;", b"<html>", b"CREATE TABLE a.b (c int", b"/* *",
        s.bytes.replace(b"(", b" "), s.bytes.replace(b"PRIMARY", b""))))


COMPRESSED = ("CompressionInfo.db",)
PLAIN = ("CRC.db",)
# Component, what else must be there, kinds.
OWN = (
    ("CompressionInfo.db", (), (
        offset_moved, offsets_swapped, offset_dropped, offset_added,
        chunk_length, data_length, compressor, unknown_compressor, encrypted,
        count_lies)),
    ("CRC.db", (), (word_changed, word_dropped, word_added, block_size)),
    ("Digest.crc32", (), (not_a_number, wrong_number)),
    ("Statistics.db", (), (
        partitioner, partition_count, key_type, clustering_type,
        clustering_order, clustering_count, column_type, column_unknown,
        column_static, type_nonsense, spoilt, part_cut, part_missing)),
    ("Index.db", (), (
        entry_dropped, entries_swapped, entry_twice, key_changed,
        position_far, position_back, position_near, first_position)),
    ("Summary.db", (), (last_key, first_key, entry_key, entry_position,
                        sampling)),
    ("Filter.db", (), (words_dropped, hash_count, bits_cleared, bits_set)),
    ("Data.db", COMPRESSED, (
        chunk_changed, chunk_and_digest, size_word, chunks_swapped,
        chunk_lost, chunk_twice, chunk_lost_everywhere)),
    ("Data.db", PLAIN, (plain_changed, plain_and_crc, plain_and_all,
                        plain_no_digest, plain_cut)),
    ("Partitions.db", (), (footer,)),
    ("TOC.txt", (), (lists_absent, no_list)),
    ("manifest.json", (), (sstable_absent, sstable_gone, not_json)),
    ("schema.cql", (), (schema_type, schema_column, schema_static,
                        schema_order, schema_nonsense)),
)


def groups(base):
    """(component, kind) of all that can be done to it."""
    have = base.components()
    texts = ["manifest.json", "schema.cql"]
    for component in have + texts:
        for kind in ANY:
            if component in texts and kind in (foreign, swapped):
                continue
            yield component, kind
    for component, needs, kinds in OWN:
        if component in have + texts and all(n in have for n in needs):
            for kind in kinds:
                yield component, kind


def damages(base, component, kind, rng, count):
    """'count' damages, or as many different ones as there are."""
    ret, seen, tries = [], set(), 0
    while len(ret) < count and tries < 40 * count:
        tries += 1
        try:
            spot = Spot(base, component, rng)
            edit = kind(spot)
        except (IndexError, KeyError, ValueError, struct.error):
            continue  # no room for it there
        mark = hash(tuple(sorted(edit.items())))
        if edit and mark not in seen:
            seen.add(mark)
            ret.append((spot.path, edit))
    return ret
