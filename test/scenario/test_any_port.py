# SPDX-License-Identifier: Apache-2.0
"""Addressing "alias" and dial-backs at ports outside of "ports": taken up with any_port and its rule, never lost in silence. Needs root."""
import os
import signal

import dmz
import netns
import peers
import pytest

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root")

NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all", "--ambient-caps=-all", "--bounding-set=-all")
POOL = {4: "10.20.0.64", 6: "fd00:20::64"}  # routed to the relay by the server's machine


@pytest.fixture
def site(stage):
    with dmz.Dmz(stage) as one:
        for ip in POOL.values():
            one.give(one.relay, ip)
        yield one


def laid(site, family=4, prefix=(), user="nobody", **advise):
    """A relay and a client with its link."""
    server = site.at_server(family=family)
    relay = site.start([site.link(family, addressing="alias", pool=[POOL[family]], **advise)], prefix=prefix, user=user)
    site.open_link(dmz.CLIENTS[family][0])
    at_server = site.stage.keep(server.accept())
    assert at_server.remote[0] == POOL[family]
    return relay


def advised(site, family, port):
    """An advise at this port comes to the client's port of that number."""
    listener = site.at_client(dmz.CLIENTS[family][0], port)
    advise = site.advise(POOL[family], port)
    at_client = site.stage.keep(listener.accept())
    advise.send(b"ping")
    at_client.expect(b"ping")
    at_client.send(b"pong")
    advise.expect(b"pong")


def missed(relay, family, port, since=0):
    event = relay.expect("advise_missed", since, level="warn", port=port)
    assert (event["link"], event["agent"], event["client"], event["address"]) == \
        ("node-a", "direct", dmz.CLIENTS[family][0], POOL[family]), event
    return event["remedy"]


@pytest.mark.tsan
@pytest.mark.parametrize("family", [4, 6])
def test_any_port_with_its_rule(site, family):
    """As nobody without any right. Nobody is warned of what was taken up: the first warning is of what came after the rule was gone."""
    site.take_any_port(POOL[family])
    relay = laid(site, family, any_port="on")
    assert dmz.has_only(relay.pid, None)
    for port in (5500, 5509, 5510, 40123, 5481, 5480):
        advised(site, family, port)
    netns.run(*site.relay.prefix, "nft", "delete", "table", "inet", "advise")
    advised(site, family, 5501)
    site.advise_refused(POOL[family], 5511)
    remedy = missed(relay, family, 5511)
    assert "TPROXY" in remedy and "georelay firewall" in remedy
    assert len(relay.events("advise_missed")) == 1


@pytest.mark.parametrize("family", [4, 6])
def test_a_port_that_is_not_caught(site, family):
    """The client's range was full. The server is refused by the kernel, and the administrator hears of it."""
    relay = laid(site, family)
    assert dmz.has_only(relay.pid, None)
    advised(site, family, 5509)
    site.advise_refused(POOL[family], 5510)
    assert "any_port" in missed(relay, family, 5510)
    assert relay.expect("advise_missed")["server"] == dmz.SERVER[family]


def test_what_is_no_advise_is_not_told(site):
    """A stranger's SYN, one to an address that nobody leases, one to another address of the machine; the warning after them is the first."""
    server = site.at_server()
    site.give(site.relay, "10.20.0.65")
    relay = site.start([site.link(addressing="alias", pool=["10.20.0.64-10.20.0.65"])])
    site.open_link(dmz.CLIENTS[4][0])
    leased = site.stage.keep(server.accept()).remote[0]
    other = "10.20.0.65" if leased == "10.20.0.64" else "10.20.0.64"
    site.advise_refused(leased, 5510, of=dmz.STRANGER[4])
    site.advise_refused(other, 5510)
    site.advise_refused(dmz.FAR[4], 5510)
    site.advise_refused(leased, 5599)
    relay.expect("advise_missed", port=5599)
    assert len(relay.events("advise_missed")) == 1


def test_no_lease(site):
    """The rule leads everything to the relay, which refuses at once what nobody waits for."""
    site.take_any_port(POOL[4])
    relay = site.start([site.link(addressing="alias", pool=[POOL[4]], any_port="on")])
    site.advise_refused(POOL[4], 5500)
    relay.expect("refuse", kind="advise", why="no_lease")


def test_a_flood_of_missed_advises(site):
    """A warning of each would fill the disk."""
    relay = laid(site)
    with site.server.inside():
        for _ in range(300):
            with pytest.raises(ConnectionRefusedError):
                peers.connect((POOL[4], 6000), bind=dmz.SERVER[4], timeout=1)
    site.advise_refused(POOL[4], 6001)
    relay.expect("advise_missed", port=6000)
    assert len(relay.events("advise_missed")) <= 120


def test_without_the_right_to_see(site, monkeypatch):
    """It works as ever, and says what it can't see."""
    site.within_reach(monkeypatch)
    relay = laid(site, prefix=NOBODY, user=None)
    assert "CAP_NET_RAW" in relay.expect("advise_watch_off", level="info")["remedy"]
    advised(site, 4, 5500)
    site.advise_refused(POOL[4], 5510)
    since = relay.mark()
    relay.signal(signal.SIGUSR1)
    relay.expect("counts", since)
    assert not relay.events("advise_missed")


def test_any_port_without_the_right(site, monkeypatch):
    site.within_reach(monkeypatch)
    code, said = site.try_to_start([site.link(addressing="alias", pool=[POOL[4]], any_port="on")], prefix=NOBODY)
    assert code == 1
    assert "any_port" in said and "CAP_NET_RAW" in said, said
