# SPDX-License-Identifier: Apache-2.0
"""An S3 endpoint that only lists, for listing.bats: objects that nobody had
to make, and servers that do not come to an end.

listing.py PORTFILE MODE [FILES [DIRECTORIES]]

many     each table of node1 and node2 has FILES files in its snapshot
endless  ever new names
circle   the same two pages again and again, under new tokens
idle     ever new tokens, and no names
odd      names that are hard to carry, percent-encoded as asked
raw      the same, as they are: no XML
A directory called "calm" has one file in every mode. Prints a line for each
listing request.
"""
import http.server
import os
import sys
import urllib.parse

MODE = sys.argv[2]
FILES = int(sys.argv[3]) if len(sys.argv) > 3 else 10
DIRECTORIES = int(sys.argv[4]) if len(sys.argv) > 4 else 1
PAGE = 1000
PARTS = ("CompressionInfo.db Data.db Digest.crc32 Filter.db Index.db "
         "Statistics.db Summary.db TOC.txt").split()
OBJECT = ("<Contents><Key>%s</Key><LastModified>2024-05-06T07:08:09.000Z"
          "</LastModified><ETag>&quot;%032x&quot;</ETag><Size>1</Size>"
          "</Contents>")
DIRECTORY = "<CommonPrefixes><Prefix>%s</Prefix></CommonPrefixes>"
ODD = ["a\x01b", "tab\t", "new\nline", "del\x7f", " lead", "trail ", "-dash",
       ".dot", "..two", "a+b", "100%", "%41", "q?", "h#", "a&b", "<x>", "'",
       "\"", "$HOME", "*", "[a]", "a\\b", ";", "@", ":", ",", "~", "=",
       "caf\u00e9", "cafe\u0301", "n" * 255, "m" * 256, ".", ".."]


def below(path):
    """The names in a directory: directories end in '/'."""
    depth = path.count("/")
    tables = ["t%04d-%032x/" % (i, i) for i in range(DIRECTORIES)]
    steps = [["node1/", "node2/", "calm/"], ["ks/"], tables, ["snapshots/"],
             ["s/"]]
    if path == "calm/":
        return ["file"]
    if depth < len(steps):
        return steps[depth]
    if MODE == "odd" or MODE == "raw":
        return sorted(ODD)
    return ["nb-%07d-big-%s" % (i // 8, PARTS[i % 8]) for i in range(FILES)]


def numbered(start):
    return ["n%012d" % i for i in range(start, start + PAGE)]


def page(path, at):
    """Names and whether there are more."""
    strange = path.count("/") == 5
    if strange and MODE == "endless":
        return numbered(at * PAGE), True
    if strange and MODE == "circle":
        return numbered(at % 2 * PAGE), True
    if strange and MODE == "idle":
        return [], True
    names = CACHE.setdefault(path, None) or below(path)
    CACHE[path] = names
    return names[at * PAGE:(at + 1) * PAGE], len(names) > (at + 1) * PAGE


def encode(key):
    if MODE != "odd":
        return key
    return urllib.parse.quote(key, safe="/")


def answer(query):
    prefix = query["prefix"][0]
    top = prefix.split("/sstables/")[0] + "/sstables/"
    at = int(query.get("continuation-token", ["0"])[0])
    names, more = page(prefix[len(top):], at)
    front = encode(prefix)
    out = ["<ListBucketResult>"]
    if MODE != "raw":
        out.append("<EncodingType>url</EncodingType>")
    out.append("<IsTruncated>%s</IsTruncated>" % str(more).lower())
    if more:
        out.append("<NextContinuationToken>%d</NextContinuationToken>"
                   % (at + 1))
    for i, name in enumerate(names, at * PAGE):
        key = front + encode(name)
        out.append(DIRECTORY % key if name.endswith("/")
                   else OBJECT % (key, i))
    out.append("</ListBucketResult>")
    return "".join(out).encode()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def reply(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        url = urllib.parse.urlsplit(self.path)
        query = urllib.parse.parse_qs(url.query)
        lists = "list-type" in query
        body = answer(query) if lists else b""
        if lists:
            print("list", query["prefix"][0], flush=True)
        self.send_response(200 if lists else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = reply

    def log_message(self, *args):
        pass


CACHE = {}
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
with open(sys.argv[1] + ".new", "w", encoding="ascii") as port:
    port.write(str(server.server_port))
os.rename(sys.argv[1] + ".new", sys.argv[1])
server.serve_forever()
