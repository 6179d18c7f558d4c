# SPDX-License-Identifier: Apache-2.0
"""Certificates that change on disk: new handshakes get the new one, connections go on, and a bad file changes nothing but the log."""
import os
import pathlib
import shutil
import socket
import ssl
import threading

import pki as pki_module
import pytest
from program import wait_for
from test_advise import laid
from test_reload_tunnel import both_ways

SOON = 2.0
PATIENT = 30  # an agent waits longer and longer between calls to a relay that hangs up


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    """Three certificates for the same name, each with its key."""
    folder = tmp_path_factory.mktemp("certificates")
    return [pki_module.self_signed(folder, f"cert-{number}", "ec", "scada.example") for number in range(3)]


def der(pair):
    return ssl.PEM_cert_to_DER_cert(pathlib.Path(pair["chain"]).read_text())


class Door:
    """A relay's front door with a certificate in a folder of its own, and what it shows to new clients."""

    def __init__(self, stage, pair):
        self.folder = stage.folder / "live"
        self.folder.mkdir()
        self.files = {"chain": str(self.folder / "web.crt"), "key": str(self.folder / "web.key")}
        self.put(pair)
        self.echo = stage.echo()
        self.relay = stage.relay(web=[stage.web(self.echo.text, certificates=[self.files])])

    def put(self, pair, kinds=("chain", "key")):
        """Replaced by rename, as careful tools do."""
        for kind in kinds:
            fresh = self.files[kind] + ".new"
            shutil.copy(pair[kind], fresh)
            os.chmod(fresh, 0o600)
            os.replace(fresh, self.files[kind])

    def connect(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return context.wrap_socket(socket.create_connection(self.relay.address("web")), server_hostname="scada.example")

    def shown(self):
        with self.connect() as tls:
            return tls.getpeercert(True)

    def shows(self, pair, within=SOON):
        wait_for(lambda: self.shown() == der(pair), within)


@pytest.mark.tsan
def test_new_handshakes_get_the_new_certificate_and_sessions_go_on(stage, pairs):
    door = Door(stage, pairs[0])
    assert door.shown() == der(pairs[0])
    with door.connect() as old:
        old.sendall(b"before")
        assert old.recv(64) == b"before"
        for pair in (pairs[1], pairs[2], pairs[0]):
            since = door.relay.mark()
            door.put(pair)
            door.shows(pair)
            door.relay.expect("certificate_loaded", since)
            old.sendall(b"after")
            assert old.recv(64) == b"after"
    assert not door.relay.events("certificate_bad") and not door.relay.events("reloaded")


@pytest.mark.parametrize("kind", ["truncated", "empty", "no PEM"])
def test_a_bad_file_is_told_and_not_used(stage, pairs, kind):
    door = Door(stage, pairs[0])
    text = pathlib.Path(pairs[1]["chain"]).read_bytes()
    bad = {"truncated": text[:len(text) // 2], "empty": b"", "no PEM": b"\0\1\2 not a certificate"}[kind]
    pathlib.Path(door.files["chain"]).write_bytes(bad)
    told = door.relay.expect("certificate_bad")
    assert door.files["chain"] in told["error"] and told["remedy"]
    assert door.shown() == der(pairs[0])
    door.put(pairs[1])
    door.shows(pairs[1], within=SOON)
    door.relay.expect("certificate_loaded")


def test_a_key_that_does_not_fit_is_told_and_not_used(stage, pairs):
    door = Door(stage, pairs[0])
    door.put(pairs[1], kinds=["chain"])
    assert "key" in door.relay.expect("certificate_bad")["error"]
    assert door.shown() == der(pairs[0])
    door.put(pairs[1], kinds=["key"])
    door.shows(pairs[1])


def test_a_vanished_file_is_told_and_comes_back(stage, pairs):
    door = Door(stage, pairs[0])
    os.unlink(door.files["key"])
    assert door.files["key"] in door.relay.expect("certificate_bad")["error"]
    assert door.shown() == der(pairs[0])
    door.put(pairs[2])
    door.shows(pairs[2])


def test_a_certificate_behind_a_link_that_is_switched(stage, pairs):
    """As certbot does: live/web.crt leads to archive/1, then to archive/2."""
    door = Door(stage, pairs[0])
    for kind in ("chain", "key"):
        fresh = door.files[kind] + ".link"
        os.symlink(pairs[1][kind], fresh)
        os.replace(fresh, door.files[kind])
    door.shows(pairs[1])


def test_what_is_written_in_the_configuration_meanwhile_waits_for_its_reload(stage, pairs):
    door = Door(stage, pairs[0])
    good = door.relay.config.read_text()
    door.relay.config.write_text(good + "\nbogus = 1;\n")
    door.put(pairs[1])
    door.shows(pairs[1])
    door.relay.config.write_text(good)
    door.relay.reload(limits={"per_client": 9})
    assert door.shown() == der(pairs[1])
    door.put(pairs[2])
    door.shows(pairs[2])


def signed_again(stage, name, usage, role):
    """Another certificate for the same key, put in the place of the first."""
    pair = stage.pki.identity(name)
    chain, request, lines = (pair["chain"] + end for end in (".new", ".request", ".lines"))
    pathlib.Path(lines).write_text(f"extendedKeyUsage = {usage}\nkeyUsage = digitalSignature\nsubjectAltName = URI:urn:georelay:{role}\n")
    pki_module.openssl("req", "-new", "-key", pair["key"], "-subj", f"/CN={name}", "-out", request)
    pki_module.openssl("x509", "-req", "-in", request, "-CA", stage.pki.ca, "-CAkey", stage.pki.path("ca.key"), "-days", "365",
                       "-extfile", lines, "-out", chain)
    os.replace(chain, pair["chain"])
    return der(pair)


def tunnel_context(stage, side, **identity):
    context = ssl.SSLContext(side)
    context.check_hostname = False
    context.load_verify_locations(stage.pki.ca)
    context.set_alpn_protocols(["georelay/1"])
    if identity:
        context.load_cert_chain(identity["chain"], identity["key"])
    return context


def test_the_relays_certificate_at_the_tunnel(stage):
    """New channels are greeted with what is on disk; those that are there go on."""
    _, relay, agent, client, link = laid(stage)

    def shown():
        context = tunnel_context(stage, ssl.PROTOCOL_TLS_CLIENT)
        with context.wrap_socket(socket.create_connection(relay.address("tunnel"))) as tls:
            return tls.getpeercert(True)

    before, since = shown(), relay.mark()
    fresh = signed_again(stage, "relay", "serverAuth", "relay")
    relay.expect("certificate_loaded", since)
    assert before != fresh and shown() == fresh
    both_ways(client.link, link, b"old")
    stage.connect(agent.address("link"), bind=stage.block[2]).send(b"new")
    relay.expect("lease_active", client=stage.block[2])
    assert not relay.events("agent_down")


class StandIn(threading.Thread):
    """A relay that looks at the agent's certificate, and hangs up."""

    def __init__(self, stage):
        super().__init__(daemon=True)
        self.context = tunnel_context(stage, ssl.PROTOCOL_TLS_SERVER, **stage.pki.identity("relay"))
        self.context.verify_mode = ssl.CERT_REQUIRED
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.text = "127.0.0.1:%d" % self.socket.getsockname()[1]
        self.seen = []
        self.start()

    def run(self):
        while True:
            try:
                one, _ = self.socket.accept()
            except OSError:
                return
            try:
                with self.context.wrap_socket(one, server_side=True) as tls:
                    self.seen.append(tls.getpeercert(True))
            except OSError:
                pass


def test_the_agents_certificate(stage):
    relay = stage.relay(tunnel=stage.tunnel(stage.allow("site-a")), links=[stage.link(stage.echo().text)])
    stand_in = StandIn(stage)
    agent = stage.agent("site-a", relay)
    agent.reload(relays=[relay.address_text("tunnel"), stand_in.text])
    wait_for(lambda: stand_in.seen, PATIENT)
    since = agent.mark()
    fresh = signed_again(stage, "site-a", "clientAuth", "agent:site-a")
    agent.expect("certificate_loaded", since)
    wait_for(lambda: stand_in.seen[-1] == fresh, PATIENT)
    assert stand_in.seen[0] != fresh and not relay.events("agent_down")
    stand_in.socket.close()
