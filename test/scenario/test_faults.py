# SPDX-License-Identifier: Apache-2.0
"""Faults: what the other ends see, the log line with its reason, and recovery without help within seconds."""
import json
import select
import signal
import ssl
import struct
import subprocess
import time

import build
import geosim
import libconfig
import peers
import pki as pki_module
import program
import pytest
import relay as relay_module
import tunnel
from program import wait_for

RECOVERY = 20


def fixed_pair(stage, server, **more):
    """A relay at a fixed port, so that it can come back there, and one agent with clients: (relay, agent)."""
    port = peers.free_port()
    relay = stage.relay(links=[stage.link(server, listen=None, advise=stage.alias())],
                        tunnel=stage.tunnel(stage.allow("site-a"), listen=f"127.0.0.1:{port}", **more))
    agent = stage.agent("site-a", relay)
    stage.remember(relay, agent)
    return relay, agent


def busy_client(stage, agent, alarms):
    return stage.client(agent.address_text("link"), "busy", bind=stage.block[1], links=5, ports="5500-5509", alarms=alarms)


def nothing_lost(client, alarms, within=90):
    final = client.final(within)
    bad = {key: final[key] for key in ("lost", "duplicated", "reordered", "corrupt", "foreign") if final[key] != 0}
    assert not bad and final["alarms"] >= alarms, final


# ---- somebody dies and comes back ----

@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM], ids=["kill", "term"])
def test_agent_dies_and_comes_back(stage, how):
    server = stage.server(dial="peer", alarms=3000, alarms_per_second=400, retry_ms=200)
    port = peers.free_port()
    relay, agent = fixed_pair(stage, server.link)
    agent.rewrite({**agent.settings, "links": [{"name": "node-a", "listen": [f"127.0.0.1:{port}"]}]})
    agent.stop()
    agent.restart()
    agent.expect("tunnel_up")
    stage.remember(relay, agent)
    client = busy_client(stage, agent, 3000)
    client.wait_word("alarms", 300)
    mark = relay.mark()
    agent.signal(how)
    agent.wait_end()
    assert relay.expect("agent_down", mark, agent="site-a")["why"]
    relay.wait_counts({"links": 0, "advises": 0, "spares": 0})
    agent.restart()
    relay.expect("agent_up", mark, within=RECOVERY)
    nothing_lost(client, 3000)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM], ids=["kill", "term"])
def test_relay_dies_and_comes_back(stage, how):
    server = stage.server(dial="peer", alarms=3000, alarms_per_second=400, retry_ms=200)
    relay, agent = fixed_pair(stage, server.link)
    client = busy_client(stage, agent, 3000)
    client.wait_word("alarms", 300)
    mark = agent.mark()
    relay.signal(how)
    relay.wait_end(20)
    assert agent.expect("tunnel_down", mark)["why"]
    agent.wait_counts({"links": 0, "advises": 0})
    assert agent.expect("tunnel_retry", mark)
    relay.restart()
    agent.expect("tunnel_up", mark, within=RECOVERY)
    nothing_lost(client, 3000)


def test_server_dies_and_comes_back(stage):
    port = peers.free_port()
    server = stage.server(listen=f"127.0.0.1:{port}", dial="peer", alarms_per_second=400, retry_ms=200)
    relay, agent = fixed_pair(stage, f"127.0.0.1:{port}")
    client = stage.client(agent.address_text("link"), "busy", bind=stage.block[1], links=5)
    client.wait_word("alarms", 300)
    mark = relay.mark()
    server.kill()
    assert relay.expect("close", mark, kind="link")["why"] in ("back_reset", "back_eof")
    assert relay.expect("close", mark, kind="advise")["why"] in ("front_reset", "front_eof")
    assert relay.expect("refuse", mark, kind="link")["why"] in ("dial_refused", "node_down")
    stage.server(listen=f"127.0.0.1:{port}", dial="peer", alarms_per_second=400, retry_ms=200, name="server again")
    relay.expect("lease_active", mark, within=RECOVERY)
    mark = client.mark()
    before = client.latest().get("alarms", 0)
    client.wait_word("alarms", before + 200, mark, within=RECOVERY)
    client.kill()


def test_two_relays_the_second_takes_over(stage):
    server = stage.listener()
    relays = [stage.relay(f"relay-{n}", links=[stage.link(server.text, listen=None, advise={"addressing": "off"})],
                          tunnel=stage.tunnel(stage.allow("site-a"))) for n in (1, 2)]
    settings = stage.agent_settings("site-a", [relay.address_text("tunnel") for relay in relays])
    agent = stage.add(relay_module.Georelay(stage.folder, "agent", settings))
    for relay in relays:
        relay.expect("agent_up")
        agent.expect("tunnel_up", relay=relay.address_text("tunnel"))
    entry = agent.address("link")
    first = stage.connect(entry, bind=stage.block[1])
    link = stage.keep(server.accept())
    first.send(b"by the first")
    link.expect(b"by the first")
    relays[0].wait_counts({"links": 1})
    mark = agent.mark()
    relays[0].signal(signal.SIGKILL)
    relays[0].wait_end()
    first.expect_reset(within=2)
    agent.expect("tunnel_down", mark)
    second = stage.connect(entry, bind=stage.block[1])
    link = stage.keep(server.accept())
    second.send(b"by the second")
    link.expect(b"by the second")
    relays[1].wait_counts({"links": 1})


def test_frozen_agent_is_known_by_its_heartbeat(stage):
    """A machine that hangs holds its sockets open: only the heartbeat tells."""
    server = stage.listener()
    relay, agent = fixed_pair(stage, server.text, heartbeat=1)
    stage.connect(agent.address("link"), bind=stage.block[1])
    stage.keep(server.accept())
    mark, start = relay.mark(), time.monotonic()
    agent.freeze()
    try:
        assert relay.expect("agent_down", mark)["why"] == "heartbeat_lost"
        if not build.is_sanitized():
            assert time.monotonic() - start < 6
        relay.wait_counts({"spares": 0, "agents": 0})
    finally:
        agent.thaw()
    relay.expect("agent_up", mark, within=RECOVERY)


def test_frozen_relay_is_known_by_its_heartbeat(stage):
    server = stage.listener()
    relay, agent = fixed_pair(stage, server.text, heartbeat=1)
    mark = agent.mark()
    relay.freeze()
    try:
        assert agent.expect("tunnel_down", mark)["why"] == "heartbeat_lost"
        assert peers.connect_reset(agent.address("link"), bind=stage.block[1], within=5) < 5
    finally:
        relay.thaw()
    agent.expect("tunnel_up", mark, within=RECOVERY)


# ---- two of one name ----

def test_second_agent_of_the_same_name(stage):
    """The newest wins, what runs goes on, and the two do not chase each other."""
    server = stage.listener()
    relay, agent = fixed_pair(stage, server.text)
    old_client = stage.connect(agent.address("link"), bind=stage.block[1])
    old_link = stage.keep(server.accept())
    mark = agent.mark()
    settings = stage.agent_settings("site-a", relay.address_text("tunnel"))
    twin = stage.add(relay_module.Georelay(stage.folder, "twin", settings))
    twin.expect("tunnel_up")
    assert agent.expect("tunnel_down", mark)["why"] == "replaced"
    assert relay.expect("agent_down")["why"] == "replaced"
    old_client.send(b"still")
    old_link.expect(b"still")
    calm = agent.wait_line(lambda event: event["ev"] == "tunnel_retry" and int(event["retry_ms"]) > 2000, within=40)
    assert calm, "the two agents chase each other"
    assert len(relay.events("agent_up")) < 16
    for one in (agent, twin):
        one.stop()
    relay.start_counts = None


# ---- certificates ----

def raw_agent(stage, relay, identity, ca=None, **options):
    return tunnel.Agent(relay.address("tunnel"), identity, ca or stage.pki.ca, **options)


def foreign_ca(folder):
    """Somebody else's CA, with a relay and agents of its own."""
    (folder / "their-ca").mkdir()
    return pki_module.Pki(folder / "their-ca")


def expect_turned_away(relay, why, call):
    """The scripted agent's connection comes to nothing, and the relay says why."""
    mark = relay.mark()
    try:
        channel = call()
        heard = channel.expect_closed()
        assert not any(name == "WELCOME" for name, _ in heard), heard
    except (ConnectionError, ssl.SSLError):
        pass
    refusal = relay.expect("refuse", mark)
    assert refusal["why"] == why, refusal
    assert refusal["front"], refusal


@pytest.fixture
def lone_relay(stage):
    """A relay with a tunnel and no agent."""
    server = stage.listener()
    relay = stage.relay(links=[stage.link(server.text, listen=None, advise=stage.alias())],
                        tunnel=stage.tunnel(stage.allow("site-a"), heartbeat=30), timeouts={"handshake": 2, "dial": 3})
    relay.server = server
    relay.remember()
    return relay


def test_certificate_of_another_ca(stage, lone_relay, tmp_path):
    other = foreign_ca(tmp_path)
    expect_turned_away(lone_relay, "cert_untrusted", lambda: raw_agent(stage, lone_relay, other.agent("site-a")).control())


def test_no_certificate(stage, lone_relay):
    expect_turned_away(lone_relay, "cert_missing", lambda: raw_agent(stage, lone_relay, None).control())


def test_expired_certificate(stage, lone_relay):
    extensions = "extendedKeyUsage = clientAuth\nkeyUsage = digitalSignature\nsubjectAltName = URI:urn:georelay:agent:late"
    identity = stage.pki.expired("late", extensions) if not (stage.pki.folder / "late.crt").exists() else stage.pki.identity("late")
    expect_turned_away(lone_relay, "cert_expired", lambda: raw_agent(stage, lone_relay, identity).control())


def test_certificate_of_a_relay_at_the_relay(stage, lone_relay):
    expect_turned_away(lone_relay, "cert_wrong_role", lambda: raw_agent(stage, lone_relay, stage.pki.identity("relay")).control())


def test_certificate_of_the_web_at_the_relay(stage, lone_relay):
    expect_turned_away(lone_relay, "cert_wrong_role", lambda: raw_agent(stage, lone_relay, stage.pki.identity("web")).control())


def test_unknown_agent(stage, lone_relay):
    expect_turned_away(lone_relay, "agent_unknown", lambda: raw_agent(stage, lone_relay, stage.pki.agent("stranger")).control())


def test_without_alpn(stage, lone_relay):
    expect_turned_away(lone_relay, "tls_no_alpn", lambda: raw_agent(stage, lone_relay, stage.pki.agent("site-a"), alpn=None).control())


def test_agent_of_another_site(stage, lone_relay, tmp_path):
    """The real agent with everything from another CA: both ends say why, it keeps trying without hammering, clients are told at once."""
    other = foreign_ca(tmp_path)
    settings = {**stage.agent_settings("site-a", lone_relay.address_text("tunnel")), **other.agent("site-a"), "ca": other.ca}
    agent = stage.add(relay_module.Georelay(stage.folder, "stranger", settings))
    assert agent.expect("tunnel_retry")["why"] == "cert_untrusted"
    assert lone_relay.expect("refuse")["why"] == "tls_rejected"
    assert peers.connect_reset(agent.address("link"), bind=stage.block[1]) < 1
    agent.wait_line(lambda event: event["ev"] == "tunnel_retry" and int(event["retry_ms"]) > 1000)
    assert len(agent.events("tunnel_retry")) < 12


def test_relay_with_a_certificate_of_another_ca(stage, tmp_path):
    other = foreign_ca(tmp_path)
    with tunnel.Relay(other.identity("relay"), stage.pki.ca) as fake:
        agent = stage.add(relay_module.Georelay(stage.folder, "agent", stage.agent_settings("site-a", fake.text)))
        with pytest.raises((OSError, ssl.SSLError, peers.PeerError)):
            fake.accept()
        assert agent.expect("tunnel_retry")["why"] == "cert_untrusted"


def test_an_agents_certificate_at_the_relays_place(stage):
    with tunnel.Relay(stage.pki.agent("site-b"), stage.pki.ca) as fake:
        agent = stage.add(relay_module.Georelay(stage.folder, "agent", stage.agent_settings("site-a", fake.text)))
        with pytest.raises((OSError, ssl.SSLError, peers.PeerError)):
            fake.accept()
        assert agent.expect("tunnel_retry")["why"] == "cert_wrong_role"


def test_expired_certificate_of_the_relay(stage):
    extensions = "extendedKeyUsage = serverAuth\nkeyUsage = digitalSignature\nsubjectAltName = URI:urn:georelay:relay"
    identity = (stage.pki.expired("late-relay", extensions) if not (stage.pki.folder / "late-relay.crt").exists()
                else stage.pki.identity("late-relay"))
    with tunnel.Relay(identity, stage.pki.ca) as fake:
        agent = stage.add(relay_module.Georelay(stage.folder, "agent", stage.agent_settings("site-a", fake.text)))
        with pytest.raises((OSError, ssl.SSLError, peers.PeerError)):
            fake.accept()
        assert agent.expect("tunnel_retry")["why"] == "cert_expired"


# ---- who may ask for what ----

def test_agent_asks_for_a_link_it_may_not_have(stage):
    """Asked by the real agent, so that the client's end is seen too."""
    one, two = stage.listener(), stage.listener()
    relay = stage.relay(links=[stage.link(one.text, "node-a"), stage.link(two.text, "node-b")],
                        tunnel=stage.tunnel(stage.allow("site-a", "node-a")))
    agent = stage.agent("site-a", relay, "node-a", "node-b", "node-c")
    stage.remember(relay, agent)
    for name, why in (("node-b", "link_not_allowed"), ("node-c", "link_unknown")):
        mark = relay.mark(), agent.mark()
        assert peers.connect_reset(agent.address("link", name), bind=stage.block[1]) < 1
        # whoever may not have a link need not learn whether it exists
        for event in (relay.expect("refuse", mark[0]), agent.expect("refuse", mark[1])):
            assert event["why"] in (why, "link_not_allowed"), event
    two.expect_nobody(0.2)


def test_agent_asks_for_a_client_that_is_not_its_own(stage, lone_relay):
    agent = raw_agent(stage, lone_relay, stage.pki.agent("site-a"))
    control = stage.keep(agent.welcome())
    channel = stage.keep(agent.open("node-a", "10.1.2.3"))
    assert tunnel.refusal(channel.hear_only("REFUSED")) == "client_not_allowed"
    assert lone_relay.expect("refuse")["why"] == "client_not_allowed"
    lone_relay.server.expect_nobody(0.2)
    control.close()


def test_client_that_may_not_use_the_agent(stage):
    server = stage.listener()
    relay, agent = stage.pair(server.text)
    assert peers.connect_reset(agent.address("link"), bind="127.3.3.3") < 1
    assert agent.expect("refuse")["why"] == "client_not_allowed"


@pytest.mark.parametrize("client,port,why", [("10.9.9.9", 5500, "client_not_allowed"), ("127.0.0.1", 22, "port_not_allowed"),
                                             ("127.0.0.1", 5510, "port_not_allowed"), ("127.0.0.1", 0, "port_not_allowed"),
                                             ("::1", 5500, "client_not_allowed")])
def test_relay_asks_an_agent_for_what_it_may_not_reach(stage, client, port, why):
    """A relay that has been taken over still reaches nothing but clients and advise ports."""
    with tunnel.Relay(stage.pki.identity("relay"), stage.pki.ca) as fake:
        agent = stage.add(relay_module.Georelay(stage.folder, "agent", stage.agent_settings("site-a", fake.text)))
        stage.keep(fake.control())
        spare = stage.keep(fake.spare())
        fake.deliver(spare, "node-a", client, port, b"secret")
        assert tunnel.refusal(spare.hear_only("REFUSED")) == why
        assert agent.expect("refuse")["why"] == why


def test_scripted_relay_delivers(stage):
    """The frames in the order of the specification; the first bytes come with the request."""
    listener = stage.listener(ip=stage.block[1], port=5500)
    with tunnel.Relay(stage.pki.identity("relay"), stage.pki.ca) as fake:
        agent = stage.add(relay_module.Georelay(stage.folder, "agent", stage.agent_settings("site-a", fake.text)))
        stage.keep(fake.control())
        spare = stage.keep(fake.spare())
        fake.deliver(spare, "node-a", stage.block[1], 5500, b"first bytes")
        at_client = stage.keep(listener.accept())
        at_client.expect(b"first bytes")
        spare.hear_only("OPENED")
        at_client.send(b"answer")
        spare.expect(b"answer")
        next_spare = stage.keep(fake.spare())  # opened at once when the first was taken
        assert tunnel.is_quiet(next_spare, 0.1)
        assert agent.is_running()


# ---- channels that die or lie ----

def scripted_agent_with_client(stage, relay):
    """A scripted agent whose client has a link: (agent, control, link channel, leased address)."""
    agent = raw_agent(stage, relay, stage.pki.agent("site-a"))
    control = stage.keep(agent.welcome())
    link = stage.keep(agent.open("node-a", stage.block[1]))
    at_server = stage.keep(relay.server.accept())
    link.hear_only("OPENED")
    return agent, control, link, at_server.remote[0]


def test_a_spare_channel_dies_as_it_is_taken(stage, lone_relay):
    """The server notices nothing: the next spare channel gets the same request and the same first bytes."""
    agent, control, link, leased = scripted_agent_with_client(stage, lone_relay)
    spares = [stage.keep(agent.spare()) for _ in range(3)]
    lone_relay.wait_counts({"spares": 3})
    at_server = stage.connect((leased, 5500))
    at_server.send(b"first alarm")
    asked = []
    for _ in range(2):
        spare = tunnel_first_ready(spares)
        asked.append(tunnel.delivery(spare.hear_only("DELIVER")))
        spares.remove(spare)
        if len(asked) == 1:
            spare.expect(b"first alarm")
            spare.rst()
    spare.say("OPENED")
    spare.expect(b"first alarm")
    spare.send(b"thanks")
    at_server.expect(b"thanks")
    assert asked[0][1:] == asked[1][1:] == ("node-a", stage.block[1], 5500)
    del control, link


def tunnel_first_ready(channels):
    ready, _, _ = select.select([channel.sock for channel in channels], [], [], 5)
    assert ready, "no spare channel was taken"
    return next(channel for channel in channels if channel.sock is ready[0])


def test_a_spare_channel_that_does_not_answer(stage, lone_relay):
    agent, control, link, leased = scripted_agent_with_client(stage, lone_relay)
    spares = [stage.keep(agent.spare()) for _ in range(2)]
    lone_relay.wait_counts({"spares": 2})
    at_server = stage.connect((leased, 5500))
    at_server.send(b"first alarm")
    silent = tunnel_first_ready(spares)
    silent.hear_only("DELIVER")
    spares.remove(silent)
    start = time.monotonic()
    other = tunnel_first_ready(spares)
    other.hear_only("DELIVER")
    assert 0.3 < time.monotonic() - start < 3 * build.patience()
    other.say("OPENED")
    other.expect(b"first alarm")
    del control, link


def test_no_spare_channel_at_all(stage, lone_relay):
    agent, control, link, leased = scripted_agent_with_client(stage, lone_relay)
    at_server = stage.connect((leased, 5500))
    assert struct.unpack("!H", hear_need(control))[0] >= 1
    at_server.expect_reset(within=15)
    assert lone_relay.expect("refuse", kind="advise")["why"] == "no_spare"
    late = stage.connect((leased, 5500))
    hear_need(control)
    spare = stage.keep(agent.spare())
    spare.hear_only("DELIVER")
    spare.say("OPENED")
    spare.send(b"in time")
    late.expect(b"in time")
    del link


def hear_need(control):
    while True:
        name, body = control.hear()
        if name == "NEED":
            return body
        if name == "PING":
            control.say("PONG", body)


def test_agent_refuses_with_an_unknown_reason(stage, lone_relay):
    agent, control, link, leased = scripted_agent_with_client(stage, lone_relay)
    spare = stage.keep(agent.spare())
    lone_relay.wait_counts({"spares": 1})
    at_server = stage.connect((leased, 5500))
    spare.hear_only("DELIVER")
    spare.say("REFUSED", tunnel.text("made_up"))
    at_server.expect_reset(within=2)
    assert lone_relay.expect("refuse", kind="advise")["why"] == "refused_by_peer"
    del control, link


def test_stale_instance(stage, lone_relay):
    agent = raw_agent(stage, lone_relay, stage.pki.agent("site-a"))
    stage.keep(agent.welcome())
    liar = raw_agent(stage, lone_relay, stage.pki.agent("site-a"))
    channel = stage.keep(liar.open("node-a", stage.block[1]))
    assert tunnel.refusal(channel.hear_only("REFUSED")) == "stale_channel"
    channel = stage.keep(liar.connection())
    channel.say("SPARE", liar.instance)
    assert tunnel.refusal(channel.hear_only("REFUSED")) == "stale_channel"
    assert lone_relay.counts()["spares"] == 0


def test_version_mismatch(stage, lone_relay):
    agent = raw_agent(stage, lone_relay, stage.pki.agent("site-a"))
    control = stage.keep(agent.control(low=7, high=9))
    assert tunnel.refusal(control.hear_only("BYE")) == "version_mismatch"
    assert lone_relay.expect("agent_refused")["why"] == "version_mismatch"


@pytest.mark.parametrize("bytes_sent", [b"\xff\x00\x00\x00", b"\x01\x01\x00\x00", b"\x01\x00\xff\xff", b"\x01\x00\x00\x02ab",
                                        b"GET / HTTP/1.1\r\n\r\n", tunnel.frame("PING", tunnel.number(1)), tunnel.frame("BYE", b"\x05x")],
                         ids=["type", "zero", "length", "short", "http", "not-first", "text"])
def test_broken_first_frame(stage, lone_relay, bytes_sent):
    agent = raw_agent(stage, lone_relay, stage.pki.agent("site-a"))
    channel = stage.keep(agent.connection())
    channel.send(bytes_sent)
    channel.expect_closed()
    assert lone_relay.expect("refuse")["why"] == "protocol_error"


def test_silence_after_the_handshake(stage, lone_relay):
    agent = raw_agent(stage, lone_relay, stage.pki.agent("site-a"))
    stage.keep(agent.connection())
    assert lone_relay.expect("refuse", within=8)["why"] == "handshake_timeout"


def test_broken_frame_on_the_control_channel(stage, lone_relay):
    agent = raw_agent(stage, lone_relay, stage.pki.agent("site-a"))
    control = stage.keep(agent.welcome())
    lone_relay.expect("agent_up")
    control.say("OPENED")
    control.expect_closed()
    assert lone_relay.expect("agent_down")["why"] == "protocol_error"


def test_spares_are_limited(stage, lone_relay):
    """An agent cannot pile up channels: beyond twice the level (4) they are refused or closed."""
    agent = raw_agent(stage, lone_relay, stage.pki.agent("site-a"))
    stage.keep(agent.welcome())
    for _ in range(20):
        try:
            stage.keep(agent.spare())
        except (OSError, ssl.SSLError, peers.PeerError):
            break
    assert lone_relay.counts()["spares"] <= 8


def test_wrong_order_of_orderly_ends_on_a_channel(stage, lone_relay):
    """A data channel that is cut without close_notify is a reset for the server, never an end."""
    agent, control, link, leased = scripted_agent_with_client(stage, lone_relay)
    second = stage.keep(agent.open("node-a", stage.block[1]))
    at_server = stage.keep(lone_relay.server.accept())
    second.hear_only("OPENED")
    second.send(b"half a sent")
    at_server.expect(b"half a sent")
    second.close()
    at_server.expect_reset(within=2)
    assert lone_relay.expect("close", kind="link")["why"] == "tls_truncated"
    del control, link, leased


# ---- files ----

def test_log_file_is_reopened_on_hup(stage):
    log = stage.folder / "relay.log"
    settings = {"role": "relay", "state": str(stage.folder), "links": [stage.link("127.0.0.1:9")],
                "log": {"level": "info", "file": str(log)}}
    config = stage.folder / "file.conf"
    config.write_text(libconfig.settings(settings))
    process = subprocess.Popen([build.georelay(), "run", "-c", str(config)], stdin=subprocess.DEVNULL)
    try:
        wait_for(lambda: log.exists() and "ev=ready" in log.read_text())
        log.rename(stage.folder / "relay.log.1")
        process.send_signal(signal.SIGHUP)
        wait_for(log.exists)
        process.send_signal(signal.SIGUSR1)
        wait_for(lambda: "ev=counts" in log.read_text())
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait()


def test_json_log(stage):
    config = stage.folder / "json.conf"
    config.write_text(libconfig.settings({"role": "relay", "state": str(stage.folder), "links": [stage.link("127.0.0.1:9")],
                                          "log": {"format": "json"}}))
    one = stage.add(program.Program([build.georelay(), "run", "-c", str(config)], "relay"))
    assert one.wait_line(lambda line: '"ev":"ready"' in line)
    one.signal(signal.SIGUSR1)
    assert one.wait_line(lambda line: '"ev":"counts"' in line)
    one.signal(signal.SIGTERM)
    assert one.wait_end() == 0
    events = [json.loads(line) for line in one.lines]
    assert {"listen", "ready", "counts", "stopping", "stopped"} <= {event["ev"] for event in events}
    assert all(isinstance(event["fds"], int) for event in events if event["ev"] == "counts")


def test_relay_killed_while_it_writes_its_state(stage):
    """Whatever moment the power fails at, the state file is whole."""
    server = stage.listener()
    relay, agent = stage.pair(server.text)
    for number in range(1, 30):
        stage.connect(agent.address("link"), bind=stage.block[number])
    relay.expect("lease_new")
    relay.signal(signal.SIGKILL)
    relay.wait_end()
    relay.restart()
    warned = [event for event in relay.lines if event["level"] in ("warn", "error") and "state" in str(event)]
    assert not warned, warned
    relay.start_counts = agent.start_counts = None  # the relay came back at another port


def test_geosim_notices(stage):
    """The judge of the other stories must not be blind: without a relay between, the same checks pass."""
    server = stage.server(dial="peer", alarms=100, alarms_per_second=1000)
    client = stage.client(server.link, "near", bind=stage.block[1], links=2, alarms=100)
    geosim.verified(client.final(), 100)
