# SPDX-License-Identifier: Apache-2.0
"""The tables, and the part of a document that they stand in."""
import itertools

BEGIN = "<!-- From here to the next such line ./dev bench --out writes; everything else is written by hand. -->"
END = "<!-- Here ends what ./dev bench --out writes. -->"

EMPTY = """# Measurements

{begin}
{end}

## Where the time goes and what is left
"""

METHOD = """\
The program under test runs on one CPU, all that makes and takes the load on another. Every program is started afresh for each
measurement, with equal settings: one worker, TLS 1.2 and 1.3, the same certificate, X25519 first, AES-128-GCM first, tickets on, no
access log, no added header fields, long timeouts, high limits. haproxy splices where bytes pass unchanged. The programs take turns
(A B C, then C B A), and figures are medians of the rounds. Before the first round a part of the bytes is compared with what was sent;
a wrong one, or any other error, fails the run.

The first figure is the CPU time, user and system, of all processes of the program for one unit of work; in brackets the lowest and
the highest round. "Load" marks a row in which the load could give no more while the program had time left: then units per second say
little about the program, CPU time still does. Ratios compare with the best peer of the same run; differences below one tenth are noise."""


# ---- numbers ----

def short(value):
    """Three digits that matter."""
    if value is None:
        return "–"
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) >= 1 or value == 0 else f"{value:.3f}"


def ratio_text(value):
    return "–" if value is None else f"{value:.2f}"


def cost_unit(case):
    return "KiB" if case.is_memory else "s/GB" if case.is_bulk else "µs"


def cost_text(case, one):
    if one is None:
        return "–"
    spread = f" ({short(one.low)}..{short(one.high)})" if one.rounds > 1 else ""
    return f"{short(one.cost)}{spread} {cost_unit(case)}"


def table(head, rows, texts=1):
    """Markdown; the first columns, `texts` of them, are text, all others are numbers."""
    lines = ["| " + " | ".join(head) + " |", "|" + "|".join([" --- "] * texts + [" ---: "] * (len(head) - texts)) + "|"]
    lines += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines)


# ---- tables ----

def verdict(met):
    return {True: "yes", False: "**no**", None: "–"}[met]


def mark_rows(results, cases):
    for case in cases:
        for mark in case.marks:
            own, best = results.of(case).get("georelay"), results.best(case, mark.figure)
            value = getattr(own, mark.figure) if own else None
            unit = cost_unit(case) if mark.figure == "cost" else "µs"
            name = case.name if mark.figure == "cost" else f"{case.name}, {mark.figure}"
            yield (name, f"{short(value)} {unit}", f"{short(best[1])} {unit} ({best[0]})" if best else "–",
                   ratio_text(results.ratio(case, what=mark.figure)), mark.text(), verdict(results.is_met(case, mark)))


def marks(results, cases):
    rows = list(mark_rows(results, cases))
    head = ("case", "georelay", "best peer", "ratio", "to be reached", "reached")
    return "### georelay and the best peer\n\n" + table(head, rows) if rows else ""


def group_rows(results, cases):
    for case in cases:
        for name, one in results.of(case).items():
            rate = "–" if case.is_memory else f"{short(one.rate)}{' GB' if case.is_bulk else ''}"
            yield (case.name, name, case.mode, cost_text(case, one), ratio_text(results.ratio(case, name)), rate, short(one.p50), short(one.p99),
                   "load" if one.load_bound else "")


def group(results, title, cases):
    head = ("case", "program", "mode", f"CPU for one {cases[0].unit}" if len({case.unit for case in cases}) == 1 else "CPU for one unit",
            "to the best", "a second", "p50 µs", "p99 µs", "bound by")
    if cases[0].is_memory:
        head = head[:3] + ("memory for one",) + head[4:]
    rows = list(group_rows(results, cases))
    return f"### {title}\n\n" + table(head, rows, texts=3) if rows else ""


def at_work(cases):
    """Those that have silent connections besides."""
    some = [case for case in cases if case.silent]
    return f" (of {some[-1].connections + some[-1].silent:,} {some[-1].connections:,} are at work, the others silent)" if some else ""


def growth(results, title, cases):
    """A table for each kind of work: programs down, connections across."""
    parts = []
    for series, some in itertools.groupby(cases, key=lambda case: case.series):
        some = list(some)
        names = list(dict.fromkeys(name for case in some for name in results.of(case)))
        rows = [growth_row(results, some, name) for name in names]
        head = (f"{series}, {some[0].mode}", *(f"{case.connections + case.silent:,}" for case in some), "last to first")
        parts.append(f"CPU time in µs for one {some[0].unit}, by the number of connections{at_work(some)}:\n\n" + table(head, rows))
    return f"### {title}\n\n" + "\n\n".join(parts) if parts else ""


def growth_row(results, cases, name):
    figures = [results.of(case).get(name) for case in cases]
    there = [one.cost for one in figures if one]
    change = ratio_text(there[-1] / there[0]) if len(there) > 1 else "–"
    cells = [short(one.cost) + (" (load)" if one.load_bound else "") if one else "–" for one in figures]
    return (name, *cells, change)


def floor(floors, results, cases):
    rows = [(one.what, f"{short(one.figure)} {one.unit}") for one in floors]
    for case in cases:
        pump = results.of(case).get("pump")
        if pump:
            rows.append((f"{case.name} through a bare splice pump", cost_text(case, pump)))
    return "### The floor\n\nWhat the work itself costs, in CPU time:\n\n" + table(("work", "CPU"), rows) if rows else ""


def programs(versions):
    return "### Programs\n\n" + table(("program", "version"), versions, texts=2)


def whole(results, cases, floors, facts):
    """`facts`: date, machine, versions (pairs), command, rounds, seconds, is_quick."""
    rounds = "One round" if facts["rounds"] == 1 else f"{facts['rounds']} rounds"
    parts = ["## Side by side", METHOD,
             f"Measured on {facts['date']} on {facts['machine']}. {rounds} of {facts['seconds']:g} seconds. To repeat it:",
             f"    {facts['command']}", programs(facts["versions"])]
    parts.append("A quick run shows that the bench works. Its figures say nothing." if facts["is_quick"] else marks(results, cases))
    for title, some in itertools.groupby(cases, key=lambda case: case.group):
        some = list(some)
        parts.append(growth(results, title, some) if some[0].series else group(results, title, some))
    parts.append(floor(floors, results, cases))
    return "\n\n".join(part for part in parts if part) + "\n"


# ---- the document ----

def put(document, text):
    """The document with its generated part replaced; added at the end if there is none yet."""
    document = document or EMPTY.format(begin=BEGIN, end=END)
    if BEGIN not in document or END not in document:
        document = document.rstrip("\n") + f"\n\n{BEGIN}\n{END}\n"
    before, rest = document.split(BEGIN, 1)
    after = rest.split(END, 1)[1]
    return f"{before}{BEGIN}\n\n{text}\n{END}{after}"
