"""One comparison: the order of the runs, and the raw lines they leave."""

import datetime
import sys
import tempfile

import bench_callgrind
import bench_exec
import bench_jobs
import bench_machine
import bench_progress
from bench_allocators import RunError
from bench_rows import CASE_SECONDS


def rotated(items, by):
    """The items in order, starting at another one each time."""
    by %= len(items)
    return items[by:] + items[:by]


class Session:
    """What to run, and the lines it has produced."""

    def __init__(self, options, allocators, found, jobs):
        self.options = options
        self.allocators = allocators
        self.paths = tuple(a.path for a in found.values() if a.usable)
        self.jobs = jobs
        self.lines = [{
            "kind": "session",
            "date": datetime.date.today().isoformat(),
            "machine": bench_machine.describe(options.build),
            "reps": options.reps, "seed": options.seed,
            "scale": options.scale,
            "case_seconds": CASE_SECONDS * options.scale,
            "reference": options.reference,
            "allocators": [a.name for a in allocators],
            "missing": {a.name: a.missing for a in found.values()
                        if not a.usable},
            # Rows of other programs are left out when some were named.
            "rows": [job.name for job in jobs],
        }]
        self.failed = False

    def run_one(self, job, run, allocator, rep):
        line = {"job": job.name, "allocator": allocator.name, "rep": rep}
        try:
            result = run(allocator, rep)
            line.update(kind="run", result=bench_exec.public_line(result))
        except RunError as error:
            self.note_failure(job, line, error)
            print(f"bench: {job.name} under {allocator.name}: {error}",
                  file=sys.stderr)
        self.lines.append(line)

    def note_failure(self, job, line, error):
        """An allocator that valgrind cannot start has done nothing wrong."""
        if isinstance(job, bench_callgrind.CountJob):
            line.update(kind="skipped", what=bench_callgrind.NOT_UNDER)
        else:
            line.update(kind="failure", what=str(error))
            self.failed = True

    def plan(self, scratch):
        """[(job, function that runs it)]; those without one leave a line."""
        context = bench_jobs.Context(
            self.options.build, self.options.suite, self.options.seed,
            self.options.scale, self.paths, scratch, self.options.count)
        plans = []
        for job in self.jobs:
            run = bench_jobs.plan(job, context)
            if callable(run):
                plans.append((job, run))
            else:
                self.lines.append(
                    {"kind": "skipped", "job": job.name, "what": run})
        return plans

    def progress(self, jobs):
        return bench_progress.Progress(
            jobs, self.options.scale, self.options.reps, len(self.allocators))

    def run(self):
        """Every job under every allocator, once per repetition. Neighbours in
        time are the same program under different allocators, and who goes
        first changes each time, so that drift hits all alike."""
        with tempfile.TemporaryDirectory(prefix="bench.") as scratch:
            plans = self.plan(scratch)
            progress = self.progress([job for job, _ in plans])
            for rep in range(self.options.reps):
                for turn, (job, run) in enumerate(plans):
                    if rep >= bench_jobs.repetitions(job, self.options.reps):
                        continue
                    progress.show(f"{rep + 1}/{self.options.reps} {job.name}")
                    for allocator in rotated(self.allocators, rep + turn):
                        self.run_one(job, run, allocator, rep)
                    progress.add(job)
        progress.end()
