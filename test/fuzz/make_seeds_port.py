#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Writes test/fuzz/seeds/port/: rules for announced ports, each with a stream."""
import pathlib

U16LE, U16BE, DECIMAL = range(3)


def seed(form, stream, after=b"", offset=0, within=255, piece=2):
    return bytes([form, offset, within, len(after), piece]) + after + stream


SEEDS = {
    "le-start": seed(U16LE, b"\x7c\x15rest"),
    "be-offset": seed(U16BE, b"abcd\x15\x7crest", offset=4),
    "decimal-key": seed(DECIMAL, b"USER=x;PORT=5500;END", b"PORT="),
    "decimal-end": seed(DECIMAL, b"PORT=5509", b"PORT="),
    "decimal-zeros": seed(DECIMAL, b"PORT=05509", b"PORT=", piece=6),
    "decimal-long": seed(DECIMAL, b"550012"),
    "decimal-within": seed(DECIMAL, b"ab5500;", offset=2, within=6),
    "decimal-beyond": seed(DECIMAL, b"ab55001", offset=2, within=6),
    "no-digit": seed(DECIMAL, b"x5500"),
    "overlap": seed(U16BE, b"ababababac\x15\x7c", b"ababac", piece=0),
    "twice": seed(DECIMAL, b"P=80;P=5502;", b"P="),
    "key-offset": seed(U16LE, b"..KEY..\x7c\x15", b"KEY", offset=2),
    "beyond": seed(U16LE, b"abcdeKEY\x7c\x15", b"KEY", within=9),
    "zero": seed(U16LE, b"\0\0"),
    "half": seed(U16LE, b"\x7c"),
    "empty": seed(U16BE, b""),
    "longest-key": seed(DECIMAL, b"x" + b"k" * 64 + b"5501", b"k" * 64),
}

folder = pathlib.Path(__file__).parent / "seeds" / "port"
folder.mkdir(parents=True, exist_ok=True)
for name, content in SEEDS.items():
    (folder / name).write_bytes(content)
