#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""./dev bench: georelay beside its peers, the same work for each, one table.

Every case is measured with every program that is installed, in turns. Exit code 0 only if nothing went wrong.
"""
import argparse
import json
import pathlib
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "test" / "scenario"))  # libconfig

import cases as table  # noqa: E402
import figures  # noqa: E402
import floor  # noqa: E402
import machine  # noqa: E402
import measure  # noqa: E402
import network  # noqa: E402
import places  # noqa: E402
import processes  # noqa: E402
import report  # noqa: E402
from rivals import KINDS, Georelay, Pump  # noqa: E402

QUICK = ("haproxy", "nginx")
FAULTS = (processes.Failed, subprocess.SubprocessError, OSError, ValueError, KeyError)
OWN = ("georelay", "pump")  # kinds that are no peers


def say(text=""):
    print(text, flush=True)


def arguments():
    parser = argparse.ArgumentParser(prog="./dev bench", description="georelay beside haproxy, nginx, hitch, stunnel, socat and ssh")
    parser.add_argument("--quick", action="store_true", help="every case for a moment: whether the bench works, not how fast anything is")
    parser.add_argument("--only", default="", metavar="WORD,WORD", help="only cases whose name contains one of these")
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="how often each program is measured in each case (default 3)")
    parser.add_argument("--seconds", type=float, default=3.0, metavar="S", help="how long a measurement lasts (default 3)")
    parser.add_argument("--programs", default="", metavar="NAME,NAME", help="only these programs, by name")
    parser.add_argument("--extra", action="append", default=[], metavar="NAME=KIND:PATH",
                        help=f"a program built by yourself; KIND is one of {', '.join(KINDS)}")
    parser.add_argument("--out", type=pathlib.Path, metavar="FILE", help="write the tables into this document, between its two marks")
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE", help="write the figures for a program to read")
    parser.add_argument("--list", action="store_true", help="name the cases and end")
    parser.add_argument("--build", default="build-bench", metavar="FOLDER", help="where georelay and the load were built")
    return parser.parse_args()


# ---- who takes part ----

def extra(text):
    name, _, rest = text.partition("=")
    kind, _, path = rest.partition(":")
    if not name or kind not in KINDS:
        sys.exit(f"bench: --extra {text}: write NAME=KIND:PATH, where KIND is one of {', '.join(KINDS)}")
    rival = KINDS[kind](name, path)
    if not rival.is_there():
        sys.exit(f"bench: --extra {text}: {path} is no program")
    return rival


def two_workers(build):
    rival = Georelay("georelay-2w", build.program("georelay"), workers=2)
    rival.kind = "georelay-2w"
    return rival


def participants(options, build):
    """Everybody who is there, georelay first."""
    everybody = [Georelay(path=build.program("georelay")), two_workers(build)]
    everybody += [extra(text) for text in options.extra]
    for kind, rival in KINDS.items():
        if kind != "georelay":
            everybody.append(rival())
    everybody.append(Pump(path=build.program("bare_pump")))
    missing = [rival.name for rival in everybody if not rival.is_there()]
    if missing:
        say(f"not installed: {', '.join(missing)}")
    wanted = options.programs.split(",") if options.programs else None
    return [rival for rival in everybody if rival.is_there() and (wanted is None or rival.name in wanted)]


def takes_part(case, rival):
    return rival.kind in ("georelay", *case.kinds) and rival.serves(case.mode, case.connections)


class Quick:
    """Who takes part in a quick run: georelay everywhere, haproxy and nginx once for each kind of work, all others once."""

    def __init__(self):
        self.seen = set()

    def __call__(self, case, rival):
        if not takes_part(case, rival):
            return False
        work = (rival.name, case.mode, case.does) if rival.kind in QUICK else (rival.name,)
        if work in self.seen and rival.kind != "georelay":
            return False
        self.seen.add(work)
        return True


# ---- the run ----

class Run:
    def __init__(self, options, build, folder, everybody):
        self.options, self.everybody = options, everybody
        self.processes = processes.Processes()
        windows = measure.Windows(0.3, 0.05, quick=True) if options.quick else measure.Windows(options.seconds, 1.0)
        self.rounds = 1 if options.quick else options.rounds
        self.windows = windows
        self.stage = measure.Stage(build, folder, self.processes, windows)
        self.results = figures.Results()
        self.results.peers = {rival.name for rival in everybody if not rival.kind.startswith(OWN)}
        self.takes_part = Quick() if options.quick else takes_part

    def case(self, case):
        """All rounds of one case: A B C, C B A, and so on."""
        taking = [rival for rival in self.everybody if self.takes_part(case, rival)]
        for number in range(self.rounds):
            for rival in taking if number % 2 == 0 else reversed(taking):
                if not any(problem[:2] == (case.name, rival.name) for problem in self.results.problems):
                    self.one(case, rival, number)

    def sample(self, case, rival, number):
        """In a quick run a busy machine may not have come to one unit; then it gets more time, once."""
        try:
            return measure.Measurement(self.stage, case, rival).measure(check=number == 0)
        except FAULTS:
            if not self.options.quick:
                raise
        self.stage.windows = self.windows.longer()
        try:
            return measure.Measurement(self.stage, case, rival).measure(check=number == 0)
        finally:
            self.stage.windows = self.windows

    def one(self, case, rival, number):
        start = time.monotonic()
        try:
            sample = self.sample(case, rival, number)
        except FAULTS as failure:
            self.results.fail(case, rival, str(failure))
            say(f"{case.name:24} {rival.name:14} FAILED: {failure}")
            return
        self.results.add(case, rival, sample)
        say(f"{case.name:24} {rival.name:14} {report.short(sample.cost):>8} {report.cost_unit(case):5}{self.beside(case, sample)}"
            f"  ({time.monotonic() - start:.1f} s)")

    @staticmethod
    def beside(case, sample):
        if case.is_memory:
            return ""
        unit = "GB/s" if case.is_bulk else "/s"
        latency = "" if case.is_bulk else f"  p50 {report.short(sample.p50):>6}  p99 {report.short(sample.p99):>6} µs"
        return f" {report.short(sample.rate):>9} {unit:4}{latency}  busy {sample.busy:4.0%}, load {sample.load_busy:4.0%}"

    def floors(self):
        """They belong to a table, not to a look at some rows."""
        if self.options.only and not self.options.out:
            return []
        return floor.measure(len(floor.PARTS) if self.options.quick else 1)


def facts(run, options):
    versions = [(rival.name, rival.version()) for rival in run.everybody if rival.kind not in ("georelay-2w", "pump")]
    return {"date": machine.today(), "machine": machine.text(), "versions": versions + [("OpenSSL", machine.openssl())],
            "is_quick": options.quick, "rounds": run.rounds, "seconds": run.windows.seconds, "command": command(options)}


def command(options):
    """How to repeat it, without the paths of this machine."""
    words = ["./dev", "bench"]
    for name, is_set in (("--quick", options.quick), ("--only", options.only), ("--programs", options.programs)):
        if is_set:
            words += [name] if is_set is True else [name, is_set]
    words += ["--rounds", str(options.rounds)] if options.rounds != 3 else []
    words += ["--seconds", f"{options.seconds:g}"] if options.seconds != 3 else []
    for text in options.extra:
        words += ["--extra", text.partition(":")[0] + ":PATH"]
    return shlex.join(words)


def finish(run, chosen, options):
    text = report.whole(run.results, chosen, run.floors(), facts(run, options))
    say("\n" + text)
    if options.json:
        options.json.write_text(json.dumps(run.results.plain(chosen), indent=1), encoding="utf-8")
    if run.results.problems:
        say(f"{len(run.results.problems)} failed:")
        for case, program, reason in run.results.problems:
            say(f"  {case}, {program}: {reason.splitlines()[0]}")
        return 1
    if options.out:
        old = options.out.read_text(encoding="utf-8") if options.out.exists() else ""
        options.out.write_text(report.put(old, text), encoding="utf-8")
        say(f"written into {options.out}")
    return 0


def stop_by_signal(*_):
    raise KeyboardInterrupt


def main():
    options = arguments()
    chosen = table.chosen(options.only)
    if options.list:
        say("\n".join(case.name for case in chosen))
        return 0
    if not chosen:
        sys.exit(f"bench: no case has {options.only!r} in its name; see --list")
    signal.signal(signal.SIGTERM, stop_by_signal)
    build = places.Build(ROOT / options.build)
    network.enter()
    processes.raise_files()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="georelay-bench-"))
    run = None
    try:
        run = Run(options, build, folder, participants(options, build))
        for case in chosen:
            run.case(case)
        return finish(run, chosen, options)
    except KeyboardInterrupt:
        say("interrupted")
        return 130
    finally:
        if run:
            run.processes.stop()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
