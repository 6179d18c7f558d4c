# SPDX-License-Identifier: Apache-2.0
"""Renewal: an agent's certificate is replaced over the tunnel, while its links and advises go on."""
import os
import pathlib
import subprocess
import time

import build
import pki as pki_module
import pytest
import tunnel as peer_tunnel
from test_revocation import Legacy, talk


@pytest.fixture
def own(stage, tmp_path):
    stage.pki = pki_module.Pki(tmp_path / "own-pki")
    return stage.pki


def aged(own, name, left_days=10):
    """A certificate of the CA of which most of its life is over, in the place of the agent's."""
    own.run("agent", name)
    work = own.folder / f"aged-{name}"
    work.mkdir()
    (work / "index.txt").touch()
    day = 24 * 3600
    dates = [time.strftime("%Y%m%d%H%M%SZ", time.gmtime(time.time() + shift * day)) for shift in (-1000, left_days)]
    (work / "ca.cnf").write_text(
        f"[ca]\ndefault_ca = d\n[d]\ndatabase = {work}/index.txt\nnew_certs_dir = {work}\nrand_serial = yes\ndefault_md = sha256\n"
        f"policy = p\nx509_extensions = e\n[p]\ncommonName = supplied\n[e]\nbasicConstraints=critical,CA:FALSE\n"
        f"extendedKeyUsage=clientAuth\nsubjectAltName=URI:urn:georelay:agent:{name}\n")
    for path in own.folder.joinpath("issued").glob("*.crt"):
        if path.read_text() == pathlib.Path(own.path(f"{name}.crt")).read_text():
            path.unlink()
    pki_module.openssl("req", "-new", "-key", own.path(f"{name}.key"), "-out", str(work / "request.pem"), "-subj", f"/CN={name}")
    pki_module.openssl("ca", "-batch", "-config", str(work / "ca.cnf"), "-cert", own.ca, "-keyfile", own.path("ca.key"), "-notext",
                       "-startdate", dates[0], "-enddate", dates[1], "-in", str(work / "request.pem"), "-out", own.path(f"{name}.crt"))
    return own.identity(name)


def laid(stage, own, tmp_path, requests=True):
    """(relay, agent, [client, server's end, advise at the server, advise at the client], folder of requests)"""
    aged(own, "site-a")
    folder = tmp_path / "requests"
    folder.mkdir()
    state = tmp_path / "agent-state"
    state.mkdir()
    server = stage.listener()
    tunnel = {**stage.tunnel(stage.allow("site-a")), "revoked": own.path("revoked"), "requests": str(folder) if requests else None}
    relay = stage.relay(links=[stage.link(server.text, listen=None, advise=stage.alias())], tunnel=tunnel)
    agent = stage.agent("site-a", relay, state=str(state))
    client = Legacy(stage, agent.address("link"), stage.block[1])
    link = stage.keep(server.accept())
    advise = stage.connect((link.remote[0], 5500), name="advise at the server")
    ends = [client.link, link, advise, stage.keep(client.listener.accept())]
    talk(ends)
    return relay, agent, ends, folder


def serials(own, name="site-a"):
    return {line.split()[2]: line.split()[-1] for line in own.run("list").splitlines() if line.startswith(name + " ")}


@pytest.mark.tsan
def test_renewed_agent_never_loses_a_link(stage, own, tmp_path):
    relay, agent, ends, folder = laid(stage, own, tmp_path)
    relay.expect("renewal_requested", agent="site-a")
    before = serials(own)
    since, agent_since = relay.mark(), agent.mark()
    own.run("renew", "--requests", str(folder))
    agent.expect("certificate_renewed", agent_since, name="site-a")
    talk(ends)
    assert not relay.events("agent_down") and not agent.events("tunnel_down")
    assert not relay.events("close", since, kind="link") and not relay.events("close", since, kind="advise")
    new = set(serials(own)) - set(before)
    assert len(new) == 1
    # With the old one revoked, by hand, it comes back with the new one; so that is what it uses.
    since, agent_since = relay.mark(), agent.mark()
    pathlib.Path(own.path("revoked")).write_text("".join(f"{serial} site-a x\n" for serial in before) + f"end {len(before)}\n")
    relay.expect("agent_down", since, why="revoked")
    relay.expect("agent_up", since, agent="site-a")
    # And after a restart, with the configuration as it was.
    agent.stop()
    since = relay.mark()
    agent.restart()
    relay.expect("agent_up", since, agent="site-a")
    assert not relay.events("refuse", since, why="revoked")
    # A check looks at the certificate in use, not at the one that ends in ten days.
    checked = subprocess.run([build.georelay(), "check", "--probe", "-c", str(agent.config)], capture_output=True, text=True, timeout=60, check=False)
    assert "agent-state/site-a.pem: the certificate of" in checked.stdout and "in 9 days" not in checked.stdout, checked.stdout
    # Revoked by name, the new one does not count either.
    since = relay.mark()
    own.run("revoke", "site-a")
    relay.expect("agent_down", since, why="revoked")


def test_answer_that_comes_after_a_restart(stage, own, tmp_path):
    relay, agent, _, folder = laid(stage, own, tmp_path)
    relay.expect("renewal_requested", agent="site-a")
    request = (folder / "site-a.csr").read_text()
    agent.stop()
    own.run("renew", "site-a", "--requests", str(folder))
    agent.restart()
    agent.expect("certificate_renewed")
    assert (folder / "site-a.csr").read_text() == request
    assert not list((tmp_path / "agent-state").glob("*.request"))


def test_relay_that_takes_no_requests_says_so(stage, own, tmp_path):
    relay, agent, ends, _ = laid(stage, own, tmp_path, requests=False)
    assert agent.expect("renewal_refused", why="renewal_off")["remedy"]
    relay.expect("renewal_refused", agent="site-a", why="renewal_off")
    talk(ends)


def test_answer_of_another_ca_is_not_used(stage, own, tmp_path):
    relay, agent, ends, folder = laid(stage, own, tmp_path)
    relay.expect("renewal_requested", agent="site-a")
    other = pki_module.Pki(tmp_path / "other-pki")
    aged(other, "site-a")
    other.run("renew", "--requests", str(folder))
    agent.expect("renewal_failed")
    talk(ends)
    assert not list((tmp_path / "agent-state").glob("*.pem"))


def test_certificate_that_the_relay_refuses_is_not_used(stage, own, tmp_path):
    """It is good in itself, of the right CA and key; only a connection tells that the relay does not take it."""
    relay, agent, ends, folder = laid(stage, own, tmp_path)
    relay.expect("renewal_requested", agent="site-a")
    before = serials(own)
    aside = tmp_path / "aside"
    aside.mkdir()
    (aside / "site-a.csr").write_text((folder / "site-a.csr").read_text())
    own.run("renew", "--requests", str(aside))
    (new,) = set(serials(own)) - set(before)
    since = relay.mark()
    pathlib.Path(own.path("revoked")).write_text(f"{new} site-a x\nend 1\n")
    relay.expect("revoked_loaded", since, certificates=1)
    os.rename(aside / "site-a.crt", folder / "site-a.crt")
    assert agent.expect("renewal_failed", why="revoked")["remedy"]
    talk(ends)
    assert not agent.events("tunnel_down") and not agent.events("certificate_renewed")
    assert [path.name for path in (tmp_path / "agent-state").iterdir()] == ["site-a.request"]


def test_request_that_is_not_due_is_not_signed(stage, own, tmp_path):
    """As one would be that a stolen machine left behind: its name has a fresh certificate by now."""
    relay, _, _, folder = laid(stage, own, tmp_path)
    relay.expect("renewal_requested", agent="site-a")
    own.run("revoke", "site-a")
    own.run("agent", "site-a")
    with pytest.raises(AssertionError, match="more than half"):
        own.run("renew", "--requests", str(folder))
    assert not (folder / "site-a.crt").exists()


def test_older_agent_and_bad_requests(stage, own, tmp_path):
    """An agent of version 2 goes on as before; one of version 3 that sends what is no request is told so, and one that breaks the
    rules of pieces is cut off."""
    folder = tmp_path / "requests"
    folder.mkdir()
    relay = stage.relay(links=[stage.link("127.0.0.1:1", listen=None)],
                        tunnel={**stage.tunnel(stage.allow("site-a")), "requests": str(folder)})
    identity = own.agent("site-a")
    for version, body, wanted in ((2, b"\x00\x05\x00\x00\x00\x05hello", "BYE"), (3, b"\x00\x05\x00\x00\x00\x05hello", "NOT_RENEWED"),
                                  (3, b"\x00\x0a\x00\x05\x00\x05hello", "BYE")):
        agent = peer_tunnel.Agent(relay.address("tunnel"), identity, own.ca, version=version)
        control = stage.keep(agent.welcome())
        control.say("RENEW", body)
        assert peer_tunnel.refusal(control.hear_only(wanted)) == ("renewal_bad" if wanted == "NOT_RENEWED" else "protocol_error")
    assert not list(folder.iterdir())


def test_agent_that_asks_too_often_is_heard_now_and_then(stage, own, tmp_path):
    """Of three requests at once the first is looked at, and the last two seconds later; the one between never."""
    folder = tmp_path / "requests"
    folder.mkdir()
    relay = stage.relay(links=[stage.link("127.0.0.1:1", listen=None)],
                        tunnel={**stage.tunnel(stage.allow("site-a")), "requests": str(folder)})
    control = stage.keep(peer_tunnel.Agent(relay.address("tunnel"), own.agent("site-a"), own.ca, version=3).welcome())
    begin = time.monotonic()
    for text in (b"one", b"two", b"three"):
        control.say("RENEW", len(text).to_bytes(2, "big") + bytes(2) + len(text).to_bytes(2, "big") + text)
    for _ in range(2):
        assert peer_tunnel.refusal(control.hear_only("NOT_RENEWED")) == "renewal_bad"
    assert time.monotonic() - begin > 1.5
    control.say("PING", bytes(8))
    while control.trace[-1] != "PONG":
        control.hear()
    assert control.trace.count("NOT_RENEWED") == 2
    assert len(relay.events("renewal_refused")) == 1  # the same again is not logged
