# SPDX-License-Identifier: Apache-2.0
"""The doctor: each kind of finding is provoked, its printed remedy is carried out to the letter, and the finding is gone.

What is carried out is parsed from the line: a command behind "run:", a setting behind "set:". Words in capitals are filled in by the
story, as an administrator would. Commands that are not on this machine (a Windows client's netsh), or must not touch it (the clock),
are small programs in a folder of their own that do in the lab what the true ones do.
"""
import functools
import json
import os
import pathlib
import re
import shutil
import socket
import ssl
import subprocess
import threading
import time

import build
import http1
import libconfig
import peers
import pki as pki_module
import pytest
import topology
import tunnel as peer_tunnel
from stories import lab, needs_lab  # noqa: F401
from test_probe import Probe, agent, alias, link, open_lab, script, server, transparent  # noqa: F401
from test_renewal import aged

pytestmark = needs_lab
ROOT = pathlib.Path(__file__).resolve().parents[2]
KINDS = dict(re.findall(r'^X\(\w+, "(\w+)", "([^"]+)"\)$', (ROOT / "proxy/app/probe.def").read_text(), re.M))
PROVOKED = {}  # kind: names of the stories that provoke it

CLOCK = r"""
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

/* The clock is wrong, and nobody keeps it right, until the file is there. */
static int is_kept(void) { return access(getenv("DOCTOR_CLOCK"), F_OK) == 0; }

int adjtimex(struct timex *t)
{
    memset(t, 0, sizeof(*t));
    t->status = is_kept() ? 0 : STA_UNSYNC;
    return is_kept() ? TIME_OK : TIME_ERROR;
}

time_t time(time_t *ret)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (!is_kept())
        now.tv_sec += atol(getenv("DOCTOR_SHIFT"));
    if (ret != NULL)
        *ret = now.tv_sec;
    return now.tv_sec;
}
"""

# netsh of a Windows machine: what it permits is permitted in the namespace that it runs in.
NETSH = """#!/bin/sh
for word in "$@"; do case "$word" in
  dir=*|action=*|protocol=*|localport=*|remoteip=*) eval "${word%%=*}='${word#*=}'" ;;
esac; done
[ "$1 $2 $3 $4 $dir $action $protocol" = "advfirewall firewall add rule in allow TCP" ] || exit 1
nft insert rule inet pc in ip saddr "$remoteip" tcp dport "$localport" accept
"""


def about(*kinds):
    """Says what a story provokes."""
    def note(story):
        for kind in kinds:
            PROVOKED.setdefault(kind, []).append(story.__name__)
        return story
    return note


class Doctor:
    """A patient: a configuration on a machine, and the administrator who reads what the doctor says."""

    def __init__(self, lab, settings, machine="host", user=(), tools=None):  # noqa: F811
        self.lab, self.settings, self.machine, self.user = lab, settings, machine, user
        self.tools = tools or lab.home
        self.says = None

    def look(self):
        self.says = Probe(self.lab, self.settings, self.machine, self.user)
        return self.says

    def finds(self, level, kind, *words):
        """Provoked: the line is there."""
        probe = self.look()
        line = probe.has(level, f"{level}: {kind}: ", *words)
        assert kind in KINDS and (probe.code > 0) == ("\nerror: " in probe.text), probe.text
        return line

    def carry_out(self, line, at=None, **fill):
        """The remedy, word by word; at a machine of the lab, ours if the remedy says nothing else."""
        remedy = line.split("; remedy: ")[1]
        where, verb, words = re.fullmatch(r"(?:on ([^,]+), )?(run|set): (.+?)(?:; (?:or|and|if) .*)?", remedy).groups()
        assert (where is None) == (at is None), remedy
        for placeholder, value in fill.items():
            assert placeholder in words, words
            words = words.replace(placeholder, value)
        if verb == "set":
            self.set(words)
        else:
            self.run(words, at or self.machine)
        return words

    def run(self, command, at):
        environment = {**os.environ, "PATH": f"{self.tools}:{self.lab.home}:{os.environ['PATH']}"}
        done = subprocess.run([*self.lab[at].prefix, "sh", "-e", "-c", command], capture_output=True, text=True, timeout=60, check=False, env=environment)
        assert done.returncode == 0, f"{command}: {done.stderr}"

    def set(self, words):
        """NAME.NAME = VALUE, where "upstream" is that of the only web door."""
        path, value = re.fullmatch(r"([a-z_.]+) = (\S+|\".*\")", words).groups()
        *groups, name = path.split(".")
        place = self.settings["web"][0] if groups[:1] == ["upstream"] else self.settings
        for group in groups:
            place = place.setdefault(group, {})
        place[name] = json.loads(value)

    def is_well(self, kind, *words, level="ok"):
        """The finding is gone: what was tried is good now, or (level None) no line has these words any more."""
        probe = self.look()
        if level is not None:
            probe.has(level, f"{level}: {kind}: ", *words)
        bad = [line for line in probe.text.splitlines() if re.match(rf"(warning|error): {kind}: ", line) and all(word in line for word in words)]
        assert not bad, probe.text
        return probe


@pytest.fixture
def tools(open_lab, tmp_path):  # noqa: F811
    """A folder for programs that are not those of this machine; gone is what they left on the lab's machines."""
    folder = open_lab.home / f"tools-{tmp_path.name}"
    folder.mkdir()
    return folder


def program(folder, name, text):
    (folder / name).write_text(text)
    (folder / name).chmod(0o755)


def inside(lab, machine, make, *words, **options):  # noqa: F811
    with lab[machine].inside():
        return make(*words, **options)


def plain_web(lab, port=8080, **more):  # noqa: F811
    return {"name": "main", "plain": [lab["host"].at(8081)], "servers": [lab["server"].at(port)], **more}


def tunnel(lab, *agents, **more):  # noqa: F811
    return {"listen": [lab["host"].at(8443)], **lab.pki.identity("relay"), "ca": lab.pki.ca, "agents": list(agents), **more}


def row(lab, name="site-a"):  # noqa: F811
    lab.pki.agent(name)
    return {"name": name, "links": ["node-a"], "clients": [topology.subnet("clients")]}


class Running:
    """georelay itself on a machine, with a control socket, until the story is over."""

    def __init__(self, lab, folder, settings, machine="host", prefix=()):  # noqa: F811
        self.socket = str(folder / "control.sock")
        self.settings = {"state": str(folder), **settings, "admin": {"socket": self.socket}, "log": {"level": "info"}}
        path = folder / "running.conf"
        path.write_text(libconfig.settings({"role": "relay", **self.settings}))
        self.lines = []
        self.changed = threading.Condition()
        self.process = subprocess.Popen([*lab[machine].prefix, *prefix, lab.georelay, "run", "-c", str(path)], stderr=subprocess.PIPE, text=True)
        threading.Thread(target=self._read, daemon=True).start()
        self.waits_for("ev=ready")

    def _read(self):
        for line in self.process.stderr:
            with self.changed:
                self.lines.append(line)
                self.changed.notify_all()

    def waits_for(self, *words):
        with self.changed:
            there = self.changed.wait_for(lambda: any(all(word in line for word in words) for line in self.lines), peers.DEADLINE * build.patience())
        assert there, f"no line with {words}:\n{''.join(self.lines)}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(30)


# ---- the list of findings ----

def test_every_kind_is_provoked():
    assert sorted(PROVOKED) == sorted(KINDS), set(KINDS) ^ set(PROVOKED)


def test_the_manual_has_every_kind():
    page = (ROOT / "docs/georelay.8").read_text().partition(".Sh TRYING WITHOUT STARTING")[2].partition("\n.Sh ")[0]
    rows = dict(re.findall(r"^\.It Li (\w+)\n(.+?)$", page, re.M))
    assert set(rows) == set(KINDS), set(rows) ^ set(KINDS)
    for kind, tried in KINDS.items():
        assert rows[kind].rstrip(".").lower() == tried.lower(), kind


# ---- files ----

@about("file")
def test_a_key_that_others_may_read(open_lab, server, tmp_path):  # noqa: F811
    """Files that are no good are told with everything else; the exit code says that the start would fail."""
    for name in ("relay.crt", "relay.key", "ca.crt"):
        shutil.copy(open_lab.pki.path(name), tmp_path)
    key = tmp_path / "relay.key"
    key.chmod(0o644)
    whole = tunnel(open_lab, row(open_lab), chain=str(tmp_path / "relay.crt"), key=str(key))
    doctor = Doctor(open_lab, {"links": [link(open_lab, listen=None)], "tunnel": whole})
    doctor.carry_out(doctor.finds("error", "file", str(key), "mode 0644"))
    assert doctor.says.code == 2 and len(doctor.says.errors_found) == 1
    doctor.says.has("ok", "can listen on " + open_lab["host"].at(8443))
    doctor.is_well("file", "are good")
    assert key.stat().st_mode & 0o777 == 0o600


@about("file")
def test_ticket_keys_of_a_wrong_length(open_lab, server, tmp_path):  # noqa: F811
    keys = tmp_path / "ticket.keys"
    keys.write_bytes(b"x" * 70)
    keys.chmod(0o600)
    doctor = Doctor(open_lab, {"links": [link(open_lab)], "tls": {"ticket_keys": str(keys)}})
    doctor.carry_out(doctor.finds("error", "file", str(keys), "70 bytes"))
    doctor.is_well("file", "are good")


@about("file")
def test_an_audit_key_that_is_too_short(open_lab, server, tmp_path):  # noqa: F811
    key = tmp_path / "audit.key"
    key.write_text("short")
    key.chmod(0o600)
    doctor = Doctor(open_lab, {"links": [link(open_lab)], "audit": {"file": str(tmp_path / "audit.log"), "key": str(key)}})
    doctor.carry_out(doctor.finds("error", "file", "audit key", "16 to 256"))
    doctor.is_well("file", "audit key", "is good")


# ---- who we are ----

def own_etc(tmp_path):
    """Words before a command that let it see a copy of /etc."""
    shutil.copytree("/etc", tmp_path / "etc", symlinks=True)
    return ("unshare", "--mount", "sh", "-c", f'mount --bind {tmp_path}/etc /etc && exec "$@"', "sh")


@about("user")
def test_no_user_and_one_that_does_not_exist(open_lab, server, tmp_path):  # noqa: F811
    own = own_etc(tmp_path)
    doctor = Doctor(open_lab, {"links": [link(open_lab)]}, user=(*open_lab["host"].prefix, *own))
    doctor.carry_out(doctor.finds("warning", "user", "georelay stays root"))
    assert doctor.settings["user"] == "georelay"
    command = doctor.finds("error", "user", "there is no user georelay").split("; remedy: run: ")[1]
    done = subprocess.run([*own, "sh", "-c", command], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    doctor.is_well("user", "the user georelay exists")


@about("user")
def test_a_process_of_another_user(open_lab, server, tmp_path, tools):  # noqa: F811
    settings = {"links": [link(open_lab)]}
    with Running(open_lab, tmp_path, settings) as running:
        doctor = Doctor(open_lab, {**running.settings, "user": "nobody"}, tools=tools)
        line = doctor.finds("warning", "user", f"process {running.process.pid} is the user 0, not nobody")
    assert line.endswith("; remedy: run: systemctl restart georelay")
    tmp_path.chmod(0o755)
    for path in tmp_path.parents:
        if path.stat().st_uid == 0 and str(path).startswith("/tmp/pytest"):
            path.chmod(0o755)
    with Running(open_lab, tmp_path, {**settings, "user": "nobody"}):
        doctor.is_well("user", "is the user nobody")


@about("limit")
def test_few_files(open_lab, server):  # noqa: F811
    user = ("prlimit", "--nofile=5024:5024", *open_lab["host"].user())
    doctor = Doctor(open_lab, {"links": [link(open_lab)]}, user=user)
    assert doctor.carry_out(doctor.finds("warning", "limit", "only 5024 files", "41024")) == "limits.connections = 2000"
    doctor.is_well("limit", "5024 files may be open")


@about("limit")
def test_few_files_of_the_running_process(open_lab, server, tmp_path):  # noqa: F811
    settings = {"links": [link(open_lab)]}
    with Running(open_lab, tmp_path, settings, prefix=("prlimit", "--nofile=2048:2048", "setpriv", "--bounding-set=-sys_resource")) as running:
        doctor = Doctor(open_lab, running.settings)
        assert doctor.carry_out(doctor.finds("warning", "limit", "only 2048 files", "in the running process")) == "limits.connections = 512"
        doctor.is_well("limit", "running process", level=None)


# ---- folders, logs, what is read ----

@pytest.fixture
def place(open_lab, tmp_path):  # noqa: F811
    """A folder that every user may pass through."""
    folder = open_lab.home / f"place-{tmp_path.name}"
    folder.mkdir()
    return folder


@about("folder")
def test_folders(open_lab, server, place):  # noqa: F811
    state = place / "state"
    state.mkdir(mode=0o700)
    settings = {"user": "nobody", "state": str(state), "links": [link(open_lab, advise=alias())]}
    settings["admin"] = {"socket": str(place / "run" / "here" / "control.sock")}
    settings["tunnel"] = tunnel(open_lab, row(open_lab), requests=str(place / "requests"))
    (place / "requests").mkdir()
    doctor = Doctor(open_lab, settings)
    doctor.carry_out(doctor.finds("warning", "folder", "state folder", str(state)))
    assert doctor.carry_out(doctor.finds("error", "folder", "control socket", str(place / "run" / "here"))).startswith("install -d ")
    doctor.carry_out(doctor.finds("error", "folder", "folder of requests"))
    probe = doctor.is_well("folder", "state folder", "nobody may write")
    assert not re.search("^(warning|error): folder: ", probe.text, re.M), probe.text


@about("log")
def test_logs(open_lab, server, place):  # noqa: F811
    (place / "audit.log").touch(mode=0o600)
    (place / "access").mkdir()
    settings = {"user": "nobody", "state": str(place), "links": [link(open_lab)], "log": {"file": str(place / "logs" / "georelay.log")},
                "audit": {"file": str(place / "audit.log")}, "access": {"file": str(place / "access" / "web.log")}}
    settings["web"] = [plain_web(open_lab)]
    doctor = Doctor(open_lab, settings)
    for words in (("the log ", "No such file"), ("the audit log ", "Permission denied"), ("the access log ",)):
        doctor.carry_out(doctor.finds("error", "log", *words))
        doctor.is_well("log", *words[:1])


@about("read")
def test_what_a_reload_could_not_read(open_lab, server, place):  # noqa: F811
    identity = pki_module.self_signed(place, "web", "ec", "scada.example")
    closed = place / "closed"
    closed.mkdir(mode=0o700)
    (closed / "token").write_text("0123456789abcdef\n")
    (closed / "token").chmod(0o600)
    os.chown(closed / "token", 65534, 65534)
    pathlib.Path(identity["chain"]).chmod(0o600)
    web = {"name": "main", "listen": [open_lab["host"].at(8444)], "certificates": [identity], "mode": "tcp", "servers": [open_lab["server"].at(5481)]}
    settings = {"user": "nobody", "links": [link(open_lab)], "web": [web],
                "admin": {"listen": ["127.0.0.1:9101"], "token_file": str(closed / "token")}}
    doctor = Doctor(open_lab, settings)
    for path in (identity["key"], identity["chain"], str(closed / "token")):
        doctor.carry_out(doctor.finds("warning", "read", path))
    doctor.is_well("read", "nobody may read again")


# ---- certificates ----

def issue(folder, name, ca=None, days=(-1, 300), extensions=()):
    """A certificate of `ca`, or a root: path of it; NAME.key beside it."""
    folder = pathlib.Path(folder)
    work = folder / f"issue-{name}"
    work.mkdir()
    (work / "index.txt").touch()
    lines = "\n".join(extensions or [f"subjectAltName=DNS:{name}"])
    (work / "ca.cnf").write_text(
        f"[ca]\ndefault_ca = d\n[d]\ndatabase = {work}/index.txt\nnew_certs_dir = {work}\nrand_serial = yes\ndefault_md = sha256\n"
        f"policy = p\nx509_extensions = e\n[p]\ncommonName = supplied\n[e]\n{lines}\n")
    key, chain = str(folder / f"{name}.key"), str(folder / f"{name}.crt")
    pki_module.openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out",
                       str(work / "request.pem"), "-subj", f"/CN={name}")
    signer = ("-cert", str(folder / f"{ca}.crt"), "-keyfile", str(folder / f"{ca}.key")) if ca else ("-selfsign", "-keyfile", key)
    dates = [time.strftime("%Y%m%d%H%M%SZ", time.gmtime(time.time() + day * 86400)) for day in days]
    pki_module.openssl("ca", "-batch", "-config", str(work / "ca.cnf"), *signer, "-notext", "-startdate", dates[0], "-enddate", dates[1],
                       "-in", str(work / "request.pem"), "-out", chain)
    pathlib.Path(key).chmod(0o600)
    return {"chain": chain, "key": key}


CA = ("basicConstraints=critical,CA:TRUE",)


def web_tls(lab, identity, **more):  # noqa: F811
    return {"name": "main", "listen": [lab["host"].at(8444)], "certificates": [identity], "mode": "tcp", "servers": [lab["server"].at(5481)], **more}


@about("certificate")
@pytest.mark.parametrize("days", [20, -2])
def test_a_certificate_that_ends(open_lab, server, tmp_path, days):  # noqa: F811
    """Soon, or it has already; of our own small CA, whose command makes the next."""
    own = pki_module.Pki(tmp_path / "pki")
    (tmp_path / "pki" / "issue").mkdir()
    for name in ("ca.crt", "ca.key"):
        shutil.copy(own.path(name), tmp_path / "pki" / "issue")
    made = issue(tmp_path / "pki" / "issue", "scada.example", "ca", days=(-300, days))
    for part, name in (("chain", "web.crt"), ("key", "web.key")):
        shutil.copy(made[part], own.path(name))
    doctor = Doctor(open_lab, {"web": [web_tls(open_lab, own.identity("web"))]})
    level, words = ("error", "has expired") if days < 0 else ("warning", "expires on")
    line = doctor.finds(level, "certificate", own.path("web.crt"), "scada.example", words)
    assert doctor.says.code == (2 if days < 0 else 0)
    doctor.carry_out(line)
    doctor.is_well("certificate", own.path("web.crt"), "scada.example", "is valid until")


@about("certificate")
def test_an_agents_certificate_that_has_ended(open_lab, tmp_path):  # noqa: F811
    """Two machines have a part in it: the CA's makes a bundle, the agent's takes it."""
    own = pki_module.Pki(tmp_path / "pki")
    aged(own, "site-a", left_days=-1)
    shutil.copytree(tmp_path / "pki", tmp_path / "there")
    there = str(tmp_path / "there")
    settings = agent(open_lab, chain=f"{there}/site-a.crt", key=f"{there}/site-a.key", ca=f"{there}/ca.crt")
    doctor = Doctor(open_lab, settings, machine="site")
    line = doctor.finds("error", "certificate", "site-a.crt", "has expired")
    words = r"on the CA's machine, run: (.+?); then copy its (\S+) to (\S+) and its (\S+) to (\S+) here$"
    command, *copies = re.search(words, line).groups()
    doctor.run(command.replace("site-a", f"site-a --dir {own.folder}"), "host")
    for name, to in zip(copies[::2], copies[1::2]):
        shutil.copy(own.path(name), to)
    doctor.is_well("certificate", "site-a.crt", "is valid until")


@about("certificate")
def test_a_chain_with_a_hole(open_lab, server, tmp_path):  # noqa: F811
    """What the site's CA says of itself leads to the certificate that is missing."""
    issue(tmp_path, "root", extensions=CA)
    issue(tmp_path, "middle", "root", extensions=CA)
    fetch = "http://127.0.0.1:8085/middle.der"
    identity = issue(tmp_path, "scada.example", "middle", extensions=("subjectAltName=DNS:scada.example", f"authorityInfoAccess=caIssuers;URI:{fetch}"))
    der = subprocess.run(["openssl", "x509", "-in", str(tmp_path / "middle.crt"), "-outform", "der"], capture_output=True, timeout=20, check=True).stdout
    doctor = Doctor(open_lab, {"web": [web_tls(open_lab, identity)]})
    with inside(open_lab, "host", http1.Recorder, lambda _: http1.response(body=der), port=8085):
        doctor.carry_out(doctor.finds("warning", "certificate", "the chain ends with scada.example", "middle"))
    doctor.is_well("certificate", "the chain is whole", "root")


@about("certificate")
def test_a_chain_in_the_wrong_order(open_lab, server, tmp_path):  # noqa: F811
    issue(tmp_path, "root", extensions=CA)
    issue(tmp_path, "middle", "root", extensions=CA)
    identity = issue(tmp_path, "scada.example", "middle")
    leaf, middle, root = ((tmp_path / f"{name}.crt").read_text() for name in ("scada.example", "middle", "root"))
    chain = pathlib.Path(identity["chain"])
    chain.write_text(leaf + root)
    doctor = Doctor(open_lab, {"web": [web_tls(open_lab, identity)]})
    line = doctor.finds("warning", "certificate", "the chain is broken", "scada.example is signed by middle")
    assert f"put the certificate of middle behind it in {chain}" in line
    chain.write_text(leaf + middle + root)
    doctor.is_well("certificate", "the chain is whole", "root")


@about("certificate")
def test_a_name_that_no_certificate_has(open_lab, tmp_path):  # noqa: F811
    one, other = (pki_module.self_signed(tmp_path, name, "ec", name) for name in ("scada.example", "maps.example"))
    route = {"host": "maps.example", "path": "/", "upstream": "maps"}
    with inside(open_lab, "server", http1.Recorder, ip=open_lab["server"].ip(), port=8080):
        web = web_tls(open_lab, one, mode="http", routes=[route], upstreams=[{"name": "maps", "servers": [open_lab["server"].at(8080)]}])
        web["servers"] = [open_lab["server"].at(8080)]
        doctor = Doctor(open_lab, {"web": [web]})
        line = doctor.finds("warning", "certificate", 'the web door "main" has a route for maps.example')
        assert 'get a certificate for maps.example and add its chain and key to "certificates" of "main"' in line
        web["certificates"].append(other)
        doctor.is_well("certificate", "has a certificate for maps.example")


@about("revocation")
def test_a_revocation_list_that_is_outdated(open_lab, tmp_path):  # noqa: F811
    (tmp_path / "index.txt").touch()
    (tmp_path / "crlnumber").write_text("01\n")
    config = tmp_path / "crl.cnf"
    config.write_text(f"[ca]\ndefault_ca = d\n[d]\ndatabase = {tmp_path}/index.txt\ncrlnumber = {tmp_path}/crlnumber\ndefault_md = sha256\n")
    crl = str(tmp_path / "ca.crl")

    def publish(first, last):
        days = [time.strftime("%Y%m%d%H%M%SZ", time.gmtime(time.time() + day * 86400)) for day in (first, last)]
        pki_module.openssl("ca", "-config", str(config), "-cert", open_lab.pki.ca, "-keyfile", open_lab.pki.path("ca.key"), "-gencrl",
                           "-crl_lastupdate", days[0], "-crl_nextupdate", days[1], "-out", crl)

    publish(-3, -1)
    doctor = Doctor(open_lab, {"links": [link(open_lab, listen=None)], "tunnel": tunnel(open_lab, row(open_lab), crl=crl)})
    assert doctor.finds("warning", "revocation", crl).endswith(f"get a new list from the CA and write it to {crl}")
    publish(-1, 1)
    doctor.is_well("revocation", "not outdated")


@about("renewal")
def test_an_agent_that_waits_for_its_certificate(open_lab, tmp_path):  # noqa: F811
    own = pki_module.Pki(tmp_path / "pki")
    aged(own, "site-a")
    requests = tmp_path / "requests"
    requests.mkdir()
    pki_module.openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", str(tmp_path / "new.key"),
                       "-out", str(requests / "site-a.csr"), "-subj", "/CN=site-a", "-addext", "subjectAltName=URI:urn:georelay:agent:site-a")
    there = {**own.identity("relay"), "ca": own.ca, "requests": str(requests)}
    doctor = Doctor(open_lab, {"links": [link(open_lab, listen=None)], "tunnel": tunnel(open_lab, row(open_lab), **there)})
    line = doctor.finds("warning", "renewal", "1 agent asks", str(requests))
    command = line.split("; remedy: on the CA's machine, run: ")[1]
    doctor.run(f"{command} --dir {own.folder}", "host")
    doctor.is_well("renewal", "no agent waits")


# ---- the clock ----

@pytest.fixture
def clock(open_lab, tools, tmp_path):  # noqa: F811
    """Words before a command whose clock is wrong by so many seconds, until timedatectl lets it be kept right."""
    source, library, kept = tools / "clock.c", tools / "clock.so", tools / "kept"
    source.write_text(CLOCK)
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", str(library), str(source)], check=True, capture_output=True, timeout=60)
    program(tools, "timedatectl", f'#!/bin/sh\n[ "$*" = "set-ntp true" ] && : > {kept}\n')
    # A sanitizer's runtime must come first.
    preload = ":".join([*re.findall(r"\S*/lib[at]san\S*", subprocess.run(["ldd", open_lab.georelay], capture_output=True, text=True, timeout=20, check=True).stdout), str(library)])

    def wrong(seconds):
        return (*open_lab["host"].prefix, "env", f"LD_PRELOAD={preload}", f"DOCTOR_CLOCK={kept}", f"DOCTOR_SHIFT={seconds}")
    return wrong


@about("clock")
def test_a_clock_that_nothing_keeps(open_lab, server, tools, clock):  # noqa: F811
    doctor = Doctor(open_lab, {"links": [link(open_lab)]}, user=clock(0), tools=tools)
    doctor.carry_out(doctor.finds("warning", "clock", "nothing synchronises the clock"))
    doctor.is_well("clock", "the clock is synchronised")


@about("clock", "certificate")
def test_a_clock_that_is_behind(open_lab, tools, clock, tmp_path):  # noqa: F811
    """A certificate that is new seems not to be valid yet, and a web server's clock shows who is wrong."""
    identity = pki_module.self_signed(tmp_path, "web", "ec", "scada.example")
    with inside(open_lab, "server", http1.Recorder, dated(lambda: 0), ip=open_lab["server"].ip(), port=8080):
        web = web_tls(open_lab, identity, mode="http", servers=[open_lab["server"].at(8080)])
        doctor = Doctor(open_lab, {"web": [web]}, user=clock(-864000), tools=tools)
        line = doctor.finds("error", "certificate", "is not valid before", "this clock is behind")
        doctor.says.has("warning", "warning: clock: ", "86400", "s ahead of ours", "remedy: run: timedatectl set-ntp true")
        doctor.carry_out(line)
        doctor.is_well("certificate", "scada.example", "is valid until")
        doctor.is_well("clock", "agrees with ours")


def dated(shift):
    """Answers with a clock that is wrong by shift() seconds."""
    def answer(_):
        date = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + shift()))
        return http1.response(200, f"Date: {date}")
    return answer


@about("clock")
def test_a_servers_clock_that_is_wrong(open_lab, tools, clock):  # noqa: F811
    wrong = [-4000]
    program(tools, "w32tm", '#!/bin/sh\n[ "$*" = /resync ] && touch "${0%/*}/resynced"\n')
    (tools / "kept").touch()
    with inside(open_lab, "server", http1.Recorder, dated(lambda: 0 if (tools / "resynced").exists() else wrong[0]), ip=open_lab["server"].ip(), port=8080):
        doctor = Doctor(open_lab, {"web": [plain_web(open_lab)]}, user=clock(0), tools=tools)
        line = doctor.finds("warning", "clock", open_lab["server"].at(8080), "s behind ours")
        doctor.carry_out(line, at="server")
        doctor.is_well("clock", open_lab["server"].at(8080), "agrees with ours")


# ---- listeners and addresses ----

@about("listener")
def test_ports_that_are_taken(open_lab, server):  # noqa: F811
    """Also that of the admin port."""
    holders = [subprocess.Popen([*open_lab["host"].prefix, "python3", "-c", f"import socket; s = socket.create_server(('', {port})); print(flush=True); s.accept()"],
                                stdout=subprocess.PIPE) for port in (5481, 9101)]
    try:
        for holder in holders:
            holder.stdout.readline()
        doctor = Doctor(open_lab, {"links": [link(open_lab)], "admin": {"listen": ["127.0.0.1:9101"]}})
        doctor.carry_out(doctor.finds("error", "listener", open_lab["host"].at(5481), "python3"))
        holders[0].wait(10)
        doctor.is_well("listener", open_lab["host"].at(5481))
        doctor.carry_out(doctor.finds("error", "listener", "127.0.0.1:9101", "for the admin port"))
        holders[1].wait(10)
        doctor.is_well("listener", "127.0.0.1:9101")
    finally:
        for holder in holders:
            holder.kill()
            holder.wait()
            holder.stdout.close()


@about("listener")
def test_an_address_that_this_machine_has_not(open_lab, server):  # noqa: F811
    doctor = Doctor(open_lab, {"links": [link(open_lab, listen=["10.20.0.99:5481"])]})
    line = doctor.finds("error", "listener", "10.20.0.99:5481", "no such address")
    doctor.carry_out(line, INTERFACE="dmz")
    try:
        doctor.is_well("listener", "10.20.0.99:5481")
    finally:
        open_lab["host"].run("ip", "address", "del", "10.20.0.99/24", "dev", "dmz")


def nobody(lab):  # noqa: F811
    """As nobody, who gets what a file's capabilities give."""
    return (*lab["host"].prefix, "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")


@pytest.fixture
def program_of_its_own(open_lab, tools, monkeypatch):  # noqa: F811
    """Its rights are gone with the story."""
    monkeypatch.setattr(open_lab, "georelay", shutil.copy(open_lab.georelay, tools))


@about("listener")
def test_a_low_port(open_lab, server, tools, program_of_its_own):  # noqa: F811
    open_lab["host"].sysctl(net__ipv4__ip_unprivileged_port_start=1024)
    doctor = Doctor(open_lab, {"links": [link(open_lab, listen=[open_lab["host"].at(543)])]}, user=nobody(open_lab), tools=tools)
    doctor.carry_out(doctor.finds("error", "listener", open_lab["host"].at(543), "ports below 1024"))
    doctor.is_well("listener", open_lab["host"].at(543))


@about("capability")
def test_the_capability_of_transparent(open_lab, server, tools, program_of_its_own):  # noqa: F811
    open_lab.give(open_lab.pki.folder)
    doctor = Doctor(open_lab, transparent(open_lab), user=nobody(open_lab), tools=tools)
    doctor.carry_out(doctor.finds("error", "capability", "CAP_NET_RAW is missing"))
    doctor.is_well("capability", "may take connections to other addresses")


@about("address")
def test_a_pool_that_is_not_here(open_lab, server):  # noqa: F811
    doctor = Doctor(open_lab, {"links": [link(open_lab, advise=alias(pool=["10.20.1.14-10.20.1.16"]))]})
    line = doctor.finds("error", "address", "1 of 3 addresses", "10.20.1.16")
    doctor.carry_out(line)
    try:
        doctor.is_well("address", "10.20.1.14-10.20.1.16", "are on this machine")
    finally:
        open_lab["host"].run("ip", "address", "del", "10.20.1.16/32", "dev", "lo")


# ---- rules, routes, the kernel ----

@about("route", "rule", "server")
def test_transparent_from_nothing_to_all(open_lab, server):  # noqa: F811
    open_lab.net.transparent("host")
    doctor = Doctor(open_lab, transparent(open_lab))
    try:
        doctor.carry_out(doctor.finds("error", "route", "no policy rule"))
        doctor.is_well("route", "have a rule of their own")
        doctor.carry_out(doctor.finds("error", "route", "no route to this machine"))
        doctor.is_well("route", "routed to this machine")
        doctor.carry_out(doctor.finds("error", "rule", 'no rule of nftables for "advise node-a"'))
        doctor.is_well("rule", '"advise node-a" is in place')
        doctor.says.has("ok", "takes connections from 192.168.1.2")
    finally:
        open_lab._touched.add("host")  # reset() takes the rules back
    doctor.run("georelay firewall -c " + str(doctor.says.path) + " --format nft --place host --clients 192.168.7.0/24 | sh", "host")
    doctor.carry_out(doctor.finds("warning", "rule", "another configuration"))
    doctor.is_well("rule", '"advise node-a" is in place')


@about("kernel")
def test_a_setting_of_the_kernel(open_lab, server):  # noqa: F811
    open_lab.net.transparent("host")
    host, settings = open_lab["host"], transparent(open_lab)
    script(open_lab, Probe(open_lab, settings))
    host.sysctl(net__ipv4__conf__dmz__src_valid_mark=1)
    doctor = Doctor(open_lab, settings)
    doctor.carry_out(doctor.finds("error", "kernel", "src_valid_mark of dmz is 1"))
    doctor.is_well("kernel", "src_valid_mark is 0")


@about("route")
def test_no_route_back_to_clients(open_lab):  # noqa: F811
    site = open_lab["site"]
    site.run("ip", "route", "del", "default")
    try:
        doctor = Doctor(open_lab, agent(open_lab, clients=["172.30.0.0/16"]), machine="site")
        line = doctor.finds("error", "route", "no route to clients in 172.30.0.0/16")
        doctor.carry_out(line, GATEWAY="192.168.1.1")
        doctor.is_well("route", "172.30.0.0/16")
        site.run("ip", "route", "del", "172.30.0.0/16")
    finally:
        site.run("ip", "route", "add", "default", "via", "192.168.1.1")


# ---- names and servers ----

@about("name")
def test_a_name_without_address(open_lab, tmp_path):  # noqa: F811
    own = own_etc(tmp_path)
    with inside(open_lab, "host", peers.Listener, "127.0.0.1", 5499):
        doctor = Doctor(open_lab, {"links": [link(open_lab, server="node.invalid:5499")]}, user=(*open_lab["host"].prefix, *own))
        line = doctor.finds("error", "name", "node.invalid has no address")
        command = re.search(r"; remedy: run: (.+?); or ", line)[1].replace("ADDRESS", "127.0.0.1")
        subprocess.run([*own, "sh", "-c", command], check=True, timeout=20)
        doctor.is_well("name", "the name node.invalid is 127.0.0.1")
        doctor.is_well("server", "node.invalid:5499", "takes connections")


@about("server")
def test_a_server_that_does_not_listen(open_lab):  # noqa: F811
    doctor = Doctor(open_lab, {"links": [link(open_lab)]})
    line = doctor.finds("error", "server", "10.10.0.5:5481", "refused")
    assert "; remedy: on that machine, start what listens on port 5481; " in line
    with inside(open_lab, "server", peers.Listener, open_lab["server"].ip(), 5481):
        doctor.is_well("server", "10.10.0.5:5481", "takes connections")


@about("server")
def test_a_firewall_in_between(open_lab, server):  # noqa: F811
    open_lab.firewalls["fw2"].reset()
    doctor = Doctor(open_lab, {"links": [link(open_lab)]})
    line = doctor.finds("error", "server", "10.10.0.5:5481", "did not answer in time")
    command = re.search(r"let firewalls in between permit what this prints, run: (georelay firewall -c \S+)$", line)[1]
    rules = subprocess.run(["sh", "-e", "-c", f"{command} --format nft --place inner"], capture_output=True, text=True, timeout=60, check=True,
                           env={**os.environ, "PATH": f"{open_lab.home}:{os.environ['PATH']}"}).stdout
    open_lab.permit("inner", rules)
    doctor.is_well("server", "10.10.0.5:5481", "takes connections")


@about("server")
def test_no_route_to_a_server(open_lab):  # noqa: F811
    host = open_lab["host"]
    routes = (topology.subnet("servers"), address("dmz", 2)), ("default", address("dmz", 1))
    with inside(open_lab, "server", peers.Listener, open_lab["server"].ip(), 5481):
        for to, _ in routes:
            host.run("ip", "route", "del", to)
        try:
            doctor = Doctor(open_lab, {"links": [link(open_lab)]})
            line = doctor.finds("error", "server", "10.10.0.5:5481", "no route")
            doctor.carry_out(line, GATEWAY=address("dmz", 2))
            doctor.is_well("server", "10.10.0.5:5481", "takes connections")
            host.run("ip", "route", "del", "10.10.0.5")
        finally:
            for to, via in routes:
                host.run("ip", "route", "add", to, "via", via)


address = functools.partial(topology.address)


@about("server")
def test_a_web_server_that_is_stuck(open_lab):  # noqa: F811
    """It takes connections, and no more."""
    doctor = Doctor(open_lab, {"web": [plain_web(open_lab)]})
    with inside(open_lab, "server", peers.Listener, open_lab["server"].ip(), 8080):
        line = doctor.finds("error", "server", open_lab["server"].at(8080), "does not answer over HTTP")
    assert "on that machine, start the web server anew; " in line
    with inside(open_lab, "server", http1.Recorder, ip=open_lab["server"].ip(), port=8080):
        doctor.is_well("server", open_lab["server"].at(8080), "answers over HTTP with 200")


@about("server")
def test_something_else_than_a_web_server(open_lab):  # noqa: F811
    doctor = Doctor(open_lab, {"web": [plain_web(open_lab)]})
    with inside(open_lab, "server", http1.Recorder, lambda _: b"SSH-2.0-x\r\n", ip=open_lab["server"].ip(), port=8080):
        doctor.finds("error", "server", open_lab["server"].at(8080), "its answer is not HTTP")
    with inside(open_lab, "server", http1.Recorder, ip=open_lab["server"].ip(), port=8080):
        doctor.is_well("server", open_lab["server"].at(8080))


@about("server")
def test_a_server_that_is_ill(open_lab):  # noqa: F811
    """Or seems to be: its health page wants a logon."""
    doctor = Doctor(open_lab, {"web": [plain_web(open_lab, upstream={"health": {"path": "/health", "status": "200-299"}})]})
    with inside(open_lab, "server", http1.Recorder, lambda _: http1.response(401), ip=open_lab["server"].ip(), port=8080) as recorder:
        line = doctor.finds("warning", "server", "answers 401 for /health")
        assert recorder.records[0].raw.startswith(b"GET /health HTTP/1.1\r\n")
        command = re.search(r"; if it is well, (set: .+)$", line)[1]
        doctor.set(command.removeprefix("set: "))
        doctor.is_well("server", "answers over HTTP with 401")


@about("server")
def test_tls_on_the_way_to_a_server(open_lab, tmp_path):  # noqa: F811
    """From without TLS, step by step, to a certificate that is verified; and back."""
    made = pki_module.self_signed(tmp_path, "node", "ec", "node.example")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made["chain"], made["key"])
    doctor = Doctor(open_lab, {"web": [plain_web(open_lab)]})
    with inside(open_lab, "server", http1.Recorder, ip=open_lab["server"].ip(), port=8080, tls=context):
        doctor.carry_out(doctor.finds("error", "server", "speaks TLS, and is asked without"))
        doctor.settings["web"][0]["upstream"]["server_name"] = "other.example"
        line = doctor.finds("error", "server", "not signed by a CA")
        doctor.set(re.search(r'set: (upstream\.ca = "FILE")', line)[1].replace("FILE", made["chain"]))
        line = doctor.finds("error", "server", "none of the names")
        doctor.set(re.search(r'set: (upstream\.server_name = "NAME")', line)[1].replace("NAME", "node.example"))
        doctor.is_well("server", "its certificate is good, and answers over HTTP with 200")
    for setting in ("ca", "server_name"):
        del doctor.settings["web"][0]["upstream"][setting]
    with inside(open_lab, "server", peers.Listener, open_lab["server"].ip(), 8080) as listener:
        threading.Thread(target=complain, args=(listener,), daemon=True).start()
        line = doctor.finds("error", "server", "did not speak TLS")
    with inside(open_lab, "server", http1.Recorder, ip=open_lab["server"].ip(), port=8080):
        doctor.carry_out(line)
        doctor.is_well("server", "answers over HTTP with 200")


def complain(listener):
    """What a web server says to a handshake."""
    with listener.accept() as one:
        one.recv()
        one.send(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")


# ---- tunnels ----

def relay_settings(lab, *agents):  # noqa: F811
    return {"links": [link(lab, listen=None)], "tunnel": tunnel(lab, *agents)}


@about("relay")
def test_no_relay(open_lab, server, tmp_path):  # noqa: F811
    settings = relay_settings(open_lab, row(open_lab))
    doctor = Doctor(open_lab, agent(open_lab), machine="site")
    line = doctor.finds("error", "relay", "the relay 10.20.0.10:8443 can't be reached", "refused")
    assert "on that machine, start what listens on port 8443; " in line
    with Running(open_lab, tmp_path, settings):
        doctor.is_well("relay", "10.20.0.10:8443", "certificate and ours are good")


@about("relay")
def test_a_relay_of_another_ca(open_lab, server, tmp_path):  # noqa: F811
    other = pki_module.Pki(tmp_path / "pki")
    other.agent("site-a")
    settings = {"links": [link(open_lab, listen=None)], "tunnel": tunnel(open_lab, row(open_lab), **other.identity("relay"), ca=other.ca)}
    with Running(open_lab, tmp_path, settings):
        doctor = Doctor(open_lab, agent(open_lab), machine="site")
        doctor.settings["ca"] = open_lab.pki.ca
        line = doctor.finds("error", "relay", "10.20.0.10:8443", "not signed by a CA")
        doctor.settings |= other.agent("site-a")  # both are of one CA, as the check wants
        doctor.set(re.search(r'set: (ca = "FILE")', line)[1].replace("FILE", other.ca))
        doctor.is_well("relay", "10.20.0.10:8443", "certificate and ours are good")


@about("relay")
def test_an_agent_that_the_relay_does_not_know(open_lab, server, tmp_path):  # noqa: F811
    """TLS is good at both ends; only the running agent knows why it is let in nowhere."""
    for name in ("agent", "relay", "again"):
        (tmp_path / name).mkdir()
    with Running(open_lab, tmp_path / "relay", relay_settings(open_lab, row(open_lab, "site-b"))):
        with Running(open_lab, tmp_path / "agent", agent(open_lab), machine="site") as running:
            running.waits_for("ev=tunnel_retry", "why=agent_unknown")
            doctor = Doctor(open_lab, running.settings, machine="site")
            line = doctor.finds("error", "relay", "no tunnel to the relay 10.20.0.10:8443", "names no such agent")
            doctor.says.has("ok", "ok: relay: the relay 10.20.0.10:8443 takes connections")
    name = re.search(r'; remedy: on the relay, set: tunnel.agents = \(\.\.\., \{ name = "([\w-]+)"', line)[1]
    with Running(open_lab, tmp_path / "relay", relay_settings(open_lab, row(open_lab, "site-b"), row(open_lab, name))):
        with Running(open_lab, tmp_path / "again", agent(open_lab), machine="site") as running:
            running.waits_for("ev=tunnel_up")
            doctor.settings = running.settings
            doctor.is_well("relay", "has its tunnel to the relay 10.20.0.10:8443")


@about("agent")
def test_an_agent_that_is_not_there(open_lab, server, tmp_path):  # noqa: F811
    for name in ("agent", "relay"):
        (tmp_path / name).mkdir()
    with Running(open_lab, tmp_path / "relay", relay_settings(open_lab, row(open_lab))) as relay:
        doctor = Doctor(open_lab, relay.settings)
        line = doctor.finds("warning", "agent", "the agent site-a is not connected")
        assert "on the machine of site-a, run: georelay check --probe; and systemctl start georelay-agent" in line
        with Running(open_lab, tmp_path / "agent", agent(open_lab), machine="site"):
            relay.waits_for("ev=agent_up")
            doctor.is_well("agent", "the agent site-a is connected from 192.168.1.10:")
            doctor.says.has("ok", "ok: version: the agent site-a is georelay ")


class OldRelay:
    """Speaks version 2 of the protocol, until it is closed."""

    def __init__(self, lab):  # noqa: F811
        with lab["host"].inside():
            self.relay = peer_tunnel.Relay(lab.pki.identity("relay"), lab.pki.ca, version=2, spares=0)
            self.relay.listener.close()
            self.relay.listener = peers.Listener(lab["host"].ip(), 8443)
        self.relay.listener.sock.settimeout(None)
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        channels = []  # kept open
        while True:
            try:
                channels.append(self.relay.connection(within=None))
                if channels[-1].hear()[0] == "HELLO":
                    channels[-1].say("WELCOME", b"\0\2" + (60000).to_bytes(4, "big") + b"\0\0" + peer_tunnel.text("0.0.7"))
            except (peers.PeerError, ConnectionError, ssl.SSLError):
                pass
            except OSError:
                return

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.relay.listener.sock.shutdown(socket.SHUT_RDWR)
        self.relay.listener.close()


@about("version")
def test_a_relay_of_an_older_version(open_lab, server, tmp_path):  # noqa: F811
    for name in ("agent", "relay", "again"):
        (tmp_path / name).mkdir()
    open_lab.pki.agent("site-a")
    with OldRelay(open_lab), Running(open_lab, tmp_path / "agent", agent(open_lab), machine="site") as running:
        running.waits_for("ev=tunnel_up")
        doctor = Doctor(open_lab, running.settings, machine="site")
        line = doctor.finds("warning", "version", "the relay 10.20.0.10:8443 is georelay 0.0.7", "version 2", "speaks 3")
    wanted = re.search(r"; remedy: on the machine of 10.20.0.10:8443, install georelay ([\d.]+)$", line)[1]
    assert wanted in subprocess.run([open_lab.georelay, "version"], capture_output=True, text=True, timeout=20, check=True).stdout
    with Running(open_lab, tmp_path / "relay", relay_settings(open_lab, row(open_lab))):
        with Running(open_lab, tmp_path / "again", agent(open_lab), machine="site") as running:
            running.waits_for("ev=tunnel_up")
            doctor.settings = running.settings
            doctor.is_well("version", f"the relay 10.20.0.10:8443 is georelay {wanted}", "version 3")


@about("version")
def test_a_process_that_is_older_than_the_program(open_lab, server, tmp_path, tools):  # noqa: F811
    """As after an upgrade without a restart. What runs at first is a control socket that says so."""
    sock = socket.socket(socket.AF_UNIX)
    path = str(tmp_path / "control.sock")
    sock.bind(path)
    sock.listen()

    def answer():
        with sock, sock.accept()[0] as one:
            one.recv(100)
            one.send(json.dumps({"form": 1, "version": "0.0.7", "process": {"max_files": 1 << 20}}).encode())

    threading.Thread(target=answer, daemon=True).start()
    settings = {"links": [link(open_lab)]}
    doctor = Doctor(open_lab, {**settings, "admin": {"socket": path}}, tools=tools)
    line = doctor.finds("warning", "version", "georelay 0.0.7 runs", "and this program is")
    os.unlink(path)
    started = tools / "started"
    program(tools, "systemctl", f'#!/bin/sh\n[ "$*" = "restart georelay" ] && : > {started}\n')
    doctor.carry_out(line)
    assert started.exists()
    with Running(open_lab, tmp_path, settings) as running:
        doctor.settings = running.settings
        doctor.is_well("version", "runs", "as this program is")


# ---- clients ----

@about("client")
def test_a_clients_firewall(open_lab, server, tmp_path, tools):  # noqa: F811
    """A client with a link is known by that; a closed port that says so is good."""
    for name in ("agent", "relay"):
        (tmp_path / name).mkdir()
    c1 = open_lab["c1"]
    rules = row(open_lab)
    settings = {"links": [link(open_lab, listen=None, advise=alias(delivery="agent"))], "tunnel": tunnel(open_lab, rules)}
    here = agent(open_lab, clients=[topology.subnet("clients")], advise_ports="5500-5509",
                 links=[{"name": "node-a", "listen": [open_lab["site"].at(5481)]}])
    program(tools, "netsh", NETSH)
    with Running(open_lab, tmp_path / "relay", settings), Running(open_lab, tmp_path / "agent", here, machine="site") as running:
        running.waits_for("ev=tunnel_up")
        doctor = Doctor(open_lab, running.settings, machine="site", tools=tools)
        doctor.is_well("client", "no client has a link now")
        with inside(open_lab, "c1", peers.connect, (open_lab["site"].ip(), 5481)):
            with server.accept():
                doctor.is_well("client", c1.ip(), "closed, and says so")
                c1.run("nft", "-f", "-", text="table inet pc { chain in { type filter hook input priority 0; tcp dport 1024-9999 drop; }; }")
                try:
                    line = doctor.finds("warning", "client", c1.ip(), "does not answer at its port 5509")
                    assert f"on {c1.ip()}, run: netsh " in line and "localport=5500-5509 remoteip=192.168.1.10" in line
                    doctor.carry_out(line, at="c1")
                    doctor.is_well("client", c1.ip(), "closed, and says so")
                finally:
                    c1.run("nft", "delete", "table", "inet", "pc")


@about("client")
def test_a_client_that_the_configuration_names(open_lab):  # noqa: F811
    """It is tried without a link, and whatever listens there already does no harm."""
    with inside(open_lab, "c2", peers.Listener, open_lab["c2"].ip(), 5509):
        doctor = Doctor(open_lab, agent(open_lab, clients=[open_lab["c2"].ip() + "/32"], advise_ports="5500-5509"), machine="site")
        doctor.is_well("client", open_lab["c2"].ip(), "its port 5509 is open")
    doctor.settings["clients"] = ["192.168.1.77"]
    line = doctor.finds("warning", "client", "192.168.1.77")
    assert "switch that machine on" in line or "the machine is off" in line


# ---- the island ----

@about("island")
def test_the_island(open_lab, server, tmp_path):  # noqa: F811
    """While it runs, and before it starts."""
    with Running(open_lab, tmp_path, {"links": [link(open_lab)]}) as running:
        doctor = Doctor(open_lab, running.settings)
        doctor.look()
        doctor.run(f"georelay island -c {doctor.says.path} on", "host")
        doctor.carry_out(doctor.finds("warning", "island", "georelay is an island"))
        doctor.is_well("island", "nobody has made georelay an island")
        doctor.run(f"georelay island -c {doctor.says.path} on", "host")
    doctor.carry_out(doctor.finds("warning", "island", "will be an island when it starts"))
    doctor.is_well("island", "nobody has made georelay an island")
