# SPDX-License-Identifier: Apache-2.0
"""What judging the bytes as they pass costs the daemon: the same bytes under
names that have a parser and under names that have none, in turns."""
import json
import os
import sys

import tools

FORMAT = "{:<30}{:>14}{:>14}{:>9}{:>17}"
# In this order cp finds the description of Data.db before it, or after it.
ORDERS = [("described first", "forward"), ("described last", "backward")]


def rename(name):
    """A name that is uploaded and that nobody looks into."""
    stem, component = name.rsplit("-", 1)
    return f"{stem}-Blob-{component}"


def unjudged(data):
    """The same files, linked under names without a parser."""
    root = data["root"] + "-unjudged"
    for top, _, names in os.walk(data["root"]):
        where = root + top[len(data["root"]):]
        os.makedirs(where, exist_ok=True)
        for name in names:
            if not os.path.exists(f"{where}/{rename(name)}"):
                os.link(f"{top}/{name}", f"{where}/{rename(name)}")
    return {**data, "root": root}


def cpu(env, how, data):
    return tools.measure(env, "sideloadfs", how, data, [])["cpu"]


def middle(values):
    return sorted(values)[len(values) // 2]


def row(env, title, how, data, repeat):
    off, gib = unjudged(data), data["bytes"] / tools.GIB
    pairs = [(cpu(env, how, data), cpu(env, how, off))
             for _ in range(repeat)]
    with_it, without = (middle(side) for side in zip(*pairs))
    each = sorted(a / b for a, b in pairs)
    print(FORMAT.format(title, f"{with_it / gib:.3f}", f"{without / gib:.3f}",
                        f"{with_it / without:.3f}",
                        f"{each[0]:.2f}-{each[-1]:.2f}"), flush=True)
    return {"table": "judging", "tool": "sideloadfs", "how": title,
            "files": data["files"], "bytes": data["bytes"],
            "cpu": with_it, "cpu_unjudged": without,
            "ratio": with_it / without}


def table(env, title, data, repeat):
    """Rows as dicts, and how many failed."""
    rows, failed = [], 0
    print(f"\n{title}: {data['files']} files, {data['bytes']} bytes; median "
          f"of {repeat}, judged and not in turns")
    print(FORMAT.format("order", "CPU s/GiB", "not judged", "ratio",
                        "of single pairs"), flush=True)
    for order, how in ORDERS:
        try:
            rows.append(row(env, f"{title}, {order}", how, data, repeat))
        except (OSError, tools.Failed) as why:
            print(f"{order}: FAILED: {why}", file=sys.stderr)
            failed += 1
    return rows, failed


def write_json(rows):
    if "BENCH_JSON" not in os.environ:
        return
    with open(os.environ["BENCH_JSON"], "a", encoding="utf-8") as f:
        f.writelines(json.dumps(r) + "\n" for r in rows)
