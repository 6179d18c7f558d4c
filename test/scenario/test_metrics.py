# SPDX-License-Identifier: Apache-2.0
"""The metrics and the admin port: every number is that of what was done, and nobody learns it who may not."""
import contextlib
import pathlib
import re
import ssl
import subprocess
import time

import build
import http1
import libconfig
import peers
import pki as pki_module
import prometheus
import pytest
from program import wait_for
from test_advise import Legacy

CLIENTS = 16  # ADMIN_CLIENTS
LIFE = 10     # ADMIN_MS, in seconds
HEAD = 8192   # ADMIN_HEAD_BYTES
TOKEN = "0123456789abcdef0123456789abcdef"
PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs/metrics.md"
LOOPBACK = {"listen": ["127.0.0.1:0"]}


def small(stage, **admin):
    """A relay with little to do and an admin port."""
    return stage.relay(links=[stage.link("127.0.0.1:9")], admin={**LOOPBACK, **admin})


def until(relay, wanted):
    """The metrics as soon as wanted() holds for them: what is counted at a session's end comes a moment after its peer saw it."""
    end = time.monotonic() + peers.DEADLINE * build.patience()
    while True:
        seen = prometheus.metrics(relay)
        if wanted(seen):
            return seen
        assert time.monotonic() < end, "not so:\n" + "\n".join(line for line in seen.text.splitlines() if line[0] != "#" and not line.endswith(" 0"))


# ---- numbers ----

@pytest.mark.tsan
def test_requests_and_handshakes(stage):
    """Ten requests on two connections, one of them resumed; one that no server answers; one that is no TLS at all."""
    server = stage.recorder(lambda record: http1.response(404 if b"missing" in record.head else 200, body=b"x" * 1000))
    relay = stage.relay(web=[stage.site(server.text, tls=True)], admin=LOOPBACK)
    context = ssl.create_default_context(cafile=stage.pki.ca)
    session = None
    for number in range(2):
        raw = stage.connect(relay.address("web"))
        with http1.Talker(context.wrap_socket(raw.sock, server_hostname="127.0.0.1", session=session)) as client:
            for turn in range(5):
                client.ask("GET", "/missing" if turn == 0 else "/", host="127.0.0.1")
            assert client.sock.session_reused == (number == 1)
            session = client.sock.session
    with stage.connect(relay.address("web")) as stranger:
        stranger.send(b"GET / HTTP/1.1\r\n\r\n")
        stranger.recv()
    seen = until(relay, lambda m: m.of("handshakes_total", result="failed") == 1 and m.of("sessions", kind="web") == 0)
    assert (seen.of("requests_total", **{"class": "2xx"}), seen.of("requests_total", **{"class": "4xx"})) == (8, 2)
    assert (seen.of("handshakes_total", result="full"), seen.of("handshakes_total", result="resumed")) == (1, 1)
    assert seen.of("handshake_seconds_count") == 2 and seen.of("first_byte_seconds_count") == 10
    assert seen.of("connections_accepted_total", purpose="web") == 3
    assert seen.of("refusals_total", reason="tls_not_tls") == 1
    wait_for(lambda: len(relay.events("close")) == 2)
    down = seen.of("bytes_total", kind="web", direction="down")
    assert 10000 < down < 20000 and down == sum(int(event["down"]) for event in relay.events("close")), down
    assert seen.of("bytes_total", kind="web", direction="up") == sum(int(event["up"]) for event in relay.events("close"))
    made = seen.of("dials_total", result="made")
    assert made == seen.of("connections_made_total", purpose="upstream") == seen.of("dial_seconds_count") >= 1


def test_a_link_counts_while_it_runs(stage):
    echo = stage.echo()
    relay = stage.relay(links=[stage.link(echo.text)], admin=LOOPBACK)
    with stage.connect(relay.address("link")) as client:
        client.send(b"x" * 5000)
        client.read(5000)
        seen = until(relay, lambda m: m.of("bytes_total", kind="link", direction="down") == 5000)
        assert seen.of("bytes_total", kind="link", direction="up") == 5000 and seen.of("sessions", kind="link") == 1
        client.send(b"y")
        client.read(1)
        assert until(relay, lambda m: m.of("bytes_total", kind="link", direction="down") == 5001)
    seen = until(relay, lambda m: m.of("sessions", kind="link") == 0)
    ended = {key: number for key, number in seen.items() if key[0] == "sessions_ended_total"}
    assert list(ended.values()) == [1] and {"kind", "reason"} == {label for label, _ in next(iter(ended))[1]}


def knock(stage, address):
    """A connection that is reset, perhaps before connect() has returned."""
    with contextlib.suppress(ConnectionResetError), stage.connect(address) as one:
        one.expect_reset()


def test_what_fails_is_counted_by_its_reason(stage):
    gone = f"127.0.0.1:{peers.free_port()}"
    relay = stage.relay(links=[stage.link(gone)], web=[stage.site(gone)], limits={"per_client": 2}, admin=LOOPBACK)
    knock(stage, relay.address("link"))
    with stage.http(relay) as client:
        assert client.ask().status == 503
    relay.expect("close", kind="web")  # no longer counts for this client
    held = [stage.http(relay) for _ in range(2)]
    for one in held:
        one.ask()
    with stage.http(relay) as third:
        assert third.ask().status == 429
    seen = until(relay, lambda m: m.of("limits_reached_total", limit="per_client") == 1)
    assert seen.of("refusals_total", reason="dial_refused") == 1
    assert seen.of("dials_total", result="failed") >= 2 and seen.of("dials_total", result="made") == 0
    assert (seen.of("requests_total", **{"class": "5xx"}), seen.of("requests_total", **{"class": "4xx"})) == (3, 1)


@pytest.mark.parametrize("limit", ["rate", "rate_per_client", "handshakes", "handshakes_per_client"])
def test_each_rate_is_a_limit(stage, limit):
    relay = stage.relay(links=[stage.link(stage.echo().text)], web=[stage.site("127.0.0.1:9", tls=True)], limits={limit: 1, "burst": 1},
                        admin=LOOPBACK)
    door = relay.address("web" if "handshakes" in limit else "link")

    def is_reached():
        with contextlib.suppress(ConnectionResetError):
            stage.connect(door, bind=stage.block[3])
        return prometheus.metrics(relay).of("limits_reached_total", limit=limit) > 0
    wait_for(is_reached)


def test_lost_lines_of_the_audit(stage):
    """The receiver is away, and its queue has taken what it can: each further line is counted, the file has them all."""
    audit = stage.folder / "audit.log"
    relay = stage.relay(links=[stage.link(stage.echo().text)], admin=LOOPBACK, audit={"file": str(audit), "syslog": "tcp:127.0.0.1:9"})
    assert prometheus.metrics(relay).of("log_lines_dropped_total", log="syslog") == 0
    for _ in range(40):
        for _ in range(100):
            stage.connect(relay.address("link")).rst()
        seen = prometheus.metrics(relay)
        if seen.of("log_lines_dropped_total", log="syslog") > 0:
            break
    assert seen.of("log_lines_dropped_total", log="syslog") > 0 == seen.of("log_lines_dropped_total", log="audit")


def test_advises_and_agents(stage):
    server = stage.listener()
    relay = stage.relay(links=[stage.link(server.text, advise=stage.alias())], tunnel=stage.tunnel(stage.allow("site-a"), stage.allow("site-b")),
                        admin=LOOPBACK)
    agent = stage.agent("site-a", relay, admin=LOOPBACK)
    stage.remember(relay, agent)
    client = Legacy(stage, agent.address("link"), stage.block[1])
    link = stage.keep(server.accept())
    at_server = stage.connect((link.remote[0], 5500))
    at_client = stage.keep(client.listener.accept())
    at_server.send(b"x" * 3000)
    at_client.read(3000)
    seen = until(relay, lambda m: m.of("advises_total", result="delivered") == 1 and m.of("agent_spares", agent="site-a") == 4)
    assert seen.of("advise_seconds_count") == 1 and seen.of("leases") == 1 and seen.of("lease_listeners") >= 1
    assert (seen.of("agent_up", agent="site-a"), seen.of("agent_up", agent="site-b")) == (1, 0)
    assert seen.of("sessions", kind="advise") == 1 and seen.of("bytes_total", kind="advise", direction="up") == 3000
    assert seen.of("connections_accepted_total", purpose="advise") == 1
    there = prometheus.metrics(agent)
    assert there.of("relay_up", relay=relay.address_text("tunnel")) == 1 and there.of("advises_total", result="delivered") == 1
    assert there.of("build_info", version=version(), role="agent") == 1
    for port in range(5501, 5503):  # nobody listens there
        knock(stage, (link.remote[0], port))
    assert until(relay, lambda m: m.of("advises_total", result="refused") == 2)
    relay.start_counts = None  # it stays without its agent
    agent.kill()
    assert until(relay, lambda m: m.of("agent_up", agent="site-a") == 0)


def version():
    return subprocess.run([build.georelay(), "version"], capture_output=True, text=True, timeout=60, check=True).stdout.split()[1]


def test_certificates(stage):
    relay = stage.relay(web=[stage.site("127.0.0.1:9", tls=True)], admin=LOOPBACK)
    chain = stage.pki.identity("web")["chain"]
    text = pki_module.openssl("x509", "-in", chain, "-noout", "-enddate").strip().removeprefix("notAfter=")
    wanted = ssl.cert_time_to_seconds(text)
    seen = prometheus.metrics(relay)
    rows = {key: number for key, number in seen.items() if key[0] == "certificate_not_after_seconds"}
    assert seen.of("certificate_not_after_seconds", use="web", name="main", file=chain) <= wanted and len(rows) == 1, rows


# ---- the form ----

def documented():
    """{name: (type, set of labels)} of docs/metrics.md. Labels stand there as "one, other", or "one: its values; other"."""
    rows = re.findall(r"^\| `georelay_(\w+)` \| (\w+) \|([^|]*)\|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    parts = lambda text: (part.split(":")[0] if ":" in part else part for part in text.split(";"))
    return {name: (kind, {word.split()[0] for part in parts(text) for word in part.split(",") if word.strip()})
            for name, kind, text in rows}


def test_the_page_of_metrics_is_right(stage):
    """docs/metrics.md has each metric of both roles with its type and labels, and no other; promtool finds nothing to say."""
    echo = stage.echo()
    relay = stage.relay(links=[stage.link(echo.text)], web=[stage.site(echo.text, tls=True)], tunnel=stage.tunnel(stage.allow("site-a")),
                        admin=LOOPBACK)
    agent = stage.agent("site-a", relay, admin=LOOPBACK)
    with stage.connect(relay.address("link")) as client:
        client.send(b"x")
        client.read(1)
    both = [until(relay, lambda m: any(key[0] == "sessions_ended_total" for key in m)), prometheus.metrics(agent)]
    found = {}
    for seen in both:
        assert not prometheus.promtool("check", "metrics", text=seen.text).strip()
        labels = seen.labels()
        for name, kind in seen.types.items():
            short = name.removeprefix("georelay_")
            rows = labels.get(f"{short}_bucket", set()) - {"le"} if kind == "histogram" else labels.get(short, set())
            old = found.get(short, (kind, set()))
            found[short] = (kind, old[1] | rows)
    assert found == documented()


# ---- the port ----

def test_what_the_port_answers(stage):
    relay = small(stage)
    answer = prometheus.get(relay, "/healthz")
    assert answer.status == 200 and answer.body == b"ok\n"
    assert answer.get("Cache-Control") == "no-store" and answer.get("X-Content-Type-Options") == "nosniff"
    assert answer.get("Content-Security-Policy").startswith("default-src 'none'") and answer.get("Connection") == "close"
    for path, status in (("/", 404), ("/metrics/", 404), ("/../metrics", 404), ("/metrics?x=1", 200)):
        assert prometheus.get(relay, path).status == status, path
    for host, status in (("localhost:9481", 200), ("127.0.0.1", 200), ("[::1]:1", 200), ("rebound.example", 421), ("10.0.0.1", 421)):
        assert prometheus.get(relay, "/metrics", host=host).status == status, host
    for method in ("POST", "PUT", "DELETE", "OPTIONS"):
        assert prometheus.get(relay, "/metrics", method=method).status == 405
    assert relay.expect("admin_refused", status=421)["why"] == "host"
    with http1.connect(relay.address("admin")) as client:
        client.send(http1.request("HEAD", "/metrics", host="localhost"))
        answer = client.response(is_head=True)
        client.expect_end()
        assert int(answer.get("Content-Length")) > 1000 and not answer.body


@pytest.mark.parametrize("raw, why", [
    (b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip, chunked\r\nContent-Length: 3\r\n\r\nabc", "bad_request"),
    (b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nGET /", "bad_request"),
    (b"GET /metrics HTTP/1.1\nHost: localhost\n\n", "bare_lf"),
    (b"GET /" + b"a" * HEAD + b" HTTP/1.1\r\n\r\n", "target_too_long"),
    (b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 65 + b"\r\n", "too_many_fields"),
    (b"\x16\x03\x01\x02\x00\x01", None),
], ids=["two lengths", "a body", "bare LF", "long", "many", "TLS"])
def test_what_is_not_a_plain_request_gets_one_refusal(stage, raw, why):
    relay = small(stage)
    with http1.connect(relay.address("admin")) as client:
        client.send(raw + b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")  # smuggled, or pipelined: never read
        assert client.response().status in (400, 414, 431)
        client.expect_end()
    refused = relay.expect("admin_refused")
    assert why is None or refused["why"] == why, refused
    assert len(relay.events("admin_refused")) == 1


@pytest.mark.tsan
def test_readers_that_do_nothing(stage):
    """So many may stay silent or not read, and only so long; who comes meanwhile is reset, and the relay is none the slower."""
    echo = stage.echo()
    relay = stage.relay(links=[stage.link(echo.text)], admin=LOOPBACK)
    start = time.monotonic()
    silent = [stage.connect(relay.address("admin")) for _ in range(CLIENTS)]
    silent[0].send(b"GET /metrics HTTP/1.1\r\nHost: local")
    assert peers.connect_reset(relay.address("admin"), within=5 * build.patience()) is not None
    with stage.connect(relay.address("link")) as client:
        client.send(b"x")
        client.read(1)
    for one in silent:
        one.expect_reset(within=LIFE * 2)
    assert time.monotonic() - start >= LIFE - 1
    assert prometheus.get(relay, "/healthz").status == 200


def test_the_token(stage):
    token = stage.folder / "token"
    token.write_text(TOKEN + "\n")
    token.chmod(0o600)
    relay = small(stage, token_file=str(token))
    assert prometheus.get(relay, "/metrics").status == 401
    assert prometheus.get(relay, "/metrics", f"Authorization: Bearer {TOKEN[:-1]}").status == 401
    assert prometheus.metrics(relay, f"Authorization: Bearer {TOKEN}").of("workers") == 2
    relay.stop()
    assert TOKEN not in relay.tail(1000)


@pytest.mark.parametrize("with_token", [False, True], ids=["certificate", "either"])
def test_certificates_of_readers(stage, with_token):
    mine = pki_module.self_signed(stage.folder, "operator", "ec", "operator.example")
    more = {}
    if with_token:
        token = stage.folder / "token"
        token.write_text(TOKEN)
        token.chmod(0o600)
        more["token_file"] = str(token)
    relay = small(stage, client_ca=mine["chain"], **stage.pki.identity("web"), **more)
    context = ssl.create_default_context(cafile=stage.pki.ca)
    context.load_cert_chain(mine["chain"], mine["key"])
    raw = stage.connect(relay.address("admin"))
    with http1.Talker(context.wrap_socket(raw.sock, server_hostname="127.0.0.1")) as client:
        assert client.sock.version() == "TLSv1.3"
        assert client.ask("GET", "/metrics", host="localhost").status == 200
    if with_token:
        assert prometheus.get(relay, "/metrics", ca=stage.pki.ca).status == 401
        assert prometheus.get(relay, "/metrics", f"Authorization: Bearer {TOKEN}", ca=stage.pki.ca).status == 200
        return
    with pytest.raises((ssl.SSLError, ConnectionError, http1.Truncated)):
        prometheus.get(relay, "/metrics", ca=stage.pki.ca)
    assert relay.expect("admin_refused", status=0)["why"] == "cert_missing"


@pytest.mark.parametrize("admin, sentence", [
    ({"listen": ["0.0.0.0:0"]}, "has no TLS"),
    ({"listen": ["0.0.0.0:0"]}, "asks nobody who he is"),
    ({"token_file": "TOKEN", "mode": 0o644}, "is open to others"),
    ({"token_file": "TOKEN", "text": "short"}, "does not hold one line of 16 to 256"),
    ({"token_file": "TOKEN", "text": TOKEN + "\n" + TOKEN}, "does not hold one line of 16 to 256"),
    ({"chain": "web.crt"}, "has no key"),
], ids=["no TLS", "nobody asked", "open", "short", "two lines", "no key"])
def test_what_is_an_error_of_the_configuration(stage, admin, sentence):
    token = stage.folder / "token"
    token.write_text(admin.pop("text", TOKEN))
    token.chmod(admin.pop("mode", 0o600))
    admin = {**LOOPBACK, **{key: str(token) if value == "TOKEN" else stage.pki.path(value) if value == "web.crt" else value
                            for key, value in admin.items()}}
    path = stage.folder / "it.conf"
    path.write_text(libconfig.settings({"role": "relay", "state": str(stage.folder), "links": [stage.link("127.0.0.1:9")], "admin": admin}))
    result = subprocess.run([build.georelay(), "run", "-c", str(path)], capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 2 and sentence in result.stderr, result.stderr
