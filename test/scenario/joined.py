# SPDX-License-Identifier: Apache-2.0
"""The stage of stories with an agent "plant" beside the server. A story takes the fixture `stage` from here in place of the usual one."""
import pytest
import stage as stage_module

PLANT = {"name": "plant"}  # a row of the relay's agents


class Joined(stage_module.Stage):
    """A stage whose servers are behind an agent "plant"."""

    relay_between = None

    def plant(self, of, *servers, **more):
        """The agent beside the servers; each is (name, address) or (name, address, advise)."""
        entries = [dict(zip(("name", "server", "advise"), server)) for server in servers]
        self.pki.agent("plant")
        state = self.folder / "plant-state"
        state.mkdir(exist_ok=True)
        return self.agent("plant", of, listen=None, clients=None, servers=entries, state=str(state), **more)

    def pair(self, server, name="site-a", level="info", **alias):
        """As in the stage, but what holds the leases is the agent "plant": returned in the relay's place."""
        of, plant, agent = self.trio(server, name, level, **alias)
        self.relay_between = of
        return plant, agent

    def trio(self, server, name="site-a", level="info", entry=None, heartbeat=1, **alias):
        of = self.relay(links=[self.link("node-a@plant", listen=None)], tunnel=self.tunnel(self.allow(name), PLANT, heartbeat=heartbeat),
                        level=level)
        plant = self.plant(of, ("node-a", server, entry or self.alias(**alias)), level=level)
        agent = self.agent(name, of, level=level)
        self.remember(of, plant, agent)
        return of, plant, agent


def played(the_stage, request):
    yield the_stage
    report = getattr(request.node, "report_call", None)
    the_stage.close(check=report is not None and report.passed)


@pytest.fixture
def stage(tmp_path, pki, request):
    yield from played(Joined(tmp_path, pki), request)


class JoinedWeb(Joined):
    """The same for web servers: every server of a front door is an entry of "plant", which starts with the relay."""

    def __init__(self, folder, pki):
        super().__init__(folder, pki)
        self.entries = {}

    def behind(self, server):
        """NAME@AGENT for a server's address."""
        return self.entries.setdefault(server, f"web-{len(self.entries)}") + "@plant"

    def web(self, *servers, **more):
        return super().web(*map(self.behind, servers), **more)

    def site(self, *servers, **more):
        return super().site(*map(self.behind, servers), **more)

    def relay(self, name="relay", **settings):
        if not self.entries or "tunnel" in settings:
            return super().relay(name, **settings)
        of = super().relay(name, tunnel=self.tunnel(PLANT, spares=8), **settings)
        plant = self.plant(of, *[(entry, server) for server, entry in self.entries.items()])
        of.plant = plant
        of.wait_counts({"agents": 1, "spares": 8})
        of.remember()
        plant.wait_counts({"spares": 8, "sessions": 0})
        plant.remember()
        return of


@pytest.fixture
def web_stage(tmp_path, pki, request):
    yield from played(JoinedWeb(tmp_path, pki), request)
