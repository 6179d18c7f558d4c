# SPDX-License-Identifier: Apache-2.0
"""What georelay changes in the heads of requests and responses, and that it changes nothing else."""
import re
import ssl

import http1
import pki as pki_module
import pytest

PUBLIC = "site.example"
GUID = r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"


class Way:
    """A client, a front door with some settings, a recording server."""

    def __init__(self, stage, answer=http1.echo_target, tls=False, ip="127.0.0.1", **settings):
        self.server = stage.recorder(answer)
        self.relay = stage.relay(web=[stage.site(self.server.text, tls=tls, **settings)])
        self.stage, self.tls = stage, tls

    def client(self, **options):
        return self.stage.http(self.relay, self.tls, **options)

    def ask(self, *fields, target="/", client=None, **options):
        """(the request as the server got it, the response as the client got it)."""
        client = client or self.client()
        before = len(self.server.requests)
        answer = client.ask("GET", target, *fields, **options)
        self.server.wait_requests(before + 1)
        return self.server.requests[-1], answer


# ---- what stays ----

ODD_TARGETS = (
    "/{0A1B}|x^y`z", "/db/Plant.Area%20{1}?View", "/list/qry?SELECT \"Name\" FROM CDBPoint WHERE \"Id\" < 5".replace(" ", "%20"),
    "/a//b/./c/../d", "/%2e%2E/%2F%5c%00%zz%", "/x?a=b?c=d&&=%", "/\\..\\x", "/;v=1,2?'()*", "//double", "/?", "/x\xe4\xf6?\xfc",
)


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_path_and_query_go_byte_for_byte(stage, tls):
    way = Way(stage, tls=tls)
    client = way.client()
    for target in (*ODD_TARGETS, "/list/qry?" + "SELECT {x}|%7B " .replace(" ", "+") * 1090):
        seen, answer = way.ask(target=target, client=client)
        assert seen.target == target and answer.text == target


def test_order_case_and_values_of_fields_are_kept(stage):
    sent = [("x-First", "1"), ("COOKIE", "a={B}; c=\"d\""), ("X-Twice", "one"), ("aCCept", "*/*;q=0.1"), ("x-twice", "two, three"),
            ("SOAPAction", '"urn:x#y"'), ("X-Empty", ""),
            ("SCX-Client-Version", "6.83"), ("If-None-Match", 'W/"x"'), ("X_Under_Score", "yes")]
    back = [("Date", "Thu, 01 Jan 1970 00:00:00 GMT"), ("sERVER", "ClearSCADA/6.83"), ("X-Twice", "one"),
            ("Set-Cookie", "A={1}; path=/"), ("x-twice", "two"), ("Set-Cookie", "B={2}"),
            ("ETag", '"x"'), ("X-Empty", ""), ("Content-Type", "text/html; charset=iso-8859-1"), ("X-Latin", "caf\xe9")]
    way = Way(stage, lambda _: http1.response(200, *back, body="x", phrase="Sch\xf6n OK"), headers="off", links="keep")
    seen, answer = way.ask(*sent)
    assert seen.without("Host", "Connection") == sent and seen.fields[0] == ("Host", PUBLIC)
    assert answer.without("Content-Length") == back and answer.line == "HTTP/1.1 200 Sch\xf6n OK"


def test_hop_by_hop_fields_end_here(stage):
    back = ["Connection: X-Hop, keep-alive", "X-Hop: 1", "Keep-Alive: timeout=5", "Proxy-Authenticate: Basic", "Upgrade: h2c",
            "Proxy-Connection: x", "X-Keep: 3"]
    way = Way(stage, lambda _: http1.response(200, *back), headers="off")
    seen, answer = way.ask("Connection: x-hop", "X-Hop: 1", "Keep-Alive: 5", "TE: trailers", "Proxy-Authorization: Basic eA==",
                           "Proxy-Connection: keep-alive", "Upgrade: x", "X-Keep: 2")
    assert seen.without("Host", "Connection") == [("X-Keep", "2")] and seen.get("Connection") in (None, "keep-alive")
    assert answer.without("Content-Length", "Date") == [("X-Keep", "3")]


def test_trailers_go_on(stage):
    def answer(message):
        head = b"HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n"
        return head + http1.chunked(message.body, trailers=["X-Sum: 2", "Content-Length: 5"])

    way = Way(stage, answer)
    client = way.client()
    head = http1.request("POST", "/", "Transfer-Encoding: chunked", "Trailer: X-Sum")
    client.send(head + http1.chunked(b"ab", b"cde", trailers=["X-Sum: 1", "Host: evil"]))
    got = client.response()
    assert (got.body, got.trailers) == (b"abcde", [("X-Sum", "2")])
    assert (way.server.requests[0].chunks, way.server.requests[0].trailers) == ([b"ab", b"cde"], [("X-Sum", "1")])


# ---- who asked ----

SPOOFED = ("X-Forwarded-For: 6.6.6.6", "X-Forwarded-Proto: https", "X-Forwarded-Host: evil", "X-Forwarded-Port: 1",
           "Forwarded: for=6.6.6.6", "X-Real-IP: 6.6.6.6",
           "X-ARR-SSL: 1|2|3|4", "X-ARR-LOG-ID: x", "X-Original-URL: /evil", "X-Rewrite-URL: /evil", "X_Forwarded_For: 6.6.6.6",
           "X-Request-Id: mine")


def told(request):
    """What the server learns of the client."""
    return {name.lower(): value for name, value in request.fields if name.lower().startswith(("x-", "forwarded"))}


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("headers", ["append", "replace", None])
def test_forwarding_fields(stage, headers, tls):
    way = Way(stage, tls=tls, headers=headers)
    client = way.client()
    seen, _ = way.ask(*SPOOFED, client=client)
    ip, port = client.local
    front = way.relay.address("web" if tls else "plain")
    scheme = "https" if tls else "http"
    event = way.relay.expect("request")
    assert told(seen) == {"x-forwarded-for": ip, "x-forwarded-proto": scheme, "x-forwarded-host": PUBLIC,
                          "x-forwarded-port": str(front[1]), "x-request-id": event["id"],
                          "forwarded": f'for="{ip}:{port}";by="{front[0]}:{front[1]}";host={PUBLIC};proto={scheme}'}


def test_forwarding_off(stage):
    seen, _ = Way(stage, headers="off").ask(*SPOOFED)
    assert not told(seen)


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_exactly_the_fields_of_arr(stage, tls):
    way = Way(stage, tls=tls, headers="arr")
    client = way.client()
    seen, _ = way.ask(*SPOOFED, target="/db/{x}?View|1", client=client)
    got = told(seen)
    ssl_field = got.pop("x-arr-ssl", None)
    assert re.fullmatch(GUID, got.pop("x-arr-log-id"))
    assert got == {"x-forwarded-for": "%s:%d" % client.local, "x-original-url": "/db/{x}?View|1"}
    assert (ssl_field is not None) == tls
    if tls:
        assert re.fullmatch(r"\d+\|\d+\|[^|]+\|[^|]+", ssl_field), ssl_field


@pytest.mark.parametrize("headers", ["append", "replace", "arr", "off"])
def test_a_trusted_proxy_is_believed(stage, headers):
    """And nobody else: a client from another address is not, with the same words."""
    proxy, other = stage.block[7], stage.block[8]
    way = Way(stage, headers=headers, trusted=[f"{proxy}/32"])
    words = ("X-Forwarded-For: 10.1.1.1, 10.1.1.2", "X-Forwarded-For: 10.1.1.3", "X-Forwarded-Proto: https",
             "X-Forwarded-Host: outer.example")
    client = way.client(bind=proxy)
    got = told(way.ask(*words, client=client)[0])
    own = "%s:%d" % client.local if headers == "arr" else proxy
    chain = {"append": f"10.1.1.1, 10.1.1.2, 10.1.1.3, {own}", "arr": f"10.1.1.1, 10.1.1.2, 10.1.1.3, {own}", "replace": proxy,
             "off": "10.1.1.3"}[headers]
    assert got["x-forwarded-for"] == chain
    assert got.get("x-forwarded-proto") == {"append": "https", "replace": "http", "arr": "https", "off": "https"}[headers]
    assert got.get("x-forwarded-host") == (PUBLIC if headers == "replace" else "outer.example")
    seen, _ = way.ask(*words, client=way.client(bind=other))
    assert "10.1.1" not in str(seen.fields) and "outer" not in str(seen.fields)


def test_ipv6_client(stage):
    server = stage.recorder()
    relay = stage.relay(web=[stage.site(server.text, plain=["[::1]:0"])])
    with stage.http(relay) as client:
        client.ask()
        port = client.local[1]
    got = told(server.requests[0])
    assert got["x-forwarded-for"] == "::1" and got["forwarded"].startswith(f'for="[::1]:{port}";by="[::1]:')


def test_connection_can_not_remove_what_we_say(stage):
    """Hop-by-hop abuse: refused, see http_corpus; here that a name which may be listed does not take ours along."""
    way = Way(stage, request_set=[{"name": "X-Site", "value": "north"}])
    seen, _ = way.ask("Connection: X-Site", "X-Site: evil")
    assert seen.get("X-Site") == "north"


@pytest.mark.parametrize("demand", ["optional", "required"])
def test_client_certificates(stage, demand):
    mine = pki_module.self_signed(stage.folder, "operator", "ec", "operator.example")
    way = Way(stage, tls=True, client_ca=mine["chain"], client_certificate=demand)
    spoofed = ("X-Client-Cert-Subject: CN=boss", "X-SSL-Client-S-DN: CN=boss", "X_Client_Cert_Verify: SUCCESS")
    context = ssl.create_default_context(cafile=stage.pki.ca)
    context.load_cert_chain(mine["chain"], mine["key"])
    raw = stage.connect(way.relay.address("web"))
    with http1.Talker(context.wrap_socket(raw.sock, server_hostname="127.0.0.1")) as client:
        seen, _ = way.ask(*spoofed, client=client)
    assert seen.get("X-Client-Cert-Verify") == "SUCCESS" and "operator.example" in seen.get("X-Client-Cert-Subject")
    assert re.fullmatch("[0-9A-Fa-f]{64}", seen.get("X-Client-Cert-Fingerprint")) and "boss" not in str(seen.fields)
    if demand == "optional":
        seen, _ = way.ask(*spoofed)
        assert (seen.get("X-Client-Cert-Verify"), seen.get("X-Client-Cert-Subject")) == ("NONE", "")
        assert "boss" not in str(seen.fields)
    else:
        with pytest.raises((ssl.SSLError, ConnectionError, http1.Truncated)):
            way.client().ask()
        assert way.relay.expect("refuse")["why"] == "cert_missing" and len(way.server.requests) == 1


# ---- Host and fields by configuration ----

def test_host_is_kept_or_rewritten(stage):
    assert Way(stage).ask(host="Site.Example:8443")[0].all("Host") == ["Site.Example:8443"]
    way = Way(stage, upstream={"host": "scada.internal"})
    seen, _ = way.ask(host="site.example:8443")
    assert seen.all("Host") == ["scada.internal"] and told(seen)["x-forwarded-host"] == "site.example:8443"


def test_fields_by_configuration(stage):
    way = Way(stage, lambda _: http1.response(200, "Server: IIS/10", "X-Powered-By: ASP.NET", "X-Frame-Options: ALLOWALL",
                                              "X-Keep: 1"),
              request_set=[{"name": "X-Site", "value": "north | {1}"}, {"name": "Accept-Encoding", "value": "identity"}],
              request_remove=["X-Debug"],
              response_set=[{"name": "X-Frame-Options", "value": "DENY"}], response_remove=["Server", "x-powered-by"])
    seen, answer = way.ask("x-site: south", "X-DEBUG: 1", "Accept-Encoding: gzip", "X-Keep: 2")
    assert (seen.all("X-Site"), seen.all("Accept-Encoding"), seen.all("X-Debug")) == (["north | {1}"], ["identity"], [])
    assert seen.get("X-Keep") == "2"
    assert answer.all("X-Frame-Options") == ["DENY"] and answer.get("X-Keep") == "1"
    assert answer.get("Server") is None and answer.get("X-Powered-By") is None


# ---- links back ----

def links(server, scheme):
    """(field, what the server says, what the client gets)"""
    back, public = f"http://{server}", f"{scheme}://{PUBLIC}"
    same = ("/x", "x/y?z", "../x", "https://elsewhere.example/x", "http://127.0.0.1.evil.example/x", f"http://user@{server}/x",
            "mailto:a@b", "", "//elsewhere.example/")
    rows = [("Location", text, text) for text in same]
    rows += [("Location", back + "/db/{x}|?View#top", public + "/db/{x}|?View#top"), ("Location", back, public),
             ("Location", f"HTTP://{server}/x", public + "/x"),
             ("Location", f"//{server}/x", f"//{PUBLIC}/x"), ("Location", back + "?q", public + "?q"),
             ("Content-Location", back + "/x", public + "/x"),
             ("Refresh", f"5; url={back}/x", f"5; url={public}/x"), ("Refresh", "5", "5"),
             ("Refresh", "0;URL='http://elsewhere/'", "0;URL='http://elsewhere/'"),
             ("X-Location", back + "/x", back + "/x"), ("Link", f"<{back}/x>; rel=next", f"<{back}/x>; rel=next")]
    return rows


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_links_lead_back_to_the_public_name(stage, tls):
    rows = []
    way = Way(stage, lambda message: http1.response(302, "%s: %s" % rows[int(message.target[1:])][:2]), tls=tls)
    rows += links(way.server.text, "https" if tls else "http")
    client = way.client()
    for number, (field, said, wanted) in enumerate(rows):
        _, answer = way.ask(target=f"/{number}", client=client)
        assert answer.get(field) == wanted, f"{field}: {said}"


def test_links_over_tls_do_not_fall_back_to_http(stage):
    """The server does not know of TLS, so it says http:// and the public name."""
    way = Way(stage, lambda _: http1.response(302, f"Location: http://{PUBLIC}/x"), tls=True)
    assert way.ask()[1].get("Location") == f"https://{PUBLIC}/x"


def test_links_are_kept_if_told_so(stage):
    way = Way(stage, lambda _: http1.response(302, f"Location: http://{way.server.text}/x", "Set-Cookie: a=b; Domain=127.0.0.1"),
              links="keep")
    _, answer = way.ask()
    assert answer.get("Location") == f"http://{way.server.text}/x" and answer.get("Set-Cookie") == "a=b; Domain=127.0.0.1"


# ---- cookies ----

COOKIE = "CLEARSCADAUSERID={3F25-04}; path=/"


@pytest.mark.parametrize("settings, tls, said, wanted", [
    ({}, True, COOKIE, COOKIE + "; Secure"),
    ({}, True, "a=b; secure", "a=b; secure"),
    ({}, False, COOKIE, COOKIE),
    ({"plain": ["127.0.0.1:0"]}, True, COOKIE, COOKIE),
    ({"plain": ["127.0.0.1:0"], "cookie_secure": "always"}, True, COOKIE, COOKIE + "; Secure"),
    ({"cookie_secure": "never"}, True, COOKIE, COOKIE),
    ({"cookie_secure": "never", "cookie_http_only": "add"}, True, COOKIE, COOKIE + "; HttpOnly"),
    ({"cookie_secure": "never", "cookie_http_only": "add"}, True, "a=b; HTTPONLY", "a=b; HTTPONLY"),
    ({"cookie_secure": "never", "cookie_same_site": "lax"}, True, COOKIE, COOKIE + "; SameSite=Lax"),
    ({"cookie_secure": "never", "cookie_same_site": "strict"}, True, "a=b; samesite=None; Secure", "a=b; samesite=None; Secure"),
    ({"cookie_secure": "always", "cookie_same_site": "none"}, True, COOKIE, COOKIE + "; Secure; SameSite=None"),
    ({"cookie_secure": "never"}, True, "a=b; Domain=127.0.0.1; Path=/x", "a=b; Path=/x"),
    ({"cookie_secure": "never"}, True, "a=b; Domain=site.example", "a=b; Domain=site.example"),
    ({}, True, "a=Secure HttpOnly", "a=Secure HttpOnly; Secure"),
])
def test_cookie_rules(stage, settings, tls, said, wanted):
    way = Way(stage, lambda _: http1.response(200, f"Set-Cookie: {said}", f"set-cookie: {said}"), tls=tls, **settings)
    assert way.ask()[1].all("Set-Cookie") == [wanted, wanted]


def test_hsts(stage):
    def answer(_):
        return http1.response(200, "Strict-Transport-Security: max-age=1")

    _, got = Way(stage, answer, tls=True, hsts=31536000).ask()
    assert [value.split(";")[0] for value in got.all("Strict-Transport-Security")] == ["max-age=31536000"]
    assert Way(stage, answer, hsts=0).ask()[1].get("Strict-Transport-Security") == "max-age=1"


def test_an_own_head_that_grows_too_large_is_the_clients_fault(stage):
    server = stage.upstream()
    relay = stage.relay(web=[stage.site(server.text)], workers=1)
    client = stage.http(relay)
    client.send(http1.request("GET", "/", "Connection: " + ", ".join(f"x-{i}" for i in range(40))))
    assert client.response().status == 431


def test_always_secure_also_without_tls(stage):
    server = stage.recorder(lambda _: http1.response(200, "Set-Cookie: a=1", body=b"x"))
    relay = stage.relay(web=[stage.site(server.text, cookie_secure="always", cookie_same_site="none")], workers=1)
    with stage.http(relay) as client:
        assert client.ask("GET", "/").get("Set-Cookie") == "a=1; Secure; SameSite=None"


@pytest.mark.parametrize("link", ["https://site.example/x", "http://site.example/x"])
def test_a_trusted_proxy_says_how_the_browser_came(stage, link):
    server = stage.recorder(lambda _: http1.response(302, f"Location: {link}"))
    relay = stage.relay(web=[stage.site(server.text, trusted=["127.0.0.0/8"])], workers=1)
    with stage.http(relay) as client:
        got = client.ask("GET", "/", "X-Forwarded-Proto: https", host="site.example")
        assert got.get("Location") == "https://site.example/x"
