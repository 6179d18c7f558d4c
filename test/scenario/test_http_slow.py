# SPDX-License-Identifier: Apache-2.0
"""Clients that are slow or too large: they are told so in a way that they can read, and nobody else waits for them."""
import select
import socket
import ssl
import statistics
import time

import build
import http1
import load
import peers
import pytest

SLOW, FAST = 1000, 50
KIB_PER_SLOW = 24  # what a client with an unfinished request may hold in georelay
BOTH = pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])


class Crowd:
    """Clients that send one byte a second of a request, all in this thread, until each has its answer."""

    def __init__(self, address, count, source):
        self.left, self.answers = {}, {}
        self.poller = select.poll()
        for number in range(count):
            sock = socket.create_connection(address, timeout=20, source_address=(source, 0))
            body = b"PUT /upload/slow HTTP/1.1\r\nHost: site.example\r\nContent-Length: 1000\r\n\r\n"
            head = b"GET /slow HTTP/1.1\r\nHost: site.example\r\nX-Long: "
            sock.sendall(body if number % 2 else head)
            self.left[sock.fileno()] = sock
            self.answers[sock.fileno()] = bytearray()
            self.poller.register(sock, select.POLLIN)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for sock in self.left.values():
            sock.close()

    def tick(self):
        """One byte each, then a second of listening."""
        for sock in self.left.values():
            try:
                sock.send(b"x")
            except OSError:
                pass
        end = time.monotonic() + 1
        while (left := end - time.monotonic()) > 0 and self.left:
            for fd, _ in self.poller.poll(left * 1000):
                self._hear(fd)

    def _hear(self, fd):
        try:
            part = self.left[fd].recv(65536)
        except OSError:
            part = b""
        self.answers[fd] += part
        if not part:
            self.poller.unregister(fd)
            self.left.pop(fd).close()

    def statuses(self):
        """How many got which whole answer."""
        found = {}
        for got in self.answers.values():
            message = http1.parse(got, False) if got else None
            status = message.status if message else bytes(got[:20])
            found[status] = found.get(status, 0) + 1
        return found


def median_ms(outcomes):
    return statistics.median(one.end - one.start for one in outcomes) * 1000


@pytest.mark.limit(180)
def test_1000_slow_clients_beside_50_fast_ones(stage):
    server = stage.nginx()
    count = stage.size(SLOW)
    relay = stage.relay(web=[stage.site(server.text)], timeouts={"head": 6, "body": 6},
                        limits={"per_client": 5000, "body_rate": 100})
    with stage.keep(load.Load(relay.address("plain"), FAST)) as fast:
        fast.wait(1000, within=60)
        alone = len(fast.outcomes)
        before = relay.rss_kib()
        with Crowd(relay.address("plain"), count, stage.block[1]) as crowd:
            begin = len(fast.outcomes)
            most = before
            for _ in range(60):
                if not crowd.left:
                    break
                crowd.tick()
                most = max(most, relay.rss_kib())
            beside = fast.outcomes[begin:]
            said = crowd.statuses()
        fast.stop()
    alone, beside = median_ms(fast.outcomes[:alone]), median_ms(beside)
    print(f"fast ones: median {alone:.1f} ms alone, {beside:.1f} ms beside {count} slow ones, who got {said}")
    print(f"memory grew by {most - before} KiB")
    assert said == {408: count}
    assert not fast.failed(), f"fast ones failed: {fast.failed()[:5]}"
    if not build.is_sanitized():
        assert most - before < count * KIB_PER_SLOW + 8192, f"memory grew by {most - before} KiB"
        assert beside < 20 * alone + 50, "the fast ones were held up"
    assert {event["why"] for event in relay.events("request", status=408)} == {"request_timeout"}


# ---- too slow ----

@BOTH
def test_slow_head(stage, tls):
    server = stage.recorder()
    relay = stage.relay(web=[stage.site(server.text, tls=tls)], timeouts={"head": 1})
    client = stage.http(relay, tls)
    assert client.ask("GET", "/good").status == 200
    client.send(b"GET /half HTTP/1.1\r\nHost: si")
    answer = client.response()
    assert answer.status == 408 and answer.get("Connection") == "close"
    client.expect_end()
    assert server.targets() == {"/good": 1} and relay.expect("request", status=408)["why"] == "request_timeout"


def test_silent_client_is_let_go(stage):
    relay = stage.relay(web=[stage.site("127.0.0.1:9")], timeouts={"head": 1})
    client = stage.http(relay)
    assert not client.expect_gone(within=5)
    assert not relay.events("request")


@BOTH
def test_body_that_stops(stage, tls):
    server = stage.recorder()
    relay = stage.relay(web=[stage.site(server.text, tls=tls)], timeouts={"body": 1})
    client = stage.http(relay, tls)
    client.send(http1.request("POST", "/half", "Content-Length: 10") + b"hello")
    assert client.response().status == 408
    server.wait(lambda one: one.records[0].end in ("fin", "reset"), what="the end of the half request")
    assert not server.requests


def test_body_that_pauses_and_goes_on(stage):
    """The longest pause counts, not the whole time."""
    server = stage.recorder()
    relay = stage.relay(web=[stage.site(server.text)], timeouts={"body": 2})
    client = stage.http(relay)
    client.send(http1.request("POST", "/up", "Content-Length: 5"))
    for byte in b"hello":
        client.expect_silence(0.8)
        client.send(bytes([byte]))
    assert client.response().status == 200 and server.find("/up").body == b"hello"


def test_body_rate(stage):
    server = stage.recorder()
    relay = stage.relay(web=[stage.site(server.text)], timeouts={"body": 1}, limits={"body_rate": 1000})
    client = stage.http(relay)
    client.send(http1.request("POST", "/up", "Content-Length: 100000"))
    sent = 0
    while not select.select([client.sock], [], [], 0.2)[0]:
        client.send(b"x" * 10)
        sent += 10
        assert sent < 1000, "it was never told to hurry"
    assert client.response().status == 408


# ---- too large ----

def large_head(count):
    return b"GET / HTTP/1.1\r\nHost: site.example\r\nX-Large: " + b"x" * count


TOO_LARGE = {
    "body by length": (413, http1.request("POST", "/up", "Content-Length: 100000000"), "body_too_large"),
    "body in chunks": (413, http1.request("POST", "/up", "Transfer-Encoding: chunked") + b"10000000\r\n", "body_too_large"),
    "target": (414, b"GET /" + b"x" * 40000, "target_too_long"),
    "head": (431, large_head(70000), "head_too_large"),
    "fields": (431, b"GET / HTTP/1.1\r\nHost: site.example\r\n" + b"X: y\r\n" * 200, "too_many_fields"),
    "bad": (400, b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "host_twice"),
    "version": (505, b"GET / HTTP/3.0\r\n", "version_not_served"),
    "coding": (501, http1.request("POST", "/up", "Transfer-Encoding: gzip, chunked"), "coding_not_served"),
    "expectation": (417, http1.request("POST", "/up", "Expect: more", "Content-Length: 100000000"), "expectation_unknown"),
}


@BOTH
@pytest.mark.parametrize("what", TOO_LARGE)
def test_refusal_is_read_though_the_client_still_sends(stage, what, tls):
    """A close with unread bytes is a reset, and a reset would throw the answer away. So georelay reads on for a while."""
    status, data, fault = TOO_LARGE[what]
    server = stage.recorder()
    relay = stage.relay(web=[stage.site(server.text, tls=tls)], limits={"body": 1 << 20})
    client = stage.http(relay, tls)
    rest = bytes(stage.size(16 << 20))

    def go_on():
        client.send(data)
        client.send(rest)

    if tls:
        go_on()  # one thread may use an SSL object at a time; the answer must wait for us then
    else:
        sender = peers.Task(go_on)
        sender.done(30)
    answer = client.response()
    assert answer.status == status and answer.get("Connection") == "close", answer
    client.expect_end()
    event = relay.expect("request")
    assert (event["status"], event["fault"]) == (str(status), fault) and event["id"] in answer.text
    assert not server.requests


def test_body_limit_by_chunks_is_cut_at_the_server(stage):
    server = stage.recorder()
    relay = stage.relay(web=[stage.site(server.text)], limits={"body": 1000})
    with stage.http(relay) as client:
        client.send(http1.request("POST", "/ok", "Transfer-Encoding: chunked") + http1.chunked(b"x" * 1000))
        assert client.response().status == 200
        client.send(http1.request("POST", "/big", "Transfer-Encoding: chunked") + http1.chunked(b"x" * 999, b"yy"))
        assert client.response().status == 413
    with stage.http(relay) as client:
        assert client.ask("POST", "/ok2", body=b"x" * 1000).status == 200
        assert client.ask("POST", "/big2", body=b"x" * 1001).status == 413
    relay.stop()
    assert set(server.targets()) == {"/ok", "/ok2"}


def test_too_many_connections_of_a_client(stage):
    """The surplus one is told at its first request, not cut off; others are served on."""
    server = stage.recorder()
    relay = stage.relay(web=[stage.site(server.text)], limits={"per_client": 3})
    mine, other = stage.block[1], stage.block[2]
    served = [stage.http(relay, bind=mine) for _ in range(3)]
    assert [client.ask().status for client in served] == [200] * 3
    surplus = stage.http(relay, bind=mine)
    surplus.send(http1.request("POST", "/", body=bytes(100000)))
    answer = surplus.response()
    assert answer.status == 429 and answer.get("Retry-After").isdigit() and answer.get("Connection") == "close"
    surplus.expect_end()
    assert [client.ask().status for client in served] == [200] * 3
    assert stage.http(relay, bind=other).ask().status == 200
    assert relay.expect("request", status=429)["why"] == "limit_client"
    served[0].close()
    relay.wait_counts({"sessions": 4})
    assert stage.http(relay, bind=mine).ask().status == 200


@BOTH
def test_client_that_does_not_read_its_refusal(stage, tls):
    """It costs time that is limited, and nothing else."""
    relay = stage.relay(web=[stage.site("127.0.0.1:9", tls=tls)])
    client = stage.http(relay, tls)
    client.send(b"GET / HTTP/1.1\r\n\r\n")
    assert relay.expect("request")["status"] == "400"
    with pytest.raises((OSError, ssl.SSLError)):
        end = time.monotonic() + 40
        while time.monotonic() < end:
            client.send(b"x" * 1000)
            time.sleep(0.1)
        raise AssertionError("it was never closed")
