# SPDX-License-Identifier: Apache-2.0
"""Damages of what tells where Data.db is right: CompressionInfo.db, CRC.db and
Digest.crc32. See kinds.py.
"""
import struct

import formats as F


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
def raw_from(rng, c):
    """a length from which chunks are raw, which they are not"""
    if c.limit is not None:
        c.limit = rng.randint(1, 300)


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


OWN = (
    ("CompressionInfo.db", (), (
        offset_moved, offsets_swapped, offset_dropped, offset_added,
        chunk_length, raw_from, data_length, compressor, unknown_compressor,
        encrypted, count_lies)),
    ("CRC.db", (), (word_changed, word_dropped, word_added, block_size)),
    ("Digest.crc32", (), (not_a_number, wrong_number)),
)
