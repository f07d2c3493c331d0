# SPDX-License-Identifier: Apache-2.0
"""Damages that are done to each component, whatever it holds. See kinds.py.
"""
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
