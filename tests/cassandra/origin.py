# SPDX-License-Identifier: Apache-2.0
"""What the origin holds: tables of every kind that a snapshot writes in its
own way, some in two SSTables, some compacted. The rows follow from a fixed
seed, so a run can be told from another by nothing but table IDs and times."""
import hashlib
import random

KEYSPACE = "shipyard"
TAG = "migrate1"
ROWS = 700
SCHEMA = """
CREATE KEYSPACE shipyard WITH replication =
    {'class': 'SimpleStrategy', 'replication_factor': 1};
CREATE TYPE shipyard.place (name text, at frozen<tuple<double, double>>);
CREATE TABLE shipyard.packed (id int, seq int, body text, weight double,
    PRIMARY KEY (id, seq)) WITH CLUSTERING ORDER BY (seq DESC)
    AND compression = {'class': 'LZ4Compressor', 'chunk_length_in_kb': 4};
CREATE TABLE shipyard.plain (id int PRIMARY KEY, body text, raw blob)
    WITH compression = {'enabled': false};
CREATE TABLE shipyard.zstd (id timeuuid PRIMARY KEY, body text)
    WITH compression = {'class': 'ZstdCompressor'};
CREATE TABLE shipyard.crews (ship text, member text, captain text static,
    flag frozen<set<text>> static, rank int, PRIMARY KEY (ship, member));
CREATE TABLE shipyard.bags (id bigint PRIMARY KEY, tags set<text>,
    log list<int>, prices map<text, decimal>, fixed frozen<list<uuid>>);
CREATE TABLE shipyard.visits (id int, day date, spot place,
    route list<frozen<place>>, PRIMARY KEY ((id, day)));
CREATE TABLE shipyard.graves (id int, seq int, note text, extra set<int>,
    PRIMARY KEY (id, seq)) WITH gc_grace_seconds = 864000;
CREATE TABLE shipyard.tally (id text PRIMARY KEY, hits counter);
CREATE TABLE shipyard."MixedCase" ("Key" int PRIMARY KEY, "the select" text);
CREATE TABLE shipyard.unused (id int PRIMARY KEY, v text);
"""
TABLES = ("packed plain zstd crews bags visits graves tally unused".split()
          + ["MixedCase"])
COMPACTED = "packed plain zstd graves".split()


def statements(text):
    """Single statements, without the comments between them."""
    lines = [line for line in text.splitlines() if not line.startswith("--")]
    return [s.strip() for s in ("\n".join(lines) + "\n").split(";\n")
            if s.strip()]


def words(dice, count):
    return " ".join(dice.choice(("keel", "mast", "hull", "sail", "rope"))
                    + str(dice.randrange(1000)) for _ in range(count))


def packed(dice, i):
    return ("INSERT INTO shipyard.packed (id, seq, body, weight) VALUES "
            "(%d, %d, '%s', %f)" % (i, i % 3, words(dice, 12), dice.random()))


def plain(dice, i):
    return ("INSERT INTO shipyard.plain (id, body, raw) VALUES (%d, '%s', 0x%s)"
            % (i, words(dice, 8), dice.randbytes(40).hex()))


def zstd(dice, i):
    return ("INSERT INTO shipyard.zstd (id, body) VALUES "
            "(%08x-0000-1000-8000-000000000000, '%s')" % (i, words(dice, 9)))


def crews(dice, i):
    ship = "ship%d" % (i % 40)
    if i < 40:
        return ("INSERT INTO shipyard.crews (ship, captain, flag) VALUES "
                "('%s', '%s', {'a', 'b%d'})" % (ship, words(dice, 1), i))
    return ("INSERT INTO shipyard.crews (ship, member, rank) VALUES "
            "('%s', 'm%d', %d)" % (ship, i, dice.randrange(9)))


def bags(dice, i):
    return ("INSERT INTO shipyard.bags (id, tags, log, prices, fixed) VALUES "
            "(%d, {'x%d', 'y'}, [%d, %d], {'a': %.2f, 'b': 2},"
            " [00000000-0000-4000-8000-%012x])"
            % (i, i % 7, i, i + 1, dice.random() * 100, i))


def visits(dice, i):
    spot = "{name: 'p%d', at: (%f, %f)}" % (i, dice.random(), dice.random())
    return ("INSERT INTO shipyard.visits (id, day, spot, route) VALUES "
            "(%d, '2024-02-%02d', %s, [%s, %s])"
            % (i, 1 + i % 28, spot, spot, spot))


def graves(dice, i):
    if i % 10 == 7:
        return "DELETE FROM shipyard.graves WHERE id = %d" % (i // 10 - 20)
    if i % 10 == 8:
        return ("DELETE FROM shipyard.graves WHERE id = %d AND seq > 2"
                " AND seq < 5" % (i // 10 - 3))
    if i % 10 == 9:
        return ("UPDATE shipyard.graves SET note = null, extra = {} WHERE"
                " id = %d AND seq = 1" % (i // 10 - 5))
    return ("INSERT INTO shipyard.graves (id, seq, note, extra) VALUES "
            "(%d, %d, '%s', {%d})%s"
            % (i // 10 + i % 3, i % 10, words(dice, 4), i,
               " USING TTL 8640000" if i % 4 == 0 else ""))


def tally(dice, i):
    return ("UPDATE shipyard.tally SET hits = hits + %d WHERE id = 't%d'"
            % (dice.randrange(1, 9), i % 90))


def mixed(dice, i):
    return ('INSERT INTO shipyard."MixedCase" ("Key", "the select") VALUES '
            "(%d, '%s')" % (i, words(dice, 2)))


WRITERS = (packed, plain, zstd, crews, bags, visits, graves, tally, mixed)


def fill(node):
    """Writes everything in two halves, so that most tables get two SSTables,
    and takes the snapshot."""
    for statement in statements(SCHEMA):
        node.cql.run(statement)
    dice = random.Random(41)
    for half in range(2):
        for i in range(half * ROWS // 2, (half + 1) * ROWS // 2):
            for writer in WRITERS:
                node.cql.run(writer(dice, i))
        node.nodetool("flush", KEYSPACE)
    node.nodetool("compact", KEYSPACE, *COMPACTED)
    node.nodetool("snapshot", "-t", TAG)


def content(node, table):
    """How many rows a table has and a hash over all their bytes."""
    rows = node.cql.run('SELECT * FROM %s."%s"' % (KEYSPACE, table))
    total = hashlib.sha256()
    for row in sorted(repr(row) for row in rows):
        total.update(row.encode())
    return len(rows), total.hexdigest()
