# SPDX-License-Identifier: Apache-2.0
"""A service manager as far as a program sees one: a socket for what it tells (sd_notify), and sockets that it is given."""
import os
import secrets
import socket
import sys
import threading
import time

import build

# Stands between fork and exec: the descriptors from 3 on, and whom they are for. Close-on-exec is off, as a manager leaves it.
LAUNCHER = """import os, sys
count, fds, names, command = sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:]
fds = [int(fd) for fd in fds.split(",")] if fds else []
high = [os.dup2(fd, 100 + i) for i, fd in enumerate(fds)]
for i, fd in enumerate(high):
    os.dup2(fd, 3 + i, inheritable=True)
    os.close(fd)
os.environ.update(LISTEN_FDS=count, LISTEN_PID=str(os.getpid()), LISTEN_FDNAMES=names)
os.execvp(command[0], command)
"""


class Manager:
    """Hears what the program says. `abstract` is a socket without a file."""

    def __init__(self, folder, abstract=False):
        self.name = f"@georelay-test-{secrets.token_hex(8)}" if abstract else str(folder / "notify")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("\0" + self.name[1:] if abstract else self.name)
        self.lines = []
        self._changed = threading.Condition()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self):
        while True:
            text = self.socket.recv(4096).decode()
            if text == "the end":
                return
            with self._changed:
                self.lines += text.split("\n")
                self._changed.notify_all()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as last:
            last.sendto(b"the end", self.socket.getsockname())
        self.socket.close()

    def mark(self):
        with self._changed:
            return len(self.lines)

    def wait(self, start, since=0, within=15):
        """The first line from `since` on that begins so, or None."""
        end = time.monotonic() + within * build.patience()
        with self._changed:
            while True:
                for line in self.lines[since:]:
                    if line.startswith(start):
                        return line
                left = end - time.monotonic()
                if left <= 0:
                    return None
                self._changed.wait(left)

    def prefix(self, **more):
        """What stands before the command."""
        return ("env", f"NOTIFY_SOCKET={self.name}", *(f"{key}={value}" for key, value in more.items()))


class Handing(tuple):
    """What stands before the command to hand sockets of ours to it; they must stay open until it has started."""

    fds = ()


def handing(*sockets, names="", count=None):
    fds = [one.fileno() for one in sockets]
    words = Handing((sys.executable, "-c", LAUNCHER, str(len(fds) if count is None else count), ",".join(map(str, fds)), names))
    words.fds = fds
    return words


def listening(address, family=socket.AF_INET, **options):
    one = socket.socket(family)
    for name in options.get("set", ()):
        one.setsockopt(socket.SOL_SOCKET, name, 1)
    try:
        one.bind(address)
        one.listen(64)
    except OSError:
        one.close()
        raise
    return one
