#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Azure's own library beside a mount:

    azure-peers.py VERB URL [ARGUMENT] < SAS

URL is that of the directory: https://HOST/CONTAINER/PREFIX/. The signature is
that of the migration.

get DIR      reads all blobs into DIR; prints SIZE NAME as listed
put DIR      uploads all files of DIR; what is large in blocks
list         prints the names, and "unfinished" before those of blobs that
             are nothing but blocks
blocks NAME  prints the sizes of the blocks of a blob, COMMITTED / UNCOMMITTED
"""
import os
import sys
import urllib.parse

from azure.storage.blob import ContainerClient


class Peer:
    def __init__(self, url, sas):
        head, container, self.prefix = split(url)
        self.client = ContainerClient.from_container_url(
            f"{head}/{container}?{sas}", max_single_put_size=4 << 20,
            max_block_size=4 << 20, max_single_get_size=8 << 20,
            max_chunk_get_size=8 << 20)

    def blobs(self, **how):
        # Small pages: more than one.
        for blob in self.client.list_blobs(
                name_starts_with=self.prefix, results_per_page=7, **how):
            yield blob, blob.name.removeprefix(self.prefix)

    def get(self, directory):
        for blob, name in self.blobs():
            path = os.path.join(directory, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as f:
                self.client.download_blob(
                    blob.name, max_concurrency=2).readinto(f)
            print(blob.size, name)

    def put(self, directory):
        for root, _, files in os.walk(directory):
            for file in files:
                path = os.path.join(root, file)
                name = os.path.relpath(path, directory)
                with open(path, "rb") as f:
                    self.client.upload_blob(
                        self.prefix + name, f, validate_content=True,
                        max_concurrency=2)

    def list(self):
        done = {name for _, name in self.blobs()}
        for _, name in self.blobs(include=["uncommittedblobs"]):
            print(name if name in done else f"unfinished {name}")

    def blocks(self, name):
        both = self.client.get_blob_client(
            self.prefix + name).get_block_list("all")
        print(" / ".join(" ".join(str(b.size) for b in blocks)
                         for blocks in both))


def split(url):
    parts = urllib.parse.urlsplit(url)
    path = parts.path.lstrip("/").split("/")
    # http://HOST:PORT/ACCOUNT/CONTAINER/PREFIX/ is how rehearsals have it.
    n = 0 if parts.hostname.endswith(".windows.net") else 1
    head = "/".join([f"{parts.scheme}://{parts.netloc}"] + path[:n])
    return head, path[n], "/".join(path[n + 1:])


def main(verb, url, *words):
    getattr(Peer(url, sys.stdin.read().strip()), verb)(*words)


if __name__ == "__main__":
    main(*sys.argv[1:])
