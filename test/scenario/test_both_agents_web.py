# SPDX-License-Identifier: Apache-2.0
"""Web servers behind an agent of their own: the front door is at the relay, and reaches them through the agent's tunnel."""
import signal

import http1
from joined import web_stage as stage  # noqa: F401
from program import wait_for
from test_http_upgrade import (  # noqa: F401: told again with the stage of this file
    test_many_websockets, test_websocket_with_compression)
from test_http_turns import (  # noqa: F401
    test_reset_within_an_upload_is_no_end,
    test_server_that_stops_reading_an_upload, test_the_end_of_a_burst_reaches_a_slow_client,
    test_who_logs_on_unasked_keeps_the_connection)
from test_web import (  # noqa: F401: mode "tcp"
    door, test_download, test_half_close_through_tls, test_keep_alive, test_truncated_upload_is_no_clean_end, test_upload,
    test_upstream_reset_is_no_clean_end)


def get(stage, relay, target="/x"):
    with stage.http(relay) as client:
        return client.ask("GET", target)


def test_kept_connections_are_used_again(stage):
    server = stage.recorder()
    relay = stage.relay(web=[stage.site(server.text)])
    for _ in range(20):
        with stage.http(relay) as client:
            for number in range(5):
                assert client.ask("GET", f"/{number}").text == f"/{number}"
    assert len(server.records) <= 2 * relay.settings["workers"]


def test_the_agent_is_down_and_comes_back(stage):
    """503 at once; and health checks know it too."""
    server = stage.recorder()
    check = {"path": "/health", "interval": 1, "timeout": 1, "rise": 1, "fall": 1}
    relay = stage.relay(web=[stage.site(server.text, upstream={"health": check})])
    relay.start_counts = relay.plant.start_counts = None  # at any moment there may be a check
    relay.expect("upstream_up", server="web-0@plant")  # the first check came before the agent did
    asked = server.requests[0]
    assert asked.target == "/health" and asked.get("Host") == "web-0"
    wait_for(lambda: get(stage, relay).text == "/x")  # the workers are told a moment later
    mark = relay.mark()
    relay.plant.kill()
    relay.plant.wait_end()
    relay.expect("agent_down", mark)
    assert get(stage, relay).status == 503
    down = relay.expect("upstream_down", mark, server="web-0@plant")
    assert down["why"] in ("agent_down", "channel_lost"), down
    relay.plant.restart()
    relay.expect("upstream_up", mark, server="web-0@plant", within=20)
    wait_for(lambda: get(stage, relay).text == "/x")  # the workers are told a moment later


def test_the_next_server_while_an_agent_is_down(stage):
    """An order of servers, the first one behind the agent, the second one at hand."""
    first, second = stage.recorder(lambda _: http1.response(body="first")), stage.recorder(lambda _: http1.response(body="second"))
    behind = stage.behind(first.text)
    door = {"name": "main", "mode": "http", "plain": ["127.0.0.1:0"], "servers": [behind, second.text]}
    relay = stage.relay(web=[door])
    assert get(stage, relay).text == "first"
    mark = relay.mark()
    relay.plant.signal(signal.SIGTERM)
    relay.plant.wait_end()
    relay.expect("agent_down", mark)
    assert get(stage, relay).text == "second"
    relay.start_counts = None


def test_the_clients_address_is_in_the_agents_log(stage):
    server = stage.recorder()
    relay = stage.relay(web=[stage.site(server.text)])
    with stage.http(relay, bind=stage.block[7]) as client:
        assert client.ask("GET", "/a", "Connection: close").text == "/a"
    relay.plant.signal(signal.SIGTERM)
    relay.plant.wait_end()
    close = relay.plant.expect("close", kind="link")
    assert close["name"] == "web-0" and close.client_ip == stage.block[7] and close["agent"] is None
    relay.start_counts = None
