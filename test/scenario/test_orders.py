# SPDX-License-Identifier: Apache-2.0
"""georelay kill and island: what an administrator orders happens at once, to nobody else, and is logged with who ordered it."""
import contextlib
import os
import pathlib
import subprocess

import build
import peers
import prometheus
import pytest
from test_advise import Legacy
from test_status import admin, document, of_kind, stand, until


def order(relay, command, *words, code=0):
    result = subprocess.run([build.georelay(), command, "-c", str(relay.config), *words], capture_output=True, text=True, timeout=60,
                            check=False)
    assert result.returncode == code, result.stdout + result.stderr
    return result.stdout if code == 0 else result.stderr


def still_works(at_server, at_client):
    at_server.send(b"still")
    assert at_client.read(5) == b"still"


@pytest.mark.tsan
def test_kill_a_session(stage):
    relay, _, (_, _, at_server, at_client, browser) = stand(stage)
    web, = of_kind(until(relay, lambda d: len(of_kind(d, "advise")) == 1), "web")
    assert order(relay, "kill", web["sid"]) == "ended 1 session\n"
    line = relay.expect("close", kind="web")
    assert (line["sid"], line["why"]) == (web["sid"], "killed")
    browser.expect_reset()
    still_works(at_server, at_client)
    line = relay.expect("kill")
    assert (line["target"], line["uid"], line["sessions"], line["agents"]) == (web["sid"], str(os.getuid()), "1", "0")
    assert "nothing fits" in order(relay, "kill", web["sid"], code=1)


@pytest.mark.tsan
def test_kill_an_agent(stage):
    relay, agent, (_, link, at_server, at_client, browser) = stand(stage)
    mark, there = relay.mark(), agent.mark()
    assert order(relay, "kill", "site-a") == "ended 2 sessions and the agent's control channel\n"
    assert relay.expect("agent_down", mark)["why"] == "killed" and agent.expect("tunnel_down", there)["why"] == "killed"
    for kind in ("link", "advise"):
        assert relay.expect("close", mark, kind=kind)["why"] == "killed"
    for one in (link, at_server, at_client):
        one.expect_reset()
    line = relay.expect("kill", mark)
    assert (line["target"], line["sessions"], line["agents"]) == ("site-a", "2", "1")
    browser.ask()  # is behind no agent
    relay.expect("agent_up", mark)
    agent.expect("tunnel_up", there)
    Legacy(stage, agent.address("link"), stage.block[2])
    assert "nothing fits" in order(relay, "kill", "site-b", code=1)


def test_kill_a_client(stage):
    server = stage.listener()
    relay = stage.relay(links=[stage.link(server.text, advise=stage.alias())], tunnel=stage.tunnel(stage.allow("site-a")), admin=admin(stage))
    agent = stage.agent("site-a", relay)
    stage.remember(relay, agent)
    links = {}
    for ip in (stage.block[1], stage.block[2], stage.block[3]):
        Legacy(stage, agent.address("link"), ip)
        links[ip] = stage.keep(server.accept())
    stage.connect(relay.address("link"), bind=stage.block[4])
    links[stage.block[4]] = stage.keep(server.accept())
    until(relay, lambda d: len(of_kind(d, "link")) == 4)
    for target, gone in ((f"site-a/{stage.block[1]}", 1), (stage.block[2], 2), ("direct", 4)):
        assert order(relay, "kill", target) == "ended 1 session\n"
        links.pop(stage.block[gone]).expect_reset()
        left = {session["client"] for session in of_kind(document(relay), "link")}
        assert left == set(links), target
    assert "nothing fits" in order(relay, "kill", f"direct/{stage.block[3]}", code=1)
    assert "nothing fits" in order(relay, "kill", f"site-b/{stage.block[3]}", code=1)


def test_words_that_are_no_target(stage):
    relay = stage.relay(links=[stage.link("127.0.0.1:9")], admin=admin(stage))
    for word in ("/", "a/b", "../x", "site-a/", "a" * 64, "1.2.3.4.5/6"):
        assert "is no session" in order(relay, "kill", word, code=2), word
    for word in ("", "two words", "line\nbreak", "a" * 201):
        assert "usage:" in order(relay, "kill", word, code=2), word
    assert "usage:" in order(relay, "kill", code=2)
    assert not relay.events("kill")
    relay.stop()
    assert "start georelay" in order(relay, "kill", "1.1", code=1)


def turned_away(relay, address):
    mark = relay.mark()
    with contextlib.suppress(ConnectionResetError), peers.connect(address) as client:
        client.expect_reset()
    assert relay.expect("refuse", mark)["why"] == "island"


def island_metric(relay):
    return prometheus.metrics(relay).of("island")


@pytest.mark.tsan
def test_island(stage):
    """Everybody is cut off and kept out, also after a restart; those who watch it are told; then all comes back."""
    relay, agent, (_, link, at_server, at_client, browser) = stand(stage)
    file = pathlib.Path(str(relay.config)).parent / "relay-state/island"
    assert not document(relay)["is_island"] and island_metric(relay) == 0
    mark, there = relay.mark(), agent.mark()
    assert "sessions ended: 3, tunnels closed: 1" in order(relay, "island", "on")
    for one in (link, at_server, at_client, browser):
        one.expect_reset()
    for kind in ("link", "advise", "web"):
        assert relay.expect("close", mark, kind=kind)["why"] == "island"
    assert relay.expect("agent_down", mark)["why"] == "island" and agent.expect("tunnel_down", there)["why"] == "island"
    line = relay.expect("island_on", mark)
    assert (line["uid"], line["sessions"], line["tunnels"]) == (str(os.getuid()), "3", "1") and file.exists()
    turned_away(relay, relay.address("plain"))
    turned_away(relay, relay.address("link"))
    seen = document(relay)
    assert seen["is_island"] and not seen["sessions"] and not seen["agents"][0]["is_up"] and island_metric(relay) == 1
    assert "AN ISLAND" in subprocess.run([build.georelay(), "status", "-c", str(relay.config)], capture_output=True, text=True, timeout=60,
                                         check=True).stdout
    relay.kill()
    relay.restart()
    assert relay.expect("island_on")["file"] == str(file) and island_metric(relay) == 1
    turned_away(relay, relay.address("plain"))
    mark = relay.mark()
    assert "no island" in order(relay, "island", "off")
    relay.expect("island_off", mark)
    relay.expect("agent_up", mark)
    assert not file.exists() and island_metric(relay) == 0 and not document(relay)["is_island"]
    stage.http(relay).ask()


def test_island_of_an_agent(stage):
    relay, agent, (_, link, *_) = stand(stage)
    mark = agent.mark()
    assert "tunnels closed: 1" in order(agent, "island", "on")
    assert agent.expect("tunnel_down", mark)["why"] == "island" and relay.expect("agent_down")["why"] == "island"
    link.expect_reset()
    turned_away(agent, agent.address("link"))
    assert document(agent)["is_island"] and not document(agent)["relays"][0]["is_up"] and not document(relay)["is_island"]
    assert not agent.events("tunnel_retry", mark)
    mark = agent.mark()
    order(agent, "island", "off")
    agent.expect("tunnel_up", mark)
    Legacy(stage, agent.address("link"), stage.block[2])


def test_island_without_a_place_to_write(stage):
    """What is urgent is done even so, and the administrator is told."""
    relay = stage.relay(links=[stage.link("127.0.0.1:9")], admin=admin(stage), state="/proc/nowhere")
    assert "could not be written down" in order(relay, "island", "on", code=1)
    assert "make the state folder" in relay.expect("island_not_saved")["remedy"]
    turned_away(relay, relay.address("link"))
    order(relay, "island", "off")
    for word in ("", "On", "on\n"):
        assert "usage:" in order(relay, "island", word, code=2), word
