# SPDX-License-Identifier: Apache-2.0
"""The certificates of a run: a web certificate for each kind of key, and those of the tunnel."""
import pathlib
import subprocess

HOST = "bench.example"
KEYS = {"ecdsa": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"], "rsa": ["-newkey", "rsa:2048"]}


def run(*words):
    result = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    if result.returncode != 0:
        raise RuntimeError(f"{' '.join(words[:3])} failed: {result.stderr}")


class Certificates:
    def __init__(self, folder, georelay):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir()
        for kind in KEYS:
            self._web(kind)
        run(georelay, "pki", "init", "--dir", str(self.folder))
        run(georelay, "pki", "agent", "site-a", "--dir", str(self.folder))

    def _web(self, kind):
        """Signed by itself, so that it is its own CA."""
        run("openssl", "req", "-x509", *KEYS[kind], "-nodes", "-sha256", "-days", "30", "-subj", f"/CN={HOST}",
            "-addext", f"subjectAltName=DNS:{HOST}", "-keyout", self.key(kind), "-out", self.chain(kind))
        pathlib.Path(self.key(kind)).chmod(0o600)
        both = pathlib.Path(self.chain(kind)).read_text(encoding="ascii") + pathlib.Path(self.key(kind)).read_text(encoding="ascii")
        pathlib.Path(self.both(kind)).write_text(both, encoding="ascii")
        pathlib.Path(self.both(kind)).chmod(0o600)

    def path(self, name):
        return str(self.folder / name)

    def chain(self, kind):
        return self.path(f"{kind}.crt")

    def key(self, kind):
        return self.path(f"{kind}.key")

    def both(self, kind):
        """Chain and key in one file."""
        return self.path(f"{kind}.pem")

    @property
    def tunnel_ca(self):
        return self.path("ca.crt")

    def identity(self, name):
        return {"chain": self.path(f"{name}.crt"), "key": self.path(f"{name}.key")}
