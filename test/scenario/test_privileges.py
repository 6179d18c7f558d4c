# SPDX-License-Identifier: Apache-2.0
"""Rights: what georelay has left of them, compared with what the kernel says of every thread; and what it says if it can't change."""
import os
import pathlib
import subprocess
import tempfile

import build
import libconfig
import program
import pytest

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="giving rights up needs some")

NET_BIND_SERVICE, NET_ADMIN, NET_RAW = 1 << 10, 1 << 12, 1 << 13
NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")


@pytest.fixture
def place():
    """A folder that others than root may enter."""
    with tempfile.TemporaryDirectory(prefix="georelay-") as folder:
        os.chmod(folder, 0o755)
        yield pathlib.Path(folder)


def started(stage, place, *prefix, **settings):
    path = place / "it.conf"
    path.write_text(libconfig.settings({"role": "relay", "workers": 2, "links": [stage.link("127.0.0.1:9", listen="127.0.0.1:0")], **settings}))
    one = stage.add(program.Program([*prefix, build.georelay(), "run", "-c", str(path)], "georelay"))
    assert one.wait_line(lambda line: "ev=ready" in line), one.tail()
    return one


def line_of(one, event):
    return next((line.split(f"ev={event} ", 1)[1] for line in one.lines if f"ev={event} " in line), None)


def threads(pid):
    """What the kernel says of each thread, as a dict."""
    for thread in pathlib.Path(f"/proc/{pid}/task").iterdir():
        yield dict(line.split(":\t", 1) for line in (thread / "status").read_text().strip().split("\n") if ":\t" in line)


def check_threads(pid, uid, gid, groups, capabilities, bounding=0):
    found = list(threads(pid))
    assert len(found) >= 4, "main, the log's, two workers"
    for one in found:
        assert one["Uid"].split() == [str(uid)] * 4 and one["Gid"].split() == [str(gid)] * 4, one
        assert one["Groups"].split() == groups and one["NoNewPrivs"] == "1", one
        for name, wanted in (("CapPrm", capabilities), ("CapEff", capabilities), ("CapInh", 0), ("CapAmb", 0), ("CapBnd", bounding)):
            assert int(one[name], 16) == wanted, (name, one)


def test_root_becomes_the_user_and_keeps_nothing(stage, place):
    one = started(stage, place, "setpriv", "--groups=4,20,65534", "--inh-caps=+net_raw,+net_admin", user="nobody")
    check_threads(one.pid, 65534, 65534, ["65534"], 0)
    assert line_of(one, "privileges") == "user=nobody groups=nogroup capabilities=- no_new_privs=yes"


def test_who_dials_from_clients_addresses_keeps_one_capability(stage, place):
    one = started(stage, place, user="nobody", intercept_port=15480,
                  links=[stage.link("127.0.0.1:9", listen="127.0.0.1:0", advise={"addressing": "transparent", "delivery": "direct"})])
    check_threads(one.pid, 65534, 65534, ["65534"], NET_RAW)
    assert line_of(one, "privileges") == "user=nobody groups=nogroup capabilities=net_raw no_new_privs=yes"


def test_a_user_of_its_own_gives_up_what_its_unit_gave(stage, place):
    """The bounding set alone stays, which takes CAP_SETPCAP to change, and bounds what no_new_privs forbids anyway."""
    sets = "-all,+net_bind_service,+net_raw,+net_admin"
    one = started(stage, place, *NOBODY, f"--inh-caps={sets}", f"--ambient-caps={sets}", f"--bounding-set={sets}", user="nobody")
    check_threads(one.pid, 65534, 65534, [], 0, NET_BIND_SERVICE | NET_ADMIN | NET_RAW)
    assert line_of(one, "user_not_changed") is None


def test_who_can_not_change_the_user_says_so(stage, place):
    one = started(stage, place, *NOBODY, user="daemon")
    assert "wanted=daemon" in line_of(one, "user_not_changed") and "User=" in line_of(one, "user_not_changed")
    assert line_of(one, "privileges").startswith("user=nobody ")


def test_who_stays_root_is_told(stage, place):
    one = started(stage, place)
    assert line_of(one, "privileges").startswith("user=root ") and "net_admin" in line_of(one, "privileges")
    assert "user" in line_of(one, "running_as_root")


@pytest.mark.skipif(build.is_sanitized(), reason="a sanitizer must stand before every other library")
def test_a_group_that_does_not_go_is_noticed(stage, place):
    """A library stands before libc's initgroups() and changes nothing: the rights are read back, so the start fails."""
    source = place / "before.c"
    source.write_text("int initgroups(const char *user, unsigned gid) { (void)user; (void)gid; return 0; }\n")
    subprocess.run(("gcc", "-shared", "-fPIC", "-o", place / "before.so", source), check=True, timeout=60)
    path = place / "it.conf"
    path.write_text(libconfig.settings({"role": "relay", "user": "nobody", "links": [stage.link("127.0.0.1:9", listen="127.0.0.1:0")]}))
    command = ["setpriv", "--groups=4,20", "env", f"LD_PRELOAD={place}/before.so", build.georelay(), "run", "-c", str(path)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 1 and "a group of another user is left; not starting" in result.stderr, result
