# SPDX-License-Identifier: Apache-2.0
"""geosim against itself: does it see what it says it sees? The program is that of the build folder, or GEOSIM."""
import http.client
import itertools
import json
import os
import pathlib
import random
import re
import signal
import socket
import subprocess
import threading
import time
import zlib

import pytest

from meddler import ACK, ALARM, ANSWER, REQUEST, Meddler

ROOT = pathlib.Path(__file__).resolve().parents[2]
GEOSIM = os.environ.get("GEOSIM") or str(ROOT / os.environ.get("GEORELAY_BUILD", "build") / "test/sim/geosim")
NETWORK = f"127.{random.randrange(64, 250)}"
numbers = itertools.count(1)


def new_ip(room=1):
    """A loopback address that nobody else uses, with `room` - 1 more behind it."""
    first = next(numbers)
    for _ in range(room - 1):
        next(numbers)
    return f"{NETWORK}.{first // 250}.{first % 250 + 1}"


class Sim:
    """One running geosim; its lines of output as they come."""

    def __init__(self, *args):
        self.lines, self.news = [], threading.Condition()
        self.process = subprocess.Popen([GEOSIM, *map(str, args)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            with self.news:
                self.lines.append(line.rstrip("\n"))
                self.news.notify_all()

    def wait_line(self, pattern, seconds=20):
        def find():
            return next((m for m in (re.search(pattern, line) for line in self.lines) if m), None)
        with self.news:
            assert self.news.wait_for(find, seconds), f"no line like {pattern}: {self.lines}"
            return find()

    def wait(self, seconds=60):
        """Wait for the end. Returns the exit code and the final numbers."""
        code = self.process.wait(seconds)
        stderr = self.process.stderr.read()
        assert "Sanitizer" not in stderr and "runtime error" not in stderr, stderr
        final = self.wait_line(r"^final \w+ (.*)").group(1)
        return code, {key: int(value) for key, value in (pair.split("=") for pair in final.split())}

    def stop(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        return self.wait() if how == signal.SIGTERM else self.process.wait(10)

    def address(self, name="listen"):
        host, port = self.wait_line(rf"^ready .*\b{name}=(\S+)").group(1).rsplit(":", 1)
        return host, int(port)


@pytest.fixture
def sims():
    running = []

    def start(*args):
        running.append(Sim(*args))
        return running[-1]
    yield start
    for sim in running:
        if sim.process.poll() is None:
            sim.process.kill()
        sim.process.wait()


@pytest.fixture
def meddlers():
    made = []

    def make(*args):
        made.append(Meddler(*args))
        return made[-1]
    yield make
    for meddler in made:
        meddler.close()


def spell(address):
    return f"{address[0]}:{address[1]}"


def pair(sims, server=(), client=(), seconds=60):
    """A server and a client; both ends' results when the client has ended."""
    s = sims("server", "--listen", f"{new_ip()}:0", *server)
    c = sims("client", "--server", spell(s.address()), "--bind", new_ip(), *client)
    result = c.wait(seconds)
    return result, s.stop()


def test_all_verified(sims, tmp_path):
    report = tmp_path / "client.json"
    (code, c), (server_code, s) = pair(sims, ("--alarms-per-second", "max", "--alarms", 20000),
                                       ("--alarms", 20000, "--requests", 500, "--requests-per-second", "max", "--links", 20,
                                        "--report", report, "--per-client", "--strict"))
    assert (code, server_code) == (0, 0)
    assert c["alarms"] == s["alarms"] == s["acked"] == 20000 and s["unacked"] == 0
    assert c["answers"] == s["requests"] == 500 and c["p50_us"] > 0 and c["connected"] == 1
    assert s["link_accepts"] == s["link_ends"] == 20 and s["dials"] == 1
    written = json.loads(report.read_text())
    assert written["alarms"] == 20000 and written["each"][0]["port"] == 5500


def test_modern_needs_no_dial(sims):
    (code, c), (_, s) = pair(sims, ("--alarms-per-second", "max", "--alarms", 2000), ("--alarms", 2000, "--modern"))
    assert code == 0 and c["alarms"] == 2000 and s["dials"] == 0 and c["advise_accepts"] == 0


def test_big_payloads(sims):
    (code, c), (server_code, s) = pair(sims, (), ("--requests", 64, "--requests-per-second", "max", "--request-bytes", 1048576,
                                                   "--answer-bytes", 1048577, "--links", 2, "--modern"))
    assert (code, server_code) == (0, 0)
    assert s["request_bytes"] == 64 * 1048576 and c["answer_bytes"] == 64 * 1048577


def test_ipv6(sims):
    s = sims("server", "--listen", "[::1]:0", "--alarms-per-second", 200)
    c = sims("client", "--server", spell(s.address()), "--bind", "::1", "--alarms", 20)
    assert c.wait()[0] == 0


def test_two_thousand_clients(sims):
    s = sims("server", "--listen", f"{new_ip()}:0", "--alarms-per-second", 10, "--alarms", 10)
    fds = f"/proc/{s.process.pid}/fd"
    s.address()
    at_rest = len(os.listdir(fds))
    c = sims("client", "--server", spell(s.address()), "--bind", f"{NETWORK}.100.1", "--clients", 2000, "--links", 3, "--alarms", 10,
             "--start-rate", 2000)
    c.wait_line(r"^connected clients=2000", 50)
    assert len(os.listdir(fds)) == at_rest + 2000 * 4
    code, numbers_seen = c.wait(90)
    assert code == 0 and numbers_seen["not_connected"] == 0
    assert numbers_seen["alarms"] == 20000 and numbers_seen["alarms_min"] == numbers_seen["alarms_max"] == 10
    deadline = time.monotonic() + 10
    while len(os.listdir(fds)) != at_rest and time.monotonic() < deadline:
        time.sleep(0.05)
    assert len(os.listdir(fds)) == at_rest
    assert s.stop()[0] == 0


def test_port_range(sims):
    """The first free port of the range; any other when all are taken."""
    taken = new_ip()
    holders = [socket.create_server((taken, port)) for port in (5500, 5501)]
    s = sims("server", "--listen", f"{new_ip()}:0", "--alarms-per-second", 100)
    one = sims("client", "--server", spell(s.address()), "--bind", taken, "--ports", "5500-5502", "--alarms", 5)
    assert one.address()[1] == 5502
    other = sims("client", "--server", spell(s.address()), "--bind", taken, "--ports", "5500-5501", "--alarms", 5)
    assert other.address()[1] not in (5500, 5501)
    assert one.wait()[0] == other.wait()[0] == 0
    for holder in holders:
        holder.close()


class Between:
    """A client whose link and advise both pass a meddler; the server dials the announced address, which is a meddler's."""

    def __init__(self, sims, meddlers, link=None, advise=None, server=(), client=()):
        announced, home = new_ip(), new_ip()
        self.server = sims("server", "--listen", f"{new_ip()}:0", "--dial", "announced", "--retry-ms", 50, *server)
        self.link = meddlers((new_ip(), 0), self.server.address(), link)
        self.advise = meddlers((announced, 5500), (home, 5500), advise)
        self.client = sims("client", "--server", spell(self.link.address), "--bind", home, "--announce-address", announced, *client)


ALARMS = ("--alarms-per-second", "max", "--alarms", 100)


def test_meddler_that_changes_nothing(sims, meddlers):
    """The control for the tests below: without a change all is well."""
    def keep(_, m):
        return [m.raw]
    b = Between(sims, meddlers, keep, keep, ALARMS, ("--alarms", 100, "--requests", 20, "--requests-per-second", "max"))
    code, c = b.client.wait()
    assert code == 0 and c["alarms"] == 100 and c["answers"] == 20 and b.server.stop()[0] == 0


def change_alarm(number, change):
    def look(_, m):
        return change(m) if m.type == ALARM and m.sequence == number and m.flags == 0 else [m.raw]
    return look


def broken_byte(at):
    def change(m):
        m.raw[at] ^= 0x10
        return [m.raw]
    return change


def resealed_payload(m):
    m.raw[-1] ^= 1
    m.seal()
    return [m.raw]


def other_application(m):
    m.raw[16] ^= 1
    m.seal()
    return [m.raw]


@pytest.mark.parametrize("change, counter", [
    (broken_byte(-1), "corrupt"),
    (broken_byte(66), "corrupt"),
    (broken_byte(40), "corrupt"),
    (resealed_payload, "corrupt"),
    (other_application, "corrupt"),
    (lambda m: [m.raw, m.raw], "duplicated"),
    (lambda m: [], "lost"),
])
def test_one_changed_alarm(sims, meddlers, change, counter):
    b = Between(sims, meddlers, None, change_alarm(50, change), ALARMS, ("--seconds", 1, "--drain-ms", 300))
    code, c = b.client.wait()
    assert code == 1 and c[counter] == 1


def test_swapped_alarms(sims, meddlers):
    held = []

    def swap(_, m):
        if m.type == ALARM and m.sequence == 50:
            held.append(m.raw)
            return []
        return [m.raw, held.pop()] if held else [m.raw]
    b = Between(sims, meddlers, None, swap, ALARMS, ("--alarms", 100))
    code, c = b.client.wait()
    assert code == 1 and c["reordered"] == 1 and c["lost"] == 0


def test_foreign_alarm(sims, meddlers):
    """Two clients of one server; one alarm of the first goes to the second."""
    stolen = []

    def steal(_, m):
        if m.type == ALARM and m.sequence == 3:
            stolen.append(m.raw)
        return [m.raw]

    def slip_in(_, m):
        return [m.raw, stolen.pop()] if m.type == ALARM and stolen else [m.raw]
    slow = ("--alarms-per-second", 50)
    one = Between(sims, meddlers, None, steal, slow, ("--name", "one", "--alarms", 30))
    two = Between(sims, meddlers, None, slip_in, slow, ("--name", "two", "--alarms", 60))
    code, c = two.client.wait()
    assert code == 1 and c["foreign"] == 1
    assert one.client.wait()[0] == 0


@pytest.mark.parametrize("kind, where, counter", [(ANSWER, "client", "corrupt"), (REQUEST, "server", "corrupt")])
def test_broken_byte_on_the_link(sims, meddlers, kind, where, counter):
    done = []

    def flip(_, m):
        if m.type == kind and m.sequence == 3 and not done:
            done.append(m)
            m.raw[-1] ^= 4
        return [m.raw]
    b = Between(sims, meddlers, flip, None, (), ("--links", 1, "--requests", 10, "--requests-per-second", "max", "--seconds", 1,
                                                 "--drain-ms", 500))
    code, c = b.client.wait()
    server_code, s = b.server.stop()
    assert (c if where == "client" else s)[counter] == 1
    assert (code if where == "client" else server_code) == 1


@pytest.mark.parametrize("kind", [REQUEST, ANSWER])
@pytest.mark.parametrize("copies", [0, 2])
def test_lost_or_doubled_on_the_link(sims, meddlers, kind, copies):
    done = []

    def change(_, m):
        if m.type == kind and m.sequence == 3 and not done:
            done.append(m)
            return [m.raw] * copies
        return [m.raw]
    b = Between(sims, meddlers, change, None, (), ("--links", 1, "--requests", 10, "--requests-per-second", "max", "--seconds", 1,
                                                   "--drain-ms", 500))
    code, c = b.client.wait()
    server_code, s = b.server.stop()
    assert code == 1 or server_code == 1
    assert s["reordered"] >= 1 if kind == REQUEST else c["errors"] >= 1


def test_broken_advise_is_dialled_again(sims, meddlers):
    """Alarms that were under way come again, flagged; nothing is lost. Acknowledgements are held back so that some must."""
    def no_acks(_, m):
        return [] if m.type == ACK else [m.raw]
    b = Between(sims, meddlers, None, no_acks, ("--alarms-per-second", 200), ("--speak-last", "--alarms", 300))
    time.sleep(0.5)
    b.advise.kill()
    code, c = b.client.wait()
    _, s = b.server.stop()
    assert code == 0 and c["advise_accepts"] >= 2 and c["resent"] > 0 and s["resent"] > 0
    assert c["advise_resets"] + c["advise_ends"] >= 1


def test_strict_takes_a_break_for_an_error(sims, meddlers):
    b = Between(sims, meddlers, None, None, ("--alarms-per-second", 100), ("--strict", "--alarms", 100))
    time.sleep(0.3)
    b.link.kill()
    code, c = b.client.wait()
    assert code == 1 and c["link_ends"] + c["link_resets"] > 0 and c["lost"] == 0


def test_no_reconnect(sims, meddlers):
    """All links are opened once; broken ones stay down."""
    b = Between(sims, meddlers, None, None, ("--alarms-per-second", 100), ("--no-reconnect", "--seconds", 2, "--drain-ms", 100))
    b.client.wait_line(r"^connected")
    b.link.kill()
    code, c = b.client.wait()
    _, s = b.server.stop()
    assert code == 1 and c["not_connected"] == 1 and c["links"] == 0 and s["link_accepts"] == 5


def test_server_restart(sims):
    at = f"{new_ip()}:5481"
    first = sims("server", "--listen", at, "--alarms-per-second", 100)
    first.address()
    c = sims("client", "--server", at, "--bind", new_ip(), "--seconds", 3, "--every", 1)
    c.wait_line(r"^connected")
    time.sleep(0.5)
    first.stop(signal.SIGKILL)
    second = sims("server", "--listen", at, "--alarms-per-second", 100)
    code, seen = c.wait()
    assert code == 0 and seen["server_restarts"] == 1 and seen["connected"] == 1 and seen["link_ends"] + seen["link_resets"] >= 5
    c.wait_line(r"^client ms=")
    assert second.stop()[0] == 0


def test_no_server(sims):
    c = sims("client", "--server", f"{new_ip()}:5481", "--bind", new_ip(), "--seconds", 1, "--drain-ms", 100)
    code, seen = c.wait()
    assert code == 1 and seen["not_connected"] == 1 and seen["link_refused"] >= 2


def test_signal_ends_cleanly(sims):
    s = sims("server", "--listen", f"{new_ip()}:0", "--alarms-per-second", 500)
    c = sims("client", "--server", spell(s.address()), "--bind", new_ip())
    c.wait_line(r"^connected")
    time.sleep(0.3)
    code, seen = c.stop()
    server_code, known = s.stop()
    assert (code, server_code) == (0, 0) and seen["alarms"] == known["alarms"] == known["acked"] > 0


RATE = ("--requests-per-second", 200)


def test_server_half_close(sims):
    """FIN after five answers; what the client still says afterwards arrives."""
    (_, c), (server_code, s) = pair(sims, ("--misbehave", "half-close:5"), (*RATE, "--links", 1, "--seconds", 1))
    assert server_code == 0 and c["link_ends"] >= 1 and s["after_fin"] >= 1


def test_client_half_close(sims):
    """FIN behind five requests; their answers still come."""
    (code, c), (_, s) = pair(sims, (), (*RATE, "--links", 3, "--seconds", 2, "--misbehave", "half-close:5"))
    assert code == 0 and c["half_closed"] == 3 and c["unanswered"] == 0 and s["link_ends"] == 6


def test_server_reset(sims):
    (_, c), (_, s) = pair(sims, ("--misbehave", "reset:5"), (*RATE, "--links", 1, "--seconds", 1))
    assert c["link_resets"] >= 1 and c["link_ends"] == 0 and c["corrupt"] == 0 and s["reordered"] == 0


def test_client_reset(sims):
    (code, _), (server_code, s) = pair(sims, (), (*RATE, "--links", 3, "--seconds", 2, "--misbehave", "reset:5"))
    assert (code, server_code) == (0, 0) and s["link_resets"] == 3


def test_server_stall(sims):
    (code, c), _ = pair(sims, ("--misbehave", "stall:5", "--drain-ms", 100),
                        (*RATE, "--links", 1, "--seconds", 2, "--request-timeout-ms", 300, "--drain-ms", 100))
    assert code == 1 and c["link_timeouts"] >= 1 and c["unanswered"] >= 1


def test_client_stall(sims):
    (code, c), _ = pair(sims, (), (*RATE, "--links", 2, "--seconds", 3, "--misbehave", "stall:1"))
    assert code == 0 and c["answer_max_us"] > 900000


def test_client_stalls_advise(sims):
    (code, c), _ = pair(sims, ("--alarms-per-second", 100), ("--seconds", 3, "--misbehave", "stall-advise:1"))
    assert code == 0 and c["max_us"] > 900000 and c["advise_accepts"] == 1


def test_server_refuses(sims):
    s = sims("server", "--listen", f"{new_ip()}:0", "--misbehave", "refuse:0")
    c = sims("client", "--server", spell(s.address()), "--bind", new_ip(), "--seconds", 1, "--drain-ms", 100)
    assert c.wait()[1]["link_refused"] >= 1


def test_no_listen_is_refused_and_retried(sims):
    (code, c), (_, s) = pair(sims, ("--retry-ms", 50), ("--misbehave", "no-listen", "--seconds", 1))
    assert code == 0 and c["advise_accepts"] == 0 and s["dial_refused"] == s["dials"] >= 3


def test_wrong_port(sims):
    (code, c), (_, s) = pair(sims, ("--misbehave", "dial-wrong-port:5599", "--retry-ms", 50), ("--seconds", 1, "--drain-ms", 100))
    assert code == 1 and c["not_connected"] == 1 and s["dial_refused"] >= 3


def test_flood(sims):
    """No window: the server runs ahead of all acknowledgements while the client does not read."""
    (code, c), (_, s) = pair(sims, ("--misbehave", "advise-flood", "--alarm-bytes", 1000),
                             ("--seconds", 2, "--misbehave", "stall-advise:1", "--drain-ms", 20000))
    assert code == 0 and c["alarms"] == s["alarms"] > 5000


def test_first_silent(sims):
    (code, _), _ = pair(sims, ("--misbehave", "first-silent", "--alarms-per-second", 100), ("--alarms", 5))
    assert code == 0
    (code, c), _ = pair(sims, ("--misbehave", "first-silent", "--alarms-per-second", 100),
                        ("--alarms", 5, "--speak-last", "--seconds", 1, "--drain-ms", 100))
    assert code == 1 and c["alarms"] == 0 and c["advise_accepts"] == 1


def test_vanish(sims):
    (code, c), (_, s) = pair(sims, ("--alarms-per-second", 100, "--drain-ms", 100), ("--seconds", 3, "--misbehave", "vanish:1"))
    assert code == 0 and 50 < c["alarms"] < 150 and s["unacked"] > 50


@pytest.mark.parametrize("args, code", [
    ((), 2), (("--help",), 0), (("other",), 2), (("server", "--help"), 0), (("client", "--help"), 0), (("server", "--links", "2"), 2),
    (("client", "--links", "0"), 2), (("client", "--links"), 2), (("client", "--modern=1"), 2), (("client", "x"), 2),
    (("client", "--ports", "9-5"), 2), (("client", "--clients", "2"), 2), (("server", "--misbehave", "vanish"), 2),
    (("server", "--listen", "::1:5481"), 2), (("server", "--listen", "1.2.3.4:70000"), 2), (("client", "--name", 'a"b'), 2),
    (("client", "--bind", "::1"), 2), (("server", "--alarms-per-second", "-1"), 2), (("server", "--dial", "nobody"), 2),
    (("server", "--listen", "192.0.2.1:0"), 1),
])
def test_usage(args, code):
    done = subprocess.run([GEOSIM, *args], capture_output=True, text=True, timeout=10)
    assert done.returncode == code, done.stderr
    assert (done.stdout if code == 0 else done.stderr) != ""


@pytest.mark.parametrize("command", ["server", "client"])
def test_manual_names_every_option(command):
    """README.md has each option and each misbehaviour that --help knows."""
    told = subprocess.run([GEOSIM, command, "--help"], capture_output=True, text=True, check=True).stdout
    page = (ROOT / "test/sim/README.md").read_text()
    part = page.split(f"## Options of the {command}")[1].split("\n## ")[0]
    options = re.findall(r"^  --(\S+)", told, re.M)
    kinds = re.findall(r"^  (\w\S+) ", told.split("kinds of")[1], re.M)
    assert len(options) > 10 and len(kinds) > 5
    assert [o for o in options if f"--{o} " not in part and f"--{o}`" not in part] == []
    assert [k for k in kinds if f"`{k}`" not in part and f"`{k}:" not in part] == []


@pytest.fixture
def site(sims):
    s = sims("server", "--listen", f"{new_ip()}:0", "--web", f"{new_ip()}:0")
    yield s.address("web")
    assert s.stop()[0] == 0


def ask(connection, method, path, body=None, **rest):
    connection.request(method, path, body, **rest)
    answer = connection.getresponse()
    return answer, answer.read()


def test_web_pages_on_one_connection(site):
    h = http.client.HTTPConnection(*site, timeout=10)
    assert ask(h, "GET", "/")[0].status == 200
    first = h.sock
    answer, page = ask(h, "POST", "/logon", "user=ann&password=x")
    cookies = answer.headers.get_all("Set-Cookie")
    assert answer.status == 200 and page == b"Logged on as ann\n"
    assert any(re.match(r"CLEARSCADAUSERID=\{[0-9A-F-]{36}\};", c) for c in cookies) and len(cookies) == 2
    assert b"<form" in ask(h, "GET", "/logon")[1]
    assert ask(h, "GET", "/other")[0].status == 404
    begin = time.monotonic()
    assert ask(h, "GET", "/alarms?wait=1")[0].status == 200 and 0.9 < time.monotonic() - begin < 3
    assert ask(h, "GET", "/large?bytes=1000000")[1] == (bytes(range(251)) * 4000)[:1000000]
    answer, page = ask(h, "HEAD", "/large?bytes=1000000")
    assert answer.getheader("Content-Length") == "1000000" and page == b""
    assert b"X-Odd: {1}" in ask(h, "GET", "/echo", headers={"X-Odd": "{1}"})[1]
    assert h.sock is first


@pytest.mark.parametrize("chunked", [False, True])
def test_web_upload(site, chunked):
    data = random.Random(1).randbytes(3000001)
    pieces = iter([data[:1], data[1:70000], data[70000:]])
    h = http.client.HTTPConnection(*site, timeout=10)
    for _ in range(2):
        if chunked:
            page = ask(h, "POST", "/upload", pieces, encode_chunked=True, headers={"Transfer-Encoding": "chunked"})[1]
            pieces = iter([data])
        else:
            page = ask(h, "PUT", "/upload", data)[1]
        assert page.decode() == f"length={len(data)} crc32={zlib.crc32(data):08x}\n"


def talk(site, raw, pause=None):
    with socket.create_connection(site, timeout=5) as sock:
        for piece in ([raw] if pause is None else [bytes([b]) for b in raw]):
            sock.sendall(piece)
        got = b""
        while chunk := sock.recv(65536):
            got += chunk
        return got


@pytest.mark.parametrize("raw, begin", [
    (b"GET / HTTP/1.0\r\n\r\n", b"HTTP/1.1 200 "),
    (b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", b"HTTP/1.1 200 "),
    (b"nonsense\r\n\r\n", b"HTTP/1.1 400 "),
    (b"POST /upload HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", b"HTTP/1.1 400 "),
    (b"POST /upload HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", b"HTTP/1.1 400 "),
    (b"GET / HTTP/1.1\r\nX: " + b"y" * 20000 + b"\r\n", b"HTTP/1.1 431 "),
    (b"POST /upload HTTP/1.1\r\nExpect: 100-continue\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
     b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 "),
])
def test_web_raw(site, raw, begin):
    assert talk(site, raw).startswith(begin)


def test_web_byte_by_byte(site):
    raw = b"POST /upload HTTP/1.1\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nT: z\r\n\r\n"
    assert talk(site, raw, pause=True).endswith(f"length=5 crc32={zlib.crc32(b'abcde'):08x}\n".encode())


def test_web_parallel(site):
    wrong = []

    def visit():
        h = http.client.HTTPConnection(*site, timeout=20)
        for n in (1, 100000, 0, 777):
            if ask(h, "GET", f"/large?bytes={n}")[1] != (bytes(range(251)) * (n // 251 + 1))[:n]:
                wrong.append(n)
    threads = [threading.Thread(target=visit) for _ in range(100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
