# SPDX-License-Identifier: Apache-2.0
"""A signer of requests that shares no code with the product, for rgw.sh.

rgw.py session READY [ROLE]   AssumeRole, READY's role or lists, for 15
                              minutes: NAME=VALUE lines like READY's
rgw.py request FILE METHOD TARGET [HEADER: VALUE]... [< BODY]
    signed with access, secret and token (if any) of FILE, to its endpoint.
    Writes the body of the answer; the last line is "STATUS CODE", CODE that
    of an error document. TARGET is /BUCKET/KEY?QUERY, the query in order.
rgw.py fetch FILE PREFIX DIRECTORY < KEYS
    Gets /BUCKET/PREFIX + KEY of each line into DIRECTORY/KEY.
    $RGW_AHEAD: seconds that the clock of the request is ahead.
"""
import datetime
import hashlib
import hmac
import os
import re
import sys
import urllib.error
import urllib.parse
import urllib.request

FORM = "application/x-www-form-urlencoded"


def values(path):
    with open(path, encoding="utf-8") as lines:
        return dict(line.rstrip("\n").split("=", 1) for line in lines)


def digest(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def signature(secret, scope, text):
    key = ("AWS4" + secret).encode()
    for word in scope.split("/"):
        key = digest(key, word)
    return digest(key, text).hex()


def sign(keys, service, method, target, headers, body):
    """Adds to the headers what proves who asks."""
    ahead = datetime.timedelta(seconds=int(os.environ.get("RGW_AHEAD", "0")))
    now = datetime.datetime.now(datetime.timezone.utc) + ahead
    stamp = now.strftime("%Y%m%dT%H%M%SZ")
    path, _, query = target.partition("?")
    payload = hashlib.sha256(body).hexdigest()
    headers.update({"x-amz-date": stamp, "x-amz-content-sha256": payload})
    if keys.get("token"):
        headers["x-amz-security-token"] = keys["token"]
    signed = {k.lower(): v.strip() for k, v in headers.items()}
    signed["host"] = urllib.parse.urlsplit(keys["endpoint"]).netloc
    names = ";".join(sorted(signed))
    lines = "".join(f"{k}:{signed[k]}\n" for k in sorted(signed))
    canonical = "\n".join([method, path, query, lines, names, payload])
    scope = f"{stamp[:8]}/us-east-1/{service}/aws4_request"
    text = "\n".join(["AWS4-HMAC-SHA256", stamp, scope,
                      hashlib.sha256(canonical.encode()).hexdigest()])
    headers["Authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={keys['access']}/{scope}, "
        f"SignedHeaders={names}, "
        f"Signature={signature(keys['secret'], scope, text)}")


def send(keys, service, method, target, headers, body):
    sign(keys, service, method, target, headers, body)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    request = urllib.request.Request(keys["endpoint"] + target, method=method,
                                     headers=headers, data=body or None)
    try:
        with opener.open(request, timeout=60) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as answer:
        return answer.code, answer.read()


def element(name, text):
    found = re.search(f"<{name}>([^<]*)</{name}>", text)
    return found.group(1) if found else ""


def session(ready, role="role"):
    keys = values(ready)
    form = urllib.parse.urlencode({
        "Action": "AssumeRole", "Version": "2011-06-15",
        "RoleArn": keys[role], "RoleSessionName": "upload",
        "DurationSeconds": "900"}).encode()
    status, answer = send(keys, "sts", "POST", "/", {"content-type": FORM},
                          form)
    text = answer.decode()
    if status != 200:
        sys.exit(f"AssumeRole: {status} {text}")
    keys.update({"access": element("AccessKeyId", text),
                 "secret": element("SecretAccessKey", text),
                 "token": element("SessionToken", text),
                 "expires": element("Expiration", text)})
    for name in ("endpoint", "access", "secret", "token", "expires"):
        print(f"{name}={keys[name]}")


def request(path, method, target, *lines):
    headers = dict(line.split(": ", 1) for line in lines)
    headers.setdefault("content-type", "application/octet-stream")
    body = b"" if sys.stdin.isatty() else sys.stdin.buffer.read()
    status, answer = send(values(path), "s3", method, target, headers, body)
    sys.stdout.buffer.write(answer)
    code = element("Code", answer[:4096].decode("utf-8", "replace"))
    sys.stdout.buffer.write(f"\n{status} {code}".rstrip().encode() + b"\n")


def fetch(path, prefix, directory):
    keys = values(path)
    for key in sys.stdin.read().splitlines():
        target = prefix + urllib.parse.quote(key)
        status, data = send(keys, "s3", "GET", target, {}, b"")
        if status != 200:
            sys.exit(f"{target}: {status}")
        file = os.path.join(directory, key)
        os.makedirs(os.path.dirname(file), exist_ok=True)
        with open(file, "wb") as out:
            out.write(data)


if __name__ == "__main__":
    {"session": session, "request": request,
     "fetch": fetch}[sys.argv[1]](*sys.argv[2:])
