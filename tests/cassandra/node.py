# SPDX-License-Identifier: Apache-2.0
"""A real Cassandra out of its Maven artifact: fetched once into the cache,
started with one heap gigabyte on free ports, and its offline tools. The jar
comes without configuration and start script, so both are here."""
import glob
import os
import re
import shutil
import signal
import socket
import subprocess
import time
import xml.etree.ElementTree

from cql import Cql, CqlError

HERE = os.path.dirname(os.path.abspath(__file__))
POM = os.path.join(HERE, "pom.xml")
COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:" \
    "copy-dependencies"
FETCH_WAIT, START_WAIT, TOOL_WAIT, STOP_WAIT = 400, 240, 180, 60
DEATH_WAIT = 20
STARTS = 3
NODETOOL = "org.apache.cassandra.tools.NodeTool"

EXPORTS = """java.base/jdk.internal.misc java.base/jdk.internal.ref
    java.base/sun.nio.ch
    java.management.rmi/com.sun.jmx.remote.internal.rmi
    java.rmi/sun.rmi.registry java.rmi/sun.rmi.server
    java.rmi/sun.rmi.transport java.rmi/sun.rmi.transport.tcp""".split()
OPENS = """java.base/java.lang java.base/java.lang.module
    java.base/java.lang.reflect java.base/java.lang.ref java.base/java.nio
    java.base/java.io java.base/java.net java.base/java.util
    java.base/java.util.concurrent java.base/java.util.concurrent.atomic
    java.base/sun.nio.ch java.base/jdk.internal.loader
    java.base/jdk.internal.ref java.base/jdk.internal.reflect
    java.base/jdk.internal.math java.base/jdk.internal.module
    java.base/jdk.internal.util.jar
    jdk.management/com.sun.management.internal
    java.rmi/sun.rmi.transport.tcp""".split()


class NodeError(Exception):
    pass


def missing():
    """What the machine lacks, in words; "" when nothing."""
    lacking = [p for p in ("java", "mvn") if not shutil.which(p)]
    if lacking:
        return "no " + " and no ".join(lacking)
    said = subprocess.run(["java", "-version"], capture_output=True,
                          text=True, timeout=60, check=False).stderr
    version = re.search(r'version "(?:1\.)?(\d+)', said)
    if not version or not 11 <= int(version[1]) <= 17:
        return "Cassandra 4.1 needs Java 11 to 17"
    return ""


def release():
    space = {"m": "http://maven.apache.org/POM/4.0.0"}
    root = xml.etree.ElementTree.parse(POM).getroot()
    return root.find("m:properties/m:cassandra", space).text


def fetch():
    """The directory of the jars; Maven is asked once."""
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    home = os.path.join(cache, "sideloadfs", "cassandra-" + release())
    lib = os.path.join(home, "lib")
    if os.path.isdir(lib):
        return lib
    new = "%s.new.%d" % (lib, os.getpid())
    words = ["mvn", "-B", "-q", "-f", POM,
             "-Dmaven.repo.local=" + os.path.join(home, "m2"),
             COPY, "-DincludeScope=runtime", "-DoutputDirectory=" + new]
    try:
        done = subprocess.run(words, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True,
                              timeout=FETCH_WAIT, check=False)
        if done.returncode or not glob.glob(new + "/cassandra-all-*.jar"):
            raise NodeError("Maven can not fetch Cassandra:\n" + done.stdout)
        os.rename(new, lib)
    finally:
        shutil.rmtree(new, ignore_errors=True)
    # Maven's own copies of the same jars.
    shutil.rmtree(os.path.join(home, "m2"), ignore_errors=True)
    return lib


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    try:
        for s in sockets:
            s.bind(("127.0.0.1", 0))
        return [s.getsockname()[1] for s in sockets]
    finally:
        for s in sockets:
            s.close()


class Node:
    """A data directory and, between start() and stop(), its process."""

    def __init__(self, lib, directory):
        self.lib, self.dir = lib, directory
        self.data = os.path.join(directory, "data")
        self.log = os.path.join(directory, "system.log")
        self.process = self.cql = None
        os.makedirs(os.path.join(directory, "tmp"))
        self.configure()

    def configure(self):
        self.jmx, storage, self.port = free_ports(3)
        with open(os.path.join(HERE, "cassandra.yaml.in"),
                  encoding="utf-8") as f:
            text = f.read()
        for name, value in (("DIR", self.dir), ("STORAGE_PORT", storage),
                            ("CQL_PORT", self.port)):
            text = text.replace("@%s@" % name, str(value))
        self.yaml = os.path.join(self.dir, "cassandra.yaml")
        with open(self.yaml, "w", encoding="utf-8") as f:
            f.write(text)

    def java(self, heap, *words):
        line = ["java", "-Xms%s" % heap, "-Xmx%s" % heap, "-XX:+UseSerialGC",
                "-XX:MaxDirectMemorySize=256m", "-XX:-UsePerfData",
                "-XX:TieredStopAtLevel=1", "-Xshare:auto",
                "-Djdk.attach.allowAttachSelf=true",
                "-Djava.io.tmpdir=" + os.path.join(self.dir, "tmp"),
                "-Dcassandra.config=file://" + self.yaml,
                "-Dcassandra.storagedir=" + self.dir,
                "-Dcassandra.logdir=" + self.dir,
                "-Dlogback.configurationFile="
                + os.path.join(HERE, "logback.xml")]
        if NODETOOL not in words:
            line += ["-javaagent:" + glob.glob(self.lib + "/jamm-*.jar")[0]]
        for option, packages in (("--add-exports", EXPORTS),
                                 ("--add-opens", OPENS)):
            for package in packages:
                line += [option, package + "=ALL-UNNAMED"]
        return line + ["-cp", self.lib + "/*", *words]

    def start(self):
        for _ in range(STARTS):
            self.launch()
            try:
                self.wait_for_cql()
                return
            except NodeError:
                self.stop()
                # Somebody took a port between the choice and the bind.
                if "already in use" not in self.last_words():
                    raise NodeError("Cassandra does not start") from None
                self.configure()
        raise NodeError("no free ports")

    def launch(self):
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                self.java("1g", "-Dcassandra-foreground=yes",
                          "-Dcassandra.jmx.local.port=%d" % self.jmx,
                          "-Dcassandra.ring_delay_ms=1000",
                          "-Dcassandra.superuser_setup_delay_ms=0",
                          "-Dcassandra.skip_wait_for_gossip_to_settle=0",
                          "org.apache.cassandra.service.CassandraDaemon"),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True)

    def wait_for_cql(self):
        end = time.monotonic() + START_WAIT
        while time.monotonic() < end and self.process.poll() is None:
            try:
                self.cql = Cql(self.port)
                return
            except (OSError, CqlError):
                time.sleep(0.5)
        raise NodeError("no CQL")

    def last_words(self):
        if not os.path.exists(self.log):
            return ""
        with open(self.log, encoding="utf-8", errors="replace") as f:
            return f.read()[-6000:]

    def died(self):
        """Whether it has ended itself, or is about to."""
        try:
            self.process.wait(DEATH_WAIT)
        except subprocess.TimeoutExpired:
            return False
        self.stop()
        return True

    def reconnect(self):
        self.cql.close()
        self.cql = Cql(self.port)

    def stop(self, first=signal.SIGTERM):
        if self.cql:
            self.cql.close()
            self.cql = None
        if not self.process:
            return
        for sign in (first, signal.SIGKILL):
            try:
                os.killpg(self.process.pid, sign)
            except ProcessLookupError:
                pass
            try:
                self.process.wait(STOP_WAIT)
                break
            except subprocess.TimeoutExpired:
                continue
        self.process = None

    def tool(self, main, *words):
        """Exit status and output of one of Cassandra's own programs."""
        try:
            done = subprocess.run(self.java("512m", *main, *words),
                                  stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, text=True,
                                  errors="replace", timeout=TOOL_WAIT,
                                  check=False)
        except subprocess.TimeoutExpired:
            return -1, "no end after %d s" % TOOL_WAIT
        return done.returncode, done.stdout

    def try_nodetool(self, *words):
        # Newer JDKs take "rmi://[127.0.0.1]" for a malformed IPv6 address.
        return self.tool(["-Dcom.sun.jndi.rmiURLParsing=legacy",
                          NODETOOL],
                         "-h", "127.0.0.1", "-p", str(self.jmx), *words)

    def nodetool(self, *words):
        status, said = self.try_nodetool(*words)
        if status:
            raise NodeError("nodetool %s ended with %d: %s"
                            % (" ".join(words), status, said))

    def verify(self, keyspace, table, *options):
        """sstableverify; the node must be stopped."""
        return self.tool(["org.apache.cassandra.tools.StandaloneVerifier"],
                         "-f", *options, keyspace, table)
