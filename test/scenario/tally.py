#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Counts tests: one line "passed failed skipped what" per part of a run, and their sum.

    tally.py meson TESTLOG.JSON EXIT_CODE    cmocka counts each of its tests, any other program counts once
    tally.py junit RESULT.XML EXIT_CODE
    tally.py sum FILE                        prints the closing line; exit 1 if anything failed or nothing ran

A runner that failed without a failed test of its own (it crashed, it found nothing) counts as one failure.
"""
import json
import re
import sys
import xml.etree.ElementTree


def cmocka_counts(text):
    """(passed, failed, skipped) of the groups in a cmocka program's output, or None if it printed none."""
    lines = text.splitlines()
    tap = [line for line in lines if re.match(r"(not )?ok \d+", line)]
    if tap:
        skipped = sum("# SKIP" in line.upper() for line in tap)
        failed = sum(line.startswith("not ok") for line in tap)
        return len(tap) - failed - skipped, failed, skipped
    counts = [0, 0, 0]
    seen = False
    for at, word in enumerate(("PASSED", "FAILED", "SKIPPED")):
        for number in re.findall(r"^\[ +%s +\] (\d+) test\(s\)" % word, text, re.M):
            counts[at] += int(number)
            seen = True
    return tuple(counts) if seen else None


def one_program(record):
    """(passed, failed, skipped) of one line of meson's log."""
    result = record["result"]
    if result == "SKIP":
        return 0, 0, 1
    counts = cmocka_counts((record.get("stdout") or "") + "\n" + (record.get("stderr") or ""))
    good = result in ("OK", "EXPECTEDFAIL")
    if counts is None:
        return (1, 0, 0) if good else (0, 1, 0)
    passed, failed, skipped = counts
    if not good and failed == 0:
        failed = 1  # it died, or a sanitizer spoke after the last test
    return passed, failed, skipped


def meson_counts(path):
    total = [0, 0, 0]
    with open(path, encoding="utf-8") as log:
        for line in log:
            for at, count in enumerate(one_program(json.loads(line))):
                total[at] += count
    return total


def junit_counts(path):
    total = [0, 0, 0]
    for suite in xml.etree.ElementTree.parse(path).getroot().iter("testsuite"):
        tests, failed, errors, skipped = (int(suite.get(k, 0)) for k in ("tests", "failures", "errors", "skipped"))
        total[0] += max(0, tests - failed - errors - skipped)
        total[1] += failed + errors
        total[2] += skipped
    return total


def part(kind, path, code):
    try:
        total = meson_counts(path) if kind == "meson" else junit_counts(path)
    except (OSError, ValueError, KeyError, xml.etree.ElementTree.ParseError) as error:
        print(f"tally: {path}: {error}", file=sys.stderr)
        total = [0, 1, 0]
    if code != 0 and total[1] == 0:
        total[1] = 1
    print(*total, path)


def closing(path):
    total = [0, 0, 0]
    with open(path, encoding="utf-8") as parts:
        for line in parts:
            words = line.split(None, 3)
            print(f"{words[0]:>6} passed {words[1]:>4} failed {words[2]:>4} skipped   {words[3].strip()}")
            for at in range(3):
                total[at] += int(words[at])
    print(f"{total[0]} passed, {total[1]} failed, {total[2]} skipped", flush=True)
    return 1 if total[1] > 0 or total[0] == 0 else 0


def main():
    if len(sys.argv) == 4 and sys.argv[1] in ("meson", "junit"):
        part(sys.argv[1], sys.argv[2], int(sys.argv[3]))
        return 0
    if len(sys.argv) == 3 and sys.argv[1] == "sum":
        return closing(sys.argv[2])
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
