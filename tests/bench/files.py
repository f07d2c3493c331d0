#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes what `make bench` copies: files.py DIR big|eight|small|few SCALE

Below DIR a data directory of a Cassandra node appears, so that a mount takes
every file of it:
  big    one file of 4 GiB          eight  8 files of 512 MiB
  small  4,000 files, sets of 8     few    400 of the same
SCALE multiplies sizes (big, eight) or counts (small, few). The bytes are
random, so that nothing can compress or skip them.
"""
import os
import random
import sys
import zlib

BLOCK = 16 << 20
TABLES = 20
NODE = "node1/bench"

# Component: least and greatest size. Digest.crc32 holds what Cassandra writes.
COMPONENTS = {
    "Data.db": (1000, 60000),
    "Index.db": (200, 20000),
    "Filter.db": (100, 2000),
    "Summary.db": (100, 1000),
    "Statistics.db": (4800, 10000),
    "CompressionInfo.db": (100, 1000),
    "Digest.crc32": None,
    "TOC.txt": (92, 120),
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


def main():
    root, what, scale = sys.argv[1], sys.argv[2], float(sys.argv[3])
    if what == "big":
        make_big(root, 1, max(1, int(scale * (4 << 30))))
    elif what == "eight":
        make_big(root, 8, max(1, int(scale * (512 << 20))))
    else:
        files = 4000 if what == "small" else 400
        make_small(root, max(1, int(scale * files) // len(COMPONENTS)))


main()
