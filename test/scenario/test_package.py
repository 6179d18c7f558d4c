# SPDX-License-Identifier: Apache-2.0
"""The Debian package: built twice, looked at, installed, upgraded, removed and purged in a clean root, where it also runs."""
import hashlib
import os
import pathlib
import re
import shutil
import subprocess

import build
import debian_root
import program
import pytest

pytestmark = [pytest.mark.slow, pytest.mark.limit(3000),
              pytest.mark.skipif(os.geteuid() != 0, reason="a root of its own needs root")]

UNITS = ("georelay.service", "georelay-agent.service")
# Written about themselves by dpkg, the tools that make users, the linker, and what the story calls itself.
OWN_BOOKS = re.compile(r"/var/lib/dpkg/.*|/var/lib/systemd(/.*)?|/etc/(passwd|group|shadow|gshadow|subuid|subgid)-?|/etc/\.pwd\.lock|"
                       r"/var/log/(dpkg\.log|alternatives\.log)|/var/cache/.*|/etc/ld\.so\.cache|/run/.*lock|/run/systemd/systemd-units-load|"
                       r"/var/lib/logrotate/status")


def package_into(folder, tree=build.ROOT, **environment):
    command = [str(tree / "dev"), "package", str(folder)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=1200, check=False, env={**os.environ, **environment})
    assert result.returncode == 0, result.stdout[-4000:] + result.stderr[-4000:]
    (package,) = pathlib.Path(folder).glob("georelay_*.deb")
    return package, result.stdout


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    ready = os.environ.get("GEORELAY_PACKAGE")  # for who works on these stories
    return pathlib.Path(ready) if ready else package_into(tmp_path_factory.mktemp("package"))[0]


@pytest.fixture(scope="module")
def unpacked(package, tmp_path_factory):
    folder = tmp_path_factory.mktemp("unpacked")
    subprocess.run(("dpkg-deb", "-x", package, folder), check=True)
    return folder


@pytest.fixture(scope="module")
def root(package, tmp_path_factory):
    ready = os.environ.get("GEORELAY_ROOT")
    one = debian_root.DebianRoot(ready or tmp_path_factory.mktemp("root") / "debian")
    wrong = None if ready else one.make([*debian_root.depends(package), "logrotate"])
    if wrong is not None:
        pytest.skip(f"no clean Debian could be made: {wrong}")
    yield one
    if not ready:
        shutil.rmtree(one.folder)


def higher(package, folder, version):
    """The same content as a later version."""
    tree = folder / "tree"
    subprocess.run(("dpkg-deb", "-R", package, tree), check=True)
    control = tree / "DEBIAN/control"
    control.write_text(re.sub(r"(?m)^Version: .*", f"Version: {version}", control.read_text()))
    target = folder / f"georelay_{version}.deb"
    subprocess.run(("dpkg-deb", "--root-owner-group", "-b", tree, target), check=True, capture_output=True)
    return target


def settings_of(unit):
    """Key to the list of its values."""
    found = {}
    for line in unit.read_text(encoding="utf-8").split("\n"):
        if "=" in line and not line.startswith("#"):
            key, value = line.split("=", 1)
            found.setdefault(key, []).append(value)
    return found


# ---- the file ----

def test_two_builds_give_the_same_bytes(package, tmp_path):
    """In another folder, time zone and language, with another umask."""
    before = os.umask(0o077)
    try:
        tree = tmp_path / "elsewhere"
        shutil.copytree(build.ROOT, tree, symlinks=True, ignore=shutil.ignore_patterns("build*", "__pycache__", ".pytest_cache"))
        again, _ = package_into(tmp_path / "again", tree, TZ="Asia/Tokyo", LANG="de_DE.UTF-8", LC_ALL="de_DE.UTF-8")
    finally:
        os.umask(before)
    sums = [hashlib.sha256(path.read_bytes()).hexdigest() for path in (package, again)]
    assert sums[0] == sums[1], f"{package} and {again} differ"


def test_the_units_name_what_is_there(unpacked):
    for name in UNITS:
        unit = settings_of(unpacked / "lib/systemd/system" / name)
        assert unit["ExecStart"] == ["/usr/sbin/georelay run -c /etc/georelay/georelay.conf"]
        assert unit["ConditionPathExists"] == ["/etc/georelay/georelay.conf"]
        assert unit["User"] == unit["Group"] == ["georelay"] and unit["Type"] == ["notify"] and unit["WatchdogSec"]
        assert unit["RestartPreventExitStatus"] == ["2"]
        assert unit["NoNewPrivileges"] == ["yes"] and unit["ProtectSystem"] == ["strict"]
        assert os.access(unpacked / "usr/sbin/georelay", os.X_OK)
        rights = "CAP_NET_BIND_SERVICE CAP_NET_RAW" if name == "georelay.service" else ""
        assert unit["AmbientCapabilities"] == unit["CapabilityBoundingSet"] == [rights]
    files = 2 * int(re.search(r'"connections".*?\.preset = "(\d+)"', (build.ROOT / "config/settings.c").read_text(), re.S)[1]) + 1024
    assert int(unit["LimitNOFILE"][0]) >= files


@pytest.mark.parametrize("name", UNITS)
def test_how_exposed_a_unit_is_is_what_the_document_says(unpacked, name):
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    words = ("systemd-analyze", "security", "--offline=yes", "--no-pager", unpacked / "lib/systemd/system" / name)
    said = subprocess.run(words, capture_output=True, text=True, check=False)
    figure = re.search(r"Overall exposure level for \S+: ([0-9.]+)", said.stdout)
    assert figure, said
    assert f"| `{name}` | {figure[1]} |" in (build.ROOT / "docs/packaging.md").read_text(encoding="utf-8"), figure[0]
    assert not re.search(r"Unknown|ignoring", said.stderr), said.stderr


# ---- its life ----

def test_install_run_upgrade_remove_purge(package, root, tmp_path):
    before = root.files()
    install(root, package)
    check_installed(root)
    check_examples(root)
    check_it_runs(root)
    check_rotation(root)
    upgrade(root, higher(package, tmp_path, "99.0"))
    remove(root)
    root.run("dpkg", "--purge", "georelay")
    left = sorted(path for path in root.files() - before if not OWN_BOOKS.fullmatch(path))
    assert not left, f"it left behind: {left}"
    assert not sorted(path for path in before - root.files() if not OWN_BOOKS.fullmatch(path))


def install(root, package):
    shutil.copy(package, root.path("/tmp/georelay.deb"))
    said = root.run("dpkg", "-i", "/tmp/georelay.deb")
    assert "warning" not in said.lower() and "error" not in said.lower(), said
    root.path("/tmp/georelay.deb").unlink()


def check_installed(root):
    assert root.run("dpkg-query", "-W", "-f", "${Status}", "georelay") == "install ok installed"
    assert root.run("dpkg", "--verify", "georelay") == ""
    assert re.fullmatch(r"georelay:x:\d+:\d+:georelay:/var/lib/georelay:/usr/sbin/nologin\n", root.run("getent", "passwd", "georelay"))
    for path, wanted in (("/etc/georelay", ("2750", "root", "georelay")), ("/etc/georelay/relay.conf.example", ("0640", "root", "georelay")),
                         ("/etc/georelay/agent.conf.example", ("0640", "root", "georelay")), ("/usr/sbin/georelay", ("0755", "root", "root")),
                         ("/var/lib/georelay", ("0750", "georelay", "georelay")), ("/var/log/georelay", ("0750", "georelay", "georelay")),
                         ("/run/georelay", ("0750", "georelay", "georelay"))):
        assert root.owner(path) == wanted, path
    conffiles = root.run("dpkg-query", "-W", "-f", "${Conffiles}", "georelay")
    assert {line.split()[0] for line in conffiles.strip().split("\n")} == {
        "/etc/georelay/relay.conf.example", "/etc/georelay/agent.conf.example", "/etc/logrotate.d/georelay"}
    for name in UNITS:
        said = root.run("systemd-analyze", "verify", "--man=no", f"/lib/systemd/system/{name}")
        assert "georelay" not in said, said
        assert not root.path(f"/etc/systemd/system/multi-user.target.wants/{name}").is_symlink(), "nobody asked for it"


def check_examples(root):
    """Made with the commands of the README, as root; then as the unit's user."""
    for words in (("init",), ("web", "scada.example"), ("agent", "site-a")):
        root.run("georelay", "pki", *words)
    root.run("sh", "-c", "cd /etc/georelay && chown georelay: relay.key web.key site-a.key")
    for name in ("relay", "agent"):
        said = as_unit(root, "georelay", "check", "-c", f"/etc/georelay/{name}.conf.example")
        assert said.startswith("ok"), said
    said = root.run(*as_user(), "cat", "/etc/georelay/ca.key", expect=1)
    assert "Permission denied" in said, "the CA's key is nobody's business but root's"


def as_user(*capabilities):
    sets = ",".join(["-all", *(f"+{one}" for one in capabilities)])
    return ("setpriv", "--reuid=georelay", "--regid=georelay", "--init-groups", "--no-new-privs", f"--inh-caps={sets}",
            f"--ambient-caps={sets}", f"--bounding-set={sets}")


def as_unit(root, *words):
    return root.run(*as_user("net_bind_service", "net_raw"), *words)


def check_it_runs(root):
    """The relay's example with its port 443, on the loopback of the root, as the unit starts it."""
    root.run("cp", "/etc/georelay/relay.conf.example", "/etc/georelay/georelay.conf")
    command = settings_of(root.path("/lib/systemd/system/georelay.service"))["ExecStart"][0].split()
    one = program.Program(root.words("timeout", "--signal=TERM", "8", *as_user("net_bind_service", "net_raw"), *command), "georelay")
    try:
        assert one.wait_line(lambda line: "ev=ready" in line), one.tail()
        assert one.wait_line(lambda line: "ev=privileges user=georelay groups=georelay capabilities=- no_new_privs=yes" in line), one.tail()
        assert one.wait_line(lambda line: "ev=listen" in line and "address=0.0.0.0:443" in line), one.tail()
        assert one.wait_line(lambda line: "ev=stopped" in line), one.tail()
    finally:
        one.kill()


def check_rotation(root):
    """The log and the audit log; of the latter the thirteenth file is still kept."""
    for name in ("georelay.log", "audit.log", "georelay.log.12.gz", "audit.log.12.gz"):
        root.path(f"/var/log/georelay/{name}").write_text("ts=1 ev=start\n")
        root.run("chown", "georelay:", f"/var/log/georelay/{name}")
    said = root.run("logrotate", "--force", "/etc/logrotate.d/georelay")
    assert "error" not in said, said
    assert root.path("/var/log/georelay/georelay.log.1").read_text() == "ts=1 ev=start\n"
    assert root.owner("/var/log/georelay/georelay.log") == ("0640", "georelay", "georelay")
    assert root.path("/var/log/georelay/audit.log.1").read_text() == "ts=1 ev=start\n"
    assert not root.path("/var/log/georelay/audit.log").exists(), "georelay makes it"
    assert not root.path("/var/log/georelay/georelay.log.13.gz").exists() and root.path("/var/log/georelay/audit.log.13.gz").exists()


def upgrade(root, later):
    """What the administrator has changed stays."""
    with root.path("/etc/georelay/relay.conf.example").open("a") as example:
        example.write("# changed here\n")
    root.run("chmod", "o+rx", "/etc/georelay")
    install(root, later)
    assert root.run("dpkg-query", "-W", "-f", "${Version}", "georelay") == "99.0"
    assert root.path("/etc/georelay/relay.conf.example").read_text().endswith("# changed here\n")
    assert root.owner("/etc/georelay") == ("2755", "root", "georelay")
    assert root.path("/etc/georelay/georelay.conf").exists() and root.path("/etc/georelay/ca.key").exists()


def remove(root):
    """Program and units go, configuration and state stay."""
    root.run("dpkg", "--remove", "georelay")
    for name in ("/usr/sbin/georelay", "/lib/systemd/system/georelay.service", "/usr/share/man/man8/georelay.8.gz"):
        assert not root.path(name).exists(), name
    for name in ("/etc/georelay/georelay.conf", "/etc/georelay/ca.key", "/var/lib/georelay"):
        assert root.path(name).exists(), name
