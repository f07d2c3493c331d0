# SPDX-License-Identifier: Apache-2.0
"""Ways to spoil one SSTable of version nb, each of them something that a
disk, a cut copy or a mix-up leaves behind. A row: the table it is done to,
the verdict it deserves, what it is, and how. Everything is deterministic."""
import os
import struct
import zlib


class Sstable:
    """The one SSTable of a directory."""

    def __init__(self, directory, other=None):
        self.dir, self.other = directory, other
        data = [n for n in os.listdir(directory) if n.endswith("-Data.db")]
        if len(data) != 1:
            raise ValueError("%d SSTables in %s" % (len(data), directory))
        self.stem = data[0][:-len("Data.db")]

    def path(self, component):
        return os.path.join(self.dir, self.stem + component)

    def get(self, component):
        with open(self.path(component), "rb") as f:
            return bytearray(f.read())

    def put(self, component, data):
        with open(self.path(component), "wb") as f:
            f.write(data)

    def remove(self, component):
        os.unlink(self.path(component))


def flip(component, where):
    """One bit, at that share of the file."""
    def spoil(sstable):
        data = sstable.get(component)
        data[int(len(data) * where)] ^= 0x10
        sstable.put(component, data)
    return spoil


def cut(component, where):
    def spoil(sstable):
        data = sstable.get(component)
        sstable.put(component, data[:int(len(data) * where)])
    return spoil


def without(*components):
    def spoil(sstable):
        for component in components:
            sstable.remove(component)
    return spoil


def text(component, words):
    def spoil(sstable):
        sstable.put(component, words.encode())
    return spoil


def both(*spoilers):
    def spoil(sstable):
        for each in spoilers:
            each(sstable)
    return spoil


def swap(component):
    """That component of another table's healthy SSTable."""
    def spoil(sstable):
        sstable.put(component, sstable.other.get(component))
    return spoil


def vint_size(first):
    """A vint's length: one byte and as many as it has leading ones."""
    return 9 - (first ^ 0xFF).bit_length() if first != 0xFF else 9


def index_entries(data):
    """Where each entry of an Index.db without wide partitions begins."""
    at, starts = 0, []
    while at < len(data):
        starts.append(at)
        at += 2 + struct.unpack_from(">H", data, at)[0]
        at += vint_size(data[at])
        if data[at]:
            raise ValueError("a wide partition")
        at += 1
    return starts


def cut_index_between(sstable):
    data = sstable.get("Index.db")
    starts = index_entries(data)
    sstable.put("Index.db", data[:starts[len(starts) * 2 // 3]])


def wrong_offset(sstable):
    """One of the last chunks of CompressionInfo.db begins a byte later."""
    data = sstable.get("CompressionInfo.db")
    at = len(data) - 3 * 8
    value = struct.unpack_from(">q", data, at)[0]
    struct.pack_into(">q", data, at, value + 1)
    sstable.put("CompressionInfo.db", data)


def unknown_compressor(sstable):
    data = sstable.get("CompressionInfo.db")
    sstable.put("CompressionInfo.db",
                data.replace(b"LZ4Compressor", b"LZ5Compressor"))


def other_partitioner(sstable):
    """RandomPartitioner, with every checksum of Statistics.db made right."""
    data = sstable.get("Statistics.db")
    count = struct.unpack_from(">i", data, 0)[0]
    table = [struct.unpack_from(">ii", data, 8 + 8 * i) for i in range(count)]
    parts = []
    for i, (kind, at) in enumerate(table):
        end = table[i + 1][1] if i + 1 < count else len(data)
        body = bytes(data[at:end - 4])
        old = b"org.apache.cassandra.dht.Murmur3Partitioner"
        new = b"org.apache.cassandra.dht.RandomPartitioner"
        body = body.replace(struct.pack(">H", len(old)) + old,
                            struct.pack(">H", len(new)) + new)
        parts.append((kind, body))
    sstable.put("Statistics.db", statistics(parts))


def statistics(parts):
    at = 4 + 4 + 8 * len(parts) + 4
    head = struct.pack(">i", len(parts))
    crc = zlib.crc32(head)
    toc = b""
    for kind, body in parts:
        toc += struct.pack(">ii", kind, at)
        at += len(body) + 4
    out = head + struct.pack(">I", crc) + toc
    out += struct.pack(">I", zlib.crc32(toc, crc))
    for _, body in parts:
        out += body + struct.pack(">I", zlib.crc32(body))
    return out


def right_digest(sstable):
    data = sstable.get("Data.db")
    sstable.put("Digest.crc32", b"%d" % zlib.crc32(data))


REJECT, WARN, ACCEPT = "reject", "warn", "accept"
DAMAGES = (
    ("packed", ACCEPT, "nothing, compressed", both()),
    ("plain", ACCEPT, "nothing, uncompressed", both()),
    ("packed", WARN, "Filter.db absent", without("Filter.db")),
    ("packed", WARN, "Summary.db absent", without("Summary.db")),
    ("packed", WARN, "Digest.crc32 absent", without("Digest.crc32")),
    ("packed", REJECT, "Data.db: a bit", flip("Data.db", .5)),
    ("packed", REJECT, "Data.db: a bit, Digest.crc32 made right",
     both(flip("Data.db", .5), right_digest)),
    ("packed", REJECT, "Data.db: a bit, Digest.crc32 absent",
     both(flip("Data.db", .5), without("Digest.crc32"))),
    ("packed", REJECT, "Data.db cut short", cut("Data.db", .9)),
    ("packed", REJECT, "Data.db of 0 bytes", cut("Data.db", 0)),
    ("packed", REJECT, "Data.db absent", without("Data.db")),
    ("packed", REJECT, "Data.db of another table", swap("Data.db")),
    ("packed", REJECT, "Digest.crc32 of another table", swap("Digest.crc32")),
    ("packed", REJECT, "Digest.crc32 no number", text("Digest.crc32", "no")),
    ("packed", REJECT, "CompressionInfo.db: one offset wrong", wrong_offset),
    ("packed", REJECT, "CompressionInfo.db cut short",
     cut("CompressionInfo.db", .8)),
    ("packed", REJECT, "CompressionInfo.db absent",
     without("CompressionInfo.db")),
    ("packed", REJECT, "CompressionInfo.db: unknown class",
     unknown_compressor),
    ("packed", REJECT, "Index.db cut within an entry", cut("Index.db", .5)),
    ("packed", REJECT, "Index.db cut between entries", cut_index_between),
    ("packed", REJECT, "Index.db: a bit", flip("Index.db", .5)),
    ("packed", REJECT, "Index.db absent", without("Index.db")),
    ("packed", REJECT, "Index.db of another table", swap("Index.db")),
    ("packed", REJECT, "Statistics.db: a bit", flip("Statistics.db", .6)),
    ("packed", REJECT, "Statistics.db cut short", cut("Statistics.db", .5)),
    ("packed", REJECT, "Statistics.db absent", without("Statistics.db")),
    ("packed", REJECT, "Statistics.db of another table",
     swap("Statistics.db")),
    ("packed", REJECT, "Filter.db of 0 bytes", cut("Filter.db", 0)),
    ("packed", REJECT, "Filter.db cut short", cut("Filter.db", .5)),
    ("packed", REJECT, "Summary.db cut short", cut("Summary.db", .5)),
    ("plain", REJECT, "Data.db: a bit", flip("Data.db", .5)),
    ("plain", REJECT, "Data.db: a bit, Digest.crc32 absent",
     both(flip("Data.db", .5), without("Digest.crc32"))),
    ("plain", REJECT, "CRC.db: a bit", flip("CRC.db", .7)),
    ("plain", REJECT, "CRC.db absent", without("CRC.db")),
    # Cassandra 4.1 ends itself over this one, so it comes last.
    ("packed", REJECT, "another partitioner", other_partitioner),
)
