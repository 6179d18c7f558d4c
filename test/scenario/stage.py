# SPDX-License-Identifier: Apache-2.0
"""The stage of a story: relays, agents, servers and peers on loopback, set up in a few words and cleared away after."""
import contextlib

import build
import geosim
import http1
import loopback
import nginx
import peers
import relay


class Stage:
    def __init__(self, folder, pki):
        self.folder, self.pki = folder, pki
        self.block = loopback.Block()  # client machines .1-.99, relay .100, pool .128-.255
        self.programs = []
        self.things = contextlib.ExitStack()
        self._sizes = 0

    def keep(self, thing):
        """Closed at the end of the story."""
        return self.things.enter_context(thing)

    def add(self, program):
        self.programs.append(program)
        return program

    def close(self, check):
        """Ends everything. With `check`, each georelay that still runs must give back what it took and exit 0."""
        self.things.close()
        relays = [p for p in self.programs if isinstance(p, relay.Georelay)]
        try:
            for other in self.programs:
                if other not in relays and other.is_running():
                    other.signal(15)
            if check:
                for one in relays:
                    if one.is_running() and one.start_counts:
                        one.settle()
                for one in reversed(relays):  # agents first: they end their tunnels
                    if one.is_running():
                        one.stop()
        finally:
            for program in self.programs:
                program.kill()

    # ---- servers ----

    def listener(self, **options):
        return self.keep(peers.Listener(**options))

    def echo(self, **options):
        return self.keep(peers.Echo(**options))

    def server(self, **options):
        return self.add(geosim.Server(**options))

    def client(self, link, name, **options):
        return self.add(geosim.Client(link, name, **options))

    def nginx(self, **options):
        return self.add(nginx.Nginx(self.folder, **options))

    def upstream(self, **options):
        """A web server whose every connection the story plays itself."""
        return self.keep(http1.Upstream(name="upstream", **options))

    def recorder(self, answer=http1.echo_target, **options):
        """A web server that answers by itself and keeps every byte."""
        return self.keep(http1.Recorder(answer, **options))

    def http(self, relay, tls=False, **options):
        """A client of a relay's front door in mode "http"."""
        address = relay.address("web" if tls else "plain")
        return self.keep(http1.connect(address, self.pki.ca if tls else None, **options))

    def connect(self, address, **options):
        return self.keep(peers.connect(address, **options))

    # ---- configurations ----

    def web(self, *servers, listen="127.0.0.1:0", **more):
        """A front door named "main"."""
        return {"name": "main", "listen": [listen], "certificates": [self.pki.identity("web")], "mode": "tcp",
                "servers": list(servers), **more}

    def site(self, *servers, tls=False, **more):
        """A front door in mode "http": over TLS, or in plain, which is quickest for raw bytes."""
        place = {"listen": ["127.0.0.1:0"], "certificates": [self.pki.identity("web")]} if tls else {"plain": ["127.0.0.1:0"]}
        return {"name": "main", "mode": "http", **place, "servers": list(servers) or None, **more}

    def link(self, server, name="node-a", listen="127.0.0.1:0", advise=None):
        return {"name": name, "listen": [listen] if listen else None, "server": server, "advise": advise}

    def alias(self, ports="5500-5509", pool=None, grace=0, **more):
        """Addressing by an address of a pool of this story's own."""
        return {"addressing": "alias", "ports": ports, "pool": [pool or self.block.range(128, 255)], "grace": grace, **more}

    def tunnel(self, *agents, listen="127.0.0.1:0", heartbeat=1, spares=4):
        return {"listen": [listen], **self.pki.identity("relay"), "ca": self.pki.ca, "agents": list(agents),
                "heartbeat": heartbeat, "spares": spares}

    def allow(self, name, *links, clients=None):
        """A row of the relay's agents."""
        self.pki.agent(name)
        return {"name": name, "links": list(links) or ["node-a"], "clients": list(clients or [self.block.network])}

    # ---- georelay ----

    def relay(self, name="relay", workers=2, prefix=(), files=None, level="info", **settings):
        state = self.folder / f"{name}-state"
        state.mkdir(exist_ok=True)
        whole = {"role": "relay", "state": str(state), "timeouts": {"dial": 3, "resolve": 1}, **settings}
        one = self.add(relay.Georelay(self.folder, name, whole, workers, prefix, files, level))
        if "tunnel" not in settings:
            one.remember()
        return one

    def agent_settings(self, name, relays, *links, **more):
        listens = [{"name": link, "listen": ["127.0.0.1:0"]} for link in (links or ["node-a"])]
        return {"role": "agent", "name": name, "relays": [relays] if isinstance(relays, str) else list(relays),
                **self.pki.agent(more.pop("identity", name)), "ca": self.pki.ca, "links": more.pop("listen", listens),
                "clients": [self.block.network, "127.0.0.1/32"], "timeouts": {"dial": 3}, **more}

    def agent(self, name, of, *links, label=None, workers=2, level="info", prefix=(), **more):
        """An agent of the relay `of`, connected, with its spare channels open."""
        since = of.mark()
        if "admin" in more:  # it keeps there whether it is an island
            more.setdefault("state", str(self.folder / f"{label or name}-state"))
        settings = self.agent_settings(name, of.address_text("tunnel"), *links, **more)
        one = self.add(relay.Georelay(self.folder, label or f"agent-{name}", settings, workers, prefix, None, level))
        of.expect("agent_up", since, agent=name)
        one.expect("tunnel_up")
        return one

    def remember(self, of, *agents):
        """Start values, when every agent is connected and has its spare channels open."""
        spares = of.settings["tunnel"]["spares"] * len(agents)
        of.wait_counts({"agents": len(agents), "spares": spares})
        of.remember()
        for agent in agents:
            agent.wait_counts({"spares": of.settings["tunnel"]["spares"], "sessions": 0})
            agent.remember()

    def pair(self, server, name="site-a", level="info", **alias):
        """The usual set: a relay with the link node-a by alias addressing, and one agent. Returns both."""
        advise = self.alias(**alias)
        of = self.relay(links=[self.link(server, advise=advise)], tunnel=self.tunnel(self.allow(name)), level=level)
        agent = self.agent(name, of, level=level)
        self.remember(of, agent)
        return of, agent

    def size(self, most):
        """So many bytes, or fewer where a sanitizer slows everything down."""
        return most // 8 if build.is_sanitized() else most
