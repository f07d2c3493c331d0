# SPDX-License-Identifier: Apache-2.0
"""What rgw.bats and stores.bats put beside a store that others wrote.

rgw-peer.py api PORTFILE SESSION DIRECTORY LOG
    The DevOps API of one migration, whose uploadBucketDir is DIRECTORY and
    whose credentials are those of the file SESSION, read for each answer: as
    rgw.py writes it, or sas= (Azure), or file= (Google), with expires= and id=
    of the migration. SESSION.token holds what it accepts as a token. LOG: a
    line per request, METHOD PATH STATUS.
rgw-peer.py damage PORTFILE HOST:PORT TIMES LOG
    Passes connections on, but spoils the bytes "damage-me" that it is sent,
    so many times. LOG: a line per time.
rgw-peer.py etag PORTFILE HOST:PORT
    Passes connections on, but the ETag of each object of parts is another.

Runs on a free port of the loopback, told by PORTFILE, until it is killed.
"""
import http.server
import json
import os
import re
import socket
import sys
import threading


def values(path):
    with open(path, encoding="utf-8") as lines:
        return dict(line.rstrip("\n").split("=", 1) for line in lines)


def listening(portfile, port):
    with open(portfile + ".new", "w", encoding="ascii") as out:
        out.write(str(port))
    os.rename(portfile + ".new", portfile)


def credentials(keys, directory):
    if "sas" in keys:
        return {"name": "URL signature",
                "keys": {"url": directory + "?" + keys["sas"],
                         "urlSignature": keys["sas"]}}
    if "file" in keys:
        return {"name": "TYPE_GOOGLE_CREDENTIALS_FILE",
                "keys": {"file": keys["file"]}}
    return {"name": "sessionToken",
            "keys": {"accessKeyID": keys["access"],
                     "secretAccessKey": keys["secret"],
                     "sessionToken": keys["token"]}}


class Api(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    status = "ReceivingFiles"
    session = directory = log = ""
    after = {"launch": "MigrationDone", "cleanup": "Closed"}

    def migration(self):
        keys = values(self.session)
        return {
            "migrationID": keys.get("id") or self.directory.split("/")[3],
            "dbID": self.path.split("/")[3],
            "status": self.status,
            "progressInfo": "",
            "uploadBucketDir": self.directory,
            "uploadCredentials": credentials(keys, self.directory) | {
                "credentialExpiration": keys["expires"],
            },
            "expectedCleanupTime": "2099-01-01T00:00:00Z",
        }

    def answer(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        with open(self.session + ".token", encoding="ascii") as token:
            known = "Bearer " + token.read().strip()
        code, body = 200, {"errors": [{"ID": 1, "message": "refused"}]}
        if self.headers.get("Authorization") != known:
            code = 401
        else:
            if self.command == "POST":
                verb = self.path.split("?")[0].rsplit("/", 1)[1]
                Api.status = self.after.get(verb, self.status)
            body = self.migration()
        with open(self.log, "a", encoding="utf-8") as log:
            log.write(f"{self.command} {self.path} {code}\n")
        data = json.dumps(body).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = answer

    def log_message(self, *args):
        pass


def api(portfile, session, directory, log):
    Api.session, Api.directory, Api.log = session, directory, log
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Api)
    listening(portfile, server.server_port)
    server.serve_forever()


MARK = b"damage-me"
left = threading.Lock(), [0]


def spoil(data, log):
    with left[0]:
        if MARK not in data or left[1][0] <= 0:
            return data
        left[1][0] -= 1
        with open(log, "a", encoding="ascii") as out:
            out.write("spoilt\n")
    return data.replace(MARK, MARK.swapcase(), 1)


def pump(src, dst, change):
    try:
        while data := src.recv(1 << 16):
            dst.sendall(change(data))
        dst.shutdown(socket.SHUT_WR)
    except OSError:  # a cut: the other way ends by itself
        pass


def other_etag(data):
    return re.sub(rb'(ETag: "[0-9a-f]{31})[0-9a-f](-\d+")', rb"\g<1>x\2",
                  data)


def same(data):
    return data


def passing(portfile, target, there_change, back_change):
    host, port = target.split(":")
    listener = socket.create_server(("127.0.0.1", 0))
    listening(portfile, listener.getsockname()[1])
    while True:
        here, _ = listener.accept()
        there = socket.create_connection((host, int(port)))
        for sock in (here, there):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for args in ((here, there, there_change),
                     (there, here, back_change)):
            threading.Thread(target=pump, args=args, daemon=True).start()


def damage(portfile, target, times, log):
    left[1][0] = int(times)
    passing(portfile, target, lambda data: spoil(data, log), same)


def etag(portfile, target):
    passing(portfile, target, same, other_etag)


{"api": api, "damage": damage, "etag": etag}[sys.argv[1]](*sys.argv[2:])
