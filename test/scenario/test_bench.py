# SPDX-License-Identifier: Apache-2.0
"""./dev bench: a quick run has a figure for every case, and its report keeps what people wrote. No time is judged here."""
import json
import os
import signal
import subprocess
import sys

import build
import program
import pytest

BENCH = build.ROOT / "test" / "bench"
sys.path.append(str(BENCH))  # at the end: its names are its own

import cases  # noqa: E402
import figures  # noqa: E402
import report  # noqa: E402


def command(*words):
    return [sys.executable, "-B", str(BENCH / "bench.py"), "--build", str(build.folder()), *words]


def needs_programs():
    if build.is_sanitized() or not (build.folder() / "test" / "bench" / "load" / "bench_load").exists():
        pytest.skip("the programs of the bench are not in this build")


@pytest.mark.slow
@pytest.mark.limit(520)
def test_a_quick_run_has_a_figure_for_every_case(tmp_path):
    needs_programs()
    found = tmp_path / "figures.json"
    result = subprocess.run(command("--quick", "--json", str(found)), capture_output=True, text=True, timeout=500, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    figures_of = json.loads(found.read_text())["cases"]
    missing = [case.name for case in cases.CASES if not figures_of[case.name].get("georelay", {}).get("cost")]
    assert not missing, f"no figure of georelay for {missing}"
    for mode, peers in (("http", ("haproxy", "nginx")), ("raw", ("haproxy",))):
        for peer in peers:
            assert any(peer in figures_of[case.name] for case in cases.CASES if case.mode == mode), f"{peer} was not measured in mode {mode}"


@pytest.mark.slow
def test_an_error_fails_the_run(tmp_path):
    """A program that passes on nothing."""
    needs_programs()
    false = tmp_path / "false"
    false.write_text("#!/bin/sh\nexit 3\n")
    false.chmod(0o755)
    result = subprocess.run(command("--quick", "--only", "raw-rate", "--extra", f"broken=haproxy:{false}", "--programs", "broken"),
                            capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 1 and "raw-rate, broken: broken ended with 3 at its start" in result.stdout, result.stdout + result.stderr


@pytest.mark.slow
def test_an_interrupted_run_leaves_nothing_behind(tmp_path):
    needs_programs()
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    bench = subprocess.Popen(command("--only", "raw-rate", "--programs", "georelay", "--seconds", "60"), env=environment,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
                             preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))  # who runs us in the background ignores it
    try:
        program.wait_for(lambda: len(started_by(bench.pid)) == 3)  # the upstream, georelay, the load
        pids = started_by(bench.pid)
        bench.send_signal(signal.SIGINT)
        assert bench.wait(30) == 130, bench.stdout.read()
        program.wait_for(lambda: not any(is_there(pid) for pid in pids))
        assert list(tmp_path.iterdir()) == []
    finally:
        bench.kill()
        bench.communicate()


def started_by(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as children:
        return [int(word) for word in children.read().split()]


def is_there(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


# ---- the report ----

def sample(cost, **more):
    return type("Sample", (), {"cost": cost, "rate": 1.0, "p50": None, "p99": None, "load_bound": False, **more})


def results(case, **costs):
    found = figures.Results()
    found.peers = set(costs) - {"georelay"}
    found.samples[case.name] = {name: [sample(cost) for cost in of] for name, of in costs.items()}
    return found


def test_a_mark_is_compared_with_the_best_peers_median():
    case = cases.chosen("tls-full-ecdsa-http")[0]
    found = results(case, georelay=[90, 92, 300], haproxy=[120, 100, 99], nginx=[110, 111, 112])
    assert found.best(case) == ("haproxy", 100) and found.ratio(case) == 0.92
    assert found.is_met(case, case.marks[0]) is True
    assert results(case, georelay=[94], haproxy=[100]).is_met(case, case.marks[0]) is False
    assert results(case, georelay=[94]).is_met(case, case.marks[0]) is None


def test_what_people_wrote_survives(tmp_path):
    old = report.put("# Measurements\n\nby hand\n", "first")
    new = report.put(old.replace(report.END, report.END + "\n\n## Where the time goes\n\nalso by hand"), "second")
    assert "by hand\n" in new and "also by hand" in new and "second" in new and "first" not in new
    assert report.put(new, "second") == new
    assert "Where the time goes and what is left" in report.put("", "first")


def test_names_of_cases_are_unique():
    names = [case.name for case in cases.CASES]
    assert len(names) == len(set(names))
