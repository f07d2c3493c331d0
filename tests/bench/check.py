# SPDX-License-Identifier: Apache-2.0
"""The speed of sideload-check out of the page cache, beside programs that
only compute a checksum over the same bytes."""
import json
import os
import subprocess
import sys

import tools

# Only Data.db and what checks it are there: what lacks is no matter here.
RULES = ("missing-component", "no-filter", "no-summary", "no-toc",
         "no-manifest")
ZLIB = """
import sys, zlib
for name in sys.argv[1:]:
    crc, buf = 0, bytearray(1 << 20)
    with open(name, "rb", buffering=0) as f:
        while n := f.readinto(buf):
            crc = zlib.crc32(memoryview(buf)[:n], crc)
"""
ROWS = [("sha256sum", ["sha256sum"]), ("cksum", ["cksum"]),
        ("zlib.crc32", [sys.executable, "-c", ZLIB]),
        ("sideload-check", ["--jobs", "1"]),
        ("sideload-check", ["--jobs", "2"])]
FORMAT = "{:<26}{:>9}{:>8}{:>9}{:>16}{:>12}"


def files_of(root):
    return sorted(f"{top}/{name}" for top, _, names in os.walk(root)
                  for name in names)


def words_of(env, how, data):
    name, words = how
    if name != "sideload-check":
        return words + files_of(data["root"])
    policy = f"{env.scratch}/policy"
    with open(policy, "w", encoding="utf-8") as f:
        f.writelines(f"{rule} warn\n" for rule in RULES)
    return [env.program(name), "--quiet", "--policy", policy, *words,
            data["root"]]


def run_once(words):
    begin = tools.now()
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as p:
        out = p.stdout.read()
        _, status, usage = os.wait4(p.pid, 0)
        p.returncode = os.waitstatus_to_exitcode(status)
    if p.returncode:
        raise tools.Failed(f"ended with {p.returncode}: {out[-300:]}")
    return {"seconds": tools.now() - begin,
            "cpu": usage.ru_utime + usage.ru_stime}


def measure(env, how, data, repeat):
    words = words_of(env, how, data)
    runs = sorted((run_once(words) for _ in range(repeat)),
                  key=lambda r: r["cpu"])
    return runs[len(runs) // 2]


def print_row(how, r, data):
    gib = data["bytes"] / tools.GIB
    label = " ".join([how[0], *how[1]]) if how[1][0] == "--jobs" else how[0]
    print(FORMAT.format(label, f"{r['seconds']:.2f}",
                        f"{data['bytes'] / r['seconds'] / 1e9:.2f}",
                        f"{r['cpu']:.2f}",
                        f"{data['bytes'] / r['cpu'] / 1e9:.2f}",
                        f"{r['cpu'] / gib:.3f}"), flush=True)


def table(env, title, data, only, repeat):
    """Rows as dicts, and how many failed."""
    rows, failed = [], 0
    print(f"\n{title}: {data['files']} files, {data['bytes']} bytes")
    print(FORMAT.format("tool", "seconds", "GB/s", "CPU s",
                        "GB per CPU s", "CPU s/GiB"), flush=True)
    for how in ROWS:
        if only and how[0] not in only:
            continue
        try:
            r = measure(env, how, data, repeat)
        except (OSError, tools.Failed) as why:
            print(f"{how[0]}: FAILED: {why}")
            failed += 1
            continue
        print_row(how, r, data)
        rows.append({"table": title, "tool": how[0],
                     "how": " ".join(how[1][:2]) if how[1][0] == "--jobs"
                     else "", "files": data["files"],
                     "bytes": data["bytes"], **r})
    return rows, failed


def write_json(rows):
    if "BENCH_JSON" not in os.environ:
        return
    with open(os.environ["BENCH_JSON"], "a", encoding="utf-8") as f:
        f.writelines(json.dumps(row) + "\n" for row in rows)
