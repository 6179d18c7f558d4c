# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the stories in the lab: one lab for a module, a stage whose programs run as nobody."""
import build
import lab as lab_module
import pytest
import stage as stage_module

WHY_NOT = lab_module.missing()
needs_lab = pytest.mark.skipif(WHY_NOT is not None, reason=str(WHY_NOT))


@pytest.fixture(scope="module")
def lab():
    with lab_module.Lab() as one:
        yield one


@pytest.fixture
def stage(lab, request, monkeypatch):
    """As everywhere, but in a folder that nobody can reach, with copies of the programs."""
    monkeypatch.setattr(build, "georelay", lambda: lab.georelay)
    monkeypatch.setattr(build, "geosim", lambda: lab.geosim)
    the_stage = stage_module.Stage(lab.folder(request.node.name), lab.pki)
    yield the_stage
    report = getattr(request.node, "report_call", None)
    the_stage.close(check=report is not None and report.passed)
