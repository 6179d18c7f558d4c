# SPDX-License-Identifier: Apache-2.0
"""hitch."""
from . import rival

CONFIG = """
frontend = "[{listen_ip}]:{listen_port}"
backend = "[{upstream_ip}]:{upstream_port}"
pem-file = "{pem}"
tls-protos = TLSv1.2 TLSv1.3
ciphers = "{tls12}"
ciphersuites = "{tls13}"
prefer-server-ciphers = on
ecdh-curve = "{groups}"
workers = {workers}
backlog = 4096
daemon = off
quiet = on
ocsp-dir = ""
"""


class Hitch(rival.Rival):
    kind = binary = "hitch"
    modes = ("tcp",)
    version_words = ("--version",)

    def children(self):
        return self.workers

    def command(self, place):
        listen_ip, listen_port = place.listen.rsplit(":", 1)
        upstream_ip, upstream_port = place.upstream.rsplit(":", 1)
        text = CONFIG.format(listen_ip=listen_ip, listen_port=listen_port, upstream_ip=upstream_ip, upstream_port=upstream_port,
                             pem=place.certificates.both(place.key), tls12=":".join(rival.TLS12), tls13=":".join(rival.TLS13),
                             groups=rival.GROUPS, workers=self.workers)
        if rival.is_root():
            text += 'user = "root"\ngroup = "root"\n'
        return [self.path, f"--config={rival.write(place, 'hitch.conf', text)}"]
