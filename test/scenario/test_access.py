# SPDX-License-Identifier: Apache-2.0
"""Who may come in: lists of addresses, rates of new connections, and hours of the week."""
import contextlib
import datetime
import subprocess

import audit_log
import peers
import pytest
import relay as relay_module
from program import wait_for


def curl(stage, url, *words, source=None):
    """The status that curl gets, or its exit code below zero."""
    run = subprocess.run(["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "--cacert", stage.pki.ca, "--max-time", "5",
                          *(["--interface", source] if source else []), *words, url], capture_output=True, text=True)
    return int(run.stdout) if run.returncode == 0 else -run.returncode


def s_client(stage, address, source):
    """True if OpenSSL's own client gets through a TLS handshake."""
    run = subprocess.run(["openssl", "s_client", "-connect", f"{address[0]}:{address[1]}", "-bind", source, "-CAfile", stage.pki.ca],
                         stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=10)
    return "BEGIN CERTIFICATE" in run.stdout and "Verify return code: 0" in run.stdout


def answers(stage, address, source, text=b"question"):
    peer = stage.connect(address, bind=source)
    peer.send(text)
    peer.expect(text)
    return peer


def audited(stage, relay, event, **wanted):
    def found():
        return [e for e in audit_log.read(stage.folder / "audit.log")
                if e["ev"] == event and all(e.get(k) == v for k, v in wanted.items())]
    wait_for(found)
    return found()[0]


def with_audit(stage):
    return {"audit": {"file": str(stage.folder / "audit.log")}}


# -- lists --


def test_a_link_is_for_its_networks(stage):
    guest, stranger = str(stage.block[3]), str(stage.block[9])
    relay = stage.relay(links=[{**stage.link(stage.echo().text), "allow_from": [guest, str(stage.block[4])], "deny_from": [str(stage.block[4])]}],
                        **with_audit(stage))
    entry = relay.address("link")
    answers(stage, entry, guest)
    assert peers.connect_reset(entry, bind=stranger) < 1
    refused = relay.expect("refuse", why="access_denied", rule="allow_from")
    assert refused["name"] == "node-a" and refused["front"].startswith(stranger + ":")
    assert peers.connect_reset(entry, bind=stage.block[4]) < 1  # deny_from wins
    relay.expect("refuse", why="access_denied", rule=f"deny_from {stage.block[4]}/32")
    event = audited(stage, relay, "access_denied", rule="allow_from")
    assert event["result"] == "refused" and event["id"] == "2402" and event["front"] == refused["front"]


def test_a_web_door_is_for_its_networks(stage):
    site = stage.recorder()
    relay = stage.relay(web=[stage.site(site.text, tls=True, deny_from=[str(stage.block[9])])])
    url = f"https://127.0.0.1:{relay.address('web')[1]}/"
    assert curl(stage, url, source=str(stage.block[3])) == 200
    assert curl(stage, url, source=str(stage.block[9])) < 0
    relay.expect("refuse", why="access_denied", name="main")
    assert s_client(stage, relay.address("web"), str(stage.block[3]))
    assert not s_client(stage, relay.address("web"), str(stage.block[9]))


def test_an_agent_is_kept_out_of_the_tunnel(stage):
    relay = stage.relay(links=[stage.link(stage.echo().text, listen=None)],
                        tunnel={**stage.tunnel(stage.allow("site-a")), "deny_from": ["127.0.0.1"]})
    settings = stage.agent_settings("site-a", relay.address_text("tunnel"))
    stage.add(relay_module.Georelay(stage.folder, "agent", settings, 1, (), None, "info"))
    relay.expect("refuse", why="access_denied", name="tunnel", rule="deny_from 127.0.0.1/32")


def test_a_shared_listener_asks_again_when_it_knows_for_whom(stage):
    """The tunnel is for nobody here, the web door for all: agents are refused after the handshake, browsers are not."""
    site = stage.recorder()
    port = peers.free_port()
    listen = f"127.0.0.1:{port}"
    relay = stage.relay(web=[{**stage.site(site.text, tls=True), "listen": [listen]}],
                        links=[stage.link(stage.echo().text, listen=None)],
                        tunnel={**stage.tunnel(stage.allow("site-a"), listen=listen), "deny_from": ["127.0.0.0/8"]})
    settings = stage.agent_settings("site-a", listen)
    stage.add(relay_module.Georelay(stage.folder, "agent", settings, 1, (), None, "info"))
    relay.expect("refuse", why="access_denied", kind="tunnel")
    assert curl(stage, f"https://{listen}/") == 200


# -- routes --


def test_a_route_is_for_its_networks(stage):
    site = stage.recorder()
    relay = stage.relay(web=[stage.site(site.text, routes=[{"path": "/admin", "allow_from": [str(stage.block[3])]}])],
                        **with_audit(stage))
    url = f"http://127.0.0.1:{relay.address('plain')[1]}"
    assert curl(stage, url + "/admin/x", source=str(stage.block[3])) == 200
    assert curl(stage, url + "/admin/x", source=str(stage.block[9])) == 403
    assert relay.expect("request", status=403)["why"] == "route_denied"
    assert curl(stage, url + "/adminx", source=str(stage.block[9])) == 200  # not below the route
    event = audited(stage, relay, "access_denied", why="route_denied")
    assert event["client"] == str(stage.block[9]) and event["rule"] == "allow_from"


@pytest.mark.parametrize("chain, status", [
    ("{guest}", 200), ("{guest}:4711", 200), ("10.9.9.9, {guest}, {proxy}", 200), ("{guest}, 10.9.9.9", 403), ("{guest}, unknown", 403),
    ("10.9.9.9", 403), ("nonsense", 403), ("", 403)])
def test_behind_a_trusted_proxy_the_client_counts(stage, chain, status):
    guest, proxy = "192.0.2.7", str(stage.block[3])
    site = stage.recorder()
    relay = stage.relay(web=[stage.site(site.text, trusted=[proxy], routes=[{"path": "/", "allow_from": [guest]}])])
    url = f"http://127.0.0.1:{relay.address('plain')[1]}/"
    header = ["-H", f"X-Forwarded-For: {chain.format(guest=guest, proxy=proxy)}"] if chain else []
    assert curl(stage, url, *header, source=proxy) == status
    assert curl(stage, url, "-H", f"X-Forwarded-For: {guest}", source=str(stage.block[9])) == 403  # not trusted: its word is nothing


def test_who_tells_in_forwarded_alone_is_not_known(stage):
    relay = stage.relay(web=[stage.site(stage.recorder().text, trusted=["127.0.0.0/8"],
                                        routes=[{"path": "/", "deny_from": ["192.0.2.7"]}])])
    url = f"http://127.0.0.1:{relay.address('plain')[1]}/"
    assert curl(stage, url, "-H", "Forwarded: for=192.0.2.7") == 403
    assert curl(stage, url, "-H", "X-Forwarded-For: 192.0.2.8") == 200


# -- rates --


def comes_too_often(stage, relay, address, source, why):
    """More than any of these limits allows in the time that it takes, however slow the machine is."""
    mark = relay.mark()
    for _ in range(30):
        with contextlib.suppress(ConnectionError):
            stage.connect(address, bind=source)
    relay.expect("refuse", mark, why=why)


def test_a_client_that_comes_too_often(stage):
    relay = stage.relay(links=[stage.link(stage.echo().text)], limits={"rate_per_client": 1, "burst": 3}, **with_audit(stage))
    entry, fast, other = relay.address("link"), stage.block[9], stage.block[3]
    for _ in range(3):
        answers(stage, entry, fast)
    comes_too_often(stage, relay, entry, fast, "limit_client_rate")
    answers(stage, entry, other)
    assert audited(stage, relay, "limit_reached", why="limit_client_rate")["result"] == "refused"

    def again():
        try:
            answers(stage, entry, fast)
        except (OSError, peers.PeerError):
            return False
        return True
    wait_for(again)


def test_a_flood_of_links_leaves_the_web_door_open(stage):
    site = stage.recorder()
    relay = stage.relay(links=[stage.link(stage.echo().text)], web=[stage.site(site.text, tls=True)], limits={"rate": 1, "burst": 2})
    entry = relay.address("link")
    for _ in range(2):
        answers(stage, entry, stage.block[9])
    comes_too_often(stage, relay, entry, stage.block[3], "limit_rate")  # all clients together
    assert s_client(stage, relay.address("web"), str(stage.block[3]))


def test_handshakes_of_a_client(stage):
    site = stage.recorder()
    relay = stage.relay(web=[stage.site(site.text, tls=True, plain=["127.0.0.1:0"])], limits={"handshakes_per_client": 1, "burst": 2})
    fast = str(stage.block[9])
    assert s_client(stage, relay.address("web"), fast)
    comes_too_often(stage, relay, relay.address("web"), fast, "limit_client_handshakes")
    assert s_client(stage, relay.address("web"), str(stage.block[3]))
    assert curl(stage, f"http://127.0.0.1:{relay.address('plain')[1]}/", source=fast) == 200  # no handshake there


# -- hours --


def local_time(hour, minute, second):
    """A TZ in which it is this time now: the end of some hours is seconds away."""
    now = datetime.datetime.now(datetime.timezone.utc)
    shift = (hour * 3600 + minute * 60 + second) - (now.hour * 3600 + now.minute * 60 + now.second)
    if shift < -12 * 3600:
        shift += 24 * 3600
    elif shift > 12 * 3600:
        shift -= 24 * 3600
    sign, rest = ("-" if shift > 0 else "+"), abs(shift)  # POSIX: west is positive
    return ("env", f"TZ=LOC{sign}{rest // 3600}:{rest // 60 % 60:02}:{rest % 60:02}")


def timed_link(stage, server, *hours, **more):
    return {**stage.link(server), "hours": list(hours), **more}


def test_a_link_within_its_hours(stage):
    relay = stage.relay(links=[timed_link(stage, stage.echo().text, "07:00-18:00")], prefix=local_time(12, 0, 0))
    answers(stage, relay.address("link"), stage.block[3])


def test_a_link_out_of_its_hours(stage):
    relay = stage.relay(links=[timed_link(stage, stage.echo().text, "07:00-11:00", "13:00-18:00")], prefix=local_time(12, 0, 0),
                        **with_audit(stage))
    assert peers.connect_reset(relay.address("link"), bind=stage.block[3]) < 2
    relay.expect("refuse", why="out_of_hours", kind="link")
    assert audited(stage, relay, "link_refused", why="out_of_hours")["result"] == "refused"


def test_what_is_open_goes_on(stage):
    relay = stage.relay(links=[timed_link(stage, stage.echo().text, "07:00-12:00")], prefix=local_time(11, 59, 55))
    held = answers(stage, relay.address("link"), stage.block[3])

    def is_over():
        try:
            return peers.connect_reset(relay.address("link"), bind=stage.block[4]) < 2
        except (OSError, peers.PeerError):
            return False
    wait_for(is_over, within=15)
    held.send(b"still here")
    held.expect(b"still here")


def test_what_is_open_is_closed(stage):
    relay = stage.relay(links=[timed_link(stage, stage.echo().text, "07:00-12:00", hours_end="close")],
                        prefix=local_time(11, 59, 56), **with_audit(stage))
    held = answers(stage, relay.address("link"), stage.block[3])
    held.expect_reset(within=10)
    relay.expect("close", kind="link", why="out_of_hours")
    audited(stage, relay, "link_close", why="out_of_hours")


def test_an_agent_out_of_its_hours(stage):
    row = {**stage.allow("site-a"), "hours": ["00:00-11:00"]}
    relay = stage.relay(links=[stage.link(stage.echo().text, listen=None)], tunnel=stage.tunnel(row), prefix=local_time(12, 0, 0),
                        **with_audit(stage))
    settings = stage.agent_settings("site-a", relay.address_text("tunnel"))
    agent = stage.add(relay_module.Georelay(stage.folder, "agent", settings, 1, (), None, "info"))
    relay.expect("refuse", why="out_of_hours", kind="tunnel", agent="site-a")
    agent.expect("tunnel_retry", why="out_of_hours")
    audited(stage, relay, "agent_refused", why="out_of_hours")


def test_an_agent_whose_hours_end(stage):
    row = {**stage.allow("site-a"), "hours": ["07:00-12:00"], "hours_end": "close"}
    relay = stage.relay(links=[stage.link(stage.echo().text, listen=None)], tunnel=stage.tunnel(row), prefix=local_time(11, 59, 54))
    agent = stage.agent("site-a", relay)
    held = answers(stage, agent.address("link"), stage.block[3])
    held.expect_reset(within=12)
    relay.expect("agent_down", agent="site-a", why="out_of_hours")
