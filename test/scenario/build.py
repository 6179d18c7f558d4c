# SPDX-License-Identifier: Apache-2.0
"""Where the programs under test are: the build folder named by GEORELAY_BUILD, else build/."""
import functools
import os
import pathlib

ROOT = pathlib.Path(__file__).resolve().parents[2]


def folder():
    return (ROOT / os.environ.get("GEORELAY_BUILD", "build")).resolve()


@functools.cache
def program(name):
    for place in ("proxy", "proxy/app", "test/sim", "."):
        path = folder() / place / name
        if path.is_file() and os.access(path, os.X_OK):
            return str(path)
    raise FileNotFoundError(f"{name} is not in {folder()}; run ./dev build")


def georelay():
    return program("georelay")


def geosim():
    return program("geosim")


def is_sanitized():
    """Whether this build is slowed down by a sanitizer: then limits of time and memory mean little."""
    return any(word in folder().name for word in ("asan", "tsan"))


def patience():
    """Factor for deadlines."""
    return 4 if is_sanitized() else 1
