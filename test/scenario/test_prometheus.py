# SPDX-License-Identifier: Apache-2.0
"""Debian's Prometheus scrapes georelay, its rules fire, and the dashboard asks for nothing that is not there."""
import json
import pathlib
import re
import urllib.request

import peers
import pki as pki_module
import program
import prometheus
from program import wait_for

EXAMPLES = pathlib.Path(__file__).resolve().parents[2] / "docs/examples"
RULES = EXAMPLES / "prometheus-alerts.yml"
DASHBOARD = EXAMPLES / "grafana-dashboard.json"
METRIC = re.compile(r"\bgeorelay_\w+")
LOOPBACK = {"listen": ["127.0.0.1:0"]}


class Prometheus(program.Program):
    """Its own folder, its own port, one target. Rules are those of the examples, without the time that a problem must last."""

    def __init__(self, folder, target, **admin):
        self.port = peers.free_port()
        rules = folder / "rules.yml"
        rules.write_text(re.sub(r"\n +for: .*", "", RULES.read_text(encoding="utf-8")))
        more = "".join(f"    {key}: {json.dumps(value)}\n" for key, value in admin.items())
        (folder / "prometheus.yml").write_text(
            "global: { scrape_interval: 200ms, scrape_timeout: 200ms, evaluation_interval: 200ms }\n"
            f"rule_files: [ {rules} ]\nscrape_configs:\n  - job_name: georelay\n"
            f"    static_configs: [ {{ targets: [ \"{target}\" ] }} ]\n{more}")
        super().__init__(["prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/tsdb",
                          f"--web.listen-address=127.0.0.1:{self.port}"], "prometheus")
        line = self.wait_line(lambda text: "Server is ready to receive web requests" in text)
        assert line, self.tail()

    def api(self, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api/v1/{path}", timeout=10) as answer:
            return json.load(answer)["data"]

    def alerts(self):
        """{(name, one label that tells which)} of those that fire."""
        return {(alert["labels"]["alertname"], alert["labels"].get("agent") or alert["labels"].get("use") or "")
                for alert in self.api("alerts")["alerts"] if alert["state"] == "firing"}


def test_rules_fire(stage):
    """An agent that is away, and a certificate near its end; the first alert ends when the agent comes."""
    short = pki_module.self_signed(stage.folder, "short", "ec", "site.example")  # for 30 days
    relay = stage.relay(links=[stage.link("127.0.0.1:9", advise=stage.alias())], tunnel=stage.tunnel(stage.allow("site-a")),
                        web=[stage.site("127.0.0.1:9", tls=True, certificates=[short])], admin=LOOPBACK)
    watcher = stage.add(Prometheus(stage.folder, relay.address_text("admin")))
    wait_for(lambda: watcher.alerts() == {("GeorelayAgentDown", "site-a"), ("GeorelayCertificateEnds", "web")}, 30)
    stage.agent("site-a", relay)
    wait_for(lambda: watcher.alerts() == {("GeorelayCertificateEnds", "web")}, 30)
    target, = watcher.api("targets")["activeTargets"]
    assert target["health"] == "up" and not target["lastError"], target
    relay.kill()
    wait_for(lambda: ("GeorelayGone", "") in watcher.alerts(), 30)


def test_scraping_over_tls_with_a_token(stage):
    token = stage.folder / "token"
    token.write_text("0123456789abcdef0123456789abcdef\n")
    token.chmod(0o600)
    relay = stage.relay(links=[stage.link("127.0.0.1:9")], admin={**LOOPBACK, **stage.pki.identity("web"), "token_file": str(token)})
    watcher = stage.add(Prometheus(stage.folder, relay.address_text("admin"), scheme="https", authorization={"credentials_file": str(token)},
                                   tls_config={"ca_file": stage.pki.ca}))
    wait_for(lambda: [target["health"] for target in watcher.api("targets")["activeTargets"]] == ["up"], 30)
    assert watcher.api("query?query=georelay_workers")["result"][0]["value"][1] == "2"


def known(stage):
    """The names of all metrics of both roles, with those of histograms' rows."""
    relay = stage.relay(links=[stage.link("127.0.0.1:9")], tunnel=stage.tunnel(stage.allow("site-a")), admin=LOOPBACK)
    agent = stage.agent("site-a", relay, admin=LOOPBACK)
    found = set()
    for one in (relay, agent):
        for name, kind in prometheus.metrics(one).types.items():
            found |= {name + end for end in ("_bucket", "_sum", "_count")} if kind == "histogram" else {name}
    return found


def test_rules_and_dashboard_name_real_metrics(stage):
    prometheus.promtool("check", "rules", str(RULES))
    names = known(stage)
    dashboard = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    asked = {name for panel in dashboard["panels"] for target in panel["targets"] for name in METRIC.findall(target["expr"])}
    asked |= set(METRIC.findall(json.dumps(dashboard["templating"])))
    expressions = re.findall(r"^ +expr: (.*)$", RULES.read_text(encoding="utf-8"), re.MULTILINE)
    ruled = {name for expression in expressions for name in METRIC.findall(expression)}
    assert asked <= names and ruled <= names, (asked | ruled) - names
    shown = {name.removesuffix("_sum").removesuffix("_count").removesuffix("_bucket") for name in asked}
    missing = {name.removesuffix("_sum").removesuffix("_count").removesuffix("_bucket") for name in names} - shown
    assert missing <= {"georelay_" + name for name in ("start_time_seconds", "workers", "chunks", "sessions_ended_total",
                                                      "connections_begun_total", "connections_made_total")}, missing
