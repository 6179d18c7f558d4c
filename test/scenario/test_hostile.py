# SPDX-License-Identifier: Apache-2.0
"""Peers that break the tunnel's protocol, or use it in ways that nobody meant: what a reviewer who attacked the program found."""
import signal
import struct
import subprocess
import time

import build
import libconfig
import pytest
import relay as relay_module
import tunnel


@pytest.mark.parametrize("words", ["early", "version"])
def test_a_relay_that_greets_wrongly(stage, words):
    """The agent drops it, tries again with pauses, and still answers signals."""
    with tunnel.Relay(stage.pki.identity("relay"), stage.pki.ca) as impostor:
        agent = stage.add(relay_module.Georelay(stage.folder, "agent", stage.agent_settings("site-a", impostor.text)))
        for _ in range(3):
            channel, name, _ = impostor.accept()
            assert name == "HELLO"
            if words == "early":
                channel.say("NEED", struct.pack("!H", 1))
            else:
                channel.say("WELCOME", struct.pack("!HIH", 99, 1000, 1) + tunnel.text("scripted"))
            channel.expect_closed()
        assert agent.expect("tunnel_retry")["why"] == "protocol_error"
        assert agent.counts()["agents"] == 0


def lone(stage, **more):
    server = stage.listener()
    relay = stage.relay(links=[stage.link(server.text, listen=None, advise=stage.alias(**more))],
                        tunnel=stage.tunnel(stage.allow("site-a"), heartbeat=30), timeouts={"handshake": 2, "dial": 3})
    relay.server = server
    relay.remember()
    return relay, tunnel.Agent(relay.address("tunnel"), stage.pki.agent("site-a"), stage.pki.ca)


def test_an_unknown_version_takes_nobodys_place(stage):
    relay, agent = lone(stage)
    control = stage.keep(agent.welcome())
    stranger = tunnel.Agent(relay.address("tunnel"), stage.pki.agent("site-a"), stage.pki.ca)
    body = stage.keep(stranger.control(low=7, high=9)).hear_only("BYE")
    assert tunnel.refusal(body) == "version_mismatch"
    control.say("PING", tunnel.number(5))
    assert control.hear_only("PONG", answer_pings=False) == tunnel.number(5)
    assert relay.counts()["agents"] == 1 and not relay.events("agent_down")


def test_a_waiting_advise_ends_with_its_lease(stage):
    """The server dials back, no channel is there, the client leaves: a channel that comes later is not given to the old advise."""
    relay, agent = lone(stage, grace=1)
    control = stage.keep(agent.welcome())
    link = stage.keep(agent.open("node-a", stage.block[1]))
    at_server = stage.keep(relay.server.accept())
    link.hear_only("OPENED")
    advise = stage.connect((at_server.remote[0], 5500))
    link.close()
    at_server.close()
    relay.expect("lease_end")
    spare = stage.keep(agent.spare())
    advise.expect_reset(within=5)
    assert relay.expect("refuse", kind="advise")["why"] == "lease_ended"
    spare.expect_silence(0.3)
    assert relay.counts()["advises"] == 0
    del control


def test_dialling_is_said_once(stage):
    relay, agent = lone(stage)
    control = stage.keep(agent.welcome())
    link = stage.keep(agent.open("node-a", stage.block[1]))
    at_server = stage.keep(relay.server.accept())
    link.hear_only("OPENED")
    spare = stage.keep(agent.spare())
    relay.wait_counts({"spares": 1})
    advise = stage.connect((at_server.remote[0], 5500))
    spare.hear_only("DELIVER")
    spare.say("DIALLING")
    spare.say("DIALLING")
    advise.expect_reset(within=2)
    assert relay.expect("refuse", kind="advise")["why"] == "protocol_error"
    del control


def test_surplus_channels_are_closed(stage):
    """What was opened for a burst is not kept for ever: two levels at most at once, one level after a while."""
    relay, agent = lone(stage)
    control = stage.keep(agent.welcome())
    level = relay.settings["tunnel"]["spares"]
    spares = [stage.keep(agent.spare()) for _ in range(2 * level)]
    relay.wait_counts({"spares": 2 * level})
    start = time.monotonic()
    relay.wait_counts({"spares": level}, within=10)
    assert time.monotonic() - start > 2
    del control, spares


def test_silent_tls_peers_do_not_shut_out_plain_links(stage):
    echo = stage.echo()
    relay = stage.relay(web=[stage.web(echo.text)], links=[stage.link(echo.text)], limits={"greeting": 5}, timeouts={"handshake": 5})
    silent = [stage.connect(relay.address("web")) for _ in range(5)]
    client = stage.connect(relay.address("link"))
    client.send(b"hello")
    client.expect(b"hello")
    del silent


def test_unreadable_state_is_not_overwritten(stage):
    """A folder in the file's place can't be read by root either."""
    state = stage.folder / "state"
    (state / "leases").mkdir(parents=True)
    settings = {"role": "relay", "state": str(state), "links": [stage.link("127.0.0.1:9", advise=stage.alias())],
                "tunnel": stage.tunnel(stage.allow("site-a"))}
    config = stage.folder / "relay.conf"
    config.write_text(libconfig.settings(settings))
    ended = subprocess.run([build.georelay(), "run", "-c", str(config)], capture_output=True, text=True, timeout=30, check=False)
    assert ended.returncode == 1 and "ev=state_unreadable" in ended.stderr
    assert sorted(one.name for one in state.iterdir()) == ["leases"] and (state / "leases").is_dir()


def test_a_long_way_is_waited_for(stage):
    """As over a satellite: every answer takes more than a second. The advise is not sent again by another channel."""
    relay, agent = lone(stage)
    control = stage.keep(agent.welcome())
    link = stage.keep(agent.open("node-a", stage.block[1]))
    at_server = stage.keep(relay.server.accept())
    link.hear_only("OPENED")
    channels = [stage.keep(agent.connection()) for _ in range(2)]
    for channel in channels:
        channel.say("SPARE", agent.instance)
    pings = [channel.hear_only("PING", answer_pings=False) for channel in channels]
    time.sleep(1.3)
    for channel, ping in zip(channels, pings):
        channel.say("PONG", ping)
    relay.wait_counts({"spares": 2})
    advise = stage.connect((at_server.remote[0], 5500))
    advise.send(b"alarm")
    taken, other = channels if channels[0].sock.pending() or not tunnel.is_quiet(channels[0], 0.5) else channels[::-1]
    taken.hear_only("DELIVER")
    taken.expect(b"alarm")
    assert tunnel.is_quiet(other, 1.3)
    taken.say("OPENED")
    taken.send(b"seen")
    advise.expect(b"seen")
    del control


# ---- what the log says, and how often ----

def test_a_spare_channel_that_breaks_the_protocol_is_told_at_the_relay(stage):
    relay, agent = lone(stage)
    control = stage.keep(agent.welcome())
    spare = stage.keep(agent.spare())
    relay.wait_counts({"spares": 1})
    spare.say("OPENED")
    spare.expect_closed()
    assert relay.expect("refuse", kind="tunnel", agent="site-a")["why"] == "protocol_error"
    del control


@pytest.mark.parametrize("how", ["closes", "breaks the protocol"])
def test_a_spare_channel_that_needs_mending_is_told_at_the_agent(stage, how):
    """The control channel is up, so nothing else would say why advises find no channel."""
    with tunnel.Relay(stage.pki.identity("relay"), stage.pki.ca) as impostor:
        agent = stage.add(relay_module.Georelay(stage.folder, "agent", stage.agent_settings("site-a", impostor.text)))
        control = stage.keep(impostor.control())
        if how == "closes":
            stage.keep(impostor.listener.accept()).fin()
        else:
            stage.keep(impostor.spare()).say("OPENED")
        told = agent.expect("refuse", kind="tunnel")
        assert told["why"] == ("tls_gone" if how == "closes" else "protocol_error") and told["front"] == impostor.text
        assert agent.counts()["agents"] == 1
        del control


def test_a_lease_that_cannot_be_opened_does_not_flood_the_log(stage):
    """Another program has one of its ports, and the client comes back as fast as it can."""
    relay, agent = lone(stage)
    control = stage.keep(agent.welcome())
    stage.listener(ip=stage.block[128], port=5505)
    start, tries = time.monotonic(), 300
    for _ in range(tries):
        with agent.open("node-a", stage.block[1]) as link:
            assert tunnel.refusal(link.hear_only("REFUSED")) == "lease_listen"
    seconds = time.monotonic() - start
    relay.wait_counts({"links": 0, "leases": 0})
    assert 0 < len(relay.events("lease_listen_failed")) <= min(tries, 50 * (seconds + 1))
    del control


def test_counts_asked_for_when_it_ends(stage):
    """What a round of counting holds is given back although the round is never finished."""
    relay = stage.relay(links=[stage.link("127.0.0.1:9")])
    for number in [signal.SIGUSR1] * 300 + [signal.SIGINT]:
        relay.signal(number)
    assert relay.wait_end() == 0 and not relay.noise
