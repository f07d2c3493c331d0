# SPDX-License-Identifier: Apache-2.0
"""An endpoint that is no S3 server, for impostor.bats.

impostor.py PORTFILE portal    empty listings; else a page, with status 200
impostor.py PORTFILE elsewhere listings that name keys nobody asked for
"""
import http.server
import os
import sys
import urllib.parse

PAGE = b"<html><body>Welcome to the network</body></html>"
LISTING = ("<ListBucketResult><IsTruncated>false</IsTruncated>%s"
           "</ListBucketResult>")
DIRECTORY = ("<CommonPrefixes><Prefix>%snode2-of-a-long-name/</Prefix>"
             "</CommonPrefixes>")
OBJECT = "<Contents><Key>%s</Key><Size>1</Size></Contents>"


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
        body = PAGE
        if "list-type" in query:
            top = query["prefix"][0].split("/sstables/")[0] + "/sstables/"
            root = query["prefix"][0] == top
            found = DIRECTORY % top if root else OBJECT % (top + "x")
            if MODE != "elsewhere":
                found = ""
            body = (LISTING % found).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = answer

    def log_message(self, *args):
        pass


MODE = sys.argv[2]
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
with open(sys.argv[1] + ".new", "w", encoding="ascii") as out:
    out.write(str(server.server_port))
os.rename(sys.argv[1] + ".new", sys.argv[1])
server.serve_forever()
