# SPDX-License-Identifier: Apache-2.0
"""What is installed beside the program: the units' filter of system calls, and the shell's completion."""
import fnmatch
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile

import build
import libconfig
import manager
import peers
import program
import pytest

PACKAGING = build.ROOT / "packaging"

# The filter is the unit's, but a call that it does not permit ends the process instead of failing.
FILTERED = """import ctypes, os, sys
names, command = sys.argv[1].split(","), sys.argv[2:]
lib = ctypes.CDLL("libseccomp.so.2")
lib.seccomp_init.restype = ctypes.c_void_p
lib.seccomp_rule_add_array.argtypes = [ctypes.c_void_p, ctypes.c_uint32, ctypes.c_int, ctypes.c_uint, ctypes.c_void_p]
lib.seccomp_load.argtypes = [ctypes.c_void_p]
context = lib.seccomp_init(0x80000000)
for name in names:
    number = lib.seccomp_syscall_resolve_name(name.encode())
    if number >= 0:
        assert lib.seccomp_rule_add_array(context, 0x7fff0000, number, 0, None) == 0, name
assert lib.seccomp_load(context) == 0
os.execv(command[0], command)
"""


def members(word):
    """The calls of a set such as @privileged, or the call itself."""
    if not word.startswith("@"):
        return {word}
    said = subprocess.run(("systemd-analyze", "syscall-filter", word), capture_output=True, text=True, check=True).stdout
    words = [line.split()[0] for line in said.split("\n")[1:] if line.startswith("    ") and line.strip()[:1] != "#"]
    return set().union(*map(members, words))


def permitted(unit):
    calls = set()
    for line in re.findall(r"(?m)^SystemCallFilter=(.*)$", unit.read_text(encoding="utf-8")):
        named = set().union(*map(members, line.lstrip("~").split()))
        calls = calls - named if line.startswith("~") else calls | named
    return calls


@pytest.fixture
def home():
    """A folder that nobody owns, with all that a relay and an agent need."""
    with tempfile.TemporaryDirectory(prefix="georelay-") as folder:
        for words in (("init",), ("web", "127.0.0.1"), ("agent", "site-a")):
            subprocess.run((build.georelay(), "pki", *words, "--dir", folder), check=True, capture_output=True)
        yield pathlib.Path(folder)


def started(stage, home, name, unit, settings, *capabilities):
    """georelay as this unit would start it: its user, its capabilities, its filter, a manager with a watchdog."""
    path = home / f"{name}.conf"
    path.write_text(libconfig.settings({**settings, "log": {"level": "info", "file": str(home / f"{name}.log")}}))
    for one in [home, *home.rglob("*")]:
        os.chown(one, 65534, 65534)
    sets = ",".join(["-all", *(f"+{one}" for one in capabilities)])
    boss = stage.keep(manager.Manager(home, abstract=True))
    one = stage.add(program.Program(
        ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--no-new-privs", f"--inh-caps={sets}", f"--ambient-caps={sets}",
         f"--bounding-set={sets}", sys.executable, "-c", FILTERED, ",".join(sorted(permitted(PACKAGING / unit))), build.georelay(), "run",
         "-c", str(path)], name, prefix=boss.prefix(WATCHDOG_USEC=600_000)))
    assert boss.wait("READY=1"), f"{one.tail()}, {one.process.poll()}"
    return one, boss, home / f"{name}.log"


def listen_address(log, purpose):
    program.wait_for(lambda: f"ev=listen purpose={purpose} " in log.read_text())
    ip, port = re.search(rf"ev=listen purpose={purpose} .*?address=(\S+)", log.read_text())[1].rsplit(":", 1)
    return ip, int(port)


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("systemd-analyze") is None or build.is_sanitized(),
                    reason="needs root, systemd-analyze, and a program without sanitizers")
def test_the_units_permit_all_system_calls_that_are_made(stage, home):
    """Start with capabilities to give up, a link through the tunnel, names, logs opened again, counts, the control socket, drain."""
    server = stage.echo()
    relay, relay_boss, log = started(stage, home, "relay", "georelay.service.in", {
        "role": "relay", "state": str(home / "state"), "admin": {"socket": str(home / "control.sock")},
        "links": [stage.link(f"localhost:{server.address[1]}", listen=None, advise=stage.alias())],
        "web": [{"name": "main", "listen": ["127.0.0.1:0"], "certificates": [{"chain": "web.crt", "key": "web.key"}], "mode": "http",
                 "servers": [server.text]}],
        "tunnel": {"listen": ["127.0.0.1:0"], "chain": "relay.crt", "key": "relay.key", "ca": "ca.crt",
                   "agents": [{"name": "site-a", "links": ["node-a"], "clients": ["127.0.0.0/8"]}]}}, "net_bind_service", "net_raw")
    ip, port = listen_address(log, "tunnel")
    agent, agent_boss, agent_log = started(stage, home, "agent", "georelay-agent.service.in", {
        "role": "agent", "name": "site-a", "relays": [f"{ip}:{port}"], "chain": "site-a.crt", "key": "site-a.key", "ca": "ca.crt",
        "links": [{"name": "node-a", "listen": ["127.0.0.1:0"]}], "clients": ["127.0.0.0/8"]})
    program.wait_for(lambda: "ev=tunnel_up" in agent_log.read_text())
    with peers.connect(listen_address(agent_log, "link")) as client:
        client.send(b"x")
        assert client.read(1) == b"x"
        assert relay_boss.wait("STATUS=1 links") and agent_boss.wait("STATUS=1 links")
    prove = subprocess.run((build.georelay(), "prove", "-c", str(home / "relay.conf")), capture_output=True, text=True, check=False)
    assert "connections accepted since the start" in prove.stdout, prove
    for one, file in ((agent, agent_log), (relay, log)):
        one.signal(signal.SIGHUP)
        one.signal(signal.SIGUSR1)
        program.wait_for(lambda file=file: "ev=log_reopened" in file.read_text() and "ev=counts" in file.read_text())
        one.signal(signal.SIGTERM)
        assert one.wait_end(30) == 0, one.tail()
    assert "capabilities=- no_new_privs=yes" in log.read_text()


# ---- completion ----

def completed(*words):
    """What bash offers for the last of these words."""
    script = f"""georelay() {{ {build.georelay()} "$@"; }}
        source {PACKAGING}/completion.bash
        COMP_WORDS=(georelay "$@"); COMP_CWORD=$#; _georelay; printf '%s\\n' "${{COMPREPLY[@]}}" """
    result = subprocess.run(("bash", "-ec", script, "bash", *words), capture_output=True, text=True, timeout=60, check=False)
    assert not result.stderr, result.stderr
    return set(result.stdout.split("\n")) - {""}


# ---- rotation ----

def stanzas():
    """[(patterns, {directive: its words})] of the file for logrotate."""
    text = re.sub(r"(?m)^#.*\n", "", (PACKAGING / "logrotate").read_text(encoding="utf-8"))
    return [(names.split(), {line.split()[0]: line.split()[1:] for line in body.strip().splitlines()})
            for names, body in re.findall(r"([^{}]+?) \{\n(.*?)\n\}", text, re.DOTALL)]


def stanza_of(name):
    """The only one that takes this file, as glob(3) does."""
    (_, found), = [one for one in stanzas() for pattern in one[0] if fnmatch.fnmatchcase(f"/var/log/georelay/{name}", pattern)]
    return found


@pytest.mark.parametrize("name", ["georelay.log", "relay.log", "access.log", "agent.log"])
def test_logs_are_rotated_by_size_too(name):
    assert stanza_of(name)["maxsize"] and "postrotate" in stanza_of(name)


def test_the_audit_log_is_kept_for_a_year():
    """CIP-007 R4.3: 90 days, however much was written; and georelay must not find its file emptied."""
    audit = stanza_of("audit.log")
    assert "monthly" in audit and int(audit["rotate"][0]) >= 13 and "postrotate" in audit
    assert not {"size", "maxsize", "maxage", "copy", "copytruncate", "daily", "weekly"} & set(audit)


def commands():
    said = subprocess.run((build.georelay(), "--help"), capture_output=True, text=True, check=True).stdout
    return re.findall(r"(?m)^  ([a-z-]+) +\S", said)


def test_every_command_is_offered():
    assert len(commands()) >= 8
    assert completed("") >= set(commands()) and completed("ch") == {"check"} and completed("import") == {"import-iis"}


@pytest.mark.parametrize("command", ["run", "check", "firewall", "learn", "pki", "import-iis", "prove", "version"])
def test_every_option_is_offered(command):
    """As the tables in the program's source name them."""
    source = {"import-iis": "import"}.get(command, command)
    text = (build.ROOT / f"proxy/app/command_{source}.c").read_text(encoding="utf-8")
    rows = set(re.findall(r'\{(?:"(?:-\w)"|NULL), "(--[a-z-]+)"', text))
    assert rows or command == "version"
    offered = completed(command, "--")
    assert offered == rows | {"--help"} if command != "version" else offered <= {"--help"}
    shorts = set(re.findall(r'\{"(-\w)", "--', text))
    assert completed(command, "-") >= shorts


def test_values_are_offered(tmp_path):
    (tmp_path / "it.conf").touch()
    (tmp_path / "folder").mkdir()
    assert completed("run", "-c", f"{tmp_path}/") == {f"{tmp_path}/it.conf", f"{tmp_path}/folder"}
    assert completed("check", "--config", f"{tmp_path}/i") == {f"{tmp_path}/it.conf"}
    assert completed("pki", "--dir", f"{tmp_path}/") == {f"{tmp_path}/folder"}
    assert completed("import-iis", f"{tmp_path}/i") == {f"{tmp_path}/it.conf"}
    assert completed("firewall", "--format", "n") == {"nft", "netsh"}
    assert completed("firewall", "--place", "") == {"outer", "host", "inner", "outer,inner"}
    assert completed("pki", "") == {"init", "agent", "web", "list", "revoke", "renew"}
    assert not completed("check", "--probe", "x") and not completed("$(touch gone)", "--")
