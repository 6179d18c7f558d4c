# SPDX-License-Identifier: Apache-2.0
"""Addresses of 127/8 that no other story and no other test run on this machine uses."""
import itertools
import os

_blocks = itertools.count()

# ./dev runs two lanes of tests at once, each in its own half.
HALF = 90 * 256
LANE = int(os.environ.get("GEORELAY_LANE", "0"))


class Block:
    """256 loopback addresses: 127.A.B.0/24. A depends on the process, B counts up."""

    def __init__(self):
        number = LANE * HALF + (os.getpid() * 7 + next(_blocks)) % HALF
        self.prefix = f"127.{64 + number // 256}.{number % 256}"

    def __getitem__(self, last):
        return f"{self.prefix}.{last}"

    @property
    def network(self):
        return f"{self.prefix}.0/24"

    def range(self, first, last):
        return f"{self.prefix}.{first}-{self.prefix}.{last}"


def big_block():
    """A whole 127.A.0.0/16 for thousands of clients; returns "127.A"."""
    return f"127.{16 + LANE * 20 + os.getpid() % 20}"
