# SPDX-License-Identifier: Apache-2.0
"""The network in which all is measured: a namespace of the bench's own, so that nobody else's connections count, with the congestion
control of a stock Debian 12. BBR, the default of some cloud machines, paces each connection by a timer; on a virtual machine these timers
cost more than the relaying, and by how much changes from run to run."""
import ctypes
import os
import shutil
import socket
import subprocess

NEW_NETWORK = 0x40000000  # CLONE_NEWNET, unshare(2)
CONGESTION = "cubic"
LOOPBACK = ("127.0.0.1", "127.0.0.0/8")


def ip(*words):
    return subprocess.run(["ip", *words], capture_output=True, timeout=20, check=False).returncode == 0


def enter():
    """Only root may; for others all is measured on the machine's own loopback. The table says which congestion control it was: a kernel
    without cubic keeps its own."""
    if os.geteuid() != 0 or shutil.which("ip") is None:
        return
    if ctypes.CDLL(None, use_errno=True).unshare(NEW_NETWORK) != 0:
        return
    if not ip("link", "set", "lo", "up"):
        raise SystemExit("bench: the loopback of a new network namespace could not be brought up")
    for one in LOOPBACK:
        ip("route", "replace", "local", one, "dev", "lo", "table", "local", "proto", "kernel", "scope", "host", "src", "127.0.0.1",
           "congctl", CONGESTION)


def congestion():
    """What a connection over loopback uses."""
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_connection(listener.getsockname()) as one:
        return one.getsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, 16).split(b"\0")[0].decode()
