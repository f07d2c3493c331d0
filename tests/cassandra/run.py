#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""sideloadfs beside a real Cassandra 4.1: a node writes tables and takes a
snapshot; sideload-check must have nothing against it; the snapshot goes
through a mount into the rehearsal cloud, and a fresh node imports it out of
the bucket and must give the same rows. Then single SSTables are spoilt, and
sideload-check may overlook nothing that sstableverify or nodetool import
find. Prints TAP, and the comparison as a table in comments.

run.py [-k TEXT] [BUILD]   -k: only damages with TEXT in their name

Java and Maven must be at hand, and Maven is asked for Cassandra once. What is
missing is told and all is skipped, or failed if SL_CASSANDRA=must.
"""
import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.append(os.path.join(HERE, "..", "tools"))

import compare  # noqa: E402
import node as nodes  # noqa: E402
import origin  # noqa: E402
from cloud import Cloud, wait_for  # noqa: E402

COPY_WAIT, LAUNCH_WAIT = 120, 120
STEP_WAIT, COMPARE_WAIT = 300, 1500


class Fault(Exception):
    pass


class Tap:
    def __init__(self):
        self.count, self.failed = 0, 0

    def test(self, name, check, *words, seconds=STEP_WAIT):
        """Whether it passed; what went wrong is told in comments."""
        self.count += 1
        why = ""
        signal.alarm(seconds)
        try:
            check(*words)
        except Exception:  # whatever it is, the next test is to run
            why = traceback.format_exc()
        signal.alarm(0)
        self.failed += bool(why)
        print("%sok %d - %s" % ("not " if why else "", self.count, name))
        self.note(why)
        return not why

    @staticmethod
    def note(text):
        for line in text.splitlines():
            print("# " + line)
        sys.stdout.flush()


class Check:
    def __init__(self, tap, words, work):
        self.tap, self.work, self.only = tap, work, words.k
        self.build = os.path.abspath(words.build)
        self.lib = nodes.fetch()
        self.origin = self.target = self.cloud = None
        self.contents, self.ddl = {}, []

    # --- the origin

    def write(self):
        self.origin.start()
        origin.fill(self.origin)
        for table in origin.TABLES:
            self.contents[table] = origin.content(self.origin, table)
        self.origin.stop()
        if not all(rows for table, (rows, _) in self.contents.items()
                   if table != "unused"):
            raise Fault("empty tables: %r" % self.contents)

    def healthy(self):
        status, findings = compare.check(self.build, self.origin.data)
        bad = [f for f in findings if f["verdict"] in ("warn", "reject")]
        good = [f for f in findings if f["verdict"] == "accept"]
        if status or bad or len(good) != len(origin.TABLES):
            raise Fault("status %d, %d accepted, %r"
                        % (status, len(good), bad))

    # --- through the mount

    def upload(self):
        place = os.path.join(self.work, "cloud")
        os.mkdir(place)
        self.cloud = Cloud(self.build, place)
        self.cloud.mount()
        subprocess.run(["rsync", "-a", self.origin.data + "/",
                        self.cloud.point + "/node1/"],
                       check=True, timeout=COPY_WAIT)
        skipped = len(self.cloud.read("skipped").splitlines())
        self.tap.note("%d files are left out" % skipped)

    def same_bytes(self):
        objects = self.cloud.objects("node1/")
        wanted = {}
        for table in origin.TABLES:
            top = compare.snapshot_dir(self.origin.data, table)
            for name in os.listdir(top):
                path = os.path.join(top, name)
                wanted[os.path.relpath(path, self.origin.data)] = path
        if set(objects) != set(wanted):
            raise Fault("objects: %r" % sorted(set(objects) ^ set(wanted)))
        for name, path in wanted.items():
            with open(path, "rb") as a, open(objects[name], "rb") as b:
                if a.read() != b.read():
                    raise Fault("other bytes: " + name)
        self.tap.note("%d files, %d bytes in the bucket" % (
            len(wanted), sum(map(os.path.getsize, wanted.values()))))

    def launch(self):
        self.cloud.control("launch", "launch node1")
        wait_for("the import of astra-sim",
                 lambda: self.cloud.status()["status"] in
                 ("MigrationDone", "MigrationFailed"), LAUNCH_WAIT)
        status = self.cloud.status()
        if status["status"] != "MigrationDone":
            raise Fault("astra-sim refuses it: %r" % status)

    # --- the target

    def schema(self):
        """The mount and sideload-check ask the target for the same."""
        done = subprocess.run([self.build + "/sideload-check", "--schema",
                               self.cloud.store], check=True, text=True,
                              capture_output=True, timeout=compare.WAIT)
        self.ddl = origin.statements(self.cloud.read("schema.cql"))
        if self.ddl != origin.statements(done.stdout):
            raise Fault("%r is not %r" % (self.ddl, done.stdout))

    def apply(self):
        """Nothing but the keyspace is known from elsewhere."""
        self.target.start()
        for statement in origin.statements(origin.SCHEMA)[:1] + self.ddl:
            self.target.cql.run(statement)

    def import_table(self, table):
        bucket = os.path.join(self.cloud.store, "node1")
        place = compare.snapshot_dir(bucket, table)
        self.target.nodetool("import", "--copy-data", "--extended-verify",
                             origin.KEYSPACE, table, place)
        got = origin.content(self.target, table)
        if got != self.contents[table]:
            raise Fault("%d rows (hash %s), not %d (%s)"
                        % (*got, *self.contents[table]))
        self.tap.note("%s: %d rows" % (table, got[0]))

    # --- damages

    def compare(self):
        cases = [c for c in compare.cases() if self.only in c.what]
        for case in cases:
            compare.by_sideload_check(self.build, self.origin.data, self.work,
                                      case)
        for case in cases:
            compare.by_sstableverify(self.origin, self.work, case)
        for case in cases:
            compare.by_import(self.target, self.origin.data, self.work, case,
                              self.contents[case.table])
        return cases

    def judge(self, case):
        if case.verdict != case.wanted:
            raise Fault("sideload-check says %s (%s), not %s"
                        % (case.verdict, case.rules, case.wanted))
        wanted = "%d" % self.contents[case.table][0]
        # A warning is a finding, too. What it is about must import whole.
        quiet = case.wanted == compare.WARN or not case.found()
        harmless = quiet and case.rows == wanted
        if case.wanted != compare.REJECT and not harmless:
            raise Fault("Cassandra: %s, rows %s" % (case.said, case.rows))

    def print_table(self, cases):
        self.tap.note("\n".join(compare.table(cases)))
        bad = [c for c in cases if c.wanted == compare.REJECT]
        counts = ["%s %d" % (name, sum(name in c.found() for c in bad))
                  for name in compare.COLUMNS]
        self.tap.note("| of %d to be refused: sideload-check %d, %s, all of "
                      "Cassandra's together %d |"
                      % (len(bad), sum(c.verdict == "reject" for c in bad),
                         ", ".join(counts), sum(bool(c.found()) for c in bad)))

    # --- all of it

    def run(self):
        self.origin = nodes.Node(self.lib, os.path.join(self.work, "origin"))
        self.target = nodes.Node(self.lib, os.path.join(self.work, "target"))
        steps = (("a node writes tables and a snapshot", self.write),
                 ("sideload-check: the snapshot is clean", self.healthy),
                 ("rsync of the whole data directory", self.upload),
                 ("the bucket holds the snapshot, byte by byte",
                  self.same_bytes),
                 ("the gate lets it through", self.launch),
                 (".schema.cql is what sideload-check says of the bucket",
                  self.schema),
                 ("unmount", lambda: self.cloud.umount()),
                 ("a fresh node takes that schema", self.apply))
        for name, step in steps:
            if not self.tap.test(name, step):
                return
        for table in origin.TABLES:
            self.tap.test("import of %s out of the bucket, all rows" % table,
                          self.import_table, table)
        cases = []
        if self.tap.test("each damage before each tool",
                         lambda: cases.extend(self.compare()),
                         seconds=COMPARE_WAIT):
            for case in cases:
                self.tap.test("%s: %s" % (case.table, case.what), self.judge,
                              case)
            self.print_table(cases)

    def end(self):
        for node in filter(None, (self.origin, self.target)):
            node.stop(signal.SIGKILL)
            if self.tap.failed:
                self.tap.note(node.last_words())
        if self.cloud:
            self.cloud.end()


def skip(why):
    if os.environ.get("SL_CASSANDRA") == "must":
        print("1..1\nnot ok 1 - Cassandra 4.1 is at hand\n# " + why)
        return 1
    print("1..1\nok 1 - beside a real Cassandra # skip " + why)
    return 0


def stopped(number, _):
    sys.exit(128 + number)


def late(*_):
    raise Fault("it takes too long")


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("-k", default="")
    parser.add_argument("build", nargs="?",
                        default=os.environ.get("SL_BUILD", "build/plain"))
    return parser.parse_args()


def main():
    words = arguments()
    why = nodes.missing()
    if why:
        return skip(why)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, stopped)
    signal.signal(signal.SIGALRM, late)
    tap = Tap()
    work = tempfile.mkdtemp(prefix="check-cassandra.")
    check = None
    try:
        check = Check(tap, words, work)
        check.run()
    except nodes.NodeError as error:
        return skip(str(error).replace("\n", "\n# "))
    finally:
        if check:
            check.end()
        shutil.rmtree(work, ignore_errors=True)
    print("1..%d" % tap.count)
    return 1 if tap.failed else 0


if __name__ == "__main__":
    sys.exit(main())
