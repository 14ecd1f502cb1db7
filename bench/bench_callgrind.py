"""Instructions per operation, counted by valgrind's callgrind.

A count does not depend on what else the machine does, and one run is enough.
The same program does two amounts of work; the difference, divided, leaves out
its start and end. Instructions are not time: a miss of the cache costs as much
as a hundred of them.
"""

import re
import shutil
from dataclasses import dataclass

import bench_exec
from bench_allocators import RunError, environment
from bench_rows import Measure

FAMILY = "instructions"
NOT_UNDER = "not run under valgrind"
VALGRIND = ("--tool=callgrind", "--callgrind-out-file=/dev/null")


@dataclass(frozen=True)
class CountJob:
    program: str
    case: str
    text: str
    ops: int = 200000  # the shorter run; the longer does three times as much

    @property
    def name(self):
        return f"{FAMILY} {self.case}"

    def all_measures(self):
        return (Measure("instructions", self.text, "instr", FAMILY),)


COUNTS = (
    CountJob("bench_pairs", "pair16", "pair 16 B"),
    CountJob("bench_pairs", "pair64", "pair 64 B"),
    CountJob("bench_batch", "same", "batch, freed in order, malloc or free"),
    CountJob("bench_churn", "churn1k", "churn 1k"),
)


def collected(stderr):
    """The instructions of a run, from what callgrind says at its end."""
    match = re.search(r"Collected\s*:\s*(\d+)", stderr)
    if match is None:
        raise RunError("callgrind counted nothing")
    return int(match.group(1))


def per_operation(short, long):
    """From two (instructions, operations)."""
    if long[1] <= short[1]:
        raise RunError("the longer run did no more work")
    return (long[0] - short[0]) / (long[1] - short[1])


def plan(job, context):
    """A function of an allocator and a repetition that returns a line, or
    words that say why there is none."""
    if not context.count:
        return "not run: --no-instructions"
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        return "not run: install valgrind"
    program = context.program(job.program)

    def count(allocator, ops):
        command = [valgrind, *VALGRIND, program, "--case", job.case,
                   "--seed", str(context.seed), "--ops", str(ops)]
        done = bench_exec.call(command, environment(allocator), 300)
        line = bench_exec.proven_line(allocator, done,
                                      context.others(allocator))
        return collected(done.stderr), line["ops"]

    def run(allocator, _rep):
        found = per_operation(count(allocator, job.ops),
                              count(allocator, 3 * job.ops))
        return {"metrics": {"instructions": found}}
    return run
