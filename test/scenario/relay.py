# SPDX-License-Identifier: Apache-2.0
"""georelay as a process: a configuration in a folder, its log as a list of events, its end and what it left behind."""
import pathlib
import re
import signal
import time

import build
import libconfig
import program

FIELD = re.compile(r'([A-Za-z0-9_]+)=("(?:[^"\\]|\\.)*"|[^ ]*)')
ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}
# A loop keeps so many unused pipes for later bulk (proxy/net/pipe.h), two fds each.
PIPE_FDS_KEPT = 32


class Event(dict):
    """One line of the log. Missing keys are None, so that stories may ask freely."""

    def __missing__(self, _):
        return None

    def has(self, wanted):
        return all(self._value(key) == str(want) for key, want in wanted.items())

    def _value(self, key):
        """As asked for in has(): a client is known by its IP, whatever port stands beside it."""
        return self.client_ip if key == "client" else self[key]

    @property
    def client_ip(self):
        text = self["client"] or ""
        return text.rsplit(":", 1)[0].strip("[]") if text.count(":") == 1 or text.startswith("[") else text


def unquote(text):
    if not text.startswith('"'):
        return text
    return re.sub(r"\\(.)", lambda m: ESCAPES.get(m[1], m[1]), text[1:-1])


def parse(line):
    """An Event from a logfmt line, or None if the line is none (a sanitizer's report, an assert)."""
    if not line.startswith("ts="):
        return None
    return Event((key, unquote(text)) for key, text in FIELD.findall(line))


class Georelay(program.Program):
    """A relay or an agent. `settings` is the configuration as a dict (libconfig.py)."""

    def __init__(self, folder, name, settings, workers=2, prefix=(), files=None, level="info"):
        self.folder = pathlib.Path(folder)
        self.config = self.folder / f"{name}.conf"
        self.settings = {"workers": workers, "log": {"level": level}, **settings}
        self.prefix, self.files = prefix, files
        self.noise = []
        self.start_counts = None
        self.config.write_text(libconfig.settings(self.settings))
        self._name = name
        self._spawn()

    def _spawn(self):
        command = [build.georelay(), "run", "-c", str(self.config)]
        super().__init__(command, self._name, files=self.files, prefix=self.prefix)
        if self.wait("ready") is None:
            raise AssertionError(f"{self.name} did not become ready:\n{self.tail()}")

    def take(self, line):
        event = parse(line)
        if event is None:
            self.noise.append(line)
            return Event(noise=line)
        return event

    def tail(self, count=40):
        return "\n".join(" ".join(f"{key}={value}" for key, value in event.items()) for event in self.lines[-count:])

    # ---- the log ----

    def wait(self, ev, since=0, within=program.DEADLINE, **wanted):
        """The first event of that name and with those values, or None."""
        return self.wait_line(lambda event: event["ev"] == ev and event.has(wanted), since, within)

    def expect(self, ev, since=0, within=program.DEADLINE, **wanted):
        event = self.wait(ev, since, within, **wanted)
        assert event is not None, f"{self.name}: no ev={ev} {wanted} within {within} s; the log ends:\n{self.tail()}"
        return event

    def events(self, ev, since=0, **wanted):
        """What has been logged so far."""
        return [event for event in self.lines[since:] if event["ev"] == ev and event.has(wanted)]

    def address(self, purpose, name=None):
        """(ip, port) of a listener, from the log."""
        wanted = {"purpose": purpose} if name is None else {"purpose": purpose, "name": name}
        ip, port = self.expect("listen", **wanted)["address"].rsplit(":", 1)
        return ip.strip("[]"), int(port)

    def address_text(self, purpose, name=None):
        ip, port = self.address(purpose, name)
        return f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}"

    # ---- counts ----

    def counts(self):
        """What it holds at this moment, as numbers."""
        since = self.mark()
        self.signal(signal.SIGUSR1)
        event = self.expect("counts", since)
        return {key: int(text) for key, text in event.items() if key not in ("ts", "level", "ev")}

    def held(self):
        """counts() without what may differ from moment to moment, and with sockets instead of all fds."""
        counts = self.counts()
        kept = {key: counts[key] for key in counts if key not in ("rss_kib", "fds")}
        kept["sockets"] = self.open_files().get("socket", 0)
        return kept

    def remember(self):
        """These counts are the start values."""
        self.start_counts = self.held()

    def wait_counts(self, wanted, within=program.DEADLINE):
        """Waits until all these counts have these values; each new line of the log is a reason to look again."""
        end = time.monotonic() + within * build.patience()
        while True:
            held = self.held()
            if all(held[key] == value for key, value in wanted.items()):
                return held
            if time.monotonic() > end:
                raise AssertionError(f"{self.name}: counts are {held}, wanted {wanted}; the log ends:\n{self.tail()}")
            self.wait_line(lambda _: True, self.mark(), 0.05)

    def settle(self, within=program.DEADLINE):
        """Everything that a story opened is closed again."""
        self.wait_counts(self.start_counts, within)
        pipes = self.open_files().get("pipe", 0)
        assert pipes <= PIPE_FDS_KEPT * max(1, self.settings["workers"]) + 8, f"{self.name}: {pipes} fds of pipes stayed behind"

    # ---- its end ----

    def stop(self):
        """TERM: drains and exits 0, and no sanitizer has a word to say."""
        if self.is_running():
            self.signal(signal.SIGTERM)
        code = self.wait_end(30)
        assert not self.noise, f"{self.name} exited with {code} and wrote besides its log:\n" + "\n".join(self.noise[:80])
        assert code == 0, f"{self.name} exited with {code}:\n{self.tail()}"

    def restart(self):
        """A new process with the same configuration (after kill() or stop())."""
        assert not self.is_running()
        self._spawn()
        return self

    def reload(self, **changes):
        """HUP after these changes of the configuration: ev=reloaded."""
        return self._hup("reloaded", changes)

    def reload_fails(self, **changes):
        """HUP after these changes, which are no good: ev=reload_failed. The file is then as it was."""
        before = self.settings
        event = self._hup("reload_failed", changes)
        self.settings = before
        self.config.write_text(libconfig.settings(before))
        return event

    def _hup(self, outcome, changes):
        self.settings = {**self.settings, **changes}
        self.config.write_text(libconfig.settings(self.settings))
        since = self.mark()
        self.signal(signal.SIGHUP)
        return self.expect(outcome, since)

    def rewrite(self, settings):
        """The configuration for the next restart()."""
        self.settings = {"workers": self.settings["workers"], "log": self.settings["log"], **settings}
        self.config.write_text(libconfig.settings(self.settings))
