# SPDX-License-Identifier: Apache-2.0
"""What health checks know of servers when the configuration is reloaded: a server known down stays down until it is well."""
from test_http_health import ILL, ONCE, WELL, Checked, checking, everywhere, health

RELOADS = 10  # one that comes before the check has ended makes it begin anew


def one_is_down(stage, **more):
    """Two servers, the first of them found ill by its second check."""
    ill, well = Checked(stage, "ill", check=ILL), Checked(stage, "well")
    relay = checking(stage, ill, well, **{"fall": 2, **more})
    relay.expect("upstream_down", server=ill.text)
    return relay, ill, well


def reload(stage, relay, servers, group, **more):
    return relay.reload(web=[stage.site(*[one.text for one in servers], upstream=group)], **more)


def test_a_server_known_down_stays_down(stage):
    relay, ill, well = one_is_down(stage)
    since = relay.mark()
    relay.reload(limits={"per_client": 99})
    assert everywhere(stage, relay, "well")
    ill.check = WELL
    relay.expect("upstream_up", since, server=ill.text)
    assert everywhere(stage, relay, "ill") and not relay.events("upstream_down", since)


def test_a_server_known_down_is_told_from_one_that_is_new(stage):
    relay, ill, _ = one_is_down(stage)
    new = Checked(stage, "new")
    reload(stage, relay, (ill, new), {"health": health(fall=2, rise=10)})
    assert everywhere(stage, relay, "new")


def test_who_is_not_checked_any_more_is_used(stage):
    relay, ill, well = one_is_down(stage)
    reload(stage, relay, (ill, well), {})
    assert everywhere(stage, relay, "ill")


def test_checks_that_were_counted_count(stage):
    """Each generation makes one check, at once, and together they are enough."""
    ill, well = Checked(stage, "ill", check=ILL), Checked(stage, "well")
    relay = checking(stage, ill, well, fall=3, interval=ONCE)
    for number in range(RELOADS):
        if relay.events("upstream_down"):
            break
        ill.server.wait_requests(1 + number)
        relay.reload(limits={"per_client": 1000 + number})
    assert relay.expect("upstream_down")["server"] == ill.text
    assert len(ill.checks()) >= 3
