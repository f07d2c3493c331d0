# SPDX-License-Identifier: Apache-2.0
"""Damages of TOC.txt, manifest.json and schema.cql. See kinds.py.
"""
import json
import os
import re


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
                     rb"bigint|date|boolean|smallint|tinyint|blob)\b", re.M)


def schema_type(s):
    """another type of a column"""
    m = s.rng.choice(list(COLUMNS.finditer(s.bytes)))
    new = s.rng.choice([t for t in (b"bigint", b"boolean", b"inet", b"double",
                                    b"set<text>", b"uuid")
                        if t != m.group(3)])
    return s.edit(s.bytes[:m.start(3)] + new + s.bytes[m.end(3):])


def schema_column(s):
    """a column missing or of another name"""
    # Headers do not name the columns of a key.
    m = s.rng.choice([m for m in COLUMNS.finditer(s.bytes)
                      if not s.bytes.startswith(b" PRIMARY", m.end())])
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


OWN = (
    ("TOC.txt", (), (lists_absent, no_list)),
    ("manifest.json", (), (sstable_absent, sstable_gone, not_json)),
    ("schema.cql", (), (schema_type, schema_column, schema_static,
                        schema_order, schema_nonsense)),
)
