# SPDX-License-Identifier: Apache-2.0
"""What the bench asks of each program that it measures."""
import dataclasses
import os
import pathlib
import shutil
import subprocess

from processes import wait_for

TLS13 = ("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256")
TLS12 = ("ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384",
         "ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-RSA-CHACHA20-POLY1305")
GROUPS = "X25519:P-256"
CONNECTIONS = 9200  # at most; with two fds each this fits into the usual limit of 20,000
LONG = 3600  # seconds, for every timeout that has nothing to do with the case


@dataclasses.dataclass
class Place:
    """What a program is started for: the same for all of a case."""
    mode: str  # "http" and "tcp" end TLS, "raw" does not, "tunnel" has two ends
    key: str  # of the certificate: "ecdsa" or "rsa"
    listen: str  # where it is to listen; in a tunnel where the server dials
    upstream: str  # where it connects to; in a tunnel where the client listens
    folder: pathlib.Path  # for its files; empty
    certificates: object
    addresses: object
    processes: object
    cpus: set


class Started:
    """A program that runs."""

    def __init__(self, *processes, dial=None):
        self.processes = processes
        self.dial = dial or []  # how bench_alarm gets through a tunnel: options

    def pids(self):
        return [pid for process in self.processes for pid in process.pids()]

    def tail(self):
        return "\n".join(f"{process.name}: {text}" for process in self.processes if (text := process.tail()))


class Rival:
    """`kind` is the word in --extra; a name stands in the tables. One object serves all cases."""
    kind = ""
    binary = ""
    modes = ()
    version_words = ("-v",)
    most_connections = CONNECTIONS
    serves_once = False  # ends with its first connection
    workers = 1

    def __init__(self, name=None, path=None):
        self.name = name or self.kind
        self.path = path or shutil.which(self.binary, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")

    def is_there(self):
        return self.path is not None and os.access(self.path, os.X_OK)

    def serves(self, mode, connections):
        return mode in self.modes and connections <= self.most_connections

    def version(self):
        """The line in which it tells its version."""
        result = subprocess.run([self.path, *self.version_words], capture_output=True, text=True, timeout=20, check=False)
        lines = (result.stdout + result.stderr).splitlines()
        lines = [line.strip() for line in lines if line.strip()]
        return self.version_line(lines) if lines else "?"

    @staticmethod
    def version_line(lines):
        return lines[0]

    def children(self):
        """How many processes it forks before it serves; CPU time is read of all."""
        return 0

    def command(self, place):
        """Writes its configuration. Returns the command to run."""
        raise NotImplementedError

    def start(self, place):
        """It listens when this returns."""
        process = place.processes.start(self.command(place), place.folder, self.name, place.cpus)
        process.wait_listening(place.listen)
        wait_for(lambda: len(process.pids()) > self.children(), f"{self.name} has its workers")
        return Started(process)


def write(place, name, text):
    path = place.folder / name
    path.write_text(text, encoding="utf-8")
    return path


def is_root():
    return os.geteuid() == 0
