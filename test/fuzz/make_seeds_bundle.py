#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Writes test/fuzz/seeds/bundle/: bundles without their last line, which the target adds; and one with it, as it is made."""
import hashlib
import pathlib

# Of a CA that was thrown away at once, for the agent "site-a". The target looks at no key, so there is none.
CERTIFICATE = """\
-----BEGIN CERTIFICATE-----
MIIBwjCCAWigAwIBAgIQe2hrFcqj8ckcwegxU8QTGjAKBggqhkjOPQQDAjAWMRQw
EgYDVQQDDAtnZW9yZWxheSBDQTAeFw0yNjExMjIwMTMyNTVaFw0zNjExMTkwMjMy
NTVaMBExDzANBgNVBAMMBnNpdGUtYTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IA
BJHWv7srPzO/OpqRO4lRQpNnuIVjloQ7/Bcy8XUK0SBmrKg+Y1TadMki7gOxm2Hl
VYkEgy3uiFO4s9ONglJOf0ujgZwwgZkwDAYDVR0TAQH/BAIwADAOBgNVHQ8BAf8E
BAMCB4AwEwYDVR0lBAwwCgYIKwYBBQUHAwIwJAYDVR0RBB0wG4YZdXJuOmdlb3Jl
bGF5OmFnZW50OnNpdGUtYTAdBgNVHQ4EFgQU6rxtgdQo1jnWQTkHSbTv9GJxE4Mw
HwYDVR0jBBgwFoAUkeg/u51cBGLxpwEA56V/XRTa38owCgYIKoZIzj0EAwIDSAAw
RQIgfpTUS0jCebA77+WtEiawMK5IpoLjbD2TQQ2tHBgqvcwCIQDv27VlC3nj8Uu7
6+PQyiQJ/qYPdp6s5YUSzOCBXIAn5Q==
-----END CERTIFICATE-----
"""
KEY = "-----BEGIN PRIVATE KEY-----\nbm90IGEga2V5\n-----END PRIVATE KEY-----\n"


def part(word, content):
    return f"begin {word}\n{content}end {word}\n"


HEAD = "georelay bundle 1\n# a comment\n"
NAME = "name site-a\n"
RELAY = "relay relay.example:443\n"
ROWS = "link node-a 127.0.0.1:5481\nserver plant 10.10.0.5:5481\nclient 192.168.1.0/24\nadvise_ports 5500-5509\n"
PARTS = part("ca", "x\n") + part("chain", CERTIFICATE) + part("key", KEY)
WHOLE = HEAD + NAME + RELAY + ROWS + PARTS

SEEDS = {
    "whole": WHOLE,
    "summed": WHOLE + "sha256 " + hashlib.sha256(WHOLE.encode()).hexdigest() + "\n",
    "smallest": HEAD + NAME + RELAY + PARTS,
    "many-rows": HEAD + NAME + RELAY * 65,
    "no-relay": HEAD + NAME + PARTS,
    "two-names": HEAD + NAME * 2,
    "other-name": HEAD + "name site-b\n" + RELAY + PARTS,
    "no-value": HEAD + "relay\nlink node-a\n",
    "bad-value": HEAD + 'relay "x"\n',
    "part-twice": HEAD + part("ca", "") + part("ca", ""),
    "part-open": HEAD + "begin key\nend ke\n",
    "part-unknown": HEAD + part("lock", ""),
    "version-2": "georelay bundle 2\n",
    "version-10": "georelay bundle 10\n",
    "not-one": "hello\n",
    "zeros": HEAD + NAME + "\0relay\0x\n" + PARTS,
}

folder = pathlib.Path(__file__).parent / "seeds" / "bundle"
folder.mkdir(parents=True, exist_ok=True)
for name, content in SEEDS.items():
    (folder / name).write_bytes(content.encode())
