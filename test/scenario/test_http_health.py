# SPDX-License-Identifier: Apache-2.0
"""Active health checks: what is asked, which answers are those of a server that is well, and what becomes of requests meanwhile."""
import socket
import ssl
import time

import build
import http1
import peers
import pki as pki_module
import pytest
from program import wait_for

ONCE = 3600  # an interval: only the check at the start
WELL = http1.response(body="all is well")
ILL = http1.response(500)
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
TO_CLOSE = b"HTTP/1.1 200 OK\r\n\r\n"
LIMIT = 64 * 1024


class Checked:
    """A server that answers checks as it is told, and requests with its name."""

    def __init__(self, stage, name="server", check=WELL, **options):
        self.check, self.name = check, name
        self.server = stage.recorder(self.answer, **options)
        self.text = self.server.text

    def answer(self, message):
        if message.target != "/health":
            return http1.response(body=self.name)
        return self.check(message) if isinstance(self.check, Script) else self.check

    def checks(self):
        return [one for one in self.server.requests if one.target == "/health"]


class Script:
    """One answer after the other; the last one stays."""

    def __init__(self, *answers):
        self.answers = list(answers)

    def __call__(self, _):
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def health(**more):
    return {"path": "/health", "interval": 1, "timeout": 1, "rise": 1, "fall": 1, **more}


def checking(stage, *servers, upstream=None, workers=2, name="relay", **more):
    """A relay whose only upstream has these servers."""
    group = {"health": health(**more), **(upstream or {})}
    relay = stage.relay(name, workers=workers, web=[stage.site(*[one.text for one in servers], upstream=group)])
    relay.start_counts = None  # at any moment there may be a check
    return relay


def get(stage, relay, target="/x"):
    with stage.http(relay) as client:
        return client.ask("GET", target)


def everywhere(stage, relay, text):
    """All of many connections get this; so each worker knows."""
    return all(get(stage, relay).text == text for _ in range(12))


# ---- what is asked ----

@pytest.mark.parametrize("upstream, more, host", [({}, {}, None), ({"host": "site.example"}, {}, "site.example"), ({"host": "site.example"}, {"host": "check.example:81"}, "check.example:81")])
def test_the_request(stage, upstream, more, host):
    one = Checked(stage)
    checking(stage, one, upstream=upstream, interval=ONCE, **more)
    one.server.wait_requests(1)
    asked = one.checks()[0]
    assert asked.line == "GET /health HTTP/1.1" and [name for name, _ in asked.fields] == ["Host", "User-Agent", "Connection"]
    assert asked.get("Host") == (host or one.text) and asked.get("User-Agent").startswith("georelay/") and asked.get("Connection") == "close"


def test_the_interval(stage):
    """The first check at once, then one each second, a tenth more or less; without the group none."""
    times, silent = [], stage.recorder()
    one = Checked(stage, check=lambda talker: times.append(time.monotonic()) or talker.send(WELL))
    checking(stage, one)
    stage.relay("silent", web=[stage.site(silent.text)])
    one.server.wait_requests(5)
    wait_for(lambda: len(times) >= 5)
    pauses = [after - before for before, after in zip(times, times[1:])]
    assert all(0.88 < pause < 1.3 or build.is_sanitized() for pause in pauses) and len(set(pauses)) > 1, pauses
    assert not silent.records


# ---- which answers are good ----

def in_parts(*parts):
    """An answer that comes in pieces."""
    def play(talker):
        for part in parts:
            talker.send(part)
            time.sleep(0.05)
    return play


def leave(talker):
    talker.rst()


def never_ending(talker):
    talker.send(CHUNKED)
    try:
        while True:
            talker.send(b"4000\r\n" + b"x" * 0x4000 + b"\r\n")
    except OSError:
        pass


def cut_at(answer, *places):
    return in_parts(*[answer[start:end] for start, end in zip((0, *places), (*places, len(answer)))])


def judge(stage, answers, **more):
    """One check of a server for each of {name: answer}: the upstream_down events by name."""
    servers = {name: Checked(stage, name, answer) for name, answer in answers.items()}
    relay = checking(stage, *servers.values(), interval=ONCE, **{"timeout": 10, **more})
    for one in servers.values():
        one.server.wait(lambda server: server.records and server.records[0].end, 20 * build.patience(), "the check's end")
    twin = stage.relay("twin", web=[stage.site(*[one.text for one in servers.values()])])
    wanted = {key: twin.held()[key] for key in ("chunks", "sockets")}
    relay.wait_counts(wanted)  # no check leaves anything behind
    names = {one.text: name for name, one in servers.items()}
    down = {names[event["server"]]: event for event in relay.events("upstream_down")}
    assert len(down) == len(relay.events("upstream_down")) and not relay.events("upstream_up")
    return down


def verdicts(events):
    return {name: (event["why"], event["status"], event["fault"]) for name, event in events.items()}


def test_answers_by_their_head(stage):
    interim = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
    found = judge(stage, {
        "200": WELL,
        "204": http1.response(204)[:-len("Content-Length: 0\r\n\r\n")] + b"\r\n",
        "302": http1.response(302, "Location: /logon"),
        "1.0": b"HTTP/1.0 200 OK\r\n\r\nwell",
        "after 16 interim ones": interim * 16 + WELL,
        "byte by byte": cut_at(http1.response(200), *range(1, 20)),
        "body never comes": in_parts(CHUNKED),
        "404": http1.response(404),
        "500": ILL,
        "17 interim ones": interim * 17 + WELL,
        "101": b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
        "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "no HTTP": b"SSH-2.0-OpenSSH_9.2\r\n",
        "half a head": in_parts(b"HTTP/1.1 200 OK\r\nContent-"),
        "nothing": in_parts(),
        "reset": leave,
    })
    assert verdicts(found) == {
        "404": ("status_not_good", "404", None), "500": ("status_not_good", "500", None), "17 interim ones": ("bad_response", None, "bad_status"),
        "101": ("bad_response", None, "bad_upgrade"), "two lengths": ("bad_response", None, "both_lengths"), "no HTTP": ("bad_response", None, "bad_status"),
        "half a head": ("response_cut", None, None), "nothing": ("response_cut", None, None), "reset": ("back_reset", None, None)}


def test_own_statuses(stage):
    answers = {str(status): http1.response(status) for status in (200, 299, 300, 399, 400, 503, 504)}
    assert set(judge(stage, answers, status="299,300-399,503")) == {"200", "400", "504"}


def test_text_in_the_body(stage):
    """Found wherever it lies in the first 64 KiB of the body itself, however that comes; not behind, and not in chunk lines or heads."""
    before = b"x" * (LIMIT - len("all is well"))
    long = b"HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n" + before
    found = judge(stage, {
        "plain": WELL,
        "across chunks": CHUNKED + http1.chunked(b"al", b"l i", b"s", b" ", b"well"),
        "across reads": cut_at(CHUNKED + http1.chunked(b"all is", b" well"), len(CHUNKED) + 2, len(CHUNKED) + 6, len(CHUNKED) + 10, len(CHUNKED) + 12, len(CHUNKED) + 16),
        "across reads of a length": cut_at(WELL, len(WELL) - 9, len(WELL) - 2),
        "to close": in_parts(TO_CLOSE + b"all is", b" well"),
        "last place": in_parts(long + b"all is well" + b"x" * (200000 - LIMIT)),
        "before a cut": in_parts(CHUNKED + b"b\r\nall is well\r\n"),
        "other": http1.response(body="all is lost"),
        "none": http1.response(204)[:-len("Content-Length: 0\r\n\r\n")] + b"\r\n",
        "wrong status": http1.response(500, body="all is well"),
        "in the head": http1.response(200, "X-State: all is well", body="all is"),
        "in an extension": CHUNKED + b"1;a=\"all is well\"\r\nx\r\n0\r\n\r\n",
        "one too far": in_parts(long + b"xall is well" + b"x" * (199999 - LIMIT)),
        "never": never_ending,
        "cut": in_parts(CHUNKED + b"b\r\nall is we"),
        "no chunk": CHUNKED + b"b\r\nall is we!!!\r\n0\r\n\r\n",
    }, text="all is well")
    missing = ("text_missing", "200", None)
    assert verdicts(found) == {
        "other": missing, "none": ("text_missing", "204", None), "wrong status": ("status_not_good", "500", None), "in the head": missing,
        "in an extension": missing, "one too far": missing, "never": missing, "cut": ("response_cut", "200", None),
        "no chunk": ("bad_response", "200", "bad_chunk_end")}


# ---- servers that do not answer ----

def test_refused_then_there(stage):
    port = peers.free_port()
    relay = stage.relay(web=[stage.site(f"127.0.0.1:{port}", upstream={"health": health()})])
    event = relay.expect("upstream_down", level="warn", name="main", upstream="-", server=f"127.0.0.1:{port}")
    assert event["why"] == "dial_refused" and event["status"] is None
    Checked(stage, port=port)
    event = relay.expect("upstream_up", level="info", name="main", upstream="-", server=f"127.0.0.1:{port}")
    assert (event["why"], event["status"]) == ("served", "200")
    relay.start_counts = None


def test_hanging_server(stage):
    """Each check ends in its time, and the next begins only after that."""
    one = Checked(stage, check=None)
    relay = checking(stage, one, interval=1, timeout=2, fall=2)
    assert relay.expect("upstream_down")["why"] == "response_timeout"
    one.server.wait(lambda server: len(server.records) >= 3, 20 * build.patience())
    assert [record.end for record in one.server.records[:2]] == ["reset", "reset"] and not one.server.records[2].end


def test_slow_drip_does_not_prolong_a_check(stage):
    def drip(talker):
        talker.send(CHUNKED)
        for _ in range(100):
            talker.send(b"1\r\nx\r\n")
            time.sleep(0.1)

    relay = checking(stage, Checked(stage, check=drip), text="all is well", interval=ONCE)
    since = time.monotonic()
    assert relay.expect("upstream_down")["why"] == "response_timeout" and time.monotonic() - since < 3 * build.patience()


def test_silent_dial_and_silent_handshake(stage):
    silent = stage.keep(peers.Listener())
    relay = checking(stage, silent, upstream={"tls": "unverified"}, interval=ONCE)
    assert relay.expect("upstream_down")["why"] == "handshake_timeout"
    full = stage.keep(peers.Listener())
    full.sock.listen(0)
    for _ in range(4):  # its queue is full then, and it is silent
        sock = stage.keep(socket.socket())
        sock.setblocking(False)
        sock.connect_ex(full.address)
    relay = checking(stage, full, interval=ONCE, name="second")
    assert relay.expect("upstream_down")["why"] == "dial_timeout"


@pytest.mark.parametrize("settings, why", [
    ({"server_name": "scada.example"}, None), ({"server_name": "other.example"}, "cert_wrong_name"), ({}, "cert_wrong_name"), ({"server_name": "scada.example", "ca": "other"}, "cert_untrusted")])
def test_tls(stage, settings, why):
    mine = pki_module.self_signed(stage.folder, "scada", "ec", "scada.example")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(mine["chain"], mine["key"])

    def many_records(talker):
        talker.send(http1.response(body="x" * 50000 + "all is well"))
        time.sleep(1.5)  # no end wakes the relay: what it has read must do

    one = Checked(stage, check=many_records, tls=context)
    relay = checking(stage, one, upstream={"tls": "verify", **settings, "ca": stage.pki.ca if "ca" in settings else mine["chain"]}, text="all is well")
    if why:
        assert relay.expect("upstream_down")["why"] == why
        assert get(stage, relay).status == 503 and not one.server.requests
    else:
        one.server.wait_requests(3)  # resumed, too
        assert get(stage, relay).text == "server" and not relay.events("upstream_down")


def test_a_plain_server_where_tls_is_wanted(stage):
    relay = checking(stage, stage.nginx(), upstream={"tls": "unverified"})
    assert relay.expect("upstream_down")["why"] == "tls_not_tls"


# ---- rise and fall ----

def test_fall_and_rise_count_checks_in_a_row(stage):
    script = Script(ILL, WELL, ILL, ILL, WELL, ILL, WELL, WELL, WELL)
    one = Checked(stage, check=script)
    relay = checking(stage, one, fall=2, rise=2)
    relay.expect("upstream_down", why="status_not_good", status=500)
    assert len(one.checks()) == 4
    relay.expect("upstream_up")
    assert len(one.checks()) == 8
    one.server.wait_requests(9)
    assert len(relay.events("upstream_down")) == len(relay.events("upstream_up")) == 1


def test_requests_move_to_the_second_server_and_back(stage):
    first, second = Checked(stage, "first"), Checked(stage, "second")
    relay = checking(stage, first, second)
    client = stage.http(relay)  # its connection to the first server is kept
    assert client.ask().text == "first" and everywhere(stage, relay, "first")
    first.check = ILL
    relay.expect("upstream_down", server=first.text)
    wait_for(lambda: everywhere(stage, relay, "second"))
    seen = len(first.server.requests) - len(first.checks())
    assert client.ask().text == "second"
    assert len(first.server.requests) - len(first.checks()) == seen
    first.check = WELL
    relay.expect("upstream_up", server=first.text)
    wait_for(lambda: everywhere(stage, relay, "first"))
    assert client.ask().text == "first"
    assert not relay.events("upstream_down", server=second.text)


def test_all_servers_down(stage):
    """The client is told so at once, and no server is asked."""
    both = [Checked(stage, name, check=ILL) for name in ("first", "second")]
    relay = checking(stage, *both)
    for one in both:
        relay.expect("upstream_down", server=one.text)
    wait_for(lambda: all(get(stage, relay).status == 503 for _ in range(12)))
    with stage.http(relay) as client:
        answer = client.ask("GET", "/told")
    event = relay.expect("request", path="/told", status=503, why="node_down")
    assert answer.status == 503 and answer.get("Retry-After") and event["id"] in answer.text
    both[1].check = WELL
    wait_for(lambda: everywhere(stage, relay, "second"))
    assert not [one for one in both[0].server.requests + both[1].server.requests if one.target == "/told"]


def test_each_upstream_has_checks_of_its_own(stage):
    """The same server, well in one upstream and ill in another; the third is not checked."""
    one = Checked(stage)
    upstreams = [{"name": "strict", "servers": [one.text], "health": health(status="204")}, {"name": "free", "servers": [one.text]}]
    routes = [{"path": "/strict", "upstream": "strict"}, {"path": "/free", "upstream": "free"}]
    relay = stage.relay(web=[stage.site(one.text, upstream={"health": health()}, upstreams=upstreams, routes=routes)])
    relay.start_counts = None
    relay.expect("upstream_down", name="main", upstream="strict", server=one.text, why="status_not_good", status=200)
    wait_for(lambda: get(stage, relay, "/strict").status == 503)
    assert get(stage, relay, "/").status == get(stage, relay, "/free").status == 200
    assert len(relay.events("upstream_down")) == 1


# ---- the end ----

@pytest.mark.tsan
@pytest.mark.parametrize("tls", [False, True], ids=["answer", "handshake"])
def test_stop_during_a_check(stage, tls):
    """TERM with a check under way: it ends in order and does not wait for the check."""
    one = stage.recorder(lambda _: None) if not tls else stage.keep(peers.Listener())
    relay = checking(stage, one, upstream={"tls": "unverified"} if tls else {}, timeout=60)
    if tls:
        stage.keep(one.accept())
    else:
        one.wait_requests(1)
    since = time.monotonic()
    relay.stop()
    assert time.monotonic() - since < 5 * build.patience() and not relay.events("upstream_down")
