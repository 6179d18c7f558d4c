# SPDX-License-Identifier: Apache-2.0
"""Clients on the agent's own machine that connect over loopback: the server side knows them by the machine's address.

The relay and the server are on the near end of a cable, the agent and its clients on the far end. Needs root.
"""
import contextlib
import os

import netns
import peers
import pytest
import relay as relay_module

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root")

LAN, LAN6 = "10.77.0.2", "fd77::2"


@pytest.fixture
def cable():
    with netns.Cable() as one:
        for end, ip in ((one.near, "fd77::1"), (one.far, LAN6)):
            netns.run("ip", "-n", end.name, "address", "add", ip + "/64", "dev", "cable", "nodad")
        netns.run("ip", "-n", one.far.name, "address", "add", "10.77.0.9/24", "dev", "cable")
        yield one


class Machine:
    """The agent's machine, with a relay to talk to."""

    def __init__(self, stage, cable, known=(LAN,), tunnel="10.77.0.1:0", listen="127.0.0.1:0", **settings):
        self.cable = cable
        with cable.near.inside():
            self.server = stage.listener(ip="127.0.0.1")
        self.relay = stage.relay(prefix=cable.near.prefix, links=[stage.link(self.server.text, listen=None, advise=stage.alias())],
                                 tunnel=stage.tunnel(stage.allow("site-a", clients=known), listen=tunnel))
        whole = stage.agent_settings("site-a", self.relay.address_text("tunnel"), listen=[{"name": "node-a", "listen": [listen]}],
                                     **{"clients": ["127.0.0.1/32"], **settings})
        self.agent = stage.add(relay_module.Georelay(stage.folder, "agent", whole, prefix=cable.far.prefix))
        self.agent.expect("tunnel_up")
        stage.remember(self.relay, self.agent)

    def link(self, stage, **options):
        """The server's end of a link that a client here opens."""
        with self.cable.far.inside():
            stage.connect(self.agent.address("link"), **options)
        return stage.keep(self.server.accept())

    def advise(self, stage, link):
        """The server dials back."""
        with self.cable.near.inside():
            return stage.connect((link.remote[0], 5500))

    def advise_is_reset(self, link):
        with self.cable.near.inside():
            peers.connect_reset((link.remote[0], 5500), within=5)
        return self.agent.expect("refuse", kind="advise")

    def listener(self, stage, ip):
        with self.cable.far.inside():
            return stage.listener(ip=ip, port=5500)

    def is_known_as(self, address):
        assert self.relay.expect("lease_new")["client"] == address

    def refused(self):
        with self.cable.far.inside():
            peers.connect_reset(self.agent.address("link"))
        return self.agent.expect("refuse", kind="link")


@pytest.mark.parametrize("listens", [LAN, "127.0.0.1", "0.0.0.0"])
def test_known_by_the_address_of_the_machine(stage, cable, listens):
    """Programs bind one address or the other: the advise arrives."""
    machine = Machine(stage, cable)
    client = machine.listener(stage, listens)
    link = machine.link(stage)
    machine.is_known_as(LAN)
    advise = machine.advise(stage, link)
    advise.send(b"alarm")
    stage.keep(client.accept()).expect(b"alarm")


def test_both_addresses_listened_on(stage, cable):
    """The machine's address comes first: that is where the client would be dialled without a relay."""
    machine = Machine(stage, cable)
    lan, loopback = machine.listener(stage, LAN), machine.listener(stage, "127.0.0.1")
    advise = machine.advise(stage, machine.link(stage))
    advise.send(b"alarm")
    stage.keep(lan.accept()).expect(b"alarm")
    loopback.expect_nobody(0.2)


def test_nobody_listens(stage, cable):
    machine = Machine(stage, cable)
    event = machine.advise_is_reset(machine.link(stage))
    assert event["why"] == "dial_refused" and event["back"] == "127.0.0.1:5500", event


def test_relay_that_knows_loopback_only(stage, cable):
    """What the relay's list must hold is said at both ends, with the address."""
    machine = Machine(stage, cable, known=["127.0.0.1"])
    event = machine.refused()
    assert event["why"] == "client_not_allowed" and event["at"] == "back" and event.client_ip == LAN, event
    at_relay = machine.relay.expect("refuse", kind="link")
    assert at_relay["why"] == "client_not_allowed" and at_relay.client_ip == LAN, at_relay
    assert "clients" in event["remedy"] and "clients" in at_relay["remedy"]


def test_list_with_the_network_only(stage, cable):
    """Loopback clients may come, since their address is in the list; but nothing is delivered to loopback, which is not."""
    machine = Machine(stage, cable, clients=[f"{LAN}/32"])
    client = machine.listener(stage, "127.0.0.1")
    link = machine.link(stage)
    machine.is_known_as(LAN)
    event = machine.advise_is_reset(link)
    assert event["why"] == "dial_refused" and event["back"] == f"{LAN}:5500", event
    client.expect_nobody(0.2)


def test_list_with_neither(stage, cable):
    machine = Machine(stage, cable, clients=["10.77.0.50/32"])
    event = machine.refused()
    assert event["why"] == "client_not_allowed" and event["at"] == "relay", event


def test_client_address_overrides(stage, cable):
    machine = Machine(stage, cable, known=["10.77.0.9"], client_address="10.77.0.9")
    client = machine.listener(stage, "10.77.0.9")
    link = machine.link(stage)
    machine.is_known_as("10.77.0.9")
    machine.advise(stage, link).send(b"alarm")
    stage.keep(client.accept()).expect(b"alarm")


def test_ipv6(stage, cable):
    machine = Machine(stage, cable, known=[LAN6], tunnel="[fd77::1]:0", listen="[::1]:0", clients=["::1/128"])
    client = machine.listener(stage, LAN6)
    link = machine.link(stage)
    machine.is_known_as(LAN6)
    machine.advise(stage, link).send(b"alarm")
    stage.keep(client.accept()).expect(b"alarm")


def test_tunnel_of_the_other_family(stage, cable):
    """The machine has no address of the client's family towards the relay: loopback it stays."""
    machine = Machine(stage, cable, known=["::1"], listen="[::1]:0", clients=["::1/128"])
    client = machine.listener(stage, "::1")
    link = machine.link(stage)
    machine.is_known_as("::1")
    machine.advise(stage, link).send(b"alarm")
    stage.keep(client.accept()).expect(b"alarm")


def test_listener_on_the_address_of_the_machine(stage, cable):
    """A client that reaches the agent by the network's address is known by its own, as before."""
    machine = Machine(stage, cable, known=["10.77.0.9"], listen=f"{LAN}:0", clients=["10.77.0.9/32"])
    client = machine.listener(stage, "10.77.0.9")
    link = machine.link(stage, bind="10.77.0.9")
    machine.is_known_as("10.77.0.9")
    machine.advise(stage, link).send(b"alarm")
    stage.keep(client.accept()).expect(b"alarm")


def test_agent_never_dials_from_an_advise_port(stage, cable):
    """The kernel has few ports to give, and half of them are advise ports: none of those becomes a connection's own."""
    netns.run("ip", "netns", "exec", cable.far.name, "sh", "-c", "echo 5480 5520 > /proc/sys/net/ipv4/ip_local_port_range")
    machine = Machine(stage, cable, listen="127.0.0.1:4000")
    machine.listener(stage, LAN)
    link = machine.link(stage)
    for _ in range(2):
        machine.advise(stage, link)
    machine.agent.wait_counts({"links": 1, "advises": 2, "spares": 4})
    used = own_ports(machine.agent)
    assert len(used) >= 8, used  # control, spares, the link, the advises at both ends
    assert not [port for port in used if 5500 <= port <= 5509], used


def own_ports(agent):
    """Local ports of every TCP socket on the agent's machine that is its own."""
    inodes = set()
    for fd in os.listdir(f"/proc/{agent.pid}/fd"):
        with contextlib.suppress(FileNotFoundError):
            inodes.add(os.readlink(f"/proc/{agent.pid}/fd/{fd}"))
    with open(f"/proc/{agent.pid}/net/tcp", encoding="ascii") as lines:
        next(lines)
        return [int(fields[1].split(":")[1], 16) for fields in map(str.split, lines) if f"socket:[{fields[9]}]" in inodes]
