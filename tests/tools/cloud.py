# SPDX-License-Identifier: Apache-2.0
"""astra-sim and one mount of it, and what both say of a copy: the objects on
disk, the request log, .status. No port, path or state is fixed."""
import json
import os
import subprocess
import time
import urllib.request

from rows import Fault

WAIT = 30


def wait_for(what, condition, seconds=WAIT):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise Fault("waited %d s for: %s" % (seconds, what))
        time.sleep(0.02)


class Cloud:
    def __init__(self, build, work, name="s3"):
        self.build, self.work, self.name = build, work, name
        self.log_at, self.log, self.rest = 0, [], b""
        ready = work + "/ready"
        self.sim = self.spawn("astra-sim", "--dir", work + "/sim",
                              "--cloud", name, "--init-delay", "0.1",
                              "--log", work + "/log", "--ready-file", ready)
        wait_for("astra-sim", lambda: os.path.exists(ready))
        with open(ready, encoding="utf-8") as lines:
            self.ready = dict(line.strip().replace("export ", "", 1)
                              .split("=", 1) for line in lines)
        self.token = self.ready["ASTRA_DB_APPLICATION_TOKEN"]
        self.token_file = work + "/token"
        with open(self.token_file, "w", encoding="utf-8",
                  opener=lambda p, f: os.open(p, f, 0o600)) as out:
            out.write(self.token + "\n")
        self.mounted = None
        self.point = work + "/mnt"

    def spawn(self, program, *words):
        with open("%s/%s.err" % (self.work, program), "ab") as err:
            return subprocess.Popen([self.build + "/" + program, *words],
                                    stdin=subprocess.DEVNULL, stdout=err,
                                    stderr=err)

    def options(self, node, state):
        return "node=%s,memory=32,state=%s,token_file=%s,%s" % (
            node, state, self.token_file, self.ready["options"])

    def mount(self):
        os.mkdir(self.point)
        self.mounted = self.spawn(
            "sideloadfs", "-f", "-o",
            self.options("node1", self.work + "/state"),
            self.ready["database"], self.point)
        wait_for("the mount", lambda: os.path.ismount(self.point) or
                 self.mounted.poll() is not None)
        if not os.path.ismount(self.point):
            raise Fault("cannot mount: " + self.said())
        self.control("init", "new")
        self.control("wait", "ReceivingFiles")
        self.migration = self.status()["migrationID"]
        self.store = "%s/sim/buckets/ds-mig-%s/objects/%s/sstables/" % (
            self.work, self.ready["database"], self.migration)

    def control(self, name, text):
        with open("%s/.%s" % (self.point, name), "w",
                  encoding="utf-8") as out:
            out.write(text + "\n")

    def read(self, name):
        with open("%s/.%s" % (self.point, name), encoding="utf-8") as text:
            return text.read()

    def status(self):
        return json.loads(self.read("status"))

    def said(self):
        with open(self.work + "/sideloadfs.err", encoding="utf-8") as text:
            return text.read()[-3000:]

    def faults(self, text):
        url = self.ready["control"] + "/faults"
        urllib.request.urlopen(url, text.encode(), timeout=WAIT).read()

    def requests(self):
        """All requests so far, as they stand in the log."""
        with open(self.work + "/log", "rb") as log:
            log.seek(self.log_at)
            data = log.read()
        self.log_at += len(data)
        lines = (self.rest + data).split(b"\n")
        self.rest = lines.pop()
        self.log += [json.loads(line) for line in lines]
        return self.log

    def objects(self, under):
        """{name: path} of the objects below a directory of the bucket."""
        top = self.store + under
        found = {}
        for folder, _, names in os.walk(top):
            for name in names:
                path = os.path.join(folder, name)
                found[os.path.relpath(path, top)] = path
        return found

    def unfinished(self):
        path = self.work + "/sim/buckets/ds-mig-%s/uploads" % (
            self.ready["database"])
        return len(os.listdir(path)) if os.path.isdir(path) else 0

    def umount(self):
        """The daemon ends with 0 and without a fault."""
        subprocess.run(["fusermount3", "-u", self.point], check=True)
        status = self.mounted.wait(WAIT)
        self.mounted = None
        text = self.said()
        if status or "Sanitizer" in text or "runtime error" in text:
            raise Fault("the daemon ended with %d: %s" % (status, text))

    def end(self):
        if self.mounted:
            subprocess.run(["fusermount3", "-uz", self.point], check=False)
            self.mounted.kill()
            self.mounted.wait(WAIT)
        self.sim.terminate()
        self.sim.wait(WAIT)
