"""Turns raw benchmark lines into the Markdown of docs/benchmarks.md.

The report is a function of the lines alone, so a table can be made again from
a file under bench/results without measuring anything.
"""

from dataclasses import dataclass

import bench_stats
from bench_exec import NOT_RUN
from bench_rows import JOBS, SUITE

BEGIN = "<!-- bench:begin (written by ./dev bench; edits here are lost) -->"
END = "<!-- bench:end -->"

SUBJECT = "mheap"
LOSS = 1.05  # mheap this far above the best is listed where others win


@dataclass
class Row:
    job: str
    measure: object
    summaries: dict  # allocator -> Summary or None
    failures: dict   # allocator -> text


class Report:
    """What the raw lines of one session say, ready to be printed."""

    def __init__(self, lines):
        self.session = next(x for x in lines if x["kind"] == "session")
        self.machine = self.session["machine"]
        self.reference = self.session["reference"]
        self.allocators = self.session["allocators"]
        self.missing = self.session["missing"]
        self.values = {}
        self.failed = {}
        self.wanted = set(self.session["rows"])
        for line in lines:
            where = (line.get("job"), line.get("allocator"))
            if line["kind"] == "run":
                self._add_run(where, line["result"])
            elif line["kind"] == "failure":
                self.failed[where] = line["what"]

    def _add_run(self, where, result):
        found = dict(result["metrics"], peak_kib=result["peak_kib"],
                     cpu_s=result["cpu_s"])
        for key, value in found.items():
            self.values.setdefault(where + (key,), []).append(value)

    def _row(self, job, measure):
        summaries = {}
        for name in self.allocators:
            values = self.values.get((job.name, name, measure.key), [])
            if measure.unit == "MiB":
                values = [value / 1024 for value in values]
            summaries[name] = bench_stats.summarize(values)
        failures = {name: self.failed[(job.name, name)]
                    for name in self.allocators
                    if (job.name, name) in self.failed}
        return Row(job.name, measure, summaries, failures)

    def rows(self):
        return [self._row(job, measure) for job in JOBS + SUITE
                if job.name in self.wanted
                for measure in job.all_measures()]


def number(value):
    """Three digits that matter, never in powers of ten."""
    if value >= 100:
        return f"{value:,.0f}"
    if value >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}"


def cell(row, name, reference):
    if name in row.failures:
        return "failed"
    summary = row.summaries.get(name)
    if summary is None:
        return NOT_RUN
    text = number(summary.median)
    ratio = bench_stats.ratio(summary, row.summaries.get(reference))
    if row.measure.judged and ratio is not None:
        text += f" ({ratio:.2f})"
    if row.measure.judged and bench_stats.best(row.summaries) == name:
        text = f"**{text}**"
    return text


def table(head, body):
    lines = ["| " + " | ".join(head) + " |",
             "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(cells) + " |" for cells in body]
    return lines


def is_memory(row):
    return "memory" in row.measure.family or \
        row.measure.family == "small processes"


def main_table(report, rows):
    if not rows:
        return ["Not asked for."]
    body = []
    for row in rows:
        cells = [cell(row, name, report.reference)
                 for name in report.allocators]
        if set(cells) == {NOT_RUN}:  # said once is enough
            cells = [NOT_RUN] + [""] * (len(cells) - 1)
        body.append([row.measure.label, row.measure.unit, *cells])
    return table(["row", "unit", *report.allocators], body)


def family_table(report, rows):
    """Geometric means of the ratios to the reference, family by family. A row
    counts for an allocator only where both have a number."""
    families = {}
    for row in rows:
        if row.measure.judged:
            families.setdefault(row.measure.family, []).append(row)
    body = []
    for family, members in families.items():
        cells = []
        for name in report.allocators:
            mean = bench_stats.geometric_mean(
                [bench_stats.ratio(row.summaries.get(name),
                                   row.summaries.get(report.reference))
                 for row in members])
            cells.append("-" if mean is None else f"{mean:.2f}")
        if any(text != "-" for text in cells):
            body.append([family, str(len(members)), *cells])
    return table(["family", "rows", *report.allocators], body)


def losses(rows):
    """Where others win: (excess, row, best name), the worst first."""
    found = []
    for row in rows:
        mine = row.summaries.get(SUBJECT)
        if not row.measure.judged or mine is None:
            continue
        name = bench_stats.best(row.summaries)
        ratio = bench_stats.ratio(mine, row.summaries[name])
        if ratio is not None and ratio > LOSS:
            found.append((ratio, row, name))
    return sorted(found, key=lambda item: -item[0])


def loss_lines(report, rows):
    if SUBJECT not in report.allocators:
        return [f"{SUBJECT} was not run, so nothing is claimed."]
    judged = [row for row in rows
              if row.measure.judged and row.summaries.get(SUBJECT)]
    found = losses(rows)
    lines = [f"{len(found)} of {len(judged)} rows in which {SUBJECT} is more "
             f"than {LOSS - 1:.0%} above the best allocator of that row:", ""]
    body = []
    for ratio, row, name in found:
        mine, theirs = row.summaries[SUBJECT], row.summaries[name]
        apart = mine.minimum > theirs.maximum or mine.maximum < theirs.minimum
        body.append([f"{row.measure.label} ({row.measure.family})",
                     f"{number(mine.median)} {row.measure.unit}", name,
                     f"{number(theirs.median)} {row.measure.unit}",
                     f"{ratio:.2f}", "no" if apart else "yes"])
    lines += table(["row", SUBJECT, "best", "its figure", "ratio",
                    "ranges overlap"], body) if body else ["None."]
    return lines


def detail_table(report, rows):
    body = []
    for row in rows:
        for name in report.allocators:
            s = row.summaries.get(name)
            if s is not None:
                body.append([row.measure.label, row.measure.family, name,
                             row.measure.unit, number(s.median),
                             number(s.minimum), number(s.maximum),
                             f"{s.spread:.0%}", str(s.count)])
    return table(["row", "family", "allocator", "unit", "median", "min",
                  "max", "spread", "runs"], body)


def machine_lines(report):
    m = report.machine
    lines = [
        f"- {m['cpu']}, {m['cores']} cores, {m['memory_gib']} GiB; "
        f"{m['kernel']}, {m['system']}, {m['libc']}; pages of "
        f"{m['page_bytes']} bytes, huge pages: {m['huge_pages']}",
        f"- programs built with {m['compiler']}",
        f"- {report.session['date']}, {report.session['reps']} interleaved "
        f"repetitions, seed {report.session['seed']}, load at start "
        f"{m['load_at_start']}",
    ]
    if report.session["scale"] != 1:
        lines.append(f"- time per case scaled by {report.session['scale']:g}")
    if m["load_at_start"] > 0.5:
        lines.append("- **the machine was busy when this began: threaded "
                     "rows in particular are not to be trusted**")
    for name, why in report.missing.items():
        lines.append(f"- {name}: {why}")
    return lines


def failure_lines(report):
    if not report.failed:
        return []
    lines = ["", "### Failures", ""]
    for (job, name), what in sorted(report.failed.items()):
        lines.append(f"- {job} under {name}: {what}")
    return lines


def render(lines):
    """The generated part of docs/benchmarks.md, without its markers."""
    report = Report(lines)
    rows = report.rows()
    own = {job.name for job in JOBS}
    times = [r for r in rows if r.job in own and not is_memory(r)]
    memory = [r for r in rows if r.job in own and is_memory(r)]
    programs = [r for r in rows if r.job not in own]
    out = ["## The machine and the run", "", *machine_lines(report), ""]
    out += ["## Summary", "",
            f"Geometric mean of the ratios to {report.reference}; below 1 is "
            "faster or smaller.", "", *family_table(report, rows), ""]
    out += ["## Time", "",
            f"CPU time per operation: median (ratio to {report.reference}); "
            "the best of a row is bold.", "", *main_table(report, times), ""]
    out += ["## Memory", "",
            "Peak resident size of each run, unless the row says otherwise.",
            "", *main_table(report, memory), ""]
    out += ["## Public programs", "", *main_table(report, programs), ""]
    out += ["## Where others win", "", *loss_lines(report, rows)]
    out += failure_lines(report)
    out += ["", "## Every figure, with its spread", "",
            "Spread is (max - min) / median.", "",
            *detail_table(report, rows)]
    return "\n".join(out) + "\n"


def splice(document, generated):
    """The document with the text between its markers replaced. Raises
    ValueError when it has not exactly one pair, in order."""
    begin, end = document.find(BEGIN), document.find(END)
    single = document.count(BEGIN) == 1 and document.count(END) == 1
    if not single or end < begin:
        raise ValueError("the document needs one pair of bench markers")
    head = document[:begin + len(BEGIN)]
    return f"{head}\n\n{generated}\n{document[end:]}"
