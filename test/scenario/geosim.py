# SPDX-License-Identifier: Apache-2.0
"""The simulators of Geo SCADA as processes (test/sim/README.md)."""
import signal

import build
import program


def words(line):
    """{"links": 20, "p50_us": 41, ...} from a line of key=value."""
    found = {}
    for word in line.split():
        key, equals, text = word.partition("=")
        if equals:
            found[key] = int(text) if text.lstrip("-").isdigit() else text
    return found


class Geosim(program.Program):
    """`geosim server` or `geosim client`; options as keywords: alarms_per_second=100 is --alarms-per-second 100."""

    def __init__(self, role, label, prefix=(), **options):
        command = [build.geosim(), role]
        for option, text in options.items():
            if text is True:
                command.append("--" + option.replace("_", "-"))
            elif text is not None:
                command += ["--" + option.replace("_", "-"), str(text)]
        self.command = command
        super().__init__(command, label, prefix=prefix)

    def wait_word(self, key, enough, since=0, within=program.DEADLINE):
        """Waits for a summary line in which `key` has reached `enough`."""
        line = self.wait_line(lambda l: key in words(l) and words(l)[key] >= enough, since, within)
        assert line is not None, f"{self.name}: {key} did not reach {enough} within {within} s:\n{self.tail()}"
        return words(line)

    def tail(self, count=3):
        """Its lines are long and each says everything."""
        return super().tail(count)

    def latest(self):
        """The newest summary."""
        for line in reversed(self.lines):
            if "=" in line and not line.startswith("ready"):
                return words(line)
        return {}

    def final(self, within=60, code=0):
        """The last line as numbers, after the program ended by itself with that exit code."""
        try:
            got = self.wait_end(within)
        except Exception:
            raise AssertionError(f"{self.name} did not end within {within} s:\n{self.tail()}") from None
        assert got == code, f"{self.name} exited with {got}:\n{self.tail()}"
        lines = [line for line in self.lines if line.startswith("final ")]
        assert lines, f"{self.name} said nothing final:\n{self.tail()}"
        return words(lines[-1])

    def finish(self, within=30, code=0):
        """TERM, then final()."""
        if self.is_running():
            self.signal(signal.SIGTERM)
        return self.final(within, code)


class Server(Geosim):
    """geosim server; `link` and `web` are "IP:PORT" once it is ready."""

    def __init__(self, listen="127.0.0.1:0", name="server", **options):
        super().__init__("server", name, listen=listen, every=options.pop("every", 1), **options)
        line = self.wait_line(lambda l: l.startswith("ready"))
        assert line, f"geosim server did not become ready:\n{self.tail()}"
        ready = words(line)
        self.link, self.web = ready["listen"], ready.get("web")


class Client(Geosim):
    """geosim client."""

    def __init__(self, server, name, **options):
        super().__init__("client", name, server=server, name=name, every=options.pop("every", 1), **options)


def verified(final, alarms):
    """All alarms came, each once, in order, unharmed, and nobody else's."""
    bad = {key: final[key] for key in ("lost", "duplicated", "reordered", "corrupt", "foreign") if final[key] != 0}
    assert not bad, f"alarms went wrong: {bad} in {final}"
    assert final["alarms"] == alarms, f"{final['alarms']} of {alarms} alarms came: {final}"
