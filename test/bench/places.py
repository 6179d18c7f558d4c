# SPDX-License-Identifier: Apache-2.0
"""Where things are during a run: CPUs, addresses that nobody else uses, files."""
import os
import pathlib
import socket

BUSY_CPU, LOAD_CPU = 0, 1  # the program under test, and all that makes and takes the load


def cpus(number, workers=1):
    """CPUs for a program. Two workers get a second CPU, which they share with the load where there are but two."""
    there = sorted(os.sched_getaffinity(0))
    wanted = [BUSY_CPU, LOAD_CPU][:workers] if number == BUSY_CPU else [LOAD_CPU]
    return {there[min(index, len(there) - 1)] for index in wanted}


class Addresses:
    """Loopback addresses 127.A.x.y, given out in turn: what a connection leaves behind (TIME_WAIT) is then in nobody's way."""

    IN_BLOCK = 250  # of a /24
    ALL = 250 * IN_BLOCK

    def __init__(self):
        self._stem = f"127.{100 + os.getpid() % 100}"
        self._next = 0

    def _take(self, count):
        """The number of the first of `count` addresses of one /24."""
        if self._next % self.IN_BLOCK + count > self.IN_BLOCK:
            self._next += self.IN_BLOCK - self._next % self.IN_BLOCK
        first = self._next % self.ALL
        self._next = first + count
        return first

    def _text(self, number):
        return f"{self._stem}.{number // self.IN_BLOCK}.{number % self.IN_BLOCK + 1}"

    def ip(self):
        return self._text(self._take(1))

    def range(self, count):
        """ "FIRST-LAST", up to 250 addresses."""
        first = self._take(count)
        return f"{self._text(first)}-{self._text(first + count - 1)}"

    def free(self, ip=None):
        """ "IP:PORT", a port that the kernel chose. Its range of ports does not matter: nobody connects from this address."""
        ip = ip or self.ip()
        with socket.socket() as probe:
            probe.bind((ip, 0))
            return f"{ip}:{probe.getsockname()[1]}"


class Build:
    """The programs of a build folder."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder).resolve()

    def program(self, name):
        for place in ("test/bench/load", "proxy", "proxy/app"):
            path = self.folder / place / name
            if path.is_file() and os.access(path, os.X_OK):
                return str(path)
        raise FileNotFoundError(f"{name} is not in {self.folder}")
