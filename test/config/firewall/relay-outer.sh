#!/bin/sh
# Made by "georelay firewall" for the firewall between the clients' network and the DMZ (outer), of the configuration
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
    counter opened_towards_clients { }
    counter opened_towards_relay { }
    counter refused_towards_clients { }
    counter refused_towards_relay { }
    counter refused { }
    chain forward {
        type filter hook forward priority filter; policy drop;
        ct state established,related accept
        # Browsers reach the web door "main".
        ip saddr 192.168.0.0/16 ip daddr 10.20.0.10 tcp dport 443 tcp flags & (fin | syn | rst | ack) == syn ct state new counter name opened_towards_relay accept
        # Browsers that come without TLS are sent on to the web door "main".
        ip saddr 192.168.0.0/16 ip daddr 10.20.0.10 tcp dport 80 tcp flags & (fin | syn | rst | ack) == syn ct state new counter name opened_towards_relay accept
        # The agent "site-a" connects to the relay; all that it carries travels inside.
        ip saddr 192.168.1.10 ip daddr 10.20.0.10 tcp dport 8443 tcp flags & (fin | syn | rst | ack) == syn ct state new counter name opened_towards_relay accept
        # Clients open the link "node-a".
        ip saddr 192.168.0.0/16 ip daddr 10.20.0.10 tcp dport 5481 tcp flags & (fin | syn | rst | ack) == syn ct state new counter name opened_towards_relay accept
        # Clients open the link "node-b".
        ip saddr 192.168.0.0/16 ip daddr 10.20.0.10 tcp dport 5482 tcp flags & (fin | syn | rst | ack) == syn ct state new counter name opened_towards_relay accept
        # What is not permitted.
        ip daddr 10.20.0.10 tcp flags & (fin | syn | rst | ack) == syn ct state new counter name refused_towards_relay drop
        ip saddr 10.20.0.10 tcp flags & (fin | syn | rst | ack) == syn ct state new counter name refused_towards_clients drop
        counter name refused
    }
}
END
