# SPDX-License-Identifier: Apache-2.0
"""Certificates: good ones by `georelay pki`, bad and public ones by openssl."""
import pathlib
import subprocess

import build


class Pki:
    """A CA in a folder, with the relay's certificate."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.run("init")

    def run(self, *words):
        command = [build.georelay(), "pki", *words, "--dir", str(self.folder)]
        result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert result.returncode == 0, f"{command} failed: {result.stderr}"
        return result.stdout

    def path(self, name):
        return str(self.folder / name)

    @property
    def ca(self):
        return self.path("ca.crt")

    def identity(self, name):
        """Chain and key of "relay", "web" or an agent, as the configuration wants them."""
        return {"chain": self.path(f"{name}.crt"), "key": self.path(f"{name}.key")}

    def agent(self, name):
        if not (self.folder / f"{name}.crt").exists():
            self.run("agent", name)
        return self.identity(name)

    def web(self, host="127.0.0.1"):
        if not (self.folder / "web.crt").exists():
            self.run("web", host)
        return self.identity("web")

    def expired(self, name, extensions):
        """A certificate of this CA that was good for one day, long ago; `extensions` are lines of an OpenSSL section."""
        work = self.folder / f"openssl-{name}"
        work.mkdir()
        (work / "index.txt").touch()
        (work / "ca.cnf").write_text(
            f"[ca]\ndefault_ca = d\n[d]\ndatabase = {work}/index.txt\nnew_certs_dir = {work}\nserial = {work}/serial\n"
            f"rand_serial = yes\ndefault_md = sha256\npolicy = p\nx509_extensions = e\n[p]\ncommonName = supplied\n[e]\n{extensions}\n")
        key, request, chain = self.path(f"{name}.key"), str(work / "request.pem"), self.path(f"{name}.crt")
        openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", request,
                "-subj", f"/CN={name}")
        openssl("ca", "-batch", "-config", str(work / "ca.cnf"), "-cert", self.ca, "-keyfile", self.path("ca.key"), "-notext",
                "-startdate", "20200101000000Z", "-enddate", "20200102000000Z", "-in", request, "-out", chain)
        return {"chain": chain, "key": key}


def openssl(*words, **options):
    result = subprocess.run(["openssl", *words], capture_output=True, text=True, timeout=60, check=False, **options)
    assert result.returncode == 0, f"openssl {' '.join(words)} failed: {result.stderr}"
    return result.stdout


def self_signed(folder, name, kind, *hosts):
    """A web certificate for host names, `kind` "rsa" or "ec"."""
    chain, key = str(pathlib.Path(folder) / f"{name}.crt"), str(pathlib.Path(folder) / f"{name}.key")
    new_key = ["rsa:2048"] if kind == "rsa" else ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    openssl("req", "-x509", "-newkey", *new_key, "-nodes", "-sha256", "-days", "30", "-keyout", key, "-out", chain,
            "-subj", f"/CN={hosts[0]}/O={kind}", "-addext", "subjectAltName=" + ",".join(f"DNS:{host}" for host in hosts))
    pathlib.Path(key).chmod(0o600)
    return {"chain": chain, "key": key}
