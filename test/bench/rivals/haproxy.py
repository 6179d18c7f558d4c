# SPDX-License-Identifier: Apache-2.0
"""haproxy. It splices only when told for each direction: "splice-auto" of 2.6 does not."""
from . import rival

GLOBAL = """
global
  nbthread {threads}
  maxconn {connections}
  maxpipes 256
  tune.pipesize 1048576
  tune.ssl.cachesize 0
  ssl-default-bind-options ssl-min-ver TLSv1.2
  ssl-default-bind-ciphers {tls12}
  ssl-default-bind-ciphersuites {tls13}
  ssl-default-bind-curves {groups}
defaults
  maxconn {connections}
  timeout connect 10s
  timeout client {long}s
  timeout server {long}s
  timeout http-request 60s
  timeout http-keep-alive {long}s
"""

HTTP = """
  mode http
  http-reuse always
listen bench
  bind {listen} ssl crt {pem}
  server one {upstream}
"""

TCP = """
  mode tcp
listen bench
  bind {listen} ssl crt {pem}
  server one {upstream}
"""

RAW = """
  mode tcp
  option splice-request
  option splice-response
listen bench
  bind {listen}
  server one {upstream}
"""


class Haproxy(rival.Rival):
    kind = binary = "haproxy"
    modes = ("http", "tcp", "raw")
    shapes = {"http": HTTP, "tcp": TCP, "raw": RAW}

    @staticmethod
    def version_line(lines):
        return " ".join(lines[0].split()[:3])

    def command(self, place):
        text = (GLOBAL + self.shapes[place.mode]).format(
            threads=self.workers, connections=rival.CONNECTIONS, tls12=":".join(rival.TLS12), tls13=":".join(rival.TLS13),
            groups=rival.GROUPS, long=rival.LONG, listen=place.listen, upstream=place.upstream,
            pem=place.certificates.both(place.key))
        return [self.path, "-db", "-f", rival.write(place, "haproxy.cfg", text)]
