# SPDX-License-Identifier: Apache-2.0
"""One process that writes many files at once, as no copying tool does.

writers.py robin DIR COUNT BYTES: opens COUNT files of DIR and fills them to
BYTES in turn, 64 KiB each, before it closes any. The first write that fails
ends the opening of more: what was admitted is filled, and all are closed.
Prints JSON: refused (errno name of the first refused write, or null), after_s
(how long it waited), refused_nth, admitted, closed (files whose close said 0),
sha256 by name.
"""
import errno
import hashlib
import json
import os
import sys
import time

CHUNK = 64 << 10


class File:
    def __init__(self, folder, number):
        self.name = "nb-%d-big-Blob.db" % number
        self.number = number
        self.fd = os.open(os.path.join(folder, self.name),
                          os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o644)
        self.sum = hashlib.sha256()
        self.size = 0

    def more(self, size):
        chunk = (b"%08d%08d" % (self.number, self.size)) * (CHUNK // 16)
        chunk = chunk[:min(CHUNK, size - self.size)]
        done = os.write(self.fd, chunk)
        self.sum.update(chunk[:done])
        self.size += done

    def close(self):
        try:
            os.close(self.fd)
        except OSError:
            return False
        return True


def first_round(folder, count, size, said):
    files = []
    for number in range(1, count + 1):
        file = File(folder, number)
        began = time.monotonic()
        try:
            file.more(size)
        except OSError as error:
            said.update(refused=errno.errorcode[error.errno],
                        refused_nth=number,
                        after_s=round(time.monotonic() - began, 1),
                        refused_closed=file.close())
            break
        files.append(file)
    return files


def robin(folder, count, size):
    said = {"refused": None, "after_s": 0, "refused_nth": 0}
    files = first_round(folder, count, size, said)
    while any(file.size < size for file in files):
        for file in files:
            if file.size < size:
                file.more(size)
    said["admitted"] = len(files)
    said["closed"] = sum(file.close() for file in files)
    said["sha256"] = {file.name: file.sum.hexdigest() for file in files}
    return said


if __name__ == "__main__":
    print(json.dumps(robin(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))))
