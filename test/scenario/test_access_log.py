# SPDX-License-Identifier: Apache-2.0
"""The access log: one line for each request, in the log or in a file of its own; and what must never be in it."""
import json
import os
import pathlib
import re
import signal
import subprocess

import build
import http1
import libconfig
import peers
import pytest
import relay as relay_module
from program import wait_for

FORMATS = ("log", "logfmt", "json", "w3c")
LONG = 3072  # the most that a path or a query takes in a line
SECRETS = ("cookie-of-mine", "password-of-mine", "body-of-mine", "query-of-mine", "cookie-of-the-server", "page-of-the-server")


class Site:
    """A server that records, behind a front door whose requests are logged in one of FORMATS."""

    def __init__(self, stage, form="log", answer=http1.echo_target, file=None, prefix=(), **access):
        self.stage, self.form = stage, form
        self.file = pathlib.Path(file or stage.folder / "access.log")
        own = {} if form == "log" else {"file": str(self.file), "format": form}
        self.upstream = stage.recorder(answer)
        self.relay = stage.relay(web=[stage.site(self.upstream.text)], access={**own, **access}, prefix=prefix)

    def client(self):
        return self.stage.http(self.relay)

    def stop(self, *clients):
        """The whole log is there after it."""
        for client in clients:
            client.close()
        self.relay.stop()

    def text(self):
        """Everything that was logged: the log, and the file if there is one."""
        return self.relay.tail(10000) + "\n" + (self.file.read_text("ascii") if self.file.is_file() else "")

    def lines(self, count, file=None):
        """The file's lines, when there are so many."""
        file = file or self.file
        wait_for(lambda: file.is_file() and file.read_bytes().count(b"\n") >= count)
        lines = file.read_text("ascii").split("\n")
        assert lines.pop() == "" and len(lines) == count, lines
        return lines

    def requests(self, count):
        """The lines of so many requests as dicts, whatever their form; W3C's have its names for the keys."""
        if self.form == "log":
            wait_for(lambda: len(self.relay.events("request")) >= count)
            return self.relay.events("request")
        if self.form == "w3c":
            lines = self.lines(4 + count)
            names = lines[3].removeprefix("#Fields: ").split(" ")
            rows = [line.split(" ") for line in lines[4:]]
            assert all(len(row) == len(names) for row in rows), rows
            return [dict(zip(names, row)) for row in rows]
        parse = json.loads if self.form == "json" else relay_module.parse
        return [parse(line) for line in self.lines(count)]


# ---- what a line holds ----

@pytest.mark.parametrize("form", ("log", "logfmt", "json"))
def test_fields(stage, form):
    site = Site(stage, form)
    client = site.client()
    assert client.ask("POST", "/db/Main%20Plant/a?b=c", body=b"12345", host="Scada.example:8443").status == 200
    [line] = site.requests(1)
    said = len(http1.echo_target(site.upstream.requests[0]).split(b"\r\n\r\n", 1)[1])
    assert list(line)[:9] == ["ts", "level", "ev", "id", "name", "client", "method", "host", "path"], line
    assert re.fullmatch(r"[0-9a-f]{32}", line["id"]), line
    assert (line["name"], line["method"], line["host"], line["path"]) == ("main", "POST", "Scada.example:8443", "/db/Main%20Plant/a")
    assert line["client"] == "%s:%d" % client.local, line
    assert [str(line[key]) for key in ("status", "up", "down")] == ["200", "5", str(said)], line
    assert line["upstream"] == site.upstream.text and line["why"] == "served", line
    assert int(line["first_ms"]) <= int(line["ms"]) < 15000, line
    assert "query" not in line and "fault" not in line and "cut" not in line, line


def test_fields_of_w3c(stage):
    site = Site(stage, "w3c")
    client = site.client()
    answer = client.ask("POST", "/db/Main%20Plant/a?b=c", "User-Agent: Mozilla/5.0 (Windows)", "Referer: http://site.example/from?d=e",
                        body=b"12345")
    [line] = site.requests(1)
    software, version, date = site.lines(5)[:3]
    assert software.startswith("#Software: georelay ") and version == "#Version: 1.0"
    assert re.fullmatch(r"#Date: \d{4}-\d\d-\d\d \d\d:\d\d:\d\d", date)
    assert f"{line['s-ip']}:{line['s-port']}" == site.relay.address_text("plain") and line["c-ip"] == client.local[0], line
    assert line["cs-method"] == "POST" and line["cs-uri-stem"] == "/db/Main%20Plant/a" and line["cs-uri-query"] == "-", line
    assert line["cs(User-Agent)"] == "Mozilla/5.0+(Windows)" and line["cs(Referer)"] == "http://site.example/from", line
    assert line["sc-status"] == "200" and line["cs-bytes"] == "5" and int(line["sc-bytes"]) == answer.length, line
    assert line["x-upstream"] == site.upstream.text and line["x-reason"] == "served", line
    assert re.fullmatch(r"\d\d:\d\d:\d\d", line["time"]) and int(line["x-time-first"]) <= int(line["time-taken"]), line


@pytest.mark.parametrize("form", FORMATS)
def test_own_answers(stage, form):
    """What was refused is logged too, as far as it was understood."""
    site = Site(stage, form)
    for bad in (b"GET /a HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", b"nonsense\r\n\r\n"):
        client = site.client()
        client.send(bad)
        assert client.response().status == 400
        client.expect_gone()
    assert site.client().ask("TRACE", "/a").status == 501
    lines = site.requests(3)
    assert [str(line["sc-status" if form == "w3c" else "status"]) for line in lines] == ["400", "400", "501"], lines
    if form != "w3c":
        assert all(line["why"] == "bad_request" and line["fault"] and "upstream" not in line for line in lines), lines


@pytest.mark.parametrize("form", FORMATS)
def test_requests_of_one_connection(stage, form):
    """One line each, in their order, with ids of their own."""
    site = Site(stage, form)
    client = site.client()
    for number in range(5):
        client.ask("GET", f"/{number}")
    lines = site.requests(5)
    path, name = ("cs-uri-stem", "x-request-id") if form == "w3c" else ("path", "id")
    assert [line[path] for line in lines] == [f"/{number}" for number in range(5)]
    assert len({line[name] for line in lines}) == 5


def test_lines_off(stage):
    site = Site(stage, "json", lines="off")
    client = site.client()
    assert client.ask().status == 200
    site.stop(client)
    assert not site.file.exists() and not site.relay.events("request")


# ---- what a line never holds ----

def answer_with_secrets(message):
    return http1.response(200, "Set-Cookie: sid=cookie-of-the-server", body="page-of-the-server")


@pytest.mark.parametrize("form", FORMATS)
def test_no_secrets(stage, form):
    site = Site(stage, form, answer_with_secrets)
    client = site.client()
    answer = client.ask("POST", "/a?token=query-of-mine", "Cookie: sid=cookie-of-mine", "Authorization: Basic password-of-mine",
                        "Referer: http://site.example/b?token=query-of-mine", body=b"body-of-mine")
    assert answer.get("Set-Cookie") == "sid=cookie-of-the-server"
    site.requests(1)
    site.stop(client)
    assert not [word for word in SECRETS if word in site.text()]


@pytest.mark.parametrize("form", FORMATS)
def test_query_if_wanted(stage, form):
    site = Site(stage, form, query="on")
    client = site.client()
    client.ask("GET", "/a?b=c&d=%20e", "Referer: http://site.example/b?f")
    client.ask("GET", "/without")
    first, second = site.requests(2)
    if form == "w3c":
        assert first["cs-uri-query"] == "b=c&d=%20e" and second["cs-uri-query"] == "-", first
        assert first["cs(Referer)"] == "http://site.example/b?f", first
    else:
        assert first["query"] == "b=c&d=%20e" and "query" not in second, first


@pytest.mark.parametrize("form", FORMATS)
def test_peers_forge_nothing(stage, form):
    """Whatever a client puts into its request: one line of printable ASCII, and its fields are where they belong."""
    site = Site(stage, form, query="on")
    client = site.client()
    forged = "x ev=close why=served \t\"},{\"ev\":\"a\\"
    targets = ("/a%0d%0ats=1%20ev=close", "/a=b?c=d&ev=close", "/a'b;c|d{e}", "/a\"b\\c", "/\xe9?\xff", "/a?b\x7fc")
    statuses = []
    for target in targets:
        client.send(http1.request("GET", target, f"User-Agent: {forged}", "Referer: \xe9 # " + forged))
        statuses.append(client.response().status)
        if statuses[-1] == 400:
            client = site.client()
    assert statuses[:3] == [200] * 3 and set(statuses) <= {200, 400}, statuses
    lines = site.requests(len(targets))
    assert [str(line["sc-status" if form == "w3c" else "status"]) for line in lines] == [str(status) for status in statuses]
    if form == "w3c":
        assert all(re.fullmatch(r"[!-~]+", text) for line in lines for text in line.values()), lines
        assert lines[0]["cs(User-Agent)"].startswith("x+ev=close+why=served+%09"), lines[0]
    else:
        assert lines[0]["path"] == "/a%0d%0ats=1%20ev=close" and lines[1]["query"] == "c=d&ev=close", lines
        assert all(line["ev"] == "request" and line["why"] in ("served", "bad_request") for line in lines), lines


@pytest.mark.parametrize("form", FORMATS)
def test_long_addresses_are_cut(stage, form):
    """Neither is a line split, nor does another field go missing."""
    site = Site(stage, form, query="on")
    target, host = "/" + "p=" * 3500 + "?" + "q" * 16000, "h" * 245 + ".example:8080"
    assert site.client().ask("GET", target, "User-Agent: " + "u" * 5000, host=host).status == 200
    [line] = site.requests(1)
    path, query = (line["cs-uri-stem"], line["cs-uri-query"]) if form == "w3c" else (line["path"], line["query"])
    assert path.startswith("/p=p=") and path.endswith("...") and LONG - 4 <= len(path) <= LONG, len(path)
    assert query.startswith("qqq") and query.endswith("...") and LONG - 4 <= len(query) <= LONG, len(query)
    if form != "w3c":
        assert line["why"] == "served" and "cut" not in line and line["host"].endswith("..."), line


# ---- the file ----

@pytest.mark.parametrize("form", ("logfmt", "json", "w3c"))
def test_rotation(stage, form):
    site = Site(stage, form)
    head = 4 if form == "w3c" else 0
    old = stage.folder / "access.log.1"
    client = site.client()
    client.ask("GET", "/before")
    site.lines(head + 1)
    site.file.rename(old)
    client.ask("GET", "/between")
    site.lines(head + 2, old)
    site.relay.signal(signal.SIGHUP)
    site.relay.expect("access_log_reopened", level="info")
    client.ask("GET", "/after")
    assert "/after" in site.lines(head + 1)[-1]
    assert [word in old.read_text() for word in ("/before", "/between", "/after")] == [True, True, False]
    assert site.file.stat().st_mode & 0o777 == 0o640


def test_w3c_head_is_not_repeated(stage):
    """A second start appends to the same file."""
    site = Site(stage, "w3c")
    client = site.client()
    client.ask("GET", "/first")
    site.stop(client)
    site.relay.restart()
    site.client().ask("GET", "/second")
    assert [line["cs-uri-stem"] for line in site.requests(2)] == ["/first", "/second"]


def test_rotation_that_fails(stage):
    """The old file stays in use, and the log says why."""
    site = Site(stage, "logfmt")
    old = stage.folder / "access.log.1"
    site.file.rename(old)
    site.file.mkdir()
    site.relay.signal(signal.SIGHUP)
    site.relay.expect("access_log_reopened", level="error", error="Is a directory")
    site.client().ask("GET", "/a")
    site.lines(1, old)


@pytest.mark.parametrize("form", ("logfmt", "w3c"))
def test_device_without_room(stage, form):
    """Requests do not notice. The log says it once, not for each."""
    site = Site(stage, form, file="/dev/full")
    client = site.client()
    for _ in range(200):
        assert client.ask().status == 200
    site.relay.expect("access_log_failed", level="warn", error="No space left on device")
    site.stop(client)
    assert len(site.relay.events("access_log_failed")) == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a file system of 64 KiB, which needs root")
@pytest.mark.parametrize("form", ("json", "w3c"))
def test_full_disk(stage, form):
    """A disk of its own, seen by the relay alone. When there is room again, the file says how many lines are missing."""
    disk = stage.folder / "disk"
    disk.mkdir()
    mount = f'mount -t tmpfs -o size=64k none "{disk}" && exec "$@"'
    site = Site(stage, form, file=disk / "access.log", prefix=("unshare", "-m", "sh", "-c", mount, "sh"))
    seen = pathlib.Path(f"/proc/{site.relay.pid}/root{disk}/access.log")
    client = site.client()
    for number in range(1000):
        assert client.ask("GET", f"/{number}").status == 200
    site.relay.expect("access_log_failed", error="No space left on device")
    before = seen.read_bytes()
    assert len(before) == 65536
    os.truncate(seen, 0)
    told = b"#Remark: log_dropped lines=" if form == "w3c" else b'"ev":"log_dropped","lines":'
    wait_for(lambda: told in seen.read_bytes())
    lost = int(re.search(told + rb"(\d+)", seen.read_bytes())[1])
    assert client.ask("GET", "/afterwards").status == 200
    wait_for(lambda: b"/afterwards" in seen.read_bytes())
    after = seen.read_bytes()
    assert after.startswith(b"#Software" if form == "w3c" else b"{")
    request = b'"ev":"request"' if form == "json" else b" GET "
    assert before[:before.rindex(b"\n")].count(request) + lost + after.count(request) == 1001


def test_file_that_can_not_be_opened(stage):
    """A FIFO that nobody reads. The start fails, with file, line and remedy."""
    fifo = stage.folder / "fifo"
    os.mkfifo(fifo)
    config = stage.folder / "it.conf"
    config.write_text(libconfig.settings({"role": "relay", "web": [stage.site("127.0.0.1:9")], "access": {"file": str(fifo)}}))
    result = subprocess.run([build.georelay(), "run", "-c", config], capture_output=True, text=True, timeout=60, check=False)
    line = config.read_text().split("\n").index(f'  file = "{fifo}";') + 1
    assert result.returncode == 1
    assert result.stderr.startswith(f"{config}:{line}: The access log file {fifo} can't be written: "), result.stderr
    assert "Make its folder, or mend its rights" in result.stderr and "nothing was started" in result.stderr, result.stderr


@pytest.mark.tsan
def test_many_at_once(stage):
    """Lines of several workers do not mix, and none is lost."""
    site = Site(stage, "json")
    host, port = site.relay.address("plain")
    clients = [peers.Task(lambda: [http1.connect((host, port)).ask("GET", "/a").status for _ in range(50)]) for _ in range(8)]
    assert all(client.done(60) == [200] * 50 for client in clients)
    lines = site.requests(400)
    assert {line["path"] for line in lines} == {"/a"} and len({line["id"] for line in lines}) == 400
