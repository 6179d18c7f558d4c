# SPDX-License-Identifier: Apache-2.0
"""Every addressing in every deployment behind every firewall: the table test/lab/matrix.py, row by row, in the lab."""
import build
import matrix
import pytest
import site_of_row
from stories import lab, needs_lab, stage  # noqa: F401


def rows():
    return [pytest.param(row, id=row.name, marks=[] if row.is_core else [pytest.mark.slow]) for row in matrix.ROWS]


@needs_lab
@pytest.mark.parametrize("row", rows())
def test_row(lab, stage, row):  # noqa: F811
    site = site_of_row.Site(lab, stage, row)
    if row.outcome == matrix.CHECK:
        code, said = site.check()
        assert code == 2 and row.why in said, said
        return
    site.allow()
    site.start()
    if row.outcome == matrix.LINK:
        site.is_refused(row.why)
    elif row.outcome == matrix.SERVER:
        site.is_lost_on_the_way()
    else:
        site.run_clean()
        site.counters_agree()


def test_the_document_is_the_table():
    document = (build.ROOT / "docs/matrix.md").read_text(encoding="utf-8")
    assert document == matrix.document(), "write it anew: test/lab/matrix.py > docs/matrix.md"
