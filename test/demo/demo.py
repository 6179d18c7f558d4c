#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""./dev demo: a whole site on loopback, without root. Ends on Ctrl-C or after --seconds N.

    two legacy clients --link--> agent ====tunnel====> relay --link--> geosim server
                       <-advise-       (opened by the agent)  <-advise-
    a modern client -------------link----------------> relay --link-->
    a web client ----------------TLS-----------------> relay --HTTP->

Exit code 0 only if every alarm arrived once and in order and every web request was answered.
"""
import argparse
import http.client
import pathlib
import shutil
import signal
import ssl
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "test" / "scenario"), str(ROOT / "test" / "peer")]

import geosim  # noqa: E402
import loopback  # noqa: E402
import pki  # noqa: E402
import relay  # noqa: E402

SUMMARY_SECONDS = 3
LINKS = 5


def say(text=""):
    print(text, flush=True)


class Logged(relay.Georelay):
    """georelay whose log also goes to a file that a person can look at."""

    def __init__(self, folder, name, settings):
        self.log_path = folder / f"{name}.log"
        self.log = open(self.log_path, "w", encoding="utf-8", buffering=1)
        super().__init__(folder, name, settings)

    def take(self, line):
        self.log.write(line + "\n")
        return super().take(line)


class WebClient(threading.Thread):
    """Fetches the site's pages over one TLS connection after the other, and checks the certificate as a browser does."""

    def __init__(self, address, ca, stop):
        super().__init__(daemon=True)
        self.address, self.stop = address, stop
        self.context = ssl.create_default_context(cafile=ca)
        self.requests = self.failed = 0
        self.problem = ""

    def run(self):
        while not self.stop.is_set():
            connection = http.client.HTTPSConnection(*self.address, context=self.context, timeout=10)
            try:
                for path in ("/", "/logon", "/large?bytes=200000", "/"):
                    self.fetch(connection, path)
                    if self.stop.wait(0.25):
                        break
            except (OSError, http.client.HTTPException) as error:
                self.failed += 1
                self.problem = str(error)
                self.stop.wait(1)
            finally:
                connection.close()

    def fetch(self, connection, path):
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != 200 or not body:
            raise http.client.HTTPException(f"{path}: status {answer.status}, {len(body)} bytes")
        self.requests += 1


class Demo:
    def __init__(self, folder, stop):
        self.folder, self.stop = folder, stop
        self.block = loopback.Block()
        self.programs, self.clients = [], []
        self.links = self.advises = 0

    def add(self, program):
        self.programs.append(program)
        return program

    def start(self):
        say("making keys and certificates: georelay pki init, agent, web")
        authority = pki.Pki(self.folder)
        authority.agent("site-a")
        authority.web("127.0.0.1")
        say("starting the simulated Geo SCADA server")
        self.server = self.add(geosim.Server(web="127.0.0.1:0", alarms_per_second=20, every=1))
        say("starting the relay, then the agent, which connects out to it")
        self.relay = self.add(Logged(self.folder, "relay", self.relay_settings(authority)))
        self.agent = self.add(Logged(self.folder, "agent", self.agent_settings(authority)))
        self.relay.expect("agent_up")
        self.say_where()
        say("starting two legacy clients (both listen on port 5500 of their own machine), a modern client, a web client")
        for number in (1, 2):
            self.client(f"legacy-{number}", self.agent.address_text("link", "node-a"), bind=self.block[number], ports="5500-5509")
        self.client("modern", self.relay.address_text("link", "modern"), bind=self.block[3], modern=True)
        self.web = WebClient(self.relay.address("web"), authority.ca, self.stop)
        self.web.start()

    def client(self, name, link, **options):
        self.clients.append(self.add(geosim.Client(link, name, links=LINKS, requests_per_second=10, every=1, **options)))

    def relay_settings(self, authority):
        state = self.folder / "state"
        state.mkdir()
        advise = {"addressing": "alias", "ports": "5500-5509", "pool": [self.block.range(128, 159)], "grace": 5}
        return {
            "role": "relay", "state": str(state),
            "web": [{"name": "main", "listen": ["127.0.0.1:0"], "certificates": [authority.identity("web")],
                     "servers": [self.server.web]}],
            "links": [{"name": "node-a", "server": self.server.link, "advise": advise},
                      {"name": "modern", "listen": ["127.0.0.1:0"], "server": self.server.link}],
            "tunnel": {"listen": ["127.0.0.1:0"], **authority.identity("relay"), "ca": authority.ca,
                       "agents": [{"name": "site-a", "links": ["node-a"], "clients": [self.block.network]}]},
        }

    def agent_settings(self, authority):
        return {
            "role": "agent", "name": "site-a", "relays": [self.relay.address_text("tunnel")], **authority.identity("site-a"),
            "ca": authority.ca, "links": [{"name": "node-a", "listen": ["127.0.0.1:0"]}], "clients": [self.block.network],
            "advise_ports": "5500-5509",
        }

    def say_where(self):
        url = "https://%s/" % self.relay.address_text("web")
        say(f"""
  web           {url}
                curl --cacert {self.folder}/ca.crt {url}
  configuration {self.relay.config}
                {self.agent.config}
  log           tail -f {self.relay.log_path} {self.agent.log_path}
  counts        kill -USR1 {self.relay.pid}    (one line ev=counts in the relay's log)
  Ctrl-C stops everything.
""")

    def watch(self, seconds):
        """A summary every few seconds until it is time to stop, or a program has died."""
        start = time.monotonic()
        while not self.stop.is_set():
            left = seconds - (time.monotonic() - start) if seconds else SUMMARY_SECONDS
            if left <= 0:
                break
            self.stop.wait(min(SUMMARY_SECONDS, left))
            dead = [program.name for program in self.programs if not program.is_running()]
            if dead:
                raise AssertionError(f"{', '.join(dead)} ended before its time")
            self.summary(time.monotonic() - start)

    def summary(self, elapsed):
        counts = self.relay.counts()
        self.links, self.advises = max(self.links, counts["links"]), max(self.advises, counts["advises"])
        newest = [client.latest() for client in self.clients]
        alarms = " ".join(f"{client.name}={line.get('alarms', 0)}" for client, line in zip(self.clients, newest))
        slowest = max((line.get("p99_us", 0) for line in newest), default=0)
        say(f"{elapsed:5.0f} s  links={counts['links']} advises={counts['advises']} leases={counts['leases']} "
            f"alarms: {alarms} (99 of 100 within {slowest / 1000:.1f} ms)  web_requests={self.web.requests} "
            f"failed={self.web.failed}  relay {counts['rss_kib'] / 1024:.0f} MiB")

    def finish(self):
        """Clients first, so that everything that was sent has its time to arrive. Returns the exit code."""
        say("stopping the clients, the agent, the relay, the server")
        self.stop.set()
        self.web.join(15)
        for client in self.clients:
            client.signal(signal.SIGTERM)
        finals = [self.final_of(client) for client in self.clients]
        for georelay in (self.agent, self.relay):
            georelay.stop()
        self.server.signal(signal.SIGTERM)
        server = self.final_of(self.server)
        return self.verdict(server, finals)

    @staticmethod
    def final_of(program):
        """Its last words; their counts are judged by verdict(), whatever the exit code."""
        program.wait_end(30)
        lines = [line for line in program.lines if line.startswith("final ")]
        return geosim.words(lines[-1]) if lines else {}

    def verdict(self, server, finals):
        sent = server.get("alarms", 0)
        received = sum(final.get("alarms", 0) for final in finals)
        lost = max(sent - received, sum(final.get("lost", 0) + final.get("missing", 0) for final in finals))
        wrong = sum(final.get(key, 0) for final in finals for key in ("duplicated", "reordered", "corrupt", "foreign", "errors"))
        ended_badly = [program.name for program in (*self.clients, self.server) if program.process.returncode != 0]
        failed = self.web.failed + wrong + len(ended_badly)
        if ended_badly:
            say(f"ended with an error: {', '.join(ended_badly)}")
        if self.web.problem:
            say(f"the web client's last problem: {self.web.problem}")
        say(f"demo: links={self.links} advises={self.advises} alarms_sent={sent} alarms_received={received} lost={lost} "
            f"web_requests={self.web.requests} failed={failed}")
        return 0 if lost == 0 and failed == 0 and received > 0 and self.web.requests > 0 and self.advises == 2 else 1

    def kill(self):
        for program in reversed(self.programs):
            program.kill()


def main():
    parser = argparse.ArgumentParser(prog="./dev demo", description="georelay and a simulated site on loopback")
    parser.add_argument("--seconds", type=int, default=0, metavar="N", help="stop after N seconds; without it on Ctrl-C")
    options = parser.parse_args()
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    folder = pathlib.Path(tempfile.mkdtemp(prefix="georelay-demo-"))
    demo = Demo(folder, stop)
    code = 1
    try:
        demo.start()
        demo.watch(options.seconds)
        code = demo.finish()
    except AssertionError as problem:
        say(f"demo failed: {problem}")
    finally:
        demo.kill()
        if code == 0:
            shutil.rmtree(folder)
        else:
            say(f"files are kept in {folder}")
    return code


if __name__ == "__main__":
    sys.exit(main())
