# SPDX-License-Identifier: Apache-2.0
"""One row of the matrix set up in the lab: firewalls, server, relay, agents; and two client machines that run through it."""
import pathlib
import subprocess

import build
import geosim
import lab as lab_module
import libconfig
import topology
from program import wait_for

CAP_NET_RAW = 1 << 13
LINK_PORT, TUNNEL_PORT, INTERCEPT_PORT = 5481, 8443, 5480
PORT_IN_HELLO = {"offset": 50, "form": "u16be"}  # the low half of the argument (test/sim/README.md)
CLIENTS = ("c1", "c2")
LINKS, ALARMS, ALARMS_PER_SECOND = 3, 100, 1000
ADVISE_PORTS, OTHER_PORTS = "5500-5519", "6500-6509"
GRACE = 5  # an advise ends in order, by the server, after the client's last link


class Site:
    """`relay`, `agents` (by name) and `server` are there after start()."""

    def __init__(self, lab, stage, row):
        self.lab, self.stage, self.row = lab, stage, row
        self.relay, self.server, self.agents = None, None, {}
        self.timeouts = {"dial": 1}

    # ---- firewalls ----

    def allow(self):
        """The row's two firewalls: the site's law, and within it what `georelay firewall` says that the configuration needs."""
        row, lab = self.row, self.lab
        lab.reset()
        lab.net.transparent(self.side if row.addressing == "transparent" else None)
        self._write_configurations()
        outer, inner = lab.firewalls["fw1"], lab.firewalls["fw2"]
        for place, wall, policy in (("outer", outer, row.outer), ("inner", inner, row.inner)):
            if policy == "open":
                wall.open()
            else:
                lab.permit(place, self.rules("relay", place, *self._sources(place)))
        if row.outer != "open":
            outer.never("towards_clients")
        if row.outer == "NAT":
            outer.masquerade()
        if row.inner == "strict":
            inner.never("towards_server")
            inner.never("towards_clients", *(lab["server"].ip(family) for family in topology.FAMILIES))
        for name in ("host", *(["plant"] if self.side == "plant" else [])):
            lab.run_on(name, self.rules({"host": "relay"}.get(name, name), "host", *self._sources("host")))

    def rules(self, program, place, *options):
        """What `georelay firewall` prints for one place from the configuration of one program: a script for nft."""
        command = [build.georelay(), "firewall", "-c", str(self._path(program)), "--format", "nft", "--place", place, *options]
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
        assert done.returncode == 0, f"{command}: {done.stderr}"
        return done.stdout

    def _sources(self, place):
        """What no configuration knows: where the agents and the direct clients are."""
        is_wanted = self.row.enters_at_relay or self.side == "plant"
        options = ["--clients", topology.subnet("clients", self.row.family)] if is_wanted else []
        names = {"outer": self.agent_names, "inner": ["plant"]}.get(place, [])
        if names:
            options += ["--agent", ",".join(self.lab[name].ip(self.row.family) for name in names)]
        return options

    def _path(self, program):
        return self.stage.folder / f"site-{program}.conf"

    def _write_configurations(self):
        """As the programs get them, before they are started."""
        roles = {"relay": {"role": "relay", "state": str(self.stage.folder), **self.relay_settings()}}
        if self.side == "plant":
            roles["plant"] = self.stage.agent_settings("plant", self.lab["host"].at(TUNNEL_PORT, self.row.family), **self.server_agent_settings())
        for name, settings in roles.items():
            self._path(name).write_text(libconfig.settings(settings))
        self._hand_over()

    # ---- configurations ----

    @property
    def side(self):
        """The machine where leases are held and the server is dialled from."""
        return "plant" if self.row.has_server_agent else "host"

    @property
    def agent_names(self):
        """The agents beside the clients."""
        return {"agents": list(CLIENTS), "overlapping sites": ["site", "site-b"]}.get(
            self.row.deployment, ["site"] if self.row.has_client_agent else [])

    def delivery(self):
        return "agent" if self.row.has_client_agent else "direct"

    def advise(self):
        """At the machine that holds the leases."""
        row, side = self.row, self.lab[self.side]
        if row.addressing == "off":
            return {"addressing": "off"}
        more = {"alias": {"pool": [topology.pool_range(self.side, row.family)]},
                "transparent": {},
                "ports": {"address": side.ip(row.family), "clients": [self.range_of(name) for name in CLIENTS]},
                "rewrite": {"address": side.ip(row.family), "relay_ports": "15500-15599", "rule": PORT_IN_HELLO, "on_mismatch": "pass"},
                }[row.addressing]
        delivery = {} if self.side == "plant" else {"delivery": self.delivery()}
        any_port = {"any_port": "on"} if row.any_port else {}
        return {"addressing": row.addressing, "grace": GRACE, **any_port, **delivery, **more}

    def range_of(self, client):
        """Addressing "ports": which ports say that an advise is for this client."""
        behind = {"agent": "site", "agents": client, "both agents": "site"}.get(self.row.deployment)
        return {"agent": behind, "client": self.lab[client].ip(self.row.family), "ports": self.ports_of(client)}

    def ports_of(self, client):
        if self.row.any_port:
            return OTHER_PORTS
        return "5510-5519" if self.row.addressing == "ports" and client == "c2" else "5500-5509"

    def entry_of_server(self):
        """The link, or the entry of a server-side agent."""
        return {"name": "node-a", "server": self.lab["server"].at(LINK_PORT, self.row.family), "advise": self.advise()}

    def relay_settings(self):
        """Of the relay on the DMZ host."""
        row, host = self.row, self.lab["host"]
        link = self.entry_of_server()
        if self.side == "plant":
            off = row.addressing == "off"
            ports = {"ports": ADVISE_PORTS} if self.delivery() == "direct" else {}
            link = {"name": "node-a", "server": "node-a@plant", "advise": None if off else {"delivery": self.delivery(), **ports}}
        if row.enters_at_relay:
            link["listen"] = [host.at(LINK_PORT, row.family)]
        settings = {"links": [link], "timeouts": self.timeouts}
        rights = [self.stage.allow(name, clients=self.clients_of(name)) for name in self.agent_names]
        if self.side == "plant":
            self.stage.pki.agent("plant")
            rights.append({"name": "plant"})
        if rights:
            settings["tunnel"] = self.stage.tunnel(*rights, listen=host.at(TUNNEL_PORT, row.family))
        if row.outer == "NAT" and row.enters_at_relay:
            settings["nat"] = [topology.address("dmz", 1, row.family)]
        if self._needs_capability("host"):
            settings["intercept_port"] = INTERCEPT_PORT
        return settings

    def clients_of(self, agent):
        if agent in CLIENTS:
            return [self.lab[agent].ip(self.row.family)]
        return [topology.subnet("clients", self.row.family)]

    def client_agent_settings(self, name):
        at = self.lab[name].at(LINK_PORT, self.row.family)
        return {"listen": [{"name": "node-a", "listen": [at]}], "clients": self.clients_of(name), "timeouts": self.timeouts,
                "advise_ports": OTHER_PORTS if self.row.any_port else ADVISE_PORTS}

    def server_agent_settings(self):
        state = self.stage.folder / "plant-state"
        state.mkdir(exist_ok=True)
        return {"listen": None, "clients": None, "servers": [self.entry_of_server()], "state": str(state), "timeouts": self.timeouts,
                "intercept_port": INTERCEPT_PORT if self._needs_capability("plant") else None}

    # ---- programs ----

    def user(self, machine):
        """Nobody; with one capability where the addressing needs it."""
        return self.lab[machine].user("net_raw" if self._needs_capability(machine) else None)

    def _needs_capability(self, machine):
        return machine == self.side and (self.row.addressing == "transparent" or self.row.any_port)

    def check(self):
        """`georelay check` of the relay's configuration: exit code and what it said."""
        self._write_configurations()
        command = [*self.user("host"), build.georelay(), "check", "-c", str(self._path("relay"))]
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
        return done.returncode, done.stdout + done.stderr

    def _hand_over(self):
        self.lab.give(self.stage.folder)
        self.lab.give(self.lab.pki.folder)

    def start(self, **options):
        """The simulated server, with other options if told, and then the rest."""
        machine = self.lab["server"]
        dial = "none" if self.row.addressing == "off" else self.row.dial
        options = {"alarms": ALARMS, "alarms_per_second": ALARMS_PER_SECOND, "retry_ms": 200, "dial": dial, **options}
        self.server = self.stage.server(listen=machine.at(LINK_PORT, self.row.family), prefix=machine.user(), **options)
        self._start_georelays()

    def play(self):
        """The same with a server that the story plays by hand."""
        with self.lab["server"].inside():
            self.server = self.stage.listener(ip=self.lab["server"].ip(self.row.family), port=LINK_PORT)
        self._start_georelays()
        return self.server

    def _start_georelays(self):
        stage = self.stage
        settings = self.relay_settings()
        (stage.folder / "relay-state").mkdir()
        self._hand_over()
        self.relay = stage.relay(prefix=self.user("host"), **settings)
        for name in self.agent_names:
            self._start_agent(name, self.client_agent_settings(name))
        if self.side == "plant":
            self._start_agent("plant", self.server_agent_settings())
        self.everybody_is_nobody()
        self.relay.start_counts = None  # leases last longer than the story; other stories look for what stays behind

    def _start_agent(self, name, settings):
        self.stage.pki.agent(name)
        self._hand_over()
        self.agents[name] = self.stage.agent(name, self.relay, prefix=self.user(name), **settings)

    def everybody_is_nobody(self):
        """By the kernel's word: no program has root's rights, and one capability at most."""
        for program in [self.relay, *self.agents.values()]:
            lines = pathlib.Path(f"/proc/{program.pid}/status").read_text(encoding="ascii").splitlines()
            status = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
            assert set(status["Uid"].split()) == {str(lab_module.NOBODY)}, status["Uid"]
            needed = self._needs_capability("host" if program is self.relay else program.name.removeprefix("agent-"))
            rights = {which: int(status[which], 16) for which in ("CapPrm", "CapEff", "CapInh", "CapBnd", "CapAmb")}
            most = CAP_NET_RAW if needed else 0
            assert all(right & ~most == 0 for right in rights.values()), (program.name, rights)

    def entry(self, client):
        """Where a client machine finds its link."""
        machine = "host" if self.row.enters_at_relay else client if client in self.agents else "site"
        return self.lab[machine].at(LINK_PORT, self.row.family)

    def client(self, name, **options):
        """A simulator on a client machine, as it comes: its advise port is the first of the range."""
        machine = self.lab[name]
        options = {"links": LINKS, "ports": self.ports_of(name), "alarms": ALARMS, "no_reconnect": True, "strict": True,
                   "modern": True if self.row.addressing == "off" else None, **options}
        return self.stage.client(self.entry(name), name, prefix=machine.user(), bind=machine.ip(self.row.family), **options)

    def run_clean(self):
        """Both machines at once; every alarm comes, and both used the same port."""
        clients = [self.client(name) for name in CLIENTS]
        finals = [client.final(within=15) for client in clients]
        for final in finals:
            geosim.verified(final, ALARMS)
        if self.row.addressing == "off":
            return
        for client, name in zip(clients, CLIENTS):
            port = int(self.ports_of(name).split("-", maxsplit=1)[0])
            wanted = f"listen={self.lab[name].at(port, self.row.family)}"
            assert any(wanted in line for line in client.lines), f"{name} did not listen on {port}:\n{client.tail()}"

    def is_lost_on_the_way(self):
        """The server dials an address that is not ours to take; the firewall drops it, and links work all the same."""
        client = self.client("c1", strict=None)
        wait_for(lambda: self.lab.refused("fw2", "towards_clients") > 0)
        client.kill()
        assert client.latest().get("advises", 0) == 0
        assert self.lab.opened("fw2", "towards_clients") == self.lab.opened("fw1", "towards_clients") == 0

    def is_refused(self, why):
        """A client comes; the log says at once why it can't work."""
        client = self.client("c1", strict=None)
        refusal = self.relay.expect("refuse", why=why)
        client.kill()
        if why == "nat_client":
            assert "agent" in refusal["remedy"], refusal
        if self.row.outer != "open":
            assert self.lab.opened("fw1", "towards_clients") == 0

    def counters_agree(self):
        """The firewalls' own view: nothing against the direction, and nothing was tried that is not allowed."""
        row, lab = self.row, self.lab
        counted, refused = lab.counted()
        assert not any(refused.values()), f"something was refused: {refused}"
        is_delivered_directly = row.addressing != "off" and not row.has_client_agent
        assert counted["fw1 towards_clients"] == (len(CLIENTS) if is_delivered_directly else 0), counted
        if not row.has_client_agent:
            assert counted["fw1 towards_server"] == len(CLIENTS) * LINKS, counted
        if row.inner == "strict":
            assert counted["fw2 towards_server"] == 0, counted
        else:
            assert counted["fw2 towards_server"] == len(CLIENTS) * LINKS, counted
            assert counted["fw2 towards_clients"] == (0 if row.addressing == "off" else len(CLIENTS)), counted
        return counted
