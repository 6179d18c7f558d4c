# SPDX-License-Identifier: Apache-2.0
"""What a reload means for everything else: audit log, access control, revocation, renewal, the island, status and metrics."""
import pathlib
import re

import audit_log
import peers
import pki as pki_module
import prometheus
import pytest
from program import wait_for
from test_access import answers, comes_too_often
from test_orders import order
from test_renewal import aged
from test_revocation import talk
from test_advise import Legacy
from test_status import admin, document, of_kind, until


@pytest.fixture
def own(stage, tmp_path):
    stage.pki = pki_module.Pki(tmp_path / "own-pki")
    return stage.pki


def events(path, name):
    return [event for event in audit_log.read(path) if event["ev"] == name]


def test_what_was_changed_is_audited(stage, own):
    file = stage.folder / "audit.log"
    echo = stage.echo()
    own.run("web", "127.0.0.1")
    relay = stage.relay(links=[stage.link(echo.text)], web=[stage.site(echo.text, tls=True)], audit={"file": str(file)})
    before = events(file, "config_loaded")[0]["sha256"]
    relay.reload(limits={"per_client": 100})
    wait_for(lambda: events(file, "config_changed"))
    changed, = events(file, "config_changed")
    assert changed["before"] == before and changed["sha256"] != before
    relay.reload_fails(bogus=1)
    wait_for(lambda: events(file, "config_refused"))
    refused, = events(file, "config_refused")
    assert "bogus" in refused["error"] and refused["kept"] == changed["sha256"] and refused["result"] == "refused"
    relay.reload_fails(audit={"file": str(file), "on_failure": "stop"})
    loaded = events(file, "certificate_loaded")
    chain = pathlib.Path(relay.settings["web"][0]["certificates"][0]["chain"])
    good, mark = chain.read_bytes(), relay.mark()
    chain.write_bytes(good[:200])
    relay.expect("certificate_bad", mark)
    wait_for(lambda: events(file, "certificate_refused"))
    chain.write_bytes(good)
    relay.expect("certificate_loaded", mark)
    wait_for(lambda: len(events(file, "certificate_loaded")) > len(loaded))
    verified = audit_log.Verified("-c", relay.config)
    assert verified.code == 0, str(verified)


def test_who_may_come_changes(stage):
    """Lists and rates are those of the new file for new connections; who is there stays."""
    guest, other = str(stage.block[3]), str(stage.block[4])
    echo = stage.echo()
    relay = stage.relay(links=[stage.link(echo.text)])
    entry = relay.address("link")
    there = answers(stage, entry, guest)
    relay.reload(links=[{**stage.link(echo.text), "deny_from": [guest]}])
    assert peers.connect_reset(entry, bind=guest) < 1
    there.send(b"again")
    there.expect(b"again")
    answers(stage, entry, other)
    relay.reload(links=[stage.link(echo.text)], limits={"rate_per_client": 1, "burst": 1})
    comes_too_often(stage, relay, entry, guest, "limit_client_rate")
    relay.reload(limits={"rate_per_client": 0, "burst": 1})
    for _ in range(5):
        answers(stage, entry, guest)


def test_the_admin_ports_token_is_that_of_the_file(stage):
    """Also if a setting changes in the same moment, so that it is a new generation that reads the files."""
    token = stage.folder / "token"
    token.write_text("a" * 32)
    token.chmod(0o600)
    relay = stage.relay(links=[stage.link(stage.echo().text)], admin={"listen": ["127.0.0.1:0"], "token_file": str(token)})
    for number, letter in enumerate("bcd"):
        token.write_text(letter * 32)
        relay.reload(timeouts={"dial": 1 + number % 2})
        wait_for(lambda: status_with(relay, letter * 32) == 200)
        assert status_with(relay, "a" * 32) == 401
    token.write_text("short")
    assert "token" in relay.reload_fails(timeouts={"dial": 9})["error"]
    assert status_with(relay, "d" * 32) == 200


def status_with(relay, token):
    return prometheus.get(relay, "/status.json", ("Authorization", f"Bearer {token}")).status


def test_a_level_of_spare_channels_is_for_agents_that_come(stage):
    """The agent was told another one, and keeps to it; nobody opens channels that the other end closes at once."""
    server = stage.listener()
    links = [stage.link(server.text, listen=None, advise=stage.alias())]
    tunnel = stage.tunnel(stage.allow("site-a"), spares=16, listen=f"127.0.0.1:{peers.free_port()}")
    relay = stage.relay(links=links, tunnel=tunnel, admin=admin(stage))
    agent = stage.agent("site-a", relay)
    until(relay, lambda d: d["agents"][0]["spares"] == 16)
    mark = relay.mark()
    relay.reload(tunnel={**tunnel, "spares": 2})
    relay.expect("generation_ended", mark)
    until(relay, lambda d: d["agents"][0]["spares"] == 16)
    assert not relay.events("close", mark, why="surplus") and not relay.events("refuse", mark, why="surplus")
    agent.stop()
    agent.restart()
    until(relay, lambda d: d["agents"][0]["is_up"] and d["agents"][0]["spares"] == 2)


@pytest.mark.tsan
def test_an_island_stays_one(stage):
    server, echo = stage.listener(), stage.echo()
    links = [stage.link(server.text, listen=None, advise=stage.alias()), stage.link(echo.text, name="direct")]
    relay = stage.relay(links=links, tunnel=stage.tunnel(stage.allow("site-a"), listen=f"127.0.0.1:{peers.free_port()}"),
                        admin=admin(stage))
    agent = stage.agent("site-a", relay)
    order(relay, "island", "on")
    agent.expect("tunnel_down", why="island")
    mark, there = relay.mark(), agent.mark()
    relay.reload(timeouts={"dial": 1})
    assert peers.connect_reset(relay.address("link", "direct")) < 1
    assert relay.expect("refuse", mark)["why"] == "island"
    assert document(relay)["is_island"] and not relay.events("agent_up", mark)
    order(relay, "island", "off")
    agent.expect("tunnel_up", there)
    Legacy(stage, agent.address("link"), stage.block[1])


@pytest.mark.tsan
def test_no_counter_goes_down_and_kill_finds_all_generations(stage):
    echo = stage.echo()
    relay = stage.relay(links=[stage.link(echo.text)], admin=admin(stage))
    entry, kept, last = relay.address("link"), [], None
    for number in range(6):
        stays, goes = answers(stage, entry, None), answers(stage, entry, None)
        kept.append(stays)
        goes.fin()
        goes.expect_end()
        relay.reload(timeouts={"dial": 1 + number % 2})
        metrics = prometheus.metrics(relay)
        now = {key: value for key, value in metrics.items() if metrics.types.get("georelay_" + key[0]) == "counter"}
        assert last is None or all(value >= last.get(key, 0) for key, value in now.items())
        last = now
    seen = until(relay, lambda d: len(of_kind(d, "link")) == len(kept))
    assert seen["now"]["links"] == len(kept)
    mark = relay.mark()
    assert order(relay, "kill", of_kind(seen, "link")[0]["sid"]) == "ended 1 session\n"
    assert order(relay, "kill", "127.0.0.1") == f"ended {len(kept) - 1} sessions\n"
    for number in range(1, 7):
        relay.expect("generation_ended", generation=number)
    metrics = prometheus.metrics(relay)
    assert all(metrics.get(key, 0) >= value for key, value in last.items())
    assert len(relay.events("close", mark)) == len(kept)


@pytest.mark.tsan
def test_a_list_of_revoked_certificates_comes_with_a_reload(stage, own):
    server = stage.listener()
    links = [stage.link(server.text, listen=None, advise=stage.alias())]
    tunnel = stage.tunnel(stage.allow("site-a"), stage.allow("site-b"), listen=f"127.0.0.1:{peers.free_port()}")
    relay = stage.relay(links=links, tunnel=tunnel)
    agents = [stage.agent(name, relay) for name in ("site-a", "site-b")]
    ends = []
    for number, agent in enumerate(agents, 1):
        client = Legacy(stage, agent.address("link"), stage.block[number])
        ends.append([client.link, stage.keep(server.accept())])
    own.run("revoke", "site-b")
    mark, there = relay.mark(), agents[1].mark()
    relay.reload(tunnel={**tunnel, "revoked": own.path("revoked")})
    relay.expect("agent_down", mark, agent="site-b", why="revoked")
    agents[1].expect("certificate_revoked", there)
    for end in ends[1]:
        end.expect_reset()
    ends[0][0].send(b"ping")
    ends[0][1].expect(b"ping")
    own.run("revoke", "site-a")  # the file is watched from now on
    relay.expect("agent_down", mark, agent="site-a", why="revoked")
    # Without a list everybody is let in again.
    relay.reload(tunnel=tunnel)
    relay.expect("agent_up", relay.mark(), agent="site-a", within=30)


def test_a_renewal_goes_on_over_reloads_of_both(stage, own, tmp_path):
    aged(own, "site-a")
    folder = tmp_path / "requests"
    folder.mkdir()
    server = stage.listener()
    links = [stage.link(server.text, listen=None, advise=stage.alias())]
    tunnel = stage.tunnel(stage.allow("site-a"), listen=f"127.0.0.1:{peers.free_port()}")
    relay = stage.relay(links=links, tunnel=tunnel)
    agent = stage.agent("site-a", relay, state=str(tmp_path / "state"))
    relay.expect("renewal_refused", why="renewal_off")
    relay.reload(tunnel={**tunnel, "requests": str(folder)})
    agent.reload(timeouts={"dial": 1})
    agent.stop()
    agent.restart()
    relay.expect("renewal_requested", agent="site-a")
    agent.reload(timeouts={"dial": 2})
    relay.reload(timeouts={"dial": 2})
    own.run("renew", "--requests", str(folder))
    client = Legacy(stage, agent.address("link"), stage.block[1])
    link = stage.keep(server.accept())
    advise = stage.connect((link.remote[0], 5500), name="advise at the server")
    ends = [client.link, link, advise, stage.keep(client.listener.accept())]
    agent.expect("certificate_loaded")
    agent.expect("certificate_renewed")
    agent.reload(timeouts={"dial": 1})
    assert len(re.findall(r"^site-a +.*$", own.run("list"), re.M)) == 2
    talk(ends)
