"""mheap beside the best of the others, row by row, and beside itself without
its checks."""

from dataclasses import dataclass

import bench_stats
from bench_allocators import SUBJECT, UNCHECKED
from bench_tables import by_family, spread_out, table

LOSS_TIME = 1.05    # mheap this far above the best is listed where others win
LOSS_MEMORY = 1.10
CHECKS_LIMIT = 1.03
# Families whose figures are no CPU time per operation, so that they have a
# mean of their own and no part in the one over all.
APART = ("instructions", "latency")


@dataclass
class Contest:
    row: object
    best: str     # the best of the others
    ratio: float  # mheap / best, by median

    @property
    def limit(self):
        return LOSS_MEMORY if self.row.is_memory else LOSS_TIME

    @property
    def lost(self):
        return self.ratio > self.limit

    @property
    def overlap(self):
        """Do the ranges of the two overlap, so that they may be the same?"""
        mine = self.row.summaries[SUBJECT]
        theirs = self.row.summaries[self.best]
        return mine.minimum <= theirs.maximum and \
            mine.maximum >= theirs.minimum

    def cells(self):
        measure = self.row.measure
        return [f"{measure.label} ({measure.family})", measure.unit,
                spread_out(self.row.summaries[SUBJECT]), self.best,
                spread_out(self.row.summaries[self.best]),
                f"{self.ratio:.2f}"]


HEAD = ["row", "unit", SUBJECT, "best other", "its figure", "ratio"]


def contests(report):
    """One for each judged row in which mheap and another have a figure."""
    found = []
    for row in report.rows:
        best = bench_stats.best(row.others())
        if not row.measure.judged or best is None or \
                row.summaries.get(SUBJECT) is None:
            continue
        ratio = row.ratio(SUBJECT, best)
        if ratio is not None:
            found.append(Contest(row, best, ratio))
    return found


def best_table(report):
    """Every row, in order; those where others win are marked."""
    body = []
    for contest in contests(report):
        cells = contest.cells()
        if contest.lost:
            cells[-1] = f"**{cells[-1]}** others win"
        body.append(cells)
    return table(HEAD, body) if body else ["Nothing to compare."]


def loss_part(title, limit, members):
    lost = sorted((c for c in members if c.lost), key=lambda c: -c.ratio)
    lines = [f"{title}: {len(lost)} of {len(members)} rows in which {SUBJECT} "
             f"is more than {limit - 1:.0%} above the best of the others.", ""]
    if lost:
        lines += table([*HEAD, "ranges overlap"],
                       [[*c.cells(), "yes" if c.overlap else "no"]
                        for c in lost])
        lines.append("")
    return lines


def loss_lines(report):
    if SUBJECT not in report.allocators:
        return [f"{SUBJECT} was not run, so nothing is claimed."]
    found = contests(report)
    lines = loss_part("Time", LOSS_TIME,
                      [c for c in found if not c.row.is_memory])
    return lines + loss_part("Memory", LOSS_MEMORY,
                             [c for c in found if c.row.is_memory])


def checks_rows(report):
    """[(row, checked / unchecked)] of the rows of time."""
    found = [(row, row.ratio(SUBJECT, UNCHECKED)) for row in report.rows
             if row.measure.judged and not row.is_memory]
    return [(row, ratio) for row, ratio in found if ratio is not None]


def checks_mean(found):
    """Over all rows of CPU time per operation."""
    return bench_stats.geometric_mean(
        [ratio for row, ratio in found if row.measure.family not in APART])


def checks_lines(report):
    found = checks_rows(report)
    if not found:
        return [f"Not shown: {UNCHECKED} was not run."]
    ratios = {id(row): ratio for row, ratio in found}
    families = by_family([row for row, _ in found])
    means = [[family, str(len(members)), "{:.3f}".format(
        bench_stats.geometric_mean([ratios[id(row)] for row in members]))]
        for family, members in families.items()]
    mean = checks_mean(found)
    if mean is not None:
        counted = sum(row.measure.family not in APART for row, _ in found)
        means.append([f"**over all**, without {' and '.join(APART)}",
                      str(counted), f"**{mean:.3f}**"])
    body = [[row.measure.label, row.measure.unit,
             spread_out(row.summaries[SUBJECT]),
             spread_out(row.summaries[UNCHECKED]), f"{ratio:.3f}"]
            for row, ratio in found]
    return [f"{SUBJECT} / {UNCHECKED}; the bar for the mean over all is "
            f"{CHECKS_LIMIT:.2f}.", "",
            *table(["family", "rows", "geometric mean"], means), "",
            *table(["row", "unit", SUBJECT, UNCHECKED, "ratio"], body)]
