# SPDX-License-Identifier: Apache-2.0
"""Servers that die, hang and come back under load: who is hurt, and how it is told."""
import socket
import threading
import time

import http1
import load
import peers
import pytest
from program import wait_for

CLIENTS = 200
MIXED = (("GET", None), ("GET", None), ("POST", b"not to be repeated"))
CLEAN = (502, 503, 504)
RECOVERY = 3  # a server that did not answer the dial is left alone for two seconds
MOMENT = 0.2  # what was on its way through the kernel


def loaded(stage, relay, kinds=MIXED):
    one = stage.keep(load.Load(relay.address("plain"), CLIENTS, kinds))
    one.wait(500)
    return one


def site(stage, *servers, **settings):
    return stage.relay(web=[stage.site(*servers, **settings.pop("door", {}))], limits={"per_client": 1000}, **settings)


def kill_with_all_in_flight(server, clients):
    """The server is frozen first, until every client waits for it. Returns when that was, and when it was dead."""
    begin = time.monotonic()
    server.freeze()
    seen = [-1]

    def is_calm():
        before, seen[0] = seen[0], len(clients.outcomes)
        time.sleep(MOMENT)
        return before == len(clients.outcomes)

    wait_for(is_calm)
    server.kill()
    return begin, time.monotonic()


def only_clean(outcomes, also=()):
    bad = [one for one in outcomes if one.result not in (*CLEAN, *also)]
    assert not bad, f"{len(bad)} ended in another way: {bad[:5]}"


# ---- one server ----

@pytest.mark.tsan
def test_server_killed_and_restarted(stage):
    server = stage.nginx()
    relay = site(stage, server.text)
    with loaded(stage, relay) as clients:
        begin, dead = kill_with_all_in_flight(server, clients)
        wait_for(lambda: len(clients.failed(since=dead)) > CLIENTS)
        server.restart()
        back = time.monotonic()
        clients.wait(2000, within=60)
        wait_for(lambda: time.monotonic() > back + RECOVERY + 1)
        clients.stop()
    print(clients.tally(clients.outcomes))
    assert not [one for one in clients.failed() if one.end < begin], "some failed before anything was wrong"
    only_clean(clients.failed(until=dead), also=("closed", "truncated"))
    only_clean(clients.failed(since=dead))
    assert len([one for one in clients.failed(until=dead) if one.method == "POST"]) > 0, "none was in flight"
    assert not clients.failed(since=back + RECOVERY), "it was back, and requests still failed"


@pytest.mark.tsan
def test_server_stalls(stage):
    """It is frozen: the kernel still accepts, nothing answers. Each request has its time; afterwards all is as before."""
    server = stage.nginx()
    relay = site(stage, server.text, timeouts={"response": 1, "dial": 3})
    with loaded(stage, relay) as clients:
        server.freeze()
        try:
            frozen = time.monotonic()
            wait_for(lambda: len([one for one in clients.outcomes if one.result == 504]) > CLIENTS, within=30)
        finally:
            server.thaw()
        thawed = time.monotonic()
        clients.wait(2000, within=60)
        wait_for(lambda: time.monotonic() > thawed + RECOVERY + 1)
        clients.stop()
    print(clients.tally(clients.outcomes))
    only_clean(clients.failed())
    assert not [one for one in clients.failed() if one.end < frozen]
    assert not clients.failed(since=thawed + RECOVERY)


def test_server_restarted_gently(stage):
    """It finishes what it has begun and closes what is idle; for a moment nobody listens."""
    server = stage.nginx()
    relay = site(stage, server.text)
    with loaded(stage, relay) as clients:
        server.stop()
        server.restart()
        back = time.monotonic()
        clients.wait(2000, within=60)
        wait_for(lambda: time.monotonic() > back + RECOVERY + 1)
        clients.stop()
    print(clients.tally(clients.outcomes))
    only_clean(clients.failed(), also=("closed", "truncated", "ConnectionResetError"))
    assert not clients.failed(since=back + RECOVERY)


@pytest.mark.parametrize("how", [socket.SHUT_WR, socket.SHUT_RDWR], ids=["half", "whole"])
def test_server_closes_all_connections_under_load(stage, how):
    """Its half, or the whole: only what was in flight and may not be repeated is hurt."""
    server = stage.recorder()
    relay = site(stage, server.text)
    with loaded(stage, relay) as clients:
        begin = time.monotonic()
        server.drop(how)
        over = time.monotonic()
        clients.wait(1000, within=60)
        clients.stop()
    print(clients.tally(clients.outcomes))
    hurt = clients.failed()
    assert not [one for one in hurt if one.method == "GET"], f"repeatable requests failed: {hurt[:5]}"
    assert not [one for one in hurt if one.end < begin or one.start > over + MOMENT], f"not in flight, but failed: {hurt[:5]}"
    only_clean(hurt)


# ---- two servers ----

def gently(server, _):
    begin = time.monotonic()
    server.stop()
    return begin, time.monotonic()


@pytest.mark.parametrize("end", [kill_with_all_in_flight, gently])
def test_the_second_server_takes_over(stage, end):
    """Nobody notices, but for requests in flight that may not be repeated."""
    first, second = stage.nginx(name="first"), stage.nginx(name="second")
    relay = site(stage, first.text, second.text)
    with loaded(stage, relay) as clients:
        begin, dead = end(first, clients)
        clients.wait(2000, within=60)
        clients.stop()
    print(clients.tally(clients.outcomes))
    hurt = clients.failed()
    assert not [one for one in hurt if one.method == "GET"], f"repeatable requests failed: {hurt[:5]}"
    assert not [one for one in hurt if one.end < begin or one.start > dead + MOMENT], f"not in flight, but failed: {hurt[:5]}"
    only_clean(hurt, also=("closed",))
    assert len(hurt) <= CLIENTS
    assert {event["upstream"] for event in relay.events("request")[-50:]} == {second.text}


def test_health_checks_find_a_stalled_server(stage):
    first, second = stage.nginx(name="first"), stage.nginx(name="second")
    health = {"path": "/method", "interval": 1, "timeout": 1, "fall": 1, "rise": 1}
    relay = site(stage, first.text, second.text, door={"upstream": {"health": health}}, timeouts={"response": 2, "dial": 3})
    relay.start_counts = None  # a check may be under way at any moment; test_http_health.py looks for leaks
    with loaded(stage, relay) as clients:
        first.freeze()
        try:
            wait_for(lambda: relay.events("request") and relay.events("request")[-1]["upstream"] == second.text, within=30)
            moved = time.monotonic()
            clients.wait(2000, within=60)
        finally:
            first.thaw()
        clients.stop()
    print(clients.tally(clients.outcomes))
    only_clean(clients.failed())
    assert not clients.failed(since=moved + RECOVERY)


# ---- connections that the server closes ----

class Moody(http1.Recorder):
    """Closes a connection, without an answer, when the second request comes over it."""

    def __init__(self, end):
        self.end = end
        super().__init__(self._moody)

    def _moody(self, message):
        if len(message.record.requests) > 1:
            return self.end
        return http1.echo_target(message)


def close(talker):
    talker.fin()


def reset(talker):
    talker.rst()


@pytest.mark.parametrize("end", [close, reset])
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"])
def test_repeatable_request_over_a_dying_connection(stage, method, end):
    """Unnoticed: it is sent again, whole, over a new connection."""
    server = stage.keep(Moody(end))
    relay = stage.relay(workers=1, web=[stage.site(server.text)])
    with stage.http(relay) as client:
        assert client.ask("GET", "/first").status == 200
        body = b"x" * 5000 if method == "PUT" else None
        assert client.ask(method, "/second", body=body).status == 200
    seconds = [one for one in server.requests if one.target == "/second"]
    assert len(seconds) == 2 and seconds[0].raw == seconds[1].raw and seconds[0].record is not seconds[1].record
    assert relay.expect("request", path="/second")["status"] == "200"


@pytest.mark.parametrize("end", [close, reset])
def test_other_request_over_a_dying_connection(stage, end):
    """The server may have done it: told, not repeated."""
    server = stage.keep(Moody(end))
    relay = stage.relay(workers=1, web=[stage.site(server.text)])
    with stage.http(relay) as client:
        assert client.ask("GET", "/first").status == 200
        assert client.ask("POST", "/second", body=b"x").status == 502
        assert client.ask("POST", "/third", body=b"x").status == 200
    assert server.targets()["/second"] == 1


def test_other_request_after_a_pause_takes_a_new_connection(stage):
    """A server closes connections that were idle; a request that may not be repeated does not take the risk."""
    server = stage.keep(Moody(close))
    relay = stage.relay(workers=1, web=[stage.site(server.text)])
    with stage.http(relay) as client:
        assert client.ask("GET", "/first").status == 200
        client.expect_silence(1.5)
        assert client.ask("POST", "/second", body=b"x").status == 200


def test_large_upload_is_not_repeated_from_memory(stage):
    """What has gone by can't be had again: told, not repeated."""
    server = stage.keep(Moody(reset))
    relay = stage.relay(workers=1, web=[stage.site(server.text)])
    with stage.http(relay) as client:
        assert client.ask("GET", "/first").status == 200
        assert client.ask("PUT", "/second", body=bytes(4 << 20)).status == 502
    assert server.targets()["/second"] == 1


@pytest.mark.parametrize("count", [1, 20])
def test_idle_connections_that_the_server_closed(stage, count):
    server = stage.recorder()
    relay = stage.relay(workers=1, web=[stage.site(server.text)])
    clients = [stage.http(relay) for _ in range(count)]
    barrier = threading.Barrier(count)

    def answer(message):
        if message.target == "/first":
            barrier.wait(10)
        return http1.echo_target(message)

    server.answer = answer
    for task in [peers.Task(client.ask, "GET", "/first") for client in clients]:
        assert task.done().status == 200
    assert len(server.records) == count
    sockets = relay.open_files()["socket"]
    server.drop()
    wait_for(lambda: relay.open_files()["socket"] == sockets - count)
    for client in clients:
        assert client.ask("POST", "/second", body=b"x").status == 200
    assert not [record for record in server.records[:count] if len(record.requests) > 1]


def test_server_that_half_closes_while_it_is_asked(stage):
    """Its answer can't come any more."""
    server = stage.upstream()
    relay = stage.relay(web=[stage.site(server.text)])
    client = stage.http(relay)
    client.send(http1.request("POST", "/q", body=b"x"))
    back = stage.keep(server.accept())
    back.request()
    back.fin()
    assert client.response().status == 502
    assert not back.expect_gone()
    assert relay.expect("request")["why"] in ("back_eof", "response_cut")


def test_kept_connections_are_given_back_in_time(stage):
    server = stage.recorder()
    relay = stage.relay(web=[stage.site(server.text)], timeouts={"upstream_idle": 1})
    with stage.http(relay) as client:
        assert client.ask().status == 200
        server.wait(lambda one: one.records[0].end == "fin", what="the end of the kept connection")
        assert client.ask().status == 200


# ---- the relay's own end ----

def test_stop_lets_a_running_request_finish(stage):
    server = stage.upstream()
    relay = stage.relay(web=[stage.site(server.text)], timeouts={"drain": 20})
    client, idle = stage.http(relay), stage.http(relay)
    client.send(http1.request("GET", "/"))
    back = stage.keep(server.accept())
    back.request()
    relay.signal(15)
    relay.expect("stopping")
    idle.expect_end()
    back.send(http1.response(body="in time"))
    answer = client.response()
    assert (answer.text, answer.get("Connection")) == ("in time", "close")
    client.expect_end()
    client.close()
    idle.close()
    assert relay.wait_end() == 0
