# SPDX-License-Identifier: Apache-2.0
"""Servers that lie: no client takes a part for the whole, nobody gets another's answer, and their connection is not used again."""
import ssl
import threading

import http1
import peers
import pki as pki_module
import pytest
from test_http_routes import server_context

OK = b"HTTP/1.1 200 OK\r\n"
FIVE = OK + b"Content-Length: 5\r\n\r\nhello"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
POISON = OK + b"Content-Length: 6\r\n\r\npoison"
INTERIM = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"


def fin(talker):
    talker.fin()
    talker.expect_gone()


def rst(talker):
    talker.rst()


def stay(talker):
    talker.expect_gone()


def serve_on(_):
    return True


# What the server sends and how it ends. The client must get 502: nothing of it can be trusted.
REFUSED = {
    "nothing, then the end": (b"", fin),
    "nothing, then a reset": (b"", rst),
    "half a status line": (b"HTTP/1.", fin),
    "end within the head": (OK + b"Content-Le", fin),
    "reset within the head": (OK + b"Content-Le", rst),
    "head without its empty line": (OK + b"Content-Length: 5\r\n", fin),
    "HTTP/0.9": (b"<html>hello</html>", fin),
    "another protocol": (b"SSH-2.0-OpenSSH_9.2\r\n", stay),
    "a request": (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", stay),
    "ICY": (b"ICY 200 OK\r\n\r\n", fin),
    "HTTP/2.0": (b"HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n", stay),
    "status of two digits": (b"HTTP/1.1 99 Low\r\nContent-Length: 0\r\n\r\n", stay),
    "status of four digits": (b"HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n", stay),
    "status that is no number": (b"HTTP/1.1 2x0 OK\r\nContent-Length: 0\r\n\r\n", stay),
    "status below zero": (b"HTTP/1.1 -20 OK\r\nContent-Length: 0\r\n\r\n", stay),
    "two blanks before the status": (b"HTTP/1.1  200 OK\r\nContent-Length: 0\r\n\r\n", stay),
    "status line that ends in LF": (b"HTTP/1.1 200 OK\nContent-Length: 5\r\n\r\nhello", fin),
    "head in LF": (b"HTTP/1.1 200 OK\nContent-Length: 5\n\nhello", fin),
    "bare CR": (OK + b"X: a\rContent-Length: 0\r\nContent-Length: 5\r\n\r\nhello", stay),
    "NUL in a value": (OK + b"X: a\0b\r\nContent-Length: 5\r\n\r\nhello", stay),
    "folded line": (OK + b"X: a\r\n b\r\nContent-Length: 5\r\n\r\nhello", stay),
    "blank before a colon": (OK + b"Content-Length : 5\r\n\r\nhello", stay),
    "line without colon": (OK + b"nonsense\r\nContent-Length: 5\r\n\r\nhello", stay),
    "empty field name": (OK + b": x\r\nContent-Length: 5\r\n\r\nhello", stay),
    "both lengths": (OK + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", stay),
    "length twice": (OK + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello", stay),
    "length twice the same": (OK + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", stay),
    "length that is a list": (OK + b"Content-Length: 5, 5\r\n\r\nhello", stay),
    "length below zero": (OK + b"Content-Length: -5\r\n\r\nhello", stay),
    "length with a plus": (OK + b"Content-Length: +5\r\n\r\nhello", stay),
    "length of 2^64 and five": (OK + b"Content-Length: 18446744073709551621\r\n\r\nhello", stay),
    "empty length": (OK + b"Content-Length:\r\n\r\nhello", fin),
    "unknown coding": (OK + b"Transfer-Encoding: gzip\r\n\r\nhello", fin),
    "gzip, chunked": (OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", stay),
    "chunked twice": (OK + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", stay),
    "chunks in HTTP/1.0": (b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", fin),
    "204 with chunks": (b"HTTP/1.1 204 No\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", stay),
    "204 with a length": (b"HTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\nhello", stay),
    "100 with a length": (b"HTTP/1.1 100 Go\r\nContent-Length: 5\r\n\r\nhello" + FIVE, stay),
    "103 with chunks": (b"HTTP/1.1 103 Go\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + FIVE, stay),
    "101 that nobody asked for": (b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n", stay),
    "101 with nothing": (b"HTTP/1.1 101 Switching\r\n\r\n", stay),
    "1xx without end": (INTERIM * 5000, stay),
    "1xx and the end": (INTERIM, fin),
    "head without end": (OK + b"X: y\r\n" * 30000, stay),
    "field without end": (OK + b"X: " + b"y" * 200000, stay),
    "more fields than allowed": (OK + b"X: y\r\n" * 300 + b"Content-Length: 0\r\n\r\n", stay),
    "empty lines before it": (b"\r\n\r\n" + FIVE, stay),
}

# The head is good and goes on; then the client must see that the body is not whole. (502 is right too, if it is seen early enough.)
BROKEN = {
    "length too long, then the end": (OK + b"Content-Length: 10\r\n\r\nhello", fin),
    "length too long, then a reset": (OK + b"Content-Length: 10\r\n\r\nhello", rst),
    "length and nothing": (OK + b"Content-Length: 10\r\n\r\n", fin),
    "until close, then a reset": (OK + b"\r\nhello", rst),
    "chunks without the last": (CHUNKED + b"5\r\nhello\r\n", fin),
    "chunks without the last, reset": (CHUNKED + b"5\r\nhello\r\n", rst),
    "chunks without the empty line": (CHUNKED + b"5\r\nhello\r\n0\r\n", fin),
    "end within a chunk": (CHUNKED + b"a\r\nhello", fin),
    "reset within a chunk": (CHUNKED + b"a\r\nhello", rst),
    "reset within a size": (CHUNKED + b"5\r\nhello\r\n1", rst),
    "no chunks at all": (CHUNKED, fin),
    "chunk size that is none": (CHUNKED + b"5\r\nhello\r\nx\r\n\r\n", stay),
    "chunk size too large": (CHUNKED + b"5\r\nhello\r\nfffffffffffffffff\r\n", stay),
    "chunk size with 0x": (CHUNKED + b"5\r\nhello\r\n0x0\r\n\r\n", stay),
    "chunk longer than its size": (CHUNKED + b"3\r\nhello\r\n0\r\n\r\n", stay),
    "chunk line in LF": (CHUNKED + b"5\nhello\n0\n\n", stay),
    "chunk ends in LF": (CHUNKED + b"5\r\nhello\n0\r\n\r\n", stay),
    "chunk extension without end": (CHUNKED + b"5\r\nhello\r\n0;" + b"a" * 5000, stay),
    "trailer that is none": (CHUNKED + b"5\r\nhello\r\n0\r\nnonsense\r\n\r\n", stay),
    "trailers without end": (CHUNKED + b"5\r\nhello\r\n0\r\n" + b"X: y\r\n" * 5000, stay),
}

# The answer is whole; whatever is behind it belongs to nobody, or the connection has ended.
WHOLE = {
    "until close, then the end": (OK + b"\r\nhello", fin, b"hello"),
    "HTTP/1.0 until close": (b"HTTP/1.0 200 OK\r\n\r\nhello", fin, b"hello"),
    "length in HTTP/1.0": (b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello", stay, b"hello"),
    "length, then the end": (FIVE, fin, b"hello"),
    "length, then a reset": (FIVE, rst, b"hello"),
    "length too short": (OK + b"Content-Length: 5\r\n\r\nhello world", stay, b"hello"),
    "two responses at once": (FIVE + POISON, stay, b"hello"),
    "three responses at once": (FIVE + POISON + POISON, stay, b"hello"),
    "an empty line behind": (FIVE + b"\r\n", stay, b"hello"),
    "an interim response behind": (FIVE + INTERIM, stay, b"hello"),
    "chunks and more": (CHUNKED + b"5\r\nhello\r\n0\r\n\r\n" + POISON, stay, b"hello"),
    "204 and a body": (b"HTTP/1.1 204 No\r\n\r\nhello", stay, b""),
    "304 and a body": (b"HTTP/1.1 304 No\r\nContent-Length: 5\r\n\r\nhello", stay, b""),
    "Connection: close and stays": (OK + b"Connection: close\r\nContent-Length: 5\r\n\r\nhello", stay, b"hello"),
}


class Liar:
    """A server that lies on /lie and is honest otherwise, behind doors with TLS and plain."""

    def __init__(self, stage, data=b"", end=stay, server_tls=None, **settings):
        self.data, self.end, self.stage = data, end, stage
        self.server = stage.recorder(self.answer, tls=server_tls)
        self.relay = stage.relay(workers=1, web=[stage.site(self.server.text, tls=True, plain=["127.0.0.1:0"], **settings)])

    def answer(self, message):
        return self.play if message.target == "/lie" else http1.response(body=message.target)

    def play(self, talker):
        try:
            talker.send(self.data)
            return self.end(talker)
        except OSError:
            return False  # it was closed at once, and rightly

    @staticmethod
    def lied_on(record):
        return any(ask.target == "/lie" for ask in record.requests)

    def honest_again(self, tls):
        """The next client gets its own answer, over another connection."""
        with self.stage.http(self.relay, tls) as client:
            assert client.ask("GET", "/honest").text == "/honest"
        self.server.wait(lambda one: all(record.end for record in one.records if self.lied_on(record)), what="the end of the lies")
        for record in self.server.records:
            targets = [ask.target for ask in record.requests]
            assert "/lie" not in targets[:-1], f"a connection was used again after a lie: {targets}"
            assert not record.rest and not record.broken


@pytest.mark.parametrize("name", REFUSED)
def test_refused(stage, name):
    liar = Liar(stage, *REFUSED[name])
    for tls in (False, True):
        client = stage.http(liar.relay, tls)
        answer = client.ask("GET", "/lie")
        while answer.status == 103:  # some may go on before it is known how many there are
            answer = client.response()
        assert answer.status == 502 and b"hello" not in answer.body
        liar.honest_again(tls)
    event = liar.relay.expect("request", path="/lie")
    assert event["status"] == "502" and event["why"] in ("bad_response", "response_cut", "back_eof", "back_reset"), event


@pytest.mark.parametrize("name", BROKEN)
def test_broken_off(stage, name):
    liar = Liar(stage, *BROKEN[name])
    for tls in (False, True):
        client = stage.http(liar.relay, tls)
        try:
            answer = client.ask("GET", "/lie")
            assert answer.status == 502, f"the client took {answer} for the whole"
        except http1.Truncated:
            assert b"HTTP/1.1 200" in client.ahead or not client.ahead
        liar.honest_again(tls)
    event = liar.relay.expect("request", path="/lie")
    assert event["why"] in ("bad_response", "response_cut", "back_reset", "back_eof"), event


@pytest.mark.parametrize("name", WHOLE)
def test_whole(stage, name):
    *lie, body = WHOLE[name]
    liar = Liar(stage, *lie)
    for tls in (False, True):
        client = stage.http(liar.relay, tls)
        answer = client.ask("GET", "/lie")
        assert answer.body == body and answer.status < 400
        if answer.get("Connection") != "close":
            assert client.ask("GET", "/mine").text == "/mine", "the second answer was not this request's own"
        liar.honest_again(tls)
    assert liar.relay.expect("request", path="/lie")["why"] == "served"


def test_a_second_response_answers_nobody_in_a_pipeline(stage):
    liar = Liar(stage, FIVE + POISON, stay)
    client = stage.http(liar.relay)
    client.send(http1.request("GET", "/lie") + http1.request("GET", "/mine"))
    assert [client.response().text, client.response().text] == ["hello", "/mine"]


@pytest.mark.parametrize("head_answer", [FIVE, OK + b"Content-Length: 5\r\n\r\n", CHUNKED + b"5\r\nhello\r\n0\r\n\r\n",
                                         OK + b"\r\n"])
def test_answer_to_head_with_a_body(stage, head_answer):
    liar = Liar(stage, head_answer, serve_on)
    client = stage.http(liar.relay)
    assert client.ask("HEAD", "/lie").status == 200
    assert client.ask("GET", "/mine").text == "/mine"


def test_interim_responses_go_on(stage):
    liar = Liar(stage, INTERIM * 3 + FIVE, serve_on)
    client = stage.http(liar.relay)
    client.send(http1.request("GET", "/lie"))
    assert [client.response().status for _ in range(4)] == [103, 103, 103, 200]
    old = stage.http(liar.relay)
    old.send(b"GET /lie HTTP/1.0\r\nHost: site.example\r\n\r\n")
    assert old.response().status == 200, "HTTP/1.0 knows no 1xx"


def test_what_comes_on_an_idle_connection_answers_nobody(stage):
    """Response queue poisoning: the server speaks before it is asked."""
    idle = threading.Event()

    def answer(message):
        if message.target != "/first":
            return http1.response(body=message.target)

        def later(talker):
            talker.send(http1.response(body="/first"))
            assert idle.wait(10)
            talker.send(POISON)
            return True
        return later

    server = stage.recorder(answer)
    relay = stage.relay(workers=1, web=[stage.site(server.text)])
    with stage.http(relay) as client:
        assert client.ask("GET", "/first").text == "/first"
        idle.set()
        server.wait(lambda one: one.records[0].end is not None, what="the end of the poisoned connection")
        assert client.ask("GET", "/second").text == "/second"
    assert len(server.records) == 2 and server.records[0].requests[-1].target == "/first"


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_response_before_the_request_is_complete(stage, tls):
    """The server refuses an upload early: the client hears it though it is still sending, and the connection ends with it."""
    server = stage.upstream()
    relay = stage.relay(workers=1, web=[stage.site(server.text, tls=tls)])
    client = stage.http(relay, tls)
    client.send(http1.request("POST", "/up", f"Content-Length: {1 << 30}"))
    client.send(bytes(100000))
    back = stage.keep(server.accept())
    assert back.head(is_request=True).target == "/up"
    back.send(http1.response(413, body="too much"))
    answer = client.response()
    assert (answer.status, answer.text, answer.get("Connection")) == (413, "too much", "close")
    sender = peers.Task(send_until_closed, client)
    back.expect_gone()
    sender.done(20)
    with stage.http(relay, tls) as other:
        other.send(http1.request("GET", "/next"))
        with stage.keep(server.accept()) as fresh:
            assert fresh.request().target == "/next"
            fresh.send(FIVE)
            assert other.response().text == "hello"


def send_until_closed(client):
    """Goes on with its upload until it is told to stop; returns how much that was."""
    sent = 0
    try:
        while sent < 1 << 30:
            client.send(bytes(1 << 16))
            sent += 1 << 16
    except (OSError, ssl.SSLError):
        pass
    return sent


def test_early_response_of_the_upgrade_kind(stage):
    """A final answer instead of 100: the body that the client holds back is not waited for, and nobody takes it for a request."""
    server = stage.upstream()
    relay = stage.relay(workers=1, web=[stage.site(server.text)])
    client = stage.http(relay)
    client.send(http1.request("POST", "/up", "Expect: 100-continue", "Content-Length: 35"))
    back = stage.keep(server.accept())
    assert back.head(is_request=True).get("Expect") == "100-continue"
    back.send(http1.response(403, body="no"))
    assert client.response().text == "no"
    client.send(b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n")
    assert not client.expect_gone()
    assert b"smuggled" not in back.expect_gone()
    server.expect_nobody(0.2)


@pytest.mark.parametrize("data, end", [
    (OK + b"\r\nhello", rst), (OK + b"\r\nhello", stay), (OK + b"Content-Length: 9\r\n\r\nhello", fin)])
def test_server_over_tls_that_is_cut_off(stage, data, end):
    """Without close_notify the end of a body is not its end."""
    mine = pki_module.self_signed(stage.folder, "scada", "ec", "scada.example")
    cut = (lambda talker: None) if end is stay else end
    liar = Liar(stage, data, cut, server_context(mine), upstream={"tls": "unverified"})
    for tls in (False, True):
        client = stage.http(liar.relay, tls)
        with pytest.raises(http1.Truncated):
            answer = client.ask("GET", "/lie")
            assert answer.status == 502, f"the client took {answer} for the whole"
            raise http1.Truncated("an honest 502")


def test_server_over_tls_that_says_its_end(stage):
    mine = pki_module.self_signed(stage.folder, "scada", "ec", "scada.example")
    liar = Liar(stage, OK + b"\r\nhello", lambda talker: talker.sock.unwrap(), server_context(mine), upstream={"tls": "unverified"})
    for tls in (False, True):
        assert stage.http(liar.relay, tls).ask("GET", "/lie").text == "hello"
