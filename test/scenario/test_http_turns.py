# SPDX-License-Identifier: Apache-2.0
"""What one request leaves behind for the next: connections that are kept or pinned, bytes that are held, calls within calls."""
import signal
import time

import http1
import peers
import pytest
from program import wait_for

PIPELINED = 5000
CROWD = 50  # more than a worker keeps unused chunks
REST = 1.0


# ---- which connection a request goes over ----

def logged_on(message):
    """A server that logs on the connection, as IIS does with NTLM, and says who it takes for the client."""
    message.record.user = message.get("Authorization") or getattr(message.record, "user", "nobody")
    return http1.response(body=message.record.user)


def test_a_pinned_connection_is_not_taken_for_another_upstream(stage):
    first = stage.recorder(lambda message: http1.response(401, "WWW-Authenticate: NTLM", body="first"))
    second = stage.recorder(lambda message: http1.response(body="second"))
    relay = stage.relay(workers=1, web=[stage.site(first.text, upstreams=[{"name": "second", "servers": [second.text]}],
                                                   routes=[{"path": "/second", "upstream": "second"}])])
    with stage.http(relay) as client:
        assert [client.ask("GET", path).text for path in ("/", "/second", "/", "/second")] == ["first", "second", "first", "second"]


@pytest.mark.parametrize("scheme", ["NTLM", "Negotiate", "negotiate"])
def test_who_logs_on_unasked_keeps_the_connection(stage, scheme):
    """Kerberos needs no question, and an answer need not speak of it."""
    server = stage.recorder(logged_on)
    relay = stage.relay(workers=1, web=[stage.site(server.text)])
    with stage.http(relay) as client, stage.http(relay) as other:
        assert client.ask("GET", "/", f"Authorization: {scheme} YII=").text == f"{scheme} YII="
        assert other.ask("GET", "/").text == "nobody"
        assert client.ask("GET", "/").text == f"{scheme} YII="


def test_a_challenge_in_a_list_pins_too(stage):
    server = stage.recorder(lambda message: http1.response(401, 'WWW-Authenticate: Basic realm="a, b", NTLM', body=str(message.record.number)))
    relay = stage.relay(workers=1, web=[stage.site(server.text)])
    with stage.http(relay) as client, stage.http(relay) as other:
        assert [one.ask("GET", "/").text for one in (client, other, client)] == ["0", "1", "0"]


def test_a_kept_connection_that_spoke_unasked_is_not_used(stage):
    """Both events wait for the same turn, the request's before the other: the connection is looked at before it is used."""
    server = stage.upstream()
    relay = stage.relay(workers=1, web=[stage.site(server.text)])
    client = stage.http(relay)
    client.send(http1.request("GET", "/first"))
    back = stage.keep(server.accept())
    back.request()
    back.send(http1.response(body="first"))
    assert client.response().text == "first"
    relay.signal(signal.SIGSTOP)
    client.send(http1.request("GET", "/second"))
    back.send(http1.response(body="unasked"))
    relay.signal(signal.SIGCONT)
    fresh = stage.keep(server.accept())
    assert fresh.request().target == "/second"
    fresh.send(http1.response(body="second"))
    assert client.response().text == "second"


# ---- many requests at once ----

def test_thousands_of_requests_to_a_server_that_is_down(stage):
    """Each dial fails at once, within the call that asked for it."""
    relay = stage.relay(workers=1, web=[stage.site(f"127.0.0.1:{peers.free_port()}")])
    client = stage.http(relay)
    sender = peers.Task(client.send, http1.request("GET", "/", host="a") * PIPELINED)
    assert {client.response().status for _ in range(PIPELINED)} == {503}
    sender.done()


def test_a_crowd_is_redirected(stage):
    """All hold a chunk, so that most of them are freed and not kept when they are given back."""
    relay = stage.relay(workers=1, web=[stage.site(stage.recorder().text, tls=True, redirect_from=["127.0.0.1:0"])])
    crowd = [stage.keep(http1.connect(relay.address("redirect"))) for _ in range(CROWD)]
    for number, client in enumerate(crowd):
        client.send(f"GET /{number} HTTP/1.1\r\nHost: site.example\r\n".encode())
    relay.wait_counts({"chunks": CROWD})
    for number, client in enumerate(crowd):
        client.send(b"\r\n")
        answer = client.response()
        assert answer.status == 308 and answer.get("Location").endswith(f"/{number}")


# ---- bytes that are held ----

@pytest.mark.limit(180)
def test_the_end_of_a_burst_reaches_a_slow_client(stage):
    """The server pauses within a body while the TLS stream holds what the socket did not take: it goes out without more behind it."""
    def burst(message):
        def play(talker):
            size = int(message.target[1:])
            talker.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n" % (size, bytes(size)))
            talker.expect_gone(120)
        return play

    relay = stage.relay(workers=1, web=[stage.site(stage.recorder(burst).text, tls=True)])
    slow = []
    for size in range(100_000, 6_100_000, 60_000):
        client = stage.http(relay, tls=True, receive_buffer=4096)
        client.send(http1.request("GET", f"/{size}"))
        slow.append((size, client))
    time.sleep(3 * REST)  # until every socket is full
    for size, client in slow:
        assert client.head().status == 200
        assert len(client.chunk()) == size
    for _, client in slow:
        client.close()


def test_reset_within_an_upload_is_no_end(stage):
    """The answer ends with the connection. A send is told of the reset, the read behind it only of an end."""
    server = stage.upstream()
    relay = stage.relay(workers=1, web=[stage.site(server.text)])
    client = stage.http(relay)
    client.send(b"POST / HTTP/1.1\r\nHost: site.example\r\nContent-Length: 1000000000\r\n\r\n")
    back = server.accept()
    back.head(True)
    back.send(b"HTTP/1.1 200 OK\r\n\r\nhalf of it")
    client.fill()
    back.rst()
    with pytest.raises(http1.Truncated):
        client.response()
    assert relay.expect("request")["why"] == "back_reset"


# ---- time ----

def test_server_that_stops_reading_an_upload(stage):
    server = stage.upstream()
    relay = stage.relay(workers=1, web=[stage.site(server.text)], timeouts={"response": 2, "body": 1})
    client = stage.http(relay)
    client.send(b"POST / HTTP/1.1\r\nHost: site.example\r\nContent-Length: 1000000000\r\n\r\n")
    stage.keep(server.accept())
    client.fill()
    assert client.response().status == 504
    assert relay.expect("request")["why"] == "response_timeout"


def test_empty_line_behind_a_request(stage):
    """Old browsers send one behind a body. It is no request: it gets no answer and no line in the log."""
    server = stage.recorder()
    relay = stage.relay(workers=1, web=[stage.site(server.text)], timeouts={"head": 1})
    client = stage.http(relay)
    client.send(http1.request("POST", "/first", body=b"x") + b"\r\n")
    assert client.response().status == 200
    assert client.ask("POST", "/second", body=b"x").status == 200
    client.send(b"\r\n")
    client.expect_end()  # timeouts.head is over
    other = stage.http(relay)
    assert other.ask("GET", "/third").status == 200
    other.send(b"\r\n")
    other.fin()
    other.expect_end()
    wait_for(lambda: len(relay.events("close")) == 2)
    assert [event["status"] for event in relay.events("request")] == ["200"] * 3


def test_own_answer_while_draining(stage):
    """The stop comes while a server is dialled. The connection ends behind the answer, and the answer says so."""
    server = stage.listener()
    relay = stage.relay(workers=1, web=[stage.site(server.text, upstream={"tls": "unverified"})], timeouts={"drain": 20})
    client = stage.http(relay)
    client.send(http1.request("GET", "/"))
    back = server.accept()
    relay.signal(signal.SIGTERM)
    relay.expect("stopping")
    time.sleep(REST)
    back.close()
    answer = client.response()
    assert (answer.status, answer.get("Connection")) == (502, "close")
    client.expect_end()
    client.close()
    assert relay.wait_end() == 0
