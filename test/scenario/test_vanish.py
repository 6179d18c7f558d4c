# SPDX-License-Identifier: Apache-2.0
"""Machines that vanish without a word: packets are dropped, no FIN and no RST ever comes. Needs root, for network namespaces.

The relay and its agent run on the near end of a cable; who vanishes is on the far end.
"""
import os
import time

import netns
import peers
import pytest
import relay as relay_module

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root")

DEAD = 5  # timeouts.dead_peer in these stories; the default is 30


@pytest.fixture
def cable():
    with netns.Cable() as one:
        yield one


def gone_within(relay, start, why, kind, since=0):
    close = relay.expect("close", since, within=DEAD * 3, kind=kind)
    assert close["why"] == why, close
    assert time.monotonic() - start < DEAD * 2 + 2, f"it took {time.monotonic() - start:.1f} s"


def far_client(cable, stage, address, **options):
    with cable.far.inside():
        return stage.connect(address, **options)


def near_server(cable, stage, **options):
    with cable.near.inside():
        return stage.listener(**options)


def test_silent_client_vanishes(stage, cable):
    """Nothing is on its way: keep-alive must find it, and the server's half ends, so that the licence is free."""
    server = near_server(cable, stage)
    relay = stage.relay(prefix=cable.near.prefix, links=[stage.link(server.text, listen=f"{cable.near.ip}:0")],
                        timeouts={"dead_peer": DEAD})
    far_client(cable, stage, relay.address("link"))
    link = stage.keep(server.accept())
    start = time.monotonic()
    cable.far.cut()
    link.expect_reset(within=DEAD * 3)
    gone_within(relay, start, "front_vanished", "link")


def test_client_vanishes_while_bytes_are_on_their_way(stage, cable):
    server = near_server(cable, stage)
    relay = stage.relay(prefix=cable.near.prefix, links=[stage.link(server.text, listen=f"{cable.near.ip}:0")],
                        timeouts={"dead_peer": DEAD})
    far_client(cable, stage, relay.address("link"))
    link = stage.keep(server.accept())
    start = time.monotonic()
    cable.far.cut()
    link.send(b"alarm")
    link.expect_reset(within=DEAD * 3)
    gone_within(relay, start, "front_vanished", "link")


def test_client_vanishes_with_a_full_window(stage, cable):
    """It had stopped reading before: a zero window that nobody answers for is a dead peer too."""
    server = near_server(cable, stage)
    relay = stage.relay(prefix=cable.near.prefix, links=[stage.link(server.text, listen=f"{cable.near.ip}:0")],
                        timeouts={"dead_peer": DEAD})
    far_client(cable, stage, relay.address("link"), receive_buffer=16384)
    link = stage.keep(server.accept())
    link.fill(most=64 << 20)
    start = time.monotonic()
    cable.far.cut()
    link.sock.settimeout(DEAD * 5)
    link.expect_reset(within=DEAD * 5)
    assert relay.expect("close", kind="link")["why"] == "front_vanished"
    assert time.monotonic() - start < DEAD * 4


def test_server_vanishes(stage, cable):
    with cable.far.inside():
        server = stage.listener(ip=cable.far.ip)
    relay = stage.relay(prefix=cable.near.prefix, links=[stage.link(server.text, listen="127.0.0.1:0")],
                        timeouts={"dead_peer": DEAD, "dial": 2})
    with cable.near.inside():
        client = stage.connect(relay.address("link"))
    stage.keep(server.accept())
    start = time.monotonic()
    cable.far.cut()
    client.expect_reset(within=DEAD * 3)
    gone_within(relay, start, "back_vanished", "link")
    with cable.near.inside():
        took = peers.connect_reset(relay.address("link"), within=5)
    assert took < 4
    assert relay.expect("refuse", kind="link")["why"] in ("dial_timeout", "dial_unreachable", "node_down")
    cable.far.mend()
    end = time.monotonic() + 15
    while True:
        try:
            with cable.near.inside():
                stage.connect(relay.address("link"))
            stage.keep(server.accept(within=3))
            break
        except (peers.PeerError, ConnectionResetError):
            assert time.monotonic() < end, "the server is back, but the relay does not reach it"


def tunnel_over_the_cable(stage, cable, server, **more):
    """The relay near, the agent and its clients far."""
    clients = ["127.0.0.0/8", "10.77.0.0/24"]
    relay = stage.relay(prefix=cable.near.prefix, links=[stage.link(server.text, listen=None, advise=stage.alias())],
                        tunnel=stage.tunnel(stage.allow("site-a", clients=clients), listen=f"{cable.near.ip}:0", heartbeat=1),
                        timeouts={"dead_peer": DEAD})
    settings = stage.agent_settings("site-a", relay.address_text("tunnel"), **more)
    settings["clients"] = clients
    settings["timeouts"] = {"dead_peer": DEAD}
    agent = stage.add(relay_module.Georelay(stage.folder, "agent", settings, prefix=cable.far.prefix))
    agent.expect("tunnel_up")
    stage.remember(relay, agent)
    return relay, agent


def test_agents_machine_vanishes_and_returns(stage, cable):
    server = near_server(cable, stage)
    relay, agent = tunnel_over_the_cable(stage, cable, server)
    with cable.far.inside():
        stage.connect(agent.address("link"))
    link = stage.keep(server.accept())
    mark, far_mark, start = relay.mark(), agent.mark(), time.monotonic()
    cable.far.cut()
    assert relay.expect("agent_down", mark)["why"] == "heartbeat_lost"
    assert time.monotonic() - start < 6
    link.expect_reset(within=DEAD * 3)
    relay.wait_counts({"links": 0, "agents": 0, "spares": 0})
    assert agent.expect("tunnel_down", far_mark)["why"] in ("heartbeat_lost", "back_vanished", "channel_lost")
    cable.far.mend()
    relay.expect("agent_up", mark, within=30)
    agent.expect("tunnel_up", far_mark, within=30)
    with cable.far.inside():
        again = stage.connect(agent.address("link"))
    stage.keep(server.accept()).send(b"recovered")
    again.expect(b"recovered")


def test_dial_back_right_after_the_cut_is_reset_soon(stage, cable):
    """The agent is gone but nobody knows yet: the server must not be left hanging."""
    server = near_server(cable, stage)
    relay, agent = tunnel_over_the_cable(stage, cable, server)
    with cable.far.inside():
        stage.listener(ip="127.0.0.1", port=5500)
        stage.connect(agent.address("link"))
    link = stage.keep(server.accept())
    cable.far.cut()
    with cable.near.inside():
        advise = stage.connect((link.remote[0], 5500))
    took = advise.expect_reset(within=8)
    assert took < 7
    assert relay.expect("refuse", kind="advise")["why"] in ("no_spare", "agent_down", "answer_timeout", "channel_lost")
    cable.far.mend()
    relay.expect("agent_up", relay.mark() - 1, within=30)


def test_firewall_that_forgets_idle_connections(stage, cable):
    """Heartbeats keep every channel of the tunnel busy, so a firewall with a short memory never forgets one."""
    server = near_server(cable, stage)
    forget_after(cable.far, seconds=3)
    relay, agent = tunnel_over_the_cable(stage, cable, server)
    with cable.far.inside():
        listener = stage.listener(ip="127.0.0.1", port=5500)
        stage.connect(agent.address("link"))
    link = stage.keep(server.accept())
    mark = relay.mark()
    time.sleep(8)  # longer than the firewall remembers
    with cable.near.inside():
        advise = stage.connect((link.remote[0], 5500))
    advise.send(b"alarm")
    stage.keep(listener.accept()).expect(b"alarm")
    assert not relay.events("agent_down", mark)


def forget_after(namespace, seconds):
    """A firewall on the machine that drops what belongs to no connection it knows, and forgets idle ones soon."""
    inside = ("ip", "netns", "exec", namespace.name)
    netns.run(*inside, "nft", "-f", "-", text="""
        table inet forgetful {
            chain out { type filter hook output priority 0; oif "cable" ct state invalid drop; }
            chain in { type filter hook input priority 0; iif "cable" ct state { new, invalid } drop; }
        }""")
    netns.run(*inside, "sh", "-c", f"cd /proc/sys/net/netfilter && echo 0 > nf_conntrack_tcp_loose && "
                                   f"echo {seconds} > nf_conntrack_tcp_timeout_established")
