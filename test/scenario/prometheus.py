# SPDX-License-Identifier: Apache-2.0
"""Prometheus' text form, and the admin port by which it is had."""
import re
import subprocess

import http1

SAMPLE = re.compile(r"^(\w+)(?:\{(.*)\})? (\S+)$")
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


class Metrics(dict):
    """{(name, frozenset of labels): number}, names without "georelay_"."""

    def __init__(self, text):
        super().__init__()
        self.text, self.types = text, {}
        for line in text.splitlines():
            if line.startswith("# TYPE "):
                name, kind = line.split()[2:]
                self.types[name] = kind
            elif not line.startswith("#"):
                name, labels, number = SAMPLE.match(line).groups()
                key = (name.removeprefix("georelay_"), frozenset(LABEL.findall(labels or "")))
                assert key not in self, f"{line} is there twice"
                self[key] = float(number)

    def of(self, name, /, **labels):
        """One number; 0 if there is no such row."""
        return self.get((name, frozenset(labels.items())), 0)

    def labels(self):
        """{name: set of the names of its labels}, as rows have them."""
        found = {}
        for name, labels in self:
            found.setdefault(name, set()).update(label for label, _ in labels)
        return found


def get(relay, path, *fields, method="GET", host="localhost", ca=None):
    """The answer to one request at the admin port, and nothing after it."""
    with http1.connect(relay.address("admin"), ca) as client:
        answer = client.ask(method, path, *fields, host=host)
        client.expect_end()
    return answer


def metrics(relay, *fields, **options):
    answer = get(relay, "/metrics", *fields, **options)
    assert answer.status == 200, answer
    return Metrics(answer.body.decode())


def promtool(*words, text=None):
    result = subprocess.run(["promtool", *words], input=text, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout + result.stderr
