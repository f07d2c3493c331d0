#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes what `make bench` reads: files.py DIR WHAT SCALE

Below DIR a data directory of a Cassandra node appears, so that a mount takes
every file of it:
  big    one file of 4 GiB          eight  8 files of 512 MiB
  small  4,000 files, sets of 8     few    400 of the same
  chunks 8 SSTables of 256 MiB, compressed: Data.db, CompressionInfo.db, Digest
  plain  the same uncompressed, with CRC.db
SCALE multiplies sizes (big, eight, chunks, plain) or counts (small, few). The
bytes are random, so that nothing can compress or skip them; of the last two
all checksums are right.
"""
import os
import random
import struct
import sys
import zlib

BLOCK = 16 << 20
TABLES = 20
NODE = "node1/bench"

# Component: least and greatest size. Digest.crc32 holds what Cassandra writes.
# Random bytes under the names of Index.db and its like would be refused: these
# have their sizes.
COMPONENTS = {
    "Data.db": (1000, 60000),
    "Blob1.db": (200, 20000),
    "Blob2.db": (100, 2000),
    "Blob3.db": (100, 1000),
    "Blob4.db": (4800, 10000),
    "Blob5.db": (100, 1000),
    "Digest.crc32": None,
    "Blob.txt": (92, 120),
}


def table_dir(root, n):
    path = f"{root}/{NODE}/table{n}-{n:032x}/snapshots/bench"
    os.makedirs(path, exist_ok=True)
    return path


def big_file(path, size, block):
    """Blocks that differ in their first bytes."""
    with open(path, "wb") as out:
        at = 0
        while at < size:
            part = at.to_bytes(16, "big") + block
            out.write(memoryview(part)[: min(BLOCK, size - at)])
            at += BLOCK


def make_big(root, count, size):
    block = os.urandom(BLOCK)
    where = table_dir(root, 0)
    for n in range(count):
        big_file(f"{where}/nb-{n + 1}-big-Data.db", size, block)


def make_small(root, sets):
    rng = random.Random(1)  # the same sizes each time
    tables = [table_dir(root, n) for n in range(min(TABLES, sets))]
    for n in range(sets):
        stem = f"{tables[n % len(tables)]}/nb-{n // len(tables) + 1}-big-"
        digest = 0
        for name, sizes in COMPONENTS.items():
            data = str(digest).encode()
            if sizes:
                data = os.urandom(rng.randint(*sizes))
            if name == "Data.db":
                digest = zlib.crc32(data)
            with open(stem + name, "wb") as out:
                out.write(data)


def fill(path, size, piece):
    """As many whole pieces as make the size; how many, and their CRC-32."""
    count, digest = max(1, size // len(piece)), 0
    with open(path, "wb") as out:
        for _ in range(count):
            out.write(piece)
            digest = zlib.crc32(piece, digest)
    return count, digest


def write(path, data):
    with open(path, "wb") as out:
        out.write(data)


def chunked_piece(rng):
    """Chunks of 16 KiB as LZ4 leaves them, each with its CRC; where they
    begin."""
    piece, starts = bytearray(), []
    while len(piece) < BLOCK:
        payload = struct.pack("<I", 16384) + os.urandom(
            rng.randint(4000, 14000))
        starts.append(len(piece))
        piece += payload + struct.pack(">I", zlib.crc32(payload))
    return bytes(piece), starts


def make_chunked(stem, size):
    piece, starts = chunked_piece(random.Random(1))
    count, digest = fill(stem + "Data.db", size, piece)
    name = b"LZ4Compressor"
    chunks = count * len(starts)
    head = struct.pack(">H", len(name)) + name + struct.pack(
        ">IIIQI", 0, 16384, 0x7fffffff, chunks * 16384, chunks)
    with open(stem + "CompressionInfo.db", "wb") as out:
        out.write(head)
        for n in range(count):
            out.write(struct.pack(f">{len(starts)}Q",
                                  *(n * len(piece) + s for s in starts)))
    return digest


def make_plain(stem, size):
    piece = os.urandom(BLOCK)
    count, digest = fill(stem + "Data.db", size, piece)
    words = b"".join(
        struct.pack(">I", zlib.crc32(piece[at:at + 65536]))
        for at in range(0, BLOCK, 65536))
    write(stem + "CRC.db", struct.pack(">I", 65536) + words * count)
    return digest


def make_sstables(root, make, size):
    where = table_dir(root, 0)
    for n in range(8):
        stem = f"{where}/nb-{n + 1}-big-"
        write(stem + "Digest.crc32", str(make(stem, size)).encode())


def main():
    root, what, scale = sys.argv[1], sys.argv[2], float(sys.argv[3])
    if what == "big":
        make_big(root, 1, max(1, int(scale * (4 << 30))))
    elif what == "eight":
        make_big(root, 8, max(1, int(scale * (512 << 20))))
    elif what in ("chunks", "plain"):
        make_sstables(root, make_chunked if what == "chunks" else make_plain,
                      int(scale * (256 << 20)))
    else:
        files = 4000 if what == "small" else 400
        make_small(root, max(1, int(scale * files) // len(COMPONENTS)))


main()
