# SPDX-License-Identifier: Apache-2.0
"""Addressing "ports": one address towards the servers, a range of ports for each client machine. Needs root."""
import os

import dmz
import peers
import pytest

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root")

ONE = {4: "10.20.0.10", 6: "fd00:20::10"}  # the relay's, towards the servers
RANGES = ("5510-5519", "5520-5529")


@pytest.fixture
def site(stage):
    with dmz.Dmz(stage) as one:
        for ip in ONE.values():
            one.give(one.relay, ip)
        yield one


def link(site, family=4, clients=2, **more):
    rows = [{"client": ip, "ports": ports} for ip, ports in list(zip(dmz.CLIENTS[family], RANGES))[:clients]]
    return site.link(family, addressing="ports", address=ONE[family], clients=rows, **more)


def opened(site, server, ip, port=5481):
    mine = site.open_link(ip, port)
    return mine, site.stage.keep(server.accept())


def delivered(site, listener, port, of=None, family=4):
    advise = site.advise(ONE[family], port, of=of)
    at_client = site.stage.keep(listener.accept())
    advise.send(b"ping")
    at_client.expect(b"ping")
    at_client.send(b"pong")
    advise.expect(b"pong")
    return advise, at_client


def finish(advise, at_client):
    advise.close()
    at_client.close()


def is_open(site, port, family=4):
    with site.server.inside():
        return peers.is_open((ONE[family], port), bind=dmz.SERVER[family])


@pytest.mark.tsan
@pytest.mark.parametrize("family", [4, 6])
def test_the_port_tells_the_client(site, family):
    server = site.at_server(family=family)
    relay = site.start([link(site, family)])
    assert dmz.has_only(relay.pid, None)
    for ip, ports in zip(dmz.CLIENTS[family], RANGES):
        first, last = map(int, ports.split("-"))
        _, at_server = opened(site, server, ip)
        assert at_server.remote[0] == ONE[family] and not 5510 <= at_server.remote[1] <= 5529
        lease = relay.expect("lease_active", client=ip)
        assert (lease["address"], lease["ports"]) == (ONE[family], ports)
        for port in (first, last):
            delivered(site, site.at_client(ip, port), port, family=family)


def test_listeners_live_as_long_as_the_lease(site):
    """Of one client; those of the other are its own."""
    server = site.at_server()
    relay = site.start([link(site)])
    first, second = dmz.CLIENTS[4]
    assert not is_open(site, 5510)
    link_of_first, _ = opened(site, server, first)
    assert is_open(site, 5519) and not is_open(site, 5520)
    assert relay.counts()["lease_listeners"] == 10
    opened(site, server, second)
    assert is_open(site, 5520) and relay.counts()["lease_listeners"] == 20
    link_of_first.rst()
    assert relay.expect("lease_end")["client"] == first
    assert not is_open(site, 5510) and is_open(site, 5520)
    assert relay.counts()["lease_listeners"] == 10


def test_a_client_without_a_range(site):
    server = site.at_server()
    relay = site.start([link(site, clients=1)])
    with site.client.inside():
        peers.connect_reset((dmz.NEAR[4], 5481), bind=dmz.CLIENTS[4][1])
    refused = relay.expect("refuse", kind="link", why="no_range")
    assert refused.client_ip == dmz.CLIENTS[4][1] and "range" in refused["remedy"], refused
    opened(site, server, dmz.CLIENTS[4][0])


def test_two_servers_share_the_address(site):
    """The same client dials two nodes and keeps its range: the listeners are shared, who dials tells which link it is."""
    nodes = {"node-a": dmz.SERVER[4], "node-b": dmz.STRANGER[4]}
    servers = [site.at_server(ip) for ip in nodes.values()]
    relay = site.start([link(site, name=name, server=ip, port=5481 + n) for n, (name, ip) in enumerate(nodes.items())])
    client = dmz.CLIENTS[4][0]
    links = [opened(site, server, client, 5481 + n)[0] for n, server in enumerate(servers)]
    assert relay.counts()["lease_listeners"] == 10
    listener = site.at_client(client, 5510)
    for name, ip in nodes.items():
        finish(*delivered(site, listener, 5510, of=ip))
        assert relay.expect("close", kind="advise", name=name)["front"].startswith(ip + ":")
    links[0].rst()
    relay.expect("lease_end", link="node-a")
    assert relay.counts()["lease_listeners"] == 10
    delivered(site, listener, 5510, of=nodes["node-b"])
    site.advise_refused(ONE[4], 5510, of=nodes["node-a"])
    relay.expect("refuse", kind="advise", why="source_not_allowed")


def test_the_address_is_not_ours(site):
    server = site.at_server()
    wrong = link(site)
    wrong["advise"]["address"] = "10.20.0.11"
    relay = site.start([wrong])
    with site.client.inside():
        peers.connect_reset((dmz.NEAR[4], 5481), bind=dmz.CLIENTS[4][0])
    relay.expect("refuse", kind="link", why="dial_no_source")
    assert "ip address add" in relay.expect("lease_listen_failed")["remedy"]
    server.expect_nobody(0)


@pytest.mark.parametrize("delivery", ["direct", "agent"])
def test_clients_behind_nat(site, delivery):
    """Several clients stand behind one address: said so, with the way out."""
    one = site.link(addressing="alias", pool=[ONE[4]], delivery=delivery)
    tunnel = {"tunnel": site.stage.tunnel(site.stage.allow("site-a", clients=[dmz.CLIENT_NETWORK[4]]))} if delivery == "agent" else {}
    relay = site.start([one, site.link(name="modern", port=5482, addressing="off")], nat=[dmz.CLIENTS[4][0]], **tunnel)
    with site.client.inside():
        peers.connect_reset((dmz.NEAR[4], 5481), bind=dmz.CLIENTS[4][0])
    refused = relay.expect("refuse", kind="link", why="nat_client")
    assert "agent beside" in refused["remedy"]
    server = site.at_server()
    site.open_link(dmz.CLIENTS[4][0], 5482)  # needs no dial-back
    site.stage.keep(server.accept())


def test_nobody_could_deliver(site):
    """No agent is responsible for that address: another thing than an agent that is not connected."""
    tunnel = site.stage.tunnel(site.stage.allow("site-a", clients=[dmz.CLIENTS[4][0]]))
    relay = site.start([site.link(addressing="alias", pool=[ONE[4]], delivery="agent")], tunnel=tunnel)
    for ip, why in zip(dmz.CLIENTS[4], ("agent_down", "no_deliverer")):
        with site.client.inside():
            peers.connect_reset((dmz.NEAR[4], 5481), bind=ip)
        refused = relay.expect("refuse", kind="link", why=why)
        assert refused.client_ip == ip
    assert "NAT" in refused["remedy"]
