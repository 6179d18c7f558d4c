# SPDX-License-Identifier: Apache-2.0
"""stunnel: a thread for each connection."""
from . import rival

CONFIG = """
foreground = yes
pid =
debug = 3
syslog = no
socket = l:TCP_NODELAY=1
socket = r:TCP_NODELAY=1
[bench]
accept = {listen}
connect = {upstream}
cert = {chain}
key = {key}
sslVersionMin = TLSv1.2
ciphers = {tls12}
ciphersuites = {tls13}
curves = {groups}
options = CIPHER_SERVER_PREFERENCE
TIMEOUTidle = {long}
"""


class Stunnel(rival.Rival):
    kind = "stunnel"
    binary = "stunnel4"
    modes = ("tcp",)
    version_words = ("-version",)
    most_connections = 2000

    @staticmethod
    def version_line(lines):
        return next((line for line in lines if line.startswith("stunnel ")), lines[0]).split(" on ")[0]

    def command(self, place):
        text = CONFIG.format(listen=place.listen, upstream=place.upstream, chain=place.certificates.chain(place.key),
                             key=place.certificates.key(place.key), tls12=":".join(rival.TLS12), tls13=":".join(rival.TLS13),
                             groups=rival.GROUPS, long=rival.LONG)
        return [self.path, rival.write(place, "stunnel.conf", text)]
