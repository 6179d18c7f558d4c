# SPDX-License-Identifier: Apache-2.0
"""Addressing "rewrite": all clients announce 5500, the server sees one address, and each advise finds its client all the same."""
import struct

import geosim
import peers
import pytest
from joined import PLANT, stage  # noqa: F401

ALARMS = 5000
BE = {"offset": 6, "form": "u16be"}
TEXT = {"after": "PORT=", "form": "decimal"}
RANGE = "7400-7499"


def rewrite(stage, rule, **more):
    return {"addressing": "rewrite", "address": stage.block[200], "relay_ports": RANGE, "rule": rule, "grace": 0, **more}


class Way:
    """Where clients go, and who rewrites."""

    def __init__(self, stage, kind, server, rule, **more):
        self.stage = stage
        advise = rewrite(stage, rule, **more)
        if kind == "direct":
            self.rewriter = stage.relay(links=[stage.link(server, advise={**advise, "delivery": "direct"})])
            self.entry = self.rewriter.address("link")
            return
        if kind == "agent":
            self.rewriter = stage.relay(links=[stage.link(server, listen=None, advise=advise)], tunnel=stage.tunnel(stage.allow("site-a")))
            agent = stage.agent("site-a", self.rewriter)
            stage.remember(self.rewriter, agent)
        else:
            relay = stage.relay(links=[stage.link("node-a@plant", listen=None)], tunnel=stage.tunnel(stage.allow("site-a"), PLANT))
            self.rewriter = stage.plant(relay, ("node-a", server, advise))
            agent = stage.agent("site-a", relay)
            stage.remember(relay, self.rewriter, agent)
        self.entry = agent.address("link")

    def link(self, number):
        """A link of the client machine with this number."""
        return self.stage.connect(self.entry, bind=self.stage.block[number])

    def rewritten(self, number, announced=5500, since=0):
        """The port that stands for the announced one."""
        event = self.rewriter.expect("rewrite", since, client=self.stage.block[number], announced=announced)
        return int(event["port"])

    def delivered(self, listener, port):
        """The server dials that port, and the client's listener gets it."""
        at_server = self.stage.connect((self.stage.block[200], port), name="advise at the server")
        at_client = self.stage.keep(listener.accept())
        at_server.send(b"ping")
        at_client.expect(b"ping")
        at_client.send(b"pong")
        at_server.expect(b"pong")
        return at_server, at_client


@pytest.fixture(params=["direct", "agent", "plant"])
def way(stage, request):
    return lambda server, rule=BE, **more: Way(stage, request.param, server, rule, **more)


@pytest.fixture
def direct(stage):
    return lambda server, rule=BE, **more: Way(stage, "direct", server, rule, **more)


def hello(port):
    return b"HELLO " + struct.pack(">H", port)


@pytest.mark.tsan
def test_each_advise_finds_its_client(stage, way):
    """Two machines announce the same port: the server gets two of the relay's."""
    server = stage.listener()
    site = way(server.text)
    ports = []
    for number in (1, 2):
        listener = stage.listener(ip=stage.block[number], port=5500)
        link = site.link(number)
        link.send(hello(5500) + b" and more")
        at_server = stage.keep(server.accept())
        assert at_server.remote[0] == stage.block[200]
        port = site.rewritten(number)
        at_server.expect(hello(port) + b" and more")
        site.delivered(listener, port)
        peers.exchange(link, at_server, stage.size(1 << 20), within=60)
        ports.append(port)
    assert len(set(ports)) == 2 and all(7400 <= port <= 7499 for port in ports)


@pytest.mark.parametrize("rule, before, form", [
    ({"offset": 0, "form": "u16le"}, b"", "<H"),
    ({"offset": 4000, "form": "u16be"}, bytes(range(250)) * 16, ">H"),
    ({"after": "\\x00\\x01", "offset": 2, "form": "u16le"}, b"\0\0\0\x01ab", "<H"),
])
def test_forms(stage, direct, rule, before, form):
    server = stage.listener()
    site = direct(server.text, rule)
    link = site.link(1)
    link.send(before + struct.pack(form, 5503) + b"tail")
    stage.keep(server.accept()).expect(before + struct.pack(form, site.rewritten(1, 5503)) + b"tail")


def test_text(stage, way):
    server = stage.listener()
    site = way(server.text, TEXT)
    link = site.link(1)
    link.send(b"USER=me;PORT=5500;END")
    stage.keep(server.accept()).expect(b"USER=me;PORT=%d;END" % site.rewritten(1))


def test_nothing_waits_that_need_not(stage, way):
    """The client waits for the answer to what it said before, and then for the answer to each single byte."""
    server = stage.listener()
    site = way(server.text, TEXT)
    link = site.link(1)
    link.send(b"P")
    at_server = stage.keep(server.accept())
    at_server.expect(b"P")
    for byte in b"HELLO;POR;PORT=":
        at_server.send(b"?")
        link.expect(b"?")
        link.send(bytes([byte]))
        at_server.expect(bytes([byte]))
    for byte in b"550":
        link.send(bytes([byte]))
    at_server.expect_silence(0.1)
    link.send(b"0;")
    at_server.expect(b"%d;" % site.rewritten(1))


@pytest.mark.parametrize("is_ended", [False, True])
def test_digits_at_the_end(stage, way, is_ended):
    """Nothing follows the digits: silence ends them, or the end of the stream, which comes after them."""
    server = stage.listener()
    site = way(server.text, TEXT)
    link = site.link(1)
    link.send(b"PORT=5500")
    if is_ended:
        link.fin()
    at_server = stage.keep(server.accept())
    at_server.expect(b"PORT=%d" % site.rewritten(1))
    if is_ended:
        at_server.expect_end()
    else:
        link.send(b";more")
        at_server.expect(b";more")
    at_server.send(b"answer")
    link.expect(b"answer")


def test_half_a_number_is_let_go(stage, direct):
    """A message that ends within the place of the port is no announcement: its client gets its answer."""
    server = stage.listener()
    site = direct(server.text)
    link = site.link(1)
    link.send(b"HELLO \x15")
    at_server = stage.keep(server.accept())
    at_server.expect(b"HELLO \x15")
    site.rewriter.expect("rewrite_mismatch", client=stage.block[1], seen=7)


@pytest.mark.parametrize("data, seen, value", [
    (hello(0) + b"tail", 8, "0"), (hello(5510), 8, "5510"), (b"short", 5, None), (b"", 0, None)])
def test_mismatch_passes(stage, way, data, seen, value):
    server = stage.listener()
    site = way(server.text)
    link = site.link(1)
    if data:
        link.send(data)
    link.fin()
    at_server = stage.keep(server.accept())
    if data:
        at_server.expect(data)
    at_server.expect_end()
    event = site.rewriter.expect("rewrite_mismatch", client=stage.block[1])
    assert (event["seen"], event["value"], event["level"]) == (str(seen), value, "info") and event["remedy"], event
    at_server.send(b"bye")
    at_server.fin()
    link.expect(b"bye")
    link.expect_end()
    assert len(site.rewriter.events("rewrite_mismatch")) == 1 and not site.rewriter.events("rewrite")


@pytest.mark.parametrize("is_ended", [False, True])
def test_mismatch_refuses(stage, way, is_ended):
    server = stage.listener()
    site = way(server.text, on_mismatch="refuse")
    link = site.link(1)
    link.send(b"HEL" if is_ended else hello(80) + b"secret")
    if is_ended:
        link.fin()
    link.expect_reset()
    site.rewriter.expect("rewrite_mismatch", client=stage.block[1])
    close = site.rewriter.expect("close", kind="link", client=stage.block[1])
    assert (close["at"], close["why"]) == ("front", "rewrite_mismatch")
    stage.keep(server.accept()).expect_reset()


def test_silence_refuses(stage, direct):
    """Digits that are no port are known to be none when nothing follows."""
    server = stage.listener()
    site = direct(server.text, TEXT, on_mismatch="refuse")
    link = site.link(1)
    link.send(b"PORT=55")
    link.expect_reset()
    assert site.rewriter.expect("rewrite_mismatch")["value"] == "55"
    stage.keep(server.accept()).expect_reset()


def test_no_port_left(stage, way):
    """More clients than ports that stand for theirs."""
    server = stage.listener()
    site = way(server.text, relay_ports="7400")
    first = site.link(1)
    first.send(hello(5500) + b"x")
    stage.keep(server.accept()).expect(hello(site.rewritten(1)) + b"x")
    second = site.link(2)
    second.send(hello(5500))
    second.expect_reset()
    close = site.rewriter.expect("close", kind="link", client=stage.block[2])
    assert close["why"] == "no_port", close
    first.send(b"still here")


def test_client_vanishes_while_the_hub_is_asked(stage, direct):
    """Reset right behind the announcement, many times: no port stays taken."""
    server = stage.listener()
    site = direct(server.text, relay_ports="7400-7403")
    for _ in range(40):
        link = site.link(1)
        link.send(hello(5500))
        link.rst()
    since = site.rewriter.mark()
    link = site.link(2)
    link.send(hello(5501))
    assert site.rewritten(2, 5501, since)


def play(stage, site, server, **options):
    """Two client machines on the same port, through one address of the relay; no connection is reset, at the end neither."""
    clients = [stage.client("%s:%d" % site.entry, f"client-{number}", bind=stage.block[number], links=5, ports="5500-5509",
                            alarms=stage.size(ALARMS), no_reconnect=True, strict=True, **options) for number in (1, 2)]
    for client in clients:
        geosim.verified(client.final(within=120), stage.size(ALARMS))
    for number in (1, 2):
        site.rewritten(number)
        site.rewriter.expect("close", kind="advise", client=stage.block[number])
    assert {event["address"].rsplit(":", 1)[0] for event in site.rewriter.events("lease_active")} == {stage.block[200]}
    assert server.finish()["corrupt"] == 0


@pytest.mark.tsan
@pytest.mark.limit(300)
@pytest.mark.parametrize("announce, rule", [
    ("u16be", {"offset": 50, "form": "u16be"}), ("u16le", {"offset": 48, "form": "u16le"}), ("text", {"after": " port=", "form": "decimal"})])
def test_simulators(stage, way, announce, rule):
    server = stage.server(dial="peer", alarms=stage.size(ALARMS), alarms_per_second=5000)
    play(stage, way(server.link, rule, grace=2), server, announce=announce)
