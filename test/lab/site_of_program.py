# SPDX-License-Identifier: Apache-2.0
"""The lab set up for one real program: its control port is a link, and what its server dials back finds the client. programs.py has the programs."""
import contextlib
import os
import pathlib
import signal
import subprocess

import matrix
import program
import relay
import site_of_row
import topology

ANY_PORT = "1-65535"
LOOPBACK = "127.0.0.1"
# name: (addressing, deployment, FW1, FW2); README.md and matrix.py have the words
WAYS = {
    "without": matrix.Row("off", "relay", "open", "open"),  # no georelay: whether the program itself works here
    "transparent": matrix.Row("transparent", "agents", "one-way", "one-way"),
    "transparent, loopback": matrix.Row("transparent", "agents", "one-way", "one-way"),
    "transparent, site": matrix.Row("transparent", "agent", "one-way", "one-way"),
    "transparent, straight": matrix.Row("transparent", "agent delivers", "one-way", "one-way"),
    "transparent, direct": matrix.Row("transparent", "relay", "open", "one-way"),
    "transparent, both": matrix.Row("transparent", "both agents", "one-way", "strict"),
    "alias": matrix.Row("alias", "agents", "one-way", "one-way", any_port=True),
    "alias, loopback": matrix.Row("alias", "agents", "one-way", "one-way", any_port=True),
    "alias, site": matrix.Row("alias", "agent", "one-way", "one-way", any_port=True),
    "alias, straight": matrix.Row("alias", "agent delivers", "one-way", "one-way", any_port=True),
    "alias, direct": matrix.Row("alias", "relay", "open", "one-way", any_port=True),
    "alias, both": matrix.Row("alias", "both agents", "one-way", "strict", any_port=True),
}
LOW_PORTS = ("host", "site", "c1", "c2", "plant")  # where georelay, as nobody, listens on ports below 1024


class Site(site_of_row.Site):
    """`port` is what clients connect to; the programs under test run as root on c1 and on the server."""

    def __init__(self, lab, stage, way, port):
        super().__init__(lab, stage, WAYS[way])
        self.port, self.way = port, way
        self.client, self.machine = lab["c1"], lab["server"]
        stage.things.callback(self._end)
        for name in LOW_PORTS:
            lab[name].sysctl(net__ipv4__ip_unprivileged_port_start=0)

    def _end(self):
        """Whatever runs on the two machines, whoever started it there: servers fork, and change their users and sessions. Not georelay."""
        ours = {one.pid for one in self.stage.programs if isinstance(one, relay.Georelay)}
        for machine in (self.client, self.machine):
            for pid in map(int, machine.output("ip", "netns", "pids", machine.name).split()):
                if pid not in ours:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)

    @property
    def is_by_loopback(self):
        """Clients connect to the agent on their machine by 127.0.0.1."""
        return self.way.endswith("loopback")

    # ---- configurations ----

    def entry_of_server(self):
        return {**super().entry_of_server(), "server": self.machine.at(self.port)}

    def relay_settings(self):
        settings = super().relay_settings()
        if self.row.enters_at_relay:
            settings["links"][0]["listen"] = [self.lab["host"].at(self.port)]
        return settings

    def client_agent_settings(self, name):
        at = f"{LOOPBACK}:{self.port}" if self.is_by_loopback else self.lab[name].at(self.port)
        return {**super().client_agent_settings(name), "listen": [{"name": "node-a", "listen": [at]}], "advise_ports": ANY_PORT,
                "clients": [*self.clients_of(name), LOOPBACK]}

    def open(self):
        """Firewalls and georelay; the server's program may come before or after."""
        if self.way == "without":
            self.lab.reset()
            for wall in self.lab.firewalls.values():
                wall.open()
            return self
        self.allow()
        self._start_georelays()
        return self

    # ---- words for programs.py ----

    def _own(self, machine):
        """Words before a command that runs it on a machine, where look-ups of names end at once: it has an /etc/hosts of its own, and no resolver."""
        etc = self.folder / "etc"
        if not etc.exists():
            etc.mkdir()
            names = {"127.0.0.1": "localhost", self.client_ip: "client", self.machine.ip(): "server"}
            names |= {ip: f"stand-in{n}" for n, ip in enumerate(topology.pool_members("host") + topology.pool_members("plant"))}
            (etc / "hosts").write_text("".join(f"{ip} {name}\n" for ip, name in names.items()))
            (etc / "resolv.conf").write_text("")
        mounts = "".join(f"mount --bind {etc}/{name} /etc/{name}; " for name in ("hosts", "resolv.conf"))
        return (*machine.prefix, "unshare", "--mount", "sh", "-ec", f'{mounts}exec "$@"', "sh")

    @property
    def folder(self):
        return self.stage.folder

    @property
    def host(self):
        """The address that clients connect to."""
        if self.is_by_loopback:
            return LOOPBACK
        return self.machine.ip() if self.way == "without" else self.entry("c1").rsplit(":", 1)[0]

    @property
    def machine_that_dials(self):
        """The one from which links go to the server."""
        return self.client if self.way == "without" else self.lab[self.side]

    @property
    def machine_that_delivers(self):
        """The one from which advises go to the client."""
        if not self.agent_names:
            return self.machine_that_dials
        return self.lab["c1" if "c1" in self.agent_names else "site"]

    @property
    def client_ip(self):
        return self.client.ip()

    @property
    def known_as(self):
        """The client's address as the server sees it; in a pool the first is free."""
        return topology.pool_members(self.side)[0] if self.row.addressing == "alias" else self.client_ip

    def start(self, *command, machine=None, environment=()):
        """Starts a program that nobody waits for."""
        words = [*(["env", *environment] if environment else []), *(str(word) for word in command)]
        return self.stage.add(program.Program(words, pathlib.Path(command[0]).name, prefix=self._own(machine or self.machine)))

    def serve(self, *command, port=None, machine=None):
        """Starts a server and waits until it listens."""
        machine = machine or self.machine
        one = self.start(*command, machine=machine)
        port = port or self.port
        program.wait_for(lambda: not one.is_running() or machine.output("ss", "-Hltn", f"sport = :{port}"))
        assert one.is_running(), f"{one.name} has ended:\n{one.tail()}"
        return one

    def on_client(self, *command, port=None):
        """The same on the client's machine."""
        return self.serve(*command, port=port, machine=self.client)

    def run(self, *command, text=None, within=15, env=None, code=0):
        """A client program from its start to its end: what it wrote."""
        done = subprocess.run([*self._own(self.client), *(["env", *env] if env else []), *(str(word) for word in command)], input=text, text=True, errors="replace",
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=within, check=False)
        assert code is None or done.returncode == code, f"{command[0]} exited with {done.returncode}:\n{done.stdout}"
        return done.stdout

    def advises(self):
        """Those that have ended."""
        return self.agents.get("plant", self.relay).events("close", kind="advise")

    def is_dialled_back(self, within=15):
        """Waits for an advise that ended in order; for programs that say nothing about it."""
        if self.way == "without":
            program.wait_for(lambda: self.lab.opened("fw1", "towards_clients") > 0, within)
            return True
        ended = self.agents.get("plant", self.relay).wait("close", within=within, kind="advise")
        return ended is not None and ended["why"] in ("front_eof", "back_eof", "front_reset")

    def refusals(self):
        return [event for one in [self.relay, *self.agents.values()] if one is not None for event in one.events("refuse") + one.events("unheard")]
