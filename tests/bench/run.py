#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The speed of a mount beside that of other tools: run.py [SCENARIO ...]

  big      4 GiB in one file, and 8 x 512 MiB
  small    4,000 SSTable-shaped files of up to 60 KB
  latency  20 ms added to each request
  percon   each connection is read at 50 MB/s
  tls      over TLS
  read     4 GiB back from the mount, beside curl of the same object
  validate what judging the bytes costs the daemon: CPU seconds per GiB beside
           the same bytes under names that have no parser
  check    sideload-check on 2 GiB each of compressed and uncompressed SSTables
           in memory, beside programs that compute one checksum

All of them without a name. Everything goes to a sink on this machine that
discards it (tests/bench/sink.c), so cores are shared with the receiver: only
the ratios within one run mean something, and under 1.5 is noise.

Environment: BENCH_SCALE=0.1 makes sizes and counts smaller; BENCH_REPEAT=3
shows the median of three runs; BENCH_TOOLS="sideloadfs curl" runs only these;
BENCH_DIR is where the files are made (/dev/shm); BENCH_JSON names a file for
the rows as JSON lines; SL_BUILD is where the programs are (build/plain).

Columns: seconds until the tool has returned and the sink has the last byte;
the ratio to the baseline of the table; CPU seconds and peak memory of the
mount's daemon, or of the tool where there is none; requests per file, lists
included; most requests in flight; CPU seconds of the sink.
"""
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile

import check
import judging
import tools

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))

# A row: the tool, and how files are copied where it is a mount.
STREAM = [("curl", "-T"), ("nullfs", "cp"), ("sideloadfs", "cp"),
          ("mc", "mirror"), ("rclone-copy", ""), ("rclone-mount", "cp")]
SMALL = [("rclone-mount", "cp"), ("rclone-mount", "rsync"),
         ("rclone-cache", "cp"), ("rclone-cache", "rsync"), ("nullfs", "cp"),
         ("nullfs", "rsync"), ("sideloadfs", "cp"), ("sideloadfs", "rsync"),
         ("mc", "mirror"), ("rclone-copy", "")]
MANY = [("rclone-mount", "16 cp"), ("sideloadfs", "16 cp"), ("mc", "mirror"),
        ("rclone-copy", "")]
NO_NULL = [row for row in STREAM if row[0] != "nullfs"]
TRANSFER = [row for row in NO_NULL if row[0] != "rclone-mount"]

# Tables of a scenario: title, set of files, flags of the sink, rows, baseline.
SCENARIOS = {
    "big": [
        ("4 GiB in one file", "big", [], STREAM, "curl"),
        ("8 x 512 MiB", "eight", [], STREAM, "curl")],
    "small": [
        ("4,000 files", "small", [], SMALL, "rclone-mount")],
    "latency": [
        ("4 GiB, 20 ms per request", "big", ["--latency-ms", "20"], TRANSFER,
         "curl"),
        ("4,000 files, 20 ms per request", "small", ["--latency-ms", "20"],
         MANY, "rclone-mount"),
        ("400 files, 20 ms per request, one copy", "few",
         ["--latency-ms", "20"],
         [("rclone-mount", "cp"), ("sideloadfs", "cp")], "rclone-mount")],
    "percon": [
        ("4 GiB, 50 MB/s per connection", "big", ["--conn-mbps", "50"],
         TRANSFER, "curl")],
    "tls": [
        ("4 GiB over TLS", "big", ["tls"], TRANSFER, "curl"),
        ("4,000 files over TLS", "small", ["tls"],
         [("rclone-mount", "cp"), ("sideloadfs", "cp"), ("mc", "mirror"),
          ("rclone-copy", "")], "rclone-mount")],
    "read": [
        ("4 GiB read back", "big", [],
         [("curl", "read"), ("sideloadfs", "read"), ("rclone-mount", "read")],
         "curl")],
}

# The other kind: nothing is sent.
CHECKS = {
    "check": [("2 GiB compressed", "chunks"), ("2 GiB uncompressed", "plain")],
}

# Two sets of names for the same bytes; five times if not told otherwise.
JUDGED = {
    "validate": [("compressed", "chunks"), ("uncompressed", "plain")],
}

HEAD = ("tool", "seconds", "ratio", "CPU s", "/GiB", "MiB", "req/file",
        "in flight", "sink CPU")
FORMAT = "{:<22}{:>16}{:>7}{:>8}{:>8}{:>7}{:>10}{:>11}{:>10}"


def first_line(words):
    try:
        out = subprocess.run(words, capture_output=True, text=True,
                             check=False)
        return (out.stdout + out.stderr).strip().split("\n")[0]
    except OSError:
        return "not there"


def module_version(program):
    """What a Go program was built from; go install leaves no other trace."""
    out = first_line(["sh", "-c", f"go version -m '{program}' | "
                      "awk '$1 == \"mod\" { print $2, $3 }'"])
    return out or "unknown module"


def print_versions(env):
    model = first_line(["sed", "-n", "s/^model name.*: //p", "/proc/cpuinfo"])
    kernel = os.uname()
    print(f"{os.cpu_count()} cores ({model}), {kernel.sysname} "
          f"{kernel.release}; the sink runs on the same")
    print(first_line([env.program("sideloadfs"), "--version"]),
          "as built, no options but node=, state= and addresses")
    print(first_line(["cp", "--version"]), "(cp -r)")
    print(first_line(["rsync", "--version"]), "(rsync -a)")
    print(first_line(["curl", "--version"]), "(curl -T, one connection)")
    if env.program("mc"):
        print("mc:", module_version(env.program("mc")), "(mc mirror)")
    if env.program("rclone"):
        print(first_line(["rclone", "version"]),
              "(copy:", " ".join(tools.RCLONE_S3) + ";",
              "mount: the same and", " ".join(tools.RCLONE_STREAM) + ";",
              "cache: the same and", " ".join(tools.RCLONE_CACHE) + ")")


class Bench:
    def __init__(self):
        self.scale = float(os.environ.get("BENCH_SCALE", "1"))
        self.repeat = int(os.environ.get("BENCH_REPEAT", "1"))
        self.only = os.environ.get("BENCH_TOOLS", "").split()
        build = os.environ.get("SL_BUILD", f"{ROOT}/build/plain")
        os.environ["PATH"] += f":{ROOT}/build/tools"
        self.scratch = tempfile.mkdtemp(prefix="sl-bench-", dir=self.place())
        self.env = tools.Env(build, self.scratch)
        self.failed = 0

    def place(self):
        """Real memory rather than a disk, where there is enough of it."""
        if "BENCH_DIR" in os.environ:
            return os.environ["BENCH_DIR"]
        need = self.scale * 10 * tools.GIB
        shm = os.statvfs("/dev/shm") if os.path.isdir("/dev/shm") else None
        if shm and shm.f_bavail * shm.f_frsize > need:
            return "/dev/shm"
        return tempfile.gettempdir()

    def data(self, what):
        root = f"{self.scratch}/{what}"
        if not os.path.isdir(root):
            subprocess.run([sys.executable, f"{ROOT}/tests/bench/files.py",
                            root, what, str(self.scale)], check=True)
        sizes = [os.path.getsize(f"{top}/{name}")
                 for top, _, names in os.walk(root) for name in names]
        return {"root": root, "files": len(sizes), "bytes": sum(sizes)}

    def row(self, tool, how, data, flags):
        gone = tools.missing(self.env, tool, how)
        if gone:
            print(f"{tool} {how}: skipped, no {' '.join(gone)} here")
            return None
        runs = []
        try:
            for _ in range(self.repeat):
                runs.append(tools.measure(self.env, tool, how, data, flags))
        except tools.Failed as why:
            print(f"{tool} {how}: FAILED: {why}")
            self.failed += 1
            return None
        runs.sort(key=lambda r: r["seconds"])
        result = runs[len(runs) // 2]
        result["range"] = (runs[0]["seconds"], runs[-1]["seconds"])
        return result

    def table(self, title, data, flags, rows, base_tool):
        print(f"\n{title}: {data['files']} files, {data['bytes']} bytes; "
              f"ratio to {base_tool}")
        print(FORMAT.format(*HEAD), flush=True)
        bases = {}
        for tool, how in rows:
            if self.only and tool not in self.only:
                continue
            r = self.row(tool, how, data, flags)
            if not r:
                continue
            if tool == base_tool:
                bases[how] = r["seconds"]
            # A mount's own way of copying, else the first one measured.
            base = bases.get(how) or next(iter(bases.values()), None)
            print_row(tool, how, r, data, base)
            self.write_json(title, tool, how, r, data)

    def write_json(self, title, tool, how, r, data):
        if "BENCH_JSON" in os.environ:
            with open(os.environ["BENCH_JSON"], "a", encoding="utf-8") as f:
                json.dump({"table": title, "tool": tool, "how": how,
                           "files": data["files"], "bytes": data["bytes"],
                           **r}, f)
                f.write("\n")

    def check(self, title, what):
        rows, failed = check.table(self.env, title, self.data(what),
                                   self.only, self.repeat)
        check.write_json(rows)
        self.failed += failed

    def judge(self, title, what):
        repeat = int(os.environ.get("BENCH_REPEAT", "5"))
        rows, failed = judging.table(self.env, title, self.data(what), repeat)
        judging.write_json(rows)
        self.failed += failed

    def close(self):
        self.env.stop_all()
        shutil.rmtree(self.scratch, ignore_errors=True)


def print_row(tool, how, r, data, base):
    gib = data["bytes"] / tools.GIB
    seconds = f"{r['seconds']:.2f}"
    if r["range"][0] != r["range"][1]:
        seconds += f" ({r['range'][0]:.1f}-{r['range'][1]:.1f})"
    sink = r["sink"]
    print(FORMAT.format(
        f"{tool} {how}", seconds,
        f"{r['seconds'] / base:.2f}" if base else "-",
        f"{r['cpu']:.2f}", f"{r['cpu'] / gib:.2f}", f"{r['mib']:.0f}",
        f"{sink['total'] / data['files']:.2f}", sink["max_in_flight"],
        f"{sink['cpu']:.2f}"), flush=True)


def main():
    known = [*SCENARIOS, *JUDGED, *CHECKS]
    names = sys.argv[1:] or known
    for name in names:
        if name not in known:
            sys.exit(f"no scenario '{name}'; there are: {' '.join(known)}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    bench = Bench()
    try:
        print_versions(bench.env)
        if bench.scale != 1:
            print(f"BENCH_SCALE={bench.scale}: the titles name what it is "
                  "that part of")
        for name in names:
            for title, what in JUDGED.get(name, []):
                bench.judge(title, what)
            for title, what in CHECKS.get(name, []):
                bench.check(title, what)
            for title, what, flags, rows, base in SCENARIOS.get(name, []):
                bench.table(title, bench.data(what), list(flags), rows, base)
    finally:
        bench.close()
    sys.exit(1 if bench.failed else 0)


main()
