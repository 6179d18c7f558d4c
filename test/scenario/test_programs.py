# SPDX-License-Identifier: Apache-2.0
"""Programs that nobody wrote for us: their servers dial back to their clients, and don't notice georelay. docs/programs.md has many more; here are
those that Debian installs side by side."""
import os

import peers
import programs
import pytest
import site_of_program
from program import wait_for
from stories import lab, needs_lab, stage  # noqa: F401

pytestmark = needs_lab

# In transparent all work. In alias those which dial the peer of the connection, or were told their alias.
TRANSPARENT = ("iperf -r", "vsftpd + curl", "vsftpd + lftp", "ngircd + an ident daemon that knows its user", "Pyro4 callback")
ALIAS = ("iperf -r", "vsftpd + lftp told its alias", "ngircd + an ident daemon that knows its user")


def ground(lab, stage, way, real):  # noqa: F811
    """The lab set up for a program; ./dev installs those of these stories."""
    if real.missing():
        pytest.skip("not installed: " + ", ".join(real.missing()))
    return site_of_program.Site(lab, stage, way, real.port).open()


def tried(lab, stage, way, name):  # noqa: F811
    real = programs.PROGRAMS[name]
    site = ground(lab, stage, way, real)
    real.run(site)
    return site


def nothing_against_the_direction(lab, site):  # noqa: F811
    """By the firewalls' own counters; and what the server opened towards the DMZ were advises, each delivered."""
    opened, refused = lab.counted()
    assert opened["fw1 towards_clients"] == 0 and not any(refused.values()), (opened, refused)
    assert opened["fw2 towards_clients"] > 0
    wait_for(lambda: len(site.advises()) == opened["fw2 towards_clients"])
    assert {event["why"] for event in site.advises()} <= {"front_eof", "back_eof", "front_reset", "back_reset", "lease_ended"}, site.advises()


@pytest.mark.parametrize("name", TRANSPARENT)
def test_transparent(lab, stage, name):  # noqa: F811
    """The server sees the client's own address, and dials whatever port the client announced."""
    nothing_against_the_direction(lab, tried(lab, stage, "transparent", name))


@pytest.mark.parametrize("name", ALIAS)
def test_alias_with_any_port(lab, stage, name):  # noqa: F811
    nothing_against_the_direction(lab, tried(lab, stage, "alias", name))


@pytest.mark.parametrize("way", ["transparent, straight", "alias, straight"])
def test_clients_without_an_agent(lab, stage, way):  # noqa: F811
    """They connect to the relay itself, and an agent on their network delivers."""
    nothing_against_the_direction(lab, tried(lab, stage, way, "iperf -r"))


@pytest.mark.parametrize("name", ["iperf -r", "vsftpd + lftp"])
def test_agents_at_both_ends(lab, stage, name):  # noqa: F811
    """Nothing is opened towards the server's network either."""
    tried(lab, stage, "transparent, both", name)
    opened, refused = lab.counted()
    assert opened["fw1 towards_clients"] == opened["fw2 towards_server"] == 0 and not any(refused.values()), (opened, refused)


def test_never_to_a_listener_of_our_own(lab, stage):  # noqa: F811
    """The agent may deliver to any port; where it listens itself, nobody else can be, and it would open a link to the server."""
    site = site_of_program.Site(lab, stage, "transparent", 4000).open()
    server = (site.machine.ip(), site.port)
    with site.machine.inside():
        listener = stage.listener(ip=server[0], port=server[1])
    with site.client.inside():
        stage.connect((site.host, site.port))
    stage.keep(listener.accept())
    with site.machine.inside():
        peers.connect_reset((site.client_ip, site.port), bind=server[0])
    site.relay.expect("refuse", kind="advise", why="port_not_allowed")
    listener.expect_nobody(0)


def test_alias_is_not_what_the_client_announced(lab, stage):  # noqa: F811
    """The server compares: with alias its word is seen, and the link goes on."""
    real = programs.PROGRAMS["vsftpd + lftp"]
    site = ground(lab, stage, "alias", real)
    with pytest.raises(AssertionError, match="Illegal PORT command"):
        real.run(site)
    assert lab.opened("fw2", "towards_clients") == 0
    assert site.relay.expect("close", kind="link")["why"] in ("front_eof", "back_eof")
    assert os.listdir(site.folder / "ftp") == ["page"]
