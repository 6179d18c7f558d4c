# SPDX-License-Identifier: Apache-2.0
"""Which request goes where, which goes nowhere, and what georelay says itself."""
import json
import re
import socket
import ssl

import http1
import peers
import pki as pki_module
import pytest
from program import wait_for


def named(name):
    """A server that answers its own name and what it was asked."""
    return lambda message: http1.response(body=f"{name} {message.target}")


@pytest.fixture
def three(stage):
    """Servers "main", "webx" and "old"."""
    return {name: stage.recorder(named(name)) for name in ("main", "webx", "old")}


def routed(stage, three, *routes, **more):
    upstreams = [{"name": name, "servers": [three[name].text]} for name in ("webx", "old")]
    return stage.relay(web=[stage.site(three["main"].text, upstreams=upstreams, routes=list(routes), **more)])


def get(stage, relay, target, *fields, method="GET", **options):
    with stage.http(relay, **options.pop("connect", {})) as client:
        return client.ask(method, target, *fields, **options)


# ---- routes ----

@pytest.mark.parametrize("target, name", [
    ("/WebX", "webx"), ("/WebX/", "webx"), ("/WebX/a/{b}?c", "webx"), ("/WebX?c", "webx"), ("/WebXtra", "main"),
    ("/WebX%20", "main"), ("/webx", "main"), ("/", "main"),
    ("/a/WebX", "main"), ("/WebX/html/x", "old"), ("/WebX/html", "old"), ("/WebX/htmlx", "webx"), ("//WebX", "main")])
def test_the_longest_path_wins(stage, three, target, name):
    relay = routed(stage, three, {"path": "/WebX", "upstream": "webx"}, {"path": "/WebX/html", "upstream": "old"})
    assert get(stage, relay, target).text == f"{name} {target}"


@pytest.mark.parametrize("host, name", [
    ("plant.example", "webx"), ("PLANT.example", "webx"), ("plant.example:8443", "webx"), ("deep.plant.example", "old"),
    ("a.b.plant.example", "old"), ("other.example", "main"),
    ("xplant.example", "main"), ("plant.example.evil", "main")])
def test_routes_by_host(stage, three, host, name):
    relay = routed(stage, three, {"host": "*.plant.example", "upstream": "old"}, {"host": "plant.example", "upstream": "webx"})
    assert get(stage, relay, "/x", host=host).text == f"{name} /x"


def test_an_exact_host_wins_before_a_wildcard_before_none(stage, three):
    relay = routed(stage, three, {"path": "/x", "upstream": "old"}, {"host": "*.example", "path": "/x", "upstream": ""},
                   {"host": "a.example", "path": "/x", "upstream": "webx"})
    for host, name in (("a.example", "webx"), ("b.example", "main"), ("elsewhere", "old")):
        assert get(stage, relay, "/x", host=host).text == f"{name} /x"


@pytest.mark.parametrize("replace, target, seen", [
    ("/new", "/old", "/new"), ("/new", "/old/a?b", "/new/a?b"), ("/new", "/old?b", "/new?b"),
    ("/new/deep", "/old/{a}|%20", "/new/deep/{a}|%20"), ("/", "/old/a", "/a"), ("/", "/old", "/"),
    ("/", "/old?b", "/?b")])
def test_a_prefix_is_replaced(stage, three, replace, target, seen):
    relay = routed(stage, three, {"path": "/old", "upstream": "old", "replace": replace})
    assert get(stage, relay, target).text == f"old {seen}"
    assert relay.expect("request")["path"] == target.split("?")[0]


def test_links_below_a_replaced_prefix_lead_back(stage, three):
    relay = routed(stage, three, {"path": "/public", "upstream": "old", "replace": "/internal"})
    server = three["old"]
    for said, wanted in ((f"http://{server.text}/internal/x", "http://site.example/public/x"), ("/internal/x?y", "/public/x?y"),
                         ("/internal", "/public"), ("/other", "/other"),
                         ("/internally", "/internally"), ("x", "x")):
        server.answer = lambda _, said=said: http1.response(302, f"Location: {said}", "Set-Cookie: a={1}; Path=/internal")
        got = get(stage, relay, "/public/a")
        assert got.get("Location") == wanted and got.get("Set-Cookie") == "a={1}; Path=/public"


DEVIOUS = ("/WebX/../secret", "/WebX/%2e%2e/secret", "/WebX/.%2E/secret", "/./WebX", "/WebX%2f..%2fsecret", "/WebX/%5c..%5csecret",
           "/WebX\\..\\secret", "/WebX/..;/secret", "/WebX/%00")


@pytest.mark.parametrize("target", DEVIOUS)
def test_a_path_that_may_mean_another_is_refused_where_paths_decide(stage, three, target):
    relay = routed(stage, three, {"path": "/WebX", "upstream": "webx"})
    assert get(stage, relay, target).status == 403
    assert relay.expect("request")["why"] == "path_not_allowed"
    assert not any(server.requests for server in three.values())


def test_without_route_and_default(stage, three):
    relay = stage.relay(web=[{**stage.site(), "upstreams": [{"name": "webx", "servers": [three["webx"].text]}],
                              "routes": [{"path": "/", "upstream": "webx"},
                                         {"path": "/none", "host": "x.example", "upstream": "webx"}]}])
    assert get(stage, relay, "/x").text == "webx /x"


# ---- allow-list ----

ALLOW = [{"path": "/", "methods": ["GET", "HEAD"]}, {"path": "/logon", "methods": ["POST"]},
         {"path": "/webservices", "methods": []}]


@pytest.mark.parametrize("method, target, status", [
    ("GET", "/", 200), ("HEAD", "/x", 200), ("POST", "/", 405), ("DELETE", "/x", 405), ("POST", "/logon", 200),
    ("PUT", "/logon", 405), ("PATCH", "/webservices/scx", 200), ("POST", "/logonx", 405)])
def test_allowed_methods(stage, method, target, status):
    server = stage.recorder()
    relay = stage.relay(web=[stage.site(server.text, allow=ALLOW)])
    answer = get(stage, relay, target, method=method, body=b"x" if method in ("POST", "PUT", "PATCH") else None)
    assert answer.status == status and len(server.requests) == (status == 200)
    if status == 405:
        assert relay.expect("request")["why"] == "method_not_allowed"
        assert answer.get("Allow") is not None, "RFC 9110 15.5.6: a 405 must say what is allowed"


def test_allowed_paths(stage):
    server = stage.recorder()
    relay = stage.relay(web=[stage.site(server.text, allow=[{"path": "/db"}, {"path": "/logon"}])])
    for target, status in (("/db/x", 200), ("/logon", 200), ("/", 403), ("/dbx", 403), ("/admin", 403), ("/db/../admin", 403),
                           ("*", 403)):
        assert get(stage, relay, target, method="OPTIONS" if target == "*" else "GET").status == status, target
    assert server.targets() == {"/db/x": 1, "/logon": 1}


# ---- redirect and the plain door ----

@pytest.fixture
def redirecting(stage):
    server = stage.recorder()
    address = f"127.0.0.1:{peers.free_port()}"  # the redirect names it, so it must be known beforehand
    return server, stage.relay(web=[{**stage.site(server.text, tls=True), "listen": [address], "redirect_from": ["127.0.0.1:0"]}])


def test_redirect_to_https(stage, redirecting):
    server, relay = redirecting
    port = relay.address("web")[1]
    for method, target, host in (("GET", "/", "site.example"), ("GET", "/db/{x}?View|%20", "site.example:80"),
                                 ("POST", "/logon", "site.example"), ("DELETE", "/x", "[::1]:80"),
                                 ("HEAD", "/x?" + "q" * 16000, "site.example")):
        with stage.keep(http1.connect(relay.address("redirect"))) as client:
            answer = client.ask(method, target, host=host, body=b"user=op" if method == "POST" else None)
        name = re.sub(r":\d+$", "", host)
        assert answer.status == 308 and answer.get("Location") == f"https://{name}:{port}{target}"
    assert not server.records and relay.expect("request")["why"] == "redirected"


def test_redirect_of_bad_requests(stage, redirecting):
    """No open redirect, no line of an attacker's."""
    server, relay = redirecting
    for data in (b"GET / HTTP/1.0\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", b"GET //evil.example/ HTTP/1.1\r\nHost: \r\n\r\n",
                 b"GET /\rX HTTP/1.1\r\nHost: x\r\n\r\n",
                 b"GET http://evil/ HTTP/1.1\r\nHost: site.example\r\n\r\n", b"GET / HTTP/1.1\r\nHost: a@evil\r\n\r\n"):
        with stage.keep(http1.connect(relay.address("redirect"))) as client:
            client.send(data)
            assert client.response().status == 400
    with stage.keep(http1.connect(relay.address("redirect"))) as client:
        assert client.ask("GET", "//evil.example/").get("Location").startswith("https://site.example:")
    assert not server.records


def test_plain_beside_tls(stage):
    server = stage.recorder()
    relay = stage.relay(web=[stage.site(server.text, tls=True, plain=["127.0.0.1:0"])])
    for tls in (False, True):
        with stage.http(relay, tls=tls) as client:
            assert client.ask("GET", f"/{tls}").status == 200
    assert [server.find(f"/{tls}").get("X-Forwarded-Proto") for tls in (False, True)] == ["http", "https"]


# ---- limits on a connection ----

def test_requests_per_connection(stage):
    server = stage.recorder()
    relay = stage.relay(web=[stage.site(server.text)], limits={"requests": 3})
    client = stage.http(relay)
    assert [client.ask().get("Connection") for _ in range(3)] == [None, None, "close"]
    client.expect_end()


def test_connections_are_not_kept_if_told_so(stage):
    server = stage.recorder()
    relay = stage.relay(web=[stage.site(server.text)], timeouts={"keep_alive": 0, "upstream_idle": 0})
    for number in range(2):
        client = stage.http(relay)
        assert client.ask().get("Connection") == "close"
        client.expect_end()
    assert len(server.records) == 2


def test_idle_connection_is_closed(stage):
    server = stage.recorder()
    relay = stage.relay(web=[stage.site(server.text)], timeouts={"keep_alive": 1})
    client = stage.http(relay)
    assert client.ask().status == 200
    client.expect_end()
    client.close()
    assert relay.expect("close")["why"] == "idle_timeout"


# ---- several servers ----

def test_the_first_server_gets_all_and_the_next_takes_over(stage):
    port = peers.free_port()
    second = stage.recorder(named("second"))
    relay = stage.relay(workers=1, web=[stage.site(f"127.0.0.1:{port}", second.text)])
    assert get(stage, relay, "/a").text == "second /a"
    first = stage.recorder(named("first"), port=port)
    wait_for(lambda: get(stage, relay, "/b").text == "first /b")
    assert all(get(stage, relay, "/c").text == "first /c" for _ in range(5))
    first.close()
    assert all(get(stage, relay, "/d").text == "second /d" for _ in range(5))


def test_a_server_that_does_not_answer_the_dial(stage):
    """Its queue is full, so it is silent: the next one is tried within the time for dialling."""
    silent = stage.keep(peers.Listener())
    silent.sock.listen(0)
    waiting = []
    for _ in range(4):
        sock = stage.keep(socket.socket())
        sock.setblocking(False)
        sock.connect_ex(silent.address)
        waiting.append(sock)
    second = stage.recorder(named("second"))
    relay = stage.relay(web=[stage.site(silent.text, second.text)], timeouts={"dial": 2, "resolve": 1})
    assert get(stage, relay, "/x").text == "second /x"
    assert relay.expect("request")["upstream"] == second.text
    del waiting


@pytest.mark.parametrize("setting, sick", [({}, http1.response(500)), ({"status": "204,300-399"}, http1.response(200)),
                                           ({"text": "well and good"}, http1.response(200, body="not good"))],
                         ids=["status", "own status", "text"])
def test_health_checks(stage, setting, sick):
    """A server that answers, but wrongly, loses its place, and gets it back."""
    fine = http1.response(204 if "status" in setting else 200, body=b"" if "status" in setting else b"all is well and good")
    state = {"first": fine}

    def checked(name):
        return lambda message: state.get(name, fine) if message.target == "/health?x={1}" else http1.response(body=name)

    first, second = stage.recorder(checked("first")), stage.recorder(checked("second"))
    health = {"path": "/health?x={1}", "interval": 1, "timeout": 1, "host": "check.example", "rise": 2, "fall": 2, **setting}
    relay = stage.relay(workers=1, web=[stage.site(first.text, second.text, upstream={"health": health})])
    relay.start_counts = None  # a check may be under way at any moment; test_http_health.py looks for leaks
    for server in (first, second):
        server.wait_requests(2, within=20)
        assert server.requests[0].get("Host") == "check.example"
    assert get(stage, relay, "/a").text == "first"
    state["first"] = sick
    wait_for(lambda: get(stage, relay, "/b").text == "second")
    assert all(get(stage, relay, "/c").text == "second" for _ in range(5))
    state["first"] = fine
    wait_for(lambda: get(stage, relay, "/d").text == "first")


def server_context(identity):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(identity["chain"], identity["key"])
    return context


@pytest.mark.parametrize("settings, works", [
    ({"tls": "verify", "server_name": "scada.example"}, True), ({"tls": "verify", "server_name": "other.example"}, False),
    ({"tls": "verify"}, False), ({"tls": "unverified"}, True),
    ({"tls": "verify", "server_name": "scada.example", "ca": "other"}, False),
    ({"tls": "verify", "server_name": "scada.example", "tls_min": "1.3"}, True), ({}, False)])
def test_tls_to_the_server(stage, settings, works):
    mine = pki_module.self_signed(stage.folder, "scada", "ec", "scada.example")
    server = stage.recorder(tls=server_context(mine))
    if settings.get("tls") == "verify":
        settings = {**settings, "ca": stage.pki.ca if "ca" in settings else mine["chain"]}
    relay = stage.relay(web=[stage.site(server.text, upstream=settings)])
    answer = get(stage, relay, "/secret")
    if works:
        assert answer.text == "/secret"
    else:
        assert answer.status in (502, 503) and "secret" not in answer.text and not server.requests


# ---- own answers ----

def test_page_when_no_server_can_be_reached(stage):
    relay = stage.relay(web=[stage.site(f"127.0.0.1:{peers.free_port()}")])
    answer = get(stage, relay, "/db/<script>", "Accept: text/html,*/*;q=0.1")
    event = relay.expect("request")
    assert answer.status == 503 and answer.get("Content-Type").startswith("text/html") and answer.get("Retry-After").isdigit()
    assert event["id"] in answer.text and event["status"] == "503" and event["why"] in ("dial_refused", "node_down")
    assert len(answer.body) < 4096 and not re.search(r"(?i)<script|src=|href=|https?://", answer.text), answer.text
    assert answer.get("Cache-Control") == "no-store" and answer.get("Date")
    head = get(stage, relay, "/", method="HEAD")
    assert head.status == 503 and int(head.get("Content-Length")) > 0


def test_json_for_who_asks_for_it(stage):
    relay = stage.relay(web=[stage.site(f"127.0.0.1:{peers.free_port()}")])
    answer = get(stage, relay, "/api", "Accept: application/json")
    said = json.loads(answer.body)
    assert answer.status == said["status"] == 503 and said["error"] and said["advice"]
    assert said["id"] == relay.expect("request")["id"]
    assert answer.get("Content-Type").startswith("application/json")


@pytest.mark.parametrize("fields, kind", [(("Content-Type: text/xml; charset=utf-8", 'SOAPAction: "urn:x"'),
                                           "http://schemas.xmlsoap.org/soap/envelope/"),
                                          (("Content-Type: application/soap+xml",), "http://www.w3.org/2003/05/soap-envelope")],
                                          ids=["1.1", "1.2"])
def test_soap_fault_for_a_soap_request(stage, fields, kind):
    relay = stage.relay(web=[stage.site(f"127.0.0.1:{peers.free_port()}")])
    answer = get(stage, relay, "/webservices/scx", *fields, method="POST", body=b"<x/>")
    assert answer.status == 503 and kind in answer.text and "Fault>" in answer.text and relay.expect("request")["id"] in answer.text


def test_own_answers_keep_the_connection_if_nothing_is_left_unread(stage):
    server = stage.recorder()
    relay = stage.relay(web=[stage.site(server.text, allow=[{"path": "/db"}])])
    client = stage.http(relay)
    assert [client.ask("GET", target).status for target in ("/x", "/db", "/x", "/db")] == [403, 200, 403, 200]


# ---- the log ----

def logged(relay, count=1):
    assert relay.wait_line(lambda _: len(relay.events("request")) >= count), relay.tail()
    return relay.events("request")


def test_access_line(stage):
    server = stage.recorder(lambda message: http1.response(201, "Set-Cookie: A={cookie-back}", body="twelve bytes"))
    relay = stage.relay(web=[stage.site(server.text)])
    with stage.http(relay) as client:
        client.ask("POST", '/a"b=c\\d{x}?secret=query', "Cookie: A={cookie-there}", "Authorization: Basic c2VjcmV0",
                   body=b"password=secret-body")
        event = logged(relay)[0]
        assert event["client"] == "%s:%d" % client.local
    wanted = {"method": "POST", "path": '/a"b=c\\d{x}', "status": "201", "up": "20", "down": "12"}
    assert event.has(wanted), event
    assert event["upstream"] == server.text and event["why"] == "served" and event["fault"] is None and event["level"] == "info"
    assert len(event["id"]) == 32 and int(event["first_ms"]) <= int(event["ms"])
    assert server.requests[0].get("X-Request-Id") == event["id"]
    everything = " ".join(str(value) for line in relay.lines for value in line.values())
    assert not re.search("secret|cookie|c2Vjcm|password", everything)


def test_every_request_has_an_id_of_its_own(stage):
    server = stage.recorder()
    relay = stage.relay(web=[stage.site(server.text)])
    for _ in range(4):
        with stage.http(relay) as client:
            for _ in range(5):
                client.ask()
    assert len({event["id"] for event in logged(relay, 20)}) == 20


def test_access_line_of_a_refused_request(stage):
    server = stage.recorder()
    relay = stage.relay(web=[stage.site(server.text)])
    with stage.http(relay) as client:
        client.send(b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n")
        answer = client.response()
    event = logged(relay)[0]
    assert (event["status"], event["why"], event["fault"]) == ("400", "bad_request", "both_lengths") and event["id"] in answer.text


def test_query_by_option_and_lines_off(stage):
    server = stage.recorder()
    relay = stage.relay(web=[stage.site(server.text)], access={"query": "on"})
    get(stage, relay, "/x?a={b}&c")
    assert logged(relay)[0]["query"] == "a={b}&c"
    silent = stage.relay("silent", web=[stage.site(server.text)], access={"lines": "off"})
    get(stage, silent, "/x")
    assert silent.expect("close") and not silent.events("request")


def access_file(stage, form, **more):
    server = stage.recorder()
    path = stage.folder / "access.log"
    relay = stage.relay(web=[stage.site(server.text)], access={"file": str(path), "format": form, **more})
    get(stage, relay, "/x y".replace(" ", "%20") + "?q={1}", "User-Agent: Tool (a b)", "Referer: http://r/")
    relay.stop()
    assert not relay.events("request"), "lines go to the file, not to the log"
    return path.read_text(encoding="utf-8").splitlines()


def test_access_file_as_json(stage):
    event = json.loads(access_file(stage, "json")[0])
    assert (event["ev"], event["path"], event["method"]) == ("request", "/x%20y", "GET") and str(event["status"]) == "200"
    assert "q={1}" not in json.dumps(event)


def test_access_file_as_logfmt(stage):
    lines = access_file(stage, "logfmt", query="on")
    assert len(lines) == 1 and "ev=request" in lines[0] and "path=/x%20y" in lines[0] and "q={1}" in lines[0]


def test_access_file_as_iis_writes_it(stage):
    lines = access_file(stage, "w3c")
    names = next(line for line in lines if line.startswith("#Fields: ")).split()[1:]
    rows = [line.split(" ") for line in lines if not line.startswith("#")]
    assert lines[0].startswith("#") and len(rows) == 1 and len(rows[0]) == len(names)
    row = dict(zip(names, rows[0]))
    wanted = {"cs-method": "GET", "cs-uri-stem": "/x%20y", "cs-uri-query": "-", "sc-status": "200", "c-ip": "127.0.0.1"}
    assert wanted.items() <= row.items(), row
    assert row["cs(User-Agent)"] == "Tool+(a+b)"
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", row["date"]) and re.fullmatch(r"\d\d:\d\d:\d\d", row["time"])
