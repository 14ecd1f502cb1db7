"""How long a session takes: guessed before it starts, corrected as it goes."""

import sys
import time

import bench_jobs
from bench_callgrind import CountJob
from bench_programs import Program
from bench_rows import SuiteJob

# Seconds of one run on two cores of 2026, the mean over nine allocators; of a
# case of ours those beside its length and its wait.
PUBLIC, REAL, EMPTIED, COUNTED, OURS = 2.35, 0.9, 5.5, 2.2, 0.06
EVERY = 180  # seconds between lines where they are kept


def expected(job, scale):
    """Seconds of one run of a job."""
    if isinstance(job, SuiteJob):
        return PUBLIC
    if isinstance(job, CountJob):
        return COUNTED
    if isinstance(job, Program):
        return EMPTIED if job.empty else REAL
    return job.seconds * scale + job.options.get("wait", 0) + OURS


def said(seconds):
    return f"{seconds:.0f} s" if seconds < 100 else \
        f"{seconds / 60:.0f} minutes"


class Progress:
    """What is done of the seconds that are expected. On a terminal it is one
    line that is overwritten, elsewhere a line every few minutes."""

    def __init__(self, jobs, scale, reps, allocators, out=None,
                 clock=time.monotonic):
        self.scale = scale
        self.allocators = allocators
        self.total = sum(
            self.expected(job) * bench_jobs.repetitions(job, reps)
            for job in jobs)
        self.done = 0.0
        self.out = out or sys.stderr
        self.clock = clock
        self.start = self.last = clock()
        print(f"bench: this takes about {said(self.total)}", file=self.out,
              flush=True)

    def expected(self, job):
        """Seconds of one repetition of a job."""
        return expected(job, self.scale) * self.allocators

    def to_go(self):
        """At the pace so far, once there is one."""
        if self.done == 0:
            return self.total
        passed = self.clock() - self.start
        return (self.total - self.done) * passed / self.done

    def show(self, text):
        """Before the job that the text names."""
        if self.out.isatty():
            line = f"{text}, about {said(self.to_go())} to go"
            print(f"\r{line:<70.70}\r", end="", file=self.out, flush=True)
        elif self.clock() - self.last >= EVERY:
            self.last = self.clock()
            print(f"bench: {text}, {said(self.last - self.start)} passed, "
                  f"about {said(self.to_go())} to go", file=self.out,
                  flush=True)

    def add(self, job):
        """It was run once under each allocator."""
        self.done += self.expected(job)

    def end(self):
        if self.out.isatty():
            print(f"\r{'':<70}\r", end="", file=self.out, flush=True)
