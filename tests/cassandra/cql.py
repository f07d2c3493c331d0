# SPDX-License-Identifier: Apache-2.0
"""The little of the native protocol (version 4) that the check needs: one
connection, statements as text, rows as the bytes that came. So no driver is
needed, and two nodes are compared by what they store, not by what a driver
makes of it."""
import socket
import struct

ERROR, READY, RESULT = 0x00, 0x02, 0x08
STARTUP, QUERY = 0x01, 0x07
ROWS = 2
LOCAL_ONE = 0x0A
NO_METADATA = 0x02
LARGEST = 256 << 20


class CqlError(Exception):
    pass


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, size):
        if size < 0 or self.at + size > len(self.data):
            raise CqlError("an answer is too short")
        self.at += size
        return self.data[self.at - size:self.at]

    def integer(self):
        return struct.unpack(">i", self.take(4))[0]

    def string(self):
        size = struct.unpack(">H", self.take(2))[0]
        return self.take(size).decode(errors="replace")

    def value(self):
        size = self.integer()
        return None if size < 0 else self.take(size)


class Cql:
    def __init__(self, port, timeout=60):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout)
        version = b"\x00\x01\x00\x0bCQL_VERSION\x00\x053.0.0"
        if self.ask(STARTUP, version)[0] != READY:
            raise CqlError("the node wants more than STARTUP")

    def close(self):
        self.socket.close()

    def receive(self, size):
        data = bytearray()
        while len(data) < size:
            piece = self.socket.recv(min(size - len(data), 1 << 20))
            if not piece:
                raise CqlError("the node hung up")
            data += piece
        return bytes(data)

    def ask(self, opcode, body):
        self.socket.sendall(struct.pack(">BBhBi", 4, 0, 1, opcode, len(body))
                            + body)
        _, flags, _, opcode, size = struct.unpack(">BBhBi", self.receive(9))
        if not 0 <= size <= LARGEST:
            raise CqlError("an answer of %d bytes" % size)
        reader = Reader(self.receive(size))
        if flags & 0x08:  # warnings come first
            for _ in range(struct.unpack(">H", reader.take(2))[0]):
                reader.string()
        if opcode == ERROR:
            code = reader.integer()
            raise CqlError("0x%04x %s" % (code, reader.string()))
        return opcode, reader

    def run(self, statement):
        """The rows, each a tuple of bytes or None; [] for what has none."""
        text = statement.encode()
        opcode, reader = self.ask(QUERY, struct.pack(">i", len(text)) + text
                                  + struct.pack(">HB", LOCAL_ONE, NO_METADATA))
        if opcode != RESULT or reader.integer() != ROWS:
            return []
        flags, columns = reader.integer(), reader.integer()
        if flags & 2:
            raise CqlError("pages were not asked for")
        if not flags & 4:
            raise CqlError("metadata was not asked for")
        return [tuple(reader.value() for _ in range(columns))
                for _ in range(reader.integer())]
