#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What works where: the one table from which the stories run (test/scenario/test_lab_matrix.py) and docs/matrix.md is written.

    matrix.py > docs/matrix.md
"""
import dataclasses

WORKS, CHECK, LINK, SERVER = "works", "check", "link", "server"

DEPLOYMENTS = {
    "relay": "clients connect to the relay, and the relay connects to them to deliver an advise",
    "agent": "clients connect to an agent on their network",
    "agents": "an agent on each client machine",
    "agent delivers": "clients connect to the relay, an agent on their network delivers the advises",
    "server agent": "clients connect to the relay, which delivers too; an agent in the server's network dials the server",
    "both agents": "an agent on the clients' network and one in the server's",
    "both, direct links": "clients connect to the relay; an agent on their network delivers, one in the server's dials the server",
    "overlapping sites": "two agents at two sites whose clients have the same addresses",
}
OUTER = {
    "open": "everything that is routed may pass",
    "one-way": "only the clients' network may open connections towards the DMZ",
    "NAT": "as one-way, and the whole clients' network has one address in the DMZ",
}
INNER = {
    "open": "everything that is routed may pass",
    "one-way": "the DMZ may open links to the server, the server may dial back to the DMZ",
    "strict": "the DMZ may open nothing, the server may open nothing; an agent in the server's network may connect to the relay",
}


@dataclasses.dataclass(frozen=True)
class Row:
    addressing: str
    deployment: str
    outer: str
    inner: str
    outcome: str = WORKS
    why: str = ""  # CHECK: words of the message; LINK: the reason in the log
    family: int = 4
    dial: str = "peer"  # whom the server dials back: the link's peer, or the address that the client announced
    any_port: bool = False  # clients announce a port outside of `ports`

    @property
    def name(self):
        parts = [self.addressing, self.deployment, self.outer, self.inner, f"IPv{self.family}"]
        parts += ["announced"] * (self.dial != "peer") + ["any_port"] * self.any_port
        return "-".join(parts).replace(", ", "_").replace(" ", "_")

    @property
    def is_core(self):
        """One of the rows that also run with sanitizers."""
        return self.dial == "peer" and (self.deployment, self.outer, self.inner, self.family) in (
            ("relay", "open", "one-way", 4), ("agent", "one-way", "one-way", 4), ("both agents", "one-way", "strict", 4))

    @property
    def has_client_agent(self):
        return self.deployment not in ("relay", "server agent")

    @property
    def has_server_agent(self):
        return self.deployment in ("server agent", "both agents", "both, direct links")

    @property
    def enters_at_relay(self):
        """Clients connect to the relay itself."""
        return self.deployment in ("relay", "agent delivers", "server agent", "both, direct links")


# Where dial-backs work whatever the addressing is; and where they can't.
EVERYWHERE = (
    ("relay", "open", "open"), ("relay", "open", "one-way"),
    ("agent", "open", "open"), ("agent", "one-way", "one-way"), ("agent", "NAT", "one-way"),
    ("agents", "one-way", "one-way"), ("agents", "NAT", "one-way"),
    ("agent delivers", "one-way", "one-way"),
    ("server agent", "open", "strict"),
    ("both agents", "one-way", "strict"), ("both agents", "NAT", "strict"),
    ("both, direct links", "one-way", "strict"),
    ("relay", "one-way", "one-way", LINK, "dial_timeout"),
    ("relay", "NAT", "one-way", LINK, "nat_client"),
    ("agent delivers", "NAT", "one-way", LINK, "nat_client"),
)


def rows_of(addressing):
    """Each row with IPv4, and some with IPv6."""
    return [*(Row(addressing, *words) for words in EVERYWHERE),
            *(Row(addressing, *words, family=6) for words in EVERYWHERE
              if words in (("relay", "open", "one-way"), ("agent", "one-way", "one-way"), ("both agents", "one-way", "strict")))]


ROWS = [
    Row("off", "relay", "open", "open"),
    Row("off", "relay", "one-way", "one-way"),
    Row("off", "relay", "NAT", "one-way"),
    Row("off", "relay", "one-way", "one-way", family=6),
    Row("off", "agent", "one-way", "one-way"),
    Row("off", "agent", "NAT", "one-way"),
    Row("off", "server agent", "one-way", "strict"),
    Row("off", "both agents", "one-way", "strict"),
    Row("off", "server agent", "NAT", "strict"),
    *rows_of("alias"),
    Row("alias", "agent", "one-way", "one-way", SERVER, dial="announced"),
    Row("alias", "agent", "one-way", "one-way", any_port=True),
    Row("alias", "both agents", "one-way", "strict", any_port=True),
    *rows_of("transparent"),
    Row("transparent", "relay", "open", "one-way", dial="announced"),
    Row("transparent", "agent", "one-way", "one-way", dial="announced"),
    Row("transparent", "agents", "one-way", "one-way", dial="announced"),
    Row("transparent", "both agents", "one-way", "strict", dial="announced"),
    Row("transparent", "overlapping sites", "one-way", "one-way", CHECK, "overlap"),
    *rows_of("ports"),
    *rows_of("rewrite"),
    Row("rewrite", "agent", "one-way", "one-way", SERVER, dial="announced"),
    Row("ports", "agent", "one-way", "one-way", SERVER, dial="announced"),
]

OUTCOMES = {WORKS: "works", CHECK: "refused at start", LINK: "refused, the log says",
            SERVER: "no alarms: FW2 drops the dial-back, the relay never sees it"}
REASONS = """## Why some can't work

- `dial_timeout`: FW1 lets the relay open nothing towards the clients, but `delivery = "direct"` means that it must. Take an agent.
- `nat_client`: behind NAT all direct clients have one address, so nobody can tell whose dial-back it is. The line names the remedy: an agent
  beside the clients. The relay knows such addresses by `nat`.
- The announced address: a server that dials the address that stands in the link, and not the link's peer, dials the client's own address. Only
  `transparent` routes that address to the relay. With any other addressing FW2 drops the dial-back before the relay can see it; after half a
  minute the relay's log says `advise_missing`, with the remedy.
- Overlapping sites: with `transparent` the server knows a client by its own address, so two sites can't have the same ones. `georelay check` says
  so. `alias`, `ports` and `rewrite` tell clients apart by their agent too.

## How the firewalls are set up

FW1, FW2 and the machines with georelay get exactly what `georelay firewall --format nft` prints from the row's configuration, except *open*. Above that
stands the site's law, made by the lab: in *one-way* and *NAT* nothing may ever be opened towards the clients, in *strict* nothing towards the server and nothing by
the server. Every program runs as `nobody`, without any capability; where leases are held with `transparent`, or with `any_port`, with
CAP_NET_RAW alone.
"""
HEAD = """# What works where

Written by `test/lab/matrix.py`; do not edit. Each row is a story of `test/scenario/test_lab_matrix.py` in the lab (`test/lab/`): two client machines that
listen on the same port 5500, FW1, the DMZ, FW2, the server, all in network namespaces, with every program run as `nobody`. *works* means: all links and
all alarms came, whole and in order; and the firewalls' own counters say that **no connection was opened against the direction
that the policy allows, and none was tried**.
"""


def listed(title, words):
    return [f"## {title}", "", "| name | meaning |", "|---|---|", *(f"| {name} | {meaning} |" for name, meaning in words.items()), ""]


def outcome(row):
    return OUTCOMES[row.outcome] + (f": `{row.why}`" if row.outcome == LINK else "")


def document():
    lines = [HEAD, *listed("Deployments", DEPLOYMENTS), *listed("FW1, between the clients' network and the DMZ", OUTER),
             *listed("FW2, between the DMZ and the server's network", INNER)]
    for addressing in dict.fromkeys(row.addressing for row in ROWS):
        lines += [f"## Addressing `{addressing}`", "", "| deployment | FW1 | FW2 | IP | server dials | outcome |", "|---|---|---|---|---|---|"]
        for row in (row for row in ROWS if row.addressing == addressing):
            dials = "nobody" if row.addressing == "off" else "the link's peer" if row.dial == "peer" else "the announced address"
            dials += ", at a port outside of `ports` (`any_port = \"on\"`)" if row.any_port else ""
            lines.append(f"| {row.deployment} | {row.outer} | {row.inner} | {row.family} | {dials} | {outcome(row)} |")
        lines.append("")
    return "\n".join(lines + [REASONS]).rstrip("\n") + "\n"


if __name__ == "__main__":
    print(document(), end="")
