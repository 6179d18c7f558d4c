# SPDX-License-Identifier: Apache-2.0
"""The bare splice pump: no rival, but the floor under raw bulk."""
from . import rival


class Pump(rival.Rival):
    kind = "pump"
    binary = "bare_pump"
    modes = ("raw",)
    most_connections = 64

    def version(self):
        return "test/bench/load/bare_pump.c: splice and nothing else"

    def command(self, place):
        return [self.path, "--listen", place.listen, "--to", place.upstream]
