# SPDX-License-Identifier: Apache-2.0
"""What every story gets: a folder, programs that are ended whatever happens, a deadline."""
import faulthandler
import pathlib
import signal
import sys

import pytest

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[1] / folder) for folder in ("peer", "lab")]

import build  # noqa: E402
import pki as pki_module  # noqa: E402
import stage as stage_module  # noqa: E402


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: much data or many clients; runs in the plain build only")
    config.addinivalue_line("markers", "tsan: also runs under ThreadSanitizer")
    config.addinivalue_line("markers", "limit(seconds): this story's own deadline")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_protocol(item):
    """No story hangs for ever: after its time the main thread is interrupted, wherever it is."""
    own = item.get_closest_marker("limit")
    seconds = own.args[0] if own else 600 if item.get_closest_marker("slow") else 90

    def too_late(*_):
        faulthandler.dump_traceback()
        raise TimeoutError(f"the story took longer than {seconds * build.patience()} s")

    before = signal.signal(signal.SIGALRM, too_late)
    signal.alarm(seconds * build.patience())
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Lets fixtures know whether the story itself went well, and shows the logs if not."""
    outcome = yield
    report = outcome.get_result()
    setattr(item, "report_" + report.when, report)
    stage = getattr(item, "funcargs", {}).get("stage")
    if report.failed and stage:
        for program in stage.programs:
            report.sections.append((f"the end of what {program.name} said", program.tail()))


@pytest.fixture(scope="session")
def pki(tmp_path_factory):
    """One CA for all stories of a run; agents' certificates are made when asked for."""
    folder = tmp_path_factory.mktemp("pki")
    authority = pki_module.Pki(folder)
    authority.web("127.0.0.1")
    return authority


@pytest.fixture
def stage(tmp_path, pki, request):
    """Starts programs, and ends them after the story. After a good story each georelay must have given everything back and exit 0."""
    the_stage = stage_module.Stage(tmp_path, pki)
    yield the_stage
    report = getattr(request.node, "report_call", None)
    the_stage.close(check=report is not None and report.passed)
