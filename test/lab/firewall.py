# SPDX-License-Identifier: Apache-2.0
"""A stateful firewall of the lab: drops what nothing permits, and counts connections by its own counters.

Three tables of nft:
  lab_tried    before all rules: what somebody tries to open
  filter       the base: drops everything but answers; permissions come as a script of their own (permit)
  lab_opened   after all rules: what was opened. Each connection once, however often its SYN was sent.
A script may bring a forward chain of its own whose policy is drop; then it is the firewall, and the base gets out of its way, since in nftables
a packet must pass all chains. Else it adds rules to "inet filter forward".
"""
import json

import conntrack

COUNT = """
table inet lab_tried {
    counter towards_server {}
    counter towards_clients {}
    chain forward {
        type filter hook forward priority -300
        tcp flags & (syn | ack) == syn iifname "%(outer)s" counter name towards_server
        tcp flags & (syn | ack) == syn iifname "%(inner)s" counter name towards_clients
    }
}
table inet lab_opened {
    counter towards_server {}
    counter towards_clients {}
    counter syn_towards_server {}
    counter syn_towards_clients {}
    chain forward {
        type filter hook forward priority 300
        tcp flags & (syn | ack) == syn iifname "%(outer)s" counter name syn_towards_server
        tcp flags & (syn | ack) == syn iifname "%(inner)s" counter name syn_towards_clients
        ct mark & 0x40000000 != 0 return
        meta l4proto { icmp, icmpv6 } return
        ct state != new return
        iifname "%(outer)s" counter name towards_server
        iifname "%(inner)s" counter name towards_clients
        ct mark set ct mark | 0x40000000
    }
}
"""
BASE = """
table inet filter {
    chain forward {
        type filter hook forward priority filter
        policy drop
        ct state established,related accept
    }
}
"""
OPEN = """
table inet filter {
    chain forward {
        type filter hook forward priority filter
        ct state invalid drop
    }
}
"""
MASQUERADE = """
table ip lab_nat {
    chain postrouting { type nat hook postrouting priority srcnat; oifname "%s" masquerade; }
}
table ip6 lab_nat {
    chain postrouting { type nat hook postrouting priority srcnat; oifname "%s" masquerade; }
}
"""
ESTABLISHED_SECONDS = 432000  # the kernel's own


class Firewall:
    """On a machine with two networks: `outer` is nearer to the clients."""

    def __init__(self, machine, outer, inner):
        self.machine, self.outer, self.inner = machine, outer, inner
        self.reset()

    def reset(self):
        """Nothing is permitted, nothing is known, all counters are 0."""
        words = {"outer": self.outer, "inner": self.inner}
        self.machine.run("nft", "-f", "-", text="flush ruleset\n" + COUNT % words + BASE)
        self.remember_for(ESTABLISHED_SECONDS)
        self.forget()

    def open(self):
        """Everything that is routed may pass, if it begins with a SYN."""
        self.machine.run("nft", "-f", "-", text="delete table inet filter\n" + OPEN)

    def never(self, direction, *sources):
        """The site's law: nobody, or none of these addresses, opens anything in this direction, whatever is permitted."""
        near = self.outer if direction == "towards_server" else self.inner
        froms = [f"{'ip6' if ':' in source else 'ip'} saddr {source} " for source in sources] or [""]
        rules = "".join(f'        iifname "{near}" {text}ct state new drop\n' for text in froms)
        self.machine.run("nft", "-f", "-", text="table inet lab_law {\n    chain forward {\n        type filter hook forward priority -200\n"
                         + rules + "    }\n}\n")

    def masquerade(self):
        """Whoever is outside has this machine's address inside."""
        self.machine.run("nft", "-f", "-", text=MASQUERADE % (self.inner, self.inner))

    def permit(self, script):
        """Runs a shell script that permits something, as `georelay firewall --format nft` prints it."""
        self.machine.run("sh", "-e", text=script)
        if self._has_own_policy():
            self.machine.run("nft", "-f", "-", text="delete table inet filter\n")

    def _has_own_policy(self):
        chains = [row["chain"] for row in self._list("chains") if "chain" in row]
        return any(chain.get("hook") == "forward" and chain.get("policy") == "drop" and chain["table"] != "filter" for chain in chains)

    def answer_with_resets(self):
        """A packet of a connection that it does not know is answered for, so that its sender knows at once."""
        self.machine.run("nft", "-f", "-", text="table inet lab_resets {\n    chain forward {\n        type filter hook forward priority -150\n"
                         "        meta l4proto tcp ct state invalid reject with tcp reset\n    }\n}\n")

    # ---- its memory ----

    def remember_for(self, seconds):
        """A connection that is silent for longer is forgotten, and its next packet dropped."""
        self.machine.sysctl(net__netfilter__nf_conntrack_tcp_loose=0, net__netfilter__nf_conntrack_tcp_timeout_established=seconds)

    def forget(self):
        """It loses its state, all at once."""
        conntrack.forget(self.machine)

    # ---- its counters ----

    def opened(self, direction):
        """Connections that it let through in this direction since reset()."""
        return self.counted()[direction][0]

    def refused(self, direction):
        """SYNs that it dropped; a SYN that is sent again counts again."""
        return self.counted()[direction][1]

    def counted(self):
        """For each direction what it let through and what it dropped: {"towards_clients": (0, 0), ...}."""
        packets = {(row["counter"]["table"], row["counter"]["name"]): row["counter"]["packets"]
                   for row in self._list("counters") if "counter" in row}
        return {way: (packets["lab_opened", way], packets["lab_tried", way] - packets["lab_opened", "syn_" + way])
                for way in ("towards_server", "towards_clients")}

    def _list(self, what):
        return json.loads(self.machine.output("nft", "-j", "list", what))["nftables"]
