# SPDX-License-Identifier: Apache-2.0
"""What does not end with a response: WebSockets, other upgrades, events, long polls; bytes that must pass as soon as they come."""
import ssl
import time

import chromium
import http1
import peers
import pytest
import websocket
from program import wait_for
from test_web import HalfClosed

SHORT = {"keep_alive": 1, "head": 2, "body": 1, "half_closed": 1}
BOTH = pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: Raw/2\r\n\r\n"
ASK = http1.request("GET", "/raw", "Connection: Upgrade", "Upgrade: Raw/2")


def websockets_through(stage, tls, page="", **settings):
    """(server, relay)"""
    server = stage.keep(websocket.Echo(page))
    return server, stage.relay(web=[stage.site(server.text, tls=tls)], **settings)


def websocket_client(stage, relay, tls):
    context = ssl.create_default_context(cafile=stage.pki.ca) if tls else None
    return stage.keep(websocket.Client(relay.address_text("web" if tls else "plain"), context))


# ---- WebSockets ----

@pytest.mark.tsan
@BOTH
def test_websocket_with_compression(stage, tls):
    """The extension that ARR breaks is agreed on by both ends, and everything comes back."""
    server, relay = websockets_through(stage, tls)
    client = websocket_client(stage, relay, tls)
    assert client.extensions == ["permessage-deflate"]
    for message in ("", "hello {x}", "\u20ac" * 1000, bytes(range(256)), b"x" * stage.size(8 << 20),
                    peers.Pattern().block[:1 << 20]):
        assert client.echo(message) == message
    assert server.extensions == [["permessage-deflate"]]
    client.ping()
    client.end(1001, "going away")
    assert relay.expect("request", path="/live")["status"] == "101"
    close = relay.expect("close")
    assert close["why"] in ("front_eof", "back_eof"), close


def test_many_websockets(stage):
    server, relay = websockets_through(stage, True)
    clients = [websocket_client(stage, relay, True) for _ in range(stage.size(40))]
    for number, client in enumerate(clients):
        assert client.echo(f"number {number}") == f"number {number}"
    assert sorted(server.messages) == sorted(f"number {number}" for number in range(len(clients)))


@BOTH
def test_websocket_may_be_idle(stage, tls):
    """No time limit but its own holds for it, and that is off."""
    _, relay = websockets_through(stage, tls, timeouts={**SHORT, "idle": 1})
    client = websocket_client(stage, relay, tls)
    assert client.echo("before") == "before"
    time.sleep(4)  # the story is that nothing happens for longer than every other limit
    assert client.echo("after") == "after"


@pytest.mark.slow
def test_websocket_is_idle_for_minutes(stage):
    """Longer than the 120 seconds at which ARR cuts it off, with all settings as they are by default."""
    _, relay = websockets_through(stage, True)
    client = websocket_client(stage, relay, True)
    assert client.echo("before") == "before"
    time.sleep(125)
    assert client.echo("after") == "after"


def test_idle_time_of_upgrades(stage):
    _, relay = websockets_through(stage, False, timeouts={"upgraded": 1})
    client = stage.http(relay)
    client.send(http1.request("GET", "/", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
                              "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="))
    assert client.response().status == 101
    client.expect_gone(within=10)
    assert relay.expect("close")["why"] == "idle_timeout"


PAGE = """<!doctype html><p id=said>waiting</p><script>
const socket = new WebSocket(location.href.replace(/^http/, 'ws') + 'live');
socket.onopen = () => socket.send('first {x}');
socket.onmessage = event => {
    if (event.data === 'first {x}') setTimeout(() => socket.send('second ' + socket.extensions), 3000);
    else socket.close(1000);
};
</script>"""


@pytest.mark.limit(150)
def test_websocket_of_chromium(stage):
    server, relay = websockets_through(stage, True, PAGE, timeouts=SHORT)
    browser = chromium.Chromium(stage, f"https://{relay.address_text('web')}/", stays=True)
    assert relay.expect("request", path="/live", within=80)["status"] == "101"
    wait_for(lambda: len(server.messages) >= 2, within=60)
    assert server.messages[:1] == ["first {x}"] and server.messages[1].startswith("second permessage-deflate"), server.messages
    assert ["permessage-deflate"] in server.extensions
    browser.kill()


# ---- any other protocol ----

def raw_pair(stage, tls=False, **settings):
    """(client, server's end, relay) after a 101."""
    server = stage.upstream()
    relay = stage.relay(web=[stage.site(server.text, tls=tls)], **settings)
    client = stage.http(relay, tls)
    client.send(ASK)
    back = stage.keep(server.accept())
    request = back.request()
    assert (request.get("Upgrade"), request.get("Connection").lower()) == ("Raw/2", "upgrade")
    back.send(SWITCH)
    answer = client.response()
    assert (answer.status, answer.get("Upgrade"), answer.get("Connection").lower()) == (101, "Raw/2", "upgrade")
    return client, back, relay


def test_both_directions_at_once(stage):
    """Megabytes each way, each ended by a FIN of its own."""
    client, back, relay = raw_pair(stage)
    peers.exchange(client, back, stage.size(32 << 20), 60)
    assert relay.expect("close")["why"] in ("front_eof", "back_eof")


@pytest.mark.parametrize("first", ["client", "server"])
def test_half_close(stage, first):
    client, back, _ = raw_pair(stage, timeouts={"half_closed": 30})
    one, other = (client, back) if first == "client" else (back, client)
    one.send(b"the last word")
    one.fin()
    other.expect(b"the last word")
    other.expect_end()
    for number in range(20):
        other.send(b"%d" % number)
        one.expect(b"%d" % number)
    other.fin()
    one.expect_end()


def test_half_close_over_tls(stage):
    server = stage.upstream()
    relay = stage.relay(web=[stage.site(server.text, tls=True)])
    client = HalfClosed(stage, relay)
    client.tls.write(ASK)
    client.flush()
    back = stage.keep(server.accept())
    back.request()
    back.send(SWITCH)
    assert client.run(client.tls.read, 1000).startswith(b"HTTP/1.1 101 ")
    client.tls.write(b"the question")
    client.fin()
    back.expect(b"the question")
    back.expect_end()
    back.send(b"the answer")
    assert client.run(client.tls.read, 100) == b"the answer"
    back.fin()


@BOTH
def test_reset_goes_through(stage, tls):
    client, back, relay = raw_pair(stage, tls)
    back.rst()
    with pytest.raises((ConnectionResetError, ssl.SSLError)):
        assert client.recv() == b"x", "an orderly end"
    assert relay.expect("close")["why"] == "back_reset"


@BOTH
def test_bytes_that_come_with_the_101(stage, tls):
    server = stage.upstream()
    relay = stage.relay(web=[stage.site(server.text, tls=tls)])
    client = stage.http(relay, tls)
    client.send(ASK)
    back = stage.keep(server.accept())
    back.request()
    back.send(SWITCH + b"server first")
    assert client.response().status == 101
    client.expect(b"server first")
    client.send(b"client second")
    back.expect(b"client second")


def test_bytes_before_the_101_wait_for_it(stage):
    """It is not known yet whether they are of the new protocol or another request."""
    server = stage.upstream()
    relay = stage.relay(web=[stage.site(server.text)])
    client = stage.http(relay)
    client.send(ASK + b"too early")
    back = stage.keep(server.accept())
    back.request()
    assert not back.ahead
    back.expect_silence(0.3)
    back.send(SWITCH)
    assert client.response().status == 101
    back.expect(b"too early")


# ---- upgrades that are not ----

@BOTH
def test_refused_upgrade_is_a_normal_response(stage, tls):
    server = stage.recorder()
    relay = stage.relay(web=[stage.site(server.text, tls=tls)])
    client = stage.http(relay, tls)
    client.send(ASK + http1.request("GET", "/next"))
    assert [client.response().text, client.response().text, client.ask("GET", "/third").text] == ["/raw", "/next", "/third"]
    assert server.find("/next").get("Upgrade") is None


@pytest.mark.parametrize("said", [SWITCH, b"HTTP/1.1 101 Switching\r\n\r\n", SWITCH.replace(b"Raw/2", b"h2c")])
def test_101_that_was_not_asked_for(stage, said):
    """Or to what nobody asked for: the client could be made to take requests of others for bytes of a tunnel."""
    def lie(talker):
        talker.send(said + http1.response(body="evil"))

    server = stage.recorder(lambda message: lie if message.target == "/lie" else http1.response())
    relay = stage.relay(web=[stage.site(server.text)])
    client = stage.http(relay)
    assert client.ask("GET", "/lie").status == 502
    assert client.ask("GET", "/next").status == 200
    event = relay.expect("request", path="/lie")
    assert (event["why"], event["fault"]) == ("bad_response", "bad_upgrade")


def test_101_without_upgrade_field_to_one_who_asked(stage):
    server = stage.upstream()
    relay = stage.relay(web=[stage.site(server.text)])
    client = stage.http(relay)
    client.send(ASK)
    back = stage.keep(server.accept())
    back.request()
    back.send(b"HTTP/1.1 101 Switching\r\n\r\nbytes")
    assert client.response().status == 502
    assert not back.expect_gone()


# ---- nothing is held back ----

@BOTH
@pytest.mark.parametrize("form", ["chunked", "until close"])
def test_events_arrive_one_by_one(stage, tls, form):
    """Each event must have arrived before the next is sent; no clock is needed to see that."""
    server = stage.upstream()
    relay = stage.relay(web=[stage.site(server.text, tls=tls)], timeouts=SHORT)
    client = stage.http(relay, tls)
    client.send(http1.request("GET", "/events", "Accept: text/event-stream"))
    back = stage.keep(server.accept())
    back.request()
    coding = "Transfer-Encoding: chunked\r\n" if form == "chunked" else ""
    back.send(f"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n{coding}\r\n".encode())
    assert client.head().get("Content-Type") == "text/event-stream"
    for number in range(30):
        event = b"id: %d\ndata: {x}\n\n" % number
        if form == "chunked":
            back.send(b"%x\r\n%s\r\n" % (len(event), event))
            assert client.chunk() == event
        else:
            back.send(event)
            client.expect(event)
        if number == 10:
            time.sleep(2.5)  # longer than every limit: events come when they come
    client.rst()
    back.expect_gone()
    assert relay.expect("request")["why"].startswith(("front_", "tls_"))


@BOTH
@pytest.mark.parametrize("form", ["chunked", "length"])
def test_an_upload_passes_as_it_comes(stage, tls, form):
    server = stage.upstream()
    relay = stage.relay(web=[stage.site(server.text, tls=tls)])
    client = stage.http(relay, tls)
    client.send(http1.request("POST", "/up", "Transfer-Encoding: chunked" if form == "chunked" else "Content-Length: 160"))
    back = stage.keep(server.accept())
    back.head(is_request=True)
    for number in range(10):
        piece = b"piece number %03d" % number
        if form == "chunked":
            client.send(b"%x\r\n%s\r\n" % (len(piece), piece))
            assert back.chunk() == piece
        else:
            client.send(piece)
            back.expect(piece)
    if form == "chunked":
        client.send(b"0\r\n\r\n")
        back.expect(b"0\r\n\r\n")
    back.send(http1.response(body="thanks"))
    assert client.response().text == "thanks"


@BOTH
def test_long_poll(stage, tls):
    server = stage.upstream()
    relay = stage.relay(web=[stage.site(server.text, tls=tls)], timeouts=SHORT)
    client = stage.http(relay, tls)
    client.send(http1.request("GET", "/alarms?wait"))
    back = stage.keep(server.accept())
    back.request()
    client.expect_silence(4)  # longer than every limit
    back.send(http1.response(body="an alarm"))
    assert client.response().text == "an alarm"


def test_time_for_a_response(stage):
    server = stage.upstream()
    relay = stage.relay(web=[stage.site(server.text)], timeouts={"response": 1})
    client = stage.http(relay)
    client.send(http1.request("GET", "/slow"))
    back = stage.keep(server.accept())
    back.request()
    answer = client.response()
    event = relay.expect("request")
    assert (answer.status, event["status"], event["why"]) == (504, "504", "response_timeout")
    assert event["id"] in answer.text and not back.expect_gone()
    server.expect_nobody(0.1)


@BOTH
def test_client_that_leaves_a_long_poll(stage, tls):
    """The server hears of it, so that its work and its licence are free."""
    server = stage.upstream()
    relay = stage.relay(web=[stage.site(server.text, tls=tls)])
    client = stage.http(relay, tls)
    client.send(http1.request("GET", "/poll"))
    back = stage.keep(server.accept())
    back.request()
    client.rst()
    back.expect_gone(within=5)
    assert relay.expect("request")["status"] == "0"


def test_client_that_half_closes_gets_its_answer(stage):
    server = stage.upstream()
    relay = stage.relay(web=[stage.site(server.text)])
    client = stage.http(relay)
    client.send(http1.request("POST", "/q", body=b"question"))
    client.fin()
    back = stage.keep(server.accept())
    assert back.request().body == b"question"
    back.send(http1.response(body="answer"))
    assert client.response().text == "answer"
    client.expect_end()


# ---- who does not read slows down who sends ----

@pytest.mark.parametrize("kind", ["response", "upgrade"])
def test_slow_reader_stops_the_server(stage, kind):
    server = stage.upstream()
    relay = stage.relay(web=[stage.site(server.text)])
    client = stage.http(relay, receive_buffer=16384)
    client.send(ASK if kind == "upgrade" else http1.request("GET", "/"))
    back = stage.keep(server.accept())
    back.request()
    back.send(SWITCH if kind == "upgrade" else b"HTTP/1.1 200 OK\r\n\r\n")
    sent = back.fill(most=256 << 20)
    assert sent < 64 << 20, f"{sent} bytes were taken for a client that does not read"
    assert client.head().status == (101 if kind == "upgrade" else 200)
    back.fin()
    client.sock.settimeout(60)
    assert client.read(sent) == bytes(sent)
    client.expect_end()


def test_slow_server_stops_the_client(stage):
    server = stage.upstream(receive_buffer=16384)
    relay = stage.relay(web=[stage.site(server.text)])
    client = stage.http(relay)
    client.send(http1.request("PUT", "/", f"Content-Length: {1 << 30}"))
    back = stage.keep(server.accept())
    back.head(is_request=True)
    sent = client.fill(most=256 << 20)
    assert sent < 64 << 20, f"{sent} bytes were taken for a server that does not read"
    back.sock.settimeout(60)
    assert back.read(sent) == bytes(sent)
