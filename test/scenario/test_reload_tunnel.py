# SPDX-License-Identifier: Apache-2.0
"""Reload at both ends of a tunnel: links, advises and leases go on, spare channels move to the new workers, who is removed is gone."""
import peers
import pytest
import geosim
from program import wait_for
from test_advise import Legacy, advised, laid

ALARMS = 8000
RELOADS = 8


def nudge(one, number):
    """A reload that changes something, but nothing that matters."""
    one.reload(limits={"per_client": 1000 + number})


def renewed(relay, agent, since=0):
    """The spare channels of the old workers have gone, new ones are there."""
    wait_for(lambda: relay.counts()["spares"] == relay.settings["tunnel"]["spares"])
    wait_for(lambda: agent.counts()["spares"] == relay.settings["tunnel"]["spares"])


def both_ways(one, other, text):
    one.send(b"up " + text)
    other.expect(b"up " + text)
    other.send(b"down " + text)
    one.expect(b"down " + text)


@pytest.mark.parametrize("whose", ["relay", "agent"])
def test_link_and_advise_go_on_and_new_advises_come(stage, whose):
    relay, agent, client, at_server, at_client = advised(stage)
    both_ways(at_server, at_client, b"before")
    one = {"relay": relay, "agent": agent}[whose]
    for number in range(3):
        nudge(one, number)
        both_ways(at_server, at_client, b"%d" % number)
        again = stage.connect(at_server.remote, name=f"advise {number}")
        both_ways(again, stage.keep(client.listener.accept()), b"new")
    assert not relay.events("agent_down") and not agent.events("tunnel_down")
    assert len(relay.events("lease_active")) == 1 and not relay.events("lease_end")


@pytest.mark.tsan
@pytest.mark.limit(240)
@pytest.mark.parametrize("whose", ["relay", "agent"])
def test_no_alarm_is_lost_over_reloads(stage, whose):
    server = stage.server(dial="peer", alarms=stage.size(ALARMS), alarms_per_second=1000)
    relay, agent = stage.pair(server.link)
    since = relay.mark()
    clients = [stage.client("%s:%d" % agent.address("link"), f"client-{number}", bind=stage.block[number], links=5, ports="5500-5509",
                            alarms=stage.size(ALARMS), no_reconnect=True) for number in range(1, 4)]
    for number in range(1, 4):
        relay.expect("lease_active", since, client=stage.block[number])
    one = {"relay": relay, "agent": agent}[whose]
    for number in range(RELOADS):
        nudge(one, number)
    for client in clients:
        geosim.verified(client.final(within=150), stage.size(ALARMS))
    assert len(relay.events("lease_active", since)) == len(clients)


def test_spare_channels_move_and_the_old_generation_ends(stage):
    _, relay, agent, client, link = laid(stage)
    client.link.close()
    link.expect_end()
    link.close()
    relay.expect("lease_end")
    nudge(relay, 1)
    relay.expect("generation_ended", generation=1)
    renewed(relay, agent)
    nudge(agent, 1)
    agent.expect("generation_ended", generation=1)
    renewed(relay, agent)
    assert relay.counts()["agents"] == 1 and not relay.events("agent_down")


def test_leases_are_kept(stage):
    server, relay, agent, client, link = laid(stage, grace=60)
    leased = client.leased(relay)
    nudge(relay, 1)
    since = relay.mark()
    client.link.close()
    link.expect_end()
    link.close()
    nudge(relay, 2)
    relay.start_counts = None
    back = stage.connect(agent.address("link"), bind=client.ip)
    at_server = stage.keep(server.accept())
    assert at_server.remote[0] == leased
    both_ways(back, at_server, b"again")
    assert not relay.events("lease_active", since) and not relay.events("lease_new", since)


def test_another_pool_counts_for_new_leases_only(stage):
    server, relay, agent, client, link = laid(stage, pool=None)
    old = client.leased(relay)
    relay.reload(links=[stage.link(server.text, advise=stage.alias(pool=stage.block.range(110, 119)))])
    advise = stage.connect((old, 5500), name="advise to the old address")
    both_ways(advise, stage.keep(client.listener.accept()), b"old")
    other = Legacy(stage, agent.address("link"), stage.block[2])
    at_server = stage.keep(server.accept())
    assert int(at_server.remote[0].rsplit(".", 1)[1]) in range(110, 120)
    both_ways(other.link, at_server, b"new")
    both_ways(client.link, link, b"still")


def test_a_removed_link_goes_on_with_its_lease(stage):
    server, relay, agent, client, link = laid(stage)
    leased = client.leased(relay)
    relay.reload(links=[stage.link(server.text, name="node-z", advise=stage.alias(pool=stage.block.range(110, 119)))],
                 tunnel=stage.tunnel(stage.allow("site-a", "node-z")))
    both_ways(client.link, link, b"link")
    advise = stage.connect((leased, 5500), name="advise")
    both_ways(advise, stage.keep(client.listener.accept()), b"advise")
    peers.connect_reset(agent.address("link"), bind=stage.block[2])
    since = relay.mark()
    client.link.close()
    link.expect_end()
    link.close()
    relay.expect("lease_end", since)
    advise.expect_reset()
    relay.expect("generation_ended", generation=1)


def comes_again(stage, server, relay, agent, client, link):
    """Its link ends, and with it the lease; then there is another: the server's end of it."""
    since = relay.mark()
    client.link.close()
    link.expect_end()
    link.close()
    relay.expect("lease_end", since)
    client.link = stage.connect(agent.address("link"), bind=client.ip)
    return stage.keep(server.accept())


def test_the_only_address_is_free_again_when_an_old_lease_has_ended(stage):
    """The old lease can't be had from the new settings, and keeps its address for itself only until it ends."""
    only = stage.block[140]
    server, relay, agent, client, link = laid(stage, pool=only)
    relay.reload(links=[stage.link(server.text, advise=stage.alias(pool=only, **{"from": ["127.0.0.9"]}))])
    both_ways(client.link, link, b"still")
    peers.connect_reset(agent.address("link"), bind=stage.block[2])
    assert relay.expect("refuse", client=stage.block[2])["why"] == "pool_exhausted"
    again = comes_again(stage, server, relay, agent, client, link)
    assert again.remote[0] == only
    both_ways(client.link, again, b"again")


def test_a_client_keeps_its_address_when_the_server_changes(stage):
    """Who is away, and who ends a lease of before."""
    first, relay, agent, away, link = laid(stage)
    old = away.leased(relay)
    away.link.close()
    link.expect_end()
    link.close()
    relay.expect("lease_end")
    there = Legacy(stage, agent.address("link"), stage.block[2])
    at_first = stage.keep(first.accept())
    its_own = at_first.remote[0]
    assert its_own != old
    second = stage.listener()
    relay.reload(links=[stage.link(second.text, advise=stage.alias())])
    assert comes_again(stage, second, relay, agent, there, at_first).remote[0] == its_own
    stage.connect(agent.address("link"), bind=away.ip)
    assert stage.keep(second.accept()).remote[0] == old


def test_other_ports_count_when_the_lease_begins_again(stage):
    server, relay, agent, client, link = laid(stage)
    leased = client.leased(relay)
    relay.reload(links=[stage.link(server.text, advise=stage.alias(ports="5500-5501"))])
    assert peers.is_open((leased, 5509))
    again = comes_again(stage, server, relay, agent, client, link)
    assert again.remote[0] == leased and not peers.is_open((leased, 5509))
    assert peers.is_open((leased, 5501))


def rewriting(stage, server, **more):
    """An agent's clients by addressing "rewrite": the port stands behind HELLO."""
    advise = {"addressing": "rewrite", "address": stage.block[200], "relay_ports": "7400-7499", "rule": {"offset": 6, "form": "u16be"},
              "grace": 0, **more}
    return [stage.link(server.text, listen=None, advise=advise)]


def test_clients_of_before_and_of_now_share_the_address_of_rewrite(stage):
    """Ports are given one by one, so an old lease is in nobody's way; but its ports are no range of somebody else's."""
    server = stage.listener()
    relay = stage.relay(links=rewriting(stage, server), tunnel=stage.tunnel(stage.allow("site-a")))
    agent = stage.agent("site-a", relay)
    stage.remember(relay, agent)
    old = stage.connect(agent.address("link"), bind=stage.block[1])
    old.send(b"HELLO \x15\x7c")
    stage.keep(server.accept()).read(8)
    given = int(relay.expect("rewrite", client=stage.block[1])["port"])
    relay.reload(links=rewriting(stage, server, **{"from": ["127.0.0.9"]}))
    new = stage.connect(agent.address("link"), bind=stage.block[2])
    new.send(b"HELLO \x15\x7c")
    stage.keep(server.accept()).read(8)
    assert int(relay.expect("rewrite", client=stage.block[2])["port"]) != given
    ranges = [{"agent": "site-a", "client": stage.block[3], "ports": "7400-7409"}]
    advise = {"addressing": "ports", "address": stage.block[200], "clients": ranges, "grace": 0}
    relay.reload(links=[stage.link(server.text, listen=None, advise=advise)])
    stage.connect(agent.address("link"), bind=stage.block[3]).send(b"x")
    assert relay.expect("refuse", client=stage.block[3])["why"] == "identity_overlap"


def test_fewer_spare_channels_count_for_an_agent_that_comes_later(stage):
    """Until then the relay does not close as surplus what the agent at once opens again."""
    server = stage.listener()
    relay = stage.relay(links=[stage.link(server.text, advise=stage.alias())], tunnel=stage.tunnel(stage.allow("site-a")), level="debug")
    agent = stage.agent("site-a", relay)
    stage.remember(relay, agent)
    relay.reload(tunnel=stage.tunnel(stage.allow("site-a"), spares=1))
    relay.expect("generation_ended", generation=1)
    wait_for(lambda: relay.counts()["spares"] == 4)
    since = relay.mark()
    assert relay.wait("close", since, within=6, why="surplus") is None
    agent.stop()
    relay.expect("agent_down", since)
    agent.restart()
    wait_for(lambda: relay.counts()["spares"] == 1)
    relay.start_counts = agent.start_counts = None


def test_a_removed_agent_is_cut(stage):
    relay, agent, client, at_server, at_client = advised(stage)
    both_ways(at_server, at_client, b"before")
    stage.pki.agent("site-b")
    since = agent.mark()
    relay.reload(tunnel=stage.tunnel(stage.allow("site-b")))
    assert relay.expect("agent_down", agent="site-a")["why"] == "agent_unknown"
    assert agent.expect("tunnel_down", since)["why"] == "agent_unknown"
    client.link.expect_reset()
    at_server.expect_reset()
    assert relay.expect("close", kind="link")["why"] == "agent_unknown"
    agent.expect("tunnel_retry", since, why="agent_unknown")
    relay.reload(tunnel=stage.tunnel(stage.allow("site-a")))
    agent.expect("tunnel_up", since)
    relay.start_counts = agent.start_counts = None


def test_an_agent_gets_another_relay(stage):
    server, relay, agent, client, link = laid(stage)
    second = stage.relay("second", links=[stage.link(server.text, advise=stage.alias(pool=stage.block.range(110, 119)))],
                         tunnel=stage.tunnel(stage.allow("site-a")))
    relay.start_counts = agent.start_counts = None
    agent.reload(relays=[second.address_text("tunnel")])
    agent.expect("tunnel_removed", relay=relay.address_text("tunnel"))
    second.expect("agent_up", agent="site-a")
    relay.expect("agent_down", agent="site-a")
    agent.expect("tunnel_up", relay=second.address_text("tunnel"))
    both_ways(client.link, link, b"a link through the old one goes on")
    stage.connect(agent.address("link"), bind=client.ip).send(b"x")
    assert int(stage.keep(server.accept()).remote[0].rsplit(".", 1)[1]) in range(110, 120)


def test_an_agents_clients_change(stage):
    _, relay, agent, client, link = laid(stage)
    agent.reload(clients=[stage.block[1] + "/32"])
    both_ways(client.link, link, b"still")
    peers.connect_reset(agent.address("link"), bind=stage.block[2])
    assert agent.expect("refuse", client=stage.block[2])["why"] == "client_not_allowed"
