# SPDX-License-Identifier: Apache-2.0
"""Links over ranges of ports: a rule of the firewall leads thousands of ports to one listener, and each is the same port of the server.

The client is on the far end of a cable; the relay, or its agent, is on the near end, with the server behind it. Needs root.
"""
import concurrent.futures
import contextlib
import os
import random
import selectors
import socket
import subprocess
import threading

import netns
import peers
import pytest

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root")

RANGES = ("1025-5000", "49152-65535")
EDGES = (1025, 5000, 49152, 65535)
OUTSIDE = (1024, 5001, 49151, 443)
LISTENER = 15000

# family: (near end, far end, the server's address, written before and after it)
IPS = {4: ("10.77.0.1", "10.77.0.2", "127.0.0.2", "%s"), 6: ("fd77::1", "fd77::2", "::1", "[%s]")}


class Ports:
    """A server with many ports. Whoever connects is told the port's number, and then gets back what it sends."""

    def __init__(self, ip, ports):
        self._selector = selectors.DefaultSelector()
        self._stop, self._wake = socket.socketpair()
        self._selector.register(self._stop, selectors.EVENT_READ)
        self._connections = []
        for port in ports:
            listener = socket.socket(socket.AF_INET6 if ":" in ip else socket.AF_INET)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((ip, port))
            listener.listen(64)
            self._selector.register(listener, selectors.EVENT_READ, port)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self):
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is self._stop:
                    return
                if key.data is None:
                    self._answer(key.fileobj)
                    continue
                connection, _ = key.fileobj.accept()
                connection.sendall(b"%d\n" % key.data)
                self._selector.register(connection, selectors.EVENT_READ)

    def _answer(self, connection):
        with contextlib.suppress(ConnectionResetError, BrokenPipeError):
            data = connection.recv(65536)
            if data:
                connection.sendall(data)
                return
        self._selector.unregister(connection)
        connection.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._wake.close()
        self._thread.join()
        for key in list(self._selector.get_map().values()):
            key.fileobj.close()
        self._selector.close()


@pytest.fixture(scope="module")
def cable():
    with netns.Cable() as one:
        for end, ip in ((one.near, "fd77::1"), (one.far, "fd77::2")):
            netns.run("ip", "-n", end.name, "address", "add", ip + "/64", "dev", "cable", "nodad")
        # What was not led to the listener is for nobody, and says so at once.
        lead(one, RANGES)
        yield one


def lead(cable, ranges, kind="redirect to :%d"):
    """The rules on the near machine, for both families."""
    ports = "{ " + ", ".join(ranges) + " }"
    there = ("ip", "netns", "exec", cable.near.name)
    subprocess.run((*there, "nft", "delete", "table", "inet", "ranges"), capture_output=True, check=False)
    netns.run(*there, "nft", "-f", "-", text=f"""
        table inet ranges {{
            chain prerouting {{
                type nat hook prerouting priority dstnat
                ip daddr 10.77.0.1 tcp dport {ports} {kind % LISTENER}
                ip6 daddr fd77::1 tcp dport {ports} {kind % LISTENER}
            }}
        }}""")


class Site:
    """What runs on the near machine: where the client connects to, whose lines to read (the first is the one it reaches)."""

    def __init__(self, stage, cable, way, family=4, agents_ranges=RANGES):
        self.cable = cable
        self.ip, self.client_ip, self.server_ip, form = *IPS[family][:3], IPS[family][3]
        self.form = form
        entry, server = f"{form % self.ip}:{LISTENER}", f"{form % self.server_ip}:*"
        link = {"name": "dyn", "ports": list(RANGES), "server": server}
        if way == "direct":
            self.relays = [stage.relay(prefix=cable.near.prefix, links=[{**link, "listen": [entry]}])]
            return
        clients = [self.client_ip]
        rows = [stage.allow("site-a", "dyn", clients=clients)]
        if way == "both":
            link["server"] = "dyn@plant"
            rows.append({"name": "plant"})
        relay = stage.relay(prefix=cable.near.prefix, links=[link], tunnel=stage.tunnel(*rows))
        agent = stage.agent("site-a", relay, prefix=cable.near.prefix, clients=clients,
                            listen=[{"name": "dyn", "listen": [entry], "ports": list(agents_ranges)}])
        self.relays = [agent, relay]
        if way == "both":
            stage.pki.agent("plant")
            state = stage.folder / "plant-state"
            state.mkdir()
            self.relays.append(stage.agent("plant", relay, prefix=cable.near.prefix, listen=None, clients=None, state=str(state),
                                           servers=[{"name": "dyn", "server": server, "ports": list(RANGES)}]))
        stage.remember(relay, agent, *self.relays[2:])

    def server(self, stage, ports):
        with self.cable.near.inside():
            return stage.keep(Ports(self.server_ip, ports))

    def connect(self, port, **options):
        with self.cable.far.inside():
            return peers.connect((self.ip, port), name=f"client of port {port}", **options)

    def talks_to(self, port, **options):
        """The client's end of a link to this port, after the server told its number and answered."""
        client = self.connect(port, **options)
        client.expect(b"%d\n" % port)
        client.send(b"to %d" % port)
        client.expect(b"to %d" % port)
        return client


@pytest.fixture(params=["direct", "agent"])
def way(request):
    return request.param


@pytest.mark.parametrize("way", ["direct", "agent", "both"])
@pytest.mark.parametrize("family", [4, 6])
def test_each_port_is_the_same_port_of_the_server(stage, cable, way, family):
    site = Site(stage, cable, way, family)
    chance = random.Random(5481)
    some = chance.sample(range(1025, 5001), 120) + chance.sample(range(49152, 65536), 120)
    wanted = sorted({*some, *EDGES})
    site.server(stage, wanted)
    chance.shuffle(wanted)
    for port in wanted:
        with site.talks_to(port) as client:
            client.fin()
            client.expect_end()
    for port in EDGES:
        close = site.relays[-1].expect("close", kind="link", name="dyn", back=f"{site.form % site.server_ip}:{port}")
        assert close["why"] == "front_eof", close
    for one in site.relays:
        one.settle()
    first = site.relays[0].expect("close", kind="link", front_local=f"{site.form % site.ip}:65535")
    assert first.client_ip == site.client_ip


def test_twenty_at_once_and_no_socket_more(stage, cable, way):
    """A session holds its two sockets. How many ports the link covers does not matter."""
    site = Site(stage, cable, way)
    ports = [*range(2000, 2010), *range(50000, 50010)]
    site.server(stage, ports)
    idle = [one.held()["sockets"] for one in site.relays]
    listeners = [listening(one) for one in site.relays]
    with concurrent.futures.ThreadPoolExecutor(len(ports)) as pool:
        clients = [stage.keep(client) for client in pool.map(site.talks_to, ports)]
    for one, before in zip(site.relays, idle):
        held = one.wait_counts({"links": len(ports)})
        assert held["sockets"] == before + 2 * len(ports), (before, held)
    assert [listening(one) for one in site.relays] == listeners
    for client in clients:
        client.send(b"still there")
    for client in clients:
        client.expect(b"still there")
        client.fin()
        client.expect_end()
    for one in site.relays:
        one.settle()


def listening(relay):
    """Listening sockets of a process, by /proc: those of its namespace whose inode it holds."""
    inodes = set()
    for fd in os.listdir(f"/proc/{relay.pid}/fd"):
        with contextlib.suppress(FileNotFoundError):
            inodes.add(os.readlink(f"/proc/{relay.pid}/fd/{fd}"))
    count = 0
    for table in ("tcp", "tcp6"):
        with open(f"/proc/{relay.pid}/net/{table}", encoding="ascii") as lines:
            next(lines)
            count += sum(fields[3] == "0A" and f"socket:[{fields[9]}]" in inodes for fields in map(str.split, lines))
    return count


def test_one_listener_for_each_worker(stage, cable):
    site = Site(stage, cable, "direct")
    assert listening(site.relays[0]) == site.relays[0].settings["workers"]
    assert site.relays[0].expect("listen", name="dyn")["ports"] == ",".join(RANGES)


def test_beside_an_ordinary_link(stage, cable):
    """Any other TCP port is a link with a name and a listener of its own, on the same address."""
    ip, _, server_ip, _ = IPS[4]
    with cable.near.inside():
        telnet = stage.listener(ip=server_ip, port=23)
    links = [{"name": "dyn", "listen": [f"{ip}:{LISTENER}"], "ports": list(RANGES), "server": f"{server_ip}:*"},
             stage.link(f"{server_ip}:23", "telnet", f"{ip}:23")]
    relay = stage.relay(prefix=cable.near.prefix, links=links)
    with cable.far.inside():
        client = stage.connect((ip, 23))
    server = stage.keep(telnet.accept())
    server.send(b"login: ")
    client.expect(b"login: ")
    client.send(b"status")
    client.fin()
    server.expect(b"status")
    server.expect_end()
    server.send(b"all is well")
    server.fin()
    client.expect(b"all is well")
    client.expect_end()
    assert relay.expect("close", kind="link", name="telnet")["why"] == "front_eof"


def test_same_source_port_to_two_ports(stage, cable, way):
    """Two connections that differ in the port alone are still two after the rule."""
    site = Site(stage, cable, way)
    site.server(stage, [3000, 3001])
    links = []
    for port in (3000, 3001):
        with cable.far.inside():
            sock = socket.socket()
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind((site.client_ip, 33333))
            sock.settimeout(10)
            sock.connect((site.ip, port))
        links.append(stage.keep(peers.Peer(sock)))
    for port, link in zip((3000, 3001), links):
        link.expect(b"%d\n" % port)


def refused(site, port):
    mark = site.relays[0].mark()
    with site.cable.far.inside():
        peers.connect_reset((site.ip, port))
    return site.relays[0].expect("refuse", mark, name="dyn", kind="link")


def test_straight_to_the_listener(stage, cable, way):
    """Nobody leads it here, so nobody knows what it wants."""
    site = Site(stage, cable, way)
    site.server(stage, [LISTENER])
    event = refused(site, LISTENER)
    assert event["why"] == "port_not_allowed" and event["front_local"] == f"{site.ip}:{LISTENER}", event
    assert event["remedy"], event


def test_straight_to_a_listener_within_the_ranges(stage, cable):
    """A port that the kernel chose may be one of them: it still stands for nothing but the listener."""
    there = ("ip", "netns", "exec", cable.near.name)
    netns.run(*there, "sh", "-c", "echo 50000 50100 > /proc/sys/net/ipv4/ip_local_port_range")
    lead(cable, ["1-2"])  # other connections are known to the kernel, but led nowhere
    try:
        link = {"name": "dyn", "listen": ["10.77.0.1:0"], "ports": list(RANGES), "server": "127.0.0.2:*"}
        relay = stage.relay(prefix=cable.near.prefix, links=[link])
        with cable.far.inside():
            peers.connect_reset(relay.address("link"))
        assert relay.expect("refuse", name="dyn")["why"] == "port_not_allowed"
    finally:
        netns.run(*there, "sh", "-c", "echo 32768 60999 > /proc/sys/net/ipv4/ip_local_port_range")
        lead(cable, RANGES)


def test_ports_outside_of_the_ranges(stage, cable, way):
    """A rule that leads too much here changes nothing."""
    site = Site(stage, cable, way)
    site.server(stage, OUTSIDE)
    lead(cable, ["1-14999", "15001-65535"])
    try:
        for port in OUTSIDE:
            event = refused(site, port)
            assert event["why"] == "port_not_allowed" and event["front_local"] == f"{site.ip}:{port}", event
    finally:
        lead(cable, RANGES)


def test_refusals_are_counted_when_they_are_many(stage, cable):
    site = Site(stage, cable, "direct")
    with cable.far.inside():
        for _ in range(150):
            with contextlib.suppress(ConnectionResetError):
                socket.create_connection((site.ip, LISTENER)).close()
    assert len(site.relays[0].events("refuse", why="port_not_allowed")) < 150


def test_dnat_to_the_listener(stage, cable, way):
    """As good as REDIRECT, and better where the address is not the first one of its interface."""
    site = Site(stage, cable, way)
    site.server(stage, [1025, 60000])
    there = ("ip", "netns", "exec", cable.near.name)
    netns.run(*there, "nft", "flush", "chain", "inet", "ranges", "prerouting")
    netns.run(*there, "nft", "add", "rule", "inet", "ranges", "prerouting", "ip", "daddr", "10.77.0.1", "tcp", "dport",
              "{ 1025-5000, 49152-65535 }", "dnat", "ip", "to", f"10.77.0.1:{LISTENER}")
    try:
        for port in (1025, 60000):
            site.talks_to(port).close()
    finally:
        lead(cable, RANGES)


def test_a_port_where_nobody_listens(stage, cable, way):
    """One port that is closed says nothing of the others."""
    site = Site(stage, cable, way)
    site.server(stage, [4000])
    with cable.far.inside():
        peers.connect_reset((site.ip, 4001))
    event = site.relays[-1].expect("refuse", name="dyn")
    assert event["why"] == "dial_refused" and event["back"] == f"{site.server_ip}:4001", event
    site.talks_to(4000).close()


def test_a_port_that_is_silent(stage, cable):
    """A firewall before the server drops what goes to one port: links to others are not refused for that."""
    site = Site(stage, cable, "direct")
    site.server(stage, [4000])
    there = ("ip", "netns", "exec", cable.near.name)
    netns.run(*there, "nft", "-f", "-", text="""
        table inet silent {
            chain out { type filter hook output priority 0; ip daddr 127.0.0.2 tcp dport 4001 drop; }
        }""")
    try:
        with cable.far.inside():
            peers.connect_reset((site.ip, 4001), within=8)
        assert site.relays[0].expect("refuse", name="dyn")["why"] == "dial_timeout"
        site.talks_to(4000).close()
    finally:
        netns.run(*there, "nft", "delete", "table", "inet", "silent")


def test_agent_that_covers_more_than_the_relay(stage, cable):
    """Each side looks for itself: what an agent's own configuration allows is not enough."""
    site = Site(stage, cable, "agent", agents_ranges=["1025-14999"])
    agent, relay = site.relays
    site.server(stage, [5001, 5000])
    lead(cable, ["1025-14999"])
    try:
        with cable.far.inside():
            peers.connect_reset((site.ip, 5001))
        assert relay.expect("refuse", kind="link", name="dyn")["why"] == "port_not_allowed"
        event = agent.expect("refuse", kind="link")
        assert event["why"] == "port_not_allowed" and event["at"] == "back", event
        site.talks_to(5000).close()
    finally:
        lead(cable, RANGES)


def test_bulk_through_a_range(stage, cable, way):
    site = Site(stage, cable, way)
    with cable.near.inside():
        server = stage.listener(ip=site.server_ip, port=2222)
    client = stage.keep(site.connect(2222))
    size = stage.size(16 << 20)
    peers.exchange(client, stage.keep(server.accept()), size, within=60)
    for one in site.relays:
        close = one.expect("close", kind="link")
        assert int(close["up"]) == int(close["down"]) == size, close
