#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Google's own library beside a mount:

    gcs-peers.py VERB CREDENTIALS ENDPOINT gs://BUCKET/PREFIX/ [ARGUMENT]

get DIR   reads all objects into DIR; prints SIZE CRC32C NAME as listed
put DIR   uploads all files of DIR, in each of the ways that it has
list      prints the names, and "unfinished" before those of unfinished
          uploads (a request of the XML interface by the library's session:
          it has no call for that)

    gcs-peers.py sums DIR < NAMES

prints the lines of get, of files.
"""
import base64
import os
import sys
import urllib.parse
import xml.etree.ElementTree as ElementTree

import google_crc32c
from google.cloud import storage
from google.cloud.storage import transfer_manager

LARGE = 4 << 20


class Peer:
    def __init__(self, credentials, endpoint, url):
        self.endpoint = endpoint
        parts = urllib.parse.urlsplit(url)
        self.prefix = parts.path[1:]
        self.client = storage.Client.from_service_account_json(
            credentials, client_options={"api_endpoint": endpoint})
        self.bucket = self.client.bucket(parts.netloc)

    def names(self):
        # Small pages: more than one.
        blobs = self.client.list_blobs(
            self.bucket, prefix=self.prefix, page_size=7)
        return {b.name.removeprefix(self.prefix): b for b in blobs}

    def get(self, directory):
        for name, blob in self.names().items():
            path = os.path.join(directory, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            blob.download_to_filename(path, checksum="crc32c")
            print(blob.size, blob.crc32c, name)

    def put(self, directory):
        large = 0
        for root, _, files in os.walk(directory):
            for file in files:
                path = os.path.join(root, file)
                name = os.path.relpath(path, directory)
                blob = self.bucket.blob(self.prefix + name)
                if os.path.getsize(path) < LARGE:
                    blob.upload_from_filename(path, checksum="crc32c")
                else:
                    self.put_large(blob, path, large)
                    large += 1
        assert large >= 2, large

    @staticmethod
    def put_large(blob, path, turn):
        if turn % 2:
            blob.chunk_size = 1 << 20
            blob.upload_from_filename(path, checksum="crc32c")
        else:
            transfer_manager.upload_chunks_concurrently(
                path, blob, chunk_size=5 << 20, max_workers=3,
                worker_type=transfer_manager.THREAD, checksum="crc32c")

    def list(self):
        for name in self.names():
            print(name)
        answer = self.client._http.get(
            f"{self.endpoint}/{self.bucket.name}",
            params={"uploads": "", "prefix": self.prefix})
        answer.raise_for_status()
        for key in ElementTree.fromstring(answer.content).iterfind(
                ".//{*}Upload/{*}Key"):
            print("unfinished", key.text.removeprefix(self.prefix))


def sums(directory):
    for line in sys.stdin:
        name = line.rstrip("\n")
        with open(os.path.join(directory, name), "rb") as f:
            data = f.read()
        crc = google_crc32c.Checksum(data).digest()
        print(len(data), base64.b64encode(crc).decode(), name)


def main(verb, *words):
    if verb == "sums":
        sums(*words)
    else:
        getattr(Peer(*words[:3]), verb)(*words[3:])


if __name__ == "__main__":
    main(*sys.argv[1:])
