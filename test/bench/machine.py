# SPDX-License-Identifier: Apache-2.0
"""What a reader must know of the machine."""
import datetime
import os
import pathlib
import platform
import subprocess

import network


def cpu_model():
    for line in pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def is_virtual():
    text = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    return any("hypervisor" in line.split() for line in text.splitlines() if line.startswith("flags"))


def text():
    kind = "virtual CPUs" if is_virtual() else "CPUs"
    return f"{len(os.sched_getaffinity(0))} {kind} ({cpu_model()}), Linux {platform.release().split('-')[0]}, TCP with {network.congestion()}"


def openssl():
    return subprocess.run(["openssl", "version"], capture_output=True, text=True, timeout=20, check=False).stdout.split(" (")[0].strip()


def today():
    return datetime.date.today().strftime("%-d %B %Y")
