# SPDX-License-Identifier: Apache-2.0
"""A program under test: started, heard line by line, ended by its own pid."""
import ctypes
import os
import resource
import signal
import subprocess
import threading
import time

import build

DEADLINE = 15.0

_libc = ctypes.CDLL(None)
PR_SET_PDEATHSIG = 1


def _before_exec(files):
    """In the child: it dies with us, and may have only so many files open."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if files:
        resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))


def wait_for(condition, within=DEADLINE):
    """For files and the like, which nobody tells us about."""
    end = time.monotonic() + within * build.patience()
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


class Program:
    """Runs a command. Its lines (both outputs) are kept in `lines`; wait_line() waits for one without polling."""

    def __init__(self, command, name, files=None, prefix=()):
        self.name = name
        self.lines = []
        self._changed = threading.Condition()
        self._open = 2
        # A session of its own: Ctrl-C is ours to handle.
        self.process = subprocess.Popen([*prefix, *command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, preexec_fn=lambda: _before_exec(files), start_new_session=True,
                                        pass_fds=getattr(prefix, "fds", ()))
        for pipe in (self.process.stdout, self.process.stderr):
            threading.Thread(target=self._listen, args=(pipe,), daemon=True).start()

    @property
    def pid(self):
        return self.process.pid

    def _listen(self, pipe):
        with pipe:
            for raw in pipe:
                with self._changed:
                    self.lines.append(self.take(raw.decode("utf-8", "backslashreplace").rstrip("\n")))
                    self._changed.notify_all()
        with self._changed:
            self._open -= 1
            self._changed.notify_all()

    def take(self, line):
        """What is kept of a line."""
        return line

    def mark(self):
        """A place in the lines: "from here on"."""
        with self._changed:
            return len(self.lines)

    def wait_line(self, wanted, since=0, within=DEADLINE):
        """The first line from `since` on for which wanted(line) is true, as soon as it is there."""
        end = time.monotonic() + within * build.patience()
        at = since
        with self._changed:
            while True:
                while at < len(self.lines):
                    if wanted(self.lines[at]):
                        return self.lines[at]
                    at += 1
                left = end - time.monotonic()
                if left <= 0 or self._open == 0:
                    return None
                self._changed.wait(left)

    def wait_end(self, within=DEADLINE):
        """Exit code, when the program and its output have ended."""
        code = self.process.wait(within * build.patience())
        end = time.monotonic() + 5
        with self._changed:
            while self._open and time.monotonic() < end:
                self._changed.wait(end - time.monotonic())
        return code

    def is_running(self):
        return self.process.poll() is None

    def signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        """As by kill -9."""
        if self.is_running():
            self.process.kill()
        self.wait_end()

    def freeze(self):
        """Stops the process where it is: its sockets stay, nothing answers."""
        self.signal(signal.SIGSTOP)

    def thaw(self):
        self.signal(signal.SIGCONT)

    def tail(self, count=40):
        with self._changed:
            return "\n".join(str(line) for line in self.lines[-count:])

    # ---- what the kernel knows of it ----

    def rss_kib(self):
        with open(f"/proc/{self.pid}/status", encoding="ascii") as status:
            for line in status:
                if line.startswith("VmRSS:"):
                    return int(line.split()[1])
        return 0

    def cpu_seconds(self):
        with open(f"/proc/{self.pid}/stat", encoding="ascii") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def open_files(self):
        """Open fds by kind: {"socket": 12, "pipe": 4, ...}."""
        kinds = {}
        folder = f"/proc/{self.pid}/fd"
        for entry in os.listdir(folder):
            try:
                kind = os.readlink(f"{folder}/{entry}").split(":")[0]
            except FileNotFoundError:
                continue
            kinds[kind] = kinds.get(kind, 0) + 1
        return kinds
