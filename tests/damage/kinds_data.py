# SPDX-License-Identifier: Apache-2.0
"""Damages of Data.db with other components that fit it. See kinds.py.
"""
import struct

import formats as F


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
    # One that is stored raw does not say, nor do other compressors'.
    i = s.rng.choice([i for i, b in enumerate(p)
                      if c.name == b"LZ4Compressor" and
                      (c.limit is None or len(b) < c.limit)])
    n = struct.unpack("<I", p[i][:4])[0] + s.rng.choice((-100, -1, 1, 4096))
    p[i] = struct.pack("<I", n) + p[i][4:]
    return _with_chunks(s, c, p, False, True)


def chunks_swapped(s):
    """two chunks of other lengths exchanged, Digest.crc32 right"""
    c, p = _chunks(s)
    i, j = (s.rng.randrange(len(p)) for _ in range(2))
    p[i], p[j] = p[j], p[i]
    if len(p[i]) == len(p[j]):
        return {}  # then all checksums are right
    return _with_chunks(s, c, p, False, True)


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
    # What is behind the data's length holds nothing that could be missed.
    del p[s.rng.randrange(-(-c.length // c.chunk))]
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


COMPRESSED = ("CompressionInfo.db",)
PLAIN = ("CRC.db",)
OWN = (
    ("Data.db", COMPRESSED, (
        chunk_changed, chunk_and_digest, size_word, chunks_swapped,
        chunk_lost, chunk_twice, chunk_lost_everywhere)),
    ("Data.db", PLAIN, (plain_changed, plain_and_crc, plain_and_all,
                        plain_no_digest, plain_cut)),
)
