# SPDX-License-Identifier: Apache-2.0
"""Reads the table of tools: see the head of tools.table for its words."""
import re

WORDS = {"row", "needs", "node", "setup", "run", "exit", "objects",
         "versions", "requests", "rerun", "heal", "middle"}
NEEDED = {"run", "objects", "requests", "rerun", "middle"}
KINDS = {"put", "create", "part", "complete", "abort", "delete", "get",
         "head", "list", "multidelete", "parts", "uploads"}
CLOUDS = ("s3", "gcs", "azure")
# What a cloud needs no request for: Azure's blocks are their own upload.
FREE = {"azure": {"create", "abort"}}
COUNT = re.compile(r"^(\w+)(=|>=|<=)(\d+)$")


class Fault(Exception):
    """What a test has to say against the product, or against the table."""


def blocks(text):
    block = []
    for line in text.splitlines() + [""]:
        if line.startswith("#"):
            continue
        if line.strip():
            block.append(line)
        elif block:
            yield block
            block = []


def parse_block(block):
    row = {}
    for line in block:
        word, colon, value = line.partition(": ")
        if not colon or word not in WORDS:
            raise Fault("not a word of the table: %s" % line)
        if word in ("setup", "run", "heal"):
            row[word] = row.get(word, "") + value + "\n"
        elif word in row:
            raise Fault("twice: %s" % line)
        else:
            row[word] = value
    missing = NEEDED - set(row)
    if missing:
        raise Fault("%s: no %s" % (row.get("row"), ", ".join(missing)))
    return row


def read(path):
    with open(path, encoding="utf-8") as table:
        rows = [parse_block(b) for b in blocks(table.read())]
    names = [row["row"] for row in rows]
    if len(set(names)) != len(names):
        raise Fault("a name is there twice")
    for row in rows:
        check_requests_of(row)
    return rows


def check_requests_of(row):
    """They can be read, whatever the cloud; 'same' and reasons apart."""
    for cloud in CLOUDS:
        counts(on_cloud(row["requests"], cloud))
        if row["rerun"] != "same" and not reason(row["rerun"]):
            counts(on_cloud(row["rerun"], cloud))


def reason(value):
    """The reason why an aspect has no meaning for this row, or None."""
    return value[2:] if value.startswith("- ") else None


def counts(value):
    """Requests as [(kind, comparison, number)], and the exit status."""
    wanted, status = [], None
    for word in value.split():
        match = COUNT.match(word)
        if word == "nothing":
            continue
        if not match or match[1] not in KINDS | {"exit"}:
            raise Fault("no count of requests: %s" % word)
        if match[1] == "exit":
            status = int(match[3])
        else:
            wanted.append((match[1], match[2], int(match[3])))
    return wanted, status


def on_cloud(value, cloud):
    """The requests of the table as they are on this cloud: CLOUD:COUNT stands
    for the COUNT of that kind and comparison."""
    words = {}
    for word in value.split():
        where, _, count = word.rpartition(":")
        match = COUNT.match(count)
        if where not in CLOUDS and where:
            raise Fault("no cloud: %s" % word)
        if match and match[1] in FREE.get(cloud, ()):
            continue
        name = match.group(1, 2) if match else count
        if where == cloud or not where and name not in words:
            words[name] = count
    return " ".join(words.values())


HOLDS = {"=": lambda a, b: a == b, ">=": lambda a, b: a >= b,
         "<=": lambda a, b: a <= b}


def check_counts(wanted, seen):
    """seen: {kind: number}. What is not as wanted, as text, or ''."""
    named = {kind for kind, _, _ in wanted}
    wrong = ["%s%s%d" % (kind, how, number) for kind, how, number in wanted
             if not HOLDS[how](seen.get(kind, 0), number)]
    wrong += ["no %s" % kind for kind in seen if kind not in named]
    if not wrong:
        return ""
    have = " ".join("%s=%d" % item for item in sorted(seen.items()))
    return "wanted %s; there were: %s" % (", ".join(wrong), have or "none")
