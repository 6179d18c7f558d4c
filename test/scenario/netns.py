# SPDX-License-Identifier: Apache-2.0
"""Two network namespaces joined by a cable that can be cut: packets are dropped in silence, as by a firewall or a dead switch."""
import contextlib
import ctypes
import itertools
import os
import subprocess

_numbers = itertools.count()
_libc = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNET = 0x40000000


def run(*words, text=None):
    result = subprocess.run(words, input=text, capture_output=True, text=True, timeout=20, check=False)
    assert result.returncode == 0, f"{' '.join(words)}: {result.stderr}"


class Namespace:
    def __init__(self, name, ip):
        self.name, self.ip = name, ip
        self.prefix = ("ip", "netns", "exec", name)
        run("ip", "netns", "add", name)
        run("ip", "-n", name, "link", "set", "lo", "up")

    @contextlib.contextmanager
    def inside(self):
        """Sockets that this thread makes in here belong to the namespace, and stay there."""
        with open("/proc/thread-self/ns/net", "rb") as home, open(f"/run/netns/{self.name}", "rb") as there:
            self._enter(there)
            try:
                yield
            finally:
                self._enter(home)

    @staticmethod
    def _enter(file):
        if _libc.setns(file.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")

    def cut(self):
        """From now on no packet comes in or goes out of this machine but on its own loopback."""
        run("ip", "netns", "exec", self.name, "nft", "-f", "-", text="""
            table inet cut {
                chain in { type filter hook input priority 0; policy drop; iif "lo" accept; }
                chain out { type filter hook output priority 0; policy drop; oif "lo" accept; }
            }""")

    def mend(self):
        run("ip", "netns", "exec", self.name, "nft", "delete", "table", "inet", "cut")

    def delete(self):
        subprocess.run(["ip", "netns", "del", self.name], capture_output=True, timeout=20, check=False)


class Cable:
    """Machines `near` (10.77.0.1) and `far` (10.77.0.2) on one cable. Nothing of it is seen outside. Needs root."""

    def __init__(self):
        stem = f"gr{os.getpid()}x{next(_numbers)}"
        self.near = Namespace(stem + "n", "10.77.0.1")
        try:
            self.far = Namespace(stem + "f", "10.77.0.2")
        except BaseException:
            self.near.delete()
            raise
        try:
            run("ip", "-n", self.near.name, "link", "add", "cable", "type", "veth", "peer", "name", "cable", "netns", self.far.name)
            for end in (self.near, self.far):
                run("ip", "-n", end.name, "address", "add", end.ip + "/24", "dev", "cable")
                run("ip", "-n", end.name, "link", "set", "cable", "up")
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.near.delete()
        self.far.delete()
