# SPDX-License-Identifier: Apache-2.0
"""A storm of short links and advises whose ends come in every way and at every moment; afterwards nothing is left behind."""
import contextlib
import random
import time

import peers
import pytest

SECONDS = 4
CLIENTS = 3


def say_something(peer, dice):
    peer.sock.settimeout(2)
    if dice.random() < 0.7:
        peer.send(bytes(dice.choice([1, 100, 200_000])))
    if dice.random() < 0.5:
        peer.recv()


def end_somehow(peer, dice):
    how = dice.randrange(3)
    if how == 0:
        peer.rst()
        return
    with peer:
        if how == 1:
            peer.fin()
            while peer.recv():
                pass


def talk(peer, dice):
    with contextlib.suppress(OSError):  # the other end may have left at any moment
        say_something(peer, dice)
    with contextlib.suppress(OSError):
        end_somehow(peer, dice)


def dial_back(link, dice):
    """The server's end of a link: some advises, to ports where somebody listens and to one where nobody does."""
    with contextlib.suppress(OSError):
        alias = link.remote[0]
        for _ in range(dice.randrange(4)):
            talk(peers.connect((alias, 5500 + dice.randrange(3)), timeout=3), dice)
    talk(link, dice)


def serve(listener, answer, end, dice):
    """Every connection gets a thread of its own, until the storm is over."""
    tasks = []
    while time.monotonic() < end:
        with contextlib.suppress(peers.PeerError):
            tasks.append(peers.Task(answer, listener.accept(0.2), random.Random(dice.random())))
    for task in tasks:
        task.done(30)


def link_after_link(entry, ip, end, dice):
    while time.monotonic() < end:
        with contextlib.suppress(OSError):
            talk(peers.connect(entry, bind=ip, timeout=2), dice)


@pytest.mark.tsan
def test_storm_of_ends(stage):
    server = stage.listener()
    relay, agent = stage.pair(server.text)
    dice, end = random.Random(1), time.monotonic() + SECONDS
    doors = [stage.listener(ip=stage.block[1 + n], port=port) for n in range(CLIENTS) for port in (5500, 5501)]
    tasks = [peers.Task(link_after_link, agent.address("link"), stage.block[1 + n % CLIENTS], end, random.Random(n))
             for n in range(4 * CLIENTS)]
    tasks += [peers.Task(serve, door, talk, end + 3, random.Random(dice.random())) for door in doors]
    tasks.append(peers.Task(serve, server, dial_back, end + 3, dice))
    for task in tasks:
        task.done(60)
    assert relay.events("close", kind="link") and relay.events("close", kind="advise")
    for one in (relay, agent):
        one.settle()
        before = one.cpu_seconds()
        time.sleep(1)
        assert one.cpu_seconds() - before < 0.2, "busy although nothing happens"
