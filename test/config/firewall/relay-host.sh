#!/bin/sh
# Made by "georelay firewall" for the relay's own machine (host), of the configuration
# relay.conf
#
# Run it there as root, and again at each start of that machine. It may be run again at any time: it replaces its table
# "inet georelay" in one step (which sets the counters to 0) and touches no other. Counters count new connections; a SYN that
# is sent again counts again.
#
# It intercepts what is told below, counts, and keeps nothing out. If this machine has a ruleset that drops, permit the same
# connections there: an "accept" here does not overrule a "drop" elsewhere. Its input chain sees intercepted connections with
# the address and port that the server dialled.
set -e

# Nothing of an earlier configuration stays.
ip -4 rule del pref 26482 2>/dev/null || true
ip -4 route flush table 26482 2>/dev/null || true
ip -6 rule del pref 26482 2>/dev/null || true
ip -6 route flush table 26482 2>/dev/null || true

nft -f - <<'END'
table inet georelay
delete table inet georelay
table inet georelay {
    counter opened_towards_clients { }
    counter opened_towards_relay { }
    counter opened_towards_server { }
    counter unexpected_towards_clients { }
    chain input {
        type filter hook input priority filter; policy accept;
        # Browsers reach the web door "main".
        ip saddr 192.168.0.0/16 ip daddr 10.20.0.10 tcp dport 443 tcp flags & (fin | syn | rst | ack) == syn ct state new counter name opened_towards_relay accept
        # Browsers that come without TLS are sent on to the web door "main".
        ip saddr 192.168.0.0/16 ip daddr 10.20.0.10 tcp dport 80 tcp flags & (fin | syn | rst | ack) == syn ct state new counter name opened_towards_relay accept
        # The agent "site-a" connects to the relay; all that it carries travels inside.
        ip saddr 192.168.1.10 ip daddr 10.20.0.10 tcp dport 8443 tcp flags & (fin | syn | rst | ack) == syn ct state new counter name opened_towards_relay accept
        # Clients open the link "node-a".
        ip saddr 192.168.0.0/16 ip daddr 10.20.0.10 tcp dport 5481 tcp flags & (fin | syn | rst | ack) == syn ct state new counter name opened_towards_relay accept
        # The server dials back to clients of the link "node-a", to each at its address of the pool.
        ip saddr 10.10.0.5 ip daddr 10.20.0.32/27 tcp dport 5500-5509 tcp flags & (fin | syn | rst | ack) == syn ct state new counter name opened_towards_relay accept
        # Clients open the link "node-b".
        ip saddr 192.168.0.0/16 ip daddr 10.20.0.10 tcp dport 5482 tcp flags & (fin | syn | rst | ack) == syn ct state new counter name opened_towards_relay accept
        # The server dials back to clients of the link "node-b", to each at its address of the pool.
        ip saddr 10.10.0.6 ip daddr 10.20.0.64/27 tcp dport 5500-5509 tcp flags & (fin | syn | rst | ack) == syn ct state new counter name opened_towards_relay accept
    }
    chain output {
        type filter hook output priority filter; policy accept;
        # The relay passes on requests to the web door "main".
        ip saddr 10.20.0.10 ip daddr 10.10.0.5 tcp dport 8080 tcp flags & (fin | syn | rst | ack) == syn ct state new counter name opened_towards_server accept
        # The relay passes on requests to the web door "main".
        ip saddr 10.20.0.10 ip daddr 10.10.0.6 tcp dport 8080 tcp flags & (fin | syn | rst | ack) == syn ct state new counter name opened_towards_server accept
        # The relay opens the link "node-a" to the server, from the client's address of the pool.
        ip saddr 10.20.0.32/27 ip daddr 10.10.0.5 tcp dport 5481 tcp flags & (fin | syn | rst | ack) == syn ct state new counter name opened_towards_server accept
        # The relay opens the link "node-b" to the server, from the client's address of the pool.
        ip saddr 10.20.0.64/27 ip daddr 10.10.0.6 tcp dport 5481 tcp flags & (fin | syn | rst | ack) == syn ct state new counter name opened_towards_server accept
        # Whatever else on this machine connects to clients.
        ip daddr 192.168.0.0/16 tcp flags & (fin | syn | rst | ack) == syn ct state new counter name unexpected_towards_clients
    }
}
END
