# SPDX-License-Identifier: Apache-2.0
"""Enrolment in two steps: a bundle is made where the CA is, and installed on the agent's machine, which then works unedited."""
import hashlib
import os
import pathlib
import re
import stat
import subprocess

import build
import peers
import pki as pki_module
import pytest
import relay as relay_module


def georelay(*words):
    return subprocess.run([build.georelay(), *map(str, words)], capture_output=True, text=True, timeout=60, check=False)


def refused(result, *words, code=1):
    assert result.returncode == code, result
    assert all(word in result.stderr for word in words), result.stderr
    return result


@pytest.fixture
def own(stage, tmp_path):
    stage.pki = pki_module.Pki(tmp_path / "own-pki")
    return stage.pki


@pytest.fixture
def bundle(own, tmp_path):
    """A function that makes a bundle of the agent site-a; gives its path."""
    def make(*words, name="site-a", relay="127.0.0.1:1", link="node-a=127.0.0.1:5481"):
        path = tmp_path / f"{name}.grb"
        own.run("agent", name, "--relay", relay, "--link", link, "--bundle", str(path), *words)
        return path

    return make


def enroll(path, folder, *words):
    return georelay("enroll", path, "--dir", folder, *words)


def names(folder):
    return sorted(os.listdir(folder)) if os.path.exists(folder) else []


ALL = ["ca.crt", "georelay.conf", "site-a.crt", "site-a.key"]


class Enrolled(relay_module.Georelay):
    """An agent by the configuration that enroll has written."""

    def __init__(self, config):
        self.config = pathlib.Path(config)
        self.settings, self.noise, self.start_counts = {"workers": 2}, [], None
        self.prefix, self.files, self._name = (), None, "enrolled"
        self._spawn()


def test_enrolled_agent_works_without_editing_a_file(stage, own, bundle, tmp_path):
    server = stage.listener()
    allowed = stage.allow("site-b", clients=["127.0.0.0/8"])
    relay = stage.relay(links=[stage.link(server.text, listen=None)], tunnel=stage.tunnel({**allowed, "name": "site-a"}))
    listen = f"127.0.0.1:{peers.free_port()}"
    path = bundle(relay=relay.address_text("tunnel"), link=f"node-a={listen}")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    result = enroll(path, tmp_path / "etc")
    assert result.returncode == 0, result.stderr
    assert names(tmp_path / "etc") == ALL
    modes = {name: stat.S_IMODE((tmp_path / "etc" / name).stat().st_mode) for name in ALL}
    assert modes == {"ca.crt": 0o644, "georelay.conf": 0o644, "site-a.crt": 0o644, "site-a.key": 0o600}
    command = re.search(r"^  (georelay run -c .*)$", result.stdout, re.MULTILINE)[1].split()
    assert command[-1] == str(tmp_path / "etc" / "georelay.conf")
    agent = stage.add(Enrolled(command[-1]))
    agent.expect("tunnel_up")
    relay.expect("agent_up", agent="site-a")
    client = stage.connect(program_address(listen))
    client.send(b"through")
    stage.keep(server.accept()).expect(b"through")
    assert own.path("ca.key") and "PRIVATE KEY" not in (tmp_path / "etc" / "georelay.conf").read_text()


def program_address(text):
    ip, port = text.rsplit(":", 1)
    return ip, int(port)


def test_everything_that_was_given_is_in_the_configuration(bundle, tmp_path):
    path = bundle("--relay", "two.example:8443", "--link", "node-a=[::1]:5481", "--link", "node-b=127.0.0.1:5482", "--client",
                  "192.168.1.0/24,127.0.0.1", "--advise-ports", "5510-5519", relay="one.example:443")
    assert enroll(path, tmp_path / "etc").returncode == 0
    text = (tmp_path / "etc" / "georelay.conf").read_text()
    for line in ('relays = ( "one.example:443", "two.example:8443" );', '{ name = "node-a"; listen = ( "127.0.0.1:5481", "[::1]:5481" ); }',
                 '{ name = "node-b"; listen = ( "127.0.0.1:5482" ); }', 'clients = ( "192.168.1.0/24", "127.0.0.1" );',
                 'advise_ports = "5510-5519";', 'role = "agent";', 'name = "site-a";'):
        assert line in text, text
    assert georelay("check", "-c", tmp_path / "etc" / "georelay.conf").returncode == 0


def test_agent_beside_a_server(own, tmp_path):
    path = tmp_path / "plant.grb"
    own.run("agent", "plant", "--relay", "relay.example:443", "--server", "node-a=10.10.0.5:5481", "--bundle", str(path))
    assert enroll(path, tmp_path / "etc").returncode == 0
    assert 'servers = (\n  { name = "node-a"; server = "10.10.0.5:5481"; }\n);' in (tmp_path / "etc" / "georelay.conf").read_text()


@pytest.mark.parametrize("words, said", [
    (("--link", "node-a=127.0.0.1:1"), "--relay"),
    (("--relay", "nonsense"), "--relay takes"),
    (("--relay", 'a";b:1'), "--relay takes"),
    (("--relay", "a:1", "--link", "127.0.0.1:5481"), "NAME=ADDRESS"),
    (("--relay", "a:1", "--link", "a b=127.0.0.1:5481"), "--link takes"),
    (("--relay", "a:1", "--link", "node-a=here"), "--link takes"),
    (("--relay", "a:1", "--client", "192.168.1.0/99"), "--client takes"),
    (("--relay", "a:1", "--advise-ports", "0"), "--advise-ports takes"),
], ids=str)
def test_wrong_words_make_no_bundle(own, tmp_path, words, said):
    before = names(own.folder)
    refused(georelay("pki", "agent", "site-a", "--dir", own.folder, "--bundle", tmp_path / "x.grb", *words), said, code=2)
    assert names(own.folder) == before and not (tmp_path / "x.grb").exists()


def test_words_without_a_bundle(own):
    refused(georelay("pki", "agent", "site-a", "--dir", own.folder, "--relay", "a:1"), "--bundle", code=2)
    assert not os.path.exists(own.path("site-a.crt"))


def test_bundle_of_a_certificate_that_is_there(own, bundle, tmp_path):
    own.run("agent", "site-a")
    path = bundle()
    assert pathlib.Path(own.path("site-a.key")).read_text() in path.read_text()
    refused(georelay("pki", "agent", "site-a", "--dir", own.folder, "--relay", "a:1", "--bundle", path), "never overwritten")
    assert enroll(path, tmp_path / "etc").returncode == 0


def test_every_flipped_byte_is_found(bundle, tmp_path):
    path = bundle()
    whole = path.read_bytes()
    for at in range(0, len(whole), 37):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1:])
        refused(enroll(path, tmp_path / "etc"), "site-a.grb")
        assert not names(tmp_path / "etc")


@pytest.mark.parametrize("part", [0.0, 0.3, 0.99], ids=str)
def test_half_a_bundle(bundle, tmp_path, part):
    path = bundle()
    whole = path.read_bytes()
    path.write_bytes(whole[:int(len(whole) * part)])
    refused(enroll(path, tmp_path / "etc"), "site-a.grb")
    assert not names(tmp_path / "etc")


def sealed(text):
    """With a checksum that is right: what a mistaken program, or an ill-meaning one, could make."""
    return text + f"sha256 {hashlib.sha256(text.encode()).hexdigest()}\n"


def body(path):
    return path.read_text().rpartition("sha256 ")[0]


def between(text, part):
    return text.partition(f"begin {part}\n")[2].partition(f"end {part}\n")[0]


@pytest.mark.parametrize("change, said", [
    (lambda text, other: text.replace("georelay bundle 1", "georelay bundle 2"), "format"),
    (lambda text, other: text.replace("name site-a\n", "name site-b\n"), "not this agent's"),
    (lambda text, other: text.replace("name site-a\n", ""), "name"),
    (lambda text, other: text.replace("relay 127.0.0.1:1\n", ""), "no relay"),
    (lambda text, other: text.replace("relay 127.0.0.1:1\n", 'relay x";user="root:1\n'), "value"),
    (lambda text, other: text.replace("relay 127.0.0.1:1\n", "relay nonsense\n"), "nonsense"),
    (lambda text, other: text.replace("relay 127.0.0.1:1\n", "relay 127.0.0.1:1\nfly high\n"), "nothing that this version knows"),
    (lambda text, other: text.replace(between(text, "key"), between(other, "key")), "does not fit"),
    (lambda text, other: text.replace(between(text, "ca"), between(other, "ca")), "not signed by the CA"),
    (lambda text, other: text.replace(between(text, "ca"), between(text, "chain")), "not a certificate of a CA"),
    (lambda text, other: text.replace("begin key\n", "begin lock\n"), "no such part"),
    (lambda text, other: text + "begin key\nend key\n", "twice"),
    (lambda text, other: text.replace("end key\n", ""), "end of a part"),
], ids=range(13))
def test_bundle_that_is_wrong_inside(bundle, tmp_path, change, said):
    path = bundle()
    other = tmp_path / "other.grb"
    pki_module.Pki(tmp_path / "other-pki").run("agent", "site-a", "--relay", "a:1", "--bundle", str(other))
    path.write_text(sealed(change(body(path), body(other))))
    refused(enroll(path, tmp_path / "etc"), said)
    assert not names(tmp_path / "etc")


def test_expired_certificate_is_not_enrolled(own, bundle, tmp_path):
    old = own.expired("old", "basicConstraints=critical,CA:FALSE\nextendedKeyUsage=clientAuth\nsubjectAltName=URI:urn:georelay:agent:site-a\n")
    path = bundle()
    text = body(path)
    for part, name in (("chain", "chain"), ("key", "key")):
        text = text.replace(between(text, part), pathlib.Path(old[name]).read_text())
    path.write_text(sealed(text))
    refused(enroll(path, tmp_path / "etc"), "expired")
    assert not names(tmp_path / "etc")


def test_nothing_is_overwritten_without_force(bundle, tmp_path):
    path, etc = bundle(), tmp_path / "etc"
    etc.mkdir()
    (etc / "georelay.conf").write_text("mine\n")
    refused(enroll(path, etc), "georelay.conf exists already", "--force")
    assert names(etc) == ["georelay.conf"] and (etc / "georelay.conf").read_text() == "mine\n"
    assert enroll(path, etc, "--force").returncode == 0
    assert names(etc) == ALL and 'role = "agent"' in (etc / "georelay.conf").read_text()


def test_failure_with_force_puts_everything_back(bundle, tmp_path):
    """The last of the files can't be replaced: a folder has its name."""
    path, etc = bundle(), tmp_path / "etc"
    (etc / "georelay.conf").mkdir(parents=True)
    (etc / "ca.crt").write_text("mine\n")
    refused(enroll(path, etc, "--force"), "georelay.conf")
    assert names(etc) == ["ca.crt", "georelay.conf"] and (etc / "ca.crt").read_text() == "mine\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_files_belong_to_the_user(bundle, tmp_path):
    path = bundle()
    assert enroll(path, tmp_path / "etc", "--user", "nobody").returncode == 0
    owners = {name: (tmp_path / "etc" / name).stat().st_uid for name in ALL}
    assert set(owners.values()) == {65534}, owners
    assert 'user = "nobody";' in (tmp_path / "etc" / "georelay.conf").read_text()
    refused(enroll(path, tmp_path / "etc2", "--user", "no-such-user"), "useradd")
    assert not names(tmp_path / "etc2")


def test_bundle_that_others_could_read_is_told_of(bundle, tmp_path):
    path = bundle()
    path.chmod(0o644)
    result = enroll(path, tmp_path / "etc")
    assert result.returncode == 0 and "others" in result.stderr
