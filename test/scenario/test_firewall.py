# SPDX-License-Identifier: Apache-2.0
"""`georelay firewall`: what it prints for the examples, and that its scripts let through what is needed and nothing else, in the lab."""
import contextlib
import os
import re
import shutil
import socket
import subprocess

import build
import libconfig
import peers
import pytest
import topology
from program import wait_for
from stories import lab, needs_lab  # noqa: F401

GOLDEN = build.ROOT / "test/config/firewall"
EXAMPLES = build.ROOT / "docs/examples"
BOTH = pytest.mark.parametrize("family", [4, 6], ids=["IPv4", "IPv6"])
KNOWN = ["--relay", "10.20.0.10", "--clients", "192.168.0.0/16", "--agent", "192.168.1.10"]
GOLDENS = {
    "relay.table": ["relay.conf"],
    "relay-known.table": ["relay.conf", *KNOWN],
    "relay-outer.sh": ["relay.conf", "--format", "nft", "--place", "outer", *KNOWN],
    "relay-host.sh": ["relay.conf", "--format", "nft", "--place", "host", *KNOWN],
    "relay-inner.sh": ["relay.conf", "--format", "nft", "--place", "inner", *KNOWN],
    "direct-only.table": ["direct-only.conf"],
    "single-port.table": ["single-port.conf"],
    "single-port-both.sh": ["single-port.conf", "--format", "nft", "--place", "outer,inner", "--relay", "10.20.0.10"],
    "agent.table": ["agent.conf"],
    "agent.cmd": ["agent.conf", "--format", "netsh", "--relay", "10.20.0.10"],
}


def firewall(*words, folder=None):
    return subprocess.run([build.georelay(), "firewall", *words], capture_output=True, text=True, timeout=60, check=False, cwd=folder)


@pytest.fixture(scope="module")
def examples(tmp_path_factory):
    """The examples without certificates: rules are asked for before there are any."""
    folder = tmp_path_factory.mktemp("examples")
    for path in EXAMPLES.glob("*.conf"):
        shutil.copy(path, folder)
    return folder


@pytest.mark.parametrize("name", GOLDENS)
def test_examples(examples, name):
    """Each is as it was: look at the difference, and if it is meant, GEORELAY_GOLDEN=write takes it over."""
    config, *options = GOLDENS[name]
    result = firewall("-c", config, *options, folder=examples)
    assert result.returncode == 0 and not result.stderr, result.stderr
    path = GOLDEN / name
    if os.environ.get("GEORELAY_GOLDEN") == "write":
        path.write_text(result.stdout, encoding="utf-8")
    assert result.stdout == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("words", [("--place", "everywhere"), ("--format", "pf"), ("--format", "nft"), ("--relay", "10.20.0.10:443"), ("--clients", ""),
                                   ("--format", "netsh", "--place", "inner"), ("--place", "host", "--policy", "drop"), ("--policy", "reject"),
                                   ("--interface", "eth0; reboot"), ("--interface", "eth0,"), ("--agent",)], ids=" ".join)
def test_wrong_words(examples, words):
    result = firewall("-c", "relay.conf", *words, folder=examples)
    assert result.returncode == 2 and result.stderr and not result.stdout, result


def test_help():
    result = firewall("--help")
    assert result.returncode == 0 and "usage: georelay firewall" in result.stdout and not result.stderr


def test_a_wrong_configuration_is_told(tmp_path):
    (tmp_path / "it.conf").write_text('role = "relay";\nlinkss = ();\n')
    result = firewall("-c", "it.conf", folder=tmp_path)
    assert result.returncode == 2 and "it.conf:2:" in result.stderr and not result.stdout


def test_a_name_without_address_is_told(examples):
    result = firewall("-c", "agent.conf", "--format", "nft", "--place", "outer", folder=examples)
    assert result.returncode == 1 and "relay.example" in result.stderr and not result.stdout


def test_names_are_looked_up_for_scripts(examples):
    (examples / "named.conf").write_text(
        'role = "relay"; links = { name = "a"; listen = "10.20.0.10:5481"; server = "localhost:5481"; };')
    result = firewall("-c", "named.conf", "--format", "nft", "--place", "inner", folder=examples)
    assert result.returncode == 0 and "ip daddr 127.0.0.1 tcp dport 5481" in result.stdout, result
    assert re.search(r"^# localhost is .*127\.0\.0\.1.* now\.", result.stdout, re.M)


# ---- in the lab ----

class Rules:
    """A configuration, and the scripts made of it."""

    def __init__(self, lab, settings):  # noqa: F811
        self.lab = lab
        self.folder = lab.home / "rules"
        self.folder.mkdir(exist_ok=True)
        identity = {"chain": lab.pki.path("relay.crt"), "key": lab.pki.path("relay.key"), "ca": lab.pki.ca}
        if "tunnel" in settings:
            settings = {**settings, "tunnel": {**identity, **settings["tunnel"]}}
        (self.folder / "it.conf").write_text(libconfig.settings({"role": "relay", "state": str(self.folder), **settings}))

    def script(self, place, *options):
        result = firewall("-c", str(self.folder / "it.conf"), "--format", "nft", "--place", place, *options)
        assert result.returncode == 0 and not result.stderr, result.stderr
        return result.stdout

    def permit(self, place, *options):
        self.lab.permit(place, self.script(place, *options))


def counter(machine, name):
    """Of the script's own table: a SYN that is sent again counts again."""
    text = machine.output("nft", "list", "counter", "inet", "georelay", name)
    return int(re.search(r"packets (\d+)", text)[1])


def passes(lab, source, target, port, bind=None, ip=None):  # noqa: F811
    """A connection from one machine to another comes through; gives who it was to the other."""
    family = 6 if ":" in (bind or ip or "") else 4
    ip = ip or lab[target].ip(family)
    with lab[target].inside():
        listener = peers.Listener(ip, port)
    with listener:
        with lab[source].inside():
            client = peers.connect((ip, port), bind)
        with client, listener.accept() as accepted:
            client.send(b"there")
            accepted.expect(b"there")
            accepted.send(b"and back")
            client.expect(b"and back")
            return accepted.remote[0]


def is_dropped(lab, source, wall, name, ip, port, bind=None):  # noqa: F811
    """A connection attempt is dropped by the script's own chain, which counts it."""
    before = counter(wall.machine, name)
    with lab[source].inside():
        sock = socket.socket(socket.AF_INET6 if ":" in ip else socket.AF_INET, socket.SOCK_STREAM)
    with contextlib.closing(sock):
        sock.setblocking(False)
        if bind:
            sock.bind((bind, 0))
        sock.connect_ex((ip, port))
        wait_for(lambda: counter(wall.machine, name) > before)


def link(lab, family, **more):  # noqa: F811
    return {"name": "node-a", "listen": [lab["host"].at(5481, family)], "server": lab["server"].at(5481, family), **more}


def tunnel(lab, family, agent="site-a", **more):  # noqa: F811
    rights = {"name": agent, "links": ["node-a"], "clients": [topology.subnet("clients", family)], **more}
    return {"listen": [lab["host"].at(8443, family)], "agents": [rights]}


def alias(family, **more):
    return {"addressing": "alias", "pool": [topology.pool_range("host", family)], **more}


@needs_lab
@BOTH
def test_outer_is_one_way(lab, family):  # noqa: F811
    lab.reset()
    wall, host, client = lab.firewalls["fw1"], lab["host"], lab["c1"]
    Rules(lab, {"links": [link(lab, family, advise=alias(family))], "tunnel": tunnel(lab, family)}).permit("outer")
    for port in (5481, 8443):
        assert passes(lab, "c1", "host", port, ip=host.ip(family)) == client.ip(family)
    assert counter(wall.machine, "opened_towards_relay") >= 2 == lab.opened("fw1", "towards_server")
    is_dropped(lab, "c1", wall, "refused_towards_relay", host.ip(family), 22)
    is_dropped(lab, "host", wall, "refused_towards_clients", client.ip(family), 5500)
    is_dropped(lab, "c1", wall, "refused", lab["server"].ip(family), 5481)
    assert counter(wall.machine, "opened_towards_clients") == 0 == lab.opened("fw1", "towards_clients")


@needs_lab
def test_direct_delivery_is_the_exception(lab):  # noqa: F811
    lab.reset()
    Rules(lab, {"links": [link(lab, 4, advise=alias(4, delivery="direct"))]}).permit("outer", "--clients", topology.subnet("clients"))
    passes(lab, "host", "c1", 5500)
    is_dropped(lab, "host", lab.firewalls["fw1"], "refused_towards_clients", lab["c1"].ip(), 5510)
    assert counter(lab["fw1"], "opened_towards_clients") >= 1


@needs_lab
@BOTH
def test_inner_lets_links_and_advises_through(lab, family):  # noqa: F811
    lab.reset()
    wall, server, member = lab.firewalls["fw2"], lab["server"], topology.pool_members("host", family)[3]
    Rules(lab, {"links": [link(lab, family, advise=alias(family))], "tunnel": tunnel(lab, family)}).permit("inner")
    assert passes(lab, "host", "server", 5481, bind=member, ip=server.ip(family)) == member
    assert passes(lab, "server", "host", 5509, ip=member) == server.ip(family)
    assert counter(wall.machine, "opened_towards_server") >= 1 and counter(wall.machine, "opened_towards_relay") >= 1
    is_dropped(lab, "server", wall, "refused_towards_relay", member, 5510)
    is_dropped(lab, "host", wall, "refused_towards_server", server.ip(family), 8080, bind=member)
    is_dropped(lab, "server", wall, "refused", lab["c1"].ip(family), 5500)


@needs_lab
def test_inner_opens_nothing_towards_a_server_with_an_agent(lab):  # noqa: F811
    lab.reset()
    wall, host = lab.firewalls["fw2"], lab["host"]
    tunnels = {"listen": [host.at(8443)], "agents": [{"name": "plant"}]}
    rules = Rules(lab, {"links": [{"name": "node-a", "listen": [host.at(5481)], "server": "node-a@plant"}], "tunnel": tunnels})
    rules.permit("inner", "--agent", lab["plant"].ip())
    passes(lab, "plant", "host", 8443)
    is_dropped(lab, "server", wall, "refused_towards_relay", host.ip(), 8443)
    is_dropped(lab, "host", wall, "refused_towards_server", lab["plant"].ip(), 5481)
    is_dropped(lab, "host", wall, "refused_towards_server", lab["server"].ip(), 5481)
    assert counter(wall.machine, "opened_towards_server") == 0 == lab.opened("fw2", "towards_server")


@contextlib.contextmanager
def intercepting(machine, family, port=5480):
    """A listener as georelay's, to which TPROXY leads."""
    with machine.inside():
        sock = socket.socket(socket.AF_INET if family == 4 else socket.AF_INET6, socket.SOCK_STREAM)
    with sock:
        if family == 4:
            sock.setsockopt(socket.SOL_IP, socket.IP_TRANSPARENT, 1)
        else:
            sock.setsockopt(socket.IPPROTO_IPV6, 75, 1)  # IPV6_TRANSPARENT
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(("0.0.0.0" if family == 4 else "::", port))
        sock.listen(16)
        sock.settimeout(peers.DEADLINE)
        yield sock


def is_intercepted(lab, listener, ip, port):  # noqa: F811
    """What the server dials at an address arrives whole at the listener."""
    with lab["server"].inside():
        dialled = peers.connect((ip, port))
    with dialled, peers.Peer(listener.accept()[0]) as taken:
        assert taken.local == (ip, port)
        dialled.send(b"x" * 100000)
        assert taken.read(100000)
        taken.send(b"answer")
        dialled.expect(b"answer")
        taken.fin()
        dialled.expect_end()


def is_refused_at_once(lab, ip, port):  # noqa: F811
    with lab["server"].inside():
        with pytest.raises(ConnectionRefusedError):
            peers.connect((ip, port))


@needs_lab
@BOTH
def test_transparent_takes_the_servers_connections_alone(lab, family):  # noqa: F811
    lab.reset()
    lab.net.transparent("host")
    host, c1 = lab["host"], lab["c1"].ip(family)
    rules = Rules(lab, {"links": [link(lab, family, advise={"addressing": "transparent"})], "tunnel": tunnel(lab, family)})
    rules.permit("inner")
    rules.permit("host")
    with intercepting(host, family) as listener:
        for port in (5500, 80, 5480, 60000):
            is_intercepted(lab, listener, c1, port)
        # The link itself, from the client's own address.
        with lab["server"].inside():
            server = peers.Listener(lab["server"].ip(family), 5481)
        with server, host.inside(), socket.socket(listener.family, socket.SOCK_STREAM) as sock:
            sock.setsockopt(*(socket.SOL_IP, socket.IP_TRANSPARENT, 1) if family == 4 else (socket.IPPROTO_IPV6, 75, 1))
            sock.settimeout(peers.DEADLINE)
            sock.bind((c1, 0))
            sock.connect((lab["server"].ip(family), 5481))
            with server.accept() as accepted:
                assert accepted.remote[0] == c1
                accepted.send(b"hello")
                assert sock.recv(5, socket.MSG_WAITALL) == b"hello"
        assert counter(host, "opened_towards_relay") >= 4 and counter(host, "opened_towards_server") >= 1
        # A listener of the machine itself is left alone.
        lab["fw2"].run("nft", "delete", "table", "inet", "georelay")
        passes(lab, "plant", "host", 5500, ip=host.ip(family))
    # While nobody listens the server hears of it at once.
    is_refused_at_once(lab, c1, 5500)


@needs_lab
@BOTH
def test_any_port_of_the_pool(lab, family):  # noqa: F811
    lab.reset()
    host, member = lab["host"], topology.pool_members("host", family)[5]
    rules = Rules(lab, {"links": [link(lab, family, advise=alias(family, any_port="on"))], "tunnel": tunnel(lab, family)})
    rules.permit("inner")
    rules.permit("host")
    with intercepting(host, family) as listener:
        for port in (5510, 80, 60000):
            is_intercepted(lab, listener, member, port)
        # Those within the range have listeners of their own.
        assert passes(lab, "server", "host", 5500, ip=member) == lab["server"].ip(family)
        is_refused_at_once(lab, member, 5501)
    is_refused_at_once(lab, member, 60000)


@needs_lab
@BOTH
def test_ranges_are_led_to_one_listener(lab, family):  # noqa: F811
    lab.reset()
    host = lab["host"]
    settings = {"name": "dyn", "listen": [host.at(15000, family)], "server": lab["server"].at(1, family)[:-1] + "*", "ports": ["1025-5000", "49152-65535"]}
    rules = Rules(lab, {"links": [settings]})
    rules.permit("outer")
    rules.permit("host")
    with host.inside():
        listener = peers.Listener(host.ip(family), 15000)
    with listener:
        for machine in ("c1", "host"):
            for port in (1025, 5000, 49152):
                with lab[machine].inside():
                    client = peers.connect((host.ip(family), port))
                with client, listener.accept() as taken:
                    level = (socket.SOL_IP, 80, 16) if family == 4 else (socket.IPPROTO_IPV6, 80, 28)  # SO_ORIGINAL_DST
                    assert int.from_bytes(taken.sock.getsockopt(*level)[2:4], "big") == port
                    client.send(b"through")
                    taken.expect(b"through")
    is_dropped(lab, "c1", lab.firewalls["fw1"], "refused_towards_relay", host.ip(family), 15000)
    assert counter(lab["fw1"], "opened_towards_relay") >= 3


@needs_lab
def test_twice_is_once(lab):  # noqa: F811
    lab.reset()
    rules = Rules(lab, {"links": [link(lab, 4, advise={"addressing": "transparent"})], "tunnel": tunnel(lab, 4)})
    host, seen = lab["host"], []
    for _ in range(2):
        lab.permit("host", rules.script("host"))
        seen.append([host.output("nft", "list", "ruleset"), host.output("ip", "rule"), host.output("ip", "route", "show", "table", "26482")])
    assert seen[0] == seen[1] and "tproxy" in seen[0][0] and "0x6772" in seen[0][1] and "local default" in seen[0][2]
    # Another configuration leaves nothing of this one.
    Rules(lab, {"links": [link(lab, 4)]}).permit("host")
    assert "0x6772" not in host.output("ip", "rule") and not host.output("ip", "route", "show", "table", "all", "proto", "boot").count("26482")
    assert "tproxy" not in host.output("nft", "list", "ruleset")


@needs_lab
def test_policy_accept_only_counts(lab):  # noqa: F811
    lab.reset()
    lab.firewalls["fw1"].open()
    Rules(lab, {"links": [link(lab, 4)]}).permit("outer", "--policy", "accept")
    passes(lab, "c1", "host", 5481)
    passes(lab, "host", "c1", 5500)
    assert counter(lab["fw1"], "opened_towards_relay") >= 1 and counter(lab["fw1"], "unexpected_towards_clients") >= 1


@needs_lab
def test_interfaces_narrow_the_rules(lab):  # noqa: F811
    lab.reset()
    rules = Rules(lab, {"links": [{**link(lab, 4), "listen": ["0.0.0.0:5481"]}]})
    rules.permit("outer", "--interface", "clients")
    passes(lab, "c1", "host", 5481)
    is_dropped(lab, "host", lab.firewalls["fw1"], "refused", lab["c1"].ip(), 5481)


@needs_lab
@pytest.mark.parametrize("place", ["outer", "host", "inner", "outer,inner"])
@BOTH
def test_nft_takes_every_script(lab, place, family):  # noqa: F811
    """One configuration with everything in it."""
    address = lab["host"].ip(family)
    agents = [{"name": "site-a", "links": ["tr", "al", "po", "rw"], "clients": [topology.subnet("clients", family)]}, {"name": "plant"}]
    client = lab["c1"].ip(family)
    of = {"tr": {"addressing": "transparent"}, "al": alias(family, any_port="on"),
          "po": {"addressing": "ports", "address": address, "clients": [{"agent": "site-a", "client": client, "ports": "5510-5519"}]},
          "rw": {"addressing": "rewrite", "address": address, "rule": {"offset": 12}}}
    links = [{"name": name, "server": lab["server"].at(5481 + n, family), "advise": advise} for n, (name, advise) in enumerate(of.items())]
    links += [{"name": "dyn", "listen": [lab["host"].at(17000, family)], "ports": ["1025-5000", "49152-65535"], "server": lab["server"].at(1, family)[:-1] + "*"},
              {"name": "far", "listen": [lab["host"].at(5490, family)], "server": "node-a@plant"}]
    rules = Rules(lab, {"links": links, "tunnel": {"listen": [lab["host"].at(8443, family)], "agents": agents}})
    for options in ([], ["--interface", "eth0,eth1"], ["--clients", "10.0.0.0/8,fd00::/16", "--relay", "10.20.0.10,fd00:20::10"]):
        script = rules.script(place, *options)
        lines = script.split("nft -f - <<'END'\n")[1].split("END\n")[0]
        lab["plant"].run("nft", "-c", "-f", "-", text=lines)
