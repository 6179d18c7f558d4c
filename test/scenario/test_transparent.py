# SPDX-License-Identifier: Apache-2.0
"""Addressing "transparent": the server sees the client's own address, and its dial-back to whatever port finds the client. Needs root."""
import os
import socket

import dmz
import peers
import pytest

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root")

CAP_NET_ADMIN, CAP_NET_RAW = 12, 13
NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")


@pytest.fixture
def site(stage):
    with dmz.Dmz(stage) as one:
        yield one


def laid(site, family=4, rules=True, **options):
    """The server's port, a relay, a client with its link: (server, relay, link, its end at the server)."""
    if rules:
        site.intercept()
    server = site.at_server(family=family)
    relay = site.start([site.link(family, addressing="transparent")], **options)
    link = site.open_link(dmz.CLIENTS[family][0])
    return server, relay, link, site.stage.keep(server.accept())


def talk(one, other):
    one.send(b"ping")
    other.expect(b"ping")
    other.send(b"pong")
    one.expect(b"pong")


@pytest.mark.tsan
@pytest.mark.parametrize("family", [4, 6])
def test_every_client_by_its_own_address(site, family):
    """Two clients on the same port, and the relay is nobody with one right."""
    site.intercept()
    server = site.at_server(family=family)
    relay = site.start([site.link(family, addressing="transparent")])
    assert dmz.has_only(relay.pid, CAP_NET_RAW)
    for ip in dmz.CLIENTS[family]:
        listener = site.at_client(ip, 5500)
        link = site.open_link(ip)
        at_server = site.stage.keep(server.accept())
        assert at_server.remote[0] == ip
        talk(link, at_server)
        advise = site.advise(ip, 5500)
        talk(advise, site.stage.keep(listener.accept()))
        talk(link, at_server)
        lease = relay.expect("lease_active", client=ip)
        assert (lease["address"], lease["ports"], lease["link"], lease["agent"]) == (ip, "1-65535", "node-a", "direct")


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("port", [40123, 5481, 7])
def test_any_port(site, family, port):
    """Also such as have a meaning to the relay itself."""
    ip = dmz.CLIENTS[family][0]
    _, relay, _, _ = laid(site, family)
    listener = site.at_client(ip, port)
    advise, at_client = site.advise(ip, port), site.stage.keep(listener.accept())
    talk(advise, at_client)
    advise.close()
    at_client.close()
    assert relay.expect("close", kind="advise")["client"] == dmz.text(ip, port)


def test_the_address_that_the_client_announced(site):
    """As a server that does not look at the peer of the link, but at what stands in it."""
    ip = dmz.CLIENTS[4][0]
    _, _, link, at_server = laid(site)
    listener = site.at_client(ip, 0)
    link.send(b"%s:%05d" % (ip.encode(), listener.address[1]))
    host, port = at_server.read(len(ip) + 6).decode().split(":")
    talk(site.advise(host, int(port)), site.stage.keep(listener.accept()))


@pytest.mark.tsan
def test_bytes_and_ends(site):
    ip = dmz.CLIENTS[4][0]
    _, relay, link, at_server = laid(site)
    listener = site.at_client(ip, 5500)
    advise = site.advise(ip, 5500)
    at_client = site.stage.keep(listener.accept())
    second = site.advise(ip, 5500)
    talk(second, site.stage.keep(listener.accept()))
    peers.exchange(advise, at_client, site.stage.size(16 << 20), within=60)
    assert relay.expect("close", kind="advise")["why"] in ("front_eof", "back_eof")
    peers.exchange(link, at_server, site.stage.size(16 << 20), within=60)
    close = relay.expect("close", kind="link")
    assert close["back_local"].startswith(ip + ":") and int(close["up"]) == int(close["down"]) == site.stage.size(16 << 20)
    second.expect_reset()
    assert relay.expect("close", kind="advise", why="lease_ended")


@pytest.mark.parametrize("family", [4, 6])
def test_no_client(site, family):
    """Nobody by that address; nobody any more; in either case an RST at once."""
    here, other = dmz.CLIENTS[family]
    _, relay, link, _ = laid(site, family)
    site.at_client(here, 5500)
    site.advise_refused(other, 5500)
    refused = relay.expect("refuse", kind="advise", why="no_lease")
    assert refused["front_local"] == dmz.text(other, 5500) and refused["front"].startswith(dmz.text(dmz.SERVER[family], "")[:-1])
    link.rst()
    relay.expect("lease_end", client=here)
    since = relay.mark()
    site.advise_refused(here, 5500)
    relay.expect("refuse", since, kind="advise", why="no_lease")


def test_an_advise_ends_with_its_lease(site):
    ip = dmz.CLIENTS[4][0]
    _, relay, link, _ = laid(site)
    listener = site.at_client(ip, 5500)
    advise = site.advise(ip, 5500)
    talk(advise, site.stage.keep(listener.accept()))
    link.rst()
    advise.expect_reset()
    relay.expect("close", kind="advise", why="lease_ended")


@pytest.mark.parametrize("family", [4, 6])
def test_a_stranger(site, family):
    """It is on the server's network, so the rules lead it to the relay, which knows that it is not the server."""
    ip = dmz.CLIENTS[family][0]
    _, relay, _, _ = laid(site, family)
    listener = site.at_client(ip, 5500)
    site.advise_refused(ip, 5500, of=dmz.STRANGER[family])
    assert relay.expect("refuse", kind="advise", why="source_not_allowed").client_ip == ip
    listener.expect_nobody(0)


def test_two_servers_of_one_client(site):
    """The same client, the same port, two links: who dials tells which of them it is."""
    ip = dmz.CLIENTS[4][0]
    site.intercept()
    nodes = {"node-a": dmz.SERVER[4], "node-b": dmz.STRANGER[4]}
    servers = [site.at_server(server) for server in nodes.values()]
    relay = site.start([site.link(name=name, server=server, port=5481 + n, addressing="transparent")
                        for n, (name, server) in enumerate(nodes.items())])
    for n, server in enumerate(servers):
        site.open_link(ip, 5481 + n)
        site.stage.keep(server.accept())
    listener = site.at_client(ip, 5500)
    for name, server in nodes.items():
        advise, at_client = site.advise(ip, 5500, of=server), site.stage.keep(listener.accept())
        talk(advise, at_client)
        advise.close()
        at_client.close()
        assert relay.expect("close", kind="advise", name=name)["front"].startswith(server + ":")


def test_who_dials_the_intercept_port_itself(site):
    _, relay, _, _ = laid(site)
    site.advise_refused(dmz.FAR[4], 5480)
    assert relay.expect("refuse", why="no_lease")["front_local"] == dmz.text(dmz.FAR[4], 5480)
    with site.client.inside():
        peers.connect_reset((dmz.NEAR[4], 5480))


@pytest.mark.parametrize("family", [4, 6])
def test_the_relay_is_down(site, family):
    """The server is refused at once, by the rules, for new connections and for those that were open."""
    ip = dmz.CLIENTS[family][0]
    server, relay, link, at_server = laid(site, family)
    talk(link, at_server)
    relay.kill()
    at_server.expect_end()  # from the kernel, on behalf of the process that it killed
    at_server.send(b"is anybody there?")
    at_server.expect_reset_after_end(1)
    site.advise_refused(ip, 5500)
    relay.restart()
    listener = site.at_client(ip, 5500)
    site.open_link(ip)
    site.stage.keep(server.accept())
    talk(site.advise(ip, 5500), site.stage.keep(listener.accept()))


def test_another_family_than_the_server(site):
    """Nobody can dial IPv4 from an IPv6 address; it is said so, and what to do."""
    site.intercept()
    link = site.link(6, server=dmz.SERVER[4], addressing="transparent")
    relay = site.start([link])
    with site.client.inside():
        peers.connect_reset((dmz.NEAR[6], 5481), bind=dmz.CLIENTS[6][0])
    refused = relay.expect("refuse", kind="link", why="family_mismatch")
    assert refused.client_ip == dmz.CLIENTS[6][0] and "alias" in refused["remedy"]


@pytest.mark.parametrize("capability", ["net_raw", "net_admin"])
def test_a_right_that_the_service_manager_gave(site, capability, monkeypatch):
    """Started as nobody with some rights: one is kept."""
    site.within_reach(monkeypatch)
    sets = f"-all,+{capability},+net_bind_service"
    prefix = (*NOBODY, f"--inh-caps={sets}", f"--ambient-caps={sets}", f"--bounding-set={sets}")
    ip = dmz.CLIENTS[4][0]
    _, relay, _, _ = laid(site, prefix=prefix, user=None)
    status = dict(line.split(":\t", 1) for line in open(f"/proc/{relay.pid}/status", encoding="ascii") if ":\t" in line)
    only = 1 << {"net_raw": CAP_NET_RAW, "net_admin": CAP_NET_ADMIN}[capability]
    assert {name: int(status[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")} == \
        {"CapInh": 0, "CapPrm": only, "CapEff": only, "CapAmb": 0}
    listener = site.at_client(ip, 5500)
    talk(site.advise(ip, 5500), site.stage.keep(listener.accept()))


def test_no_right(site, monkeypatch):
    """Said at the start, and what to do about it."""
    site.within_reach(monkeypatch)
    code, said = site.try_to_start([site.link(addressing="transparent")], prefix=NOBODY)
    assert code == 1
    assert "node-a" in said and "CAP_NET_RAW" in said and "setcap" in said and "AmbientCapabilities=" in said, said


def test_the_intercept_port_is_taken(site):
    with site.relay.inside():
        taken = site.stage.keep(socket.create_server(("0.0.0.0", 5480)))
    assert taken.fileno() >= 0
    code, said = site.try_to_start([site.link(addressing="transparent")])
    assert code == 1
    assert "5480" in said and "intercept_port" in said, said
