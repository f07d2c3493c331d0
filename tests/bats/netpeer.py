# SPDX-License-Identifier: Apache-2.0
"""What stands between a mount and the cloud, for network.bats and aws.bats.

netpeer.py proxy PORTFILE LOG              a forward proxy, CONNECT included
netpeer.py tls PORTFILE CERT KEY PORT [ON] TLS in front of 127.0.0.1:PORT
netpeer.py pipe PORTFILE PORT [ON]         nothing but a way to it, to be cut

Listens on a free port of the loopback (or on ON, which a network namespace of
one's own has to spare, and whoever listened there before), writes its number to PORTFILE, runs until it is killed. The proxy logs a line per request: METHOD, URL (or
host:port) and the names of the checksum headers that it carried.
"""
import os
import socket
import ssl
import sys
import threading
import urllib.parse

CHECKS = ("content-md5", "x-amz-checksum-crc32")


def pump(src, dst):
    """Copies until src ends; then dst is told."""
    try:
        while data := src.recv(65536):
            dst.sendall(data)
    except OSError:
        pass
    try:
        dst.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def join(a, b):
    back = threading.Thread(target=pump, args=(b, a), daemon=True)
    back.start()
    pump(a, b)
    back.join()
    a.close()
    b.close()


def read_head(conn):
    """The bytes up to the empty line, and what came after it."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = conn.recv(65536)
        if not more or len(data) > 1 << 20:
            return None, b""
        data += more
    head, rest = data.split(b"\r\n\r\n", 1)
    return head.decode("latin-1").split("\r\n"), rest


def note(log, method, target, headers):
    names = [h.split(":", 1)[0].lower() for h in headers]
    with open(log, "a", encoding="latin-1") as out:
        out.write(" ".join([method, target] +
                           [n for n in CHECKS if n in names]) + "\n")


def forward(conn, rest, method, url, headers):
    """One request a connection: its body ends where the client waits."""
    u = urllib.parse.urlsplit(url)
    up = socket.create_connection((u.hostname, u.port or 80))
    path = (u.path or "/") + ("?" + u.query if u.query else "")
    dropped = ("connection", "proxy-connection", "proxy-authorization")
    kept = [h for h in headers if h.split(":", 1)[0].lower() not in dropped]
    head = [f"{method} {path} HTTP/1.1", *kept, "Connection: close", "", ""]
    up.sendall("\r\n".join(head).encode("latin-1") + rest)
    threading.Thread(target=pump, args=(conn, up), daemon=True).start()
    try:
        while data := up.recv(65536):
            conn.sendall(data)
    finally:
        up.close()
        conn.close()


def serve_proxy(conn, log):
    lines, rest = read_head(conn)
    if not lines:
        conn.close()
        return
    method, target = lines[0].split(" ")[:2]
    note(log, method, target, lines[1:])
    if method != "CONNECT":
        forward(conn, rest, method, target, lines[1:])
        return
    host, port = target.rsplit(":", 1)
    up = socket.create_connection((host, int(port)))
    conn.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
    up.sendall(rest)
    join(conn, up)


def serve_tls(conn, context, port):
    up = socket.create_connection(("127.0.0.1", port))
    for sock in (conn, up):  # else each body waits for its head's ACK
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    join_tls(context.wrap_socket(conn, server_side=True), up)


def serve_pipe(conn, port):
    join(conn, socket.create_connection(("127.0.0.1", port)))


def join_tls(tls, up):
    """One thread for both ways: an SSL object is not for two."""
    import select
    try:
        while True:
            ready = [tls] if tls.pending() else \
                select.select([tls, up], [], [])[0]
            for src in ready:
                data = src.recv(65536)
                if not data:
                    return
                (up if src is tls else tls).sendall(data)
    finally:
        tls.close()
        up.close()


def guarded(work, conn, args):
    try:
        work(conn, *args)
    except OSError:  # the peer's business: a cut, an untrusted certificate
        conn.close()


def main():
    mode, portfile = sys.argv[1:3]
    on = 0
    if mode == "tls":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(sys.argv[3], sys.argv[4])
        work, args = serve_tls, (context, int(sys.argv[5]))
        on = int(sys.argv[6]) if len(sys.argv) > 6 else 0
    elif mode == "pipe":
        work, args = serve_pipe, (int(sys.argv[3]),)
        on = int(sys.argv[4]) if len(sys.argv) > 4 else 0
    else:
        work, args = serve_proxy, (sys.argv[3],)
    listener = socket.create_server(("127.0.0.1", on), backlog=256)
    with open(portfile + ".new", "w", encoding="ascii") as out:
        out.write(str(listener.getsockname()[1]))
    os.rename(portfile + ".new", portfile)
    while True:
        conn, _ = listener.accept()
        threading.Thread(target=guarded, args=(work, conn, args),
                         daemon=True).start()


main()
