# SPDX-License-Identifier: Apache-2.0
"""georelay status and GET /status.json: the document says what there is, and the tables say what the document says."""
import json
import pathlib
import re
import subprocess
import time

import build
import loopback
import peers
import prometheus
import pytest
import test_prove
from test_advise import Legacy

PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs/status.md"
LOOPBACK = {"listen": ["127.0.0.1:0"]}


def socket_of(stage, name="control"):
    return str(stage.folder / f"{name}.sock")


def admin(stage, name="control"):
    return {**LOOPBACK, "socket": socket_of(stage, name)}


def run(relay, *words, code=0):
    result = subprocess.run([build.georelay(), "status", "-c", str(relay.config), *words], capture_output=True, text=True, timeout=60,
                            check=False)
    assert result.returncode == code, result.stderr
    return result.stdout if code == 0 else result.stderr


def document(relay):
    return json.loads(run(relay, "--json"))


def until(relay, wanted):
    end = time.monotonic() + peers.DEADLINE * build.patience()
    while True:
        seen = document(relay)
        if wanted(seen):
            return seen
        assert time.monotonic() < end, json.dumps(seen, indent=1)


def of_kind(seen, kind):
    return [session for session in seen["sessions"] if session["kind"] == kind]


def stand(stage):
    """A relay with two agents of which one is up, a link, an advise and a web client: (relay, agent, everything to be kept)."""
    server = stage.listener()
    web = stage.recorder()
    relay = stage.relay(links=[stage.link(server.text, advise=stage.alias())], web=[stage.site(web.text)],
                        tunnel=stage.tunnel(stage.allow("site-a"), stage.allow("site-b"), listen=f"127.0.0.1:{peers.free_port()}"),
                        admin=admin(stage))
    agent = stage.agent("site-a", relay, admin=admin(stage, "agent"))
    stage.remember(relay, agent)
    client = Legacy(stage, agent.address("link"), stage.block[1])
    link = stage.keep(server.accept())
    at_server = stage.connect((link.remote[0], 5500))
    at_client = stage.keep(client.listener.accept())
    at_server.send(b"x" * 3000)
    at_client.read(3000)
    at_client.send(b"y" * 20)
    at_server.read(20)
    browser = stage.http(relay)
    browser.ask()
    return relay, agent, (client, link, at_server, at_client, browser)


@pytest.mark.tsan
def test_the_document(stage):
    relay, agent, (_, link, at_server, *_) = stand(stage)
    seen = until(relay, lambda d: d["agents"][0]["spares"] == 4 and d["agents"][0]["round_us"] > 0)
    assert (seen["form"], seen["role"], seen["name"], seen["is_draining"]) == (1, "relay", None, False)
    assert seen["process"]["pid"] == relay.pid and seen["process"]["workers"] == 2 and seen["process"]["rss_bytes"] > 1 << 20
    assert seen["now"] == {"web": 1, "links": 1, "advises": 1, "tunnel": 4}
    assert {(one["purpose"], one["address"]) for one in seen["listeners"]} == {
        (purpose, relay.address_text(purpose)) for purpose in ("plain", "tunnel", "admin")} | {("link", relay.address_text("link"))}
    up, down = seen["agents"]
    assert (up["name"], up["is_up"], down["name"], down["is_up"], down["address"]) == ("site-a", True, "site-b", False, None)
    one, = of_kind(seen, "link")
    assert (one["client"], one["behind"], one["state"], one["name"]) == (stage.block[1], "site-a", "relay", "node-a")
    assert one["back_local"].startswith(link.remote[0] + ":")
    advise, = of_kind(seen, "advise")
    assert (advise["client"], advise["port"], advise["up"], advise["down"]) == (stage.block[1], 5500, 3000, 20)
    assert advise["front"] == "%s:%d" % at_server.local and advise["alarm_ms"] <= advise["age_ms"]
    lease, = seen["leases"]
    assert (lease["client"], lease["behind"], lease["address"], lease["links"]) == (stage.block[1], "site-a", link.remote[0], 1)
    web, = of_kind(seen, "web")
    assert web["down"] > 0 and web["state"] == "serve"
    assert seen["since_start"]["advises"] == {"up": 3000, "down": 20} and seen["since_start"]["advises_delivered"] == 1
    there = document(agent)
    assert there["role"] == "agent" and there["relays"][0]["is_up"] and of_kind(there, "advise")[0]["up"] == 3000
    sids = [session["sid"] for session in seen["sessions"]]
    assert len(sids) == len(set(sids)) == 7


def test_the_same_over_http(stage):
    relay, _, _ = stand(stage)
    answer = prometheus.get(relay, "/status.json")
    assert answer.status == 200 and answer.get("Transfer-Encoding") == "chunked" and answer.get("Content-Type") == "application/json"
    ours = document(relay)
    theirs = json.loads(answer.body)
    assert theirs.keys() == ours.keys() and {s["sid"] for s in theirs["sessions"]} == {s["sid"] for s in ours["sessions"]}
    with stage.connect(relay.address("admin")) as old:
        old.send(b"GET /status.json HTTP/1.0\r\nHost: localhost\r\n\r\n")
        text = b""
        while part := old.recv():
            text += part
    head, _, body = text.partition(b"\r\n\r\n")
    assert b"chunked" not in head and json.loads(body).keys() == ours.keys()


def test_the_tables(stage):
    relay, _, (_, link, *_) = stand(stage)
    text = run(relay)
    assert re.search(r"^AGENTS \(2\)$", text, re.MULTILINE) and re.search(r"^  site-b +DOWN ", text, re.MULTILINE)
    row = re.search(r"^  \S+ +node-a +site-a/\S+ .*$", text, re.MULTILINE)[0]
    assert stage.block[1] in row and link.remote[0] in row
    advises = text.partition("ADVISES (1)\n")[2].splitlines()[1]
    assert " 5500 " in advises and "2.9 KiB" in advises and "20 B" in advises and " ago " in advises
    assert "WEB CLIENTS (1)" in text and "CERTIFICATES" in text and "georelay" in text.splitlines()[0]


def test_watching(stage):
    """The first screen has averages, the others what moved since the one before."""
    relay, _, (_, _, at_server, at_client, _) = stand(stage)
    watch = subprocess.Popen([build.georelay(), "status", "-c", str(relay.config), "--watch"], stdout=subprocess.PIPE, text=True)
    try:
        rates = []
        for line in watch.stdout:
            if " 5500 " not in line:
                continue
            rates.append(line.split("  ")[-1].strip())
            if len(rates) == 2:
                at_server.send(b"z" * 10000)
                at_client.read(10000)
            if len(rates) == 3:
                break
    finally:
        watch.terminate()
        watch.wait(10)
    assert rates[0] != "0 B/s" and rates[1] == "0 B/s" and rates[2].endswith("KiB/s"), rates


def test_nobody_answers(stage):
    relay = stage.relay(links=[stage.link("127.0.0.1:9")], admin=admin(stage))
    relay.stop()
    assert "start georelay" in run(relay, code=1)
    relay.rewrite({"role": "relay", "state": str(stage.folder), "links": [stage.link("127.0.0.1:9")]})
    assert "names no control socket" in run(relay, code=1)


@pytest.mark.slow
def test_many_sessions(stage):
    """Thousands of sessions: the document is whole, the relay goes on meanwhile, and its memory does not grow with it."""
    many = 1500
    echo = stage.echo()
    relay = stage.relay(links=[stage.link(echo.text)], admin=admin(stage), limits={"connections": 20000, "per_client": 20000})
    prefix = loopback.big_block()
    held = [stage.connect(relay.address("link"), bind=f"{prefix}.{1 + n // 250}.{1 + n % 250}") for n in range(many)]
    for one in held:
        one.send(b"x")
        one.read(1)
    document(relay)
    before = relay.rss_kib()
    slow = stage.keep(test_prove.knock(socket_of(stage)))
    slow.sendall(b"status\n")  # and reads nothing
    for _ in range(5):
        seen = document(relay)
        assert len({session["sid"] for session in seen["sessions"]}) == len(seen["sessions"]) == many
        start = time.monotonic()
        held[0].send(b"y")
        held[0].read(1)
        assert time.monotonic() - start < 0.5 * build.patience()
    assert relay.rss_kib() - before < 4096
    assert f"and {many - 40} more" in run(relay)
    assert len(run(relay, "--all").splitlines()) > many


def members():
    """{title of a section: set of the names in the first column}."""
    sections = re.split(r"^## ", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    found = {}
    for section in sections:
        title = re.search(r"`(\w+)`", section.splitlines()[0])
        rows = [row.split("|")[1] for row in section.splitlines() if row.startswith("| `")]
        found[title[1] if title else "top"] = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    return found


def test_the_page_of_the_document_is_right(stage):
    relay, agent, _ = stand(stage)
    documents = [until(relay, lambda d: len(of_kind(d, "advise")) == 1), document(agent)]
    page = members()
    page["relays"] |= {"name", "is_up", "address", "age_ms", "round_us", "version", "protocol"}
    page["sessions"] -= {"via"}  # needs an agent beside the server: test_both_agents
    assert all(set(seen) == page["top"] for seen in documents)
    for key in ("listeners", "agents", "relays", "servers", "certificates", "leases", "sessions"):
        found = {name for seen in documents for row in seen[key] for name in row}
        assert found == page[key], key
