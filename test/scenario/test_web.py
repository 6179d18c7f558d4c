# SPDX-License-Identifier: Apache-2.0
"""The TLS front door: real browsers and tools fetch a site of a real nginx through it."""
import contextlib
import concurrent.futures
import hashlib
import pathlib
import re
import socket
import ssl
import subprocess
import tempfile

import build
import peers
import pki as pki_module
import pytest
from program import wait_for

GIB = 1 << 30
PAGE = "<!doctype html><title>Plant</title><p id=status>loading</p><script>document.getElementById('status').textContent='all ' + 'is well'</script>"


@pytest.fixture
def door(stage):
    """nginx behind a front door: (nginx, relay)."""
    site = stage.nginx()
    site.page("index.html", PAGE)
    return site, stage.relay(web=[stage.web(site.text)])


def url(relay, path=""):
    return f"https://{relay.address_text('web')}/{path}"


def curl(stage, *words, code=0, within=120):
    result = subprocess.run(["curl", "--silent", "--show-error", "--cacert", stage.pki.ca, *words], capture_output=True,
                            stdin=subprocess.DEVNULL, timeout=within, check=False)
    assert code is None or result.returncode == code, f"curl {words} exited {result.returncode}: {result.stderr.decode()}"
    return result.stdout.decode("utf-8", "replace")


def s_client(relay, *words, text=""):
    """openssl s_client: (exit code, everything it said)."""
    command = ["openssl", "s_client", "-connect", relay.address_text("web"), *words]
    result = subprocess.run(command, input=text, capture_output=True, text=True, timeout=30, check=False)
    return result.returncode, result.stdout + result.stderr


def write_random(path, size):
    """A file of `size` bytes without a short period; returns its SHA-256."""
    pattern, digest, done = peers.Pattern(), hashlib.sha256(), 0
    with open(path, "wb") as file:
        while done < size:
            part = pattern.piece(done, min(1 << 20, size - done))
            file.write(part)
            digest.update(part)
            done += len(part)
    return digest.hexdigest()


def sha256(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def test_keep_alive(stage, door):
    _, relay = door
    page = url(relay)
    out = curl(stage, "-o", "/dev/null", "-o", "/dev/null", "-o", "/dev/null", "-w", "%{http_code} %{num_connects}\n", page, page, page)
    assert out.split("\n")[:3] == ["200 1", "200 0", "200 0"]
    close = relay.expect("close", kind="web")
    assert len(relay.events("close")) == 1 and close["name"] == "main", close


@pytest.mark.parametrize("version", ["1.2", "1.3"])
@pytest.mark.parametrize("size", [64 << 20, pytest.param(GIB, marks=pytest.mark.slow)], ids=["64MiB", "1GiB"])
def test_download(stage, door, size, version):
    site, relay = door
    path = site.page("large.bin", b"")
    wanted = write_random(path, stage.size(size))
    got = stage.folder / "got.bin"
    curl(stage, "--tlsv" + version, "--tls-max", version, "-o", str(got), url(relay, "large.bin"), within=400)
    assert sha256(got) == wanted
    got.unlink()
    path.unlink()


@pytest.mark.parametrize("version", ["1.2", "1.3"])
@pytest.mark.parametrize("size", [64 << 20, pytest.param(GIB, marks=pytest.mark.slow)], ids=["64MiB", "1GiB"])
def test_upload(stage, door, size, version):
    site, relay = door
    path = stage.folder / "large.bin"
    wanted = write_random(path, stage.size(size))
    code = curl(stage, "--tlsv" + version, "--tls-max", version, "-o", "/dev/null", "-w", "%{http_code}", "-T", str(path),
                url(relay, "upload/large.bin"), within=400)
    assert code == "201"
    assert sha256(site.site / "upload" / "large.bin") == wanted
    path.unlink()
    (site.site / "upload" / "large.bin").unlink()


@pytest.mark.tsan
def test_200_parallel_connections(stage, door):
    _, relay = door
    mark = relay.mark()
    out = subprocess.run(["wrk", "-t", "2", "-c", "200", "-d", "4s", "--timeout", "20s", url(relay)],
                         capture_output=True, text=True, timeout=60, check=True).stdout
    count = int(re.search(r"(\d+) requests in", out)[1])
    assert "Socket errors" not in out and "Non-2xx" not in out, out
    assert count > 200, out
    relay.wait_counts({"sessions": 0})
    assert len(relay.events("close", mark, kind="web")) >= 200


def test_chromium(stage, door):
    _, relay = door
    with tempfile.TemporaryDirectory() as profile:
        command = ["chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                   "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
                   "--ignore-certificate-errors", f"--user-data-dir={profile}", "--dump-dom", url(relay)]
        result = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=80, check=False)
    assert '<p id="status">all is well</p>' in result.stdout, result.stdout + result.stderr[-2000:]


def test_old_versions_are_refused(stage, door):
    _, relay = door
    for version in ("-tls1", "-tls1_1"):
        mark = relay.mark()
        code, said = s_client(relay, version, "-cipher", "DEFAULT@SECLEVEL=0")
        assert code != 0 and "alert protocol version" in said, said
        assert relay.expect("refuse", mark)["why"] == "tls_no_common"
    for version in ("-tls1_2", "-tls1_3"):
        code, said = s_client(relay, version)
        assert code == 0 and "Cipher is (NONE)" not in said, said


def test_modern_policy_is_tls13_only(stage):
    relay = stage.relay(web=[stage.web("127.0.0.1:9", tls="modern")])
    code, said = s_client(relay, "-tls1_2")
    assert code != 0 and "alert protocol version" in said, said


def test_no_renegotiation_no_compression(stage, door):
    _, relay = door
    code, said = s_client(relay, "-tls1_2", text="R\n")
    assert code != 0 or "no renegotiation" in said.lower() or "RENEGOTIATING" not in said, said
    assert "Compression: NONE" in said


def test_ecdsa_and_rsa_side_by_side(stage):
    ec = pki_module.self_signed(stage.folder, "ec", "ec", "scada.example")
    rsa = pki_module.self_signed(stage.folder, "rsa", "rsa", "scada.example")
    relay = stage.relay(web=[stage.web("127.0.0.1:9", certificates=[ec, rsa])])
    for words, kind in ((("-sigalgs", "ECDSA+SHA256"), "ec"), (("-sigalgs", "RSA-PSS+SHA256"), "rsa"),
                        (("-tls1_2", "-cipher", "ECDHE-RSA-AES128-GCM-SHA256"), "rsa"),
                        (("-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256"), "ec")):
        _, said = s_client(relay, "-servername", "scada.example", *words)
        assert re.search(r"subject=.*O ?= ?%s\b" % kind, said), f"{words}: {said}"


def test_certificate_by_server_name(stage):
    one = pki_module.self_signed(stage.folder, "one", "ec", "one.example")
    two = pki_module.self_signed(stage.folder, "two", "rsa", "two.example", "*.two.example")
    relay = stage.relay(web=[stage.web("127.0.0.1:9", certificates=[one, two])])
    for name, subject in (("one.example", "one.example"), ("two.example", "two.example"), ("deep.two.example", "two.example"),
                          ("TWO.example", "two.example"), ("other.example", "one.example")):
        _, said = s_client(relay, "-servername", name)
        assert re.search(r"subject=CN ?= ?%s" % re.escape(subject), said), f"{name}: {said}"
    _, said = s_client(relay, "-noservername")
    assert re.search(r"subject=CN ?= ?one\.example", said), said


def tls_request(stage, relay, session=None, version=ssl.TLSVersion.TLSv1_3):
    """One request over a new connection: (was it resumed, session for the next)."""
    context = tls_request.contexts.setdefault((id(stage), version), ssl.create_default_context(cafile=stage.pki.ca))
    context.minimum_version = context.maximum_version = version
    with socket.create_connection(relay.address("web"), timeout=10) as raw:
        with context.wrap_socket(raw, server_hostname="127.0.0.1", session=session) as tls:
            tls.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            answer = b""
            while part := tls.recv(65536):
                answer += part
            assert b"all ' + 'is well" in answer
            return tls.session_reused, tls.session


tls_request.contexts = {}


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_resumption(stage, door, version):
    _, relay = door
    reused, session = tls_request(stage, relay, None, version)
    assert not reused
    for _ in range(6):  # on whichever worker
        reused, _ = tls_request(stage, relay, session, version)
        assert reused


def test_alpn(stage, door):
    _, relay = door
    _, said = s_client(relay, "-alpn", "h2,http/1.1")
    assert "ALPN protocol: http/1.1" in said, said
    code, said = s_client(relay, "-alpn", "h2")
    assert code == 0 and "No ALPN negotiated" in said, said


def test_plain_http_to_the_tls_port(stage, door):
    _, relay = door
    client = stage.connect(relay.address("web"))
    client.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    refusal = relay.expect("refuse")
    assert refusal["why"] == "tls_not_tls" and refusal["front"] == "%s:%d" % client.local
    assert refusal["level"] in ("info", "debug")


def test_silent_peer(stage):
    relay = stage.relay(web=[stage.web("127.0.0.1:9")], timeouts={"handshake": 1})
    client = stage.connect(relay.address("web"))
    assert relay.expect("refuse", within=5)["why"] == "handshake_timeout"
    try:
        client.expect_end(within=2)
    except peers.PeerError:
        client.expect_reset(within=2)


def test_silent_peers_do_not_close_the_door(stage):
    """Greetings are limited in number; real users still come in when the silent ones are thrown out."""
    echo = stage.echo()
    relay = stage.relay(web=[stage.web(echo.text)], timeouts={"handshake": 2}, limits={"greeting": 20, "per_client": 1000})
    for _ in range(30):
        with contextlib.suppress(ConnectionResetError):  # the ones above the limit, if the reset is quick
            stage.connect(relay.address("web"), bind=stage.block[7])
    assert relay.expect("refuse", why="limit_greeting")
    wait_for(lambda: len(relay.events("refuse")) == 30)
    with tls(stage, relay) as client:
        client.sendall(b"hello")
        assert client.recv(5) == b"hello"


def tls(stage, relay):
    context = ssl.create_default_context(cafile=stage.pki.ca)
    raw = socket.create_connection(relay.address("web"), timeout=10)
    try:
        return context.wrap_socket(raw, server_hostname="127.0.0.1", suppress_ragged_eofs=False)
    except BaseException:
        raw.close()
        raise


def test_client_leaves_during_the_handshake(stage):
    relay = stage.relay(web=[stage.web("127.0.0.1:9")])
    client = stage.connect(relay.address("web"))
    client.send(b"\x16\x03\x01\x02\x00")
    client.fin()
    assert relay.expect("refuse")["why"] == "tls_gone"


class HalfClosed:
    """A TLS 1.3 client that can say close_notify and go on reading."""

    def __init__(self, stage, relay):
        self.peer = stage.connect(relay.address("web"))
        self.inward, self.outward = ssl.MemoryBIO(), ssl.MemoryBIO()
        context = ssl.create_default_context(cafile=stage.pki.ca)
        self.tls = context.wrap_bio(self.inward, self.outward, server_hostname="127.0.0.1")
        self.run(self.tls.do_handshake)

    def flush(self):
        if self.outward.pending:
            self.peer.send(self.outward.read())

    def run(self, call, *arguments):
        while True:
            try:
                result = call(*arguments)
                self.flush()
                return result
            except ssl.SSLWantReadError:
                self.flush()
                data = self.peer.recv()
                if data:
                    self.inward.write(data)
                else:
                    self.inward.write_eof()

    def fin(self):
        """close_notify, then FIN."""
        try:
            self.tls.unwrap()
        except ssl.SSLWantReadError:
            pass
        self.flush()
        self.peer.fin()


def test_half_close_through_tls(stage):
    server = stage.listener()
    relay = stage.relay(web=[stage.web(server.text)])
    client = HalfClosed(stage, relay)
    client.tls.write(b"the question")
    client.flush()
    peer = stage.keep(server.accept())
    client.fin()
    peer.expect(b"the question")
    peer.expect_end()
    peer.send(b"the answer")
    got = client.run(client.tls.read, 100)
    assert got == b"the answer"
    peer.fin()
    assert relay.expect("close")["why"] == "front_eof"


def test_upstream_reset_is_no_clean_end(stage):
    server = stage.listener()
    relay = stage.relay(web=[stage.web(server.text)])
    with tls(stage, relay) as client:
        peer = server.accept()
        peer.send(b"half an ans")
        assert client.recv(100) == b"half an ans"
        peer.rst()
        with pytest.raises((ConnectionResetError, ssl.SSLEOFError)):
            client.recv(100)
    assert relay.expect("close")["why"] == "back_reset"


def test_truncated_upload_is_no_clean_end(stage):
    """A TLS client that closes without close_notify may have been cut off: its server must not take that for the end."""
    server = stage.listener()
    relay = stage.relay(web=[stage.web(server.text)])
    client = tls(stage, relay)
    client.sendall(b"half a quest")
    peer = stage.keep(server.accept())
    peer.expect(b"half a quest")
    stage.keep(socket.socket(fileno=client.detach())).shutdown(socket.SHUT_WR)
    peer.expect_reset(within=2)
    assert relay.expect("close")["why"] == "tls_truncated"


def test_upstream_down_and_back(stage):
    port = peers.free_port()
    relay = stage.relay(web=[stage.web(f"127.0.0.1:{port}")])
    with pytest.raises((OSError, ssl.SSLError)):
        with tls(stage, relay) as client:
            assert client.recv(10), "closed"
            pytest.fail("bytes from nowhere")
        raise ConnectionResetError
    assert relay.expect("refuse", kind="web")["why"] == "dial_refused"
    stage.echo(port=port)

    def works():
        try:
            with tls(stage, relay) as client:
                client.sendall(b"back")
                return client.recv(4) == b"back"
        except (OSError, ssl.SSLError):
            return False

    assert any(works() for _ in range(200)), relay.tail()


def test_simulated_site(stage):
    """Logon form with braces in its cookie, a long poll and an upload, as Geo SCADA's own site does it."""
    server = stage.server(web="127.0.0.1:0", dial="none")
    relay = stage.relay(web=[stage.web(server.web)])
    assert "<" in curl(stage, url(relay))
    headers = curl(stage, "-i", "-d", "user=op&password=x", url(relay, "logon"))
    assert re.search(r"(?i)set-cookie: CLEARSCADAUSERID=\{[0-9A-F-]+\}", headers), headers
    assert "200" in curl(stage, "-o", "/dev/null", "-w", "%{http_code}", url(relay, "alarms?wait=1"))
    size = 8 << 20
    assert curl(stage, "-o", "/dev/null", "-w", "%{size_download}", url(relay, f"large?bytes={size}")) == str(size)


@pytest.mark.tsan
def test_parallel_mix(stage, door):
    """Downloads, uploads and cut connections at once; every byte right, nothing left."""
    site, relay = door
    relay.stop()
    relay.rewrite({**relay.settings, "limits": {"per_client": 1000}})
    relay.restart()
    path = site.page("mixed.bin", b"")
    wanted = write_random(path, 3 << 20)

    def one(number):
        if number % 5 == 0:
            client = tls(stage, relay)
            client.sendall(b"GET /mixed.bin HTTP/1.1\r\nHost: x\r\n\r\n")
            client.recv(1000)
            client.close()  # in the middle of the answer
            return
        got = pathlib.Path(stage.folder) / f"mixed-{number}"
        curl(stage, "-o", str(got), url(relay, "mixed.bin"))
        assert sha256(got) == wanted
        got.unlink()

    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        list(pool.map(one, range(10 if build.is_sanitized() else 60)))
    relay.wait_counts({"sessions": 0})
