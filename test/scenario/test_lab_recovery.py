# SPDX-License-Identifier: Apache-2.0
"""What firewalls and cables do to connections, and how everything comes back without help. docs/recovery.md has the times."""
import datetime
import signal
import time

import build
import geosim
import matrix
import peers
import pytest
import site_of_row
from stories import lab, needs_lab, stage  # noqa: F401

pytestmark = needs_lab

DEAD = 5  # timeouts.dead_peer in these stories; the default is 30
HEARD = {"dial": 1, "dead_peer": DEAD}
AGENT = matrix.Row("alias", "agent", "one-way", "one-way")
DIRECT = matrix.Row("off", "relay", "one-way", "one-way")


class Clock:
    """Seconds since the last start(), by the log's own times; printed, for docs/recovery.md (pytest -s)."""

    def start(self, what):
        self.zero = datetime.datetime.now(datetime.timezone.utc)
        print(f"\n  {what}")

    def took(self, what, event, most):
        stamp = datetime.datetime.fromisoformat(event["ts"].replace("Z", "+00:00"))
        seconds = (stamp - self.zero).total_seconds()
        print(f"    {seconds:5.1f} s  {what}")
        assert seconds < most * build.patience(), f"{what} took {seconds:.1f} s, at most {most} were expected"

    def now(self, what):
        print(f"    {(datetime.datetime.now(datetime.timezone.utc) - self.zero).total_seconds():5.1f} s  {what}")


@pytest.fixture
def clock():
    return Clock()


def laid(lab, stage, row=AGENT, **options):  # noqa: F811
    """The row's programs, with clients that get alarms and send requests until they are told to stop."""
    site = site_of_row.Site(lab, stage, row)
    site.timeouts = HEARD
    site.allow()
    site.start(alarms=0, alarms_per_second=20)
    clients = [site.client(name, alarms=None, no_reconnect=None, strict=None, requests_per_second=20, drain_ms=1500, **options) for name in ("c1", "c2")]
    for client in clients:
        client.wait_word("alarms", 20)
    return site, clients


def go_on(clients, clock):  # noqa: F811
    """Alarms of all clients flow again, and soon all links are there too."""
    marks = [(client, client.mark(), client.latest()["alarms"]) for client in clients]
    for client, mark, alarms in marks:
        client.wait_word("alarms", alarms + 1, mark, within=30)
    clock.now("alarms flow at both clients (±1 s: the simulator speaks once a second)")
    for client, mark, _ in marks:
        client.wait_word("connected", 1, mark, within=30)


def all_came(clients, *codes):
    """In the end nothing is lost, whatever was in between."""
    for client in clients:
        client.signal(signal.SIGTERM)
    for client in clients:
        code = client.wait_end(60)
        assert code in (codes or [0]), f"{client.name} exited with {code}:\n{client.tail()}"
        final = client.final(code=code)
        bad = {key: final[key] for key in ("lost", "duplicated", "reordered", "corrupt", "foreign") if final[key] != 0}
        assert not bad and final["alarms"] > 20, f"{client.name}: {bad} in {final}"


def nothing_towards_clients(lab):  # noqa: F811
    assert lab.opened("fw1", "towards_clients") == lab.refused("fw1", "towards_clients") == 0


@pytest.mark.slow
def test_a_short_cut_breaks_nothing(lab, stage):  # noqa: F811
    site, clients = laid(lab, stage)
    cable = lab.net.cable("fw1", "clients")
    mark = site.relay.mark()
    cable.cut()
    time.sleep(1)  # the length of the cut is the story
    cable.heal()
    for client in clients:
        client.wait_word("alarms", client.latest()["alarms"] + 30)
    assert not site.relay.events("agent_down", mark) and not site.relay.events("close", mark)
    all_came(clients)
    nothing_towards_clients(lab)


# A server that was out of reach when the relay ended its links keeps its halves until its own keep-alive finds out; the simulator
# has none, so at the end it believes that the application is still linked. That is exit code 1 at the client.
GHOSTS = (0, 1)


@pytest.mark.parametrize("machine, network", [("fw1", "clients"), ("host", "dmz")])
@pytest.mark.slow
def test_cut_between_clients_and_relay(lab, stage, clock, machine, network):  # noqa: F811
    site, clients = laid(lab, stage)
    relay, agent = site.relay, site.agents["site"]
    cable, mark, far_mark = lab.net.cable(machine, network), relay.mark(), agent.mark()
    clock.start(f"cut: {machine} from {network}")
    cable.cut()
    clock.took("the relay knows that the agent is gone", relay.expect("agent_down", mark), 6)
    clock.took("the agent knows that the relay is gone", agent.expect("tunnel_down", far_mark), 6)
    clock.took("the server's links are ended", relay.expect("close", mark, within=DEAD * 4, kind="link"), DEAD * 2 + 2)
    clock.took("the clients' links are ended", agent.expect("close", far_mark, within=DEAD * 4, kind="link"), DEAD * 2 + 2)
    mark = relay.mark()
    clock.start("healed")
    cable.heal()
    clock.took("the agent is back", relay.expect("agent_up", mark, within=30), 8)
    go_on(clients, clock)
    all_came(clients, *(() if machine == "fw1" else GHOSTS))
    nothing_towards_clients(lab)


@pytest.mark.slow
def test_cut_between_relay_and_server(lab, stage, clock):  # noqa: F811
    site, clients = laid(lab, stage)
    relay, agent = site.relay, site.agents["site"]
    cable, mark, far_mark = lab.net.cable("server"), relay.mark(), agent.mark()
    clock.start("cut: the server")
    cable.cut()
    clock.took("the relay ends the links", relay.expect("close", mark, within=DEAD * 4, kind="link", why="back_vanished"), DEAD * 2 + 2)
    clock.took("the clients' links are ended", agent.expect("close", far_mark, within=DEAD * 4, kind="link"), DEAD * 2 + 2)
    refused = relay.expect("refuse", mark, within=30, kind="link")
    assert refused["why"] in ("dial_timeout", "dial_unreachable", "node_down"), refused
    assert not relay.events("agent_down", mark)
    clock.start("healed")
    cable.heal()
    go_on(clients, clock)
    all_came(clients, *GHOSTS)
    nothing_towards_clients(lab)


@pytest.mark.parametrize("wall, answers", [("fw1", False), ("fw1", True), ("fw2", False), ("fw2", True)],
                         ids=["fw1-silent", "fw1-resets", "fw2-silent", "fw2-resets"])
@pytest.mark.slow
def test_a_firewall_loses_its_state(lab, stage, clock, wall, answers):  # noqa: F811
    """Not a packet of any open connection comes through any more; it is dropped in silence, or answered with a reset."""
    site, clients = laid(lab, stage)
    relay, agent = site.relay, site.agents["site"]
    mark, far_mark = relay.mark(), agent.mark()
    if answers:
        lab.firewalls[wall].answer_with_resets()
    clock.start(f"{wall} forgets everything and " + ("answers with resets" if answers else "drops in silence"))
    lab.firewalls[wall].forget()
    if wall == "fw1":
        clock.took("the agent knows that the tunnel is lost", agent.expect("tunnel_down", far_mark), 4 if answers else 6)
        clock.took("the tunnel is back", agent.expect("tunnel_up", far_mark, within=30), 14)
    clock.took("the clients' links are ended", agent.expect("close", far_mark, within=DEAD * 4, kind="link"), DEAD * 2 + 2)
    clock.took("the server's links are ended", relay.expect("close", mark, within=DEAD * 4, kind="link"), DEAD * 2 + 2)
    go_on(clients, clock)
    all_came(clients, *(() if wall == "fw1" else GHOSTS))
    nothing_towards_clients(lab)


@pytest.mark.slow
def test_server_licence_is_free_after_the_outer_firewall_lost_a_direct_client(lab, stage, clock):  # noqa: F811
    """Without an agent nobody can tell the client, but the server's half ends; a client that comes again is served."""
    site = site_of_row.Site(lab, stage, DIRECT)
    site.timeouts = HEARD
    site.allow()
    server = site.play()
    with lab["c1"].inside():
        client = stage.connect(peers_address(site))
    link = stage.keep(server.accept())
    client.send(b"before")
    link.expect(b"before")
    clock.start("fw1 forgets a direct client")
    lab.firewalls["fw1"].forget()
    link.expect_reset(within=DEAD * 3)
    clock.took("the server's link is ended", site.relay.expect("close", kind="link", why="front_vanished"), DEAD * 2 + 2)
    with lab["c1"].inside():
        again = stage.connect(peers_address(site))
    again.send(b"after")
    stage.keep(server.accept()).expect(b"after")
    nothing_towards_clients(lab)


@pytest.mark.parametrize("row", [AGENT, DIRECT], ids=["agent", "direct"])
@pytest.mark.slow
def test_firewalls_with_a_short_memory(lab, stage, row):  # noqa: F811
    """Links, advise and tunnel are silent for longer than both firewalls remember; then each still works, both ways."""
    site = site_of_row.Site(lab, stage, row)
    site.timeouts = {"dial": 1, "firewall_idle": 3}
    site.allow()
    for wall in lab.firewalls.values():
        wall.remember_for(3)
    server = site.play()
    with lab["c1"].inside():
        listener = stage.listener(ip=lab["c1"].ip(), port=5500)
        client = stage.connect(peers_address(site))
    link = stage.keep(server.accept())
    ends = [(client, link)]
    if row.addressing != "off":
        with lab["server"].inside():
            at_server = stage.connect((link.remote[0], 5500))
        ends.append((at_server, stage.keep(listener.accept())))
    for pause in (7, 0):
        for one, other in ends:
            for sender, receiver in ((one, other), (other, one)):
                sender.send(b"still here")
                receiver.expect(b"still here")
        time.sleep(pause)  # the silence is the story
    if row.addressing != "off":  # and a new advise after the silence
        with lab["server"].inside():
            stage.connect((link.remote[0], 5500)).send(b"new")
        stage.keep(listener.accept()).expect(b"new")
    nothing_towards_clients(lab)


@pytest.mark.slow
def test_a_slow_line(lab, stage):  # noqa: F811
    """1 Mbit/s between the clients' network and the DMZ: everything comes, only later."""
    site = site_of_row.Site(lab, stage, AGENT)
    site.allow()
    lab.net.cable("fw1", "clients").throttle("1mbit")
    site.start(alarms=200, alarms_per_second="max", alarm_bytes=500)
    clients = [site.client(name, alarms=200) for name in ("c1", "c2")]
    for client in clients:
        geosim.verified(client.final(), 200)
    site.counters_agree()


def peers_address(site):
    ip, port = site.entry("c1").rsplit(":", 1)
    return ip, int(port)
