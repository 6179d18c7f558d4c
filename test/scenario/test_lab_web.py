# SPDX-License-Identifier: Apache-2.0
"""Browsers and ranges of ports in the lab, behind the strictest firewalls that each can have."""
import subprocess

import matrix
import pytest
import site_of_row
from stories import lab, needs_lab, stage  # noqa: F401

pytestmark = [needs_lab, pytest.mark.slow]

WEB_PORT, DOOR_PORT, RANGE_PORT = 8080, 4443, 15000


class Site(site_of_row.Site):
    """A row with something besides: `more` for the relay, `entries` for the server-side agent."""

    def __init__(self, *words, more=None, entries=()):
        super().__init__(*words)
        self.more, self.entries = more or {}, list(entries)

    def relay_settings(self):
        settings = super().relay_settings()
        links = settings["links"] + self.more.get("links", [])
        return {**settings, **self.more, "links": links}

    def server_agent_settings(self):
        settings = super().server_agent_settings()
        return {**settings, "servers": settings["servers"] + self.entries}


@pytest.mark.parametrize("mode", ["tcp", "http"])
def test_browsers_through_a_server_side_agent(lab, stage, mode):  # noqa: F811
    """Neither firewall lets anything be opened towards the server; the page comes all the same."""
    row = matrix.Row("off", "server agent", "one-way", "strict")
    identity = stage.pki.web(lab["host"].ip())
    door = {"name": "main", "mode": mode, "listen": [lab["host"].at(DOOR_PORT)], "certificates": [identity], "servers": ["web@plant"]}
    site = Site(lab, stage, row, more={"web": [door]}, entries=[{"name": "web", "server": lab["server"].at(WEB_PORT)}])
    site.allow()
    site.start(web=lab["server"].at(WEB_PORT))
    url = f"https://{lab['host'].at(DOOR_PORT)}/large?bytes=3000000"
    command = [*lab["c1"].prefix, "curl", "-sS", "--max-time", "20", "--cacert", stage.pki.ca, url]
    done = subprocess.run(command, capture_output=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == bytes(i % 251 for i in range(3000000))
    opened, refused = lab.counted()
    assert opened["fw1 towards_clients"] == opened["fw2 towards_server"] == 0 and not any(refused.values()), (opened, refused)


def test_a_range_of_ports_is_one_listener(lab, stage):  # noqa: F811
    """Remote browse of an OPC server: the client connects to a port that nobody could know, and finds it at the server."""
    row = matrix.Row("off", "relay", "one-way", "one-way")
    ranges = {"name": "dynamic", "listen": [lab["host"].at(RANGE_PORT)], "ports": ["1025-5000", "49152-65535"],
              "server": f"{lab['server'].ip()}:*"}
    site = Site(lab, stage, row, more={"links": [ranges]})
    site.allow()
    site.play()
    for port in (1025, 4999, 49152, 65535):
        with lab["server"].inside():
            server = stage.listener(ip=lab["server"].ip(), port=port)
        with lab["c1"].inside():
            client = stage.connect((lab["host"].ip(), port))
        client.send(b"to port %d" % port)
        stage.keep(server.accept()).expect(b"to port %d" % port)
    opened, refused = lab.counted()
    assert opened == {"fw1 towards_server": 4, "fw1 towards_clients": 0, "fw2 towards_server": 4, "fw2 towards_clients": 0}, opened
    with lab["c1"].inside(), pytest.raises(TimeoutError):
        stage.connect((lab["host"].ip(), 5001), timeout=1)
    assert lab.refused("fw1", "towards_server") > 0 and not any(refused.values())
