# SPDX-License-Identifier: Apache-2.0
"""The strict proxy (mode "http") with real tools in front and a real nginx behind."""
import re
import subprocess

import build
import chromium
import http1
import pytest
from test_web import GIB, curl, sha256, write_random

DOORS = ("web", "plain")


@pytest.fixture
def door(stage):
    """nginx behind a front door that serves TLS and plain: (nginx, relay)."""
    site = stage.nginx()
    site.page("index.html", "<!doctype html><title>Plant</title><p>all is well</p>")
    return site, stage.relay(web=[stage.site(site.text, tls=True, plain=["127.0.0.1:0"])], limits={"per_client": 1000})


def url(relay, path="", purpose="web"):
    return f"{'https' if purpose == 'web' else 'http'}://{relay.address_text(purpose)}/{path}"


def run(*words, within=120):
    result = subprocess.run(words, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=within, check=False)
    assert result.returncode == 0, f"{words}: {result.stdout}{result.stderr}"
    return result.stdout


# ---- one request at a time ----

@pytest.mark.parametrize("purpose", DOORS)
def test_every_method(stage, door, purpose):
    _, relay = door
    for method in ("GET", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "PROPFIND", "REPORT", "MKCOL"):
        words = ("-X", method, "-d", "a=b") if method in ("POST", "PUT", "PATCH") else ("-X", method)
        assert curl(stage, "-g", *words, url(relay, "method?{x}|y%7c", purpose)) == f"{method} /method?{{x}}|y%7c"
    for method in ("TRACE", "CONNECT"):
        assert curl(stage, "-X", method, "-o", "/dev/null", "-w", "%{http_code}", url(relay, "method", purpose)) == "501"


@pytest.mark.parametrize("purpose", DOORS)
def test_head(stage, door, purpose):
    """The length is told, no body comes, and the connection serves another request."""
    site, relay = door
    site.page("large.html", b"x" * 100000)
    page = url(relay, "large.html", purpose)
    said = curl(stage, "-I", "-w", "%{http_code} %{size_download} %{num_connects}\n", page, page)
    assert said.count("200 0 1\n") == 1 and said.count("200 0 0\n") == 1 and said.count("Content-Length: 100000\r\n") == 2, said


def test_ranges(stage, door):
    site, relay = door
    data = bytes(range(256)) * 40
    site.page("data.bin", data)
    got = stage.folder / "got"
    assert curl(stage, "-r", "1000-1999", "-o", str(got), "-w", "%{http_code}", url(relay, "data.bin")) == "206"
    assert got.read_bytes() == data[1000:2000]
    assert "multipart/byteranges" in curl(stage, "-r", "0-9,5000-5009", "-o", str(got), "-w", "%{content_type}",
                                          url(relay, "data.bin"))
    assert data[5000:5010] in got.read_bytes()
    assert curl(stage, "-r", "99999-", "-o", "/dev/null", "-w", "%{http_code}", url(relay, "data.bin")) == "416"


def test_not_modified(stage, door):
    site, relay = door
    site.page("data.bin", b"x" * 1000)
    tag = re.search(r"(?i)etag: (\S+)", curl(stage, "-I", url(relay, "data.bin")))[1]
    page = url(relay, "data.bin")
    said = curl(stage, "-H", f"If-None-Match: {tag}", "-w", "%{http_code} %{num_connects}\n", page, page)
    assert said == "304 1\n304 0\n", said


@pytest.mark.parametrize("purpose", DOORS)
def test_upload_after_100_continue(stage, door, purpose):
    site, relay = door
    path = stage.folder / "up.bin"
    wanted = write_random(path, 3 << 20)
    result = subprocess.run(["curl", "-sv", "--cacert", stage.pki.ca, "-H", "Expect: 100-continue", "--expect100-timeout", "60",
                             "-T", str(path),
                             url(relay, "upload/up.bin", purpose)], capture_output=True, text=True, timeout=60, check=True)
    assert "HTTP/1.1 100 " in result.stderr and "HTTP/1.1 201 " in result.stderr, result.stderr
    assert sha256(site.site / "upload" / "up.bin") == wanted


@pytest.mark.parametrize("purpose", DOORS)
def test_chunked_upload(stage, door, purpose):
    site, relay = door
    path = stage.folder / "up.bin"
    wanted = write_random(path, 3 << 20)
    with open(path, "rb") as file:
        result = subprocess.run(["curl", "-sv", "--cacert", stage.pki.ca, "-T", "-", url(relay, "upload/up.bin", purpose)],
                                stdin=file,
                                capture_output=True, text=True, timeout=60, check=True)
    assert "Transfer-Encoding: chunked" in result.stderr and "HTTP/1.1 201 " in result.stderr, result.stderr
    assert sha256(site.site / "upload" / "up.bin") == wanted


def test_form(stage):
    """A logon is a small POST with cookies."""
    server = stage.recorder()
    relay = stage.relay(web=[stage.site(server.text, tls=True)])
    curl(stage, "-d", "user=op&password=x%7B", "-b", "CLEARSCADAUSERID={A}", url(relay, "logon"))
    logon = server.find("/logon")
    assert (logon.method, logon.body, logon.get("Cookie")) == ("POST", b"user=op&password=x%7B", "CLEARSCADAUSERID={A}")


# ---- connections ----

@pytest.mark.parametrize("purpose", DOORS)
def test_kept_connections(stage, purpose):
    """One client connection for three requests, and one connection to the server for all clients of a worker."""
    site = stage.nginx()
    relay = stage.relay(workers=1, web=[stage.site(site.text, tls=True, plain=["127.0.0.1:0"])])
    place = url(relay, "connection", purpose)
    said = curl(stage, "-w", " %{num_connects}\n", place, place, place)
    assert [line.split()[2] for line in said.splitlines()] == ["1", "0", "0"], said
    said += "".join(curl(stage, place) + "\n" for _ in range(5))
    assert len({line.split()[0] for line in said.splitlines()}) == 1, f"more than one connection to the server:\n{said}"
    assert [int(line.split()[1]) for line in said.splitlines()] == list(range(1, 9))


def test_http_1_0_client(stage, door):
    _, relay = door
    page = url(relay)
    said = curl(stage, "-0", "-i", page)
    assert said.startswith("HTTP/1.1 200 ") and "all is well" in said and "connection: close" in said.lower(), said
    said = curl(stage, "-0", "-H", "Connection: keep-alive", "-i", "-w", "%{num_connects}\n", page, page)
    assert said.lower().count("connection: keep-alive") == 2 and said.endswith("0\n"), said


def test_http_1_0_client_gets_chunks_without_chunks(stage):
    def answer(message):
        return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + http1.chunked(b"hello ", b"world", trailers=["X-Sum: 1"])

    server = stage.recorder(answer)
    relay = stage.relay(web=[stage.site(server.text)])
    with stage.http(relay) as client:
        client.send(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        got = client.response()
        assert got.body == b"hello world" and got.get("Transfer-Encoding") is None and got.get("Content-Length") is None
        assert got.get("Connection") == "close"
    assert server.find("/").get("Host"), "HTTP/1.1 wants a Host"
    assert stage.http(relay).ask().trailers == [("X-Sum", "1")]


# ---- much ----

@pytest.mark.parametrize("purpose", DOORS)
@pytest.mark.parametrize("size", [64 << 20, pytest.param(GIB, marks=pytest.mark.slow)], ids=["64MiB", "1GiB"])
def test_large_files(stage, door, size, purpose):
    site, relay = door
    path, got = site.page("large.bin", b""), stage.folder / "got.bin"
    wanted = write_random(path, stage.size(size))
    curl(stage, "-o", str(got), url(relay, "large.bin", purpose), within=400)
    assert sha256(got) == wanted
    got.unlink()
    assert curl(stage, "-o", "/dev/null", "-w", "%{http_code}", "-T", str(path), url(relay, "upload/large.bin", purpose),
                within=400) == "201"
    assert sha256(site.site / "upload" / "large.bin") == wanted
    (site.site / "upload" / "large.bin").unlink()
    path.unlink()


@pytest.mark.tsan
@pytest.mark.parametrize("purpose", DOORS)
def test_wrk(stage, door, purpose):
    """200 connections, not one error, and few connections to the server."""
    _, relay = door
    said = run("wrk", "-t", "2", "-c", "200", "-d", "4s", "--timeout", "20s", url(relay, "", purpose))
    assert "Socket errors" not in said and "Non-2xx" not in said, said
    count = int(re.search(r"(\d+) requests in", said)[1])
    assert count > 200, said
    connections = int(curl(stage, url(relay, "connection", purpose)).split()[0])
    assert connections < count / 2 + 400, f"{connections} connections to the server for {count} requests"
    assert not [event for event in relay.events("request") if event["status"] not in ("200", "0")]  # 0: wrk left in the middle
    relay.wait_counts({"sessions": 0})


@pytest.mark.parametrize("keep", [(), ("-k",)], ids=["one", "kept"])
@pytest.mark.parametrize("purpose", DOORS)
def test_ab(stage, door, purpose, keep):
    _, relay = door
    count = stage.size(4000)
    said = run("ab", "-q", *keep, "-n", str(count), "-c", "50", url(relay, "", purpose))
    assert re.search(rf"Complete requests: +{count}\n", said) and re.search(r"Failed requests: +0\n", said), said
    assert "Non-2xx" not in said and "Write errors" not in said, said
    assert bool(keep) == bool(re.search(rf"Keep-Alive requests: +{count}\n", said)), said


# ---- a browser ----

def test_chromium_loads_a_page_of_100_resources(stage, door):
    site, relay = door
    parts = []
    for number in range(34):
        site.page(f"r/{number}.js", "count();")
        site.page(f"r/{number}.css", f".c{number} {{ color: red }}")
        site.page(f"r/{number}.svg", '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>')
        parts += [f'<script src="r/{number}.js"></script>', f'<link rel="stylesheet" href="r/{number}.css" onload="count()">',
                  f'<img src="r/{number}.svg" onload="count()">']
    site.page("parts.html", "<!doctype html><script>n = 0; function count() { n++ }</script>" + "".join(parts[:100]) +
              "<p id=n></p><script>onload = () => { document.getElementById('n').textContent = n + ' of 100' }</script>")
    chromium.Chromium(stage, url(relay, "parts.html")).expect_text("100 of 100")
    served = [event for event in relay.events("request", status=200) if event["path"].startswith("/r/")]
    assert len(served) == 100


GUIDS = ("{3F2504E0-4F89-11D3-9A0C-0305E82C3301}", "{0B1C2D3E-4F5A-6B7C-8D9E-0F1A2B3C4D5E}")


def logon_site(message):
    if message.target == "/":
        return http1.response(200, "Content-Type: text/html",
                              body='<form method="post" action="/logon"><input name="user" value="op">'
                              '<input name="password" value="secret|{}"></form><script>document.forms[0].submit()</script>')
    if message.target == "/logon":
        names = ("CLEARSCADAUSERID", "CLEARSCADASECUREUSERID")
        cookies = [f"Set-Cookie: {name}={guid}; path=/" for name, guid in zip(names, GUIDS)]
        return http1.response(302, *cookies, "Location: /db/Plant.Area {1}?View")
    return http1.response(200, "Content-Type: text/html", body="<p>logged on</p>")


def test_chromium_logs_on_with_a_form(stage):
    """The cookies' braces come back to the server as it has set them."""
    server = stage.recorder(logon_site)
    relay = stage.relay(web=[stage.site(server.text, tls=True)])
    chromium.Chromium(stage, url(relay))
    within = 60 * build.patience()
    server.wait(lambda one: any(target.startswith("/db/") for target in one.targets()), within, "the page behind the logon")
    logon, page = server.find("/logon"), [one for one in server.requests if one.target.startswith("/db/")][0]
    assert logon.method == "POST" and logon.text == "user=op&password=secret%7C%7B%7D"
    assert page.get("Cookie") == f"CLEARSCADAUSERID={GUIDS[0]}; CLEARSCADASECUREUSERID={GUIDS[1]}"
    relay.expect("request", path=page.target.split("?")[0])
    everything = "\n".join(" ".join(map(str, event.values())) for event in relay.lines)
    assert "secret" not in everything and "3F2504E0" not in everything and "?View" not in everything
