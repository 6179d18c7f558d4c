# SPDX-License-Identifier: Apache-2.0
"""The audit log: what is in it, that no change of it stays unseen, and what happens when it can't be written."""
import hashlib
import os
import pathlib
import re
import signal
import socket
import ssl
import subprocess

import audit_log
import build
import libconfig
import peers
import pki as pki_module
import pytest
import relay as relay_module
from audit_log import Verified, read
from program import wait_for

KEY = b"0123456789abcdef0123456789abcdef"


class Site:
    """A relay with one link, whose every event is audited into a file."""

    def __init__(self, stage, key=False, prefix=(), admin=None, **audit):
        self.stage, self.server = stage, stage.echo()
        self.file = pathlib.Path(audit.pop("file", stage.folder / "audit.log"))
        settings = {"file": str(self.file), **audit}
        if key:
            path = stage.folder / "audit.key"
            path.write_bytes(KEY + b"\n")
            path.chmod(0o600)
            settings["key"] = str(path)
        self.relay = stage.relay(links=[stage.link(self.server.text)], audit=settings, prefix=prefix, **({"admin": admin} if admin else {}))
        self.state = stage.folder / "relay-state"

    def link(self):
        """A link comes and goes; returns when the file says so."""
        before = len([e for e in self.events() if e["ev"] == "link_close"])
        client = self.stage.connect(self.relay.address("link", "node-a"))
        client.send(b"question-of-mine")
        client.expect(b"question-of-mine")
        client.fin()
        client.expect_end()
        wait_for(lambda: len([e for e in self.events() if e["ev"] == "link_close"]) > before)

    def events(self):
        return read(self.file)

    def names(self):
        return [event["ev"] for event in self.events()]

    def lines(self):
        return self.file.read_text().splitlines()

    def verify(self, *words):
        return Verified("-c", self.relay.config, *words)

    def good(self, *words):
        verified = self.verify(*words)
        assert verified.code == 0, str(verified)
        return verified

    def found(self, line, sentence, *words):
        """It is found, in that line, and said in these words."""
        verified = self.verify(*words)
        assert verified.code == 1, str(verified)
        assert re.search(rf"^{re.escape(str(self.file))}:{line}: .*{sentence}", verified.text, re.M), str(verified)
        return verified


def ended(stage, **settings):
    """An audit log of some dozen lines, and its seal, after an orderly end."""
    site = Site(stage, **settings)
    for _ in range(4):
        site.link()
    site.relay.stop()
    site.good()
    return site


# -- what is in it --


def test_events_of_a_life(stage):
    site = Site(stage, key=False)
    site.link()
    site.relay.stop()
    names = site.names()
    assert names == ["audit_file", "start", "config_loaded", "privilege_drop", "ready", "link_open", "link_close", "stopping",
                     "stopped"], names
    events = {event["ev"]: event for event in site.events()}
    opened, closed = events["link_open"], events["link_close"]
    assert opened["client"] == closed["client"] == opened["front"] and opened["back"] == site.server.text
    assert (opened["id"], opened["result"], opened["name"]) == ("2101", "ok", "node-a")
    assert closed["why"] == "front_eof" and closed["sid"] == opened["sid"] and int(closed["up"]) == len("question-of-mine")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", opened["ts"])
    assert events["stopping"]["signal"] == "TERM"
    assert "question-of-mine" not in site.file.read_text()
    audit_log.check_chain(site.lines())
    assert site.good().text.startswith("9 lines good, 0 findings, 0 notes")


def test_the_hash_is_that_of_the_configuration(stage):
    site = ended(stage)
    first = [e for e in site.events() if e["ev"] == "config_loaded"][0]["sha256"]
    site.relay.restart().stop()
    site.relay.rewrite({**site.relay.settings, "timeouts": {"dial": 4}})
    site.relay.restart().stop()
    hashes = [e["sha256"] for e in site.events() if e["ev"] == "config_loaded"]
    assert hashes[0] == hashes[1] == first and hashes[2] != first, hashes


def test_agents_and_their_certificates(stage):
    audit = stage.folder / "audit.log"
    relay = stage.relay(links=[stage.link(stage.echo().text, listen=None)], tunnel=stage.tunnel(stage.allow("site-a"), stage.allow("site-b")),
                        audit={"file": str(audit)})
    agent = stage.agent("site-a", relay, audit={"file": str(stage.folder / "agent.log")}, state=str(stage.folder / "agent-state"))
    stage.agent("site-b", relay).stop()
    relay.expect("agent_down", agent="site-b")
    subject = subprocess.run(["openssl", "x509", "-in", stage.pki.path("site-a.crt"), "-noout", "-fingerprint", "-sha256", "-serial"],
                             capture_output=True, text=True, timeout=60, check=True).stdout
    fingerprint = re.search(r"Fingerprint=(\S+)", subject)[1].replace(":", "").lower()
    serial = re.search(r"serial=(\S+)", subject)[1]
    wait_for(lambda: "agent_down" in [e["ev"] for e in read(audit)])
    up = [e for e in read(audit) if e["ev"] == "agent_up"][0]
    assert (up["agent"], up["fingerprint"], up["serial"]) == ("site-a", fingerprint, serial), up
    assert "CN=site-a" in up["subject"] and up["peer"].startswith("127.0.0.1:"), up
    stage.pki.agent("stranger")
    settings = stage.agent_settings("stranger", relay.address_text("tunnel"))
    stage.add(relay_module.Georelay(stage.folder, "stranger", settings))
    wait_for(lambda: [e for e in read(audit) if e["why"] == "agent_unknown"])
    refused = [e for e in read(audit) if e["why"] == "agent_unknown"][0]
    assert (refused["ev"], refused["result"]) == ("agent_refused", "refused") and "CN=stranger" in refused["subject"], refused
    relay.stop()
    agent.expect("tunnel_down")
    wait_for(lambda: "relay_down" in [e["ev"] for e in read(stage.folder / "agent.log")])
    names = [e["ev"] for e in read(stage.folder / "agent.log")]
    assert names.index("relay_up") < names.index("relay_down"), names


def test_logon_without_a_good_certificate(stage):
    """Requests are not audited; who is turned away for his certificate is."""
    audit = stage.folder / "audit.log"
    web = stage.site(stage.recorder().text, tls=True, client_ca=stage.pki.ca, client_certificate="required")
    relay = stage.relay(web=[web], audit={"file": str(audit)})
    at = relay.address_text("web")
    wrong = stage.pki.path("openssl-other.crt")
    key = stage.pki.path("openssl-other.key")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out",
                    wrong, "-subj", "/CN=somebody else", "-days", "2"], capture_output=True, timeout=60, check=True)
    for words in ([], ["-cert", wrong, "-key", key]):
        subprocess.run(["openssl", "s_client", "-connect", at, "-quiet", *words], input=b"GET / HTTP/1.1\r\n\r\n", capture_output=True,
                       timeout=60, check=False)
    wait_for(lambda: len([e for e in read(audit) if e["ev"] == "logon_refused"]) == 2)
    missing, untrusted = (e for e in read(audit) if e["ev"] == "logon_refused")
    assert missing["why"] == "cert_missing" and missing["result"] == "refused" and missing["subject"] is None, missing
    assert untrusted["why"] == "cert_untrusted" and untrusted["subject"] == "CN=somebody else", untrusted
    assert re.fullmatch("[0-9a-f]{64}", untrusted["fingerprint"]) and untrusted["front"].startswith("127.0.0.1:")
    own = [e for e in read(audit) if e["ev"] == "certificate_loaded"]
    assert own and own[0]["purpose"] == "web" and re.fullmatch("[0-9a-f]{64}", own[0]["fingerprint"])
    relay.stop()
    assert Verified(audit).code == 0


def test_the_administrator(stage):
    site = Site(stage)
    site.relay.stop()
    sock = stage.folder / "control.sock"
    site.relay.rewrite({**site.relay.settings, "admin": {"socket": str(sock)}})
    site.relay.restart().remember()
    for word in (b"accounts\n", b'what "is" this\n'):
        with socket.socket(socket.AF_UNIX) as asker:
            asker.connect(str(sock))
            asker.sendall(word)
            while asker.recv(65536):
                pass
    wait_for(lambda: "admin_refused" in site.names())
    asked = [e for e in site.events() if e["ev"].startswith("admin_")]
    assert [(e["request"], e["result"]) for e in asked] == [("accounts", "ok"), ('what "is" this', "refused")], asked
    assert {(e["uid"], e["pid"]) for e in asked} == {(str(os.getuid()), str(os.getpid()))}


def result_of(site, event, **wanted):
    """What the audit says of the first such event, which may come a moment later."""
    def found():
        return [e["result"] for e in site.events() if e["ev"] == event and all(e[key] == value for key, value in wanted.items())]
    wait_for(found)
    return found()[0]


def test_what_the_administrator_ends_is_refused(stage):
    """kill and island are his word, no failure: links that he ends, and who knocks at an island."""
    site = Site(stage, admin={"socket": str(stage.folder / "control.sock")})
    for words, why in ((("kill", "direct"), "killed"), (("island", "on"), "island")):
        client = stage.connect(site.relay.address("link", "node-a"))
        client.send(b"x")
        client.expect(b"x")
        subprocess.run([build.georelay(), words[0], "-c", str(site.relay.config), words[1]], capture_output=True, timeout=60, check=True)
        client.expect_reset()
        assert result_of(site, "link_close", why=why) == "refused"
    assert peers.connect_reset(site.relay.address("link", "node-a")) < 1
    assert result_of(site, "access_denied", why="island") == "refused"
    site.relay.stop()
    site.good()


# -- nothing is changed unseen --


def flip(text):
    """One bit of the sixth line."""
    at = text.index(b"name=node-a", text.index(b"seq=6 ")) + 5
    return text[:at] + bytes([text[at] ^ 1]) + text[at + 1:]


def lines_of(text, change):
    lines = text.splitlines(keepends=True)
    change(lines)
    return b"".join(lines)


def swap(lines):
    lines[5], lines[6] = lines[6], lines[5]


def copy(lines):
    lines.insert(7, lines[5])


def drop(lines):
    del lines[5]


def drop_more(lines):
    del lines[5:8]


def drop_first(lines):
    del lines[:3]


def drop_last(lines):
    del lines[-1]


def drop_tail(lines):
    del lines[-4:]


def add(lines):
    lines.insert(6, b"seq=7 id=2101 ev=link_open result=ok who=nobody\n")


@pytest.mark.parametrize("change, line, sentence", [
    (flip, 6, "the line was changed"),
    (drop, 6, "line 6 of the chain is missing before this one"),
    (drop_more, 6, "lines 6 to 8 of the chain are missing"),
    (swap, 7, "line 6 of the chain stands here, where line 8 belongs"),
    (copy, 8, "line 6 of the chain stands here, where line 8 belongs"),
    (drop_first, 1, "the file does not begin with its first line"),
    (add, 7, "no line of georelay's"),
], ids=lambda value: getattr(value, "__name__", ""))
def test_a_change_is_found(stage, change, line, sentence):
    site = ended(stage)
    text = site.file.read_bytes()
    site.file.write_bytes(change(text) if change is flip else lines_of(text, change))
    site.found(line, sentence)


@pytest.mark.parametrize("change", [drop_last, drop_tail, lambda lines: lines.clear()], ids=["one", "four", "all"])
def test_a_cut_tail_is_found(stage, change):
    """By the seal alone: the file in itself is in order. And going on does not make it good again."""
    site = ended(stage)
    count = len(site.lines())
    text = site.file.read_bytes()
    site.file.write_bytes(lines_of(text, change))
    verified = site.verify()
    assert verified.code == 1 and "the end is missing" in verified.text and f"at least line {count}" in verified.text, str(verified)
    if site.lines():
        assert Verified(site.file).code == 0
    site.relay.restart()
    if site.lines()[0].startswith("seq=1 "):
        site.relay.expect("audit_broken", error="lines are missing at the end")
        assert "audit_broken" in site.names()
    site.relay.stop()
    if change in (drop_last, drop_tail):
        left = len(lines_of(text, change).splitlines())
        site.found(left + 1, "missing before this one")


def test_a_missing_or_changed_seal_is_found(stage):
    site = ended(stage)
    seal = site.state / "audit.seal"
    text = seal.read_text()
    seal.write_text(text.replace("seq=", "seq=1"))
    assert "the seal was changed" in site.verify().text and site.verify().code == 1
    seal.unlink()
    assert "the seal is missing" in site.verify().text and site.verify().code == 1
    site.relay.restart()
    site.relay.expect("audit_broken", error="the seal is missing")
    site.relay.stop()
    site.good()


def test_without_the_key_nobody_can_forge(stage):
    """Who may write the file but does not know the key can't make the chain good again; without a key he could."""
    site = ended(stage, key=True)
    audit_log.check_chain(site.lines(), KEY)
    assert "with the key" in site.good().text

    def forge(lines):
        prev = audit_log.ZEROS
        for line in lines:
            body = re.sub(r" prev=.*", "", line).replace("node-a", "node-b") + f" prev={prev}"
            prev = hashlib.sha256(body.encode()).hexdigest()
            yield f"{body} hash={prev}"

    forged = list(forge(site.lines()))
    audit_log.check_chain(forged)
    site.file.write_text("\n".join(forged) + "\n")
    assert Verified(site.file).code == 0
    site.found(1, "the line is not sealed with the key")
    site.file.write_text("\n".join(forged).replace(" hash=", " mac=") + "\n")
    site.found(3, "the line was changed")


def test_a_key_that_is_open_or_short(stage):
    site = ended(stage, key=True)
    key = stage.folder / "audit.key"
    for mode, text, sentence in ((0o644, KEY, "is open to others"), (0o600, b"short\n", "it must have 16 to 256 bytes")):
        key.write_bytes(text)
        key.chmod(mode)
        done = subprocess.run([build.georelay(), "run", "-c", site.relay.config], capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode != 0 and sentence in done.stderr, done.stderr


# -- it goes on --


def test_killed_and_torn(stage):
    """kill -9, and the last line is only half there, as after a power loss: that is told from tampering, and the chain goes on."""
    site = Site(stage)
    site.link()
    site.relay.kill()
    text = site.file.read_bytes()
    count = len(text.splitlines())
    site.file.write_bytes(text + b'seq=%d ts=2026-11-2' % (count + 1))
    site.relay.restart()
    site.link()
    site.relay.stop()
    torn = [e for e in site.events() if e["ev"] == "audit_torn"]
    assert len(torn) == 1 and int(torn[0]["seq"]) == count + 1, torn
    verified = site.good()
    assert f":{count + 1}: a piece of a line" in verified.text and ", 1 note;" in verified.text, str(verified)
    site.file.write_bytes(site.file.read_bytes().replace(b"ts=2026-11-2\n", b"ts=2026-11-3\n"))
    site.found(count + 1, "no line of georelay's")


def test_rotation(stage):
    site = Site(stage, key=True)
    names = [site.file.with_suffix(f".{number}") for number in range(3)]
    for name in names:
        site.link()
        since = site.relay.mark()
        site.file.rename(name)
        site.relay.signal(signal.SIGHUP)
        site.relay.expect("audit_reopened", since)
        wait_for(lambda: site.file.exists() and site.names()[:1] == ["audit_file"])
        assert site.events()[0]["prev"] == read(name)[-1]["mac"]
    since = site.relay.mark()
    site.relay.signal(signal.SIGHUP)  # nobody has moved it
    site.relay.expect("audit_reopened", since)
    wait_for(lambda: "audit_reopened" in site.names())
    site.relay.stop()
    site.good(names[2], site.file, names[0], names[1])
    assert "goes on from line" in site.good().text
    site.found(1, "are missing before this one", names[0], names[1], site.file)


@pytest.mark.parametrize("how", ["shortened", "lengthened", "removed", "emptied"])
def test_changed_while_it_runs(stage, how):
    site = Site(stage)
    site.link()
    size = site.file.stat().st_size
    if how == "removed":
        site.file.unlink()
    elif how == "lengthened":
        with site.file.open("ab") as file:
            file.write(b"somebody else's words")
    else:
        os.truncate(site.file, 0 if how == "emptied" else size - 100)
    client = stage.connect(site.relay.address("link", "node-a"))
    client.send(b"x")
    client.expect(b"x")
    site.relay.expect("audit_changed", how="shortened" if how == "emptied" else how)
    wait_for(lambda: site.file.exists() and "link_open" in site.names())
    wait_for(lambda: "audit_changed" in site.names())
    client.fin()
    client.expect_end()
    site.relay.stop()
    verified = site.verify()
    assert verified.code == (0 if how == "lengthened" else 1) or how == "removed", str(verified)
    if how == "emptied":
        site.found(1, "does not begin with its first line")


def test_two_do_not_write_one_file(stage):
    site = Site(stage)
    other = stage.folder / "other.conf"
    other.write_text(libconfig.settings({**site.relay.settings, "links": [stage.link("127.0.0.1:9")]}))
    done = subprocess.run([build.georelay(), "run", "-c", other], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1 and "another georelay writes it" in done.stderr, done.stderr
    site.link()
    site.relay.stop()
    site.good()


# -- the disk is full --


def small_disk(stage, then=":"):
    """(folder, prefix of a command that sees a small file system there)"""
    disk = stage.folder / "disk"
    disk.mkdir()
    return disk, ("unshare", "-m", "sh", "-c", f'mount -t tmpfs -o size=512k none "$0" && {{ {then}; }} && exec "$@"', str(disk))


def fill(site):
    """Links until the log says that the disk is full."""
    for _ in range(400):
        client = site.stage.connect(site.relay.address("link", "node-a"))
        client.fin()
        client.expect_end(within=5)
        if site.relay.events("audit_failed"):
            return
    site.relay.expect("audit_failed")


@pytest.mark.skipif(os.getuid() != 0, reason="mounts a small file system, which needs root")
def test_disk_full_goes_on(stage):
    """Nothing is lost as long as the queue has room; the log is loud; the chain says that it stood still, and how long."""
    disk, prefix = small_disk(stage)
    site = Site(stage, file=disk / "audit.log", prefix=prefix)
    seen = pathlib.Path(f"/proc/{site.relay.pid}/root{disk}")
    site.file = seen / "audit.log"
    ballast = seen / "ballast"
    ballast.write_bytes(bytes(460000))
    fill(site)
    failed = site.relay.expect("audit_failed", error="No space left on device")
    assert failed["remedy"] and failed["level"] == "error" and failed["lost"] == "0", failed
    client = stage.connect(site.relay.address("link", "node-a"))
    client.send(b"still at work")
    client.expect(b"still at work")
    ballast.unlink()  # the administrator makes room
    site.relay.expect("audit_resumed")
    client.fin()
    client.expect_end()
    site.relay.expect("close", up=13)
    wait_for(lambda: site.names().count("link_close") == len(site.relay.events("close")))
    assert site.names().count("link_open") == site.names().count("link_close")
    resumed = [e for e in site.events() if e["ev"] == "audit_resumed"][0]
    assert resumed["lost"] == "0" and resumed["error"] == "No space left on device", resumed
    audit_log.check_chain(site.lines())
    verified = Verified(site.file)
    assert verified.code == 0, str(verified)


@pytest.mark.skipif(os.getuid() != 0, reason="mounts a small file system, which needs root")
def test_disk_full_and_the_file_may_only_grow(stage):
    """chattr +a: what the full disk took of a batch can't be taken back. The chain goes on behind it, and says so."""
    disk, prefix = small_disk(stage, 'touch "$0/audit.log"; chattr +a "$0/audit.log" || exit 9')
    site = Site(stage, file=disk / "audit.log", prefix=prefix)
    seen = pathlib.Path(f"/proc/{site.relay.pid}/root{disk}")
    site.file = seen / "audit.log"
    ballast = seen / "ballast"
    ballast.write_bytes(bytes(460000))
    fill(site)
    torn = site.file.read_bytes()
    assert not torn.endswith(b"\n")
    ballast.unlink()
    site.relay.expect("audit_resumed")
    wait_for(lambda: site.names().count("link_close") == len(site.relay.events("close")))
    assert site.names().count("audit_torn") == 1
    verified = Verified(site.file)
    assert verified.code == 0 and "a piece of a line" in verified.text, str(verified)


@pytest.mark.skipif(os.getuid() != 0, reason="mounts a small file system, which needs root")
def test_disk_full_stops(stage):
    disk, prefix = small_disk(stage)
    site = Site(stage, file=disk / "audit.log", prefix=prefix, on_failure="stop")
    (pathlib.Path(f"/proc/{site.relay.pid}/root{disk}") / "ballast").write_bytes(bytes(460000))
    for _ in range(400):
        try:
            stage.connect(site.relay.address("link", "node-a")).rst()
        except OSError:
            break
        if site.relay.events("audit_failed"):
            break
    site.relay.expect("audit_failed", error="No space left on device")
    assert site.relay.expect("audit_stop")["remedy"]
    assert site.relay.wait_end(30) == 1
    assert site.relay.events("stopping", signal="audit")


# -- syslog --


def receiver(stage, transport):
    """A receiver, and the setting that leads to it."""
    if transport == "unix":
        path = stage.folder / "log.sock"
        return stage.keep(audit_log.Receiver("unix", path)), {"syslog": f"unix:{path}"}
    context, more = None, {}
    if transport == "tls":
        context, more = server_context(stage.pki.identity("web")), {"ca": stage.pki.ca}
    one = stage.keep(audit_log.Receiver(transport, ("127.0.0.1", 0), context))
    return one, {"syslog": f"{transport}:127.0.0.1:{one.port}", **more}


def server_context(identity):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(identity["chain"], identity["key"])
    return context


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls", "unix"])
def test_syslog(stage, transport):
    """The receiver gets what stands in the file, line for line, and can check the chain by itself."""
    one, settings = receiver(stage, transport)
    site = Site(stage, **settings)
    site.link()
    one.wait(lambda event: event["ev"] == "link_close")
    site.relay.stop()
    one.wait(lambda event: event["ev"] == "stopped")
    assert one.lines() == site.lines()
    message = [m for m in one.messages if b'id="2101"' in m][0]
    priority, _, host, pid, msgid, seq, _, category, result, _ = audit_log.SYSLOG.fullmatch(message).groups()
    assert (priority, msgid, category, result) == (b"110", b"link_open", b"link", b"ok")  # 13 * 8 + 6
    assert host.decode() == socket.gethostname() and int(pid) == site.relay.pid and int(seq) > 1
    assert "audit_syslog_up" in site.names()


@pytest.mark.parametrize("transport", ["tcp", "tls"])
def test_syslog_down_and_back(stage, transport):
    """Lines wait while the receiver is away; none is lost; the log and the chain say that it was away."""
    one, settings = receiver(stage, transport)
    site = Site(stage, **settings)
    one.wait(lambda event: event["ev"] == "ready")
    port = one.port
    one.close()
    site.link()
    failed = site.relay.expect("audit_failed", to="syslog")
    assert failed["remedy"] and failed["lost"] == "0"
    site.link()
    context = server_context(stage.pki.identity("web")) if transport == "tls" else None
    again = stage.keep(audit_log.Receiver(transport, ("127.0.0.1", port), context))
    again.wait(lambda event: event["ev"] == "audit_syslog_up")
    site.relay.expect("audit_resumed", to="syslog")
    assert "audit_syslog_down" in site.names()
    site.relay.stop()
    again.wait(lambda event: event["ev"] == "stopped")
    lines = sorted(set(one.lines()) | set(again.lines()), key=lambda line: int(audit_log.event_of(line)["seq"]))
    assert lines == site.lines()


@pytest.mark.parametrize("wrong", ["ca", "name"])
def test_syslog_over_tls_believes_nobody(stage, wrong):
    """A receiver whose certificate is not of the CA, or not for this host, gets nothing."""
    own = pki_module.self_signed(stage.folder, "elsewhere", "ec", "elsewhere.example")
    one = stage.keep(audit_log.Receiver("tls", ("127.0.0.1", 0), server_context(own)))
    ca = stage.pki.ca if wrong == "ca" else own["chain"]
    site = Site(stage, syslog=f"tls:127.0.0.1:{one.port}", ca=ca)
    failed = site.relay.expect("audit_failed", to="syslog")
    assert ("IP address mismatch" if wrong == "name" else "certificate") in failed["error"], failed
    site.link()
    assert not one.messages
    site.relay.stop()


def test_syslog_alone(stage):
    """Without a file the chain goes on over restarts by the seal."""
    one, settings = receiver(stage, "tcp")
    relay = stage.relay(links=[stage.link("127.0.0.1:9")], audit=settings)
    one.wait(lambda event: event["ev"] == "ready")
    relay.stop()
    one.wait(lambda event: event["ev"] == "stopped")
    relay.restart().stop()
    one.wait(lambda event: event["ev"] == "stopped" and int(event["seq"]) > 8)
    audit_log.check_chain(one.lines())


def test_nobody_reads_and_it_must_stop(stage):
    """The queue for a receiver that is away is full: on_failure decides."""
    site = Site(stage, syslog="tcp:127.0.0.1:9", on_failure="stop")
    link = site.relay.address("link", "node-a")
    for _ in range(40):
        for _ in range(100):
            try:
                stage.connect(link).rst()
            except OSError:
                break
        if not site.relay.is_running() or site.relay.events("audit_stop"):
            break
    assert site.relay.expect("audit_stop")["remedy"]
    assert site.relay.wait_end(30) == 1
    assert site.names().count("link_open") > 500  # so many waited before the first was lost
