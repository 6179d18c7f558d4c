# SPDX-License-Identifier: Apache-2.0
"""Reload: a new configuration for whoever comes from now on, and nobody who is there notices; or nothing changes, and the log says why."""
import os
import signal
import socket
import ssl
import threading

import libconfig
import peers
import pytest
from program import wait_for
from test_http_turns import logged_on

CONNECTORS = 4
RELOADS = 20


def echoes(peer, text):
    peer.send(text)
    peer.expect(text)


def threads(relay):
    return len(os.listdir(f"/proc/{relay.pid}/task"))


def ended(relay, number, since=0):
    relay.expect("generation_ended", since, generation=number)


# ---- what changes ----

def test_a_listener_is_added(stage):
    echo = stage.echo()
    relay = stage.relay(links=[stage.link(echo.text)])
    old = stage.connect(relay.address("link", "node-a"))
    echoes(old, b"before")
    reloaded = relay.reload(links=[stage.link(echo.text), stage.link(echo.text, name="node-b")])
    assert (reloaded["generation"], reloaded["changed"]) == ("2", "links")
    echoes(stage.connect(relay.address("link", "node-b")), b"new")
    echoes(old, b"after")
    echoes(stage.connect(relay.address("link", "node-a")), b"kept")
    relay.start_counts = None  # there is a listener more than at the start


def test_a_listener_is_removed_and_its_connections_go_on(stage):
    echo = stage.echo()
    relay = stage.relay(links=[stage.link(echo.text), stage.link(echo.text, name="node-b")])
    old = stage.connect(relay.address("link", "node-b"))
    echoes(old, b"before")
    entry = relay.address("link", "node-b")
    since = relay.mark()
    relay.reload(links=[stage.link(echo.text)])
    assert not peers.is_open(entry)
    echoes(old, b"after")
    assert not relay.events("generation_ended", since)
    old.fin()
    old.expect_end()
    ended(relay, 1, since)
    relay.start_counts = None  # there is a listener less than at the start


def test_settings_count_for_new_sessions_only(stage):
    first, second = stage.listener(), stage.listener()
    relay = stage.relay(links=[stage.link(first.text)])
    old = stage.connect(relay.address("link"))
    at_first = stage.keep(first.accept())
    relay.reload(links=[stage.link(second.text)])
    stage.connect(relay.address("link")).send(b"new")
    stage.keep(second.accept()).expect(b"new")
    old.send(b"old")
    at_first.expect(b"old")
    first.expect_nobody(0.1)


def test_limits_change(stage):
    echo = stage.echo()
    relay = stage.relay(links=[stage.link(echo.text)])
    one = stage.connect(relay.address("link"))
    echoes(one, b"one")
    assert relay.reload(limits={"per_client": 1})["changed"] == "limits.per_client"
    peers.connect_reset(relay.address("link"))
    assert relay.expect("refuse")["why"] == "limit_client"
    relay.reload(limits={"per_client": 2})
    echoes(stage.connect(relay.address("link")), b"two")


def test_a_keep_alive_connection_ends_after_its_next_answer(stage):
    upstream = stage.recorder()
    relay = stage.relay(web=[stage.site(upstream.text)])
    client = stage.http(relay)
    assert client.ask("GET", "/one").status == 200
    relay.reload(limits={"per_client": 99})
    answer = client.ask("GET", "/two")
    assert answer.status == 200 and answer.get("Connection") == "close"
    client.expect_end()
    ended(relay, 1)
    assert stage.http(relay).ask("GET", "/three").status == 200


def test_who_is_logged_on_with_his_connection_stays(stage):
    server = stage.recorder(logged_on)
    relay = stage.relay(web=[stage.site(server.text)])
    with stage.http(relay) as client:
        assert client.ask("GET", "/", "Authorization: NTLM YII=").text == "NTLM YII="
        relay.reload(limits={"per_client": 99})
        for _ in range(3):
            answer = client.ask("GET", "/")
            assert answer.text == "NTLM YII=" and answer.get("Connection") != "close"
        assert not relay.events("generation_ended")
    ended(relay, 1)


def test_a_reload_that_changes_nothing(stage):
    """The same generation goes on: connections are not asked to end, and the hash may be another, by a remark."""
    upstream = stage.recorder()
    relay = stage.relay(web=[stage.site(upstream.text)])
    client = stage.http(relay)
    assert client.ask("GET", "/one").status == 200
    since = relay.mark()
    same = relay.reload()
    assert (same["changed"], same["generation"]) == ("none", "1")
    assert same["hash"] == same["hash_before"] and len(same["hash"]) == 64
    with relay.config.open("a") as file:
        file.write("\n# a remark\n")
    again = relay.mark()
    relay.signal(signal.SIGHUP)
    remark = relay.expect("reloaded", again)
    assert (remark["changed"], remark["generation"]) == ("none", "1") and remark["hash_before"] == same["hash"] != remark["hash"]
    answer = client.ask("GET", "/two")
    assert answer.status == 200 and answer.get("Connection") != "close"
    assert len(relay.events("log_reopened", since)) == 2 and not relay.events("generation_ended")
    another = relay.reload(limits={"per_client": 9})
    assert another["generation"] == "2" and another["hash_before"] == remark["hash"] != another["hash"]


# ---- nobody notices ----

class Connector(threading.Thread):
    """Connects, says a word, hears it, ends; again and again, until it is told to stop."""

    def __init__(self, address):
        super().__init__(daemon=True)
        self.address, self.stopped, self.count, self.failure = address, threading.Event(), 0, None
        self.start()

    def run(self):
        try:
            while not self.stopped.is_set():
                with peers.connect(self.address) as peer:
                    echoes(peer, b"%d" % self.count)
                    peer.fin()
                    peer.expect_end()
                self.count += 1
        except Exception as failure:
            self.failure = failure

    def done(self):
        self.stopped.set()
        self.join()
        if self.failure:
            raise self.failure
        return self.count


@pytest.mark.tsan
@pytest.mark.limit(180)
def test_no_connection_is_refused_or_reset_over_many_reloads(stage):
    echo = stage.echo()
    relay = stage.relay(links=[stage.link(echo.text)])
    old = stage.connect(relay.address("link"))
    echoes(old, b"first")
    connectors = [Connector(relay.address("link")) for _ in range(CONNECTORS)]
    for number in range(RELOADS):
        if number % 2:
            relay.reload_fails(user="nobody")
        relay.reload(limits={"per_client": 1000 + number})
        echoes(old, b"still")
    counts = [connector.done() for connector in connectors]
    assert all(count > RELOADS for count in counts), counts
    old.fin()
    old.expect_end()
    ended(relay, RELOADS)


def test_everything_is_given_back_when_a_generation_has_ended(stage):
    echo = stage.echo()
    relay = stage.relay(links=[stage.link(echo.text)])
    echoes(stage.connect(relay.address("link")), b"warm")
    before = {"threads": threads(relay), "fds": sum(relay.open_files().values())}
    since = relay.mark()
    for number in range(2, 2 + RELOADS):
        relay.reload(limits={"per_client": 1000 + number})
        if number > 2:
            ended(relay, number - 1, since)
    assert threads(relay) == before["threads"] + 1  # the one where the session lives
    for one in stage.programs:
        assert one.is_running()
    stage.things.close()
    ended(relay, 1)
    wait_for(lambda: threads(relay) == before["threads"])
    relay.settle()
    assert sum(relay.open_files().values()) <= before["fds"]


def test_handshakes_under_way_are_finished(stage):
    upstream = stage.recorder()
    relay = stage.relay(web=[stage.site(upstream.text, tls=True)])
    raw = socket.create_connection(relay.address("web"))
    wait_for(lambda: relay.counts()["tunnel"] == 1)
    relay.reload(limits={"per_client": 99})
    context = ssl.create_default_context(cafile=stage.pki.ca)
    with context.wrap_socket(raw, server_hostname="127.0.0.1") as tls:
        tls.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert tls.recv(64).startswith(b"HTTP/1.1 200")


# ---- what is no good ----

def broken(stage, echo):
    good = [stage.link(echo.text)]
    taken = stage.listener()
    return {
        "unknown setting": ({"links": good, "linsk": 1}, "linsk", None),
        "wrong value": ({"links": [stage.link("nowhere")]}, "nowhere", None),
        "missing certificate": ({"links": good, "web": [{"name": "main", "listen": ["127.0.0.1:0"], "mode": "tcp", "servers": [echo.text],
                                                         "certificates": [{"chain": "/none.crt", "key": "/none.key"}]}]}, "/none.crt", None),
        "port taken": ({"links": [stage.link(echo.text, listen=taken.text)]}, "cannot listen on " + taken.text, "ss -ltnp"),
        "address of another machine": ({"links": [stage.link(echo.text, listen="192.0.2.7:5481")]}, "192.0.2.7", "ip address"),
        "user": ({"links": good, "user": "nobody"}, '"user"', "Restart"),
        "workers": ({"links": good, "workers": 3}, '"workers"', "Restart"),
        "log": ({"links": good, "log": {"level": "info", "format": "json"}}, '"log.format"', "Restart"),
        "state": ({"links": good, "state": "/tmp"}, '"state"', "Restart"),
    }


KINDS = ["unknown setting", "wrong value", "missing certificate", "port taken", "address of another machine", "user", "workers", "log",
         "state"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_broken_configuration_changes_nothing(stage, kind):
    echo = stage.echo()
    relay = stage.relay(links=[stage.link(echo.text)])
    old = stage.connect(relay.address("link"))
    echoes(old, b"before")
    sockets = relay.open_files()["socket"]
    changes, error, remedy = broken(stage, echo)[kind]
    failed = relay.reload_fails(**changes)
    assert error in failed["error"], failed
    assert failed["file"] == str(relay.config) or failed["file"] is None
    assert remedy is None or remedy in failed["remedy"], failed
    echoes(old, b"after")
    echoes(stage.connect(relay.address("link")), b"new")
    assert relay.reload()["changed"] == "none"
    wait_for(lambda: relay.open_files()["socket"] <= sockets + 2)


def test_every_mistake_is_told(stage):
    echo = stage.echo()
    relay = stage.relay(links=[stage.link(echo.text)])
    failed = relay.reload_fails(links=[stage.link("nowhere"), stage.link("nowhere else", name="node-b")], bogus=1)
    assert int(failed["problems"]) >= 3
    wait_for(lambda: len(relay.events("reload_problem")) == int(failed["problems"]) - 1)


def test_the_file_vanished_and_came_back(stage):
    echo = stage.echo()
    relay = stage.relay(links=[stage.link(echo.text)])
    text = relay.config.read_text()
    relay.config.unlink()
    since = relay.mark()
    relay.signal(signal.SIGHUP)
    assert "No such file" in relay.expect("reload_failed", since)["error"]
    relay.config.write_text(text)
    echoes(stage.connect(relay.address("link")), b"x")
    relay.reload(limits={"per_client": 9})


# ---- signals in a row ----

def test_many_signals_at_once(stage):
    echo = stage.echo()
    relay = stage.relay(links=[stage.link(echo.text)])
    relay.config.write_text(libconfig.settings({**relay.settings, "limits": {"per_client": 9}}))
    since = relay.mark()
    for _ in range(10):
        relay.signal(signal.SIGHUP)
    relay.expect("reloaded", since)
    echoes(stage.connect(relay.address("link")), b"x")
    relay.reload(limits={"per_client": 10})


def test_hup_during_a_drain_is_refused(stage):
    echo = stage.echo()
    relay = stage.relay(links=[stage.link(echo.text)])
    old = stage.connect(relay.address("link"))
    echoes(old, b"before")
    relay.signal(signal.SIGTERM)
    relay.expect("stopping")
    relay.signal(signal.SIGHUP)
    assert relay.expect("reload_failed")["error"] == "georelay is stopping"
    echoes(old, b"after")
    old.close()
    assert relay.wait_end() == 0


def test_term_while_old_generations_have_sessions(stage):
    echo = stage.echo()
    relay = stage.relay(links=[stage.link(echo.text)])
    olds = []
    for number in range(3):
        olds.append(stage.connect(relay.address("link")))
        echoes(olds[-1], b"before")
        relay.reload(limits={"per_client": 1000 + number})
    relay.signal(signal.SIGTERM)
    relay.expect("stopping")
    for old in olds:
        echoes(old, b"after")
        assert relay.is_running()
        old.fin()
        old.expect_end()
    assert relay.wait_end() == 0


def test_term_while_a_reload_waits_for_names(stage):
    echo = stage.echo()
    relay = stage.relay(links=[stage.link(echo.text)])
    relay.config.write_text(libconfig.settings({**relay.settings, "links": [stage.link("no-such-name.invalid:5481")]}))
    relay.signal(signal.SIGHUP)
    relay.signal(signal.SIGTERM)
    assert relay.wait_end() == 0
