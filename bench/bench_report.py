"""Turns raw benchmark lines into the Markdown of docs/benchmarks.md."""

import bench_bars
import bench_callgrind
import bench_compare
import bench_locks
import bench_programs
from bench_lines import Report
from bench_rows import JOBS
from bench_tables import family_table, figure_table, ratio_table

BEGIN = "<!-- bench:begin (written by ./dev bench; edits here are lost) -->"
END = "<!-- bench:end -->"

CELLS = "Median (minimum, spread) over the repetitions; spread is (max - " \
    "min) / median. The best of a row is bold."


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
    # Lines that do not say it are of a time when a case took half a second.
    seconds = report.session.get("case_seconds",
                                 0.5 * report.session["scale"])
    lines.append(f"- {seconds:g} s for a timed case of our own programs")
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


def section(report, title, text, rows):
    """Figures, then ratios; nothing but a word when no row was asked for."""
    if not rows:
        return [f"## {title}", "", "Not asked for.", ""]
    return [f"## {title}", "", f"{text} {CELLS}", "",
            *figure_table(report, rows), "",
            f"Ratios to {report.reference}: of the medians (of the minima).",
            "", *ratio_table(report, rows), ""]


def figure_sections(report):
    own = {job.name for job in JOBS}
    real = {job.name for job in bench_programs.PROGRAMS}
    counts = {job.name for job in bench_callgrind.COUNTS}
    ours = [row for row in report.rows if row.job in own]
    public = [row for row in report.rows
              if row.job not in own | real | counts]
    out = section(report, "Time", "CPU time per operation.",
                  [row for row in ours if not row.is_memory])
    out += section(report, "Memory", "Peak resident size of each run, unless "
                   "the row says otherwise.",
                   [row for row in ours if row.is_memory])
    out += section(report, "Instructions", "Instructions per operation, the "
                   "loop around it included, counted once by callgrind.",
                   [row for row in report.rows if row.job in counts])
    out += section(report, "Real programs", "CPU time and peak of the whole "
                   "process, and of those it starts; resident memory of a "
                   "server that is emptied.",
                   [row for row in report.rows if row.job in real])
    return out + section(report, "Public programs", "CPU time and peak of the "
                         "whole process; of programs that run for a fixed "
                         "time, CPU time per operation.", public)


def render(lines, plots=()):
    """The generated part of docs/benchmarks.md, without its markers. `plots`
    are the files drawn from the same lines, as the document links them."""
    report = Report(lines)
    out = ["## The machine and the run", "", *machine_lines(report), ""]
    out += ["## Bars", "",
            "What the project set itself; means are geometric, of mheap's "
            "figure over that of the other. A figure in a unit is mheap's "
            "own, of several rows the highest.", "",
            *bench_bars.bars_table(report), ""]
    out += ["## Summary", "",
            f"Geometric mean of the ratios to {report.reference}; below 1 is "
            "faster or smaller.", "", *family_table(report), ""]
    for path in plots:
        name = path.rsplit("/", 1)[-1].removesuffix(".svg")
        out += [f"![{name}]({path})", ""]
    out += figure_sections(report)
    out += ["## The best of the others", "",
            "mheap beside the best of the other allocators in each row: "
            "median (minimum, spread) of both, ratio of the medians. Others "
            f"win above {bench_compare.LOSS_TIME:.2f} in time and above "
            f"{bench_compare.LOSS_MEMORY:.2f} in memory.", "",
            *bench_compare.best_table(report), ""]
    out += ["## Where others win", "", *bench_compare.loss_lines(report)]
    out += failure_lines(report)
    out += ["", "## What the checks cost", "",
            *bench_compare.checks_lines(report)]
    out += ["", "## Locks", "", *bench_locks.lock_lines(report)]
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
