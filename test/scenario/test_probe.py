# SPDX-License-Identifier: Apache-2.0
"""`georelay check --probe`: each kind of thing that may be missing on a machine or beside it, in the lab; and that all is well when it is."""
import re
import socket
import ssl
import subprocess
import threading

import http1
import libconfig
import peers
import pki as pki_module
import pytest
import topology
from stories import lab, needs_lab  # noqa: F401

pytestmark = needs_lab
NAMES = iter(range(1000))


class Probe:
    """What a run said."""

    def __init__(self, lab, settings, machine="host", user=()):  # noqa: F811
        self.path = lab.home / f"probe-{next(NAMES)}.conf"
        state = lab.home / "probe-state"
        state.mkdir(exist_ok=True)
        state.chmod(0o777)
        whole = {"role": "relay", "state": str(state), "timeouts": {"dial": 1}, **settings}
        self.path.write_text(libconfig.settings(whole))
        done = subprocess.run([*(user or lab[machine].prefix), lab.georelay, "check", "--probe", "-c", str(self.path)], capture_output=True, text=True,
                              timeout=60, check=False)
        self.code, self.text, self.errors = done.returncode, done.stdout, done.stderr

    def has(self, level, *words):
        """The line of that level with all these words."""
        lines = [line for line in self.text.splitlines() if line.startswith(level + ": ") and all(word in line for word in words)]
        assert lines, f"no {level} line with {words}:\n{self.text}{self.errors}"
        if level != "ok":
            assert "; remedy: " in lines[0], lines[0]
        return lines[0]

    def lacks(self, *words):
        line = self.has("error", *words)
        assert self.code == 1, self.text
        return line

    @property
    def errors_found(self):
        return re.findall(r"^error: .*", self.text, re.M)

    def is_clean(self):
        assert self.code == 0 and not self.errors_found and re.search(r"^probe: \d+ ok, \d+ warnings?, 0 errors$", self.text, re.M), self.text + self.errors


@pytest.fixture
def open_lab(lab):  # noqa: F811
    lab.reset()
    for wall in lab.firewalls.values():
        wall.open()
    return lab


@pytest.fixture
def server(open_lab):
    """The server listens."""
    with open_lab["server"].inside():
        listener = peers.Listener(open_lab["server"].ip(), 5481)
    with listener:
        yield listener


def link(lab, **more):  # noqa: F811
    return {"name": "node-a", "listen": [lab["host"].at(5481)], "server": lab["server"].at(5481), **more}


def alias(**more):
    return {"addressing": "alias", "delivery": "direct", "pool": [topology.pool_range("host")], **more}


def transparent(lab):  # noqa: F811
    advise = {"addressing": "transparent"}
    rights = {"name": "site-a", "links": ["node-a"], "clients": [topology.subnet("clients")]}
    tunnel = {"listen": [lab["host"].at(8443)], **lab.pki.identity("relay"), "ca": lab.pki.ca, "agents": [rights]}
    return {"links": [link(lab, advise=advise)], "tunnel": tunnel}


def test_all_is_well(open_lab, server):
    probe = Probe(open_lab, {"user": "nobody", "links": [link(open_lab, advise=alias())]})
    probe.is_clean()
    probe.has("ok", "user nobody")
    probe.has("ok", "can listen on " + open_lab["host"].at(5481))
    probe.has("ok", "10.20.1.1-10.20.1.14", "are on this machine")
    probe.has("ok", "takes connections", "from 10.20.1.1")
    with server.accept() as came:
        assert came.remote[0] == "10.20.1.1"


def test_without_probe_nothing_is_tried(open_lab):
    path = open_lab.home / "plain.conf"
    path.write_text(libconfig.settings({"role": "relay", "links": [{"name": "a", "listen": ["10.99.0.1:1"], "server": "10.10.0.5:5481"}]}))
    done = subprocess.run([*open_lab["host"].prefix, open_lab.georelay, "check", "-c", str(path)], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0 and "probe: " not in done.stdout, done.stdout


def test_a_wrong_configuration_is_2(open_lab):
    probe = Probe(open_lab, {"linkss": []})
    assert probe.code == 2 and "ok: " not in probe.text


# ---- listeners ----

def test_an_address_of_another_machine(open_lab, server):
    probe = Probe(open_lab, {"links": [link(open_lab, listen=["10.20.0.99:5481", open_lab["host"].at(5481)])]})
    assert "ip address add 10.20.0.99/24" in probe.lacks("10.20.0.99:5481", 'the link "node-a"')
    assert len(probe.errors_found) == 1


def test_a_port_that_another_program_has(open_lab, server):
    with open_lab["host"].inside():
        taken = peers.Listener("0.0.0.0", 5481)
    with taken:
        settings = {"links": [link(open_lab)]}
        assert "python" in Probe(open_lab, settings).lacks("cannot listen on " + open_lab["host"].at(5481))
        Probe(open_lab, settings, user=open_lab["host"].user()).lacks("cannot listen on", "a program of root does")
    Probe(open_lab, settings).is_clean()


def test_georelay_itself_is_no_obstacle(open_lab, server, tmp_path):
    settings = {"role": "relay", "state": str(tmp_path), "log": {"level": "info"}, "links": [link(open_lab)]}
    (tmp_path / "running.conf").write_text(libconfig.settings(settings))
    command = [*open_lab["host"].prefix, open_lab.georelay, "run", "-c", str(tmp_path / "running.conf")]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as running:
        try:
            assert any("ev=ready" in line for line in iter(running.stderr.readline, ""))
            probe = Probe(open_lab, {"links": [link(open_lab)]})
        finally:
            running.terminate()
    probe.is_clean()
    probe.has("ok", f"a georelay listens there already (process {running.pid})")


def test_a_low_port_without_rights(open_lab, server):
    open_lab["host"].sysctl(net__ipv4__ip_unprivileged_port_start=1024)
    probe = Probe(open_lab, {"links": [link(open_lab, listen=[open_lab["host"].at(543)])]}, user=open_lab["host"].user())
    assert "cap_net_bind_service" in probe.lacks("cannot listen on", "ports below 1024")


# ---- addresses ----

def test_a_pool_that_is_not_here(open_lab, server):
    probe = Probe(open_lab, {"links": [link(open_lab, advise=alias(pool=["10.20.1.13-10.20.1.17"]))]})
    assert "ip address add 10.20.1.16/32 dev lo" in probe.lacks("2 of 5 addresses", "the first is 10.20.1.16")


def test_the_address_towards_the_server(open_lab, server):
    advise = {"addressing": "rewrite", "delivery": "direct", "address": "10.20.0.77", "rule": {"offset": 12}}
    probe = Probe(open_lab, {"links": [link(open_lab, advise=advise)]})
    assert "ip address add 10.20.0.77/32" in probe.lacks("10.20.0.77", "towards the server", "is not on this machine")
    probe.lacks("can't be reached from 10.20.0.77")


# ---- who we are ----

def test_a_user_that_does_not_exist(open_lab, server):
    assert "useradd --system" in Probe(open_lab, {"user": "nobody-at-all", "links": [link(open_lab)]}).lacks("no user nobody-at-all")


def test_a_state_folder_that_is_not_ours(open_lab, server):
    folder = open_lab.home / "closed-state"
    folder.mkdir(mode=0o700, exist_ok=True)
    settings = {"state": str(folder), "links": [link(open_lab, advise=alias())]}
    Probe(open_lab, settings, user=open_lab["host"].user()).lacks("may not write to the state folder", str(folder))
    probe = Probe(open_lab, {**settings, "user": "nobody"})
    probe.has("warning", "may not write to the state folder")
    probe.is_clean()


def test_few_files(open_lab, server):
    user = ("prlimit", "--nofile=1024:1024", *open_lab["host"].user())
    probe = Probe(open_lab, {"links": [link(open_lab)]}, user=user)
    probe.has("warning", "only 1024 files may be open", "41024")
    probe.is_clean()


# ---- servers and names ----

def test_a_server_that_does_not_listen(open_lab):
    assert "start what listens on port 5481" in Probe(open_lab, {"links": [link(open_lab)]}).lacks("10.10.0.5:5481", "node-a", "refused")


def test_a_firewall_in_between(open_lab, server):
    open_lab.firewalls["fw2"].reset()
    probe = Probe(open_lab, {"links": [link(open_lab)]})
    assert "georelay firewall -c " in probe.lacks("10.10.0.5:5481", "did not answer in time")


def test_servers_of_a_web_door(open_lab):
    web = {"name": "main", "plain": [open_lab["host"].at(8081)], "servers": [open_lab["server"].at(5480), open_lab["server"].at(8080)]}
    with open_lab["server"].inside():
        recorder = http1.Recorder(ip=open_lab["server"].ip(), port=5480)
    with recorder:
        probe = Probe(open_lab, {"web": [web]})
    probe.has("ok", open_lab["server"].at(5480), 'web door "main"', "answers over HTTP with 200")
    assert b"HEAD / HTTP/1.1\r\nHost: 10.10.0.5:5480\r\n" in recorder.records[0].raw
    probe.lacks(open_lab["server"].at(8080), 'web door "main"')
    assert len(probe.errors_found) == 1


def test_a_name_without_address(open_lab, server):
    probe = Probe(open_lab, {"links": [link(open_lab), link(open_lab, name="b", listen=[open_lab["host"].at(5482)], server="node.invalid:5481")]})
    assert "getent ahosts node.invalid" in probe.lacks("the name node.invalid")


def test_a_name_with_one(open_lab):
    with open_lab["host"].inside(), peers.Listener("127.0.0.1", 5499):
        probe = Probe(open_lab, {"links": [link(open_lab, server="localhost:5499")]})
    probe.has("ok", "the name localhost is")


# ---- relays ----

class TlsEnd:
    """Speaks TLS 1.3 as a relay does, with some certificate, as long as the story lasts."""

    def __init__(self, machine, port, identity, ca, ask=True):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(identity["chain"], identity["key"])
        self.context.set_alpn_protocols(["georelay/1"])
        self.context.minimum_version = ssl.TLSVersion.TLSv1_3
        if ask:
            self.context.load_verify_locations(ca)
            self.context.verify_mode = ssl.CERT_REQUIRED
        with machine.inside():
            self.listener = peers.Listener(machine.ip(), port)
        self.listener.sock.settimeout(None)
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        try:
            while True:
                sock = self.listener.sock.accept()[0]
                try:
                    with self.context.wrap_socket(sock, server_side=True) as tls:
                        tls.recv(1)
                except OSError:
                    sock.close()
        except OSError:
            pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.sock.shutdown(socket.SHUT_RDWR)
        self.listener.close()


def agent(lab, **more):  # noqa: F811
    return {"role": "agent", "name": "site-a", "relays": [lab["host"].at(8443)], **lab.pki.agent("site-a"), "ca": lab.pki.ca,
            "links": [{"name": "node-a", "listen": ["127.0.0.1:5481"]}], **more}


def test_a_relay(open_lab):
    open_lab.pki.agent("site-a")
    with TlsEnd(open_lab["host"], 8443, open_lab.pki.identity("relay"), open_lab.pki.ca):
        probe = Probe(open_lab, agent(open_lab), machine="site")
    probe.is_clean()
    probe.has("ok", "the relay 10.20.0.10:8443", "certificate and ours are good")


def test_no_relay(open_lab):
    Probe(open_lab, agent(open_lab), machine="site").lacks("the relay 10.20.0.10:8443", "refused")


def test_a_relay_of_another_ca(open_lab, tmp_path):
    other = pki_module.Pki(tmp_path)
    with TlsEnd(open_lab["host"], 8443, other.identity("relay"), other.ca, ask=False):
        Probe(open_lab, agent(open_lab), machine="site").lacks("the relay 10.20.0.10:8443", "not signed by a CA")


def test_a_relay_that_does_not_know_our_ca(open_lab, tmp_path):
    other = pki_module.Pki(tmp_path)
    with TlsEnd(open_lab["host"], 8443, open_lab.pki.identity("relay"), other.ca):
        Probe(open_lab, agent(open_lab), machine="site").lacks("the relay 10.20.0.10:8443", "rejected our certificate")


def test_a_running_agent_is_not_disturbed(open_lab, tmp_path):
    """The probe ends before it says who it is: the relay keeps the agent that it has."""
    rights = {"name": "site-a", "links": ["node-a"], "clients": [topology.subnet("clients")]}
    tunnel = {"listen": [open_lab["host"].at(8443)], **open_lab.pki.identity("relay"), "ca": open_lab.pki.ca, "agents": [rights]}
    (tmp_path / "relay.conf").write_text(libconfig.settings({"role": "relay", "state": str(tmp_path), "links": [link(open_lab, listen=None)],
                                                              "tunnel": tunnel}))
    (tmp_path / "agent.conf").write_text(libconfig.settings(agent(open_lab)))
    relay = subprocess.Popen([*open_lab["host"].prefix, open_lab.georelay, "run", "-c", str(tmp_path / "relay.conf")], stderr=subprocess.PIPE, text=True)
    with relay:
        assert any("ev=ready" in line for line in iter(relay.stderr.readline, ""))
        command = [*open_lab["site"].prefix, open_lab.georelay, "run", "-c", str(tmp_path / "agent.conf")]
        with subprocess.Popen(command, stderr=subprocess.DEVNULL) as running:
            assert any("ev=agent_up" in line for line in iter(relay.stderr.readline, ""))
            probe = Probe(open_lab, agent(open_lab), machine="site")
            relay.terminate()
            said = relay.stderr.read()
            running.terminate()
    probe.has("ok", "the relay 10.20.0.10:8443")
    assert "why=replaced" not in said and "ev=agent_down" not in said.split("ev=stopping")[0], said


# ---- certificates ----

def test_a_certificate_that_expires_soon(open_lab, server, tmp_path):
    subprocess.run([open_lab.georelay, "pki", "init", "--dir", str(tmp_path)], check=True, capture_output=True, timeout=60)
    subprocess.run([open_lab.georelay, "pki", "web", "scada.example", "--days", "20", "--dir", str(tmp_path)], check=True, capture_output=True, timeout=60)
    identity = {"chain": str(tmp_path / "web.crt"), "key": str(tmp_path / "web.key")}
    web = {"name": "main", "listen": [open_lab["host"].at(8444)], "certificates": [identity], "mode": "tcp", "servers": [open_lab["server"].at(5481)]}
    probe = Probe(open_lab, {"web": [web]})
    assert "georelay pki web" in probe.has("warning", "web.crt", "scada.example", " days")
    probe.is_clean()


# ---- interception ----

def script(lab, probe, *options):  # noqa: F811
    done = subprocess.run([lab.georelay, "firewall", "-c", str(probe.path), "--format", "nft", "--place", "host", *options],
                          capture_output=True, text=True, timeout=60, check=True)
    lab.permit("host", done.stdout)


def test_transparent_from_nothing_to_all(open_lab, server):
    """Each finding's own command mends it."""
    open_lab.net.transparent("host")
    host, settings = open_lab["host"], transparent(open_lab)
    before = Probe(open_lab, settings)
    before.has("ok", "may take connections to other addresses")
    commands = [before.lacks(words).split("; remedy: run: ")[1] for words in ("no policy rule", "no route to this machine")]
    assert "georelay firewall -c" in before.lacks('no rule of nftables for "advise node-a"')
    before.lacks("10.10.0.5:5481", "from 192.168.1.2", "did not answer", "let the server's side route 192.168.1.2 to this machine")
    for command in commands:
        host.run("sh", "-e", text=command)
    half = Probe(open_lab, settings)
    half.has("ok", "have a rule of their own")
    half.has("ok", "routed to this machine")
    assert len(half.errors_found) == 2, half.text
    script(open_lab, before)
    after = Probe(open_lab, settings)
    after.is_clean()
    after.has("ok", 'nftables for "advise node-a" is in place')
    after.has("ok", "takes connections from 192.168.1.2")
    script(open_lab, before, "--clients", "192.168.7.0/24")
    Probe(open_lab, settings).has("warning", "another configuration")


def test_a_setting_of_the_kernel(open_lab, server):
    open_lab.net.transparent("host")
    host, settings = open_lab["host"], transparent(open_lab)
    script(open_lab, Probe(open_lab, settings))
    host.sysctl(net__ipv4__conf__dmz__src_valid_mark=1)
    probe = Probe(open_lab, settings)
    host.run("sh", "-e", text=probe.lacks("src_valid_mark of dmz is 1").split("; remedy: run: ")[1])
    probe.lacks("10.10.0.5:5481", "did not answer")
    Probe(open_lab, settings).is_clean()


def test_rights_of_transparent(open_lab, server):
    open_lab.net.transparent("host")
    settings = transparent(open_lab)
    script(open_lab, Probe(open_lab, settings))
    open_lab.give(open_lab.pki.folder)
    without = Probe(open_lab, settings, user=open_lab["host"].user())
    assert "cap_net_raw" in without.lacks("CAP_NET_RAW is missing")
    allowed = Probe(open_lab, settings, user=open_lab["host"].user("net_raw"))
    allowed.has("warning", "only root can see")
    allowed.is_clean()


def test_any_port_needs_its_rule_alone(open_lab, server):
    settings = {"links": [link(open_lab, advise=alias(any_port="on"))]}
    before = Probe(open_lab, settings)
    before.lacks('no rule of nftables for "advise node-a"')
    assert len(before.errors_found) == 1
    script(open_lab, before)
    Probe(open_lab, settings).is_clean()


def test_ranges_need_their_rule(open_lab):
    dyn = {"name": "dyn", "listen": [open_lab["host"].at(15000)], "ports": ["1025-5000"], "server": open_lab["server"].at(1)[:-1] + "*"}
    before = Probe(open_lab, {"links": [dyn]})
    before.lacks('no rule of nftables for "link dyn"')
    script(open_lab, before)
    Probe(open_lab, {"links": [dyn]}).is_clean()
