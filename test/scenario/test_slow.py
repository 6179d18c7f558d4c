# SPDX-License-Identifier: Apache-2.0
"""Slow readers: they slow down their own sender and nothing else, and they cost a bounded piece of memory."""
import build
import geosim
import peers
import pytest

STREAM_KIB = 4096  # generous: what one stalled stream may hold in a georelay, kernel buffers not counted


@pytest.mark.tsan
def test_a_slow_link_does_not_delay_alarms(stage):
    simulator = stage.server(dial="peer", alarms=2000, alarms_per_second=500)
    flood = stage.listener()
    links = [stage.link(simulator.link, "node-a", None, stage.alias()), stage.link(flood.text, "node-b", None, {"addressing": "off"})]
    relay = stage.relay(links=links, tunnel=stage.tunnel(stage.allow("site-a", "node-a", "node-b")))
    agent = stage.agent("site-a", relay, "node-a", "node-b")
    stage.remember(relay, agent)
    rss = [one.rss_kib() for one in (relay, agent)]
    for machine in range(2, 6):
        stage.connect(agent.address("link", "node-b"), bind=stage.block[machine], receive_buffer=16384)
        stage.keep(flood.accept()).fill(most=256 << 20)
    client = stage.client(agent.address_text("link", "node-a"), "quick", bind=stage.block[1], links=5, alarms=2000)
    final = client.final()
    geosim.verified(final, 2000)
    if not build.is_sanitized():
        assert final["p99_us"] < 100_000, f"alarms were late: {final}"
        for one, before in zip((relay, agent), rss):
            assert one.rss_kib() - before < 4 * STREAM_KIB, f"{one.name} grew from {before} to {one.rss_kib()} KiB"


def test_a_slow_advise_does_not_delay_other_advises(stage):
    server = stage.listener()
    relay, agent = stage.pair(server.text)
    pairs = []
    for machine in (1, 2):
        ip = stage.block[machine]
        listener = stage.listener(ip=ip, port=5500, receive_buffer=16384)
        stage.connect(agent.address("link"), bind=ip)
        leased = stage.keep(server.accept()).remote[0]
        at_server = stage.connect((leased, 5500))
        pairs.append((at_server, stage.keep(listener.accept())))
    (stalled, sleeper), (quick, reader) = pairs
    sent = stalled.fill(most=256 << 20)
    assert sent < 64 << 20, f"{sent} bytes were taken for a client that does not read"
    for number in range(500):
        word = b"alarm %06d" % number
        quick.send(word)
        reader.expect(word)
    stalled.fin()
    sleeper.sock.settimeout(30)
    assert sleeper.read(sent) == bytes(sent)
    sleeper.expect_end()


def test_many_stalled_streams_have_bounded_memory(stage):
    flood = stage.listener()
    relay = stage.relay(links=[stage.link(flood.text)])
    before = relay.rss_kib()
    for _ in range(30):
        stage.connect(relay.address("link"), receive_buffer=16384)
    servers = [stage.keep(flood.accept()) for _ in range(30)]
    for task in [peers.Task(server.fill) for server in servers]:
        assert task.done(60) < 64 << 20
    if not build.is_sanitized():
        assert relay.rss_kib() - before < 30 * 512, f"grew from {before} to {relay.rss_kib()} KiB for 30 stalled streams"


def test_simulated_client_that_stalls_its_advise(stage):
    """The neighbour on the same agent does not notice."""
    server = stage.server(dial="peer", alarms=1500, alarms_per_second=500)
    relay, agent = stage.pair(server.link)
    staller = stage.client(agent.address_text("link"), "staller", bind=stage.block[1], links=2, misbehave="stall-advise:5")
    client = stage.client(agent.address_text("link"), "quick", bind=stage.block[2], links=5, alarms=1500)
    final = client.final()
    geosim.verified(final, 1500)
    if not build.is_sanitized():
        assert final["p99_us"] < 100_000, final
    staller.kill()
