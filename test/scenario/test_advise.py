# SPDX-License-Identifier: Apache-2.0
"""Server advise: the server's dial-back finds the legacy client that it belongs to, through the agent, and nobody else."""
import signal
import time

import build
import geosim
import peers
import pytest
from program import wait_for

ALARMS = 25000


class Legacy:
    """A client machine with one link, by hand: its own address, listening on 5500 unless told otherwise."""

    def __init__(self, stage, entry, ip, port=5500):
        self.stage, self.ip, self.port = stage, ip, port
        self.listener = stage.listener(ip=ip, port=port, name=f"client {ip}") if port else None
        self.link = stage.connect(entry, bind=ip)

    def leased(self, relay, since=0):
        """The server-facing address that the relay leased for this client."""
        return relay.expect("lease_active", since, client=self.ip)["address"].rsplit(":", 1)[0].strip("[]")


def laid(stage, **alias):
    """A hand-played server, relay, agent and one legacy client whose link is up: (server, relay, agent, client, link at the server)."""
    server = stage.listener()
    relay, agent = stage.pair(server.text, **alias)
    client = Legacy(stage, agent.address("link"), stage.block[1])
    return server, relay, agent, client, stage.keep(server.accept())


def advised(stage, **alias):
    """The same with an advise: (relay, agent, client, server's end of the advise, client's end)."""
    _, relay, agent, client, link = laid(stage, **alias)
    at_server = stage.connect((link.remote[0], 5500), name="advise at the server")
    return relay, agent, client, at_server, stage.keep(client.listener.accept())


def crowd(stage, server, listen="127.0.0.1:0", web=None):
    """Three agents: a and b with one client machine each, c with two."""
    machines = {"a": [1], "b": [2], "c": [3, 4]}
    allowed = [stage.allow(name, clients=[stage.block[n] + "/32" for n in numbers]) for name, numbers in machines.items()]
    relay = stage.relay(links=[stage.link(server.link, listen=None, advise=stage.alias())], tunnel=stage.tunnel(*allowed, listen=listen),
                        web=web)
    agents = {name: stage.agent(name, relay) for name in machines}
    stage.remember(relay, *agents.values())
    clients = [stage.client("%s:%d" % agents[name].address("link"), f"client-{number}", bind=stage.block[number], links=20,
                            ports="5500-5509", alarms=stage.size(ALARMS), no_reconnect=True)
               for name, numbers in machines.items() for number in numbers]
    return relay, clients


def everybody_has_their_own(stage, relay, clients):
    for client in clients:
        geosim.verified(client.final(within=150), stage.size(ALARMS))
    leases = {event["address"] for event in relay.events("lease_new")}
    assert len(leases) == len(clients), f"{len(clients)} machines, leases {leases}"
    for number in range(1, 5):
        assert relay.expect("close", kind="advise", client=stage.block[number])["back"] != "-"


@pytest.mark.tsan
@pytest.mark.limit(300)
def test_every_client_gets_its_own_alarms(stage):
    server = stage.server(dial="peer", alarms=stage.size(ALARMS), alarms_per_second=5000)
    relay, clients = crowd(stage, server)
    everybody_has_their_own(stage, relay, clients)


@pytest.mark.limit(300)
def test_everything_over_one_port(stage):
    """The same while the same port also is the web's front door."""
    server = stage.server(dial="peer", alarms=stage.size(ALARMS), alarms_per_second=5000, web="127.0.0.1:0")
    port = f"127.0.0.1:{peers.free_port()}"
    relay, clients = crowd(stage, server, listen=port, web=[stage.web(server.web, listen=port)])
    import test_web
    fetched = 0
    while any(client.is_running() for client in clients):
        assert "<" in test_web.curl(stage, f"https://{port}/")
        fetched += 1
    assert fetched > 3
    everybody_has_their_own(stage, relay, clients)


@pytest.mark.tsan
def test_bytes_of_an_advise(stage):
    relay, agent, _, at_server, at_client = advised(stage)
    size = stage.size(64 << 20)
    peers.exchange(at_server, at_client, size, within=60)
    for one in (relay, agent):
        close = one.expect("close", kind="advise")
        assert int(close["up"]) == int(close["down"]) == size, close
        assert close.client_ip == stage.block[1] and close["agent"] in ("site-a", None), close


def test_either_end_may_speak_first(stage):
    _, relay, agent, client, link = laid(stage)
    for first, second in ((0, 1), (1, 0)):
        ends = [stage.connect((link.remote[0], 5500)), None]
        ends[1] = stage.keep(client.listener.accept())
        ends[first].send(b"first")
        ends[second].expect(b"first")
        ends[second].send(b"second")
        ends[first].expect(b"second")
    ready = [stage.connect((link.remote[0], 5500)) for _ in range(8)]
    for number, peer in enumerate(ready):
        peer.send(b"%d" % number)
    assert sorted(stage.keep(client.listener.accept()).read(1) for _ in ready) == [b"%d" % n for n in range(8)]


@pytest.mark.parametrize("ender", ["server", "client"])
def test_half_close_of_an_advise(stage, ender):
    relay, agent, _, at_server, at_client = advised(stage)
    first, other = (at_server, at_client) if ender == "server" else (at_client, at_server)
    first.send(b"last words")
    first.fin()
    other.expect(b"last words")
    other.expect_end()
    rest = peers.Pattern()
    task = peers.Task(rest.send, other, 2 << 20)
    rest.verify(first, 2 << 20)
    task.done()
    other.fin()
    first.expect_end()
    why = "front_eof" if ender == "server" else "back_eof"
    assert relay.expect("close", kind="advise")["why"] == why
    assert agent.expect("close", kind="advise")["why"] == why


@pytest.mark.parametrize("ender", ["server", "client"])
def test_reset_of_an_advise(stage, ender):
    relay, agent, _, at_server, at_client = advised(stage)
    first, other = (at_server, at_client) if ender == "server" else (at_client, at_server)
    first.send(b"x")
    other.expect(b"x")
    other.send(b"y")
    first.expect(b"y")  # both directions are open: the client's yes has come through to the relay
    first.rst()
    other.expect_reset(within=1)
    assert relay.expect("close", kind="advise")["why"] == ("front_reset" if ender == "server" else "back_reset")


def test_listeners_live_as_long_as_the_lease(stage):
    server = stage.listener()
    relay, agent = stage.pair(server.text, pool=stage.block[200])
    leased = stage.block[200]
    assert not peers.is_open((leased, 5500)), "open before any link"
    client = Legacy(stage, agent.address("link"), stage.block[1])
    link = stage.keep(server.accept())
    assert link.remote[0] == leased
    for port in (5500, 5509):
        assert peers.is_open((leased, port)), port
    assert not peers.is_open((leased, 5510)), "a port outside the range"
    client.link.fin()
    link.expect_end()
    link.close()
    relay.expect("lease_end")
    assert peers.connect_reset((leased, 5500)) < 1
    assert relay.counts()["lease_listeners"] == 0


def test_the_clients_other_ports(stage):
    server, relay, agent, client, link = laid(stage)
    for port in (5501, 5509):
        listener = stage.listener(ip=client.ip, port=port)
        at_server = stage.connect((link.remote[0], port))
        at_client = stage.keep(listener.accept())
        at_server.send(b"to port %d" % port)
        at_client.expect(b"to port %d" % port)


def test_closed_port_of_the_client_is_a_reset_within_a_second(stage):
    server, relay, agent, client, link = laid(stage)
    assert peers.connect_reset((link.remote[0], 5505)) < 1
    for one in (relay, agent):
        assert one.expect("refuse", kind="advise")["why"] == "dial_refused"
    assert relay.expect("refuse").client_ip == client.ip
    at_server = stage.connect((link.remote[0], 5500))
    stage.keep(client.listener.accept()).send(b"the right port still works")
    at_server.expect(b"the right port still works")


def test_only_the_server_may_advise(stage):
    server, relay, agent, client, link = laid(stage)
    assert peers.connect_reset((link.remote[0], 5500), bind=stage.block[99]) < 1
    refusal = relay.expect("refuse", kind="advise")
    assert refusal["why"] == "source_not_allowed" and refusal["front"].startswith(stage.block[99] + ":")
    client.listener.expect_nobody(0.3)


def test_a_second_address_of_the_server(stage):
    server = stage.listener()
    relay, agent = stage.pair(server.text, **{"from": [stage.block[90] + "/32"]})
    client = Legacy(stage, agent.address("link"), stage.block[1])
    link = stage.keep(server.accept())
    at_server = stage.connect((link.remote[0], 5500), bind=stage.block[90])
    stage.keep(client.listener.accept()).send(b"ok")
    at_server.expect(b"ok")


def test_pool_exhausted(stage):
    server = stage.listener()
    relay, agent = stage.pair(server.text, pool=stage.block.range(200, 201))
    first = Legacy(stage, agent.address("link"), stage.block[1])
    second = Legacy(stage, agent.address("link"), stage.block[2])
    links = [stage.keep(server.accept()), stage.keep(server.accept())]
    assert {link.remote[0] for link in links} == {stage.block[200], stage.block[201]}
    assert peers.connect_reset(agent.address("link"), bind=stage.block[3]) < 1
    refusal = relay.expect("refuse", why="pool_exhausted")
    assert refusal.client_ip == stage.block[3] and refusal["agent"] == "site-a"
    more = stage.connect(agent.address("link"), bind=stage.block[1])  # who has an address may open more links
    stage.keep(server.accept()).send(b"more")
    more.expect(b"more")
    second.link.fin()
    for link in links:
        if link.remote[0] == second.leased(relay):
            link.expect_end()
            link.fin()
    relay.expect("lease_end")
    third = stage.connect(agent.address("link"), bind=stage.block[3])
    stage.keep(server.accept()).send(b"my turn")
    third.expect(b"my turn")
    del first


def test_pins(stage):
    server = stage.listener()
    pins = [{"agent": "site-a", "client": stage.block[1], "address": stage.block[222]},
            {"agent": "site-a", "client": stage.block[2], "address": stage.block[221]}]
    relay, agent = stage.pair(server.text, pool=stage.block.range(200, 222), pins=pins)
    for machine, wanted in ((1, 222), (2, 221)):
        Legacy(stage, agent.address("link"), stage.block[machine])
        assert stage.keep(server.accept()).remote[0] == stage.block[wanted]
    Legacy(stage, agent.address("link"), stage.block[3])
    assert stage.keep(server.accept()).remote[0] not in (stage.block[221], stage.block[222])


def test_a_pinned_address_is_kept_for_its_client(stage):
    server = stage.listener()
    pins = [{"agent": "site-a", "client": stage.block[1], "address": stage.block[200]}]
    relay, agent = stage.pair(server.text, pool=stage.block[200], pins=pins)
    assert peers.connect_reset(agent.address("link"), bind=stage.block[2]) < 1
    assert relay.expect("refuse")["why"] == "pool_exhausted"


def test_the_same_address_again_even_after_kill_9(stage):
    server = stage.listener()
    port = peers.free_port()
    advise = stage.alias()
    relay = stage.relay(links=[stage.link(server.text, advise=advise)],
                        tunnel=stage.tunnel(stage.allow("site-a"), listen=f"127.0.0.1:{port}"))
    agent = stage.agent("site-a", relay)
    given = {}
    for number in (1, 2, 3):
        stage.connect(agent.address("link"), bind=stage.block[number])
        given[number] = stage.keep(server.accept()).remote[0]
    assert len(set(given.values())) == 3
    state = stage.folder / "relay-state"
    wait_for(lambda: (state / "leases").exists() and (state / "leases").read_text().count("lease ") == 3)
    mark = agent.mark()
    relay.signal(signal.SIGKILL)
    relay.wait_end()
    relay.restart()
    relay.expect("agent_up", agent="site-a", within=20)
    agent.expect("tunnel_up", mark, within=20)
    for number in (3, 1, 2):
        stage.connect(agent.address("link"), bind=stage.block[number])
        assert stage.keep(server.accept()).remote[0] == given[number], f"machine {number} was {given[number]} before"


def test_a_broken_state_file_does_not_stop_the_relay(stage):
    server = stage.listener()
    state = stage.folder / "relay-state"
    relay, agent = stage.pair(server.text)
    Legacy(stage, agent.address("link"), stage.block[1])
    stage.keep(server.accept())
    agent.stop()
    relay.stop()
    files = [path for path in state.iterdir() if path.is_file()]
    assert files, "no state file was written"
    for path in files:
        path.write_bytes(b"\x00garbage\nmore garbage = = =\n" + path.read_bytes()[:10])
    relay.restart()
    agent.rewrite({**agent.settings, "relays": [relay.address_text("tunnel")]})
    agent.restart()
    agent.expect("tunnel_up")
    stage.remember(relay, agent)
    Legacy(stage, agent.address("link"), stage.block[2])
    stage.keep(server.accept())


def test_grace_keeps_lease_and_advise(stage):
    server, relay, agent, client, link = laid(stage, grace=2)
    leased = link.remote[0]
    at_server = stage.connect((leased, 5500))
    at_client = stage.keep(client.listener.accept())
    mark = relay.mark()
    client.link.fin()
    link.expect_end()
    link.fin()
    client.link.expect_end()
    at_server.send(b"still")
    at_client.expect(b"still")
    again = stage.connect(agent.address("link"), bind=client.ip)
    link = stage.keep(server.accept())
    assert link.remote[0] == leased
    start = time.monotonic()
    again.fin()
    link.expect_end()
    link.fin()
    at_server.expect_reset(within=6)
    assert time.monotonic() - start > 1.5, "the grace time was cut short by an earlier link's end"
    at_client.expect_reset(within=1)
    assert relay.expect("close", mark, kind="advise")["why"] == "lease_ended"
    assert relay.expect("lease_end", mark).client_ip == client.ip
    assert not peers.is_open((leased, 5500))


def test_advise_ends_with_the_last_link(stage):
    relay, agent, client, at_server, at_client = advised(stage, grace=0)
    at_client.send(b"!")
    at_server.expect(b"!")  # all have heard that it stands
    client.link.rst()
    at_server.expect_reset(within=2)
    at_client.expect_reset(within=2)
    assert relay.expect("close", kind="advise")["why"] == "lease_ended"


def test_links_of_one_machine_share_one_address(stage):
    server = stage.listener()
    relay, agent = stage.pair(server.text)
    links = []
    for _ in range(5):
        stage.connect(agent.address("link"), bind=stage.block[1])
        links.append(stage.keep(server.accept()).remote[0])
    assert len(set(links)) == 1
    assert len(relay.events("lease_new")) == 1


def test_two_nodes_have_their_own_pools(stage):
    one, two = stage.listener(), stage.listener()
    links = [stage.link(one.text, "node-a", None, stage.alias(pool=stage.block.range(128, 159))),
             stage.link(two.text, "node-b", None, stage.alias(pool=stage.block.range(160, 191)))]
    relay = stage.relay(links=links, tunnel=stage.tunnel(stage.allow("site-a", "node-a", "node-b")))
    agent = stage.agent("site-a", relay, "node-a", "node-b")
    stage.remember(relay, agent)
    listener = stage.listener(ip=stage.block[1], port=5500)
    for name, server, low in (("node-a", one, 128), ("node-b", two, 160)):
        stage.connect(agent.address("link", name), bind=stage.block[1])
        link = stage.keep(server.accept())
        assert low <= int(link.remote[0].rsplit(".", 1)[1]) < low + 32
        at_server = stage.connect((link.remote[0], 5500))
        stage.keep(listener.accept()).send(name.encode())
        at_server.expect(name.encode())


def test_refused_without_an_agent_that_may_deliver(stage):
    """A link without a way back would leave ViewX offline after a long wait; so it is refused at once."""
    server = stage.listener()
    relay, agent = stage.pair(server.text)
    entry = relay.address("link")
    mark = relay.mark()
    agent.stop()
    relay.expect("agent_down", mark)
    assert peers.connect_reset(entry, bind=stage.block[1]) < 1
    assert relay.expect("refuse", kind="link")["why"] == "agent_down"
    server.expect_nobody(0.2)
    relay.start_counts = None


def test_direct_link_delivered_by_an_agent(stage):
    """The client reaches the relay itself; only the way back needs the agent."""
    server = stage.listener()
    relay, agent = stage.pair(server.text)
    client = Legacy(stage, relay.address("link"), stage.block[1])
    link = stage.keep(server.accept())
    at_server = stage.connect((link.remote[0], 5500))
    stage.keep(client.listener.accept()).send(b"by the agent")
    at_server.expect(b"by the agent")
    assert peers.connect_reset(relay.address("link"), bind="127.0.0.1") < 1, "nobody may deliver to this address"
    assert relay.expect("refuse", kind="link")["why"] == "no_deliverer"


def test_direct_delivery(stage):
    """Where the DMZ may dial the clients there is no agent at all."""
    server = stage.listener()
    relay = stage.relay(links=[stage.link(server.text, advise=stage.alias(delivery="direct"))])
    client = Legacy(stage, relay.address("link"), stage.block[1])
    link = stage.keep(server.accept())
    at_server = stage.connect((link.remote[0], 5500))
    at_client = stage.keep(client.listener.accept())
    peers.exchange(at_server, at_client, 4 << 20, within=30)
    assert peers.connect_reset((link.remote[0], 5501)) < 1
    assert relay.expect("refuse", kind="advise")["why"] == "dial_refused"


def test_off_needs_no_agent_and_leases_nothing(stage):
    server = stage.listener()
    relay = stage.relay(links=[stage.link(server.text, advise={"addressing": "off"})])
    client = stage.connect(relay.address("link"), bind=stage.block[1])
    link = stage.keep(server.accept())
    client.send(b"x")
    link.expect(b"x")
    assert relay.counts()["leases"] == 0


def test_server_that_waits_for_the_clients_first_byte(stage):
    server = stage.server(dial="peer", alarms=500, alarms_per_second=500, misbehave="first-silent")
    relay, agent = stage.pair(server.link)
    client = stage.client(agent.address_text("link"), "first", bind=stage.block[1], links=3, alarms=500)
    geosim.verified(client.final(), 500)


def test_server_that_dials_a_wrong_port(stage):
    server = stage.server(dial="peer", alarms=10, misbehave="dial-wrong-port:5507", retry_ms=200)
    relay, agent = stage.pair(server.link)
    client = stage.client(agent.address_text("link"), "wrong", bind=stage.block[1], links=1, alarms=10)
    assert relay.expect("refuse", kind="advise")["why"] == "dial_refused"
    client.kill()


def test_advise_needs_no_extra_time(stage):
    """With a spare channel at hand an advise is up at once, and alarms are not held back."""
    server = stage.server(dial="peer", alarms=2000, alarms_per_second=1000)
    relay, agent = stage.pair(server.link)
    client = stage.client(agent.address_text("link"), "quick", bind=stage.block[1], links=5, alarms=2000)
    final = client.final()
    geosim.verified(final, 2000)
    if not build.is_sanitized():
        assert final["p50_us"] < 5000 and final["p99_us"] < 100_000, final


@pytest.mark.slow
def test_an_advise_that_never_comes_is_told_once(stage):
    """A second firewall that drops the dial-back leaves no other trace; a client that was dialled is none of these."""
    server = stage.listener()
    relay, agent = stage.pair(server.text)
    dialled, silent = (Legacy(stage, agent.address("link"), stage.block[number]) for number in (1, 2))  # its time is over first
    links = {link.remote[0]: stage.keep(link) for link in (server.accept(), server.accept())}
    assert len(links) == 2
    stage.connect((dialled.leased(relay), 5500), name="advise at the server")
    dialled.listener.accept().fin()
    told = relay.expect("advise_missing", within=45)
    assert told["client"] == silent.ip and told["address"] == silent.leased(relay) and "firewall" in told["remedy"], told
    assert len(relay.events("advise_missing")) == 1
