# SPDX-License-Identifier: Apache-2.0
"""The agent beside the server: the relay joins two tunnels, or a client of its own and a tunnel, and nobody at the ends sees it.

Many stories of links and advises are told here again, word for word, with that agent in the way.
"""
import signal

import build
import geosim
import peers
import pytest
import relay as relay_module
import tunnel
from joined import PLANT, stage  # noqa: F401
from program import wait_for
from test_advise import (  # noqa: F401: told again with the stage of this file
    Legacy, advised, laid, test_advise_ends_with_the_last_link, test_advise_needs_no_extra_time, test_bytes_of_an_advise,
    test_closed_port_of_the_client_is_a_reset_within_a_second, test_either_end_may_speak_first, test_grace_keeps_lease_and_advise,
    test_half_close_of_an_advise, test_links_of_one_machine_share_one_address, test_listeners_live_as_long_as_the_lease,
    test_only_the_server_may_advise, test_pins, test_pool_exhausted, test_reset_of_an_advise,
    test_server_that_waits_for_the_clients_first_byte, test_the_clients_other_ports)
from test_links import (  # noqa: F401: told again with the ways of this file
    test_bulk_both_ways_at_once, test_client_ends_first_and_still_gets_the_answer, test_client_resets, test_many_short_connections,
    test_one_byte_at_a_time, test_reset_after_half_close, test_server_ends_first_and_still_gets_the_rest, test_server_resets,
    test_server_speaks_first, test_slow_reader_stops_the_sender_and_nobody_else, test_stalled_sender_costs_no_cpu)

ALARMS = 10000

@pytest.fixture(params=["direct", "agent"])
def way(stage, request):
    """As in the stories of links: clients connect to the relay, or to an agent of their own; the server is behind another."""

    def lay(server, **settings):
        agents = [stage.allow("site-a", clients=["127.0.0.1/32"])] if request.param == "agent" else []
        listen = "127.0.0.1:0" if request.param == "direct" else None
        relay = stage.relay(links=[stage.link("node-a@plant", listen=listen)], tunnel=stage.tunnel(*agents, PLANT), **settings)
        plant = stage.plant(relay, ("node-a", server))
        if request.param == "direct":
            stage.remember(relay, plant)
            return relay.address("link", "node-a"), [relay, plant]
        agent = stage.agent("site-a", relay)
        stage.remember(relay, plant, agent)
        return agent.address("link", "node-a"), [relay, plant, agent]

    return lay


def refused_everywhere(why, *georelays, kind="link"):
    """Every end of the way says the same reason, and by the same id."""
    refusals = [one.expect("refuse", kind=kind, why=why) for one in georelays]
    assert len({refusal["stream"] for refusal in refusals}) == 1, refusals
    return refusals


# ---- links ----

def test_one_id_and_one_client_in_all_three_logs(stage):
    server = stage.listener()
    relay, plant, agent = stage.trio(server.text)
    client = stage.connect(agent.address("link"), bind=stage.block[1])
    link = stage.keep(server.accept())
    client.send(b"x")
    link.expect(b"x")
    client.fin()
    link.expect_end()
    link.fin()
    client.expect_end()
    closes = [one.expect("close", kind="link") for one in (agent, relay, plant)]
    assert len({close["stream"] for close in closes}) == 1 and {close.client_ip for close in closes} == {stage.block[1]}
    assert {close["name"] for close in closes} == {"node-a"}
    assert (closes[1]["agent"], closes[1]["via"], closes[2]["agent"]) == ("site-a", "plant", "site-a") and closes[2]["back"] == server.text
    assert plant.expect("lease_active").client_ip == stage.block[1] and not relay.events("lease_active")


def test_the_true_reason_comes_back(stage):
    relay, plant, agent = stage.trio(f"127.0.0.1:{peers.free_port()}")
    assert peers.connect_reset(agent.address("link"), bind=stage.block[1]) < 1
    refused_everywhere("dial_refused", agent, relay, plant)


def test_an_entry_that_the_agent_does_not_have(stage):
    relay = stage.relay(links=[stage.link("other@plant", listen=None)], tunnel=stage.tunnel(stage.allow("site-a"), PLANT))
    plant = stage.plant(relay, ("node-a", "127.0.0.1:1"))
    agent = stage.agent("site-a", relay)
    stage.remember(relay, plant, agent)
    assert peers.connect_reset(agent.address("link"), bind=stage.block[1]) < 1
    refused_everywhere("link_unknown", agent, relay, plant)


def test_limits_of_the_agent_beside_the_server(stage):
    server = stage.listener()
    relay = stage.relay(links=[stage.link("node-a@plant", listen=None)], tunnel=stage.tunnel(stage.allow("site-a"), PLANT))
    plant = stage.plant(relay, ("node-a", server.text, stage.alias()), limits={"per_client": 2, "connections": 3})
    agent = stage.agent("site-a", relay)
    stage.remember(relay, plant, agent)

    def link(machine):
        stage.connect(agent.address("link"), bind=stage.block[machine])
        return stage.keep(server.accept())

    link(1), link(1)
    assert peers.connect_reset(agent.address("link"), bind=stage.block[1]) < 1
    refused_everywhere("limit_client", agent, relay, plant)
    link(2)
    assert peers.connect_reset(agent.address("link"), bind=stage.block[2]) < 1
    refused_everywhere("limit_connections", agent, relay, plant)


def test_a_server_that_takes_its_time(stage):
    """DIALLING holds the relay back: a slow server is waited for, and dialled once only."""
    relay, plant, agent = stage.trio("127.0.0.1:1", entry={"addressing": "off"}, heartbeat=30)
    plant.stop()
    with Scripted(stage, relay) as slow:
        client = stage.connect(agent.address("link"), bind=stage.block[1])
        spare = slow.spares.pop(0)
        stream, entry, behind, ip, port, at = tunnel.asked(spare.hear_only("ASK"))
        assert (entry, behind, ip, at) == ("node-a", "site-a", stage.block[1], 0) and port == client.local[1]
        spare.say("DIALLING")
        client.expect_silence(2)  # longer than a channel may be silent
        spare.say("OPENED")
        spare.send(b"here at last")
        client.expect(b"here at last")
        for other in slow.spares:
            assert tunnel.is_quiet(other, 0.1)
        client.rst()
        spare.expect_closed()
    relay.start_counts = agent.start_counts = None


class Scripted:
    """An agent "plant" that the story plays, welcomed and with spare channels open."""

    def __init__(self, stage, relay, spares=2, version=2):
        since = relay.mark()
        self.agent = tunnel.Agent(relay.address("tunnel"), stage.pki.agent("plant"), stage.pki.ca, version=version)
        self.control = self.agent.welcome()
        relay.expect("agent_up", since, agent="plant")
        self.spares = [self.agent.spare() for _ in range(spares)]
        relay.wait_counts({"spares": spares + relay.settings["tunnel"]["spares"] * (len(relay.settings["tunnel"]["agents"]) - 1)})

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for channel in [self.control, *self.spares]:
            channel.close()


@pytest.mark.parametrize("ends", ["silent", "cut"])
def test_a_channel_that_dies_as_it_is_taken(stage, ends):
    """Another one is tried, and the client does not notice."""
    relay, plant, agent = stage.trio("127.0.0.1:1", entry={"addressing": "off"}, heartbeat=30)
    plant.stop()
    with Scripted(stage, relay) as scripted:
        client = stage.connect(agent.address("link"), bind=stage.block[1])
        client.send(b"first bytes")
        first, second = scripted.spares
        first.hear_only("ASK")
        if ends == "cut":
            first.rst()
        second.hear_only("ASK")
        second.say("OPENED")
        second.expect(b"first bytes")
        client.rst()
    relay.start_counts = agent.start_counts = None


def test_no_channel_left(stage):
    relay, plant, agent = stage.trio("127.0.0.1:1", entry={"addressing": "off"}, heartbeat=30)
    plant.stop()
    with Scripted(stage, relay, spares=1) as scripted:
        stage.connect(agent.address("link"), bind=stage.block[1])
        scripted.spares[0].hear_only("ASK")
        scripted.spares[0].say("REFUSED", tunnel.text("front_reset"))
        assert relay.expect("refuse", kind="link")["why"] == "back_reset"
        client = stage.connect(agent.address("link"), bind=stage.block[1])
        scripted.control.hear_only("NEED")
        client.expect_reset(within=8)
        refused_everywhere("no_spare", agent, relay)
    relay.start_counts = agent.start_counts = None


def test_a_link_while_the_agent_is_down(stage):
    """Refused at once, with the reason; when the agent is back the next one works."""
    server = stage.listener()
    relay, plant, agent = stage.trio(server.text)
    mark = relay.mark()
    plant.kill()
    plant.wait_end()
    relay.expect("agent_down", mark, agent="plant")
    assert peers.connect_reset(agent.address("link"), bind=stage.block[1]) < 1
    refused_everywhere("agent_down", agent, relay)
    mark = relay.mark()
    plant.restart()
    relay.expect("agent_up", mark, agent="plant")
    client = stage.connect(agent.address("link"), bind=stage.block[1])
    stage.keep(server.accept()).send(b"back")
    client.expect(b"back")


# ---- advises ----

def machines(stage, agents, link, alarms):
    return [stage.client(agent.address_text("link"), f"client-{number}", bind=stage.block[number], links=10, ports="5500-5509",
                         alarms=alarms, no_reconnect=True) for agent, number in agents]


@pytest.mark.tsan
@pytest.mark.limit(300)
def test_every_client_gets_its_own_alarms(stage):
    """Legacy clients behind two agents, and a modern one beside them."""
    server = stage.server(dial="peer", alarms=stage.size(ALARMS), alarms_per_second=5000)
    allowed = [stage.allow("a", clients=[stage.block[1] + "/32"]), stage.allow("b", clients=[stage.block[2] + "/32", stage.block[3] + "/32"])]
    relay = stage.relay(links=[stage.link("node-a@plant", listen=None)], tunnel=stage.tunnel(*allowed, PLANT))
    plant = stage.plant(relay, ("node-a", server.link, stage.alias()))
    a, b = stage.agent("a", relay), stage.agent("b", relay)
    stage.remember(relay, plant, a, b)
    clients = machines(stage, [(a, 1), (b, 2), (b, 3)], "node-a", stage.size(ALARMS))
    for client in clients:
        geosim.verified(client.final(within=150), stage.size(ALARMS))
    assert len({event["address"] for event in plant.events("lease_new")}) == 3
    assert not relay.events("lease_new")


def test_equal_addresses_behind_two_agents(stage):
    """Two sites use the same network: to the server they are two clients, and each gets its own advises."""
    server = stage.listener()
    twin = stage.block[1]
    relay = stage.relay(links=[stage.link("node-a@plant", listen=None)], tunnel=stage.tunnel(stage.allow("a"), stage.allow("b"), PLANT))
    plant = stage.plant(relay, ("node-a", server.text, stage.alias()))
    a, b = stage.agent("a", relay), stage.agent("b", relay)
    stage.remember(relay, plant, a, b)
    leased = {}
    for name, agent in (("a", a), ("b", b)):
        stage.connect(agent.address("link"), bind=twin)
        leased[name] = stage.keep(server.accept()).remote[0]
        assert plant.expect("lease_active", agent=name).client_ip == twin
    assert leased["a"] != leased["b"]
    listener = stage.listener(ip=twin, port=5500)
    for name, agent in (("a", a), ("b", b)):
        at_server = stage.connect((leased[name], 5500))
        at_client = stage.keep(listener.accept())
        at_server.send(name.encode())
        at_client.expect(name.encode())
        at_server.rst()
        at_client.expect_reset(within=1)
        assert agent.expect("close", kind="advise")["stream"] == plant.expect("close", kind="advise", agent=name)["stream"]


@pytest.mark.parametrize("delivery", ["agent", "direct"])
def test_direct_clients(stage, delivery):
    """A client that comes to the relay itself: its advises are delivered by the agent responsible for it, or by the relay."""
    server = stage.listener()
    link = stage.link("node-a@plant", advise={"delivery": delivery})
    relay = stage.relay(links=[link], tunnel=stage.tunnel(stage.allow("site-a"), PLANT))
    plant = stage.plant(relay, ("node-a", server.text, stage.alias()))
    agent = stage.agent("site-a", relay)
    stage.remember(relay, plant, agent)
    client = Legacy(stage, relay.address("link"), stage.block[1])
    at_node = stage.keep(server.accept())
    assert plant.expect("lease_active")["agent"] == "direct"
    at_server = stage.connect((at_node.remote[0], 5500))
    at_client = stage.keep(client.listener.accept())
    peers.exchange(at_server, at_client, 1 << 20, within=30)
    relay.expect("close", kind="advise")
    if delivery == "agent":
        agent.expect("close", kind="advise")
    else:
        assert not agent.events("close")
    assert peers.connect_reset((at_node.remote[0], 5501)) < 1
    refused_everywhere("dial_refused", plant, relay, kind="advise")


def test_nobody_delivers(stage):
    """A direct client in nobody's network: the link is good, but the advise says what is missing."""
    server = stage.listener()
    relay = stage.relay(links=[stage.link("node-a@plant")], tunnel=stage.tunnel(stage.allow("site-a", clients=["10.9.9.0/24"]), PLANT))
    plant = stage.plant(relay, ("node-a", server.text, stage.alias()))
    stage.connect(relay.address("link"), bind=stage.block[1])
    at_node = stage.keep(server.accept())
    assert peers.connect_reset((at_node.remote[0], 5500)) < 1
    refused_everywhere("no_deliverer", plant, relay, kind="advise")
    relay.start_counts = None


@pytest.mark.parametrize("delivery", ["agent", "direct"])
def test_clients_behind_nat(stage, delivery):
    """Several direct clients have one address: the relay does not know whether the agent's addressing is off, so the advise says it."""
    server = stage.listener()
    relay = stage.relay(links=[stage.link("node-a@plant", advise={"delivery": delivery})], nat=[stage.block[1]],
                        tunnel=stage.tunnel(stage.allow("site-a"), PLANT))
    plant = stage.plant(relay, ("node-a", server.text, stage.alias()))
    stage.connect(relay.address("link"), bind=stage.block[1])
    at_node = stage.keep(server.accept())
    assert peers.connect_reset((at_node.remote[0], 5500)) < 1
    refused_everywhere("nat_client", plant, relay, kind="advise")
    relay.start_counts = None


def test_the_clients_agent_is_down(stage):
    server, plant, agent, client, link = laid(stage, grace=60)
    leased = link.remote[0]
    agent.kill()
    agent.wait_end()
    stage.relay_between.expect("agent_down", agent="site-a")
    assert peers.connect_reset((leased, 5500)) < 1
    refused_everywhere("agent_down", plant, stage.relay_between, kind="advise")
    plant.start_counts = stage.relay_between.start_counts = None
    del client, server


def test_the_same_address_again_after_kill_9(stage):
    """The leases of an agent beside the server are in its own state file."""
    server = stage.listener()
    relay, plant, agent = stage.trio(server.text)
    given = {}
    for number in (1, 2, 3):
        stage.connect(agent.address("link"), bind=stage.block[number])
        given[number] = stage.keep(server.accept()).remote[0]
    leases = stage.folder / "plant-state" / "leases"
    wait_for(lambda: leases.exists() and leases.read_text().count("lease ") == 3)
    mark = relay.mark()
    plant.kill()
    plant.wait_end()
    plant.restart()
    relay.expect("agent_up", mark, agent="plant", within=20)
    for number in (3, 1, 2):
        stage.connect(agent.address("link"), bind=stage.block[number])
        assert stage.keep(server.accept()).remote[0] == given[number]


@pytest.mark.limit(300)
@pytest.mark.parametrize("victim", ["relay", "plant", "agent"])
def test_kill_9_in_the_middle(stage, victim):
    """The clients come back by themselves, and no alarm is lost: Geo SCADA's server repeats what was not confirmed."""
    alarms = stage.size(ALARMS)
    server = stage.server(dial="peer", alarms=alarms, alarms_per_second=2000)
    port = peers.free_port()
    relay = stage.relay(links=[stage.link("node-a@plant", listen=None)],
                        tunnel=stage.tunnel(stage.allow("site-a"), PLANT, listen=f"127.0.0.1:{port}"))
    plant = stage.plant(relay, ("node-a", server.link, stage.alias()))
    agent = stage.agent("site-a", relay, listen=[{"name": "node-a", "listen": [f"127.0.0.1:{peers.free_port()}"]}])
    client = stage.client(agent.address_text("link"), "survivor", bind=stage.block[1], links=5, ports="5500-5509", alarms=alarms)
    client.wait_word("alarms", alarms // 4, within=60)
    one = {"relay": relay, "plant": plant, "agent": agent}[victim]
    marks = {other: other.mark() for other in (relay, plant, agent)}
    one.kill()
    one.wait_end()
    one.restart()
    for name in ("plant", "site-a") if victim == "relay" else ({"plant": "plant", "agent": "site-a"}[victim],):
        relay.expect("agent_up", 0 if victim == "relay" else marks[relay], agent=name, within=20)
    final = client.final(within=150)
    assert final["lost"] == final["foreign"] == final["corrupt"] == 0, final


# ---- coming and going ----

def test_term_of_the_agent_beside_the_server(stage):
    """What is open goes on and may have new advises; new links are refused with the reason."""
    server, plant, agent, client, link = laid(stage, grace=60)
    plant.signal(signal.SIGTERM)
    plant.expect("stopping")
    at_server = stage.connect((link.remote[0], 5500))
    at_client = stage.keep(client.listener.accept())
    at_server.send(b"an alarm")
    at_client.expect(b"an alarm")
    assert peers.connect_reset(agent.address("link"), bind=stage.block[1]) < 1
    refused_everywhere("shutdown", agent, stage.relay_between, plant)
    client.link.send(b"the last word")
    link.expect(b"the last word")
    client.link.fin()
    link.expect_end()
    link.fin()
    at_server.fin()
    at_client.expect_end()
    at_client.fin()
    assert plant.wait_end(20) == 0
    stage.relay_between.start_counts = None
    del server


def test_term_of_the_relay(stage):
    server, plant, agent, client, link = laid(stage)
    relay = stage.relay_between
    relay.signal(signal.SIGTERM)
    for one in (plant, agent):
        one.expect("tunnel_draining")
    assert peers.connect_reset(agent.address("link"), bind=stage.block[1]) < 1
    assert agent.expect("refuse")["why"] == "no_relay"
    link.send(b"still there")
    client.link.expect(b"still there")
    client.link.fin()
    link.expect_end()
    link.fin()
    assert relay.wait_end(20) == 0
    plant.start_counts = agent.start_counts = None
    del server


def test_the_agent_beside_the_server_is_replaced(stage):
    """A second process of that name: what is open goes on at the first, new links go to the second."""
    old_server, new_server = stage.listener(), stage.listener()
    relay, plant, agent = stage.trio(old_server.text, entry={"addressing": "off"})
    client = stage.connect(agent.address("link"), bind=stage.block[1])
    at_old = stage.keep(old_server.accept())
    second = stage.plant(relay, ("node-a", new_server.text), label="second")
    relay.expect("agent_down", agent="plant", why="replaced")
    newer = stage.connect(agent.address("link"), bind=stage.block[1])
    stage.keep(new_server.accept()).send(b"new")
    newer.expect(b"new")
    at_old.send(b"old")
    client.expect(b"old")
    plant.kill()
    client.expect_reset(within=2)
    relay.start_counts = agent.start_counts = second.start_counts = None


def test_two_relays(stage):
    """Each advise goes back by the relay that the link came through; when that is gone, by the other one."""
    server = stage.listener()
    relays = [stage.relay(f"relay-{number}", links=[stage.link("node-a@plant", listen=None)],
                          tunnel=stage.tunnel(stage.allow("site-a"), stage.allow("site-b"), PLANT)) for number in (1, 2)]
    stage.pki.agent("plant")
    state = stage.folder / "plant-state"
    state.mkdir()
    both = [one.address_text("tunnel") for one in relays]
    settings = stage.agent_settings("plant", both, listen=None, clients=None, state=str(state),
                                    servers=[{"name": "node-a", "server": server.text, "advise": stage.alias()}])
    plant = stage.add(relay_module.Georelay(stage.folder, "plant", settings))
    one = stage.add(relay_module.Georelay(stage.folder, "agent-a", stage.agent_settings("site-a", both[::-1])))
    for at in relays:
        at.expect("agent_up", agent="plant")
        at.expect("agent_up", agent="site-a")
    plant.wait_counts({"agents": 2, "spares": 8})
    one.wait_counts({"agents": 2, "spares": 8})
    client = Legacy(stage, one.address("link"), stage.block[1])
    link = stage.keep(server.accept())
    for _ in range(2):
        at_server = stage.connect((link.remote[0], 5500))
        stage.keep(client.listener.accept()).send(b"x")
        at_server.expect(b"x")
        at_server.rst()
        relays[1].expect("close", kind="advise")
    assert relays[1].events("refuse") == relays[0].events("close") == []
    for at in relays:
        at.start_counts = None


# ---- peers that break the rules ----

def relay_under_attack(stage, *more_links, **link):
    server = stage.listener()
    links = [stage.link("node-a@plant", listen=None, **link), stage.link("node-d@plant", "node-d", advise={"delivery": "direct"}), *more_links]
    rows = [stage.allow("site-a", clients=[stage.block[1] + "/32"]), stage.allow("site-b", "node-b", clients=[stage.block[2] + "/32"]), PLANT]
    relay = stage.relay(links=[*links, stage.link(server.text, "node-b", None)], tunnel=stage.tunnel(*rows))
    relay.remember()
    return relay, tunnel.Agent(relay.address("tunnel"), stage.pki.agent("plant"), stage.pki.ca, version=2)


@pytest.mark.parametrize("entry, behind, ip, why", [
    ("node-b", "site-b", 2, "link_unknown"),         # an ordinary link of the relay
    ("nothing", "site-a", 1, "link_unknown"),
    ("node-a", "site-b", 2, "client_not_allowed"),   # an agent without this link
    ("node-a", "site-a", 2, "client_not_allowed"),   # an address that is not one of the agent's
    ("node-a", "site-c", 1, "client_not_allowed"),   # nobody of that name
    ("node-a", "plant", 1, "client_not_allowed"),    # itself
    ("node-a", "", 1, "client_not_allowed"),         # direct, but the link has no listener
    ("node-d", "", 1, "client_not_allowed"),         # direct, but not connected now
    ("node-a", "site-a", 1, "agent_down")])          # all is well, only nobody is there
def test_hand_for_a_foreign_entry_or_identity(stage, entry, behind, ip, why):
    relay, plant = relay_under_attack(stage)
    with plant.welcome(), plant.hand(entry, behind, stage.block[ip], first=b"bytes") as channel:
        assert tunnel.refusal(channel.hear_only("REFUSED")) == why
        refusal = relay.expect("refuse", kind="advise")
        assert refusal["why"] == why and "plant" in (refusal["agent"], refusal["via"]) and behind in (refusal["agent"], refusal["behind"] or "")


@pytest.mark.parametrize("port, why", [(22, "port_not_allowed"), (5500, "dial_refused")])
def test_hand_for_a_port_of_a_connected_direct_client(stage, port, why):
    """With delivery "direct" the relay itself dials: clients that are here, at advise ports, and nothing else."""
    relay, plant = relay_under_attack(stage)
    with plant.welcome():
        stage.connect(relay.address("link", "node-d"), bind=stage.block[1])  # waits for a spare channel, and counts meanwhile
        relay.wait_counts({"links": 1})
        with plant.hand("node-d", "", stage.block[1], port=port) as channel:
            assert tunnel.refusal(channel.hear_only("REFUSED")) == why


def test_hand_of_another_instance(stage):
    relay, plant = relay_under_attack(stage)
    with plant.welcome():
        other = tunnel.Agent(relay.address("tunnel"), stage.pki.agent("plant"), stage.pki.ca, version=2)
        with other.hand("node-a", "site-a", stage.block[1]) as channel:
            assert tunnel.refusal(channel.hear_only("REFUSED")) == "stale_channel"


def test_hand_by_an_agent_that_has_no_servers(stage):
    relay, _ = relay_under_attack(stage)
    site = tunnel.Agent(relay.address("tunnel"), stage.pki.agent("site-b"), stage.pki.ca, version=2)
    with site.welcome(), site.hand("node-a", "site-a", stage.block[1]) as channel:
        assert tunnel.refusal(channel.hear_only("REFUSED")) == "link_unknown"


def test_open_at_a_link_without_ranges(stage):
    relay, _ = relay_under_attack(stage)
    site = tunnel.Agent(relay.address("tunnel"), stage.pki.agent("site-b"), stage.pki.ca, version=2)
    with site.welcome(), site.open("node-b", stage.block[2], at=1433) as channel:
        assert tunnel.refusal(channel.hear_only("REFUSED")) == "port_not_allowed"


def test_an_agent_of_version_1(stage):
    """What it has goes on; what it has not is refused where it would have to be sent."""
    relay, _ = relay_under_attack(stage)
    old = tunnel.Agent(relay.address("tunnel"), stage.pki.agent("plant"), stage.pki.ca)
    site = tunnel.Agent(relay.address("tunnel"), stage.pki.agent("site-a"), stage.pki.ca)
    with old.welcome(), site.welcome(), old.spare() as spare:
        with site.open("node-a", stage.block[1]) as channel:
            assert tunnel.refusal(channel.hear_only("REFUSED")) == "version_mismatch"
        assert relay.expect("refuse", kind="link")["why"] == "version_mismatch"
        with old.hand("node-a", "site-a", stage.block[1]) as channel:
            assert tunnel.refusal(channel.hear_only("REFUSED")) == "version_mismatch"
        assert tunnel.is_quiet(spare, 0.2)


def test_the_agent_that_asks_is_replaced(stage):
    """An OPEN over a control channel that is gone is stale, also for a server behind an agent."""
    relay, plant = relay_under_attack(stage)
    site = tunnel.Agent(relay.address("tunnel"), stage.pki.agent("site-a"), stage.pki.ca, version=2)
    with plant.welcome(), plant.spare() as spare, site.welcome():
        other = tunnel.Agent(relay.address("tunnel"), stage.pki.agent("site-a"), stage.pki.ca, version=2)
        with other.open("node-a", stage.block[1]) as channel:
            assert tunnel.refusal(channel.hear_only("REFUSED")) == "stale_channel"
        assert tunnel.is_quiet(spare, 0.2)


@pytest.fixture
def impostor(stage):
    """A relay that the story plays, with the agent "plant" connected: a function that makes a spare channel."""
    server = stage.listener()
    with tunnel.Relay(stage.pki.identity("relay"), stage.pki.ca, spares=1, version=2) as relay:
        stage.pki.agent("plant")
        entries = [{"name": "node-a", "server": server.text, "advise": stage.alias()}, {"name": "web", "server": server.text}]
        state = stage.folder / "plant-state"
        state.mkdir()
        settings = stage.agent_settings("plant", relay.text, listen=None, clients=None, servers=entries, state=str(state))
        relay.plant = stage.add(relay_module.Georelay(stage.folder, "plant", settings))
        relay.server = server
        relay.line = stage.keep(relay.control())
        yield relay


@pytest.mark.parametrize("entry, behind, ip, at, why", [
    ("nothing", "", "192.0.2.1", 0, "link_unknown"),
    ("node-a", "", "192.0.2.1", 5482, "port_not_allowed"),      # the entry has no ranges
    ("node-a", "direct", "192.0.2.1", 0, "protocol_error"),     # would be taken for no agent in the state file
    ("node-a", "two words", "192.0.2.1", 0, "protocol_error"),
    ("node-a", "", "0.0.0.0", 0, "client_not_allowed")])        # a lease for nobody
def test_an_ask_that_the_agent_refuses(stage, impostor, entry, behind, ip, at, why):
    with impostor.spare() as spare:
        impostor.ask(spare, entry, behind, ip, at=at, first=b"not yet")
        assert tunnel.refusal(spare.hear_only("REFUSED")) == why
    assert impostor.plant.expect("refuse")["why"] == why
    impostor.server.expect_nobody(0.2)
    assert impostor.plant.counts()["leases"] == 0


def test_a_check_of_the_relay_itself(stage, impostor):
    with impostor.spare() as spare:
        impostor.ask(spare, "web", "", "0.0.0.0", 0)
        at_server = stage.keep(impostor.server.accept())
        spare.hear_only("OPENED")
        spare.send(b"GET")
        at_server.expect(b"GET")
        spare.rst()
        at_server.expect_reset(within=1)


def test_dialling_is_said_while_the_server_is_silent(stage, impostor):
    """Also where a lease had to be asked for first."""
    impostor.server.sock.listen(0)
    fillers = [peers.connect(impostor.server.address) for _ in range(1)]
    with impostor.spare() as spare:
        impostor.ask(spare, "node-a", "site-a", "192.0.2.1")
        assert spare.hear()[0] == "DIALLING"
        for _ in fillers:
            stage.keep(impostor.server.accept())
        assert spare.hear()[0] == "OPENED"
        stage.keep(impostor.server.accept())
    for filler in fillers:
        filler.close()


def test_asked_before_the_channel_was_verified(stage, impostor):
    """ASK instead of the first PING: the channel is good enough for the agent, which opened it itself."""
    channel, name, _ = impostor.accept()
    assert name == "SPARE"
    with channel:
        impostor.ask(channel, "web", "", "192.0.2.1")
        stage.keep(impostor.server.accept())
        channel.hear_only("OPENED")


def test_hand_without_an_answer(stage, impostor):
    """The relay takes the advise and its channel breaks: the server sees a reset, never an orderly end."""
    spare = stage.keep(impostor.spare())
    impostor.ask(spare, "node-a", "site-a", "192.0.2.1")
    at_server = stage.keep(impostor.server.accept())
    spare.hear_only("OPENED")
    stage.keep(impostor.spare())
    advise = stage.connect((at_server.remote[0], 5503))
    advise.send(b"early bytes")
    channel, name, body = impostor.accept()
    with channel:
        assert name == "HAND" and body[24:] == tunnel.text("node-a") + tunnel.text("site-a") + tunnel.ip("192.0.2.1") + b"\x15\x7f"
        channel.expect(b"early bytes")
        channel.rst()
    advise.expect_reset(within=2)
    assert impostor.plant.expect("refuse", kind="advise")["why"] == "channel_lost"
    spare.rst()
    at_server.expect_reset(within=1)


# ---- ranges of ports ----

def test_a_port_of_a_range_through_both_tunnels(stage):
    """OPEN_AT, then ASK with the port: what the client dialled is dialled at the server; the agent beside it has the last word."""
    server, outside = stage.listener(), stage.listener(ip="127.0.0.2", port=20001)
    port = server.address[1]
    ranges = [f"{port}", "20000-20001"]
    link = {"name": "dyn", "ports": ranges, "server": "dyn@plant"}
    relay = stage.relay(links=[link], tunnel=stage.tunnel(stage.allow("site-a", "dyn"), PLANT, heartbeat=30))
    state = stage.folder / "plant-state"
    state.mkdir()
    stage.pki.agent("plant")
    plant = stage.agent("plant", relay, listen=None, clients=None, state=str(state),
                        servers=[{"name": "dyn", "server": "127.0.0.1:*", "ports": [f"{port}", "20000"]}])
    site = tunnel.Agent(relay.address("tunnel"), stage.pki.agent("site-a"), stage.pki.ca, version=2)
    control = stage.keep(site.welcome())
    with site.open("dyn", stage.block[1], at=port) as channel:
        at_server = stage.keep(server.accept())
        channel.hear_only("OPENED")
        channel.send(b"x")
        at_server.expect(b"x")
    for at, who in ((20001, plant), (443, relay)):
        mark = who.mark()
        with site.open("dyn", stage.block[1], at=at) as channel:
            assert tunnel.refusal(channel.hear_only("REFUSED")) == "port_not_allowed"
        assert who.expect("refuse", mark)["why"] == "port_not_allowed"
    with site.open("dyn", stage.block[1]) as channel:
        assert tunnel.refusal(channel.hear_only("REFUSED")) == "port_not_allowed"
    outside.expect_nobody(0.1)
    relay.start_counts = None
    del control
