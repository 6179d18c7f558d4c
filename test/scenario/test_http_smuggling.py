# SPDX-License-Identifier: Apache-2.0
"""Request smuggling: every row of http_corpus in pieces of every kind, and what a server behind georelay got of it.

The server must get exactly the requests that a row names, in exactly those bytes, and not one more. That is asked of its whole
record at the end, so that a smuggled request can't hide: not behind another row, not on a connection that was reused.
"""
import collections
import re

import build
import http_corpus
import pytest
from http_corpus import feed as feeding
from http_corpus.case import MARK

GROUPS = ("start_lines", "fields", "lengths", "chunks", "mutations", "pipelines")
CONNECTION = re.compile(rb"\r\nConnection: [^\r\n]*(?=\r\n)")
GOOD = b"GET /%s HTTP/1.1\r\nHost: site.example\r\n\r\n"
POSITIONS = 64   # a case is cut at so many places
BYTEWISE = 2048  # a longer one is fed in larger pieces


class Round:
    """One relay, one recording server, many cases; who sent what is known by the word in place of MARK."""

    def __init__(self, stage):
        self.stage, self.server = stage, stage.recorder()
        self.relay = stage.relay(web=[stage.site(self.server.text, headers="off")],
                                 limits={"per_client": 10000, "connections": 20000}, timeouts={"dial": 10, "head": 60})
        self.feeds, self.may_be_cut, self.expected = [], {}, collections.Counter()

    def word(self):
        return b"w%07d" % len(self.feeds)

    def add(self, case, pieces_of, label, before=b"", behind=b""):
        """One connection for this case. `before` and `behind` are good requests around it, with a word of their own."""
        word = self.word()
        stays = not case.closes
        data = before + case.data.replace(MARK, word) + behind
        wanted = (200,) * bool(before) + case.answers + (200,) * bool(behind and stays)
        self.feeds.append(feeding.Feed(f"{case.name} [{label}] ({case.why})", pieces_of(data), wanted, case.closes, case.ends))
        self.may_be_cut[word] = case.is_cut
        for request in ((before,) if before else ()) + case.seen + ((behind,) if behind and stays else ()):
            self.expected[request.replace(MARK, word)] += 1

    def run(self):
        wrong = feeding.run(self.relay.address("plain"), self.feeds, 15 * build.patience())
        self.relay.stop()  # whatever was on its way to the server is there now
        wrong += self.leaks()
        assert not wrong, f"{len(wrong)} of {len(self.feeds)} went wrong:\n" + "\n".join(wrong[:40])
        print(f"{len(self.feeds)} connections, {sum(self.expected.values())} requests at the server")

    def leaks(self):
        """What the server got and should not have, or should have and did not."""
        got, wrong = collections.Counter(), []
        for record in self.server.records:
            for request in record.requests:
                got[CONNECTION.sub(b"", request.raw)] += 1
            if record.broken:
                wrong.append(f"the server got what is no HTTP: {record.broken}")
            if record.rest and not self.is_cut_only(record.rest):
                wrong.append(f"the server got a part: {record.rest[:300]!r}")
        wrong += [f"the server got {count} too many of {request[:300]!r}" for request, count in (got - self.expected).items()]
        wrong += [f"the server did not get {request[:300]!r}" for request in self.expected - got]
        return wrong

    def is_cut_only(self, rest):
        """A beginning of a message whose fault was in its body."""
        word = re.search(rb"w\d{7}", rest)
        return word is not None and self.may_be_cut.get(word[0], False) and b"smuggled" not in rest.split(b"\r\n")[0]


def whole(data):
    return [data]


def byte_by_byte(data):
    step = 1 if len(data) <= BYTEWISE else len(data) // 200
    return [data[at:at + step] for at in range(0, len(data), step)]


def positions(data, most):
    """Where to cut: everywhere if that is few, else at line ends and evenly between."""
    if len(data) - 1 <= most:
        return range(1, len(data))
    ends = [at + step for at in range(len(data)) if data[at] in b"\r\n" for step in (0, 1)][-most // 2:]
    even = [at * len(data) // (most // 2 + 1) for at in range(1, most // 2 + 1)]
    return sorted({at for at in (*ends, *even) if 0 < at < len(data)})


def cut_at(at):
    return lambda data: [data[:at], data[at:]]


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.limit(240)
def test_corpus(stage, group):
    one = Round(stage)
    for case in getattr(http_corpus, group).CASES:
        one.add(case, whole, "whole")
        one.add(case, byte_by_byte, "byte by byte")
        for at in positions(case.data, stage.size(POSITIONS)):
            one.add(case, cut_at(at), f"cut at {at}")
    one.run()


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.limit(240)
def test_poisoned_pipeline(stage, group):
    """A good request, the case, a good request: the third is never read behind a refused one."""
    one = Round(stage)
    for case in getattr(http_corpus, group).CASES:
        if case.ends:
            continue
        for label, cut in (("pipeline", lambda _: 1 << 30), ("cut before the third", len)):
            before, behind = GOOD % (b"first-" + one.word()), GOOD % (b"third-" + one.word())
            at = len(before) + cut(case.data)
            one.add(case, lambda data, at=at: [piece for piece in (data[:at], data[at:]) if piece], label, before, behind)
    one.run()


def test_size_of_the_corpus():
    """Rows are distinct, and there are enough of them."""
    names = [case.name for case in http_corpus.CASES]
    assert len(names) == len(set(names)) and len(names) >= 300
    assert all(case.answers or case.ends for case in http_corpus.CASES)
