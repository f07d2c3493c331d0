#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the tests of the rehearsal cloud's Azure need to know by themselves:

sas KEYFILE CONTAINER POLICY   a shared access signature, from the vendor's
                               description of a service SAS (2020-12-06 on)
crc64 FILE                     CRC-64/NVME, lowest byte first, as base64
sdk URL DIR                    lists the container URL?SAS by Azure's own
                               library, reads all blobs into DIR, prints names
"""
import base64
import hashlib
import hmac
import os
import sys
import urllib.parse


def sas(keyfile, container, policy):
    with open(keyfile, encoding="ascii") as f:
        key = base64.b64decode(f.read())
    resource = "/blob/devstoreaccount1/" + container
    # sp st se RESOURCE si sip spr sv sr snapshot ses rscc rscd rsce rscl rsct
    fields = ["", "", "", resource, policy, "", "", "2021-12-02", "c",
              "", "", "", "", "", "", ""]
    mac = hmac.new(key, "\n".join(fields).encode(), hashlib.sha256).digest()
    sig = urllib.parse.quote(base64.b64encode(mac).decode(), safe="")
    return f"si={policy}&sv=2021-12-02&sr=c&sig={sig}"


def crc64(path):
    crc = 0xFFFFFFFFFFFFFFFF
    with open(path, "rb") as f:
        for byte in f.read():
            crc ^= byte
            for _ in range(8):
                crc = crc >> 1 ^ (0x9A6C9329AC4BC9B5 if crc & 1 else 0)
    return base64.b64encode((crc ^ 0xFFFFFFFFFFFFFFFF).to_bytes(8, "little"))


def sdk(url, directory):
    from azure.storage.blob import ContainerClient
    client = ContainerClient.from_container_url(url)
    for blob in client.list_blobs(include=["metadata"]):
        data = client.download_blob(blob.name).readall()
        assert len(data) == blob.size, blob.name
        path = os.path.join(directory, blob.name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as f:
            f.write(data)
        print(blob.name, blob.size, (blob.metadata or {}).get("mtime", "-"))
    for prefix in client.walk_blobs("sstables/", delimiter="/"):
        print("in", prefix.name)


def main(verb, *args):
    if verb == "sas":
        print(sas(*args))
    elif verb == "crc64":
        print(crc64(args[0]).decode())
    elif verb == "sdk":
        sdk(*args)


if __name__ == "__main__":
    main(*sys.argv[1:])
