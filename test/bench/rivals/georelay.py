# SPDX-License-Identifier: Apache-2.0
"""georelay: a web door, a link, or a relay and an agent with the tunnel between them."""
import socket
import time

import libconfig
from processes import PATIENCE, Failed

from . import rival

LIMITS = {"connections": 1000000, "per_client": 1000000, "greeting": 100000}
SPARES = 8


class Georelay(rival.Rival):
    kind = binary = "georelay"
    modes = ("http", "tcp", "raw", "tunnel")
    version_words = ("version",)

    def __init__(self, name=None, path=None, workers=1):
        super().__init__(name, path)
        self.workers = workers

    def settings(self, place, name, more):
        """What all configurations have: quiet, no bound that a case could meet, no waiting at the end."""
        (place.folder / f"{name}.state").mkdir()
        common = {"workers": self.workers, "state": str(place.folder / f"{name}.state"), "limits": LIMITS, "timeouts": {"drain": 0},
                  "log": {"level": "warn", "file": str(place.folder / f"{name}.events")}}
        return rival.write(place, f"{name}.conf", libconfig.settings({**common, **more}))

    def run(self, place, name, more):
        command = [self.path, "run", "-c", self.settings(place, name, more)]
        return place.processes.start(command, place.folder, name, place.cpus)

    def start(self, place):
        if place.mode == "tunnel":
            return self._start_tunnel(place)
        shape = self._link(place) if place.mode == "raw" else self._door(place)
        return rival.Started(self.run(place, "georelay", {"role": "relay", **shape}).wait_listening(place.listen))

    @staticmethod
    def _link(place):
        return {"links": [{"name": "bench", "listen": [place.listen], "server": place.upstream}]}

    @staticmethod
    def _door(place):
        """None of the peers adds header fields or looks for links, so this does not either."""
        certificate = {"chain": place.certificates.chain(place.key), "key": place.certificates.key(place.key)}
        door = {"name": "bench", "listen": [place.listen], "certificates": [certificate], "mode": place.mode, "servers": [place.upstream]}
        if place.mode == "http":
            door.update(headers="off", links="keep")
        return {"web": [door], "access": {"lines": "off"}}

    # ---- relay and agent ----

    def _start_tunnel(self, place):
        """The client's machine and the pool are addresses of one network; place.upstream is where the client listens."""
        client_ip, advise_port = place.upstream.rsplit(":", 1)
        server, entry, relay_listen = place.addresses.free(), place.addresses.free(), place.addresses.free()
        advise = {"addressing": "alias", "ports": advise_port, "pool": [place.addresses.range(32)], "grace": 30}
        agent_row = {"name": "site-a", "links": ["node-a"], "clients": [f"{client_ip}/32"]}
        relay = self.run(place, "relay", {
            "role": "relay", "links": [{"name": "node-a", "server": server, "advise": advise}],
            "tunnel": {"listen": [relay_listen], **place.certificates.identity("relay"), "ca": place.certificates.tunnel_ca,
                       "agents": [agent_row], "spares": SPARES}}).wait_listening(relay_listen)
        agent = self.run(place, "agent", {
            "role": "agent", "name": "site-a", "relays": [relay_listen], **place.certificates.identity("site-a"),
            "ca": place.certificates.tunnel_ca, "links": [{"name": "node-a", "listen": [entry]}], "clients": [f"{client_ip}/32"],
            "advise_ports": advise_port}).wait_listening(entry)
        _wait_tunnel(entry, server, client_ip)
        return rival.Started(relay, agent, dial=["--link", entry, "--link-server", server])


def _wait_tunnel(entry, server, client_ip):
    """Until a byte sent into the link comes out at the server."""
    with socket.create_server(_pair(server)) as listener:
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if _passes(entry, listener, client_ip):
                return
            time.sleep(0.02)
    raise Failed("the agent's link does not reach the server: the tunnel is not up")


def _passes(entry, listener, client_ip):
    try:
        with socket.create_connection(_pair(entry), timeout=1, source_address=(client_ip, 0)) as client:
            client.sendall(b"?")
            listener.settimeout(0.5)
            with listener.accept()[0] as at_server:
                at_server.settimeout(1)
                return at_server.recv(1) == b"?"
    except OSError:
        return False


def _pair(text):
    ip, port = text.rsplit(":", 1)
    return ip, int(port)
