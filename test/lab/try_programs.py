#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Tries real programs in the lab and prints what came of each: docs/programs.md is written from that.

    try_programs.py [--way WAY,...] [--list] [WORD...]        programs whose name holds one of the words; all ways of site_of_program.py

Needs root, the packages of the programs, and GEORELAY_BUILD. What is not installed is left out, and said so.
"""
import argparse
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "test" / folder) for folder in ("peer", "lab", "scenario")]

import build  # noqa: E402
import lab as lab_module  # noqa: E402
import programs  # noqa: E402
import site_of_program  # noqa: E402
import stage as stage_module  # noqa: E402


def attempt(lab, real, way, number):
    """Whether it worked, and what was said if not."""
    stage = stage_module.Stage(lab.folder(f"try-{number}"), lab.pki)
    site = site_of_program.Site(lab, stage, way, real.port)
    try:
        real.run(site.open())
        return "works", ""
    except Exception as error:  # whatever it is, the next one is tried
        said = [str(error)] + [" ".join(f"{key}={text}" for key, text in event.items() if key not in ("ts", "level")) for event in site.refusals()]
        return "FAILS", "\n".join(said)
    finally:
        stage.close(check=False)


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--way", default="transparent;alias", help="names of ways, parted by ;")
    options.add_argument("--list", action="store_true")
    options.add_argument("--short", action="store_true", help="no reasons")
    options.add_argument("words", nargs="*")
    asked = options.parse_args()
    wanted = [real for name, real in programs.PROGRAMS.items() if not asked.words or any(word in name for word in asked.words)]
    if asked.list:
        print("\n".join(f"{real.name:50} {' '.join(real.needs)}" for real in wanted))
        return
    with lab_module.Lab() as lab:
        build.georelay = lambda: lab.georelay
        build.geosim = lambda: lab.geosim
        number = 0
        for real in wanted:
            if real.missing():
                print(f"{real.name:50} not installed: {' '.join(real.missing())}")
                continue
            for way in asked.way.split(";"):
                number += 1
                outcome, said = attempt(lab, real, way.strip(), number)
                print(f"{real.name:50} {way:24} {outcome}", flush=True)
                if said and not asked.short:
                    print("    " + said[-1500:].replace("\n", "\n    "), flush=True)


if __name__ == "__main__":
    main()
