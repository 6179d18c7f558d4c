# SPDX-License-Identifier: Apache-2.0
"""The command line: what a person types, what they are told, with which exit code."""
import os
import re
import shutil
import stat
import subprocess

import build
import libconfig
import peers
import pytest


def georelay(*words, text=None, env=None):
    return subprocess.run([build.georelay(), *words], input=text, capture_output=True, text=True, timeout=60, check=False, env=env)


def written(stage, settings, name="it.conf"):
    path = stage.folder / name
    path.write_text(settings if isinstance(settings, str) else libconfig.settings(settings))
    return str(path)


def whole(stage):
    """A relay with one of everything."""
    return {"role": "relay", "state": str(stage.folder), "web": [stage.web("127.0.0.1:8080")],
            "links": [stage.link("127.0.0.1:5481", listen="127.0.0.1:5999", advise=stage.alias())],
            "tunnel": stage.tunnel(stage.allow("site-a"))}


def test_check_says_ok_and_what_would_be_opened(stage):
    result = georelay("check", "-c", written(stage, whole(stage)))
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[0].strip().lower().startswith("ok")
    for word in ("127.0.0.1:5999", "127.0.0.1:5481", "127.0.0.1:8080", "node-a", "site-a", "5500-5509"):
        assert word in result.stdout, f"{word} is not in:\n{result.stdout}"


def test_check_of_an_agent(stage):
    result = georelay("check", "-c", written(stage, {**stage.agent_settings("site-a", "relay.example:443"), "log": {"level": "info"}}))
    assert result.returncode == 0, result.stderr
    assert "relay.example:443" in result.stdout


@pytest.mark.parametrize("ports, is_too_wide", [("5500-5509", False), ("1024-65535", True)])
def test_check_says_which_ports_can_not_be_kept_free(stage, ports, is_too_wide):
    result = georelay("check", "-c", written(stage, stage.agent_settings("site-a", "relay.example:443", advise_ports=ports)))
    assert result.returncode == 0, result.stderr
    assert (f"note: advise_ports is {ports}" in result.stdout) == is_too_wide, result.stdout


def test_all_mistakes_in_one_run(stage):
    text = f"""role = "relay";
colour = "blue";
workers = 1000;
links = ( {{ name = "node-a"; listen = "999.0.0.1:5481"; server = "10.0.0.5"; advise = {{ addressing = "alias"; }}; }},
          {{ name = "node-a"; listen = "127.0.0.1:5481"; server = "10.0.0.5:5481"; }} );
web = ( {{ name = "main"; listen = "127.0.0.1:5481"; mode = "tcp"; servers = "10.0.0.5:8080";
          certificates = ( {{ chain = "{stage.folder}/none.crt"; key = "{stage.folder}/none.key"; }} ); }} );
limits = {{ connections = "many"; }};
"""
    path = written(stage, text)
    result = georelay("check", "-c", path)
    assert result.returncode == 2
    said = result.stderr + result.stdout
    for line in (2, 3, 4, 8):
        assert re.search(rf"^{re.escape(path)}:{line}: .+", said, re.M), f"nothing about line {line}:\n{said}"
    assert "colour" in said and "connections" in said


def test_run_with_mistakes_does_not_start(stage):
    result = georelay("run", "-c", written(stage, 'role = "relay";\nlinkss = ();\n'))
    assert result.returncode == 2 and ":2: " in result.stderr and "links" in result.stderr


@pytest.mark.parametrize("text", ["", "role = ;", "role = \"relay\"", "\x00\x01\x02", "@include \"/dev/zero\"\n", "a" * 2_000_000],
                         ids=["empty", "syntax", "no-semicolon", "binary", "endless", "long"])
def test_garbage_is_an_error_with_a_sentence(stage, text):
    result = georelay("check", "-c", written(stage, text))
    assert result.returncode == 2 and len(result.stderr.splitlines()) >= 1, result


def test_missing_file(stage):
    for path in (str(stage.folder / "none.conf"), str(stage.folder)):
        for command in ("check", "run"):
            result = georelay(command, "-c", path)
            assert result.returncode == 2 and path in result.stderr, result


def test_address_in_use_is_a_failure_at_run_time(stage):
    with peers.Listener() as taken:
        result = georelay("run", "-c", written(stage, {"role": "relay", "state": str(stage.folder),
                                                       "links": [stage.link("127.0.0.1:9", listen=taken.text)]}))
        assert result.returncode == 1 and taken.text in result.stderr, result


@pytest.mark.parametrize("words", [("--help",), ("run", "--help"), ("check", "--help"), ("pki", "--help"), ("pki", "init", "--help"),
                                   ("pki", "agent", "--help"), ("pki", "web", "--help"), ("version", "--help")], ids=" ".join)
def test_help(words):
    result = georelay(*words)
    assert result.returncode == 0 and "usage" in result.stdout.lower() and not result.stderr, result


@pytest.mark.parametrize("words", [(), ("fly",), ("run", "--fast"), ("run", "-c"), ("run", "extra"), ("check", "-x"), ("pki",),
                                   ("pki", "fly"), ("pki", "agent"), ("pki", "web"), ("pki", "init", "--days", "x"),
                                   ("pki", "init", "--days", "-1"), ("version", "now")], ids=lambda words: " ".join(words) or "nothing")
def test_wrong_usage(words, tmp_path):
    result = subprocess.run([build.georelay(), *words], capture_output=True, text=True, timeout=60, check=False, cwd=tmp_path)
    assert result.returncode == 2 and result.stderr and not result.stdout, result
    assert not list(tmp_path.iterdir())


def test_version():
    result = georelay("version")
    assert result.returncode == 0 and re.match(r"georelay \d+\.\d+", result.stdout), result


def files(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


def test_pki_makes_files_that_openssl_accepts(tmp_path):
    old = os.umask(0)
    try:
        for words in (("init",), ("agent", "site-a"), ("web", "scada.example")):
            result = georelay("pki", *words, "--dir", str(tmp_path))
            assert result.returncode == 0, result.stderr
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "issued").stat().st_mode) == 0o700
    for path in files(tmp_path):
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode == (0o600 if path.suffix == ".key" else 0o644), f"{path.name} has mode {mode:o}"
    for name, purpose in (("relay", "sslserver"), ("site-a", "sslclient"), ("web", "sslserver")):
        checked = subprocess.run(["openssl", "verify", "-purpose", purpose, "-CAfile", str(tmp_path / "ca.crt"), str(tmp_path / f"{name}.crt")],
                                 capture_output=True, text=True, timeout=20, check=False)
        assert checked.returncode == 0, checked.stdout + checked.stderr


def test_pki_never_overwrites(tmp_path):
    assert georelay("pki", "init", "--dir", str(tmp_path)).returncode == 0
    before = {path.name: path.read_bytes() for path in files(tmp_path)}
    again = georelay("pki", "init", "--dir", str(tmp_path))
    assert again.returncode == 1 and again.stderr
    assert georelay("pki", "agent", "site-a", "--dir", str(tmp_path)).returncode == 0
    assert georelay("pki", "agent", "site-a", "--dir", str(tmp_path)).returncode == 1
    after = {path.name: path.read_bytes() for path in files(tmp_path)}
    assert all(after[name] == content for name, content in before.items())
    new = set(after) - set(before)
    assert {"site-a.crt", "site-a.key"} < new and len(new) == 3  # and the copy by its serial number


@pytest.mark.parametrize("name", ["", "..", "../x", "a/b", "a b", "-x", ".x", "x" * 64, "direct", "ä", "a\nb"])
def test_pki_agent_names(tmp_path, name):
    assert georelay("pki", "init", "--dir", str(tmp_path)).returncode == 0
    count = len(list(tmp_path.iterdir()))
    result = georelay("pki", "agent", "--dir", str(tmp_path), "--", name)
    assert result.returncode in (1, 2) and result.stderr, result
    assert len(list(tmp_path.iterdir())) == count


def test_key_that_others_can_read_is_refused(stage):
    key = stage.folder / "open.key"
    shutil.copy(stage.pki.path("web.key"), key)
    key.chmod(0o644)
    settings = {"role": "relay", "web": [stage.web("127.0.0.1:9", certificates=[{"chain": stage.pki.path("web.crt"), "key": str(key)}])]}
    result = georelay("check", "-c", written(stage, settings))
    assert result.returncode == 2 and "chmod" in result.stderr, result.stderr


def test_key_and_certificate_that_do_not_fit_do_not_start(stage):
    settings = {"role": "relay", "state": str(stage.folder),
                "web": [stage.web("127.0.0.1:9", certificates=[{"chain": stage.pki.path("web.crt"), "key": stage.pki.path("relay.key")}])]}
    result = georelay("run", "-c", written(stage, settings))
    assert result.returncode in (1, 2) and "relay.key" in result.stderr, result


def test_expired_certificate_does_not_start(stage):
    extensions = "extendedKeyUsage = clientAuth\nsubjectAltName = URI:urn:georelay:agent:old"
    identity = stage.pki.expired("old", extensions)
    settings = {**stage.agent_settings("old", "127.0.0.1:9"), **identity}
    result = georelay("run", "-c", written(stage, settings))
    assert result.returncode in (1, 2) and "expired" in result.stderr.lower(), result
