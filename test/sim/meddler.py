# SPDX-License-Identifier: Apache-2.0
"""A TCP proxy that reads geosim's messages and may change them, to see whether geosim notices. Its own reading of README.md."""
import socket
import struct
import threading
import zlib

HEADER = struct.Struct(">IBBBBIIQQQQIIII")
HELLO, REQUEST, ANSWER, ALARM, ACK = 1, 3, 4, 5, 6
TEXT = 16


def header_sum(raw):
    """That of a HELLO leaves its argument out."""
    return zlib.crc32(raw[:48] + bytes(4) + raw[52:60] if raw[5] == HELLO else raw[:60])


def body_sum(raw):
    """That of a HELLO with its port in the payload is of the name only."""
    return zlib.crc32(raw[64:64 + raw[7]] if raw[5] == HELLO and raw[6] & TEXT else raw[64:])


class Message:
    """One whole message as bytes, with the fields that tests look at."""

    def __init__(self, raw):
        self.raw = bytearray(raw)
        fields = HEADER.unpack(raw[:64])
        self.type, self.flags = fields[2], fields[3]
        self.application, self.sequence = fields[7], fields[9]
        assert fields[0] == 0x4753494D and fields[1] == 1
        assert fields[14] == header_sum(raw) and fields[12] == body_sum(raw)

    def seal(self):
        """Make both sums right again after a change."""
        struct.pack_into(">I", self.raw, 52, body_sum(self.raw))
        struct.pack_into(">I", self.raw, 60, header_sum(self.raw))


def split(buffer):
    """Whole messages from the start of a bytearray, which keeps the rest."""
    found = []
    while len(buffer) >= 64:
        length = 64 + buffer[7] + struct.unpack_from(">I", buffer, 8)[0]
        if len(buffer) < length:
            break
        found.append(Message(bytes(buffer[:length])))
        del buffer[:length]
    return found


class Meddler:
    """Listens on `at` and connects each visitor to `to`. `change(way, message)` gives a list of byte strings to pass on instead.

    The way is "up" (visitor to `to`) or "down". `kill()` resets both ends of all connections.
    """

    def __init__(self, at, to, change=None):
        self.to, self.change, self.socks, self.is_closed = to, change, [], False
        self.lock = threading.Lock()
        self.listener = socket.create_server(at)
        self.address = self.listener.getsockname()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while not self.is_closed:
            try:
                front, _ = self.listener.accept()
            except OSError:
                return
            try:
                back = socket.create_connection(self.to, timeout=5)
            except OSError:
                front.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                front.close()
                continue
            back.settimeout(None)
            self.socks += [front, back]
            for way, source, sink in (("up", front, back), ("down", back, front)):
                threading.Thread(target=self._pump, args=(way, source, sink), daemon=True).start()

    def _pump(self, way, source, sink):
        buffer = bytearray()
        try:
            while True:
                got = source.recv(65536)
                if not got:
                    sink.shutdown(socket.SHUT_WR)
                    return
                if self.change is None:
                    sink.sendall(got)
                    continue
                buffer += got
                for message in split(buffer):
                    with self.lock:
                        out = self.change(way, message)
                    for raw in out:
                        sink.sendall(raw)
        except OSError:
            self._reset(source)
            self._reset(sink)

    @staticmethod
    def _reset(sock):
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            sock.shutdown(socket.SHUT_RD)
            sock.close()
        except OSError:
            pass

    def kill(self):
        socks, self.socks = self.socks, []
        for sock in socks:
            self._reset(sock)

    def close(self):
        self.is_closed = True
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.kill()
