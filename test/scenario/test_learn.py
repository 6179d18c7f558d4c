# SPDX-License-Identifier: Apache-2.0
"""`georelay learn`: the rule by which clients announce their port, found by looking on, and good for a rewrite configuration."""
import os
import re
import signal
import struct

import build
import geosim
import libconfig
import peers
import pytest
import relay
from joined import PLANT, Joined, played
from test_rewrite import play, rewrite

ALARMS = 200
RULE = re.compile(r"^rule = \{ (.*) \};$")


class Learner(relay.Georelay):
    """`georelay learn`. What it prints are the lines that are no log lines."""

    def __init__(self, *args, more=(), **options):
        self.more = more
        super().__init__(*args, **options)

    def _spawn(self):
        command = [build.georelay(), "learn", "-c", str(self.config), *self.more]
        super(relay.Georelay, self).__init__(command, self._name, files=self.files, prefix=self.prefix)
        assert self.wait("ready"), f"georelay learn did not become ready:\n{self.tail()}"

    def printed(self, code=0):
        """Everything, after it ended by itself or by our INT."""
        got = self.wait_end(30)
        assert got == code, f"it exited with {got}:\n" + "\n".join(self.noise) + "\n" + self.tail()
        return list(self.noise)

    def finish(self, code=0):
        self.signal(signal.SIGINT)
        return self.printed(code)


class School(Joined):
    """A stage whose relays, or agents beside the servers, can be learners."""

    def learner(self, name, settings, *more):
        one = self.add(Learner(self.folder, name, settings, more=more))
        one.start_counts = None
        return one

    def learning_relay(self, server, *more, agents=("site-a",), **advise):
        settings = {"role": "relay", "state": str(self.folder), "timeouts": {"dial": 3},
                    "links": [self.link(server, advise=self.alias(delivery=None if agents else "direct", **advise))]}
        if agents:
            settings["tunnel"] = self.tunnel(*(self.allow(name) for name in agents))
        return self.learner("learner", settings, *more)


@pytest.fixture
def stage(tmp_path, pki, request):
    yield from played(School(tmp_path, pki), request)


def rule_of(lines):
    """The one rule that was printed, as text."""
    rules = [RULE.match(line)[1] for line in lines if RULE.match(line)]
    assert len(rules) == 1, lines
    return rules[0]


class Pasted(dict):
    """A group of a configuration as it was printed."""


def pasted(monkeypatch, text):
    """Lets libconfig.py write this group as it stands."""
    plain = libconfig.value
    monkeypatch.setattr(libconfig, "value", lambda item, indent="": "{ " + text + " }" if isinstance(item, Pasted) else plain(item, indent))
    return Pasted()


def crowd(stage, entry, server, **options):
    """Two machines; on the second two programs, of which the second announces another port."""
    clients = [stage.client("%s:%d" % entry, "first", bind=stage.block[1], links=3, alarms=ALARMS, no_reconnect=True, **options),
               stage.client("%s:%d" % entry, "the-second-one", bind=stage.block[2], links=3, alarms=ALARMS, no_reconnect=True, clients=2,
                            same_address=True, **options)]
    for client in clients:
        final = client.final(within=60)
        geosim.verified(final, ALARMS * (2 if client.name == "the-second-one" else 1))


EXPECTED = {"u16be": 'offset = 50; form = "u16be";', "u16le": 'offset = 48; form = "u16le";',
            "text": 'after = " port="; form = "decimal";'}


@pytest.mark.tsan
@pytest.mark.limit(300)
@pytest.mark.parametrize("announce", sorted(EXPECTED))
def test_learnt_rule_serves(stage, monkeypatch, announce):
    """Found through an agent; pasted, two machines with the same port run clean through one address."""
    server = stage.server(dial="peer", alarms=ALARMS, alarms_per_second=1000)
    learner = stage.learning_relay(server.link)
    agent = stage.agent("site-a", learner)
    crowd(stage, agent.address("link"), server, announce=announce)
    agent.stop()
    lines = learner.finish()
    rule = rule_of(lines)
    assert rule == EXPECTED[announce], lines
    assert "9 links of 2 clients seen; the server dialled 3 ports" in lines[0], lines
    assert "3 links of 2 clients announced 2 different ports" in lines[1], lines

    server = stage.server(dial="peer", alarms=stage.size(5000), alarms_per_second=5000)
    link = stage.link(server.link, listen=None, advise=rewrite(stage, pasted(monkeypatch, rule), grace=2))
    one = stage.relay(links=[link], tunnel=stage.tunnel(stage.allow("site-a")))

    class Site:
        rewriter, entry = one, stage.agent("site-a", one, label="agent-again").address("link")

        @staticmethod
        def rewritten(number):
            return one.expect("rewrite", client=stage.block[number], announced=5500)

    play(stage, Site, server, announce=announce)


def test_direct_clients(stage):
    server = stage.server(dial="peer", alarms=ALARMS, alarms_per_second=1000)
    learner = stage.learning_relay(server.link, agents=())
    crowd(stage, learner.address("link"), server)
    assert rule_of(learner.finish()) == EXPECTED["u16be"]


def test_beside_the_server(stage):
    """The agent there holds the leases, so it is the one to learn."""
    server = stage.server(dial="peer", alarms=ALARMS, alarms_per_second=1000)
    of = stage.relay(links=[stage.link("node-a@plant", listen=None)], tunnel=stage.tunnel(stage.allow("site-a"), PLANT))
    stage.pki.agent("plant")
    settings = stage.agent_settings("plant", of.address_text("tunnel"), listen=None, clients=None, state=str(stage.folder),
                                    servers=[{"name": "node-a", "server": server.link, "advise": stage.alias()}])
    learner = stage.learner("learner", settings)
    of.expect("agent_up", agent="plant")
    agent = stage.agent("site-a", of)
    crowd(stage, agent.address("link"), server)
    of.start_counts = None
    assert rule_of(learner.finish()) == EXPECTED["u16be"]


def test_ends_when_enough_was_seen(stage):
    server = stage.server(dial="peer", alarms=ALARMS, alarms_per_second=1000)
    learner = stage.learning_relay(server.link, "--links", "3", agents=())
    crowd(stage, learner.address("link"), server)
    assert rule_of(learner.printed()) == EXPECTED["u16be"]
    assert learner.expect("learn_done")["why"] == "links"


def test_ends_in_time(stage):
    learner = stage.learning_relay(stage.listener().text, "--seconds", "1", agents=())
    lines = learner.printed(code=1)
    assert learner.expect("learn_done")["why"] == "seconds"
    assert "0 links" in lines[0] and "at least 3 links" in lines[1] and "2 different ports" in lines[1], lines


class Hand:
    """Links and dial-backs by hand."""

    def __init__(self, stage, *more, **advise):
        self.stage, self.server = stage, stage.listener()
        self.learner = stage.learning_relay(self.server.text, *more, agents=(), **advise)
        self.ends = []  # of links, at the server

    def link(self, number, data, port=None):
        """A link that says `data`; the server then dials `port`, if one is given."""
        mine = self.stage.connect(self.learner.address("link"), bind=self.stage.block[number])
        self.ends.append(None)
        self.more(mine, data, number, port)
        return mine

    def more(self, mine, data, number, port=None):
        mine.send(data)
        if self.ends[-1] is None:
            self.ends[-1] = self.stage.keep(self.server.accept())
        self.ends[-1].expect(data)
        if port is not None:
            listener = self.stage.listener(ip=self.stage.block[number], port=port)
            self.stage.connect((self.ends[-1].remote[0], port))
            self.stage.keep(listener.accept())


def test_too_little(stage):
    """Three links, but one port: nothing is offered, and what is missing is said."""
    hand = Hand(stage)
    for number in (1, 2, 3):
        hand.link(number, b"secret-%d" % number + struct.pack("<H", 5500), 5500)
    lines = hand.learner.finish(code=1)
    assert not any(RULE.match(line) for line in lines), lines
    assert lines[1].endswith("at least 1 different port."), lines


def test_no_rule(stage):
    """What is encrypted has no rule, and that is said plainly."""
    hand = Hand(stage)
    for number in range(1, 6):
        hand.link(number, os.urandom(600), 5500 + number % 3)
    lines = hand.learner.finish(code=1)
    assert any("No rule fits" in line and "encrypted" in line for line in lines), lines


def test_nothing_of_the_payload(stage):
    """Neither the log nor what is printed has a byte that clients sent; a pattern is printed where no offset fits, and only then."""
    hand = Hand(stage)
    for number in range(1, 5):
        hand.link(number, b"top-secret-user=%d;PORT=%d" % (number, 5500 + number), 5500 + number)
    lines = hand.learner.finish()
    assert rule_of(lines) == 'offset = 23; form = "decimal";'
    everything = "\n".join(lines) + str(hand.learner.lines)
    assert "secret" not in everything and "PORT" not in everything

    hand = Hand(stage)
    for number in range(5, 9):
        hand.link(number, b"x" * (number - 4) + b"q\0\"\\;" + struct.pack(">H", 5500 + number), 5500 + number)
    assert rule_of(hand.learner.finish()) == r'after = "xq\\x00\\x22\\x5c;"; form = "u16be";'


def test_pattern_with_any_byte_is_read_as_printed(stage, monkeypatch):
    rule = pasted(monkeypatch, r'after = "xq\\x00\\x22\\x5c;"; form = "u16be";')
    server = stage.listener()
    one = stage.relay(links=[stage.link(server.text, advise=rewrite(stage, rule, delivery="direct"))])
    link = stage.connect(one.address("link"), bind=stage.block[1])
    link.send(b"..xq\0\"\\;" + struct.pack(">H", 5500))
    port = int(one.expect("rewrite", announced=5500)["port"])
    stage.keep(server.accept()).expect(b"..xq\0\"\\;" + struct.pack(">H", port))


def test_links_without_a_dial_are_no_evidence_against(stage):
    """Not yet: the server may still be about to dial."""
    hand = Hand(stage)
    for number in range(1, 5):
        low = number
        hand.link(number, struct.pack(">HHH", 5500 + low, 9, 5500 + low), 5500 + low)
    hand.link(5, struct.pack(">HHH", 1, 9, 5509))
    lines = hand.learner.finish()
    assert [line for line in lines if "Fits as well" in line], lines  # too young to be held against the second place


def test_settled_links_are_evidence_against(stage):
    hand = Hand(stage, "--links", "4")
    hand.link(5, struct.pack(">HHH", 1, 9, 5509))
    for number in range(1, 5):
        hand.link(number, struct.pack(">HHH", 5500 + number, 9, 5500 + number), 5500 + number)
    lines = hand.learner.printed()  # ends only when the first link is old enough
    assert rule_of(lines) == 'offset = 0; form = "u16be";' and not any("Fits as well" in line for line in lines), lines


def test_announced_later(stage):
    """In pieces, behind what the server answers in between."""
    hand = Hand(stage)
    for number in range(1, 5):
        mine = hand.link(number, b"hello ")
        mine.send(struct.pack(">H", 5500 + number)[:1])
        hand.ends[-1].expect(b"\x15")
        hand.more(mine, struct.pack(">H", 5500 + number)[1:], number, 5500 + number)
    assert rule_of(hand.learner.finish()) == 'offset = 6; form = "u16be";'


def test_clients_notice_nothing(stage):
    """Bytes are as ever while it looks on, and after."""
    hand = Hand(stage)
    mine = stage.connect(hand.learner.address("link"), bind=stage.block[1])
    at_server = stage.keep(hand.server.accept())
    mine.send(b"first words")
    at_server.expect(b"first words")
    peers.exchange(mine, at_server, stage.size(8 << 20), within=60)
    hand.learner.finish(code=1)


def test_needs_a_link_to_learn_from(stage):
    config = stage.folder / "none.conf"
    config.write_text(libconfig.settings({"role": "relay", "state": str(stage.folder), "links": [stage.link("127.0.0.1:1")]}))
    result = relay.program.subprocess.run([build.georelay(), "learn", "-c", str(config)], capture_output=True, text=True, timeout=20)
    assert result.returncode == 2 and 'no link with addressing "alias"' in result.stderr, result


@pytest.mark.parametrize("option", [("--links", "0"), ("--links", "x"), ("--seconds", "-1"), ("--links", "1025"), ("--seconds",)])
def test_wrong_options(option):
    result = relay.program.subprocess.run([build.georelay(), "learn", *option], capture_output=True, text=True, timeout=20)
    assert result.returncode == 2 and option[0] in result.stderr, result
