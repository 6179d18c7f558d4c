# SPDX-License-Identifier: Apache-2.0
"""One measurement: a fresh upstream, a fresh program, the load, and what came of it."""
import dataclasses
import json
import pathlib
import select
import shutil
import subprocess

import certificates
import places
import processes
from cases import MIB
from processes import Failed
from rivals import Place

SOURCES = 64  # client addresses
FULL, IDLE = 0.97, 0.90  # of a CPU: the load has no more to give; the program had time left
CROWD = 64  # connections before memory is first looked at
ADVISE_PORT = 5500


@dataclasses.dataclass
class Sample:
    """What one measurement found."""
    cost: float  # µs of CPU for one unit, s of CPU for a GB, or KiB for a connection
    rate: float = 0.0  # units per second; GB per second for bulk
    p50: float | None = None  # µs
    p99: float | None = None
    load_bound: bool = False
    busy: float = 0.0  # of a CPU: the program
    load_busy: float = 0.0  # of a CPU: all of the load


@dataclasses.dataclass
class Windows:
    seconds: float
    warm_up: float
    quick: bool = False

    def longer(self):
        """For a machine that has other things to do."""
        return Windows(6 * self.seconds, 20 * self.warm_up, self.quick)

    def warm_up_for(self, case):
        if self.quick:
            return self.warm_up * (4 if case.does == "resumed" else 1)  # the tickets come first
        return self.warm_up + case.ramp

    def silent_for(self, case):
        return 0 if self.quick else case.silent

    def connections_for(self, case):
        """In a quick run nothing is to be learned from crowds."""
        if not self.quick:
            return case.connections
        return min(case.connections, 100 if case.is_memory else 16)


class Upstream:
    """bench_server on an address that nobody has used."""

    def __init__(self, stage):
        ip = stage.addresses.ip()
        self.http, self.echo = stage.addresses.free(ip), stage.addresses.free(ip)
        self.process = stage.processes.start([stage.build.program("bench_server"), "--http", self.http, "--echo", self.echo],
                                             stage.folder, "bench_server", places.cpus(places.LOAD_CPU))
        self.process.wait_listening(self.http, self.echo)


class Stage:
    """What all measurements share."""

    def __init__(self, build, folder, procs, windows):
        self.build, self.folder, self.processes, self.windows = build, pathlib.Path(folder), procs, windows
        self.addresses = places.Addresses()
        self.certificates = certificates.Certificates(self.folder / "certificates", build.program("georelay"))


class Measurement:
    """One program in one case. measure() gives a Sample, or raises Failed with the reason."""

    def __init__(self, stage, case, rival):
        self.stage, self.case, self.rival = stage, case, rival
        self.folder = stage.folder / "measurement"

    def measure(self, check):
        """With `check`, every byte of some transfers is compared first; in a quick run, of all that are not endless."""
        try:
            self._set_up()
            if check and not self.case.is_memory and (self.case.is_bulk or not self.stage.windows.quick):
                self._check()
            return self._idle() if self.case.is_memory else self._load()
        except Failed as failure:
            raise Failed(f"{failure}\n{self._last_words()}") from None
        finally:
            self.stage.processes.stop()
            shutil.rmtree(self.folder, ignore_errors=True)

    # ---- the program and what is behind it ----

    def _set_up(self):
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir()
        self.started = self.upstream = None
        if self.case.mode == "tunnel":
            behind = f"{self.stage.addresses.ip()}:{ADVISE_PORT}"
        else:
            self.upstream = Upstream(self.stage)
            behind = self.upstream.echo if self.case.does in ("pingpong", "connect") else self.upstream.http
        self.behind = behind
        self._start()

    def _start(self):
        self.listen = self.stage.addresses.free()
        folder = self.folder / self.listen
        folder.mkdir()
        self.started = self.rival.start(Place(
            mode=self.case.mode, key=self.case.key, listen=self.listen, upstream=self.behind, folder=folder,
            certificates=self.stage.certificates, addresses=self.stage.addresses, processes=self.stage.processes,
            cpus=places.cpus(places.BUSY_CPU, self.rival.workers)))

    def _last_words(self):
        return self.started.tail() if self.started else ""

    # ---- the load ----

    def _command(self, connections, seconds, warm_up, *more, bytes_=None, does=None):
        does = does or self.case.does
        if self.case.mode == "tunnel":
            command = [self.stage.build.program("bench_alarm"), "--case", does, "--client", self.behind, *self.started.dial]
            command += ["--pause", self.case.pause_ms] if self.case.pause_ms else []
        else:
            command = [self.stage.build.program("bench_load"), "--case", does, "--to", self.listen,
                       "--bytes", bytes_ or self.case.bytes, "--sources", SOURCES]
        command += ["--connections", connections, "--seconds", seconds, "--warm-up", warm_up]
        if self.case.tls:
            command += ["--tls", "--ca", self.stage.certificates.chain(self.case.key), "--name", certificates.HOST]
        return [str(word) for word in (*command, *more)]

    def _run(self, command, seconds):
        with open(self.folder / "load.out", "w+", encoding="utf-8") as out:
            load = self.stage.processes.start(command, self.folder, "load", places.cpus(places.LOAD_CPU), stdout=out)
            try:
                load.child.wait(seconds + 60)
            except subprocess.TimeoutExpired:
                raise Failed(f"{pathlib.Path(command[0]).name} did not end:\n{load.tail()}") from None
            self.stage.processes.running.remove(load)
            out.seek(0)
            return self._result(load, out.read())

    @staticmethod
    def _result(load, text):
        lines = [line for line in text.splitlines() if line.startswith("{")]
        if load.child.returncode != 0 or not lines:
            raise Failed(f"the load ended with {load.child.returncode}: {load.tail()}")
        result = json.loads(lines[-1])
        if result.get("errors"):
            raise Failed(f"{result['errors']} errors, the first: {result.get('first_error')}")
        return result

    def _check(self):
        """A few transfers in which each byte is compared."""
        size = MIB if self.stage.windows.quick else 8 * MIB
        if self.case.mode == "tunnel":
            if self.case.is_bulk:  # the other cases compare by themselves
                self._run(self._command(1, 0.2, 0, "--check", size), 0.2)
            return
        count = min(self.case.connections, 4)
        self._run(self._command(count, 0.1, 0.1, "--check", bytes_=size if self.case.is_bulk else None), 0.2)
        if self.rival.serves_once:
            self.stage.processes.stop(*self.started.processes)
            self._start()

    def _load(self):
        windows = self.stage.windows
        own = self.started.pids()
        others = self.upstream.process.pids() if self.upstream else []
        warm_up = windows.warm_up_for(self.case)
        more = ["--check"] if windows.quick and not self.case.is_bulk and self.upstream else []
        command = self._command(windows.connections_for(self.case), windows.seconds, warm_up, "--pids", ",".join(map(str, own + others)),
                                *more)
        return self._among(windows.silent_for(self.case), lambda: self._sample(self._run(command, windows.seconds + warm_up), own, others))

    def _among(self, silent, work):
        """`work`, while so many other connections are open and silent."""
        if not silent:
            return work()
        command = self._command(silent, 1, 0, *(["--ping"] if self.case.does == "pingpong" else []), does="idle")
        return self._hold(command, silent, work)

    def _sample(self, result, own, others):
        """Nanoseconds for a byte are seconds for a GB."""
        units, seconds = result["units"], result["seconds"]
        if not units:
            raise Failed("not one unit was done in the window")
        spent = sum(result["cpu_ns"][str(pid)] for pid in own)
        if not spent:
            raise Failed("the program spent no time: its work is done by a process that is not known")
        load = result["own_cpu_ns"] + sum(result["cpu_ns"][str(pid)] for pid in others)
        scale = 1.0 if self.case.is_bulk else 1e-3
        busy, load_busy = spent / seconds / 1e9, load / seconds / 1e9
        return Sample(cost=spent / units * scale, rate=units / seconds * (1e-9 if self.case.is_bulk else 1),
                      p50=self._latency(result, "p50_us"), p99=self._latency(result, "p99_us"),
                      load_bound=load_busy >= FULL and busy < IDLE, busy=busy, load_busy=load_busy)

    def _latency(self, result, name):
        return None if self.case.is_bulk else result.get(name)

    # ---- memory ----

    def _idle(self):
        """First a crowd, for what is taken once and kept, then all of them."""
        count = self.stage.windows.connections_for(self.case)
        pids = self.started.pids()
        self._hold(self._command(min(CROWD, count), 1, 0), min(CROWD, count), lambda: None)
        processes.settle(pids)
        before = processes.memory_kib(pids)
        after = self._hold(self._command(count, 1, 0), count, lambda: self._settled_memory(pids))
        return Sample(cost=(after - before) / count)

    @staticmethod
    def _settled_memory(pids):
        processes.settle(pids)
        return processes.memory_kib(pids)

    def _hold(self, command, count, look):
        """`look` at the moment when so many connections stand."""
        load = self.stage.processes.start(command, self.folder, "crowd", places.cpus(places.LOAD_CPU),
                                          stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        with load.child.stdin, load.child.stdout:
            ready, _, _ = select.select([load.child.stdout], [], [], processes.PATIENCE + count / 200)
            if not ready or load.child.stdout.readline().strip() != b"holding":
                raise Failed(f"{count} connections can't be held: {load.tail()}")
            seen = look()
            load.child.stdin.write(b"\n")
            load.child.stdin.flush()
            text = load.child.stdout.read().decode()
        load.child.wait(60)
        self.stage.processes.running.remove(load)
        if load.child.returncode != 0:
            raise Failed(f"the load ended with {load.child.returncode}: {load.tail()} {text}")
        return seen
