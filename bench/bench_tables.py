"""The tables of figures and of ratios, in Markdown."""

import bench_stats
from bench_allocators import NOT_RUN


def number(value):
    """Three digits that matter, never in powers of ten."""
    if value >= 100:
        return f"{value:,.0f}"
    if value >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}"


def table(head, body):
    lines = ["| " + " | ".join(head) + " |",
             "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(cells) + " |" for cells in body]
    return lines


def spread_out(summary):
    """Median, and in brackets minimum and spread where there are several."""
    text = number(summary.median)
    if summary.count > 1:
        text += f" ({number(summary.minimum)}, {summary.spread:.0%})"
    return text


def absence(row, name):
    """Why an allocator has no figure, or None when it has one."""
    if name in row.failures:
        return "failed"
    if row.summaries.get(name) is None:
        # Others have a figure: this one ran, and does not say.
        says = any(row.summaries.values())
        return row.skipped.get(name, "-" if says else NOT_RUN)
    return None


def emphasis(row, name, text):
    best = bench_stats.best(row.peers())
    return f"**{text}**" if row.measure.judged and best == name else text


def figure_cell(row, name):
    return absence(row, name) or \
        emphasis(row, name, spread_out(row.summaries[name]))


def ratio_cell(row, name, reference):
    """Of the medians, and in brackets of the minima."""
    mine, theirs = row.summaries.get(name), row.summaries.get(reference)
    ratio = bench_stats.ratio(mine, theirs)
    if ratio is None:
        return "-"
    text = f"{ratio:.2f}"
    least = bench_stats.ratio_of_minima(mine, theirs)
    if mine.count > 1 and least is not None:
        text += f" ({least:.2f})"
    return emphasis(row, name, text)


def figure_table(report, rows):
    body = []
    for row in rows:
        cells = [figure_cell(row, name) for name in report.allocators]
        if set(cells) == {NOT_RUN}:  # said once is enough
            cells = [row.absent] + [""] * (len(cells) - 1)
        body.append([row.measure.label, row.measure.unit, *cells])
    return table(["row", "unit", *report.allocators], body)


def ratio_table(report, rows):
    body = []
    for row in rows:
        cells = [ratio_cell(row, name, report.reference)
                 for name in report.allocators]
        if row.measure.judged and set(cells) != {"-"}:
            body.append([row.measure.label, *cells])
    if not body:
        return [f"No ratios: {report.reference} has no figure."]
    return table(["row", *report.allocators], body)


def by_family(rows):
    """{family: its judged rows}, in the order of the rows."""
    families = {}
    for row in rows:
        if row.measure.judged:
            families.setdefault(row.measure.family, []).append(row)
    return families


def family_table(report):
    """Geometric means of the ratios to the reference, family by family. A row
    counts for an allocator only where both have a number."""
    body = []
    for family, members in by_family(report.rows).items():
        cells = []
        for name in report.allocators:
            mean = bench_stats.geometric_mean(
                [row.ratio(name, report.reference) for row in members])
            cells.append("-" if mean is None else f"{mean:.2f}")
        if any(text != "-" for text in cells):
            body.append([family, str(len(members)), *cells])
    return table(["family", "rows", *report.allocators], body)
