# SPDX-License-Identifier: Apache-2.0
"""What nobody gets below: OpenSSL's own work, measured by itself, in CPU time."""
import concurrent.futures
import dataclasses
import subprocess

import places

RECORD = 16384


@dataclasses.dataclass
class Floor:
    what: str
    figure: float
    unit: str


def speed(seconds, *words):
    """The fields of the line of figures of `openssl speed`, which counts user time."""
    command = ["taskset", "-c", ",".join(map(str, places.cpus(places.BUSY_CPU))), "openssl", "speed", "-mr", "-seconds", str(seconds), *words]
    result = subprocess.run(command, capture_output=True, text=True, timeout=seconds * 20 + 30, check=False)
    lines = [line for line in result.stdout.splitlines() if line.startswith("+F")]
    if result.returncode != 0 or not lines:
        raise RuntimeError(f"openssl speed {' '.join(words)} failed: {result.stderr}")
    return lines[-1].split(":")


def per_second(text):
    """Some versions tell operations per second, others the seconds of one."""
    value = float(text)
    return value if value >= 1 else 1 / value


# What, the words for `openssl speed`, and how its figure becomes ours.
PARTS = (
    ("sign with ECDSA P-256", ("ecdsap256",), lambda text: 1e6 / per_second(text), "µs"),
    ("sign with RSA-2048", ("rsa2048",), lambda text: 1e6 / per_second(text), "µs"),
    ("X25519, one derivation (a handshake has a key generation besides)", ("ecdhx25519",), lambda text: 1e6 / per_second(text), "µs"),
    ("AES-128-GCM, records of 16 KiB", ("-bytes", str(RECORD), "-evp", "aes-128-gcm"), lambda text: 1e9 / float(text), "s/GB"),
)


def measure(at_a_time):
    """One after the other, or all at once where the figures do not matter."""
    def one(part):
        what, words, figure_of, unit = part
        return Floor(what, figure_of(speed(1, *words)[3]), unit)

    with concurrent.futures.ThreadPoolExecutor(at_a_time) as pool:
        return list(pool.map(one, PARTS))
