# SPDX-License-Identifier: Apache-2.0
"""The lab's networks: machines in network namespaces, each with a cable to a switch. README.md has the picture.

All is made by two batches of ip(8), so that it comes up in a second. Names begin with "gl" and our pid; what a killed run left
behind is removed by the next.
"""
import itertools
import os
import re
import subprocess

import netns

_numbers = itertools.count()

# name: (IPv4 without the last number, the same of IPv6)
NETWORKS = {"clients": ("192.168.1", "fd00:1:"), "dmz": ("10.20.0", "fd00:20:"), "servers": ("10.10.0", "fd00:10:")}
# name: {network: last number}
MACHINES = {"c1": {"clients": 21}, "c2": {"clients": 22}, "site": {"clients": 10},
            "fw1": {"clients": 1, "dmz": 1},
            "host": {"dmz": 10},
            "fw2": {"dmz": 2, "servers": 1},
            "server": {"servers": 5}, "plant": {"servers": 8}}
# Addresses that stand for clients: a network of their own that is routed to the DMZ host, or free ones of the server's network.
POOLS = {"host": {4: "10.20.1", 6: "fd00:20:1:"}, "plant": {4: "10.10.1", 6: "fd00:10:1:"}}
FAMILIES = (4, 6)


def address(network, last, family=4):
    four, six = NETWORKS[network]
    return f"{four}.{last}" if family == 4 else f"{six}:{last}"


def subnet(network, family=4):
    four, six = NETWORKS[network]
    return f"{four}.0/24" if family == 4 else f"{six}:/64"


def pool_subnet(place, family=4):
    stem = POOLS[place][family]
    return f"{stem}.0/28" if family == 4 else f"{stem}:/124"


def pool_range(place, family=4):
    """As the configuration wants it: 14 addresses."""
    stem = POOLS[place][family]
    return f"{stem}.1-{stem}.14" if family == 4 else f"{stem}:1-{stem}:e"


def pool_members(place, family=4):
    stem = POOLS[place][family]
    return [f"{stem}.{n}" if family == 4 else f"{stem}:{n:x}" for n in range(1, 15)]


def batch(*arguments, lines):
    """Many commands of ip(8) by one process."""
    netns.run("ip", *arguments, "-batch", "-", text="\n".join(lines) + "\n")


class Machine:
    """A network namespace with its addresses; `prefix` runs a program in it as root, user() as nobody."""

    def __init__(self, stem, name):
        self.role = name
        self.name = f"{stem}{name}"
        self.prefix = ("ip", "netns", "exec", self.name)
        self.networks = MACHINES.get(name, {})

    def ip(self, family=4, network=None):
        network = network or next(iter(self.networks))
        return address(network, self.networks[network], family)

    def at(self, port, family=4):
        return f"{self.ip(family)}:{port}" if family == 4 else f"[{self.ip(family)}]:{port}"

    def user(self, capability=None):
        """Words before a command that runs it in here as nobody, with at most this one capability, for ever."""
        sets = "-all" if capability is None else f"-all,+{capability}"
        return (*self.prefix, "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", f"--inh-caps={sets}",
                f"--ambient-caps={sets}", f"--bounding-set={sets}", "--no-new-privs", "--pdeathsig=KILL")

    def run(self, *words, text=None):
        netns.run(*self.prefix, *words, text=text)

    def output(self, *words):
        result = subprocess.run((*self.prefix, *words), capture_output=True, text=True, timeout=20, check=False)
        assert result.returncode == 0, f"{' '.join(words)} on {self.role}: {result.stderr}"
        return result.stdout

    def sysctl(self, **settings):
        """net__ipv4__ip_forward=1 writes 1 to that file of the namespace."""
        script = "".join(f"echo {value} > /proc/sys/{key.replace('__', '/')}\n" for key, value in settings.items())
        self.run("sh", "-e", text=script)

    inside = netns.Namespace.inside
    _enter = staticmethod(netns.Namespace._enter)


class Cable:
    """Between a machine and a switch. A cut one is silence at both ends: no carrier is lost, nothing answers."""

    def __init__(self, switches, machine, network):
        self.switches, self.machine, self.network = switches, machine, network
        self.port = f"{machine.role}-{network}"
        self.is_cut, self.is_slow = False, False

    def cut(self):
        self._state(0)  # BR_STATE_DISABLED

    def heal(self):
        self._state(3)  # BR_STATE_FORWARDING

    def _state(self, number):
        self.is_cut = number == 0
        netns.run("bridge", "-n", self.switches, "link", "set", "dev", self.port, "state", str(number))

    def mend(self):
        """Whole again, if it is not."""
        if self.is_cut:
            self.heal()
        if self.is_slow:
            self.unthrottle()

    def throttle(self, rate):
        """Both ways; `rate` as in tc(8): "2mbit"."""
        self.is_slow = True
        shape = ("root", "tbf", "rate", rate, "burst", "32kb", "latency", "100ms")
        netns.run("tc", "-n", self.switches, "qdisc", "replace", "dev", self.port, *shape)
        netns.run("tc", "-n", self.machine.name, "qdisc", "replace", "dev", self.network, *shape)

    def unthrottle(self):
        self.is_slow = False
        for name, device in ((self.switches, self.port), (self.machine.name, self.network)):
            subprocess.run(["tc", "-n", name, "qdisc", "del", "dev", device, "root"], capture_output=True, timeout=20, check=False)


class Topology:
    """Machines, switches, cables, addresses and routes; no firewall rule at all."""

    def __init__(self):
        _remove_what_was_left()
        stem = f"gl{os.getpid()}x{next(_numbers)}-"
        self.switches = Machine(stem, "switches")
        self.machines = {name: Machine(stem, name) for name in MACHINES}
        self.cables = {}
        self._transparent = None
        try:
            self._plug()
            self._address()
        except BaseException:
            self.close()
            raise

    def __getitem__(self, name):
        return self.machines[name]

    def cable(self, machine, network=None):
        return self.cables[machine, network or next(iter(MACHINES[machine]))]

    def _plug(self):
        everybody = [self.switches, *self.machines.values()]
        batch(lines=[f"netns add {machine.name}" for machine in everybody])
        lines = [f"link add sw-{network} type bridge mcast_snooping 0" for network in NETWORKS]
        for machine in self.machines.values():
            for network in machine.networks:
                cable = self.cables[machine.role, network] = Cable(self.switches.name, machine, network)
                lines += [f"link add {cable.port} type veth peer name {network} netns {machine.name}",
                          f"link set {cable.port} master sw-{network} up"]
        lines += [f"link set sw-{network} up" for network in NETWORKS]
        # Machines on one switch see each other's frames as they are; and no address of its own for a switch.
        self.switches.run("sh", "-c", "echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6; "
                                      "echo 0 > /proc/sys/net/bridge/bridge-nf-call-iptables; "
                                      "echo 0 > /proc/sys/net/bridge/bridge-nf-call-ip6tables; true")
        batch("-n", self.switches.name, lines=lines)

    def _address(self):
        for machine in self.machines.values():
            is_firewall = machine.role.startswith("fw")
            machine.sysctl(net__ipv4__ip_forward=int(is_firewall), net__ipv6__conf__all__forwarding=int(is_firewall),
                           net__ipv4__conf__all__rp_filter=1, net__ipv4__conf__all__send_redirects=0,
                           net__ipv4__conf__default__send_redirects=0, net__ipv6__conf__default__accept_ra=0)
            if machine.role in ("c1", "c2", "server"):
                machine.sysctl(net__ipv4__tcp_retries2=5)  # as Windows: what nobody acknowledges is given up soon
            lines = ["link set lo up"]
            # Without the second in which an interface's own address may not be used yet: the first packet would be lost.
            machine.sysctl(**{f"net__ipv6__conf__{network}__accept_dad": 0 for network in machine.networks})
            for network in machine.networks:
                lines += [f"address add {machine.ip(4, network)}/24 dev {network}",
                          f"address add {machine.ip(6, network)}/64 dev {network} nodad", f"link set {network} up"]
            batch("-n", machine.name, lines=lines + _routes(machine.role))

    def transparent(self, place):
        """Routes for addressing "transparent": what goes to the clients' network goes to the host, or to plant. None: as usual."""
        if self._transparent is not None:
            self._route_clients("del", self._transparent)
        if place is not None:
            self._route_clients("add", place)
        self._transparent = place

    def _route_clients(self, verb, place):
        machine, network, last = {"host": ("fw2", "dmz", 10), "plant": ("server", "servers", 8)}[place]
        batch("-n", self[machine].name, lines=[f"route {verb} {subnet('clients', family)} via {address(network, last, family)}"
                                               for family in FAMILIES])

    def close(self):
        for machine in [self.switches, *self.machines.values()]:
            subprocess.run(["ip", "netns", "del", machine.name], capture_output=True, timeout=20, check=False)


def _routes(role):
    """What a machine knows of the other networks. The pool of the host is routed to it."""
    lines = []
    for family in FAMILIES:
        to_fw1, to_fw2 = address("dmz", 1, family), address("dmz", 2, family)
        everywhere = "default" if family == 4 else "::/0"
        lines += {
            "fw1": [f"route add {subnet('servers', family)} via {to_fw2}"],
            "fw2": [f"route add {everywhere} via {to_fw1}", f"route add {pool_subnet('host', family)} via {address('dmz', 10, family)}"],
            "host": [f"route add {everywhere} via {to_fw1}", f"route add {subnet('servers', family)} via {to_fw2}", *_own_pool("host", family)],
            "plant": [f"route add {everywhere} via {address('servers', 1, family)}", *_own_pool("plant", family)],
            "server": [f"route add {everywhere} via {address('servers', 1, family)}",
                       f"route add {pool_subnet('plant', family)} via {address('servers', 8, family)}"],
        }.get(role, [f"route add {everywhere} via {address('clients', 1, family)}"])
    return lines


def _own_pool(role, family):
    """For IPv4 one route makes a whole network ours; IPv6 wants each address."""
    if family == 4:
        return [f"route add local {pool_subnet(role, 4)} dev lo"]
    return [f"address add {member}/128 dev lo nodad" for member in pool_members(role, 6)]


def _remove_what_was_left():
    """Namespaces of runs whose process is gone."""
    result = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, timeout=20, check=False)
    for line in result.stdout.splitlines():
        found = re.match(r"gl(\d+)x\d+-\w+", line)
        if found and not os.path.exists(f"/proc/{found[1]}"):
            subprocess.run(["ip", "netns", "del", found[0]], capture_output=True, timeout=20, check=False)
