# SPDX-License-Identifier: Apache-2.0
"""The lab as stories use it: machines, two firewalls with their policies and counters, permissions, a folder that nobody may read."""
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

import build
import firewall
import pki
import topology

NOBODY = 65534
FOLDER = "georelay-lab-"
PLACES = {"outer": "fw1", "host": "host", "inner": "fw2"}


def missing():
    """Why there can't be a lab here, or None."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    for program in ("ip", "nft", "tc", "setpriv"):
        if shutil.which(program) is None:
            return f"{program} is not installed (packages iproute2, nftables, util-linux)"
    probe = f"glprobe{os.getpid()}"
    made = subprocess.run(["ip", "netns", "add", probe], capture_output=True, text=True, timeout=20, check=False)
    if made.returncode != 0:
        return f"network namespaces can't be made here: {made.stderr.strip()}"
    try:
        rules = subprocess.run(["ip", "netns", "exec", probe, "nft", "list", "ruleset"], capture_output=True, text=True, timeout=20, check=False)
        return None if rules.returncode == 0 else f"nft does not work here: {rules.stderr.strip()}"
    finally:
        subprocess.run(["ip", "netns", "del", probe], capture_output=True, timeout=20, check=False)


def _remove_folders_of_the_dead():
    """As topology.py does with their namespaces."""
    for folder in pathlib.Path(tempfile.gettempdir()).glob(FOLDER + "*-*"):
        pid = folder.name.removeprefix(FOLDER).split("-", maxsplit=1)[0]
        if pid.isdigit() and not os.path.exists(f"/proc/{pid}"):
            shutil.rmtree(folder, ignore_errors=True)


class Lab:
    """Everything of it is gone after close(), whatever happened in between."""

    def __init__(self):
        _remove_folders_of_the_dead()
        self.home = pathlib.Path(tempfile.mkdtemp(prefix=f"{FOLDER}{os.getpid()}-"))
        self.home.chmod(0o755)
        self.net = None
        self._touched = set()
        try:
            self.net = topology.Topology()
            self.firewalls = {"fw1": firewall.Firewall(self["fw1"], "clients", "dmz"), "fw2": firewall.Firewall(self["fw2"], "dmz", "servers")}
            # A build folder may be out of nobody's reach.
            self.georelay, self.geosim = (shutil.copy(path, self.home) for path in (build.georelay(), build.geosim()))
            (self.home / "pki").mkdir()
            self.pki = pki.Pki(self.home / "pki")
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def __getitem__(self, name):
        return self.net[name]

    def close(self):
        if self.net is not None:
            self.net.close()
        shutil.rmtree(self.home, ignore_errors=True)

    def folder(self, name):
        """A folder of its own for a story, nobody's."""
        folder = self.home / re.sub(r"\W+", "-", name)
        folder.mkdir()
        self.give(folder)
        return folder

    @staticmethod
    def give(folder):
        """Everything in there belongs to nobody from now on."""
        for path in [folder, *folder.rglob("*")]:
            os.chown(path, NOBODY, NOBODY)

    # ---- firewalls ----

    def reset(self):
        """As new: nothing permitted, cables whole, no rules or policy routes on any machine, usual routes."""
        for wall in self.firewalls.values():
            wall.reset()
        for cable in self.net.cables.values():
            cable.mend()
        for name in self._touched:
            self[name].run("nft", "flush", "ruleset")
            self._forget_policy_routes(self[name])
        self._touched.clear()
        self.net.transparent(None)

    @staticmethod
    def _forget_policy_routes(machine):
        for family in ("-4", "-6"):
            rules = machine.output("ip", family, "rule", "show").splitlines()
            for rule in rules:
                preference, _, words = rule.partition(":")
                table = re.search(r"lookup (\S+)", words)
                if table is None or table[1] in ("local", "main", "default"):
                    continue
                machine.run("ip", family, "rule", "del", "pref", preference)
                machine.run("ip", family, "route", "flush", "table", table[1])

    def permit(self, place, script):
        """Runs what `georelay firewall --format nft --place PLACE` printed: "outer" at FW1, "host" on the DMZ host, "inner" at FW2."""
        name = PLACES[place]
        if name in self.firewalls:
            self.firewalls[name].permit(script)
        else:
            self.run_on(name, script)

    def run_on(self, name, script):
        """A shell script on a machine, whose rules and policy routes are gone after reset()."""
        self._touched.add(name)
        self[name].run("sh", "-e", text=script)

    def opened(self, name, direction):
        return self.firewalls[name].opened(direction)

    def refused(self, name, direction):
        return self.firewalls[name].refused(direction)

    def counted(self):
        """What both firewalls let through, and what they dropped: two dicts with keys as "fw1 towards_clients"."""
        rows = {f"{name} {way}": pair for name, wall in self.firewalls.items() for way, pair in wall.counted().items()}
        return {key: pair[0] for key, pair in rows.items()}, {key: pair[1] for key, pair in rows.items()}
