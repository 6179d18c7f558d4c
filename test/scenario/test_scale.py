# SPDX-License-Identifier: Apache-2.0
"""Two thousand legacy clients on one machine: everyone connected, every alarm in order, and what an idle session costs."""
import collections
import resource

import geosim
import loopback
import pytest

AGENTS, CLIENTS, LINKS, ALARMS = 4, 500, 3, 20


@pytest.mark.slow
def test_2000_clients(stage):
    # One worker and one advise port: with more of either, this machine's limit of open files would be the thing tested.
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    sessions = AGENTS * CLIENTS * (LINKS + 1)
    needed = 2 * sessions + AGENTS * CLIENTS + 1200
    assert hard >= needed, f"one process needs {needed} open files here; its limit is {hard}"
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))

    stem = loopback.big_block()
    server = stage.server(dial="peer", alarms=ALARMS, alarms_per_second=2, retry_ms=500, every=5)
    names = [f"site-{number}" for number in range(AGENTS)]
    nets = [f"{stem}.{64 + 4 * number}.0/22" for number in range(AGENTS)]
    relay = stage.relay(workers=1, links=[stage.link(server.link, listen=None,
                                                     advise=stage.alias(ports="5500-5500", pool=f"{stem}.128.0-{stem}.135.255"))],
                        tunnel=stage.tunnel(*[stage.allow(name, clients=[net]) for name, net in zip(names, nets)], heartbeat=5, spares=8),
                        limits={"connections": 100000, "per_client": 256, "greeting": 5000})
    agents = [stage.agent(name, relay, clients=[net], workers=1, advise_ports="5500-5500",
                          limits={"connections": 100000, "greeting": 5000}) for name, net in zip(names, nets)]
    stage.remember(relay, *agents)
    before = relay.rss_kib(), [agent.rss_kib() for agent in agents]
    clients = [stage.client(agent.address_text("link"), name, bind=net.replace(".0/22", ".1"), clients=CLIENTS, links=LINKS,
                            ports="5500-5500", start_rate=50, every=5) for agent, name, net in zip(agents, names, nets)]
    try:
        relay.wait_counts({"links": AGENTS * CLIENTS * LINKS, "advises": AGENTS * CLIENTS}, within=240)
    finally:
        for one in (relay, *agents):
            print(one.name, "refused:", dict(collections.Counter(event["why"] for event in one.events("refuse"))))
    counts = relay.counts()
    relay_kib = (relay.rss_kib() - before[0]) / sessions
    agent_kib = sum(agent.rss_kib() - kib for agent, kib in zip(agents, before[1])) / sessions
    print(f"idle: {relay_kib:.1f} KiB per session at the relay, {agent_kib:.1f} KiB at the agents, {counts['fds']} fds at the relay")
    assert counts["leases"] == AGENTS * CLIENTS
    assert relay_kib < 64 and agent_kib < 64, "an idle session holds buffers"
    for client in clients:
        client.wait_word("alarms", CLIENTS * ALARMS, within=240)
    for client in clients:
        # They stay until now: on a slow machine the first would have had all its alarms before the last was there.
        final = client.finish(within=240)
        geosim.verified(final, CLIENTS * ALARMS)
        assert final.get("not_connected", 0) == 0, final
    assert not relay.events("refuse", why="pool_exhausted")
    relay.settle(within=60)
    print(f"after: {relay.rss_kib()} KiB at the relay, {before[0]} KiB at the start")
