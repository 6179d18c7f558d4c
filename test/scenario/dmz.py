# SPDX-License-Identifier: Apache-2.0
"""Three machines in network namespaces: clients, a relay between two networks that routes nothing, a server. For stories about
addressing, where the kernel of each machine has its part.

    clients 192.168.1.20, .21 ── relay 192.168.1.1 | 10.10.0.1 ── server 10.10.0.5 and 10.10.0.6
            fd00:1::20, ::21           fd00:1::1 | fd00:10::1            fd00:10::5

The server reaches everything through the relay; test/lab has whole sites with firewalls.
"""
import itertools
import os
import pathlib
import shutil
import tempfile

import build
import libconfig
import netns
import peers
import program
import relay

_numbers = itertools.count()

CLIENTS = {4: ("192.168.1.20", "192.168.1.21"), 6: ("fd00:1::20", "fd00:1::21")}
NEAR = {4: "192.168.1.1", 6: "fd00:1::1"}  # the relay, towards the clients
FAR = {4: "10.10.0.1", 6: "fd00:10::1"}  # the relay, towards the server
SERVER = {4: "10.10.0.5", 6: "fd00:10::5"}
STRANGER = {4: "10.10.0.6", 6: "fd00:10::6"}  # on the server's machine, but not the server
CLIENT_NETWORK = {4: "192.168.1.0/24", 6: "fd00:1::/64"}
NOBODY = 65534
MARK, TABLE = "0x5480", "5480"

# What "georelay firewall" prints for the machine of the relay, written by hand (design.md, section 4).
TRANSPARENT = """
table inet advise {
    chain prerouting {
        type filter hook prerouting priority mangle;
        iifname "servers" ip daddr %(clients4)s meta l4proto tcp socket transparent 1 meta mark set %(mark)s accept
        iifname "servers" ip6 daddr %(clients6)s meta l4proto tcp socket transparent 1 meta mark set %(mark)s accept
        iifname "servers" ip daddr %(clients4)s meta l4proto tcp tproxy ip to :%(port)s meta mark set %(mark)s accept
        iifname "servers" ip6 daddr %(clients6)s meta l4proto tcp tproxy ip6 to :%(port)s meta mark set %(mark)s accept
        iifname "servers" ip daddr %(clients4)s meta l4proto tcp reject with tcp reset
        iifname "servers" ip6 daddr %(clients6)s meta l4proto tcp reject with tcp reset
    }
}
"""
# For a pool whose addresses are this machine's own: no mark, no route.
ANY_PORT = """
table inet advise {
    chain prerouting {
        type filter hook prerouting priority mangle;
        iifname "servers" ip daddr %(pool)s meta l4proto tcp tproxy ip to :%(port)s
    }
}
"""
ANY_PORT_6 = ANY_PORT.replace("ip daddr", "ip6 daddr").replace("tproxy ip to", "tproxy ip6 to")


def text(ip, port):
    return f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}"


class Dmz:
    """Everything of it is gone after close(). Needs root."""

    def __init__(self, stage):
        self.stage = stage
        self.machines = []
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="georelay-dmz-"))  # where nobody may go
        self.folder.chmod(0o755)
        try:
            stem = f"gd{os.getpid()}x{next(_numbers)}"
            self.client, self.relay, self.server = (self._machine(stem + name) for name in "crs")
            self._cable(self.client, "clients", [*CLIENTS[4], *CLIENTS[6]], [NEAR[4], NEAR[6]])
            self._cable(self.server, "servers", [SERVER[4], STRANGER[4], SERVER[6], STRANGER[6]], [FAR[4], FAR[6]])
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        for machine in self.machines:
            machine.delete()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _machine(self, name):
        machine = netns.Namespace(name, None)
        self.machines.append(machine)
        # Its own IPv6 addresses are of use at once, without a second of asking whether somebody else has them.
        netns.run(*machine.prefix, "sh", "-ec", "cd /proc/sys/net/ipv6/conf; echo 0 > default/accept_dad; echo 0 > default/dad_transmits")
        return machine

    def _cable(self, machine, name, here, there):
        netns.run("ip", "-n", machine.name, "link", "add", name, "type", "veth", "peer", "name", name, "netns", self.relay.name)
        for end in (machine, self.relay):
            netns.run("ip", "-n", end.name, "link", "set", name, "up")
        for end, addresses in ((machine, here), (self.relay, there)):
            for ip in addresses:
                self.give(end, ip, name, 64 if ":" in ip else 24)
        for router in there:
            netns.run("ip", "-6" if ":" in router else "-4", "-n", machine.name, "route", "add", "default", "via", router)

    @staticmethod
    def give(machine, ip, device="lo", prefix=None):
        """One more address."""
        prefix = prefix or (128 if ":" in ip else 32)
        netns.run("ip", "-n", machine.name, "address", "add", f"{ip}/{prefix}", "dev", device, *(["nodad"] if ":" in ip else []))

    # ---- rules on the relay's machine ----

    def intercept(self, port=5480):
        """The rules and policy routes of addressing "transparent"."""
        words = {"clients4": CLIENT_NETWORK[4], "clients6": CLIENT_NETWORK[6], "mark": MARK, "port": port}
        netns.run(*self.relay.prefix, "nft", "-f", "-", text=TRANSPARENT % words)
        for family, everything in (("-4", "0.0.0.0/0"), ("-6", "::/0")):
            netns.run("ip", family, "-n", self.relay.name, "rule", "add", "fwmark", MARK, "lookup", TABLE)
            netns.run("ip", family, "-n", self.relay.name, "route", "add", "local", everything, "dev", "lo", "table", TABLE)

    def take_any_port(self, pool, port=5480):
        """The rule of addressing "alias" with any_port."""
        rules = ANY_PORT_6 if ":" in pool else ANY_PORT
        netns.run(*self.relay.prefix, "nft", "-f", "-", text=rules % {"pool": pool, "port": port})

    # ---- who is there ----

    def start(self, links, prefix=(), user="nobody", **more):
        """georelay on the machine in the middle, as that user."""
        state = self.folder / "state"
        if not state.exists():
            state.mkdir()
            os.chown(state, NOBODY, NOBODY)
        settings = {"role": "relay", "state": str(state), "timeouts": {"dial": 3, "resolve": 1}, "user": user, "links": links, **more}
        one = self.stage.add(relay.Georelay(self.folder, "relay", settings, prefix=(*self.relay.prefix, *prefix)))
        if "tunnel" not in more:
            one.remember()
        return one

    def try_to_start(self, links, prefix=()):
        """georelay without a user of its own that is not expected to start: its exit code and what it said."""
        config = self.folder / "relay.conf"
        config.write_text(libconfig.settings({"role": "relay", "state": str(self.folder / "state"), "links": links}))
        one = program.Program([build.georelay(), "run", "-c", str(config)], "relay", prefix=(*self.relay.prefix, *prefix))
        return one.wait_end(), one.tail()

    def within_reach(self, monkeypatch):
        """The program is where nobody may start it; a build folder need not be."""
        copy = shutil.copy(build.georelay(), self.folder)
        monkeypatch.setattr(build, "georelay", lambda: copy)

    def link(self, family=4, name="node-a", server=None, port=5481, **advise):
        """A link whose clients the relay dials itself."""
        listen = {"name": name, "listen": [text(NEAR[family], port)], "server": text(server or SERVER[family], 5481)}
        return {**listen, "advise": {"delivery": "direct", "ports": "5500-5509", "grace": 0, **advise}}

    def at_server(self, ip=None, family=4):
        """The server's port for links."""
        return self._listener(self.server, ip or SERVER[family], 5481, "server")

    def at_client(self, ip, port):
        """A client that waits for its advise."""
        return self._listener(self.client, ip, port, f"client {ip}")

    def _listener(self, machine, ip, port, name):
        with machine.inside():
            return self.stage.keep(peers.Listener(ip=ip, port=port, name=name))

    def open_link(self, ip, port=5481):
        """A client's link, its end."""
        with self.client.inside():
            return self.stage.connect((NEAR[6 if ":" in ip else 4], port), bind=ip, name=f"link of {ip}")

    def advise(self, ip, port, of=None):
        """The server dials back; its end."""
        with self.server.inside():
            return self.stage.connect((ip, port), bind=of or SERVER[6 if ":" in ip else 4], name=f"advise to {text(ip, port)}")

    def advise_refused(self, ip, port, of=None, within=1.0):
        """The same, but an RST comes at once: instead of the connection, or right after it."""
        with self.server.inside():
            peers.connect_reset((ip, port), bind=of or SERVER[6 if ":" in ip else 4], within=within)


def has_only(pid, capability):
    """True if a process (every thread of it) has exactly this capability (a bit's number; None: none) in whatever set, and is no root."""
    wanted = 0 if capability is None else 1 << capability
    for thread in pathlib.Path(f"/proc/{pid}/task").iterdir():
        status = dict(line.split(":\t", 1) for line in (thread / "status").read_text().splitlines() if ":\t" in line)
        sets = {name: int(status[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")}
        if sets != {"CapInh": 0, "CapPrm": wanted, "CapEff": wanted, "CapBnd": 0, "CapAmb": 0} or status["NoNewPrivs"].strip() != "1":
            return False
        if "0" in status["Uid"].split() or "0" in status["Gid"].split():
            return False
    return True
