#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Damages healthy snapshots in every way that is known, and looks whether
sideload-check tells; prints TAP. What was done and what it led to is written
down in matrix.tsv, and a change of it fails the test, for better or worse:
then look at it, and run with --update.

run.py [--seed N] [--count N] [--update] [--jobs N] [--fixtures] [-k TEXT]
       [BUILD]

A damage that cannot be seen in the files must be one of those that
invisible.tsv allows, with a reason; and of such a group, if it is no small
one, the share that is said there must still be found. Another seed than the first chooses other
places; the matrix is then printed and not compared.
With --fixtures the snapshots in $SL_FIXTURES are damaged instead, and their
matrix is printed, not kept; with --count 1 that takes seconds.
"""
import argparse
import collections
import json
import multiprocessing
import os
import random
import shutil
import subprocess
import sys
import tempfile

import bases
import kinds
import scenes

SEED = 1
COUNT = 24
SAMPLE = 10  # so many tell what share is found
HEAD = ("base component kind damages rejected warned unseen blamed "
        "rules").split()


class Tree:
    """Files of a base in a directory, some of them damaged for a while."""

    def __init__(self, parent, tree):
        self.root = tempfile.mkdtemp(dir=parent)
        self.tree = tree
        for name in tree:
            os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        self.put(tree)

    def path(self, name):
        return os.path.join(self.root, name)

    def put(self, edit):
        for name, b in edit.items():
            if b is not None:
                with open(self.path(name), "wb") as f:
                    f.write(b)
            elif os.path.exists(self.path(name)):
                os.unlink(self.path(name))

    def restore(self, edit):
        self.put({name: self.tree.get(name) for name in edit})


def findings(program, *args, **how):
    """Of sideload-check: its exit status and the objects it printed."""
    done = subprocess.run([program, "--json", "--jobs", "1", *args],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=60, **how)
    try:
        found = [json.loads(l) for l in done.stdout.splitlines()]
    except ValueError:
        found = []
    if not found or "summary" not in found[-1]:
        raise RuntimeError("sideload-check ended with %d: %s" %
                           (done.returncode, done.stderr.decode()))
    return done.returncode, found[:-1]


class Work:
    """What a worker process keeps: the bases, and a tree of each."""

    def __init__(self, program, parent, seed, count):
        self.program, self.parent = program, parent
        self.seed, self.count = seed, count
        self.bases = {b.name: b for b in bases.standard()}
        self.trees = {}

    def base(self, name):
        if name not in self.bases:
            self.bases.update((b.name, b) for b in bases.fixtures())
        return self.bases[name]

    def tree(self, base):
        if base.name not in self.trees:
            self.trees[base.name] = Tree(self.parent, base.tree)
        return self.trees[base.name]

    def one(self, tree, path, edit):
        tree.put(edit)
        try:
            _, found = findings(self.program, tree.path("node1"))
        finally:
            tree.restore(edit)
        return judge(found, tree.path(path))

    def group(self, name, component, kind_name):
        base = self.base(name)
        kind = next(k for c, k in kinds.groups(base)
                    if c == component and k.__name__ == kind_name)
        rng = random.Random("%s/%s/%s/%s" % (self.seed, name, component,
                                             kind_name))
        row, unseen = Row(name, component, kind_name), []
        for path, edit in kinds.damages(base, component, kind, rng,
                                        self.count):
            verdict, blamed, rules = self.one(self.tree(base), path, edit)
            row.add(verdict, blamed, rules)
            if verdict == "unseen":
                unseen.append(tell(base, edit))
        return row, unseen


def judge(found, path):
    """The worst verdict, whether the damaged file is blamed, the rules."""
    bad = [f for f in found if f["verdict"] in ("warn", "reject")]
    verdicts = {f["verdict"] for f in bad}
    verdict = ("reject" if "reject" in verdicts else
               "warn" if verdicts else "unseen")
    return (verdict, any(f["path"] == path for f in bad),
            {f["rule"] for f in bad})


def tell(base, edit):
    """What was changed, for who has to find out why it is not seen."""
    ret = []
    for name, b in edit.items():
        old = base.tree.get(name, b"")
        if b is None or len(b) != len(old):
            what = "gone" if b is None else "%d bytes, not %d" % (len(b),
                                                                 len(old))
        else:
            diff = [i for i in range(len(b)) if b[i] != old[i]]
            i = diff[0]
            what = "%d bytes differ, the first at %d: %02x for %02x" % (
                len(diff), i, b[i], old[i])
        ret.append("%s: %s" % (os.path.basename(name), what))
    return "; ".join(ret)


class Row:
    def __init__(self, *key):
        self.key = key
        self.by = collections.Counter()
        self.rules = collections.Counter()
        self.blamed = 0

    def add(self, verdict, blamed, rules):
        self.by[verdict] += 1
        self.by["all"] += 1
        self.blamed += blamed
        self.rules.update(rules)

    def line(self):
        rules = ",".join("%s=%d" % r for r in sorted(self.rules.items()))
        return "\t".join(self.key + tuple(
            str(n) for n in (self.by["all"], self.by["reject"],
                             self.by["warn"], self.by["unseen"],
                             self.blamed)) + (rules or "-",))


WORK = None


def begin(*words):
    global WORK
    WORK = Work(*words)


def do_group(key):
    return WORK.group(*key)


# --- what is allowed

def read_table(name, columns):
    with open(os.path.join(bases.HERE, name)) as f:
        rows = [l.rstrip("\n").split("\t") for l in f
                if l.strip() and not l.startswith("#")]
    for r in rows:
        if len(r) != columns:
            raise SystemExit("%s: %r has not %d columns" % (name, r, columns))
    return rows


def excuse(table, key):
    """The least share that is found, all of it if there is no excuse for
    others; and that excuse.
    """
    for *patterns, least, why in table:
        if all(v in p.split(",") or p == "*"
               for p, v in zip(patterns, key)):
            return float(least), why
    return 1.0, None


# --- TAP

class Tap:
    def __init__(self):
        self.n = self.failed = 0

    def test(self, ok, name, notes=()):
        self.n += 1
        self.failed += not ok
        print("%sok %d - %s" % ("" if ok else "not ", self.n, name))
        for line in notes:
            print("#   " + str(line))
        sys.stdout.flush()

    def end(self):
        print("1..%d" % self.n)
        return 1 if self.failed else 0


def say_row(tap, row, unseen, excuses):
    base, component, kind = row.key
    least, why = excuse(excuses, row.key)
    n = row.by["all"]
    found = n - row.by["unseen"]
    name = "%s: %s %s: %d of %d found" % (
        base, component, kind, found, n)
    ok = found == n or (why and (n < SAMPLE or found >= least * n))
    tap.test(ok, name, (unseen if not ok else []) +
             ["at least %g: %s" % (least, why)] * (found < n and bool(why)))


def say_matrix(tap, name, lines, update):
    path = os.path.join(bases.HERE, name)
    text = "\n".join(["\t".join(HEAD)] + lines) + "\n"
    if update:
        with open(path, "w") as f:
            f.write(text)
    with open(path) as f:
        kept = f.read()
    a, b = kept.splitlines(), text.splitlines()
    notes = ["was " + l for l in a if l not in b]
    notes += ["is  " + l for l in b if l not in a]
    tap.test(kept == text, "%s is as it was kept" % name, notes)


def run_groups(options, pool_words, tap):
    chosen = bases.fixtures() if options.fixtures else bases.standard()
    keys = [(b.name, c, k.__name__) for b in chosen
            for c, k in kinds.groups(b)]
    keys = [k for k in keys if options.k in " ".join(k)]
    excuses = read_table("invisible.tsv", 5)
    lines, rules = [], set()
    with multiprocessing.Pool(options.jobs, begin, pool_words) as pool:
        for row, unseen in pool.imap(do_group, keys):
            if not row.by["all"]:
                continue  # all are alike, or empty
            say_row(tap, row, unseen, excuses)
            lines.append(row.line())
            rules |= set(row.rules)
    if options.k:
        return rules
    if (not options.fixtures and options.seed == SEED and
            options.count == COUNT):
        say_matrix(tap, "matrix.tsv", lines, options.update)
    else:
        for line in lines:
            print("# " + line)
    return rules


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    p.add_argument("--seed", type=int, default=SEED)
    p.add_argument("--count", type=int, default=COUNT)
    p.add_argument("--jobs", type=int, default=os.cpu_count())
    p.add_argument("--update", action="store_true")
    p.add_argument("--fixtures", action="store_true")
    p.add_argument("-k", default="", metavar="TEXT")
    p.add_argument("build", nargs="?",
                   default=os.environ.get("SL_BUILD", "build/plain"))
    options = p.parse_args()
    print("# seed %d" % options.seed)
    program = os.path.abspath(os.path.join(options.build, "sideload-check"))
    parent = tempfile.mkdtemp(prefix="damage-",
                              dir="/dev/shm" if os.path.isdir("/dev/shm")
                              else None)
    tap = Tap()
    try:
        seen = run_groups(options, (program, parent, options.seed,
                                    options.count), tap)
        if not options.fixtures:
            seen |= scenes.run(options, program, parent, tap)
    finally:
        shutil.rmtree(parent, ignore_errors=True)
    if not (options.k or options.fixtures or options.count < COUNT):
        scenes.check_rules(os.path.join(options.build, "sideloadfs"), seen,
                           tap)
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
