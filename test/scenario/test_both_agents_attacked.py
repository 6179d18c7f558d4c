# SPDX-License-Identifier: Apache-2.0
"""What a reviewer found who attacked agents beside servers: words that hide a refusal, ends while much is under way, channels that never come."""
import itertools
import signal
import threading

import peers
import pytest
import tunnel
from joined import PLANT, stage  # noqa: F401
from program import wait_for
from test_both_agents import Scripted


def lone_relay(stage, **more):
    """A relay whose direct clients' link leads to an agent "plant" that the story plays."""
    relay = stage.relay(links=[stage.link("node-a@plant")], tunnel=stage.tunnel(PLANT, heartbeat=30), **more)
    stage.pki.agent("plant")
    return relay


@pytest.mark.parametrize("word", ["handed_over", "none", "back_eof", "front_eof", "served", "redirected"])
def test_a_refusal_that_is_no_word_for_one(stage, word):
    """It is told, with a line and a reset: never taken for an orderly end."""
    relay = lone_relay(stage)
    with Scripted(stage, relay, spares=1) as plant:
        client = stage.connect(relay.address("link"), bind=stage.block[1])
        plant.spares[0].hear_only("ASK")
        plant.spares[0].say("REFUSED", tunnel.text(word))
        client.expect_reset(within=2)
        assert relay.expect("refuse", kind="link")["why"] == "refused_by_peer"
    relay.start_counts = None


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("asked", ["waiting", "told", "dialling"])
def test_the_end_while_many_are_asked(stage, asked, number):
    relay = lone_relay(stage, timeouts={"drain": 1, "dial": 3})
    with Scripted(stage, relay, spares=0 if asked == "waiting" else 4) as plant:
        clients = [stage.connect(relay.address("link"), bind=stage.block[1]) for _ in range(20)]
        if asked == "waiting":
            plant.control.hear_only("NEED")
        for spare in plant.spares:
            spare.hear_only("ASK")
            if asked == "dialling":
                spare.say("DIALLING")
        relay.signal(number)
        assert relay.wait_end(20) == 0
        for client in clients:
            client.expect_reset(within=3)
        assert not relay.noise


def knock(relay, stage, machines, is_over):
    """Links of ever new clients, until it is over."""
    for machine in machines:
        if is_over.is_set():
            return
        try:
            peers.connect(relay.address("link"), bind=stage.block[machine]).close()
        except OSError:
            pass  # the relay has ended


@pytest.mark.parametrize("turns", range(2))
def test_the_end_while_leases_are_saved(stage, turns):
    """What is asked of the hub while the state is written for the last time is not granted any more: nothing stays behind (ASan)."""
    server = stage.listener()
    relay = stage.relay(links=[stage.link(server.text, advise={**stage.alias(), "delivery": "direct"})])
    is_over = threading.Event()
    ways = [itertools.cycle(range(1 + first, 99, 6)) for first in range(6)]
    threads = [threading.Thread(target=knock, args=(relay, stage, way, is_over)) for way in ways]
    for one in threads:
        one.start()
    wait_for(lambda: len(relay.events("lease_active")) > 25 * (turns + 1))
    relay.signal(signal.SIGINT)
    code = relay.wait_end(20)
    is_over.set()
    for one in threads:
        one.join()
    assert code == 0 and not relay.noise


def test_channels_that_were_asked_for_and_never_came(stage):
    """The advises that waited for them have ended with their lease: who waits next is not left without a channel for that."""
    server = stage.listener()
    relay = stage.relay(links=[stage.link(server.text, listen=None, advise=stage.alias())],
                        tunnel=stage.tunnel(stage.allow("site-a"), heartbeat=30))
    agent = tunnel.Agent(relay.address("tunnel"), stage.pki.agent("site-a"), stage.pki.ca)
    control = stage.keep(agent.welcome())

    def link(machine):
        channel = stage.keep(agent.open("node-a", stage.block[machine]))
        at_server = stage.keep(server.accept())
        channel.hear_only("OPENED")
        return channel, at_server.remote[0]

    channel, leased = link(1)
    early = [stage.connect((leased, 5500)) for _ in range(3)]
    for _ in early:
        control.hear_only("NEED")
    channel.rst()
    relay.expect("lease_end")
    first = stage.keep(agent.spare())
    for advise in early:
        advise.expect_reset(within=2)
    _, leased = link(2)
    stage.connect((leased, 5500))
    first.hear_only("DELIVER")
    first.say("DIALLING")
    first.expect_silence(1)  # so that who waits next does so after the others' time, however late its end is noticed
    late = stage.connect((leased, 5500))
    control.hear_only("NEED")
    stage.keep(agent.spare()).hear_only("DELIVER")
    late.expect_silence(0.2)
    relay.start_counts = None
