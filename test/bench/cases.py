# SPDX-License-Identifier: Apache-2.0
"""The cases: what is done, how often at a time, by whom, and what georelay is to reach.

Names are stable: what was measured under a name stays comparable.
"""
import dataclasses

ENDLESS = 10**12
MIB = 1 << 20


@dataclasses.dataclass(frozen=True)
class Mark:
    """What is to be reached: at most so much of the best rival's figure, or at most so much (`own`) in the figure's unit."""
    figure: str  # "cost", "p50" or "p99"
    at_most: float
    own: bool = False

    def text(self):
        if self.own:
            return f"≤ {self.at_most:g} {'KiB' if self.figure == 'cost' else 'µs'}"
        return f"ratio ≤ {self.at_most:.2f}"


@dataclasses.dataclass(frozen=True)
class Case:
    name: str
    group: str  # the table that it stands in
    mode: str  # what the program does: "http", "tcp", "raw" or "tunnel"
    does: str  # bench_load's case, or bench_alarm's in a tunnel
    connections: int
    unit: str
    kinds: tuple  # the rivals' kinds; georelay is always there
    bytes: int = 0
    key: str = "ecdsa"
    marks: tuple = (Mark("cost", 1.0),)
    ramp: float = 0.0  # seconds of warm-up besides the usual
    pause_ms: int = 0  # between two deliveries
    series: str = ""  # of a growth case: the same work with other numbers of connections
    silent: int = 0  # connections besides, which are open and have nothing to do

    @property
    def tls(self):
        return self.mode in ("http", "tcp")

    @property
    def is_bulk(self):
        return self.unit == "GB"

    @property
    def is_memory(self):
        return self.does == "idle"


HTTP = ("haproxy", "nginx")
TCP = ("haproxy", "nginx", "hitch", "stunnel")
RAW = ("haproxy", "nginx", "socat")
TUNNEL = ("ssh",)
PEERS = {"http": HTTP, "tcp": TCP, "raw": RAW, "tunnel": TUNNEL}


def ratio(value):
    return (Mark("cost", value),)


def both_modes(name, group, does, connections, unit, marks, **more):
    """The same case in http and in tcp mode. `marks` is for both, or {mode: marks}."""
    for mode in ("http", "tcp"):
        own = marks[mode] if isinstance(marks, dict) else marks
        yield Case(f"{name}-{mode}", group, mode, does, connections, unit, PEERS[mode], marks=own, **more)


def handshakes():
    group = "Handshakes: connect, handshake, one request, close"
    for key, mark in (("ecdsa", 0.93), ("rsa", 0.97)):
        yield from both_modes(f"tls-full-{key}", group, "handshake", 16, "handshake", ratio(mark), bytes=128, key=key)
    yield from both_modes("tls-resumed", group, "resumed", 16, "handshake", ratio(0.95), bytes=128)


def https():
    group = "HTTPS: keep-alive on 64 connections, downloads and uploads"
    yield from both_modes("https-128", group, "requests", 64, "request", {"http": ratio(0.90), "tcp": ratio(0.95)}, bytes=128)
    yield from both_modes("https-16k", group, "requests", 64, "request", ratio(0.75), bytes=16384)
    for count, mark in ((1, 0.68), (16, 0.72)):
        yield from both_modes(f"https-down-{count}", group, "download", count, "GB", ratio(mark), bytes=ENDLESS)
    for count in (1, 16):
        yield from both_modes(f"https-up-{count}", group, "upload", count, "GB", ratio(1.0), bytes=ENDLESS)


def raw():
    group = "Raw relay"
    for count in (1, 16):
        yield Case(f"raw-down-{count}", group, "raw", "download", count, "GB", RAW + ("pump",), ENDLESS, marks=ratio(1.0))
    yield Case("raw-rate", group, "raw", "connect", 16, "connection", RAW, 64, marks=ratio(0.98))
    yield Case("raw-ping-1", group, "raw", "pingpong", 1, "ping", RAW, 64, marks=(Mark("cost", 0.85), Mark("p50", 20, own=True)))
    yield Case("raw-ping-500", group, "raw", "pingpong", 500, "ping", RAW, 64, marks=ratio(0.90))


def memory():
    group = "Memory per idle connection"
    for count in (2000, 9000):
        for mode in ("http", "tcp"):
            yield Case(f"idle-tls-{count}-{mode}", group, mode, "idle", count, "connection", PEERS[mode], 128, marks=ratio(1.0))
        yield Case(f"idle-raw-{count}", group, "raw", "idle", count, "connection", RAW, 128, marks=(Mark("cost", 1.0, own=True),))


def tunnel():
    group = "Advises through the tunnel, CPU of both ends"
    for name, pause in (("advise-latency", 0), ("advise-alone", 5)):
        yield Case(name, group, "tunnel", "latency", 1, "delivery", TUNNEL, 64, marks=(Mark("p50", 0.70), Mark("p99", 0.70)), pause_ms=pause)
    yield Case("tunnel-bulk", group, "tunnel", "bulk", 1, "GB", TUNNEL, marks=ratio(0.70))


GROWTH = (10, 100, 1000, 9000)
AT_WORK = 1000  # at most; the others are silent, for no handshake could be in time behind 8,999 others


def growth():
    """Cost as load grows, with one worker and with two."""
    shapes = (("handshakes", "http", "handshake", "handshake", 128, 1500), ("requests", "http", "requests", "request", 128, 2500),
              ("pings", "raw", "pingpong", "ping", 64, 5000), ("alarms", "tunnel", "alarms", "message", 64, 1500))
    for name, mode, does, unit, size, per_second in shapes:
        for count in GROWTH:
            at_work = count if mode == "tunnel" else min(count, AT_WORK)
            yield Case(f"growth-{name}-{count}", "Cost as load grows", mode, does, at_work, unit, ("georelay-2w",) + PEERS[mode], size, marks=(),
                       ramp=at_work / per_second, series=name, silent=count - at_work)


CASES = (*handshakes(), *https(), *raw(), *memory(), *tunnel(), *growth())


def chosen(words):
    """The cases whose name contains one of the words, which commas separate; all for none."""
    return [case for case in CASES if any(word in case.name for word in words.split(","))]
