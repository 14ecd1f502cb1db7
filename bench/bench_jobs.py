"""Every job there is, of every kind, and how a job of each kind is run."""

import os
from dataclasses import dataclass

import bench_callgrind
import bench_exec
import bench_programs
import bench_suite
from bench_callgrind import COUNTS, CountJob
from bench_programs import PROGRAMS, Program
from bench_rows import JOBS, SUITE, Job, SuiteJob

WAITING_REPS = 3
ALL = JOBS + SUITE + PROGRAMS + COUNTS


@dataclass(frozen=True)
class Context:
    """What a job needs to know of the session it runs in."""
    build: str
    suite: str
    seed: int
    scale: float
    paths: tuple  # of every allocator that can be preloaded
    scratch: str  # a folder for what the session makes
    count: bool = True  # instructions too

    def program(self, name):
        return os.path.join(self.build, "bench", name)

    def others(self, allocator):
        return [path for path in self.paths if path != allocator.path]


def plan_own(job, context):
    def run(allocator, rep):
        return bench_exec.run_program(
            allocator, context.program(job.program),
            job.arguments(context.seed + rep, context.scale),
            context.others(allocator))
    return run


def plan(job, context):
    """A function of an allocator and a repetition that returns a line, or
    words that say why the job cannot be run at all."""
    kinds = ((SuiteJob, bench_suite.plan), (Program, bench_programs.plan),
             (CountJob, bench_callgrind.plan))
    for kind, how in kinds:
        if isinstance(job, kind):
            return how(job, context)
    return plan_own(job, context)


def waits(job):
    """Is it idle most of the time, until memory has settled?"""
    if isinstance(job, Program):
        return bool(job.empty)
    return isinstance(job, Job) and "wait" in job.options


def repetitions(job, reps):
    """How often a job is run. Instructions are the same each time, and
    settled memory moves by a percent or two."""
    if isinstance(job, CountJob):
        return 1
    return min(reps, WAITING_REPS) if waits(job) else reps


def names_of(job):
    """What a job answers to on the command line."""
    if isinstance(job, CountJob):
        return {bench_callgrind.FAMILY, job.name}
    if isinstance(job, Program):
        return {"programs", job.name}
    if isinstance(job, SuiteJob):
        return {job.program, job.name}
    return {job.program, job.program.removeprefix("bench_")}


def choose(words):
    """The jobs of the words given; ValueError for an unknown one."""
    if not words:
        return ALL
    known = set().union(*map(names_of, ALL))
    unknown = set(words) - known
    if unknown:
        raise ValueError(f"no such program: {', '.join(sorted(unknown))}; "
                         f"known: {', '.join(sorted(known))}")
    return tuple(job for job in ALL if names_of(job) & set(words))
