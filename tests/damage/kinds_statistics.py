# SPDX-License-Identifier: Apache-2.0
"""Damages of Statistics.db, its own checksums made right. See kinds.py.
"""
import struct

import formats as F


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
    """another type of a column; not of a blob, which may have been anything"""
    i = rng.choice([i for i, (_, t) in enumerate(h.regulars)
                    if t != MARSHAL + b"BytesType"])
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


OWN = (
    ("Statistics.db", (), (
        partitioner, partition_count, key_type, clustering_type,
        clustering_order, clustering_count, column_type, column_unknown,
        column_static, type_nonsense, spoilt, part_cut, part_missing)),
)
