# SPDX-License-Identifier: Apache-2.0
"""Many links, advises and web clients under load, and reload after reload, half of them broken: nobody is cut off, nothing leaks."""
import threading

import geosim
import pytest

MACHINES = 25
LINKS = 20  # of each machine, with an advise each
BROWSERS = 200
RELOADS = 20
ALARMS = 4000


class Browsers(threading.Thread):
    """So many clients with kept connections, each asking in turn; who is told to close comes again."""

    def __init__(self, stage, relay):
        super().__init__(daemon=True)
        self.stage, self.relay, self.stopped, self.failure, self.answers = stage, relay, threading.Event(), None, 0
        self.clients = [stage.http(relay) for _ in range(BROWSERS)]
        self.start()

    def run(self):
        try:
            while not self.stopped.is_set():
                for number, client in enumerate(self.clients):
                    answer = client.ask("GET", f"/{number}")
                    assert answer.status == 200, answer
                    self.answers += 1
                    if answer.get("Connection") == "close":
                        client.expect_end()
                        self.clients[number] = self.stage.http(self.relay)
        except BaseException as failure:
            self.failure = failure

    def done(self):
        self.stopped.set()
        self.join()
        if self.failure:
            raise self.failure
        return self.answers


@pytest.mark.slow
@pytest.mark.limit(600)
def test_reloads_under_load(stage):
    server = stage.server(dial="peer", alarms=ALARMS, alarms_per_second=200)
    upstream = stage.recorder()
    relay = stage.relay(links=[stage.link(server.link, advise=stage.alias())], web=[stage.site(upstream.text)],
                        tunnel=stage.tunnel(stage.allow("site-a"), spares=32), limits={"per_client": 3000})
    agent = stage.agent("site-a", relay)
    stage.remember(relay, agent)
    since = relay.mark()
    clients = [stage.client("%s:%d" % agent.address("link"), f"client-{number}", bind=stage.block[number], links=LINKS, ports="5500-5509",
                            alarms=ALARMS, no_reconnect=True) for number in range(1, MACHINES + 1)]
    for number in range(1, MACHINES + 1):
        relay.expect("lease_active", since, within=60, client=stage.block[number])
    browsers = Browsers(stage, relay)
    for number in range(RELOADS):
        one = (relay, agent)[number % 2]
        one.reload_fails(bogus=1)
        one.reload(limits={"per_client": 3001 + number})
    assert browsers.done() > BROWSERS
    for client in clients:
        geosim.verified(client.final(within=400), ALARMS)
    assert len(relay.events("lease_active", since)) == MACHINES and not relay.events("agent_down", since)
    for one in (relay, agent):
        for old in range(1, RELOADS // 2 + 1):
            one.expect("generation_ended", since=0, within=60, generation=old)
