#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Writes test/fuzz/seeds/frame/: one file for each type of frame, and rows of frames as they stand on a channel."""
import pathlib
import struct

INSTANCE = bytes(range(16))
STREAM = bytes.fromhex("0123456789abcdef")
IP4 = b"\x04\x0a\x00\x00\x05"
IP6 = b"\x06" + bytes.fromhex("20010db8000000000000000000000001")


def text(value):
    return bytes([len(value)]) + value.encode("ascii")


def frame(kind, body=b""):
    return struct.pack(">BBH", kind, 0, len(body)) + body


HELLO = frame(1, struct.pack(">HH", 1, 1) + INSTANCE + text("0.1.0"))
WELCOME = frame(2, struct.pack(">HIH", 1, 15000, 4) + text("0.1.0"))
PING = frame(3, STREAM)
PONG = frame(4, STREAM)
DELIVER = frame(9, STREAM + text("node-a") + IP4 + struct.pack(">H", 5500))
OPEN = frame(11, INSTANCE + STREAM + text("node-a") + IP4 + struct.pack(">H", 49152))

SEEDS = {
    "hello": HELLO,
    "welcome": WELCOME,
    "ping": PING,
    "pong": PONG,
    "need": frame(5, struct.pack(">H", 3)),
    "drain": frame(6),
    "bye": frame(7, text("replaced")),
    "spare": frame(8, INSTANCE),
    "deliver": DELIVER,
    "deliver-ip6": frame(9, STREAM + text("x") + IP6 + struct.pack(">H", 65535)),
    "deliver-mapped": frame(9, STREAM + text("x") + b"\x06" + bytes(10) + b"\xff\xff\x0a\x00\x00\x05\x15\x7c"),
    "dialling": frame(10),
    "open": OPEN,
    "open-longest": frame(11, INSTANCE + STREAM + text("n" * 63) + IP6 + struct.pack(">H", 1)),
    "opened": frame(12),
    "refused": frame(13, text("dial_refused")),
    "longest-text": frame(7, text("r" * 255)),
    "hello-2": frame(1, struct.pack(">HH", 1, 2) + INSTANCE + text("0.1.0")),
    "ask": frame(14, STREAM + text("node-a") + text("site-a") + IP4 + struct.pack(">HH", 49152, 5481)),
    "ask-direct": frame(14, STREAM + text("x") + text("") + IP6 + struct.pack(">HH", 1, 0)),
    "hand": frame(15, INSTANCE + STREAM + text("node-a") + text("site-a") + IP4 + struct.pack(">H", 5500)),
    "open-at": frame(16, INSTANCE + STREAM + text("dyn") + IP4 + struct.pack(">HH", 49152, 49153)),
    "renew": frame(17, struct.pack(">HHH", 5, 0, 5) + b"hello"),
    "renew-last": frame(17, struct.pack(">HHH", 8192, 8191, 1) + b"x"),
    "renewed-longest": frame(18, struct.pack(">HHH", 700, 0, 500) + bytes(500)) + frame(18, struct.pack(">HHH", 700, 500, 200) + bytes(200)),
    "renewed-beyond": frame(18, struct.pack(">HHH", 700, 500, 201) + bytes(201)),
    "not-renewed": frame(19, text("renewal_off")),
    "unknown-type": frame(20),
    "second-byte": b"\x06\x01\x00\x00",
    "too-long": b"\x07\x00\x02\x01" + bytes(513),
    "control-agent": HELLO + PING + PONG + frame(7, text("shutdown")),
    "control-relay": WELCOME + PING + frame(5, b"\x00\x01") + frame(6),
    "spare-agent": frame(8, INSTANCE) + PONG + frame(10) + frame(12) + b"bytes of the stream",
    "http": b"GET / HTTP/1.1\r\n\r\n",
}

folder = pathlib.Path(__file__).parent / "seeds" / "frame"
folder.mkdir(parents=True, exist_ok=True)
for name, content in SEEDS.items():
    (folder / name).write_bytes(content)
