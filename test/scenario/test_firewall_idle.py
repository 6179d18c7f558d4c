# SPDX-License-Identifier: Apache-2.0
"""A firewall in the middle that forgets a connection which is silent for some seconds, and drops or resets what it does not know.

The relay is on the near machine, agents and clients on the far one; only far machines may open connections. Needs root.
"""
import contextlib
import os
import socket
import ssl
import time

import conntrack
import netns
import peers
import pytest
import relay as relay_module

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root")

FORGETS = 5  # seconds of silence after which the firewall has forgotten a connection
NEAR, FAR = "10.77.1.2", "10.77.2.2"
UNKNOWN = {"drop": "drop", "reset": "reject with tcp reset"}


class Hall:
    """Machines near and far, and between them one that forwards: a stateful firewall."""

    def __init__(self):
        stem = f"gh{os.getpid()}"
        self.near = self.far = self.middle = None
        try:
            self.near, self.far, self.middle = (netns.Namespace(stem + name, ip) for name, ip in (("n", NEAR), ("f", FAR), ("m", None)))
            for number, end in ((1, self.near), (2, self.far)):
                netns.run("ip", "-n", end.name, "link", "add", "cable", "type", "veth", "peer", "name", f"cable{number}", "netns",
                          self.middle.name)
                netns.run("ip", "-n", end.name, "address", "add", end.ip + "/24", "dev", "cable")
                netns.run("ip", "-n", end.name, "link", "set", "cable", "up")
                netns.run("ip", "-n", self.middle.name, "address", "add", f"10.77.{number}.1/24", "dev", f"cable{number}")
                netns.run("ip", "-n", self.middle.name, "link", "set", f"cable{number}", "up")
                netns.run("ip", "-n", end.name, "route", "add", "default", "via", f"10.77.{number}.1")
        except BaseException:
            self.close()
            raise

    def rules(self, unknown="drop", forgets=FORGETS):
        """Only the far machine may open connections. What belongs to none is dropped, or answered with RST."""
        netns.run(*self.middle.prefix, "nft", "-f", "-", text=f"""
            flush ruleset
            table inet hall {{
                chain forward {{
                    type filter hook forward priority 0; policy drop
                    ct state established,related accept
                    iif "cable2" ct state new tcp flags & (syn | ack) == syn accept
                    meta l4proto tcp {UNKNOWN[unknown]}
                }}
            }}""")
        netns.run(*self.middle.prefix, "sh", "-ec", f"echo 1 > /proc/sys/net/ipv4/ip_forward; cd /proc/sys/net/netfilter; "
                                                    f"echo 0 > nf_conntrack_tcp_loose; "
                                                    f"echo {forgets} > nf_conntrack_tcp_timeout_established")

    def forget(self):
        """The firewall loses its state."""
        conntrack.forget(self.middle)

    def close(self):
        for machine in (self.near, self.far, self.middle):
            if machine is not None:
                machine.delete()


@pytest.fixture
def hall():
    with contextlib.closing(Hall()) as one:
        one.middle.role = "the firewall in the middle"
        one.rules()
        yield one


class Crossing:
    """Each kind of connection that georelay has, across the firewall, and idle."""

    def __init__(self, stage, hall, timeouts, heartbeat):
        self.hall = hall
        with hall.near.inside():
            server = stage.listener(ip="127.0.0.1", name="server")
            web = stage.listener(ip="127.0.0.1", name="web server")
        links = [stage.link(server.text, "agent", None, stage.alias(grace=5)), stage.link(server.text, "direct", f"{NEAR}:5481")]
        self.relay = stage.relay(prefix=hall.near.prefix, links=links, timeouts=timeouts, web=[stage.web(web.text, listen=f"{NEAR}:0")],
                                 tunnel=stage.tunnel(stage.allow("site-a", "agent", clients=["127.0.0.0/8", FAR]), listen=f"{NEAR}:0",
                                                     heartbeat=heartbeat))
        settings = stage.agent_settings("site-a", self.relay.address_text("tunnel"), "agent", clients=["127.0.0.0/8", FAR], timeouts=timeouts)
        self.agent = stage.add(relay_module.Georelay(stage.folder, "agent", settings, prefix=hall.far.prefix))
        self.agent.expect("tunnel_up")
        stage.remember(self.relay, self.agent)
        self.pairs = {}
        with hall.far.inside():
            advises = stage.listener(ip="127.0.0.1", port=5500, name="client")
            client = stage.connect(self.agent.address("link", "agent"))
            self.pairs["link"] = client, stage.keep(server.accept())
            self.pairs["direct"] = stage.connect((NEAR, 5481)), stage.keep(server.accept())
            self.pairs["web"] = self._tls(stage), stage.keep(web.accept())
        with hall.near.inside():
            advise = stage.connect((self.pairs["link"][1].remote[0], 5500), name="advise at the server")
        self.pairs["advise"] = stage.keep(advises.accept()), advise
        for name in self.pairs:
            self.talk(name)
        self.relay.wait_counts({"spares": 4, "agents": 1})
        self.marks = self.relay.mark(), self.agent.mark()

    def _tls(self, stage):
        context = ssl.create_default_context(cafile=stage.pki.ca)
        context.check_hostname = False
        raw = socket.create_connection(self.relay.address("web"), 10)
        return stage.keep(peers.Peer(context.wrap_socket(raw), "browser"))

    def talk(self, name):
        """Both ends still hear each other."""
        for one, other in (self.pairs[name], self.pairs[name][::-1]):
            one.send(b"are you there")
            other.expect(b"are you there")

    def ends(self, kind):
        """(why at the relay, why at the agent), when both ends of a tunnelled session are over."""
        return tuple(one.expect("close", mark, kind=kind, name="agent", within=30)["why"]
                     for one, mark in zip((self.relay, self.agent), self.marks))


@pytest.mark.slow
def test_idle_connections_survive(hall, stage):
    """firewall_idle below what the firewall bears: nothing is lost, although nobody says anything and heartbeats are rare."""
    crossing = Crossing(stage, hall, {"firewall_idle": FORGETS - 1, "dead_peer": 60, "handshake": 10}, heartbeat=60)
    time.sleep(FORGETS * 4)  # nothing but silence
    for one, mark in zip((crossing.relay, crossing.agent), crossing.marks):
        assert not [event for event in one.lines[mark:] if event["ev"] in ("close", "tunnel_down", "agent_down")], one.tail()
    for name in crossing.pairs:
        crossing.talk(name)
    counts = crossing.relay.counts()
    assert counts["agents"] == 1 and counts["spares"] == 4, counts


@pytest.mark.slow
def test_both_ends_notice_what_the_firewall_forgot(hall, stage):
    """firewall_idle far above the truth: the first probe comes too late, and each end finds out for itself within dead_peer."""
    dead = 4 * FORGETS
    crossing = Crossing(stage, hall, {"firewall_idle": 3600, "dead_peer": dead}, heartbeat=1)
    start = time.monotonic()
    assert crossing.ends("link") == ("front_vanished", "back_vanished")
    assert crossing.ends("advise") == ("back_vanished", "front_vanished")
    assert crossing.relay.expect("close", crossing.marks[0], name="direct", within=30)["why"] == "front_vanished"
    assert crossing.relay.expect("close", crossing.marks[0], kind="web", within=30)["why"] == "front_vanished"
    assert FORGETS < time.monotonic() - start < dead + 4
    for name in ("link", "advise"):
        for end in crossing.pairs[name]:
            end.expect_reset()
    for name in ("direct", "web"):
        crossing.pairs[name][1].expect_reset()
    assert not crossing.relay.events("agent_down")


def test_both_ends_notice_that_the_firewall_lost_its_state(hall, stage):
    """As after a restart or a fail-over of the firewall: whoever is idle knows within dead_peer, and the tunnel comes back."""
    dead = 6
    crossing = Crossing(stage, hall, {"firewall_idle": 6, "dead_peer": dead}, heartbeat=60)
    hall.forget()
    start = time.monotonic()
    assert crossing.ends("link") == ("front_vanished", "back_vanished")
    assert crossing.ends("advise") == ("back_vanished", "front_vanished")
    assert time.monotonic() - start < dead + 3
    assert crossing.agent.expect("tunnel_down", crossing.marks[1])["why"] == "channel_lost"
    crossing.relay.expect("agent_up", crossing.marks[0], within=30)
    crossing.relay.wait_counts({"spares": 4, "agents": 1, "links": 0}, within=30)


def test_both_ends_notice_a_firewall_that_resets(hall, stage):
    """A firewall that answers what it does not know is told at once from the peer's silence."""
    hall.rules(unknown="reset")
    crossing = Crossing(stage, hall, {"firewall_idle": 6, "dead_peer": 30}, heartbeat=60)
    hall.forget()
    start = time.monotonic()
    assert crossing.ends("link") == ("front_reset", "back_reset")
    assert crossing.ends("advise") == ("back_reset", "front_reset")
    assert time.monotonic() - start < 6
    for name in ("link", "advise"):
        for end in crossing.pairs[name]:
            end.expect_reset()


@pytest.mark.slow
def test_client_that_does_not_read_for_long(hall, stage):
    """Probes of a closed window become rare; where the kernel lets us (Linux 6.15), never rarer than the firewall bears."""
    if not kernel_bounds_pauses():
        pytest.skip("this kernel has no TCP_RTO_MAX_MS: the probes of a peer that does not read may be two minutes apart")
    crossing = Crossing(stage, hall, {"firewall_idle": FORGETS - 1, "dead_peer": 60}, heartbeat=60)
    client, server = crossing.pairs["direct"]
    size, pattern = stage.size(64 << 20), peers.Pattern()
    server.sock.settimeout(300)
    task = peers.Task(pattern.send, server, size)
    time.sleep(FORGETS * 6)  # by now the kernel's own pauses would be longer than the firewall remembers
    pattern.verify(client, size)
    task.done()


def kernel_bounds_pauses():
    with socket.socket() as one:
        with contextlib.suppress(OSError):
            one.setsockopt(socket.IPPROTO_TCP, 44, 20000)
            return True
    return False
