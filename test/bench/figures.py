# SPDX-License-Identifier: Apache-2.0
"""From samples to figures: medians over rounds, ratios to the best peer, and whether a mark is met."""
import dataclasses
import statistics


@dataclasses.dataclass
class Figure:
    """One program in one case."""
    cost: float
    low: float
    high: float
    rate: float
    p50: float | None
    p99: float | None
    load_bound: bool
    rounds: int


def median(values):
    there = [value for value in values if value is not None]
    return statistics.median(there) if there else None


def figure(samples):
    costs = [one.cost for one in samples]
    return Figure(cost=median(costs), low=min(costs), high=max(costs), rate=median([one.rate for one in samples]),
                  p50=median([one.p50 for one in samples]), p99=median([one.p99 for one in samples]),
                  load_bound=sum(one.load_bound for one in samples) * 2 > len(samples), rounds=len(samples))


class Results:
    """All samples of a run, in the order in which programs were named."""

    def __init__(self):
        self.samples = {}  # {case name: {program name: [Sample]}}
        self.peers = set()  # names of programs to compare with
        self.problems = []  # (case name, program name, text)

    def add(self, case, rival, sample):
        self.samples.setdefault(case.name, {}).setdefault(rival.name, []).append(sample)

    def fail(self, case, rival, text):
        self.problems.append((case.name, rival.name, text))
        self.samples.get(case.name, {}).pop(rival.name, None)

    def of(self, case):
        """{program: Figure} of a case."""
        return {name: figure(samples) for name, samples in self.samples.get(case.name, {}).items()}

    def best(self, case, what="cost"):
        """(name, value) of the peer with the least, or None."""
        there = [(getattr(one, what), name) for name, one in self.of(case).items() if name in self.peers]
        there = [pair for pair in there if pair[0] is not None]
        return min(there)[::-1] if there else None

    def ratio(self, case, name="georelay", what="cost"):
        """A program's figure in parts of the best peer's, or None."""
        own, best = self.of(case).get(name), self.best(case, what)
        value = getattr(own, what) if own else None
        return value / best[1] if value is not None and best and best[1] > 0 else None

    def is_met(self, case, mark):
        """True, False, or None if there is nothing to compare with."""
        own = self.of(case).get("georelay")
        if own is None:
            return None
        value = getattr(own, mark.figure) if mark.own else self.ratio(case, what=mark.figure)
        return None if value is None else value <= mark.at_most

    def plain(self, cases):
        """For a file that a program reads."""
        return {"problems": [{"case": case, "program": program, "text": text} for case, program, text in self.problems],
                "cases": {case.name: {name: dataclasses.asdict(one) | {"ratio": self.ratio(case, name)}
                                      for name, one in self.of(case).items()} for case in cases}}
