# SPDX-License-Identifier: Apache-2.0
"""Everything at once, for TSan: one mount and 32 writers, reading back, reports
read all the while, a store with faults, credentials that expire, writers that
are interrupted and killed, and at the end an unmount while all of that goes
on. What it asserts:

- no writer, reader or daemon hangs, and no sanitizer reports anything;
- a copy that ended with 0 is in the bucket, whole, unless another file has
  shown since that it is wrong.

Speaks TAP. Programs come from $SL_BUILD, built with VARIANT=tsan for races.
SL_STRESS_SECONDS (20), SL_STRESS_SEED (1), SL_STRESS_KEEP (keep the directory).
"""
import hashlib
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

BUILD = os.environ.get("SL_BUILD", "build/tsan")
SECONDS = float(os.environ.get("SL_STRESS_SECONDS", "20"))
SEED = int(os.environ.get("SL_STRESS_SEED", "1"))
WRITERS = 32
# From the end of the work until everything must be gone.
END_S = 60
TABLE = "node1/ks/t-00112233445566778899aabbccddeeff/snapshots/s1"
FAULTS = """
match=s3.put,s3.part,s3.complete,s3.create prob=4 seed=11 do=503:SlowDown
match=s3.part prob=4 seed=12 do=cut-upload
match=s3.put,s3.complete prob=3 seed=13 do=cut-after
match=s3.put,s3.part prob=5 seed=14 do=stall:0.5
match=s3.get,s3.list prob=4 seed=15 do=500:InternalError
match=api.status prob=10 seed=16 do=html
"""
SIZES = ((0, 0), (1, 60000), (1, 60000), (900000, 3000000),
         (6000000, 13000000))


class Failed(Exception):
    pass


class Stress:
    def __init__(self, root):
        self.root = root
        self.point = os.path.join(root, "m")
        self.sources = []
        self.digest = None   # of no source
        self.stop = threading.Event()
        self.ending = threading.Event()
        self.lock = threading.Lock()
        self.acked = {}      # path below TABLE: index of its source
        self.counts = {}
        self.children = set()
        self.wrong = []

    def count(self, what):
        with self.lock:
            self.counts[what] = self.counts.get(what, 0) + 1

    def fail(self, text):
        with self.lock:
            self.wrong.append(text)

    def start(self, words, log, **more):
        options = os.environ.get("TSAN_OPTIONS", "")
        env = dict(os.environ, **more)
        env["TSAN_OPTIONS"] = (options + " halt_on_error=0 exitcode=66 "
                               "second_deadlock_stack=1 log_path="
                               + os.path.join(self.root, "san." + log))
        with open(os.path.join(self.root, log + ".log"), "ab") as out:
            return subprocess.Popen(words, stdin=subprocess.DEVNULL,
                                    stdout=out, stderr=out, env=env)

    def make_sources(self):
        r = random.Random(SEED)
        for n, (low, high) in enumerate(SIZES * 2):
            path = os.path.join(self.root, "source%d" % n)
            with open(path, "wb") as f:
                f.write(r.randbytes(r.randint(low, high)))
            self.sources.append(path)

        self.digest = os.path.join(self.root, "digest")
        with open(self.digest, "w") as f:
            f.write("1")

    def begin(self):
        faults = os.path.join(self.root, "faults")
        ready = os.path.join(self.root, "ready")
        with open(faults, "w") as f:
            f.write(FAULTS)
        self.sim = self.start(
            [BUILD + "/astra-sim", "--dir", self.root + "/sim",
             "--creds-life", "12", "--faults", faults,
             "--ready-file", ready], "astra-sim")
        self.wait_until(lambda: os.path.exists(ready), "astra-sim")
        with open(ready) as f:
            text = f.read()
        said = dict(line.split("=", 1) for line in text.splitlines())
        os.mkdir(self.point)
        self.daemon = self.start(
            [BUILD + "/sideloadfs", "-f", "-o", "node=node1,memory=32,state="
             + self.root + "/state," + said["options"], said["database"],
             self.point], "sideloadfs", ASTRA_DB_APPLICATION_TOKEN=said[
                 "export ASTRA_DB_APPLICATION_TOKEN"])
        self.wait_until(lambda: os.path.ismount(self.point) or
                        self.daemon.poll() is not None, "the mount")
        self.control(".init", "new")
        self.control(".wait", "ReceivingFiles")
        os.makedirs(os.path.join(self.point, TABLE))

    def control(self, name, line):
        with open(os.path.join(self.point, name), "w") as f:
            f.write(line + "\n")

    @staticmethod
    def wait_until(true, what, seconds=60):
        end = time.monotonic() + seconds
        while not true():
            if time.monotonic() > end:
                raise Failed("no " + what)
            time.sleep(0.05)

    def run(self, words, kill_after=None, sig=signal.SIGINT):
        """Its status; None: it was killed here."""
        child = subprocess.Popen(
            ["env", "--default-signal=INT"] + words,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        with self.lock:
            self.children.add(child)
        try:
            return child.wait(kill_after)
        except subprocess.TimeoutExpired:
            child.send_signal(sig)
            return child.wait()
        finally:
            with self.lock:
                self.children.discard(child)

    def writer(self, number):
        r = random.Random(SEED * 1000 + number)
        turn = 0
        while not self.stop.is_set():
            turn += 1
            which = r.randrange(len(self.sources))
            kind = "Data" if SIZES[which % len(SIZES)][1] and turn % 2 \
                else "Blob"
            name = "nb-%d%04d-big-%s.db" % (number + 1, turn, kind)
            to = os.path.join(self.point, TABLE, name)
            words = r.choice((
                ["cp", self.sources[which], to],
                ["cp", self.sources[which], to],
                ["dd", "if=" + self.sources[which], "of=" + to, "bs=64k",
                 "conv=fsync", "status=none"],
                ["rsync", "-a", self.sources[which], to]))
            kill = r.random() < 0.3
            # Without a right to fail: it may be killed at any moment.
            status = self.run(
                words, r.random() * 0.8 if kill else None,
                r.choice((signal.SIGINT, signal.SIGINT, signal.SIGKILL)))
            self.judge(name, which, status, words[0], kill)
            if kind == "Data" and not status and r.random() < 0.2:
                self.prove_wrong(name)

    def prove_wrong(self, name):
        """Its Digest.crc32 has another number: both must go."""
        with self.lock:
            del self.acked[name]
        status = self.run(["cp", self.digest, os.path.join(
            self.point, TABLE, name.replace("Data.db", "Digest.crc32"))])
        if not status and not self.ending.is_set():
            self.fail("a wrong digest of %s was taken" % name)
        self.count("withdrawn")

    def judge(self, name, which, status, tool, kill):
        if status == 0:
            with self.lock:
                self.acked[name] = which
            self.count("copied")
        elif kill:
            self.count("killed")
        elif self.ending.is_set():
            self.count("cut off by the unmount")
        else:
            self.fail("%s of %s ended with %d" % (tool, name, status))
        if status and self.ending.is_set():
            time.sleep(0.2)

    def reader(self, number):
        r = random.Random(SEED * 1000 + 500 + number)
        while not self.stop.is_set():
            with self.lock:
                name = r.choice(sorted(self.acked)) if self.acked else None
            if not name:
                time.sleep(0.1)
                continue
            status = self.run(["cmp", "-s", self.sources[self.acked[name]],
                               os.path.join(self.point, TABLE, name)],
                              0.5 if r.random() < 0.2 else None)
            self.count("read back")
            if status == 1 and not self.ending.is_set():
                self.fail("%s reads back as something else" % name)

    def reports(self):
        names = (".status", ".progress", ".errors", ".skipped",
                 ".help", ".launch", ".verify", ".schema.cql")
        while not self.stop.is_set():
            for name in names:
                try:
                    with open(os.path.join(self.point, name)) as f:
                        f.read()
                    self.count("reports")
                except OSError as error:
                    if not self.ending.is_set():
                        self.fail("%s: %s" % (name, error))
                    time.sleep(0.1)

    def lister(self):
        while not self.stop.is_set():
            # Its store has faults that no retry hides in time.
            self.run(["ls", "-l", os.path.join(self.point, TABLE)], 2)
            self.count("listings")
            time.sleep(0.1)

    def unmount(self):
        """While all write: out of sight first, then the daemon is told."""
        self.ending.set()
        subprocess.run(["fusermount3", "-u", "-z", self.point], check=False)
        time.sleep(0.2)
        self.daemon.terminate()
        try:
            status = self.daemon.wait(END_S)
        except subprocess.TimeoutExpired as error:
            self.daemon.send_signal(signal.SIGABRT)
            raise Failed("the daemon does not end") from error
        if status:
            self.fail("the daemon ended with %d" % status)

    def verify(self):
        top = os.path.join(self.root, "sim")
        bucket = None
        for path, _, _ in os.walk(top):
            if "/objects/" in path and path.endswith(TABLE):
                bucket = path
        sums = [digest(path) for path in self.sources]
        for name, which in self.acked.items():
            path = os.path.join(bucket or top, name)
            if not os.path.exists(path):
                self.fail("%s was copied and is not in the bucket" % name)
            elif digest(path) != sums[which]:
                self.fail("%s is not what was copied" % name)

    def sanitizers(self):
        """Whatever they wrote, and what smells of them in the logs."""
        for name in sorted(os.listdir(self.root)):
            if not (name.startswith("san.") or name.endswith(".log")):
                continue
            with open(os.path.join(self.root, name), errors="replace") as f:
                text = f.read()
            if re.search(r"Sanitizer|runtime error:|BUG|Assertion", text):
                self.fail("%s:\n%s" % (name, text[:20000]))
            elif self.wrong:
                print("# end of %s:\n# %s" % (
                    name, text[-3000:].replace("\n", "\n# ")))

    def work(self):
        threads = [threading.Thread(target=self.writer, args=(n,))
                   for n in range(WRITERS)]
        threads += [threading.Thread(target=self.reader, args=(n,))
                    for n in range(2)]
        threads.append(threading.Thread(target=self.reports))
        threads.append(threading.Thread(target=self.lister))
        for thread in threads:
            thread.daemon = True
            thread.start()
        time.sleep(SECONDS)
        try:
            self.unmount()
        finally:
            self.stop.set()
        end = time.monotonic() + END_S
        for thread in threads:
            thread.join(max(0, end - time.monotonic()))
        with self.lock:
            hung = [child.args[2:] for child in self.children]
        if hung or any(thread.is_alive() for thread in threads):
            raise Failed("these hang: %s" % hung)

    def clean(self):
        with self.lock:
            for child in self.children:
                child.kill()
        for child in (getattr(self, "daemon", None),
                      getattr(self, "sim", None)):
            if child and child.poll() is None:
                child.terminate()
                try:
                    child.wait(20)
                except subprocess.TimeoutExpired:
                    child.kill()
        # Not ismount(), which cannot see a mount whose daemon is dead.
        subprocess.run(["fusermount3", "-u", "-z", self.point], check=False,
                       stderr=subprocess.DEVNULL)


def digest(path):
    with open(path, "rb") as f:
        return hashlib.sha256(f.read()).hexdigest()


def main():
    root = tempfile.mkdtemp(prefix="sl-stress.")
    stress = Stress(root)
    try:
        stress.make_sources()
        stress.begin()
        stress.work()
        stress.verify()
        if not stress.counts.get("copied") or not stress.counts.get("killed"):
            raise Failed("nothing was tried: %s" % stress.counts)
    except (Failed, OSError) as error:
        stress.fail(str(error))
    finally:
        stress.clean()
    stress.sanitizers()
    for text in stress.wrong:
        print("# " + text.replace("\n", "\n# "))
    print("# %.0f s, seed %d: %s" % (SECONDS, SEED, ", ".join(
        "%d %s" % (n, what) for what, n in sorted(stress.counts.items()))))
    print("1..1")
    print("%sok 1 - 32 writers, expiry, interrupts and an unmount"
          % ("not " if stress.wrong else ""))
    if not os.environ.get("SL_STRESS_KEEP"):
        shutil.rmtree(root, ignore_errors=True)
    return 1 if stress.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
