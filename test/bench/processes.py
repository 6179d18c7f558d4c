# SPDX-License-Identifier: Apache-2.0
"""The programs that the bench starts: each on its CPU, ended by pid with everything that it has forked."""
import contextlib
import ctypes
import os
import pathlib
import resource
import signal
import socket
import struct
import subprocess
import time

FILES = 65536  # open files of each program, where that may be set; 20,000 will do
PATIENCE = 20.0
PR_SET_PDEATHSIG = 1
STOPS = (signal.SIGINT, signal.SIGTERM)

_libc = ctypes.CDLL(None)


class Failed(Exception):
    """A program did not do what the bench needs of it."""


def raise_files():
    """The same limit for everybody. Without the right to raise the hard one, that is what there is."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    for files in (FILES, hard):
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
            return
        except ValueError:
            continue


@contextlib.contextmanager
def undisturbed():
    """Ctrl-C waits until this is over: whatever was started is known by then."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _before_exec(cpus):
    """In the child: it dies with us, runs where it is told, and hears signals again."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    os.sched_setaffinity(0, cpus)


# ---- what the kernel knows of processes ----

def _stat(pid):
    """(parent, moment of start), or None if there is no such process."""
    try:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="latin-1").rsplit(")", 1)[1].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return (int(fields[1]), int(fields[19])) if fields[0] != "Z" else None


def tree(root):
    """{pid: moment of start} of a process and all that descend from it; a pid used again by somebody else has another moment."""
    seen = {int(name): _stat(name) for name in os.listdir("/proc") if name.isdigit()}
    found, last = {}, [root]
    while last:
        found.update({pid: seen[pid][1] for pid in last if seen.get(pid)})
        last = [pid for pid, stat in seen.items() if stat and stat[0] in last and pid not in found]
    return found


def memory_kib(pids):
    """Memory of their own: what several of them share, after a fork, counts once; files and libraries do not count."""
    total = 0
    for pid in pids:
        for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines():
            if line.startswith(("Pss_Anon:", "Pss_Shmem:")):
                total += int(line.split()[1])
    return total


def open_files(pids):
    return sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in pids)


# ---- waiting ----

def wait_for(condition, what, within=PATIENCE):
    """For what nobody tells us about."""
    end = time.monotonic() + within
    while not condition():
        if time.monotonic() > end:
            raise Failed(f"{what}: not within {within:.0f} s")
        time.sleep(0.005)


def settle(pids):
    """Until the processes have opened and closed what they wanted to: their fds stay as they are for a moment."""
    end, count, since = time.monotonic() + PATIENCE, -1, 0.0
    while time.monotonic() < end:
        now = open_files(pids)
        if now != count:
            count, since = now, time.monotonic()
        elif time.monotonic() - since > 0.2:
            return
        time.sleep(0.02)


def is_listening(address):
    """Whether somebody listens at "IP:PORT". Nobody is connected to for this: some programs serve one connection only."""
    ip, port = address.rsplit(":", 1)
    wanted = "%08X:%04X" % (struct.unpack("=I", socket.inet_aton(ip))[0], int(port))
    with open("/proc/net/tcp", encoding="ascii") as table:
        next(table)
        for line in table:  # listeners come first
            local, state = line.split()[1:4:2]
            if state != "0A":
                return False
            if local == wanted:
                return True
    return False


# ---- processes ----

class Process:
    """A command that runs. What it says is in its log file."""

    def __init__(self, command, folder, name, cpus, **popen):
        self.name, self.log = name, pathlib.Path(folder) / f"{name}.log"
        self._members = {}
        with open(self.log, "ab") as log:
            options = {"stdin": subprocess.DEVNULL, "stdout": log, "stderr": log, **popen}
            # A session of its own: Ctrl-C is ours to handle.
            self.child = subprocess.Popen([str(word) for word in command], preexec_fn=lambda: _before_exec(cpus),
                                          start_new_session=True, **options)

    @property
    def pid(self):
        return self.child.pid

    def pids(self):
        """All its processes."""
        self._members.update(tree(self.pid))
        return [pid for pid, moment in self._members.items() if self._is(pid, moment)]

    @staticmethod
    def _is(pid, moment):
        stat = _stat(pid)
        return stat is not None and stat[1] == moment

    def tail(self, count=8):
        return "\n".join(self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-count:])

    def wait_listening(self, *addresses):
        def ready():
            if self.child.poll() is not None:
                raise Failed(f"{self.name} ended with {self.child.returncode} at its start:\n{self.tail()}")
            return all(is_listening(address) for address in addresses)

        wait_for(ready, f"{self.name} listens")
        return self

    def stop(self, within=5.0):
        """TERM, and KILL for what is left of it then."""
        members = self.pids()
        self._signal(self.pid, signal.SIGTERM)
        end = time.monotonic() + within
        while time.monotonic() < end and self.child.poll() is None:
            time.sleep(0.005)
        for pid in {*members, *self.pids()}:
            self._signal(pid, signal.SIGKILL)
        self.child.wait()

    def _signal(self, pid, number):
        moment = self._members.get(pid)
        if moment is not None and self._is(pid, moment):
            os.kill(pid, number)


class Processes:
    """Everything that runs at this moment, for the end, however that comes."""

    def __init__(self):
        self.running = []

    def start(self, *arguments, **options):
        with undisturbed():
            process = Process(*arguments, **options)
            self.running.append(process)
        return process

    def stop(self, *processes):
        for process in processes or tuple(reversed(self.running)):
            process.stop()
            self.running.remove(process)
