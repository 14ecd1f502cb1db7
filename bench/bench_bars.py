"""The project's goals beside what was measured: met, not met, not shown."""

import bench_stats
from bench_allocators import SUBJECT, UNCHECKED
from bench_compare import APART, checks_mean, checks_rows
from bench_goals import GOALS, RIVAL
from bench_jobs import ALL
from bench_lines import is_memory
from bench_tables import number, table


def belongs(goal, measure):
    if not measure.judged and goal.kind != "figure":
        return False
    if goal.kind == "checks":
        return not is_memory(measure) and measure.family not in APART
    return measure.family in goal.families or \
        (measure.label, measure.family) in goal.rows


def rows_of(goal, report):
    """The rows of the session that a goal is about."""
    return [row for row in report.rows if belongs(goal, row.measure)]


def count_of(goal):
    """How many rows there would be, were everything asked for."""
    return sum(belongs(goal, measure) for job in ALL
               for measure in job.all_measures())


def figure_of(goal, report):
    """(figure or None, rows it is taken from)."""
    rows = rows_of(goal, report)
    if goal.kind == "checks":
        found = checks_rows(report)
        counted = [row for row, _ in found
                   if row.measure.family not in APART]
        return checks_mean(found), len(counted)
    if goal.kind == "figure":
        found = [row.summaries[SUBJECT].median for row in rows
                 if row.summaries.get(SUBJECT) is not None]
        return max(found, default=None), len(found)
    ratios = [row.ratio(SUBJECT, RIVAL) for row in rows]
    ratios = [ratio for ratio in ratios if ratio is not None]
    return bench_stats.geometric_mean(ratios), len(ratios)


def advice(goal, report):
    """What would have to be given for the figure to be there."""
    missing = []
    if goal.kind == "rival" and RIVAL not in report.allocators:
        missing.append(f"--with {RIVAL}=PATH")
    if goal.kind == "checks" and UNCHECKED not in report.allocators:
        missing.append(f"--with {UNCHECKED}=PATH")
    rows = rows_of(goal, report)
    if goal.needs_suite and not any(
            summary for row in rows for summary in row.summaries.values()):
        missing.append("--suite PATH")
    if missing:
        return f"not shown: give {' '.join(missing)}"
    return "not shown: its rows were not run"


def verdict(goal, report, figure, count):
    failed = [row for row in rows_of(goal, report) if SUBJECT in row.failures]
    if failed:
        return f"not met: {len(failed)} of its rows failed"
    if figure is None:
        return advice(goal, report)
    said = "met" if figure <= goal.limit else "not met"
    wanted = count_of(goal)
    return said if count == wanted else f"{said}, on {count} of {wanted} rows"


def text_of(goal, value):
    if goal.kind == "figure":
        return f"{number(value)} {goal.unit}"
    return f"{value:.3f}" if goal.kind == "checks" else f"{value:.2f}"


def bars_table(report):
    body = []
    for goal in GOALS:
        figure, count = figure_of(goal, report)
        to = {"rival": RIVAL, "checks": UNCHECKED}.get(goal.kind, "-")
        body.append([goal.text, to, f"<= {text_of(goal, goal.limit)}",
                     "-" if figure is None else text_of(goal, figure),
                     verdict(goal, report, figure, count)])
    return table(["goal", "beside", "limit", "measured", "verdict"], body)
