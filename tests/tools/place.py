# SPDX-License-Identifier: Apache-2.0
"""Where one row has its files, what the bucket and the log must hold of it."""
import filecmp
import hashlib
import os
import shutil
import signal
import string
import subprocess
import tarfile

import rows
from cloud import WAIT
from rows import Fault

HERE = os.path.dirname(os.path.abspath(__file__))
BIG = "nb-9-big-Blob.db"
BIG_SIZE = 11 * 1000 * 1000
# More than the memory of the mount (32 MiB) and the parts that get through.
MIDDLE_SIZE = 46 << 20
TOOL_TIME = 60
MTIME = 1700000000123456789


def make_sources(work):
    fixture = HERE + "/../data/cluster-4.1-smart_home.tar.xz"
    with tarfile.open(fixture) as tar:
        tar.extractall(work + "/fixture")
    src, mid = work + "/src", work + "/mid"
    for folder, _, names in os.walk(work + "/fixture/node1/smart_home"):
        if not folder.endswith("/snapshots/migrate1"):
            continue
        os.makedirs(src, exist_ok=True)
        for name in names:
            shutil.copy2(folder + "/" + name, src)
        break
    os.mkdir(mid)
    shutil.copy2(src + "/manifest.json", mid)
    for folder, size in ((src, BIG_SIZE), (mid, MIDDLE_SIZE)):
        with open(folder + "/" + BIG, "wb") as out:
            out.write(os.urandom(size))
    # Older than every copy, as a snapshot is, and to the nanosecond.
    for folder in (src, mid):
        for name in os.listdir(folder):
            os.utime(folder + "/" + name, ns=(MTIME, MTIME))


class Place:
    """Where one row, or its interruption, has its files."""

    def __init__(self, cloud, row, source, kind):
        self.cloud, self.row = cloud, row
        self.id = hashlib.md5((row["row"] + kind).encode()).hexdigest()
        node = row.get("node", "node1")
        self.key = "%s/tools/t%s-%s/snapshots/migrate1" % (
            node, self.id[:8], self.id)
        self.tmp = "%s/rows/%s" % (cloud.work, self.id)
        os.makedirs(self.tmp)
        point = cloud.point
        if "node" in row:
            point = self.tmp + "/mnt"
            os.mkdir(point)
        self.dst = point + "/" + self.key
        if "node" not in row:
            os.makedirs(self.dst)
        self.src = os.path.dirname(cloud.work) + "/" + source
        self.names = dict(
            os.environ, SRC=self.src, DST=self.dst, MNT=point, TMP=self.tmp,
            BIG=BIG, HERE=HERE, LC_ALL="C", SL_BUILD=cloud.build,
            DB=cloud.ready["database"], OPTIONS=cloud.options(
                node, self.tmp + "/state") +
            ",migration=" + cloud.migration)
        self.sizes = {}

    def start(self, script):
        out = open(self.tmp + "/output", "ab")
        return subprocess.Popen(
            ["sh", "-c", script], cwd=self.tmp, env=self.names,
            stdin=subprocess.DEVNULL, stdout=out, stderr=out,
            start_new_session=True)

    def run(self, script):
        tool = self.start(script)
        try:
            return tool.wait(TOOL_TIME)
        except subprocess.TimeoutExpired:
            os.killpg(tool.pid, signal.SIGKILL)
            tool.wait(WAIT)
            raise Fault("no end after %d s" % TOOL_TIME) from None

    def setup(self):
        if self.row.get("setup") and self.run(self.row["setup"]):
            raise Fault("the setup failed")

    def told(self):
        """What the tool and the mount say, for a test that failed."""
        with open(self.tmp + "/output", errors="replace",
                  encoding="utf-8") as text:
            output = text.readlines()[-6:]
        errors = [line for line in self.cloud.read("errors").splitlines(True)
                  if self.id in line][-6:]
        files = self.cloud.status()["local"]["files"]
        return "".join(output + errors) + ".status counts %s" % files

    def expand(self, text):
        return string.Template(text).substitute(self.names)

    def wanted(self):
        """{name: file it must equal}."""
        files = {}
        for word in self.expand(self.row["objects"]).split():
            if word == "all":
                files.update(tree(self.src))
            elif word.startswith("tree:"):
                files.update(tree(word[5:]))
            elif word.startswith("-"):
                del files[word[1:]]
            elif word != "none":
                name, _, path = word.partition("=")
                files[name] = path
        self.sizes.update((name, os.path.getsize(path))
                          for name, path in files.items())
        return files

    def versions(self):
        text = self.row.get("versions", "")
        return set(tree(self.src)) if text == "all" else \
            set(self.expand(text).split())

    def requests(self, since=0):
        """Of what Google takes at /upload/, only the log's word says which
        object it made."""
        for r in self.cloud.requests()[since:]:
            prefix = r.get("query", {}).get("prefix", "")
            made = r.get("made", {}).get("key", "")
            if any(self.id in word for word in (r["path"], prefix, made)):
                yield r

    def counted(self, since):
        seen = {}
        for r in self.requests(since):
            kind = r["kind"].replace("s3.", "")
            if r["status"] // 100 != 2 and kind != "get":
                raise Fault("%s was answered %d" % (kind, r["status"]))
            seen[kind] = seen.get(kind, 0) + 1
        return seen

    def clean(self):
        shutil.rmtree(self.tmp, ignore_errors=True)


def tree(top):
    found = {}
    for folder, _, names in os.walk(top):
        for name in names:
            path = folder + "/" + name
            found[os.path.relpath(path, top)] = path
    return found


def check_objects(place):
    wanted, have = place.wanted(), place.cloud.objects(place.key)
    table = place.key.split("/snapshots/")[0]
    all_names = {table + "/" + n for n in place.cloud.objects(table)}
    stray = all_names - {place.key + "/" + n for n in wanted}
    absent = set(wanted) - set(have)
    if stray or absent:
        raise Fault("in the bucket without reason: %s; not there: %s" %
                    (sorted(stray), sorted(absent)))
    for name, path in wanted.items():
        if not filecmp.cmp(path, have[name], shallow=False):
            raise Fault("%s is not %s" % (name, path))


def sent(place):
    """(name, size) of every object that was ever made."""
    for r in place.requests():
        if "made" in r:
            yield r["made"]["key"].partition("/sstables/")[2], \
                r["made"]["size"]


def check_log(place):
    """Nothing was ever there under another name or with another size."""
    versions = place.versions()
    for key, size in sent(place):
        name = os.path.relpath(key, place.key)
        if name in versions:
            continue
        if name not in place.sizes:
            raise Fault("%s went up, %d bytes" % (key, size))
        if size != place.sizes[name]:
            raise Fault("%s went up with %d bytes of %d" %
                        (key, size, place.sizes[name]))


def check_bucket(place):
    check_objects(place)
    check_log(place)


def check_requests(place, since, text):
    text = rows.on_cloud(text, place.cloud.name)
    wrong = rows.check_counts(rows.counts(text)[0], place.counted(since))
    if wrong:
        raise Fault(wrong)


def check_exit(status, wanted):
    if status != wanted:
        raise Fault("exit status %d, not %d" % (status, wanted))


def check_quiet(place, before):
    """What .status counts as not well is what was counted before."""
    after = place.cloud.status()["local"]["files"]
    wrong = {k: v for k, v in after.items()
             if k not in ("committed", "skipped") and v != before[k]}
    if wrong and "node" not in place.row:
        raise Fault("in .status: %s, before: %s" % (wrong, before))
