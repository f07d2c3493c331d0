# SPDX-License-Identifier: Apache-2.0
"""The tools that `make bench` measures, and how each is run and watched.

A Run is one tool copying one set of files to one fresh sink. What it costs is
taken from the process that does the work: the daemon of a mount, else the
tool itself.
"""
import json
import os
import shutil
import subprocess
import time
import urllib.request

GIB = 1 << 30
TICK = os.sysconf("SC_CLK_TCK")
BUCKET = "bench-bucket"
# Nothing of the caller's proxies, CA bundles or cloud accounts gets in.
CLEAN = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8"}
KEYS = {"AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "bench-secret"}

RCLONE_S3 = ["--s3-chunk-size", "16M", "--s3-upload-concurrency", "8",
             "--s3-no-head", "--transfers", "32"]
# Without a cache a file is uploaded while it is written, and a rename is a
# copy and a removal at the server. With one it goes up after the copy tool has
# closed it; below a second rclone 1.60 loses files that rsync renames.
RCLONE_STREAM = ["--vfs-cache-mode", "off", "--dir-cache-time", "1h"]
RCLONE_CACHE = ["--vfs-cache-mode", "writes", "--vfs-write-back", "1s",
                "--dir-cache-time", "1h"]


class Failed(Exception):
    """A run that came to nothing; the text says why."""


def now():
    return time.clock_gettime(time.CLOCK_MONOTONIC)


def wait_until(seconds, what, test):
    end = now() + seconds
    while not test():
        if now() > end:
            raise Failed(f"no {what} within {seconds} s")
        time.sleep(0.02)


def is_mounted(path):
    with open("/proc/self/mountinfo", encoding="utf-8") as f:
        return any(line.split()[4] == path for line in f)


def tail_of(path):
    with open(path, encoding="utf-8", errors="replace") as f:
        return " ".join(f.read()[-200:].split())


def used_by(pid):
    """CPU seconds and peak MiB of a living process."""
    with open(f"/proc/{pid}/stat", encoding="utf-8") as f:
        words = f.read().rsplit(")", 1)[1].split()
    with open(f"/proc/{pid}/status", encoding="utf-8") as f:
        peak = next(int(line.split()[1]) for line in f
                    if line.startswith("VmHWM"))
    return (int(words[11]) + int(words[12])) / TICK, peak / 1024


class Env:
    """Where things are: programs, a scratch directory, certificates."""

    def __init__(self, build, scratch):
        self.build = build
        self.scratch = scratch
        self.count = 0
        self.procs = []
        self.mounts = []
        self.ca = f"{scratch}/ca.pem"

    def program(self, name):
        own = {"sink": "tests/sink", "nullfs": "tests/nullfs",
               "sideloadfs": "sideloadfs", "astra-sim": "astra-sim",
               "sideload-check": "sideload-check"}
        if name in own:
            return f"{self.build}/{own[name]}"
        return shutil.which(name)

    def fresh(self):
        self.count += 1
        path = f"{self.scratch}/run{self.count}"
        os.mkdir(path)
        return path

    def make_certificate(self):
        if os.path.exists(self.ca):
            return
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes",
             "-days", "2", "-subj", "/CN=bench", "-keyout",
             f"{self.scratch}/key.pem", "-out", self.ca,
             "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"],
            check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def start(self, words, log, env=None):
        with open(log, "ab") as out:
            proc = subprocess.Popen(words, stdout=out, stderr=out,
                                    stdin=subprocess.DEVNULL,
                                    env={**CLEAN, **(env or {})})
        self.procs.append(proc)
        return proc

    def start_ready(self, words, ready, log):
        proc = self.start(words + ["--ready-file", ready], log)
        wait_until(20, f"{words[0]}", lambda: proc.poll() is not None or
                   (os.path.exists(ready) and os.path.getsize(ready)))
        if proc.poll() is not None:
            raise Failed(f"{words[0]} did not start")
        with open(ready, encoding="utf-8") as f:
            return f.read()

    def mount(self, words, point, log, env=None):
        os.makedirs(point)
        proc = self.start(words, log, env)
        self.mounts.append(point)
        wait_until(20, "mount", lambda: proc.poll() is not None or
                   is_mounted(point))
        if proc.poll() is not None:
            raise Failed(f"no mount: {tail_of(log)}")
        return proc

    def stop_all(self):
        for point in self.mounts:
            subprocess.run(["fusermount3", "-u", point], check=False,
                           stderr=subprocess.DEVNULL)
            if is_mounted(point):
                subprocess.run(["fusermount3", "-uz", point], check=False)
        for proc in self.procs:
            if proc.poll() is None:
                proc.terminate()
        for proc in self.procs:
            try:
                proc.wait(20)
            except subprocess.TimeoutExpired:
                proc.kill()
                proc.wait()
        self.procs, self.mounts = [], []


class Sink:
    """A sink of its own for each run."""

    def __init__(self, env, work, flags):
        words = [env.program("sink")] + flags
        if "tls" in flags:
            words.remove("tls")
            env.make_certificate()
            words += ["--tls", env.ca, f"{env.scratch}/key.pem"]
        self.url = env.start_ready(words, f"{work}/sink.ready",
                                   f"{work}/sink.log").strip()
        self.context = None
        if self.url.startswith("https"):
            import ssl
            self.context = ssl.create_default_context(cafile=env.ca)

    def ask(self, path, method="GET"):
        request = urllib.request.Request(self.url + path, method=method)
        with urllib.request.urlopen(request, context=self.context) as answer:
            return json.load(answer)

    def stats(self):
        return self.ask("/stats")

    def reset(self):
        """Counts from zero, once what a mount asks at its start is over."""
        seen, end = None, now() + 10
        while seen != self.stats()["total"] and now() < end:
            seen = self.stats()["total"]
            time.sleep(0.3)
        self.ask("/stats/reset", "POST")


class Job:
    """One run: the sink, where the files are, what they are."""

    def __init__(self, env, data, flags):
        self.env = env
        self.data = data
        self.work = env.fresh()
        self.sink = Sink(env, self.work, flags)
        self.daemon = None
        self.tail = False  # bytes may go on after the tool has returned
        self.log = f"{self.work}/tool.log"
        self.extra = {**KEYS, "HOME": self.work}
        if self.sink.context:
            self.extra["SSL_CERT_FILE"] = env.ca

    def run(self, words, cwd=None):
        """Runs the tool; seconds, and CPU and MiB of it or its daemon."""
        self.sink.reset()
        base = used_by(self.daemon.pid)[0] if self.daemon else 0
        with open(self.log, "ab") as out:
            start = now()
            proc = subprocess.Popen(words, cwd=cwd, stdout=out, stderr=out,
                                    stdin=subprocess.DEVNULL,
                                    env={**CLEAN, **self.extra})
            _, status, usage = os.wait4(proc.pid, 0)
            end = now()
        proc.returncode = os.waitstatus_to_exitcode(status)
        if proc.returncode:
            raise Failed(f"status {proc.returncode}: {tail_of(self.log)}")
        if self.tail:
            end = max(end, self.last_byte())
        cpu, peak = usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024
        if self.daemon:
            cpu, peak = used_by(self.daemon.pid)
        return {"seconds": end - start, "cpu": cpu - base, "mib": peak}

    def last_byte(self):
        wait_until(120, "last byte at the sink", lambda:
                   self.sink.stats()["bytes"] >= self.data["bytes"])
        wait_until(60, "last answer", lambda:
                   self.sink.stats()["in_flight"] == 0)
        return self.sink.stats()["last"]


def copy_to(job, how, point):
    """The copy tools: they go into any mount alike."""
    root = job.data["root"]
    if how == "cp":
        return job.run(["cp", "-r", f"{root}/node1", point])
    if how == "rsync":
        return job.run(["rsync", "-a", f"{root}/node1", point])
    if how == "read":
        job.run(["cp", "-r", f"{root}/node1", point])
        job.tail = False
        return job.run(["find", f"{point}/node1", "-type", "f", "-exec", "cp",
                        "{}", "/dev/null", ";"])
    if how in ("forward", "backward"):
        flag = "-r" if how == "backward" else ""
        return job.run(["sh", "-c", f"find node1 -type f | sort {flag} | "
                        "xargs -d '\\n' cp --parents -t \"$1\"", how, point],
                       cwd=root)
    # Directories first: 16 copies that make them are in each other's way.
    each = -(-job.data["files"] // 16)
    return job.run(["sh", "-c", "find node1 -type d -print0 | (cd \"$1\" && "
                    "xargs -0 mkdir -p) && find node1 -type f -print0 | "
                    "xargs -0 -P 16 -n \"$2\" cp --parents -t \"$1\"",
                    "16cp", point, str(each)], cwd=root)


def sideloadfs(job, how):
    env, work = job.env, job.work
    ready = env.start_ready([env.program("astra-sim"), "--dir", f"{work}/sim"],
                            f"{work}/sim.ready", f"{work}/sim.log")
    values = dict(line.split("=", 1) for line in ready.splitlines()
                  if "=" in line)
    token = values["export ASTRA_DB_APPLICATION_TOKEN"].strip("'\"")
    point = f"{work}/mnt"
    job.daemon = env.mount(
        [env.program("sideloadfs"), "-f", "-o",
         f"node=node1,state={work}/state,{values['options']},"
         f"s3_endpoint={job.sink.url}", values["database"], point],
        point, f"{work}/mount.log",
        {**job.extra, "ASTRA_DB_APPLICATION_TOKEN": token})
    for name, text in ((".init", "new"), (".wait", "ReceivingFiles")):
        with open(f"{point}/{name}", "w", encoding="utf-8") as f:
            f.write(text + "\n")
    return copy_to(job, how, point)


def nullfs(job, how):
    point = f"{job.work}/mnt"
    job.daemon = job.env.mount([job.env.program("nullfs"), point], point,
                               f"{job.work}/mount.log")
    return copy_to(job, how, point)


def remote(job):
    return (f":s3,provider=Other,env_auth=true,force_path_style=true,"
            f"region=us-east-1,endpoint='{job.sink.url}':{BUCKET}/up")


def rclone_copy(job, how):
    del how
    return job.run([job.env.program("rclone"), "copy", *RCLONE_S3,
                    job.data["root"], remote(job)])


def rclone_mount(job, how, flags=RCLONE_STREAM):
    point = f"{job.work}/mnt"
    job.tail = True
    job.daemon = job.env.mount(
        [job.env.program("rclone"), "mount", *RCLONE_S3, *flags,
         "--cache-dir", f"{job.work}/cache", remote(job), point],
        point, f"{job.work}/mount.log", job.extra)
    return copy_to(job, how, point)


def rclone_cache(job, how):
    return rclone_mount(job, how, RCLONE_CACHE)


def mc(job, how):
    del how
    conf = f"{job.work}/mc"
    os.makedirs(f"{conf}/certs/CAs")
    if job.sink.context:
        shutil.copy(job.env.ca, f"{conf}/certs/CAs/bench.pem")
    scheme, host = job.sink.url.split("://")
    job.extra["MC_HOST_bench"] = f"{scheme}://bench:bench-secret@{host}"
    return job.run([job.env.program("mc"), "--config-dir", conf, "--quiet",
                    "mirror", job.data["root"], f"bench/{BUCKET}/up"])


def curl(job, how):
    """One connection, one file after the other."""
    words = ["curl", "-sS", "--fail"]
    if job.sink.context:
        words += ["--cacert", job.env.ca]
    up, down = list(words), words
    for top, _, names in os.walk(job.data["root"]):
        for name in names:
            url = f"{job.sink.url}/{BUCKET}/up/{name}"
            up += ["-T", f"{top}/{name}", url]
            down += ["-o", "/dev/null", url]
    result = job.run(up)
    return job.run(down) if how == "read" else result


# Name in BENCH_TOOLS: its function, and the programs that it needs.
TOOLS = {
    "curl": (curl, ["curl"]),
    "nullfs": (nullfs, []),
    "sideloadfs": (sideloadfs, []),
    "mc": (mc, ["mc"]),
    "rclone-copy": (rclone_copy, ["rclone"]),
    "rclone-mount": (rclone_mount, ["rclone"]),
    "rclone-cache": (rclone_cache, ["rclone"]),
}


def missing(env, tool, how):
    need = TOOLS[tool][1] + (["rsync"] if how == "rsync" else [])
    return [name for name in need if not env.program(name)]


def measure(env, tool, how, data, flags):
    """What one run cost and what the sink saw of it."""
    try:
        job = Job(env, data, flags)
        result = TOOLS[tool][0](job, how)
        result["sink"] = job.sink.stats()
        if tool != "nullfs" and how != "read" and result["sink"]["bytes"] < data["bytes"]:
            raise Failed(f"only {result['sink']['bytes']} bytes arrived")
        return result
    finally:
        env.stop_all()
        shutil.rmtree(f"{env.scratch}/run{env.count}", ignore_errors=True)
