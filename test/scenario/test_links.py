# SPDX-License-Identifier: Apache-2.0
"""Links: what a modern client sends to port 5481 arrives byte for byte, and every kind of end arrives as what it was.

Each story is told twice: the client connects to the relay, and the client connects to an agent that carries it through the tunnel.
"""
import concurrent.futures
import contextlib
import time

import build
import peers
import pytest
from program import wait_for

GIB = 1 << 30


@pytest.fixture(params=["direct", "agent"])
def way(stage, request):
    """A function that lays a link to a server's text address and returns (where clients connect, georelays on the way)."""

    def lay(server, **settings):
        if request.param == "direct":
            relay = stage.relay(links=[stage.link(server)], **settings)
            return relay.address("link", "node-a"), [relay]
        relay = stage.relay(links=[stage.link(server, listen=None)], tunnel=stage.tunnel(stage.allow("site-a", clients=["127.0.0.1/32"])),
                            **settings)
        agent = stage.agent("site-a", relay)
        stage.remember(relay, agent)
        return agent.address("link", "node-a"), [relay, agent]

    return lay


def both_ends(stage, way, **settings):
    """A connected link: client's end, server's end, relays on the way."""
    server = stage.listener()
    entry, relays = way(server.text, **settings)
    client = stage.connect(entry)
    return client, stage.keep(server.accept()), relays


@pytest.mark.tsan
@pytest.mark.parametrize("size", [64 << 20, pytest.param(GIB, marks=pytest.mark.slow)], ids=["64MiB", "1GiB"])
def test_bulk_both_ways_at_once(stage, way, size):
    client, server, relays = both_ends(stage, way)
    size = stage.size(size)
    peers.exchange(client, server, size, within=400)
    for relay in relays:
        close = relay.expect("close", kind="link")
        assert int(close["up"]) == size and int(close["down"]) == size, close
        assert close["why"] in ("front_eof", "back_eof"), close


def test_client_ends_first_and_still_gets_the_answer(stage, way):
    client, server, relays = both_ends(stage, way)
    client.send(b"the question")
    client.fin()
    server.expect(b"the question")
    server.expect_end()
    answer = peers.Pattern()
    task = peers.Task(answer.send, server, 4 << 20)
    answer.verify(client, 4 << 20)
    task.done()
    server.fin()
    client.expect_end()
    assert relays[0].expect("close", kind="link")["why"] == "front_eof"


def test_server_ends_first_and_still_gets_the_rest(stage, way):
    client, server, relays = both_ends(stage, way)
    server.send(b"goodbye")
    server.fin()
    client.expect(b"goodbye")
    client.expect_end()
    rest = peers.Pattern()
    task = peers.Task(rest.send, client, 4 << 20)
    rest.verify(server, 4 << 20)
    task.done()
    client.fin()
    server.expect_end()
    assert relays[0].expect("close", kind="link")["why"] == "back_eof"


def test_client_resets(stage, way):
    client, server, relays = both_ends(stage, way)
    client.send(b"x")
    server.expect(b"x")
    client.rst()
    server.expect_reset(within=1)
    for relay in relays:
        assert relay.expect("close", kind="link")["why"] == "front_reset"


def test_server_resets(stage, way):
    client, server, relays = both_ends(stage, way)
    server.send(b"x")
    client.expect(b"x")
    server.rst()
    client.expect_reset(within=1)
    for relay in relays:
        assert relay.expect("close", kind="link")["why"] == "back_reset"


def test_reset_after_half_close(stage, way):
    """The client has ended in order; that the server then breaks off must not look like an orderly end."""
    client, server, relays = both_ends(stage, way)
    client.send(b"x")
    client.fin()
    server.expect(b"x")
    server.expect_end()
    server.rst()
    client.expect_reset(within=1)
    assert relays[0].expect("close", kind="link")["why"] == "back_reset"


def test_server_speaks_first(stage, way):
    client, server, _ = both_ends(stage, way)
    server.send(b"welcome")
    client.expect(b"welcome")
    client.send(b"thanks")
    server.expect(b"thanks")


def test_one_byte_at_a_time(stage, way):
    client, server, _ = both_ends(stage, way)
    for number in range(2000):
        byte = bytes([number % 251])
        client.send(byte)
        server.expect(byte)
        server.send(byte)
        client.expect(byte)


def test_slow_reader_stops_the_sender_and_nobody_else(stage, way):
    server = stage.listener()
    entry, relays = way(server.text)
    slow, fast = stage.connect(entry, receive_buffer=16384), None
    slow_server = stage.keep(server.accept())
    before = [relay.rss_kib() for relay in relays]
    sent = slow_server.fill(most=256 << 20)
    assert sent < 64 << 20, f"{sent} bytes were taken for a client that does not read"
    if not build.is_sanitized():
        for relay, rss in zip(relays, before):
            assert relay.rss_kib() - rss < 16 << 10, f"{relay.name} grew from {rss} to {relay.rss_kib()} KiB"
    fast = stage.connect(entry)
    fast_server = stage.keep(server.accept())
    peers.exchange(fast, fast_server, 8 << 20, within=30)
    slow_server.fin()
    slow.sock.settimeout(30)
    assert slow.read(sent) == bytes(sent)
    slow.expect_end()


def test_stalled_sender_costs_no_cpu(stage, way):
    """Nothing spins while one side is full and the other does not read."""
    server = stage.listener()
    entry, relays = way(server.text)
    stage.connect(entry, receive_buffer=16384)
    slow_server = stage.keep(server.accept())
    slow_server.fill(most=256 << 20)
    before = [relay.cpu_seconds() for relay in relays]
    time.sleep(1)  # the time over which is measured; nothing is waited for
    for relay, cpu in zip(relays, before):
        assert relay.cpu_seconds() - cpu < 0.3, f"{relay.name} used {relay.cpu_seconds() - cpu} s of CPU in a second of stall"


def test_node_down_is_a_reset_at_once_and_recovery_is_quick(stage, way):
    port = peers.free_port()
    entry, relays = way(f"127.0.0.1:{port}")
    assert peers.connect_reset(entry) < 1
    refusal = relays[0].expect("refuse", kind="link")
    assert refusal["why"] == "dial_refused", refusal
    assert peers.connect_reset(entry) < 1
    stage.listener(port=port)

    def connected():
        with peers.connect(entry) as client:
            try:
                client.sock.settimeout(0.3)
                return client.recv() != b""
            except TimeoutError:
                return True
            except ConnectionResetError:
                return False

    end = time.monotonic() + 5
    while not connected():
        assert time.monotonic() < end, "the node is back, but the relay still refuses"


@pytest.mark.tsan
def test_many_short_connections(stage, way):
    echo = stage.echo()
    entry, relays = way(echo.text, limits={"per_client": 5000})

    def one(number):
        word = b"message %d" % number
        with peers.connect(entry) as client:
            client.send(word)
            client.fin()
            client.expect(word)
            client.expect_end()

    with concurrent.futures.ThreadPoolExecutor(40) as pool:
        list(pool.map(one, range(stage.size(2000))))
    for relay in relays:
        relay.wait_counts({"links": 0, "sessions": 0})


def test_ipv6(stage):
    echo = stage.echo(ip="::1")
    relay = stage.relay(links=[stage.link(echo.text, listen="[::1]:0")])
    client = stage.connect(relay.address("link"))
    client.send(b"six")
    client.expect(b"six")


def test_name_is_resolved(stage):
    echo = stage.echo()
    relay = stage.relay(links=[stage.link(f"localhost:{echo.address[1]}")])
    client = stage.connect(relay.address("link"))
    client.send(b"by name")
    client.expect(b"by name")


def test_unknown_name_is_refused_with_its_reason(stage):
    relay = stage.relay(links=[stage.link("no-such-host.invalid:5481")])
    assert peers.connect_reset(relay.address("link"), within=5) < 5
    assert relay.expect("refuse", kind="link")["why"] == "name_unresolved"


def test_two_nodes_do_not_mix(stage):
    one, two = stage.listener(), stage.listener()
    relay = stage.relay(links=[stage.link(one.text, "node-a"), stage.link(two.text, "node-b")])
    first = stage.connect(relay.address("link", "node-a"))
    second = stage.connect(relay.address("link", "node-b"))
    first.send(b"for a")
    second.send(b"for b")
    stage.keep(one.accept()).expect(b"for a")
    stage.keep(two.accept()).expect(b"for b")


def test_limit_per_client(stage):
    echo = stage.echo()
    relay = stage.relay(links=[stage.link(echo.text)], limits={"per_client": 3})
    entry = relay.address("link")
    held = [stage.connect(entry) for _ in range(3)]
    for peer in held:
        peer.send(b"in")
        peer.expect(b"in")
    assert peers.connect_reset(entry) < 1
    assert relay.expect("refuse", why="limit_client")
    other = stage.connect(entry, bind=stage.block[9])
    other.send(b"another machine")
    other.expect(b"another machine")
    held[0].fin()
    held[0].expect_end()
    relay.expect("close", kind="link")
    again = stage.connect(entry)
    again.send(b"room again")
    again.expect(b"room again")


def test_limit_of_connections(stage):
    echo = stage.echo()
    relay = stage.relay(links=[stage.link(echo.text)], limits={"connections": 4})
    entry = relay.address("link")
    for _ in range(4):
        peer = stage.connect(entry)
        peer.send(b"in")
        peer.expect(b"in")
    try:
        late = stage.connect(entry, bind=stage.block[9])
        late.send(b"one too many")
        late.expect_reset(within=2)
    except ConnectionResetError:
        pass  # as quick as that
    except peers.PeerError:
        late.expect_silence(0.5)  # waiting in the kernel's queue is as good as being refused


def test_out_of_file_descriptors(stage):
    """Accepting pauses without spinning; what runs goes on; when files are free again, so is the door."""
    echo = stage.echo()
    relay = stage.relay(links=[stage.link(echo.text)], workers=1, files=80)
    entry = relay.address("link")
    clients = []
    for _ in range(100):
        with contextlib.suppress(ConnectionError):  # one that was accepted with the last file, and has none for its server
            clients.append(stage.connect(entry))
    clients[0].send(b"first")
    clients[0].expect(b"first")
    out_of_files = relay.wait("accept_paused") or relay.wait("refuse", why="no_files")
    assert out_of_files, relay.tail()
    cpu, mark = relay.cpu_seconds(), relay.mark()
    time.sleep(1)  # the time over which is measured; nothing is waited for
    assert relay.cpu_seconds() - cpu < 0.3, f"{relay.cpu_seconds() - cpu} s of CPU in a second without files"
    assert len(relay.lines) - mark < 40, "a peer can make it log without end"
    clients[0].send(b"still here")
    clients[0].expect(b"still here")
    for client in clients[1:]:
        client.rst()
    relay.wait_counts({"links": 1})
    last = stage.connect(entry)
    last.send(b"files are back")
    last.expect(b"files are back")


def test_no_relay_is_a_reset_at_once(stage):
    """An agent whose relay cannot be reached refuses; it never lets a client wait."""
    import relay as relay_module

    settings = stage.agent_settings("site-a", f"127.0.0.1:{peers.free_port()}")
    agent = stage.add(relay_module.Georelay(stage.folder, "agent", settings))
    agent.remember()
    assert peers.connect_reset(agent.address("link")) < 1
    assert agent.expect("refuse", kind="link")["why"] == "no_relay"


def is_refused(entry):
    """A connection that was still taken is reset, so that it holds up no drain."""
    try:
        peers.connect(entry).rst()
    except ConnectionRefusedError:
        return True
    except ConnectionResetError:
        pass
    return False


def test_term_drains(stage):
    """After TERM running links have their time to end; then the program exits 0."""
    server = stage.listener()
    relay = stage.relay(links=[stage.link(server.text)], timeouts={"drain": 20})
    entry = relay.address("link")
    client = stage.connect(entry)
    peer = stage.keep(server.accept())
    relay.signal(15)
    relay.expect("stopping")
    client.send(b"not yet")
    peer.expect(b"not yet")
    wait_for(lambda: is_refused(entry))  # the door closes while the link goes on
    client.fin()
    peer.expect_end()
    peer.fin()
    client.expect_end()
    assert relay.wait_end(5) == 0
    assert relay.events("stopped")


def test_drain_time_is_bounded(stage):
    server = stage.listener()
    relay = stage.relay(links=[stage.link(server.text)], timeouts={"drain": 1})
    client = stage.connect(relay.address("link"))
    peer = stage.keep(server.accept())
    relay.signal(15)
    client.expect_reset(within=5)
    peer.expect_reset(within=5)
    assert relay.wait_end(5) == 0
    assert relay.events("close", why="shutdown")


def test_int_stops_at_once(stage):
    server = stage.listener()
    relay = stage.relay(links=[stage.link(server.text)], timeouts={"drain": 60})
    client = stage.connect(relay.address("link"))
    stage.keep(server.accept())
    relay.signal(2)
    assert relay.wait_end(3) == 0
    client.expect_reset(within=1)


def test_idle_time(stage):
    server = stage.listener()
    relay = stage.relay(links=[stage.link(server.text)], timeouts={"idle": 1})
    client = stage.connect(relay.address("link"))
    peer = stage.keep(server.accept())
    client.expect_reset(within=12)
    peer.expect_reset(within=12)
    assert relay.expect("close")["why"] == "idle_timeout"


def test_half_closed_time(stage):
    server = stage.listener()
    relay = stage.relay(links=[stage.link(server.text)], timeouts={"half_closed": 1})
    client = stage.connect(relay.address("link"))
    peer = stage.keep(server.accept())
    client.fin()
    peer.expect_end()
    peer.expect_reset_after_end(within=5)
    assert relay.expect("close")["why"] == "half_closed_timeout"


def test_log_line_of_a_link_has_every_address(stage):
    server = stage.listener()
    relay = stage.relay(links=[stage.link(server.text)])
    client = stage.connect(relay.address("link"), bind=stage.block[3])
    peer = stage.keep(server.accept())
    front, front_local, back_local = ("%s:%d" % end for end in (client.local, client.remote, peer.remote))
    client.send(b"abc")
    peer.expect(b"abc")
    client.fin()
    peer.expect_end()
    peer.send(b"de")
    peer.fin()
    client.expect(b"de")
    client.expect_end()
    close = relay.expect("close")
    assert close["front"] == front and close["front_local"] == front_local
    assert close["back"] == server.text and close["back_local"] == back_local
    assert (close["up"], close["down"], close["kind"], close["name"]) == ("3", "2", "link", "node-a")
    assert close["sid"] and close["ms"].isdigit() and close["at"] == "front" and close["why"] == "front_eof"
