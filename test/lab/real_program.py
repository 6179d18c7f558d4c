# SPDX-License-Identifier: Apache-2.0
"""What a real program is to the lab: a function of a site (site_of_program.py) that is open. It returns when the client has what it wanted, and fails
with what the programs said."""
import dataclasses
import os
import pathlib
import shutil
import textwrap

PROGRAMS = {}
PYTHON = "/usr/bin/python3"


@dataclasses.dataclass(frozen=True)
class Real:
    name: str
    port: int  # of the control connection
    needs: tuple  # commands, and modules of Python as "python:NAME"
    run: object

    def missing(self):
        """What is not installed here."""
        return [need for need in self.needs if not _is_there(need)]


def _is_there(need):
    if need.startswith("python:"):
        return any(pathlib.Path("/usr/lib/python3/dist-packages", need.removeprefix("python:") + end).exists() for end in ("", ".py"))
    return find(need) is not None


def find(command):
    """A command's path; REAL_PROGRAMS may name the root of an unpacked package, for packages that can't be installed side by side."""
    root = os.environ.get("REAL_PROGRAMS", "")
    places = [os.environ["PATH"], "/usr/sbin", "/sbin"] + ([f"{root}/usr/sbin", f"{root}/usr/bin"] if root else [])
    return shutil.which(command, path=":".join(places))


def unpacked():
    """Words before a command of REAL_PROGRAMS, so that it finds its libraries."""
    root = os.environ.get("REAL_PROGRAMS")
    return ("env", f"LD_LIBRARY_PATH={root}/usr/lib/x86_64-linux-gnu:{root}/usr/lib:{root}/lib/x86_64-linux-gnu") if root else ()


def real(name, port, *needs):
    def add(run):
        PROGRAMS[name] = Real(name, port, needs, run)
        return run
    return add


def write(path, text):
    path.write_text(textwrap.dedent(text))
    return path


def inetd(site, line, *binds, **options):
    """openbsd-inetd with one service; `binds` are (file, place): seen there by the service alone."""
    config = write(site.folder / "inetd.conf", line + "\n")
    os.chown(config, 0, 0)
    mounts = "".join(f"mount --bind {file} {place}; " for file, place in binds)
    return site.serve("unshare", "-m", "sh", "-ec", f"{mounts}exec {find('inetd')} -i -d {config}", **options)
