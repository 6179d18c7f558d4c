# SPDX-License-Identifier: Apache-2.0
"""Scripted TCP peers: connect, send, expect, fin, rst, pause. A story is told in these words.

Every call has a deadline, so that a story which went wrong ends with a sentence and not with silence. `pause` is simply not
reading: nothing here reads ahead.
"""
import errno
import os
import random
import select
import socket
import struct
import threading
import time

DEADLINE = 10.0


class PeerError(AssertionError):
    """The other end did not do what the story says."""


class Peer:
    """One end of one TCP connection."""

    def __init__(self, sock, name="peer"):
        self.sock = sock
        self.name = name
        sock.settimeout(DEADLINE)
        if sock.family in (socket.AF_INET, socket.AF_INET6):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    @property
    def local(self):
        return self.sock.getsockname()[:2]

    @property
    def remote(self):
        return self.sock.getpeername()[:2]

    def send(self, data):
        self.sock.sendall(data)

    def recv(self, most=65536):
        """Some bytes; b"" is the peer's FIN; a reset raises ConnectionResetError."""
        return self.sock.recv(most)

    def read(self, count):
        """Exactly so many bytes."""
        parts, left = [], count
        while left > 0:
            part = self.recv(min(left, 1 << 20))
            if not part:
                raise PeerError(f"{self.name}: end after {count - left} of {count} bytes")
            parts.append(part)
            left -= len(part)
        return b"".join(parts)

    def expect(self, data):
        got = self.read(len(data))
        if got != data:
            raise PeerError(f"{self.name}: got {got[:60]!r}, wanted {data[:60]!r}")

    def expect_end(self, within=DEADLINE):
        """The next thing is a FIN, not a byte and not a reset."""
        self.sock.settimeout(within)
        try:
            got = self.recv()
        except ConnectionResetError:
            raise PeerError(f"{self.name}: reset instead of an orderly end") from None
        except TimeoutError:
            raise PeerError(f"{self.name}: no end within {within} s") from None
        finally:
            self.sock.settimeout(DEADLINE)
        if got:
            raise PeerError(f"{self.name}: got {got[:60]!r} instead of the end")

    def expect_reset(self, within=DEADLINE):
        """The connection is reset; bytes before that are dropped. Returns how many seconds it took."""
        start = time.monotonic()
        self.sock.settimeout(within)
        try:
            while True:
                if not self.recv():
                    raise PeerError(f"{self.name}: orderly end instead of a reset")
        except ConnectionResetError:
            return time.monotonic() - start
        except TimeoutError:
            raise PeerError(f"{self.name}: no reset within {within} s") from None
        finally:
            self.sock.settimeout(DEADLINE)

    def expect_reset_after_end(self, within=DEADLINE):
        """The peer's FIN has come before; now the rest of the connection is reset too."""
        poller = select.poll()
        poller.register(self.sock, 0)  # a reset is reported whether asked for or not
        if not poller.poll(within * 1000):
            raise PeerError(f"{self.name}: no reset within {within} s")
        error = self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error not in (errno.ECONNRESET, errno.EPIPE):
            raise PeerError(f"{self.name}: {os.strerror(error)} instead of a reset")

    def expect_silence(self, seconds):
        """Not a byte and no end for so long."""
        if select.select([self.sock], [], [], seconds)[0]:
            raise PeerError(f"{self.name}: something came, silence was expected")

    def fin(self):
        self.sock.shutdown(socket.SHUT_WR)

    def rst(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def close(self):
        self.sock.close()

    def fill(self, most=1 << 28):
        """Sends zeros until nothing was taken for a whole second; returns how many bytes were. The other end is stalled then."""
        block, total = bytes(1 << 16), 0
        self.sock.setblocking(False)
        try:
            while total < most:
                try:
                    total += self.sock.send(block)
                except BlockingIOError:
                    if not select.select([], [self.sock], [], 1.0)[1]:
                        break
        finally:
            self.sock.settimeout(DEADLINE)
        return total


def connect(address, bind=None, name="client", receive_buffer=None, timeout=DEADLINE):
    """A connection to (ip, port), from the address `bind` if given."""
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        if receive_buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        sock.settimeout(timeout)
        if bind:
            sock.bind((bind, 0))
        sock.connect(address)
    except BaseException:
        sock.close()
        raise
    return Peer(sock, name)


def connect_reset(address, bind=None, within=1.0):
    """A connection that is refused, or accepted and reset, within so many seconds."""
    start = time.monotonic()
    try:
        peer = connect(address, bind, timeout=within)
    except (ConnectionRefusedError, ConnectionResetError):
        return time.monotonic() - start
    with peer:
        peer.expect_reset(within)
    return time.monotonic() - start


def is_open(address, bind=None):
    """Whether somebody listens there: one who resets us at once does, one who is not there refuses."""
    try:
        connect(address, bind).close()
    except ConnectionRefusedError:
        return False
    except ConnectionResetError:
        return True
    return True


def free_port(ip="127.0.0.1"):
    """A port that nobody has at this moment, and that the kernel gives to nobody; for programs that must come back at the same one."""
    first = 12000 + 9000 * int(os.environ.get("GEORELAY_LANE", "0"))  # below the kernel's ephemeral ports; two lanes of ./dev test
    while True:
        with socket.socket(socket.AF_INET6 if ":" in ip else socket.AF_INET) as sock:
            try:
                sock.bind((ip, random.randrange(first, first + 9000)))
            except OSError:
                continue
            return sock.getsockname()[1]


class Listener:
    """Listens; every accepted connection is a Peer that the story takes by accept()."""

    def __init__(self, ip="127.0.0.1", port=0, name="server", receive_buffer=None):
        self.name = name
        family = socket.AF_INET6 if ":" in ip else socket.AF_INET
        self.sock = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if receive_buffer:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.sock.bind((ip, port))
        self.sock.listen(4096)
        self.sock.settimeout(DEADLINE)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    @property
    def address(self):
        return self.sock.getsockname()[:2]

    @property
    def text(self):
        ip, port = self.address
        return f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}"

    def accept(self, within=DEADLINE):
        self.sock.settimeout(within)
        try:
            sock, _ = self.sock.accept()
        except TimeoutError:
            raise PeerError(f"{self.name}: nobody connected within {within} s") from None
        return Peer(sock, self.name)

    def expect_nobody(self, seconds):
        if select.select([self.sock], [], [], seconds)[0]:
            raise PeerError(f"{self.name}: somebody connected, nobody was expected")

    def close(self):
        self.sock.close()


class Echo:
    """A server that sends back what it gets, on any number of connections, and ends when its peer ends."""

    def __init__(self, ip="127.0.0.1", port=0):
        self.listener = Listener(ip, port, "echo")
        self.listener.sock.settimeout(None)
        threading.Thread(target=self._serve, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    @property
    def text(self):
        return self.listener.text

    @property
    def address(self):
        return self.listener.address

    def _serve(self):
        while True:
            try:
                sock, _ = self.listener.sock.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(sock,), daemon=True).start()

    @staticmethod
    def _answer(sock):
        with sock:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            try:
                while data := sock.recv(65536):
                    sock.sendall(data)
            except OSError:
                pass

    def close(self):
        try:
            self.listener.sock.shutdown(socket.SHUT_RDWR)  # wakes accept()
        except OSError:
            pass
        self.listener.close()


class Pattern:
    """Endless bytes without a short period, so that a cut, a repetition or a swap of any part is seen."""

    PERIOD = 1_000_003

    def __init__(self):
        block = os.urandom(self.PERIOD)
        self.block = block + block + block[:65536]

    def piece(self, at, count):
        start = at % self.PERIOD
        return memoryview(self.block)[start:start + count]

    def send(self, peer, total):
        sent = 0
        while sent < total:
            part = self.piece(sent, min(1 << 20, total - sent))
            peer.send(part)
            sent += len(part)

    def verify(self, peer, total):
        got, room = 0, bytearray(1 << 20)
        while got < total:
            count = peer.sock.recv_into(room, min(len(room), total - got))
            if count == 0:
                raise PeerError(f"{peer.name}: end after {got} of {total} bytes")
            if self.piece(got, count) != memoryview(room)[:count]:
                raise PeerError(f"{peer.name}: a byte between {got} and {got + count} is not what was sent")
            got += count


class Task(threading.Thread):
    """A thread whose failure is the story's failure."""

    def __init__(self, work, *args):
        super().__init__(daemon=True)
        self.work, self.args = work, args
        self.failure = self.result = None
        self.start()

    def run(self):
        try:
            self.result = self.work(*self.args)
        except BaseException as failure:  # handed to the story by done()
            self.failure = failure

    def done(self, within=DEADLINE):
        self.join(within)
        if self.is_alive():
            raise PeerError(f"{self.work} did not end within {within} s")
        if self.failure:
            raise self.failure
        return self.result


def exchange(left, right, size, within):
    """`size` bytes from left to right and others from right to left at the same time, each ended by a FIN, all verified."""
    up, down = Pattern(), Pattern()

    def talk(peer, pattern):
        pattern.send(peer, size)
        peer.fin()

    def listen(peer, pattern):
        pattern.verify(peer, size)
        peer.expect_end()

    for peer in (left, right):
        peer.sock.settimeout(within)
    tasks = [Task(talk, left, up), Task(listen, right, up), Task(talk, right, down), Task(listen, left, down)]
    for task in tasks:
        task.done(within)
