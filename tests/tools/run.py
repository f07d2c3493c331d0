#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes tests from tools.table and runs them against real mounts and
astra-sim; prints TAP. A row makes up to five tests: exit status, objects,
requests, the same command again, and interruption in the middle.

run.py [-k TEXT] [--cloud NAME] [BUILD]
-k: only rows whose name has TEXT in it; NAME: s3 (unless given), gcs, azure.

Each row has a table directory of its own, whose ID is the hash of its name:
by this its requests are known. 'middle' has one more. Both are judged by the
whole log at the end of the row: nothing may ever have gone up under another
name or with another size than the row says.
"""
import collections
import concurrent.futures
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

import place as places
import rows
from cloud import WAIT, Cloud, wait_for
from place import (BIG, HERE, Place, check_bucket, check_exit, check_log,
                   check_quiet, check_requests)
from rows import Fault

# Most of the time is waiting: two mounts, each with a cloud, share the rows.
MOUNTS = 2


class Row:
    def __init__(self, tap, cloud, row):
        self.tap, self.cloud, self.row = tap, cloud, row
        self.wanted_exit = int(row.get("exit", 0))

    def test(self, what, place, check, *words):
        self.tap.test("%s: %s" % (self.row["row"], what), place, check,
                      *words)

    def once(self):
        place = Place(self.cloud, self.row, "src", "")
        try:
            place.setup()
            before = self.cloud.status()["local"]["files"]
            since = len(self.cloud.requests())
            status = place.run(self.row["run"])
        except Fault as fault:
            self.test("runs", place, throw, fault)
            return
        self.test("exit status", place, check_exit, status, self.wanted_exit)
        self.test("requests", place, check_requests, place, since,
                  self.row["requests"])
        self.test("objects", place, check_bucket, place)
        if not rows.reason(self.row["rerun"]):
            self.test("again", place, self.again, place)
        self.test("no trouble is left", place, self.quiet, place, before)
        place.clean()

    def quiet(self, place, before):
        if "heal" in self.row and place.run(self.row["heal"]):
            raise Fault("what heals it failed")
        check_bucket(place)
        check_quiet(place, before)

    def again(self, place):
        text = self.row["rerun"]
        if text == "same":
            text = self.row["requests"]
        wanted = rows.counts(rows.on_cloud(text, self.cloud.name))[1]
        since = len(self.cloud.requests())
        status = place.run(self.row["run"])
        check_exit(status, self.wanted_exit if wanted is None else wanted)
        check_requests(place, since, text)
        check_bucket(place)

    def middle(self):
        if rows.reason(self.row["middle"]):
            return
        ways = [("SIGINT", interrupt_all), ("SIGKILL", kill_all)]
        if "sender" in self.row["middle"].split():
            ways.append(("the sender's death", kill_sender))
        for name, way in ways:
            self.killed(name, way)

    def killed(self, name, way):
        place = Place(self.cloud, self.row, "mid", name)
        try:
            place.setup()
            before = self.held()
        except Fault as fault:
            self.test(name, place, throw, fault)
            return
        self.test("%s in the middle" % name, place, self.interrupt, place,
                  way, before)
        self.test("again after %s" % name, place, self.heal, place, before)
        place.clean()

    def held(self):
        files = self.cloud.status()["local"]["files"]
        aside = self.row["middle"].startswith("held")
        return files["interrupted"] + (files["open"] if aside else 0)

    def interrupt(self, place, way, before):
        cloud = self.cloud
        since = len(cloud.requests())
        cloud.faults("match=s3.part key=%s after=2 do=500" % place.id)
        tool = place.start(self.row["run"])
        try:
            wait_for("two parts", lambda: tool.poll() is not None or
                     parts_there(place, since) == 2)
            if tool.poll() is not None:
                raise Fault("it ended before the middle: %d" %
                            tool.returncode)
            way(tool.pid, place)
        except (Fault, OSError):
            kill_all(tool.pid, place)
            tool.wait(WAIT)
            raise
        finally:
            cloud.faults("")
        self.stopped(place, tool, before)

    def stopped(self, place, tool, before):
        """The store is well again: whatever can still be sent may be sent."""
        if tool.wait(WAIT) == 0:
            raise Fault("exit status 0")
        wait_for("the whole of the tool to end", lambda:
                 not group_there(tool.pid))
        wait_for("one file interrupted", lambda: self.held() > before
                 if self.row["middle"].startswith("held")
                 else self.held() == before + 1, 10)
        self.check_short(place)
        check_gate(place)

    @staticmethod
    def check_short(place):
        place.wanted()
        have = place.cloud.objects(place.key)
        if BIG in have and BIG not in place.versions():
            raise Fault("%s is there, %d bytes" %
                        (BIG, os.path.getsize(have[BIG])))
        check_log(place)

    def heal(self, place, before):
        check_exit(place.run(self.row["run"]), self.wanted_exit)
        check_bucket(place)
        wait_for("none interrupted", lambda: self.held() == before, 10)
        wait_for("no unfinished upload", lambda:
                 self.cloud.unfinished() == 0, 10)


def interrupt_all(group, _place):
    os.killpg(group, signal.SIGINT)


def kill_all(group, _place):
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        pass


def kill_sender(group, place):
    """As when the host that sends is gone: only who reads the source."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if os.getpgid(int(pid)) == group and reads(pid, place.src):
                os.kill(int(pid), signal.SIGKILL)
                return
        except OSError:
            continue
    raise Fault("nobody reads the source")


def reads(pid, top):
    folder = "/proc/%s/fd/" % pid
    return any(os.readlink(folder + fd) == top + "/" + BIG
               for fd in os.listdir(folder))


def group_there(group):
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def parts_there(place, since):
    return sum(r["kind"] == "s3.part" and r["status"] // 100 == 2
               for r in place.requests(since))


def check_gate(place):
    try:
        place.cloud.control("launch", "launch node1")
    except OSError:
        report = place.cloud.read("launch")
        if place.id not in report:
            raise Fault("the gate does not name it: " + report) from None
        return
    raise Fault("the gate let it through")


def throw(fault):
    raise fault


class Tap:
    """Results of several threads, in the order in which they come."""

    def __init__(self):
        self.number = self.failed = 0
        self.began = time.monotonic()
        self.lock = threading.Lock()

    def test(self, name, place, check, *words):
        try:
            check(*words)
        except (Fault, OSError, subprocess.SubprocessError) as fault:
            told = "%s\n%s" % (fault, place.told() if place else "")
            self.say("not ok", name, told)
            return
        self.say("ok", name, "")

    def say(self, result, name, told):
        with self.lock:
            self.number += 1
            self.failed += result != "ok"
            print("%s %d - %s" % (result, self.number, name))
            print(comment("%sat %.1f s" % (
                told and told.rstrip() + "\n",
                time.monotonic() - self.began)), flush=True)

    def skip(self, name, why):
        self.say("ok", "%s # skip %s" % (name, why), "")


def comment(text):
    return "".join("# %s\n" % line for line in text.splitlines()).rstrip()


def check_end(cloud):
    wait_for("no unfinished upload", lambda: cloud.unfinished() == 0, 10)
    files = cloud.status()["local"]["files"]
    wrong = {k: v for k, v in files.items()
             if k not in ("committed", "skipped") and v}
    if wrong:
        raise Fault("in .status: %s" % wrong)
    cloud.umount()


def may_mount():
    return not os.geteuid() and not subprocess.run(
        ["unshare", "-m", "mount", "--make-rprivate", "/"],
        check=False).returncode


def run_row(cloud, row, tap):
    needs = row.get("needs", "").split()
    if "root" in needs and not may_mount():
        print("# left out: %s (only root may mount)" % row["row"])
        return
    lacks = [p for p in needs if p != "root" and not shutil.which(p)]
    if lacks:
        tap.skip(row["row"], "%s is not there" % ", ".join(lacks))
        return
    test = Row(tap, cloud, row)
    test.once()
    test.middle()


def run_rows(build, work, todo, tap, name):
    """One cloud and one mount; takes rows until there are no more."""
    os.mkdir(work)
    cloud = Cloud(build, work, name)
    try:
        cloud.mount()
        while todo:
            run_row(cloud, todo.popleft(), tap)
        tap.test("nothing is left behind, the daemon ends well", None,
                 check_end, cloud)
    finally:
        cloud.end()


def main(words):
    given = {"-k": "", "--cloud": "s3"}
    while words and words[0] in given:
        given[words[0]], words = words[1], words[2:]
    text, name = given["-k"], given["--cloud"]
    build = os.path.abspath(words[0] if words else os.environ.get(
        "SL_BUILD", HERE + "/../../build/plain"))
    todo = collections.deque(row for row in rows.read(HERE + "/tools.table")
                             if text in row["row"])
    # A caught signal is the default for who is started; an ignored one not.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    tap = Tap()
    with tempfile.TemporaryDirectory(prefix="sl-tools-") as work:
        places.make_sources(work)
        with concurrent.futures.ThreadPoolExecutor(MOUNTS) as pool:
            ends = [pool.submit(run_rows, build, "%s/%d" % (work, i), todo,
                                tap, name) for i in range(MOUNTS)]
        for end in ends:
            end.result()
    print("1..%d" % tap.number)
    return 1 if tap.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
