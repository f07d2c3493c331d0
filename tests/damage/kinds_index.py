# SPDX-License-Identifier: Apache-2.0
"""Damages of what leads from keys to partitions: Index.db, Summary.db,
Filter.db and Partitions.db. See kinds.py.
"""
import struct

import formats as F


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


# --- Partitions.db

def footer(s):
    """a number of the footer wrong"""
    b, i = bytearray(s.bytes), s.rng.randrange(3)
    at = len(b) - 24 + 8 * i
    v = struct.unpack(">q", b[at:at + 8])[0]
    v += s.rng.choice((-v, -1, 1, 100, 1 << 40))
    struct.pack_into(">q", b, at, v)
    return s.edit(b)


OWN = (
    ("Index.db", (), (
        entry_dropped, entries_swapped, entry_twice, key_changed,
        position_far, position_back, position_near, first_position)),
    ("Summary.db", (), (last_key, first_key, entry_key, entry_position,
                        sampling)),
    ("Filter.db", (), (words_dropped, hash_count, bits_cleared, bits_set)),
    ("Partitions.db", (), (footer,)),
)
