# SPDX-License-Identifier: Apache-2.0
"""Revocation: an agent whose certificate is on the list is cut off within a second and let in no more, until it has a new one."""
import os
import pathlib
import subprocess
import time

import build
import pki as pki_module
import pytest
import tunnel as peer_tunnel
from test_advise import Legacy

# From the change of the list until the last connection is gone.
WITHIN = 1.0


@pytest.fixture
def own(stage, tmp_path):
    """A CA of this story's own, which the stage uses from now on."""
    stage.pki = pki_module.Pki(tmp_path / "own-pki")
    return stage.pki


def tunnel(stage, *agents, **more):
    return {**stage.tunnel(*agents), "revoked": stage.pki.path("revoked"), **more}


def laid(stage):
    """A relay with two agents, each with a client, its link and an advise: (relay, agents, connections by agent)."""
    server = stage.listener()
    clients = {"site-a": stage.block[1], "site-b": stage.block[2]}
    allowed = [stage.allow(name, clients=[ip + "/32"]) for name, ip in clients.items()]
    relay = stage.relay(links=[stage.link(server.text, listen=None, advise=stage.alias())], tunnel=tunnel(stage, *allowed))
    agents = {name: stage.agent(name, relay) for name in clients}
    stage.remember(relay, *agents.values())
    ends = {}
    for name, ip in clients.items():
        client = Legacy(stage, agents[name].address("link"), ip)
        link = stage.keep(server.accept())
        advise = stage.connect((link.remote[0], 5500), name="advise at the server")
        ends[name] = [client.link, link, advise, stage.keep(client.listener.accept())]
        talk(ends[name])
    return relay, agents, ends


def talk(ends):
    """Bytes come through, by the link and by the advise."""
    for one, other in (ends[:2], ends[2:]):
        one.send(b"ping")
        other.expect(b"ping")


@pytest.mark.tsan
def test_agent_is_cut_with_everything_within_a_second(stage, own):
    relay, agents, ends = laid(stage)
    since, agent_since = relay.mark(), agents["site-a"].mark()
    own.run("revoke", "site-a")
    begin = time.monotonic()
    for end in ends["site-a"]:
        end.expect_reset(within=5)
    took = time.monotonic() - begin
    assert took < WITHIN * build.patience(), f"it took {took:.2f} s"
    relay.expect("agent_down", since, agent="site-a", why="revoked")
    relay.expect("close", since, kind="link", why="revoked")
    relay.expect("close", since, kind="advise", why="revoked")
    # The agent knows why, comes back, and is refused.
    agents["site-a"].expect("tunnel_down", agent_since, why="revoked")
    assert "enrol" in agents["site-a"].expect("certificate_revoked", agent_since)["remedy"]
    relay.expect("refuse", since, kind="tunnel", why="revoked", agent="site-a")
    agents["site-a"].expect("tunnel_retry", agents["site-a"].mark(), why="revoked")
    assert len(agents["site-a"].events("certificate_revoked", agent_since)) == 1
    talk(ends["site-b"])
    assert not relay.events("agent_down", since, agent="site-b")
    # A new certificate of the same name lets it in again.
    agents["site-a"].stop()
    own.run("agent", "site-a")
    agents["site-a"].restart()
    relay.expect("agent_up", since, agent="site-a")
    talk(ends["site-b"])


def test_revoked_agent_resumes_nothing(stage, own):
    """A session that was made before the revocation opens no door, neither at once nor by being resumed again and again."""
    listed = pathlib.Path(own.path("revoked"))
    relay = stage.relay(links=[stage.link("127.0.0.1:1", listen=None)], tunnel=tunnel(stage, stage.allow("site-a")))
    empty = listed.read_text()
    agent = peer_tunnel.Agent(relay.address("tunnel"), own.agent("site-a"), own.ca, version=2)

    def comes():
        """(what the relay said to HELLO, whether the session was resumed)"""
        channel = stage.keep(agent.control())
        said = channel.hear()
        return (peer_tunnel.refusal(said[1]) if said[0] in ("BYE", "REFUSED") else said[0]), channel.sock.session_reused, channel

    said, is_resumed, first = comes()
    assert (said, is_resumed) == ("WELCOME", False)
    agent.session = first.sock.session
    said, is_resumed, _ = comes()
    assert (said, is_resumed) == ("WELCOME", True)
    since = relay.mark()
    own.run("revoke", "site-a")
    relay.expect("agent_down", since, why="revoked")
    for _ in range(2):
        said, is_resumed, _ = comes()
        assert said == "revoked"
        assert not is_resumed
    spare = stage.keep(agent.connection())
    spare.say("SPARE", agent.instance)
    assert peer_tunnel.refusal(spare.hear_only("REFUSED")) == "revoked"  # rather than "stale_channel"
    # No longer on the list, it is let in, after a full handshake.
    since = relay.mark()
    listed.write_text(empty)
    relay.expect("revoked_loaded", since, certificates=0)
    said, is_resumed, _ = comes()
    assert (said, is_resumed) == ("WELCOME", False)


def test_list_that_is_not_whole_is_not_used(stage, own):
    relay, agents, _ = laid(stage)
    listed = pathlib.Path(own.path("revoked"))
    empty = listed.read_text()
    own.run("revoke", "site-a")
    relay.expect("revoked_loaded", certificates=1)
    relay.expect("refuse", kind="tunnel", why="revoked")
    since = relay.mark()
    listed.write_text(listed.read_text().replace("end 1\n", ""))
    bad = relay.expect("revoked_failed", since)
    assert bad["in_use"] == "1" and "not whole" in bad["error"] and bad["remedy"], bad
    relay.expect("refuse", since, kind="tunnel", why="revoked")
    since = relay.mark()
    listed.unlink()
    relay.expect("revoked_failed", since)
    relay.expect("refuse", since, kind="tunnel", why="revoked")
    # Taken off the list, it may come again.
    since = relay.mark()
    fresh = listed.with_suffix(".fresh")
    fresh.write_text(empty)
    os.rename(fresh, listed)
    relay.expect("revoked_loaded", since, certificates=0)
    relay.expect("agent_up", since, agent="site-a")
    agents["site-a"].wait_counts({"spares": 4})


def test_list_must_be_there_at_the_start(stage, own):
    os.unlink(own.path("revoked"))
    with pytest.raises(AssertionError) as told:
        stage.relay(tunnel=tunnel(stage, stage.allow("site-a")), links=[stage.link("127.0.0.1:1", listen=None)])
    assert "did not become ready" in str(told.value)
    result = subprocess.run([build.georelay(), "check", "-c", str(stage.folder / "relay.conf")], capture_output=True, text=True,
                            timeout=60, check=False)
    assert result.returncode == 2 and "revocation list" in result.stderr, result.stderr


def test_revoked_before_the_start(stage, own):
    """Who is on the list already never gets in."""
    allowed = stage.allow("site-a")
    own.run("revoke", "site-a")
    own.run("agent", "site-b")
    issued = next(path for path in pathlib.Path(own.path("issued")).glob("*.key"))
    relay = stage.relay(tunnel=tunnel(stage, allowed), links=[stage.link("127.0.0.1:1", listen=None)])
    settings = stage.agent_settings("site-a", relay.address_text("tunnel"), identity="site-b")
    settings.update(chain=str(issued.with_suffix(".crt")), key=str(issued))
    import relay as relay_module
    agent = stage.add(relay_module.Georelay(stage.folder, "agent", settings))
    agent.expect("certificate_revoked")
    relay.expect("refuse", kind="tunnel", why="revoked")
    assert not relay.events("agent_up")


def test_crl_of_a_sites_own_ca(stage, own, tmp_path):
    """The same by a CRL; a new one is used as soon as it is there."""
    (tmp_path / "index.txt").touch()
    (tmp_path / "crlnumber").write_text("01\n")
    config = tmp_path / "crl.cnf"
    config.write_text(f"[ca]\ndefault_ca = d\n[d]\ndatabase = {tmp_path}/index.txt\ncrlnumber = {tmp_path}/crlnumber\n"
                      "default_md = sha256\ndefault_crl_days = 1\n")

    def ca(*words):
        pki_module.openssl("ca", "-config", str(config), "-cert", own.ca, "-keyfile", own.path("ca.key"), *words)

    crl = str(tmp_path / "ca.crl")
    ca("-gencrl", "-out", crl)
    allowed = stage.allow("site-a")
    relay = stage.relay(tunnel={**stage.tunnel(allowed), "crl": crl}, links=[stage.link("127.0.0.1:1", listen=None)])
    agent = stage.agent("site-a", relay)
    ca("-revoke", own.path("site-a.crt"))
    since = relay.mark()
    ca("-gencrl", "-out", crl)
    relay.expect("agent_down", since, agent="site-a", why="revoked")
    agent.expect("certificate_revoked")


def test_pki_list_shows_it(stage, own):
    own.run("agent", "site-a")
    assert [line.split()[-1] for line in own.run("list").splitlines() if line.startswith("site-a ")] == ["good"]
    own.run("revoke", "site-a")
    own.run("agent", "site-a")
    states = sorted(line.split()[-1] for line in own.run("list").splitlines() if line.startswith("site-a "))
    assert states == ["good", "revoked"]
