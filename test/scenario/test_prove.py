# SPDX-License-Identifier: Apache-2.0
"""georelay prove, the accounts that it reads, and the control socket that it asks."""
import contextlib
import os
import pathlib
import re
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import time

import build
import dmz
import joined
import netns
import peers
import program
import prometheus
import pytest
import relay as relay_module
import test_audit

ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
CLIENTS = 8       # CONTROL_CLIENTS
PATIENCE = 5      # CONTROL_MS, in seconds
LINE = 256        # CONTROL_LINE_BYTES
ROWS = 4096       # ACCOUNT_PEERS
NOBODY = 65534


# ---- the socket, by hand ----

def knock(path):
    sock = socket.socket(socket.AF_UNIX)
    sock.settimeout(peers.DEADLINE)
    sock.connect(str(path))
    return sock


def read_all(sock):
    parts = []
    with contextlib.suppress(ConnectionResetError):
        while part := sock.recv(65536):
            parts.append(part)
    return b"".join(parts).decode()


def ask(path, request="accounts\n"):
    with knock(path) as sock:
        sock.sendall(request.encode())
        return read_all(sock)


def accounts(path):
    """{(purpose, dir, peer): (count, made)} of a whole answer."""
    lines = ask(path).splitlines()
    assert lines[0] == "georelay answer=accounts form=1", lines[0]
    rows = [dict(word.split("=", 1) for word in line.split()[1:]) for line in lines if line.startswith("account ")]
    assert lines[-1] == f"end rows={len(rows)}"
    return {(row["purpose"], row["dir"], row["peer"]): (int(row["count"]), int(row.get("made", -1))) for row in rows}


# ---- the command ----

class Report:
    def __init__(self, result):
        self.code, self.text = result.returncode, result.stdout + result.stderr
        self.lines = self.text.splitlines()
        self.verdict = self.lines[-1] if self.lines else ""

    def __repr__(self):
        return f"exit code {self.code}\n{self.text}"

    def section(self, title):
        """The lines below that headline."""
        at = self.lines.index("== " + title) + 1
        rest = self.lines[at:]
        return rest[:rest.index("")] if "" in rest else rest

    def rows(self, title):
        return [line.split() for line in self.section(title)]

    @property
    def findings(self):
        return [line.split(":")[0] for line in self.section("findings against the claim") if line != "none"]


def prove(config, prefix=()):
    return Report(subprocess.run([*prefix, build.georelay(), "prove", "-c", str(config)], capture_output=True, text=True, timeout=60,
                                 check=False))


def proved(config, prefix=()):
    report = prove(config, prefix)
    assert report.code == 0 and report.verdict.startswith("proved: ") and report.findings == [], report.text
    return report


def not_proved(config, *findings, prefix=()):
    report = prove(config, prefix)
    assert report.code == 1 and report.verdict.startswith("NOT proved: ") and report.findings == list(findings), report
    return report


# ---- a relay and an agent ----

def with_socket(stage, name):
    return {"socket": str(stage.folder / f"{name}.sock")}


def lay(stage, server, prefixes=((), ()), relay_ip="127.0.0.1", clients=None, agent_admin=None, agent=None,
        **more):
    """A relay and an agent with a control socket each, their spare channels open."""
    relay = stage.relay(prefix=prefixes[0], links=[stage.link(server.text, listen=None, advise=stage.alias())],
                        tunnel=stage.tunnel(stage.allow("site-a", clients=clients), listen=f"{relay_ip}:0"),
                        admin=with_socket(stage, "relay"), **more)
    settings = stage.agent_settings("site-a", relay.address_text("tunnel"), admin={**with_socket(stage, "agent"), **(agent_admin or {})},
                                    **(agent or {}))
    if clients:
        settings["clients"] = clients
    agent = stage.add(relay_module.Georelay(stage.folder, "agent", settings, prefix=prefixes[1]))
    agent.expect("tunnel_up")
    stage.remember(relay, agent)
    return relay, agent


def control_of(one):
    return one.settings["admin"]["socket"]


def links_and_advises(stage, server, agent, links, advises, client=None):
    """So many links of one client, so many advises to it; all are held."""
    client = client or stage.block[1]
    listener = stage.listener(ip=client, port=5500)
    for _ in range(links):
        stage.connect(agent.address("link"), bind=client)
        link = stage.keep(server.accept())
    for number in range(advises):
        stage.connect((link.remote[0], 5500)).send(b"%d" % number)
        stage.keep(listener.accept()).expect(b"%d" % number)


# ---- numbers ----

def test_numbers_are_exact(stage):
    """Links and advises of one client through relay and agent: each connection is in the accounts once, at both."""
    server = stage.listener()
    relay, agent = lay(stage, server)
    client, spares, links, advises = stage.block[1], 4, 3, 2
    before = accounts(control_of(relay))
    assert before == {("tunnel", "accepted", "127.0.0.1"): (1 + spares, -1)}
    links_and_advises(stage, server, agent, links, advises)
    agent.wait_counts({"spares": spares})
    relay.wait_counts({"spares": spares})
    tunnel = 1 + spares + links + advises  # each advise takes a spare channel, and another is opened
    assert accounts(control_of(relay)) == {("tunnel", "accepted", "127.0.0.1"): (tunnel, -1),
                                           ("advise", "accepted", "127.0.0.1"): (advises, -1),
                                           ("server", "opened", "127.0.0.1"): (links, links)}
    assert accounts(control_of(agent)) == {("link", "accepted", client): (links, -1),
                                           ("relay", "opened", "127.0.0.1"): (tunnel, tunnel),
                                           ("client", "opened", client): (advises, advises)}
    report = proved(relay.config)
    assert ["server", "127.0.0.1", str(links), str(links)] in report.rows("connections opened since the start")
    assert ["tunnel", "127.0.0.1", str(tunnel)] in report.rows("connections accepted since the start")
    now = report.rows("connections at this moment, as the kernel knows them")
    assert ["opened", "127.0.0.1", str(server.address[1]), str(links)] in now
    assert ["accepted", "127.0.0.1", str(relay.address("tunnel")[1]), str(tunnel)] in now
    assert ["accepted", "127.0.0.1", "5500", str(advises)] in now
    now = proved(agent.config).rows("connections at this moment, as the kernel knows them")
    assert sorted(now[1:]) == sorted([["accepted", client, str(agent.address("link")[1]), str(links)],
                                      ["opened", "127.0.0.1", str(relay.address("tunnel")[1]), str(tunnel)],
                                      ["opened", client, "5500", str(advises)]])


def test_dials_that_fail_are_told_apart(stage):
    port = peers.free_port()
    relay = stage.relay(links=[stage.link(f"127.0.0.1:{port}")], admin=with_socket(stage, "relay"))
    for _ in range(2):
        peers.connect_reset(relay.address("link"))
    assert accounts(control_of(relay)) == {("link", "accepted", "127.0.0.1"): (2, -1), ("server", "opened", "127.0.0.1"): (2, 0)}


def test_every_door_has_its_purpose(stage):
    """TLS, plain, redirect, the port that web and tunnel share; a web server's requests and its health checks; IPv6."""
    upstream = stage.recorder()
    shared = f"127.0.0.1:{peers.free_port()}"
    own, both = stage.site(upstream.text, tls=True), stage.web(upstream.text, listen=shared)
    own = {**own, "plain": ["[::1]:0"], "redirect_from": ["127.0.0.1:0"], "upstream": {"health": {"path": "/", "interval": 60}}}
    relay = stage.relay(web=[own, {**both, "name": "both"}], tunnel=stage.tunnel(stage.allow("site-a"), listen=shared),
                        links=[stage.link(upstream.text, listen=None, advise=stage.alias())], admin=with_socket(stage, "relay"))
    program.wait_for(lambda: ("health", "opened", "127.0.0.1") in accounts(control_of(relay)))
    for purpose in ("web", "plain", "redirect"):
        stage.connect(relay.address(purpose, "main"))
    stage.connect(relay.address("web", "both"))
    wanted = {("web", "accepted", "127.0.0.1"): (1, -1), ("plain", "accepted", "::1"): (1, -1),
              ("redirect", "accepted", "127.0.0.1"): (1, -1), ("shared", "accepted", "127.0.0.1"): (1, -1)}
    program.wait_for(lambda: wanted.items() <= accounts(control_of(relay)).items())
    http = stage.connect(relay.address("plain", "main"))
    http.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    http.expect(b"HTTP/1.1 200")
    assert accounts(control_of(relay))["upstream", "opened", "127.0.0.1"] == (1, 1)
    assert accounts(control_of(relay))["health", "opened", "127.0.0.1"] == (1, 1)


def test_more_peers_than_rows(stage):
    """The sums stay right, and what was opened has its own room: a flood of strangers hides nothing."""
    echo = stage.echo()
    relay = stage.relay(links=[stage.link(echo.text)], admin=with_socket(stage, "relay"), limits={"connections": 20})
    address, peers_count = relay.address("link"), ROWS + 150
    for number in range(peers_count):
        ip = f"{stage.block.prefix.rsplit('.', 1)[0]}.{200 + number // 250}.{1 + number % 250}"
        with contextlib.suppress(ConnectionResetError), socket.create_connection(address, source_address=(ip, 0)):
            pass
    program.wait_for(lambda: sum(count for count, _ in accounts(control_of(relay)).values() if _ == -1) == peers_count)
    rows = accounts(control_of(relay))
    assert rows["link", "accepted", "others"] == (150, -1)
    assert sum(way == "accepted" for _, way, _ in rows) == ROWS + 1
    assert ("server", "opened", "127.0.0.1") in rows
    slow_reader_holds_nobody(control_of(relay))


def slow_reader_holds_nobody(path):
    """An answer that is larger than the socket's buffer, and nobody reads it."""
    with knock(path) as sock:
        sock.sendall(b"accounts\n")
        start = time.monotonic()
        assert len(ask(path)) > 200 << 10
        assert time.monotonic() - start < PATIENCE / 2 * build.patience()
        with knock(path) as late:
            late.sendall(b"accounts\n")
            time.sleep(0.3)  # slow, but in time
            assert read_all(late).splitlines()[-1].startswith("end ")
        time.sleep(max(0, start + PATIENCE + 1 - time.monotonic()))  # the time that it is given
        cut = read_all(sock)
        assert cut.startswith("georelay answer=accounts") and "\nend " not in cut


# ---- verdicts ----

def test_relay_that_delivers_itself(stage):
    """With delivery = "direct" the relay opens advises to clients: the report says that it is configured, and that it happened."""
    server = stage.listener()
    relay = stage.relay(links=[stage.link(server.text, advise=stage.alias(delivery="direct"))], admin=with_socket(stage, "relay"),
                        tunnel=stage.tunnel(stage.allow("site-a")))
    report = not_proved(relay.config, "direct_delivery")
    assert "link node-a" in report.text and report.verdict == "NOT proved: 1 finding"
    links_and_advises(stage, server, relay, 1, 1)
    report = not_proved(relay.config, "direct_delivery", "opened_towards_clients", "opened_towards_clients")
    assert ["client", stage.block[1], "1", "1"] in report.rows("connections opened since the start")


def test_server_in_the_clients_network(stage):
    server = stage.listener(ip=stage.block[7])
    relay, agent = lay(stage, server)
    proved(relay.config)
    stage.connect(agent.address("link"), bind=stage.block[1])
    stage.keep(server.accept())
    not_proved(relay.config, "opened_towards_clients", "opened_towards_clients")


def test_stranger_at_the_agent(stage):
    server = stage.listener()
    _, agent = lay(stage, server)
    proved(agent.config)
    peers.connect_reset(agent.address("link"), bind="127.0.0.9")
    report = not_proved(agent.config, "accepted_from_stranger")
    assert "127.0.0.9" in report.text


@pytest.mark.parametrize("transport", ["tcp", "tls"])
def test_syslog_receiver(stage, transport):
    """The audit's connection to its receiver is in the accounts of relay and agent, and the configuration names it."""
    one, settings = test_audit.receiver(stage, transport)
    server = stage.listener()
    state = stage.folder / "agent-state"
    state.mkdir()
    relay, agent = lay(stage, server, audit=settings, agent={"audit": settings, "state": str(state)})
    one.wait(lambda event: event["ev"] == "relay_up")
    for role in (relay, agent):
        program.wait_for(lambda: accounts(control_of(role)).get(("syslog", "opened", "127.0.0.1")) == (1, 1))
        report = proved(role.config)
        assert ["syslog", "127.0.0.1/32", settings["syslog"]] in report.rows("who is who in the configuration")
        now = report.rows("connections at this moment, as the kernel knows them")
        assert ["opened", "127.0.0.1", str(one.port), "1"] in now


def test_prometheus_at_an_agent(stage):
    """Who reads the metrics is no client, and need not be one."""
    _, agent = lay(stage, stage.listener(), clients=[f"{stage.block[1]}/32"], agent_admin={"listen": [f"127.0.0.1:{peers.free_port()}"]})
    prometheus.metrics(agent)
    with stage.connect(agent.address("admin")):  # the kernel sees this one
        program.wait_for(lambda: accounts(control_of(agent)).get(("admin", "accepted", "127.0.0.1")) == (2, -1))
        report = proved(agent.config)
    assert ["admin", "127.0.0.1", "2"] in report.rows("connections accepted since the start")
    assert ["accepted", "127.0.0.1", str(agent.address("admin")[1]), "1"] in report.rows("connections at this moment, as the kernel knows them")


def test_relay_without_named_clients(stage):
    relay = stage.relay(links=[stage.link("127.0.0.1:9")], admin=with_socket(stage, "relay"))
    not_proved(relay.config, "no_networks")


def test_other_and_changed_configuration(stage):
    server = stage.listener()
    relay, _ = lay(stage, server)
    proved(relay.config)
    other = stage.folder / "other.conf"
    shutil.copy(relay.config, other)
    not_proved(other, "other_configuration")
    os.utime(relay.config)
    proved(relay.config)  # it is what is in it that counts
    whole = relay.config.read_text()
    relay.config.write_text(whole + "# another line\n")
    not_proved(relay.config, "configuration_changed")
    relay.config.write_text(whole)
    proved(os.path.relpath(relay.config))


def test_after_a_reload(stage):
    """What is in use is what the last reload took; a file that was refused, or not read yet, is another one."""
    relay, agent = lay(stage, stage.listener())
    first = proved(agent.config)
    assert "generation:    1" in first.section("the process")
    agent.reload(timeouts={"dial": 4})
    second = proved(agent.config)
    assert any(line.startswith("generation:    2; what follows is since the start") for line in second.section("the process"))
    assert second.verdict.endswith(", judged by the configuration in use now")
    assert [line for line in second.lines if line.startswith("hash: ")] != [line for line in first.lines if line.startswith("hash: ")]
    agent.config.write_text(agent.config.read_text() + "# not read yet\n")
    not_proved(agent.config, "configuration_changed")
    mark = agent.mark()
    agent.signal(signal.SIGHUP)
    assert agent.expect("reloaded", mark)["changed"] == "none"
    proved(agent.config)
    relay.reload(timeouts={"dial": 4})
    proved(relay.config)


def test_relay_that_was_removed(stage):
    """The accounts go back to the start: who was a relay before the reload is told as such, not as a stranger alone."""
    relay, agent = lay(stage, stage.listener())
    agent.reload(relays=[f"127.0.0.9:{relay.address('tunnel')[1]}"])
    report = prove(agent.config)
    found = report.section("findings against the claim")
    assert report.code == 1 and set(report.findings) == {"opened_to_stranger"}, report  # a second one while old channels close
    assert all(line.endswith("; there was a reload since the start, so it may be a peer of a former configuration") for line in found), found
    since = agent.mark()
    agent.reload(relays=[relay.address_text("tunnel")])
    agent.expect("tunnel_up", since)
    stage.remember(relay, agent)


@pytest.fixture
def joined_stage(tmp_path, pki, request):
    yield from joined.played(joined.Joined(tmp_path, pki), request)


def test_both_agents(joined_stage):
    """With an agent beside the server too, the relay opens nothing at all."""
    stage, server, spares = joined_stage, joined_stage.listener(), 4
    relay = stage.relay(links=[stage.link("node-a@plant", listen=None)], admin=with_socket(stage, "relay"),
                        tunnel=stage.tunnel(stage.allow("site-a"), joined.PLANT))
    plant = stage.plant(relay, ("node-a", server.text, stage.alias()), admin=with_socket(stage, "plant"))
    agent = stage.agent("site-a", relay, admin=with_socket(stage, "agent"))
    stage.remember(relay, plant, agent)
    links_and_advises(stage, server, agent, 2, 1)
    relay.wait_counts({"spares": 2 * spares})  # an agent counts those that it has not dialled yet
    tunnel = 1 + spares + 2 + 1  # from each of the two: an own channel, or a spare one that is replaced
    assert accounts(control_of(relay)) == {("tunnel", "accepted", "127.0.0.1"): (2 * tunnel, -1)}
    assert accounts(control_of(plant)) == {("relay", "opened", "127.0.0.1"): (tunnel, tunnel),
                                           ("server", "opened", "127.0.0.1"): (2, 2),
                                           ("advise", "accepted", "127.0.0.1"): (1, -1)}
    assert accounts(control_of(agent))["relay", "opened", "127.0.0.1"] == (tunnel, tunnel)
    for one in (relay, plant, agent):
        proved(one.config)


# ---- nobody answers ----

def test_process_that_cannot_be_asked(stage):
    relay = stage.relay(links=[stage.link("127.0.0.1:9")], admin=with_socket(stage, "relay"))
    relay.kill()
    for remedy in ("left behind by one that has ended", "start georelay"):
        report = prove(relay.config)
        assert report.code == 1 and report.verdict == "NOT proved: the process could not be asked", report
        assert "not reached: " in report.text and remedy in report.text, report
        pathlib.Path(control_of(relay)).unlink(missing_ok=True)
    relay.rewrite({key: text for key, text in relay.settings.items() if key != "admin"})
    report = prove(relay.config)
    assert report.code == 1 and 'set "socket" in the group "admin"' in report.text, report


def test_process_that_hangs(stage):
    """Frozen: the command gives up by itself."""
    relay = stage.relay(links=[stage.link("127.0.0.1:9")], admin=with_socket(stage, "relay"))
    relay.freeze()
    report = prove(relay.config)
    relay.thaw()
    assert report.code == 1 and report.verdict == "NOT proved: the process could not be asked", report


def test_usage(stage):
    broken = stage.folder / "broken.conf"
    broken.write_text('role = "relay"; admin = { socke = "x"; };')
    assert prove(broken).code == 2
    assert prove(stage.folder / "missing.conf").code == 2
    run = subprocess.run([build.georelay(), "prove", "--nonsense"], capture_output=True, timeout=20, check=False)
    assert run.returncode == 2


# ---- who may ask ----

@pytest.fixture
def open_folder():
    """One that every user may enter."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="georelay-prove-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def as_user(uid):
    return ("setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups")


@ROOT_ONLY
def test_rights(stage, open_folder):
    """The socket is for the user that georelay becomes, and for root."""
    path = open_folder / "run" / "control.sock"
    relay = stage.relay(links=[stage.link("127.0.0.1:9", listen=None, advise=stage.alias())], user="nobody",
                        tunnel=stage.tunnel(stage.allow("site-a")), admin={"socket": str(path)}, state=str(open_folder / "state"))
    whole, folder = path.stat(), path.parent.stat()
    assert stat.S_ISSOCK(whole.st_mode) and stat.S_IMODE(whole.st_mode) == 0o660 and whole.st_uid == NOBODY
    assert folder.st_uid == NOBODY and not folder.st_mode & 0o007
    config = pathlib.Path(shutil.copy(relay.config, open_folder))
    config.chmod(0o644)
    report = prove(config, as_user(NOBODY))
    assert report.code == 1 and report.findings == ["other_configuration"], report  # for the rest it has no objection
    assert "only root may read" in report.text and "not read: " in report.text
    path.parent.chmod(0o755)
    report = prove(config, as_user(NOBODY - 1))
    assert "Permission denied" in report.text and "as root or as the user of georelay" in report.text, report
    report = proved(relay.config)  # it may not read its file any more, and so can't have reloaded it
    assert any(line.endswith("the files on disk were not written to since the start") for line in report.section("the process"))
    os.utime(relay.config)
    not_proved(relay.config, "configuration_changed")
    relay.stop()
    assert not path.exists()


# ---- what the firewall and the kernel add ----

@pytest.fixture
def cable():
    with netns.Cable() as one:
        yield one


@ROOT_ONLY
def test_in_namespaces(stage, cable):
    """Relay near, agent and clients far. A stateful firewall on the relay's machine: the kernel says who opened what, and counts."""
    netns.run(*cable.near.prefix, "nft", "-f", "-", text="""
        table inet georelay {
            counter opened_towards_clients { }
            counter opened_towards_relay { }
            chain out { type filter hook output priority 0; ct state new ip daddr 10.77.0.2 counter name opened_towards_clients; }
            chain in { type filter hook input priority 0; ct state new ip saddr 10.77.0.2 counter name opened_towards_relay; }
        }""")
    with cable.near.inside():
        server = stage.listener()
    relay, agent = lay(stage, server, (cable.near.prefix, cable.far.prefix), cable.near.ip, ["10.77.0.2/32"])
    with cable.far.inside():
        listener = stage.listener(ip=cable.far.ip, port=5500)
        settings = agent.address("link")
        stage.connect(settings, bind=cable.far.ip)
    link = stage.keep(server.accept())
    with cable.near.inside():
        stage.connect((link.remote[0], 5500)).send(b"alarm")
    stage.keep(listener.accept()).expect(b"alarm")
    agent.wait_counts({"spares": 4})
    report = proved(relay.config, cable.near.prefix)
    counters = {row[2]: int(row[3]) for row in report.rows("counters of this machine's firewall")}
    assert counters == {"opened_towards_clients": 0, "opened_towards_relay": 1 + 4 + 1 + 1}
    assert accounts(control_of(relay))["tunnel", "accepted", "10.77.0.2"] == (7, -1)
    assert report.section("who opened them, as connection tracking knows it")[0].startswith("read: ")
    proved(agent.config, cable.far.prefix)
    outside = proved(relay.config)
    assert "runs in another network namespace" in outside.text
    with cable.far.inside():
        stage.listener(ip=cable.far.ip, port=7000)
    with cable.near.inside():
        stage.connect((cable.far.ip, 7000))  # not georelay's, but the counter can't know
    report = not_proved(relay.config, "counter", prefix=cable.near.prefix)
    assert "inet georelay opened_towards_clients stands at 1" in report.text


@ROOT_ONLY
def test_intercepted_advise(stage):
    """Of a connection that a TPROXY rule leads to us neither end is a listener's: it is known as accepted all the same."""
    with dmz.Dmz(stage) as site:
        ip = dmz.CLIENTS[4][0]
        site.intercept()
        server = site.at_server()
        relay = site.start([site.link(addressing="transparent")], admin={"socket": str(site.folder / "control.sock")})
        listener = site.at_client(ip, 40123)
        site.open_link(ip)
        stage.keep(server.accept())
        site.advise(ip, 40123).send(b"alarm")
        stage.keep(listener.accept()).expect(b"alarm")
        assert accounts(control_of(relay)) == {("link", "accepted", ip): (1, -1), ("advise", "accepted", dmz.SERVER[4]): (1, -1),
                                               ("server", "opened", dmz.SERVER[4]): (1, 1), ("client", "opened", ip): (1, 1)}
        report = not_proved(relay.config, "direct_delivery", "no_networks", "opened_towards_clients", prefix=site.relay.prefix)
        assert sorted(report.rows("connections at this moment, as the kernel knows them")[1:]) == sorted([
            ["accepted", ip, "5481", "1"], ["accepted", dmz.SERVER[4], "40123", "1"],
            ["opened", dmz.SERVER[4], "5481", "1"], ["opened", ip, "40123", "1"]])


# ---- the socket's life ----

def test_unknown_requests_and_garbage(stage):
    relay = stage.relay(links=[stage.link("127.0.0.1:9")], admin=with_socket(stage, "relay"))
    path = control_of(relay)
    unknown = "georelay error=unknown_request known=accounts,status,kill,island\n"
    whole = re.compile(r"georelay answer=accounts form=1\n.*\nend rows=0\n", re.S)
    for request in ("weather\n", "\n", "accounts \n", "ACCOUNTS\n", "accountsaccounts\n", "\x00\x01\x02\n", "x" * LINE, "x" * 100000):
        with knock(path) as sock:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                sock.sendall(request.encode())
            assert read_all(sock) == unknown, request[:20]
    assert whole.fullmatch(ask(path, "accounts\nmore than asked for\n"))
    with knock(path) as sock:
        for byte in b"accounts":
            sock.send(bytes([byte]))
        sock.shutdown(socket.SHUT_WR)  # the last line needs no end
        assert whole.fullmatch(read_all(sock))
    with knock(path):
        pass
    assert whole.fullmatch(ask(path))


def test_silent_and_many_clients(stage):
    """More than there is room for, and none says a word: the next one is served as soon as their time is over."""
    relay = stage.relay(links=[stage.link("127.0.0.1:9")], admin=with_socket(stage, "relay"))
    path = control_of(relay)
    start = time.monotonic()
    silent = [stage.keep(knock(path)) for _ in range(CLIENTS)]
    with knock(path) as sock:
        sock.sendall(b"accounts\n")
        assert read_all(sock).startswith("georelay answer=accounts")
    assert PATIENCE * 0.9 < time.monotonic() - start < (PATIENCE + 3) * build.patience()
    for sock in silent:
        assert sock.recv(1) == b""
    silent = [stage.keep(knock(path)) for _ in range(CLIENTS)]
    silent[3].close()
    start = time.monotonic()
    assert ask(path).startswith("georelay answer=accounts")
    assert time.monotonic() - start < PATIENCE / 2 * build.patience()


def test_out_of_file_descriptors(stage):
    """Who asks waits, nothing spins, and when files are free again there is an answer."""
    relay = stage.relay(links=[stage.link(stage.echo().text)], workers=1, files=80, admin=with_socket(stage, "relay"))
    links = []
    for _ in range(100):
        with contextlib.suppress(ConnectionResetError):
            links.append(stage.connect(relay.address("link")))
    assert relay.wait("accept_paused") or relay.wait("refuse", why="no_files"), relay.tail()
    stage.keep(knock(control_of(relay)))  # takes the one that may be left
    waiting = stage.keep(knock(control_of(relay)))
    waiting.sendall(b"accounts\n")
    cpu = relay.cpu_seconds()
    time.sleep(1)  # the time over which is measured; nothing is waited for
    assert relay.cpu_seconds() - cpu < 0.3, f"{relay.cpu_seconds() - cpu} s of CPU in a second without files"
    for link in links:
        link.rst()
    assert read_all(waiting).startswith("georelay answer=accounts")


def test_end_with_clients_connected(stage):
    relay = stage.relay(links=[stage.link("127.0.0.1:9")], admin=with_socket(stage, "relay"))
    stage.keep(knock(control_of(relay)))
    relay.stop()
    assert not os.path.exists(control_of(relay))


def start_fails(relay, code=1):
    """What a second process with this configuration says."""
    run = subprocess.run([build.georelay(), "run", "-c", str(relay.config)], capture_output=True, text=True, timeout=20, check=False)
    assert run.returncode == code, run
    return run.stderr


def test_file_of_another_process(stage):
    relay = stage.relay(links=[stage.link("127.0.0.1:9")], admin=with_socket(stage, "relay"))
    path = pathlib.Path(control_of(relay))
    said = start_fails(relay)
    assert "another process answers there" in said and 'give each its own "socket"' in said
    assert ask(path).startswith("georelay answer=accounts")  # the one that runs still has it
    relay.kill()
    assert path.exists()
    relay.restart()  # a stale file is replaced
    assert ask(path).startswith("georelay answer=accounts")
    relay.stop()
    assert not path.exists()
    path.write_text("precious")
    assert "is no socket" in start_fails(relay, code=2)
    assert path.read_text() == "precious"
    path.unlink()


def test_file_that_was_replaced_stays(stage):
    """What somebody else put there is not ours to remove."""
    relay = stage.relay(links=[stage.link("127.0.0.1:9")], admin=with_socket(stage, "relay"))
    path = pathlib.Path(control_of(relay))
    path.unlink()
    path.write_text("another's")
    relay.stop()
    assert path.read_text() == "another's"
