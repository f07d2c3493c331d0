# SPDX-License-Identifier: Apache-2.0
"""The same spoilt SSTables before sideload-check and before Cassandra's own
tools: who finds what. Cassandra must never find what sideload-check lets
through, nor may it import such a thing with other rows than the origin's."""
import json
import os
import shutil
import subprocess

from cql import CqlError
from damage import ACCEPT, DAMAGES, REJECT, WARN, Sstable
from node import NodeError
from origin import KEYSPACE, TAG, content

WAIT = 60
OTHER = "zstd"
# What nodetool import says of a directory, whatever its exit status.
REFUSED = "directories failed to import"
FINDS, EXITS, PASSES = "finds", "exits", "-"


def table_dir(data, table):
    top = os.path.join(data, KEYSPACE)
    names = [n for n in os.listdir(top) if n.startswith(table + "-")]
    if len(names) != 1:
        raise NodeError("%d directories of %s" % (len(names), table))
    return os.path.join(top, names[0])


def snapshot_dir(data, table):
    return os.path.join(table_dir(data, table), "snapshots", TAG)


def check(build, directory):
    """Exit status and findings of sideload-check, without the summary."""
    done = subprocess.run([build + "/sideload-check", "--json", directory],
                          stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=WAIT, check=False)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    if done.returncode not in (0, 1) or not lines or "rule" in lines[-1]:
        raise NodeError("sideload-check ended with %d: %s%s"
                        % (done.returncode, done.stdout, done.stderr))
    return done.returncode, lines[:-1]


class Case:
    """One damage and what each tool says to it."""

    def __init__(self, table, wanted, what, spoil):
        self.table, self.wanted, self.what = table, wanted, what
        self.spoil = spoil
        self.verdict, self.rules, self.rows = "", "", ""
        self.said = dict.fromkeys(COLUMNS, "")

    def make(self, data, directory):
        """The spoilt copy of the origin's snapshot, in a new directory."""
        shutil.rmtree(directory, ignore_errors=True)
        shutil.copytree(snapshot_dir(data, self.table), directory)
        other = Sstable(snapshot_dir(data, OTHER))
        self.spoil(Sstable(directory, other))

    def found(self):
        return [name for name, said in self.said.items()
                if said in (FINDS, EXITS)]

    def cells(self):
        return [self.table, self.what,
                self.verdict + (": " + self.rules if self.rules else ""),
                *(self.said[c] for c in COLUMNS), self.rows]


COLUMNS = ("sstableverify", "sstableverify -e", "nodetool import")
HEAD = ["table", "damage", "sideload-check", *COLUMNS, "rows"]


def table(some):
    """The comparison, a line each."""
    lines = [HEAD] + [case.cells() for case in some]
    widths = [max(map(len, column)) for column in zip(*lines)]
    return ["| %s |" % " | ".join(map(str.ljust, line, widths))
            for line in lines]


def cases():
    return [Case(*row) for row in DAMAGES]


def by_sideload_check(build, data, work, case):
    top = os.path.join(work, "node1")
    shutil.rmtree(top, ignore_errors=True)
    name = os.path.relpath(snapshot_dir(data, case.table), data)
    case.make(data, os.path.join(top, name))
    _, findings = check(build, top)
    shutil.rmtree(top)
    verdicts = {f["verdict"] for f in findings}
    case.verdict = next((v for v in (REJECT, WARN) if v in verdicts), ACCEPT)
    case.rules = " ".join(sorted({f["rule"] for f in findings
                                  if f["verdict"] in (REJECT, WARN)}))


def by_sstableverify(node, work, case):
    """The tool reads live files alone, so the spoilt ones take their place."""
    live = table_dir(node.data, case.table)
    spoilt = os.path.join(work, "spoilt")
    for name, option in (("sstableverify", ()), ("sstableverify -e", ("-e",))):
        case.make(node.data, spoilt)
        for entry in os.scandir(live):
            if entry.is_file():
                os.unlink(entry.path)
        for entry in os.scandir(spoilt):
            shutil.copy(entry.path, live)
        status, said = node.verify(KEYSPACE, case.table, *option)
        bad = status or "Error verifying" in said
        case.said[name] = FINDS if bad else PASSES
    shutil.rmtree(spoilt)


def by_import(node, data, work, case, wanted):
    """Imports into the emptied table, and then reads it."""
    top = os.path.join(work, "import")
    place = os.path.join(top, KEYSPACE, case.table)
    node.cql.run("TRUNCATE %s.%s" % (KEYSPACE, case.table))
    case.make(data, place)
    status, said = node.try_nodetool("import", KEYSPACE, case.table, place)
    bad = status or REFUSED in said
    case.said["nodetool import"] = FINDS if bad else PASSES
    if bad and REFUSED not in said and node.died():
        case.said["nodetool import"] = EXITS
        node.start()
    if not bad:
        case.rows = read_back(node, case.table, wanted)
    shutil.rmtree(top)


def read_back(node, table, wanted):
    """How many rows the imported table gives; "!" if not all are right."""
    try:
        got = content(node, table)
    except (CqlError, OSError):
        node.reconnect()
        return "error"
    return "%d%s" % (got[0], "" if got == wanted else "!")
