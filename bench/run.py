#!/usr/bin/env python3
"""Compares allocators on the project's programs; see bench/README.md."""

import sys

sys.dont_write_bytecode = True

import argparse
import datetime
import json
import os

import bench_exec
import bench_machine
import bench_report
from bench_rows import JOBS, SUITE

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
BUSY = 0.5  # load average above which numbers are not to be trusted


def parse_given(pairs):
    """{"name": "path"} from ["name=path", ...]."""
    given = {}
    for pair in pairs:
        name, sign, path = pair.partition("=")
        if not name or not sign or not path:
            raise ValueError(f"--with wants NAME=PATH, not {pair!r}")
        given[name] = path
    return given


def parse_arguments(argv):
    parser = argparse.ArgumentParser(
        prog="./dev bench", description=__doc__,
        epilog="A run of everything writes bench/results and "
        "docs/benchmarks.md; a quick or partial one prints its table and "
        "leaves both alone, unless --results or --docs names a place.")
    add = parser.add_argument
    add("programs", nargs="*", metavar="PROGRAM",
        help="own or public programs to run, by name (default: all)")
    add("--build", default="build/release", metavar="DIR",
        help="build directory with bench/ and lib/ (default: %(default)s)")
    add("--reps", type=int, default=0, metavar="N",
        help="repetitions (default: 5, quick: 2)")
    add("--quick", action="store_true",
        help="a tenth of the time for each case; for a look, not for a claim")
    add("--scale", type=float, default=0, metavar="F",
        help="multiply the time of each case (default: 1, quick: 0.1)")
    add("--seed", type=int, default=1, metavar="N")
    add("--allocators", default="", metavar="A,B",
        help="only these (default: all that are there)")
    add("--with", dest="given", action="append", default=[],
        metavar="NAME=PATH", help="another allocator, or another build of one")
    add("--suite", default="", metavar="PATH",
        help="folder with public benchmark programs, built")
    add("--reference", default="mimalloc", metavar="NAME",
        help="allocator the ratios are taken to (default: %(default)s)")
    add("--results", default="", metavar="DIR", help="where raw lines go")
    add("--docs", default="", metavar="FILE", help="document to write into")
    add("--from", dest="lines", default="", metavar="FILE",
        help="measure nothing: make the tables from these raw lines")
    options = parser.parse_args(argv)
    options.reps = options.reps or (2 if options.quick else 5)
    options.scale = options.scale or (0.1 if options.quick else 1.0)
    if options.reps < 1 or options.scale <= 0:
        parser.error("--reps and --scale must be positive")
    return options


def choose_jobs(programs):
    """The jobs of the programs named; ValueError for an unknown name."""
    if not programs:
        return JOBS, SUITE
    wanted = set(programs)
    known = set()
    for job in JOBS:
        known |= {job.program, job.program.removeprefix("bench_")}
    for job in SUITE:
        known |= {job.program, job.name}
    unknown = wanted - known
    if unknown:
        raise ValueError(f"no such program: {', '.join(sorted(unknown))}; "
                         f"known: {', '.join(sorted(known))}")
    own = tuple(job for job in JOBS
                if {job.program, job.program.removeprefix("bench_")} & wanted)
    suite = tuple(job for job in SUITE if {job.program, job.name} & wanted)
    return own, suite


def choose_allocators(found, names):
    """The allocators to run, in order; ValueError when one cannot be run that
    was asked for, or when mheap itself is not built."""
    if not names:
        if not found["mheap"].usable:
            raise ValueError(f"mheap: {found['mheap'].missing}; build it, or "
                             "name the others with --allocators")
        return [a for a in found.values() if a.usable]
    chosen = []
    for name in names.split(","):
        allocator = found.get(name)
        if allocator is None:
            raise ValueError(f"no allocator named {name}; "
                             f"known: {', '.join(found)}")
        if not allocator.usable:
            raise ValueError(f"{name}: {allocator.missing}")
        chosen.append(allocator)
    return chosen


def rotated(items, by):
    """The items in order, starting at another one each time."""
    by %= len(items)
    return items[by:] + items[:by]


def show_progress(text):
    """One line that is overwritten; nothing when nobody watches."""
    if sys.stderr.isatty():
        print(f"\r{text:<60.60}\r", end="", file=sys.stderr, flush=True)


class Session:
    """One comparison: what to run, and the lines it has produced."""

    def __init__(self, options, allocators, found, jobs, suite):
        self.options = options
        self.allocators = allocators
        self.paths = [a.path for a in found.values() if a.usable]
        self.commands = {}
        for job in suite:
            command = bench_exec.suite_command(options.suite, job)
            if command:
                self.commands[job.name] = command
        self.jobs = jobs + tuple(job for job in suite
                                 if job.name in self.commands)
        self.lines = [{
            "kind": "session",
            "date": datetime.date.today().isoformat(),
            "machine": bench_machine.describe(options.build),
            "reps": options.reps, "seed": options.seed,
            "scale": options.scale, "reference": options.reference,
            "allocators": [a.name for a in allocators],
            "missing": {a.name: a.missing for a in found.values()
                        if not a.usable},
            # Rows of other programs are left out when some were named.
            "rows": [job.name for job in jobs + suite],
        }]
        self.failed = False

    def program(self, name):
        return os.path.join(self.options.build, "bench", name)

    def measure(self, job, allocator, rep):
        if job.name in self.commands:
            return bench_exec.run_suite(
                allocator, self.program("bench_under"), job,
                self.commands[job.name])
        arguments = job.arguments(self.options.seed + rep, self.options.scale)
        others = [p for p in self.paths if p != allocator.path]
        return bench_exec.run_program(allocator, self.program(job.program),
                                      arguments, others)

    def run_one(self, job, allocator, rep):
        line = {"job": job.name, "allocator": allocator.name, "rep": rep}
        try:
            result = self.measure(job, allocator, rep)
            line.update(kind="run", result=bench_exec.public_line(result))
        except bench_exec.RunError as error:
            line.update(kind="failure", what=str(error))
            self.failed = True
            print(f"bench: {job.name} under {allocator.name}: {error}",
                  file=sys.stderr)
        self.lines.append(line)

    def run(self):
        """Every job under every allocator, once per repetition. Neighbours in
        time are the same program under different allocators, and who goes
        first changes each time, so that drift hits all alike."""
        for rep in range(self.options.reps):
            for turn, job in enumerate(self.jobs):
                show_progress(f"{rep + 1}/{self.options.reps} {job.name}")
                for allocator in rotated(self.allocators, rep + turn):
                    self.run_one(job, allocator, rep)
        show_progress("")


def read_lines(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file if line.strip()]


def write_lines(folder, lines):
    os.makedirs(folder, exist_ok=True)
    session = lines[0]
    machine = bench_machine.slug(session["machine"]["cpu"])
    path = os.path.join(folder, f"{session['date']}-{machine}.jsonl")
    with open(path, "w", encoding="utf-8") as file:
        for line in lines:
            file.write(json.dumps(line) + "\n")
    return path


def write_docs(path, generated):
    with open(path, encoding="utf-8") as file:
        document = file.read()
    document = bench_report.splice(document, generated)
    with open(path, "w", encoding="utf-8") as file:
        file.write(document)


def is_partial(options):
    return bool(options.quick or options.programs or options.allocators or
                options.scale < 1 or options.reps < 5)


def publish(options, lines, partial):
    results = options.results
    if not results and not options.lines:
        results = os.path.join(options.build, "bench", "partial") if partial \
            else os.path.join(HERE, "results")
    docs = options.docs
    if not docs and not partial:
        docs = os.path.join(ROOT, "docs", "benchmarks.md")
    if results:
        print(f"bench: raw lines in {write_lines(results, lines)}",
              file=sys.stderr)
    generated = bench_report.render(lines)
    if docs:
        write_docs(docs, generated)
        print(f"bench: tables in {docs}", file=sys.stderr)
    else:
        print(generated)


def measure(options):
    found = bench_exec.find_allocators(options.build,
                                       parse_given(options.given))
    allocators = choose_allocators(found, options.allocators)
    jobs, suite = choose_jobs(options.programs)
    load = os.getloadavg()[0]
    if load > BUSY:
        print(f"bench: WARNING: load average is {load:.2f}: something else is "
              "running, and the numbers will show it", file=sys.stderr)
    for allocator in found.values():
        if not allocator.usable:
            print(f"bench: {allocator.name}: {allocator.missing}",
                  file=sys.stderr)
    session = Session(options, allocators, found, jobs, suite)
    session.run()
    return session


def main(argv):
    options = parse_arguments(argv)
    try:
        if options.lines:
            # Published lines only by name: --docs says where they should go.
            publish(options, read_lines(options.lines), True)
            return 0
        session = measure(options)
        publish(options, session.lines, is_partial(options))
    except ValueError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    except bench_exec.PreloadError as error:
        print(f"bench: FATAL: the preload did not take: {error}",
              file=sys.stderr)
        return 4
    return 1 if session.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
