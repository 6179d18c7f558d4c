# SPDX-License-Identifier: Apache-2.0
"""Feeds many connections at the same time, each in pieces: whole, byte by byte, or cut somewhere.

All connections get their first piece, then all their second, and so on. While the others have their turn the relay reads, so
that pieces arrive one by one without a pause between them.
"""
import select
import socket
import struct
import time

import http1

BATCH = 200
ENOUGH = 40  # findings


class Feed:
    """One connection. `wanted` statuses are waited for, and the end if `closes`."""

    def __init__(self, label, pieces, wanted, closes, ends=False):
        self.label, self.pieces, self.wanted, self.closes, self.ends = label, pieces, tuple(wanted), closes, ends
        self.got = bytearray()
        self.statuses = []
        self.end = self.fault = self.sock = None

    def open(self, address):
        self.sock = socket.create_connection(address, timeout=10)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def push(self, number):
        """Sends a piece; a relay that has refused may be gone already."""
        try:
            if number < len(self.pieces):
                self.sock.sendall(self.pieces[number])
            if self.ends and number == len(self.pieces) - 1:
                self.sock.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def pull(self):
        """Reads what is there."""
        try:
            part = self.sock.recv(1 << 16, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        except OSError:
            self.end = "reset"
            return
        if not part:
            self.end = "fin"
            return
        self.got += part
        self._parse()

    def _parse(self):
        try:
            while self.fault is None and (message := http1.parse(self.got, False)) is not None:
                del self.got[:message.length]
                if message.status >= 200:
                    self.statuses.append(message.status)
        except http1.Malformed as fault:
            self.fault = str(fault)

    def is_done(self):
        return bool(self.fault or self.end or (len(self.statuses) >= len(self.wanted) and not self.closes))

    def close(self):
        """By RST, so that thousands of connections leave no port behind in TIME_WAIT."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def findings(self):
        """What is not as it should be, or None."""
        if self.fault:
            return f"{self.label}: no HTTP came back: {self.fault}"
        if tuple(self.statuses) != self.wanted and not (self.ends and not self.statuses):
            return f"{self.label}: statuses {self.statuses}, wanted {list(self.wanted)}, end {self.end}"
        if self.got:
            return f"{self.label}: {bytes(self.got)[:100]!r} behind the last answer"
        if self.closes and not self.end:
            return f"{self.label}: not closed"
        if self.closes and self.end == "reset" and self.wanted and not self.ends:
            return f"{self.label}: reset, so that the answer may be lost (wanted {list(self.wanted)})"
        if not self.closes and self.end:
            return f"{self.label}: closed ({self.end}) though nothing was wrong"
        return None


def run_batch(address, feeds, within):
    poller = select.poll()
    by_fd = {}
    for feed in feeds:
        feed.open(address)
        by_fd[feed.sock.fileno()] = feed
        poller.register(feed.sock, select.POLLIN)

    def pull(timeout_ms):
        for fd, _ in poller.poll(timeout_ms):
            by_fd[fd].pull()
            if by_fd[fd].end:
                poller.unregister(fd)

    for number in range(max(len(feed.pieces) for feed in feeds)):
        for feed in feeds:
            feed.push(number)
        pull(0)
    end = time.monotonic() + within
    while not all(feed.is_done() for feed in feeds) and time.monotonic() < end:
        pull(50)
    pull(0)  # also those that are done may have got too much
    for feed in feeds:
        feed.close()


def run(address, feeds, within):
    """Feeds them all; returns what was wrong, one line each. Feeds with as many pieces run together. Stops if much is wrong."""
    ordered, wrong = sorted(feeds, key=lambda feed: len(feed.pieces)), []
    for first in range(0, len(ordered), BATCH):
        batch = ordered[first:first + BATCH]
        run_batch(address, batch, within)
        wrong += [found for found in (feed.findings() for feed in batch) if found]
        if len(wrong) >= ENOUGH:
            break
    return wrong
