"""What the raw lines of one session say: rows of summaries.

Everything that is printed or drawn is a function of the lines alone, so it can
be made again from a file under bench/results without measuring anything.
"""

from dataclasses import dataclass

import bench_stats
from bench_allocators import NOT_RUN, SUBJECT, UNCHECKED
from bench_jobs import ALL
from bench_rows import SMALL


def is_memory(measure):
    return "memory" in measure.family or measure.family == SMALL


# Memory is in KiB in the raw lines.
KIB_IN = {"MiB": 1024, "MB": 1e6 / 1024}


@dataclass
class Row:
    job: str
    measure: object
    summaries: dict    # allocator -> Summary, or None without a figure
    failures: dict     # allocator -> text
    skipped: dict      # allocator -> why it has no figure
    absent: str = NOT_RUN  # why none has, when none has

    @property
    def is_memory(self):
        return is_memory(self.measure)

    def ratio(self, mine, theirs):
        """By median; None where either has no figure."""
        return bench_stats.ratio(self.summaries.get(mine),
                                 self.summaries.get(theirs))

    def peers(self):
        """The allocators that compete. The library without its checks does
        not: nobody is offered it."""
        return {name: summary for name, summary in self.summaries.items()
                if name != UNCHECKED}

    def others(self):
        return {name: summary for name, summary in self.peers().items()
                if name != SUBJECT}


class Report:
    """The session and its rows."""

    def __init__(self, lines):
        self.session = next(x for x in lines if x["kind"] == "session")
        self.machine = self.session["machine"]
        self.reference = self.session["reference"]
        self.allocators = self.session["allocators"]
        self.missing = self.session["missing"]
        self.values = {}
        self.failed = {}
        self.skipped = {}
        self.wanted = set(self.session["rows"])
        for line in lines:
            where = (line.get("job"), line.get("allocator"))
            if line["kind"] == "run":
                self._add_run(where, line["result"])
            elif line["kind"] == "failure":
                self.failed[where] = line["what"]
            elif line["kind"] == "skipped":
                self.skipped[where] = line["what"]
        self.rows = [self._row(job, measure) for job in ALL
                     if job.name in self.wanted
                     for measure in job.all_measures()]

    def _add_run(self, where, result):
        found = dict(result["metrics"])
        for key in ("peak_kib", "cpu_s", "ops", "lock_waits"):
            if key in result:
                found[key] = result[key]
        for key, value in found.items():
            self.values.setdefault(where + (key,), []).append(value)

    def _figures(self, where, measure):
        """One for each run. A run has all metrics of its program or none, so
        those at the same place are of the same run."""
        values = self.values.get(where + (measure.key,), [])
        if measure.less:
            values = [value - other for value, other in zip(
                values, self.values.get(where + (measure.less,), []))]
        if measure.over:
            values = [value / other for value, other in zip(
                values, self.values.get(where + (measure.over,), []))
                if other > 0]
        return [value / KIB_IN.get(measure.unit, 1) for value in values]

    def _row(self, job, measure):
        failures = self._about(self.failed, job)
        summaries = {}
        for name in self.allocators:
            # One failure is enough: what else was measured is no claim.
            values = [] if name in failures else \
                self._figures((job.name, name), measure)
            summaries[name] = bench_stats.summarize(values)
        return Row(job.name, measure, summaries, failures,
                   self._about(self.skipped, job),
                   self.skipped.get((job.name, None), NOT_RUN))

    def _about(self, words, job):
        return {name: words[(job.name, name)] for name in self.allocators
                if (job.name, name) in words}
