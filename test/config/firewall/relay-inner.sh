#!/bin/sh
# Made by "georelay firewall" for the firewall between the DMZ and the server's network (inner), of the configuration
# relay.conf
#
# Run it there as root, and again at each start of that machine. It may be run again at any time: it replaces its table
# "inet georelay" in one step (which sets the counters to 0) and touches no other. Counters count new connections; a SYN that
# is sent again counts again.
#
# Its chain drops all that is forwarded and not permitted below; answers to what was permitted pass. In nftables a packet must
# be accepted by every table. So beside a ruleset of your own: permit the same connections there, and make this with
# --policy accept, which only counts. If this firewall forwards nothing else, this table alone is a whole firewall.
set -e

nft -f - <<'END'
table inet georelay
delete table inet georelay
table inet georelay {
    counter opened_towards_relay { }
    counter opened_towards_server { }
    counter refused_towards_relay { }
    counter refused_towards_server { }
    counter refused { }
    chain forward {
        type filter hook forward priority filter; policy drop;
        ct state established,related accept
        # The relay passes on requests to the web door "main".
        ip saddr 10.20.0.10 ip daddr 10.10.0.5 tcp dport 8080 tcp flags & (fin | syn | rst | ack) == syn ct state new counter name opened_towards_server accept
        # The relay passes on requests to the web door "main".
        ip saddr 10.20.0.10 ip daddr 10.10.0.6 tcp dport 8080 tcp flags & (fin | syn | rst | ack) == syn ct state new counter name opened_towards_server accept
        # The relay opens the link "node-a" to the server, from the client's address of the pool.
        ip saddr 10.20.0.32/27 ip daddr 10.10.0.5 tcp dport 5481 tcp flags & (fin | syn | rst | ack) == syn ct state new counter name opened_towards_server accept
        # The server dials back to clients of the link "node-a", to each at its address of the pool.
        ip saddr 10.10.0.5 ip daddr 10.20.0.32/27 tcp dport 5500-5509 tcp flags & (fin | syn | rst | ack) == syn ct state new counter name opened_towards_relay accept
        # The relay opens the link "node-b" to the server, from the client's address of the pool.
        ip saddr 10.20.0.64/27 ip daddr 10.10.0.6 tcp dport 5481 tcp flags & (fin | syn | rst | ack) == syn ct state new counter name opened_towards_server accept
        # The server dials back to clients of the link "node-b", to each at its address of the pool.
        ip saddr 10.10.0.6 ip daddr 10.20.0.64/27 tcp dport 5500-5509 tcp flags & (fin | syn | rst | ack) == syn ct state new counter name opened_towards_relay accept
        # What is not permitted.
        ip daddr { 10.20.0.10, 10.20.0.32/27, 10.20.0.64/27 } tcp flags & (fin | syn | rst | ack) == syn ct state new counter name refused_towards_relay drop
        ip saddr { 10.20.0.10, 10.20.0.32/27, 10.20.0.64/27 } tcp flags & (fin | syn | rst | ack) == syn ct state new counter name refused_towards_server drop
        counter name refused
    }
}
END
