"""The plots of docs/benchmarks: ratios of time and of memory, row by row, and
the quantiles of single calls."""

import math
import re

from bench_allocators import SUBJECT
from bench_lines import Report
from bench_svg import Drawing
from bench_tables import by_family, number

LEFT, FRAME, OUTSIDE = 330, 480, 84  # labels, the scale, what is beyond it
PITCH, TOP = 17, 78
LOW, HIGH = 0.25, 4.0  # ends of the scale of ratios
TICKS = (0.25, 0.5, 0.75, 1, 1.5, 2, 3, 4)
STEP = 9  # between marks that lie beyond the scale
QUANTILE = re.compile(r"_(p\d+|max)_ns$")


def scale_x(ratio):
    share = math.log(ratio / LOW) / math.log(HIGH / LOW)
    return LEFT + OUTSIDE + share * FRAME


def places(ratios):
    """{name: x}: on the scale, or beside it in order of size."""
    found = {}
    for name, ratio in ratios.items():
        if LOW <= ratio <= HIGH:
            found[name] = scale_x(ratio)
    above = sorted((r, n) for n, r in ratios.items() if r > HIGH)
    below = sorted(((r, n) for n, r in ratios.items() if r < LOW),
                   reverse=True)
    for at, (_, name) in enumerate(above):
        found[name] = scale_x(HIGH) + STEP * (at + 1)
    for at, (_, name) in enumerate(below):
        found[name] = scale_x(LOW) - STEP * (at + 1)
    return found


def ratios_of(row, names, reference):
    found = {name: row.ratio(name, reference) for name in names}
    return {name: ratio for name, ratio in found.items() if ratio}


def draw_row(drawing, row, ratios, y):
    """The label, a faint line, and a mark for each; mheap's is on top."""
    drawing.text(LEFT, y + 4, row.measure.label, anchor="end")
    drawing.line(LEFT + 8, y, scale_x(HIGH) + OUTSIDE, y)
    at = places(ratios)
    for name in sorted(at, key=lambda name: name == SUBJECT):
        words = f"{name}: {number(row.summaries[name].median)} " \
                f"{row.measure.unit}, ratio {ratios[name]:.2f}"
        drawing.mark(name, at[name], y, words,
                     6 if name == SUBJECT else 4)


def draw_scale(drawing, top, bottom):
    for tick in TICKS:
        x = scale_x(tick)
        drawing.line(x, top, x, bottom, "one" if tick == 1 else "rule")
        drawing.text(x, top - 6, f"{tick:g}", "dim", "middle")
    drawing.text(scale_x(HIGH) + OUTSIDE, top - 6, "more", "dim", "end")
    drawing.text(LEFT + 8, top - 6, "less", "dim")


def dot_plot(report, rows, title):
    """A plot of the rows that have a ratio, or None."""
    names = [name for name in report.allocators if any(
        name in row.peers() and row.summaries.get(name) for row in rows)]
    drawing = Drawing(names)
    y = TOP
    for family, members in by_family(rows).items():
        shown = [(row, ratios_of(row, names, report.reference))
                 for row in members]
        shown = [(row, ratios) for row, ratios in shown if len(ratios) > 1]
        if shown:
            y += PITCH + 4
            drawing.text(16, y - 3, family, "dim", bold=True)
        for row, ratios in shown:
            y += PITCH
            draw_row(drawing, row, ratios, y - 4)
    if y == TOP:
        return None
    under = Drawing(names)  # the scale lies below the marks
    draw_scale(under, TOP, y + 6)
    under.text(16, 24, title, bold=True)
    width = max(scale_x(HIGH) + OUTSIDE, under.legend(20, 46)) + 20
    under.elements += drawing.elements
    return under.render(width, y + 20, title)


def ratio_plot(report):
    return dot_plot(
        report, [row for row in report.rows if not row.is_memory and
                 row.measure.family != "latency"],
        f"Time and instructions: ratio to {report.reference}, log scale; left "
        "is faster")


def peak_plot(report):
    return dot_plot(
        report, [row for row in report.rows if row.is_memory],
        f"Memory: ratio to {report.reference}, log scale; left is smaller")


def panels_of(report):
    """{title: [(quantile, row)]}, from rows such as "small: malloc p99"."""
    panels = {}
    for row in report.rows:
        if QUANTILE.search(row.measure.key) and any(row.summaries.values()):
            title, quantile = row.measure.label.rsplit(" ", 1)
            panels.setdefault(title, []).append((quantile, row))
    return panels


WIDE, TALL, GAP = 370, 210, 46  # a panel, and the room for its labels


def draw_panel(drawing, names, members, title, box, decades):
    left, top = box
    low, high = decades

    def height(value):
        share = (math.log10(max(value, 10 ** low)) - low) / (high - low)
        return top + TALL - share * TALL
    drawing.text(left, top - 10, title, bold=True)
    for decade in range(low, high + 1):
        y = height(10 ** decade)
        drawing.line(left, y, left + WIDE, y)
        drawing.text(left - 6, y + 4, said_ns(10 ** decade), "dim", "end")
    step = WIDE / len(members)
    for at, (quantile, _) in enumerate(members):
        drawing.text(left + step * (at + 0.5), top + TALL + 16, quantile,
                     "dim", "middle")
    for name in sorted(names, key=lambda name: name == SUBJECT):
        points = [(left + step * (at + 0.5),
                   height(row.summaries[name].median))
                  for at, (_, row) in enumerate(members)
                  if row.summaries.get(name)]
        drawing.curve(name, points)
        for x, y in points:
            drawing.mark(name, x, y, name, 5 if name == SUBJECT else 3)


def said_ns(value):
    for unit, size in (("s", 1e9), ("ms", 1e6), ("µs", 1e3)):
        if value >= size:
            return f"{value / size:g} {unit}"
    return f"{value:g} ns"


def latency_plot(report):
    panels = panels_of(report)
    if not panels:
        return None
    rows = [row for members in panels.values() for _, row in members]
    names = [name for name in report.allocators if any(
        name in row.peers() and row.summaries.get(name) for row in rows)]
    values = [s.median for row in rows for s in row.peers().values()
              if s is not None and s.median > 0]
    decades = (math.floor(math.log10(min(values))),
               max(math.ceil(math.log10(max(values))), 1))
    drawing = Drawing(names)
    title = "Time of single calls: quantiles, log scale; lower is faster"
    drawing.text(16, 24, title, bold=True)
    width = max(2 * (WIDE + 80) + 20, drawing.legend(20, 46) + 20)
    for at, (name, members) in enumerate(panels.items()):
        box = (80 + (at % 2) * (WIDE + 80),
               90 + (at // 2) * (TALL + 2 * GAP - 20))
        draw_panel(drawing, names, members, name, box, decades)
    height = 90 + (len(panels) + 1) // 2 * (TALL + 2 * GAP - 20)
    return drawing.render(width, height, title)


def draw(lines):
    """{file name: SVG} of every plot that the lines have figures for."""
    report = Report(lines)
    made = {"ratios.svg": ratio_plot(report), "peak.svg": peak_plot(report),
            "latency.svg": latency_plot(report)}
    return {name: text for name, text in made.items() if text}
