#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Google's token endpoint (RFC 6749, section 6) for a server that has none:

gcs_token.py FILE   writes a user's credentials file into FILE as soon as it
                    can be asked, and gives tokens for its refresh token
"""
import http.server
import json
import os
import secrets
import sys
import urllib.parse

FILE = {
    "type": "authorized_user",
    "client_id": "conformance",
    "client_secret": secrets.token_hex(16),
    "refresh_token": secrets.token_hex(16),
}
WANTED = {"grant_type": "refresh_token"} | {
    name: FILE[name] for name in ("client_id", "client_secret",
                                  "refresh_token")}


class Endpoint(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_POST(self):
        size = int(self.headers.get("Content-Length", 0))
        form = dict(urllib.parse.parse_qsl(self.rfile.read(size).decode()))
        good = self.path == "/token" and WANTED.items() <= form.items()
        answer = json.dumps({
            "access_token": secrets.token_urlsafe(32),
            "expires_in": 3599,
            "token_type": "Bearer",
        } if good else {"error": "invalid_grant"}).encode()
        self.send_response(200 if good else 400)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)


def main(path):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Endpoint)
    uri = f"http://127.0.0.1:{server.server_port}/token"
    os.umask(0o077)
    with open(path + ".new", "w", encoding="ascii") as f:
        json.dump(FILE | {"token_uri": uri}, f)
    os.rename(path + ".new", path)
    server.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
