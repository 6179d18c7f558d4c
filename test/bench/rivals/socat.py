# SPDX-License-Identifier: Apache-2.0
"""socat: one connection, then it ends."""
from . import rival


class Socat(rival.Rival):
    kind = binary = "socat"
    modes = ("raw",)
    version_words = ("-V",)
    most_connections = 1
    serves_once = True

    @staticmethod
    def version_line(lines):
        return " ".join(next((line for line in lines if line.startswith("socat version")), lines[0]).split()[:3])

    def command(self, place):
        ip, port = place.listen.rsplit(":", 1)
        return [self.path, "-b", 131072, f"TCP4-LISTEN:{port},bind={ip},reuseaddr,nodelay", f"TCP4:{place.upstream},nodelay"]
