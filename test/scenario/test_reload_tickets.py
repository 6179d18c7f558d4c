# SPDX-License-Identifier: Apache-2.0
"""Ticket keys in a file: relays that share it resume each other's sessions, and it is exchanged while they run."""
import os
import socket
import ssl

import pytest

VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]
ANSWER = b"all is well"


def key():
    return os.urandom(80)


class Keys:
    """The file."""

    def __init__(self, stage, *keys):
        self.path = stage.folder / "ticket.keys"
        self.put(*keys)

    def put(self, *keys, mode=0o600):
        fresh = self.path.with_suffix(".new")
        fresh.write_bytes(b"".join(keys))
        fresh.chmod(mode)
        os.replace(fresh, self.path)

    @property
    def group(self):
        return {"ticket_keys": str(self.path)}


class Browser:
    """Remembers one session, and offers it to whatever relay it asks."""

    def __init__(self, stage, version=ssl.TLSVersion.TLSv1_3):
        self.context = ssl.create_default_context(cafile=stage.pki.ca)
        self.context.minimum_version = self.context.maximum_version = version
        self.session = None

    def ask(self, relay, remembers=False):
        """Was the session resumed?"""
        with socket.create_connection(relay.address("web"), timeout=10) as raw:
            with self.context.wrap_socket(raw, server_hostname="127.0.0.1", session=self.session) as tls:
                tls.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                while tls.recv(65536):
                    pass
                if remembers:
                    self.session = tls.session
                return tls.session_reused

    def begin(self, relay):
        self.session = None
        assert not self.ask(relay, remembers=True)


def pair(stage, **more):
    """Two relays with the same front door."""
    upstream = stage.recorder()
    return [stage.relay(name, web=[stage.site(upstream.text, tls=True)], **more) for name in ("first", "second")]


def settled(relays, keys, *wanted):
    """All of them have read these keys: one that is late might be taken for having read the next ones."""
    since = {relay: relay.mark() for relay in relays}
    keys.put(*wanted)
    for relay, mark in since.items():
        relay.expect("certificate_loaded", mark)


@pytest.mark.parametrize("version", VERSIONS)
def test_relays_resume_each_others_sessions(stage, version):
    first, second = pair(stage, tls=Keys(stage, key()).group)
    browser = Browser(stage, version)
    browser.begin(first)
    assert all(browser.ask(relay) for relay in (second, first) * 3)  # on whichever worker


def test_without_the_file_they_do_not(stage):
    first, second = pair(stage)
    browser = Browser(stage)
    browser.begin(first)
    assert browser.ask(first) and not browser.ask(second)


def test_a_restart_forgets_nothing(stage):
    first, _ = pair(stage, tls=Keys(stage, key()).group)
    browser = Browser(stage)
    browser.begin(first)
    first.stop()
    first.restart()
    assert browser.ask(first)


@pytest.mark.tsan
def test_keys_are_exchanged_while_relays_run(stage):
    """The new one is added behind the old one everywhere, then stands before it, then alone."""
    old, new = key(), key()
    keys = Keys(stage, old)
    first, second = pair(stage, tls=keys.group)
    early, late = Browser(stage), Browser(stage)
    early.begin(first)
    for wanted in ((old, new), (new, old)):
        settled((first, second), keys, *wanted)
        assert early.ask(first) and early.ask(second)
    late.begin(first)
    settled((first, second), keys, new)
    assert late.ask(second) and not early.ask(second)
    assert not first.events("reloaded") and not first.events("certificate_bad")


BAD = {"short": ([b"x" * 79], 0o600, "80 bytes"), "empty": ([], 0o600, "80 bytes"), "many": ([b"%080d" % n for n in range(4)], 0o600, "3 keys"),
       "same name": ([b"x" * 80, b"x" * 80], 0o600, "same name"), "open to all": ([b"x" * 80], 0o644, "chmod 600")}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_file_is_told_and_not_used(stage, kind):
    texts, mode, error = BAD[kind]
    keys = Keys(stage, key())
    relay, _ = pair(stage, tls=keys.group)
    browser = Browser(stage)
    browser.begin(relay)
    keys.put(*texts, mode=mode)
    told = relay.expect("certificate_bad")
    assert error in told["error"] and str(keys.path) in told["error"]
    assert browser.ask(relay)
    assert error in relay.reload_fails(limits={"per_client": 9})["error"]
    settled([relay], keys, key())
    assert not browser.ask(relay)


def test_the_setting_comes_and_goes_with_a_reload(stage):
    keys = Keys(stage, key())
    first, second = pair(stage)
    for relay in (first, second):
        relay.reload(tls=keys.group)
    browser = Browser(stage)
    browser.begin(first)
    assert browser.ask(second)
    first.reload(tls=None)
    assert browser.ask(first)  # the key that was shared grows old like one of our own
    browser.begin(first)
    assert browser.ask(first) and not browser.ask(second)


def test_an_agent_has_none(stage):
    relay = stage.relay(links=[stage.link(stage.echo().text)], tunnel=stage.tunnel(stage.allow("site-a")))
    agent = stage.agent("site-a", relay)
    assert '"tls"' in agent.reload_fails(tls=Keys(stage, key()).group)["error"]
