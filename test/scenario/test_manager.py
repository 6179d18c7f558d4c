# SPDX-License-Identifier: Apache-2.0
"""Under a service manager: it hears when georelay is ready, that it lives and that it stops, and hands it its sockets."""
import contextlib
import ctypes
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile

import build
import libconfig
import manager
import peers
import program
import pytest

WATCHDOG_USEC = 600_000
PTRACE_SEIZE, PTRACE_INTERRUPT, PTRACE_DETACH = 0x4206, 0x4207, 17
WALL = 0x40000000


@contextlib.contextmanager
def stuck(pid, name):
    """One thread of a process stands still, and the others go on: as if it never came back from a call."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    threads = os.listdir(f"/proc/{pid}/task")
    (thread,) = [int(one) for one in threads if open(f"/proc/{pid}/task/{one}/comm", encoding="ascii").read().strip() == name]

    def trace(request):
        if libc.ptrace(request, thread, None, None) != 0:
            error = ctypes.get_errno()
            if error == 1:
                pytest.skip("ptrace is not permitted here")
            raise OSError(error, os.strerror(error))

    trace(PTRACE_SEIZE)
    try:
        trace(PTRACE_INTERRUPT)
        os.waitpid(thread, WALL)
        yield
    finally:
        trace(PTRACE_DETACH)


def plain(stage, **more):
    return {"links": [stage.link("127.0.0.1:9", listen="127.0.0.1:0")], **more}


@pytest.mark.parametrize("abstract", [False, True], ids=["path", "abstract"])
def test_it_says_that_it_is_ready_and_that_it_stops(stage, abstract):
    with manager.Manager(stage.folder, abstract) as boss:
        relay = stage.relay(prefix=boss.prefix(), **plain(stage))
        assert boss.wait("READY=1"), boss.lines
        assert boss.wait("STATUS=") == "STATUS=serving as relay"
        relay.stop()
        assert boss.wait("STOPPING=1") and boss.wait("EXTEND_TIMEOUT_USEC=") == "EXTEND_TIMEOUT_USEC=15000000", boss.lines
        assert not [line for line in boss.lines if line.startswith("WATCHDOG")], "nobody asked for it"


def test_it_is_not_ready_while_it_can_not_start(stage):
    with manager.Manager(stage.folder) as boss, peers.Listener() as taken:
        path = stage.folder / "it.conf"
        path.write_text(libconfig.settings({"role": "relay", "state": str(stage.folder),
                                            "links": [stage.link("127.0.0.1:9", listen=taken.text)]}))
        result = subprocess.run([*boss.prefix(), build.georelay(), "run", "-c", str(path)], capture_output=True, timeout=60, check=False)
        assert result.returncode == 1 and not boss.lines, boss.lines


def test_a_draining_relay_says_how_many_are_left(stage):
    server = stage.echo()
    with manager.Manager(stage.folder) as boss:
        relay = stage.relay(prefix=boss.prefix(), links=[stage.link(server.text)])
        client = stage.connect(relay.address("link"))
        client.send(b"x")
        assert client.read(1) == b"x"
        relay.signal(signal.SIGTERM)
        assert boss.wait("STATUS=draining: 1 sessions are left"), boss.lines
        client.close()
        relay.stop()


@pytest.mark.parametrize("name", ["nowhere", "/" + "x" * 120, "/run/no-such-folder/notify"])
def test_a_manager_that_can_not_be_told_does_not_matter(stage, name):
    relay = stage.relay(prefix=("env", f"NOTIFY_SOCKET={name}"), **plain(stage))
    if os.path.isabs(name) and len(name) < 100:
        assert "NotifyAccess" in relay.expect("notify_failed")["remedy"]
    else:
        assert [line for line in relay.noise if "NOTIFY_SOCKET" in line]
        relay.noise.clear()


def test_the_watchdog_hears_of_it_while_all_workers_answer(stage):
    server = stage.echo()
    with manager.Manager(stage.folder) as boss:
        relay = stage.relay(prefix=boss.prefix(WATCHDOG_USEC=WATCHDOG_USEC), links=[stage.link(server.text)])
        client = stage.connect(relay.address("link"))
        client.send(b"x")
        assert client.read(1) == b"x"
        assert boss.wait("STATUS=1 links, 0 advises, 0 web connections"), boss.lines
        for _ in range(3):
            assert boss.wait("WATCHDOG=1", boss.mark()), boss.lines
        client.close()
        assert boss.wait("STATUS=0 links"), boss.lines


@pytest.mark.parametrize("thread", ["worker-1", "worker-2"])
def test_one_stuck_worker_silences_the_watchdog(stage, thread):
    with manager.Manager(stage.folder) as boss:
        relay = stage.relay(prefix=boss.prefix(WATCHDOG_USEC=WATCHDOG_USEC), **plain(stage))
        assert boss.wait("WATCHDOG=1"), boss.lines
        with stuck(relay.pid, thread):
            late = relay.expect("watchdog_late")
            assert late["level"] == "error" and int(late["ms"]) >= WATCHDOG_USEC / 3000 and late["remedy"]
            assert boss.wait("WATCHDOG=1", boss.mark(), within=2 * WATCHDOG_USEC / 1e6 / build.patience()) is None
        assert boss.wait("WATCHDOG=1", boss.mark()), "it answers again"
        assert len(relay.events("watchdog_late")) == 1


def test_a_watchdog_for_another_process_is_not_ours(stage):
    with manager.Manager(stage.folder) as boss:
        relay = stage.relay(prefix=boss.prefix(WATCHDOG_USEC=WATCHDOG_USEC, WATCHDOG_PID=1), **plain(stage))
        assert boss.wait("WATCHDOG=1", within=WATCHDOG_USEC / 1e6 / build.patience()) is None
        relay.stop()


# ---- sockets that were handed over ----

def test_a_handed_socket_is_used_and_its_queue_too(stage):
    """A connection that came before the program did is served; after the program's end the next one waits for the next program."""
    server = stage.echo()
    with manager.listening(("127.0.0.1", 0)) as door:
        at = door.getsockname()
        early = stage.connect(at)
        early.send(b"early")
        relay = stage.relay(workers=3, prefix=manager.handing(door, names="link"),
                            links=[stage.link(server.text, listen="%s:%d" % at)])
        relay.start_counts = None  # the early one is in them
        assert relay.expect("listen")["socket"] == "handed"
        assert early.read(5) == b"early"
        for _ in range(20):  # whichever worker takes it
            with peers.connect(at) as client:
                client.send(b"x")
                assert client.read(1) == b"x"
        early.close()
        relay.stop()
        late = stage.connect(at)
        late.send(b"late")
        relay = stage.relay(prefix=manager.handing(door), links=[stage.link(server.text, listen="%s:%d" % at)])
        relay.start_counts = None
        assert late.read(4) == b"late"
        late.close()


def test_each_worker_gets_a_socket_of_its_own_if_there_are_several(stage):
    server = stage.echo()
    with contextlib.ExitStack() as doors:
        first = doors.enter_context(manager.listening(("127.0.0.1", 0), set=[socket.SO_REUSEPORT]))
        at = first.getsockname()
        others = [doors.enter_context(manager.listening(at, set=[socket.SO_REUSEPORT])) for _ in range(2)]
        relay = stage.relay(workers=3, prefix=manager.handing(first, *others), links=[stage.link(server.text, listen="%s:%d" % at)])
        for _ in range(30):
            with peers.connect(at) as client:
                client.send(b"x")
                assert client.read(1) == b"x"
        relay.settle()


def refused(stage, *sockets, listen="127.0.0.1:0", workers=2, **more):
    """What is said on standard error, and that nothing starts."""
    path = stage.folder / "it.conf"
    path.write_text(libconfig.settings({"role": "relay", "workers": workers, "state": str(stage.folder),
                                        "links": [stage.link("127.0.0.1:9", listen=listen)]}))
    command = [*manager.handing(*sockets, **more), build.georelay(), "run", "-c", str(path)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, pass_fds=[s.fileno() for s in sockets])
    assert result.returncode == 1 and "ev=ready" not in result.stderr, result
    return result.stderr


def test_a_handed_socket_that_fits_nothing_is_an_error_with_its_name(stage):
    with manager.listening(("127.0.0.1", 0)) as door, manager.listening(("127.0.0.1", 0)) as other:
        said = refused(stage, door, other, listen="127.0.0.1:%d" % door.getsockname()[1], names="door:old-door")
        assert "127.0.0.1:%d" % other.getsockname()[1] in said and "old-door" in said and "ListenStream=" in said, said
        assert "127.0.0.1:%d" % door.getsockname()[1] not in said, said


def test_more_sockets_than_workers_would_leave_one_unserved(stage):
    with contextlib.ExitStack() as doors:
        first = doors.enter_context(manager.listening(("127.0.0.1", 0), set=[socket.SO_REUSEPORT]))
        other = doors.enter_context(manager.listening(first.getsockname(), set=[socket.SO_REUSEPORT]))
        said = refused(stage, first, other, listen="127.0.0.1:%d" % first.getsockname()[1], workers=1)
        assert "more of them than workers" in said, said


def test_descriptors_that_are_no_listening_sockets_are_errors(stage):
    with contextlib.ExitStack() as things:
        datagram = things.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        deaf = things.enter_context(socket.socket())
        unix = things.enter_context(socket.socket(socket.AF_UNIX))
        dual = things.enter_context(manager.listening(("::", 0), socket.AF_INET6))
        said = refused(stage, datagram, deaf, unix, dual, names="a:b:c:d", count=5).splitlines()
        for name, fault in (("3, a", "not listening"), ("4, b", "not listening"), ("5, c", "not a socket of IPv4"),
                            ("6, d", "BindIPv6Only=ipv6-only"), ("7", "is not open")):
            assert [line for line in said if f"descriptor {name}, " in line and fault in line], (name, fault, said)


def test_too_many_are_an_error(stage):
    for count in (257, -1, "x"):
        assert f'LISTEN_FDS is "{count}"' in refused(stage, count=count)


def test_sockets_for_another_process_are_not_ours(stage):
    """As a shell that does not pass them on leaves them in the environment."""
    stage.relay(prefix=("env", "LISTEN_FDS=1", "LISTEN_PID=1"), **plain(stage)).stop()


def low_door():
    """A socket at some port below 1024 that is free."""
    for port in range(1023, 600, -1):
        try:
            return manager.listening(("127.0.0.1", port))
        except OSError:
            continue
    raise AssertionError("no port below 1024 is free")


@pytest.mark.skipif(os.geteuid() != 0, reason="changing the user needs root")
def test_a_port_below_1024_needs_no_right_if_it_is_handed_over(stage):
    """Bound by root, run by nobody, who could not bind it."""
    nobody = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--bounding-set=-all")
    server = stage.echo()
    with low_door() as door, tempfile.TemporaryDirectory(prefix="georelay-") as folder:
        at = "127.0.0.1:%d" % door.getsockname()[1]
        path = pathlib.Path(folder) / "it.conf"
        path.write_text(libconfig.settings({"role": "relay", "workers": 1, "links": [stage.link(server.text, listen=at)]}))
        os.chmod(folder, 0o755)
        command = [build.georelay(), "run", "-c", str(path)]
        one = stage.add(program.Program([*nobody, *command], "georelay", prefix=manager.handing(door)))
        assert one.wait_line(lambda line: "ev=ready" in line), one.tail()
        assert one.wait_line(lambda line: "ev=privileges user=nobody" in line and "capabilities=- no_new_privs=yes" in line), one.tail()
        with peers.connect(door.getsockname()) as client:
            client.send(b"x")
            assert client.read(1) == b"x"
        one.signal(signal.SIGTERM)
        assert one.wait_end() == 0
        door.close()
        without = subprocess.run([*nobody, *command], capture_output=True, text=True, timeout=60, check=False)
        assert without.returncode == 1 and "CAP_NET_BIND_SERVICE" in without.stderr, without


@pytest.mark.skipif(shutil.which("systemd-socket-activate") is None, reason="systemd-socket-activate is not installed")
def test_systemd_hands_it_over(stage):
    server = stage.echo()
    with manager.listening(("127.0.0.1", 0)) as free:
        at = free.getsockname()
    settings = {"role": "relay", "state": str(stage.folder), "links": [stage.link(server.text, listen="%s:%d" % at)]}
    path = stage.folder / "it.conf"
    path.write_text(libconfig.settings(settings))
    one = stage.add(program.Program(["systemd-socket-activate", "--fdname=link", "-l", "%s:%d" % at, build.georelay(), "run", "-c",
                                     str(path)], "systemd-socket-activate"))
    assert one.wait_line(lambda line: "Listening on" in line), one.tail()
    with peers.connect(at) as client:
        client.send(b"x")
        assert client.read(1) == b"x"
    assert one.wait_line(lambda line: "ev=listen" in line and "socket=handed" in line), one.tail()
