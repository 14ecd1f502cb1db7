#!/usr/bin/env python3
"""Compares allocators on the project's programs; see bench/README.md."""

import sys

sys.dont_write_bytecode = True

import argparse
import json
import os

import bench_allocators
import bench_jobs
import bench_machine
import bench_plots
import bench_report
from bench_allocators import PreloadError
from bench_rows import CASE_SECONDS
from bench_session import Session

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
BUSY = 0.5  # load average above which numbers are not to be trusted
REPS, QUICK_REPS = 7, 2
QUICK_SCALE = 0.3


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
        epilog="A run of everything writes bench/results, docs/benchmarks.md "
        "and its plots; a quick or partial one prints its tables and leaves "
        "them alone, unless --results or --docs names a place.")
    add = parser.add_argument
    add("programs", nargs="*", metavar="PROGRAM",
        help="what to run, by name: own and public programs, \"programs\" "
        "for the real ones, \"instructions\" (default: all)")
    add("--build", default="build/release", metavar="DIR",
        help="build directory with bench/ and lib/; DIR-unchecked beside it "
        "has the library without checks (default: %(default)s)")
    add("--reps", type=int, default=0, metavar="N",
        help=f"repetitions (default: {REPS}, quick: {QUICK_REPS}), at most "
        f"{bench_jobs.WAITING_REPS} of programs that wait")
    add("--quick", action="store_true",
        help=f"cases of {QUICK_SCALE:g} of the length; for a look, not for a "
        "claim")
    add("--scale", type=float, default=0, metavar="F",
        help="multiply the time of each case, which is "
        f"{CASE_SECONDS:g} s (default: 1, quick: {QUICK_SCALE:g})")
    add("--seed", type=int, default=1, metavar="N")
    add("--allocators", default="", metavar="A,B",
        help="only these (default: all that are there)")
    add("--with", dest="given", action="append", default=[],
        metavar="NAME=PATH", help="another allocator, or another build of one")
    add("--suite", default="", metavar="PATH",
        help="folder with public benchmark programs, built")
    add("--no-instructions", dest="count", action="store_false",
        help="do not count instructions under valgrind")
    add("--reference", default="", metavar="NAME",
        help="allocator the ratios are taken to (default: the first that "
        f"runs of {', '.join(bench_allocators.REFERENCES)})")
    add("--results", default="", metavar="DIR", help="where raw lines go")
    add("--docs", default="", metavar="FILE",
        help="document to write into; its plots go into the folder FILE "
        "without .md")
    add("--from", dest="lines", default="", metavar="FILE",
        help="measure nothing: make the tables from these raw lines")
    options = parser.parse_args(argv)
    options.reps = options.reps or (QUICK_REPS if options.quick else REPS)
    options.scale = options.scale or (
        QUICK_SCALE if options.quick else 1.0)
    if options.reps < 1 or options.scale <= 0:
        parser.error("--reps and --scale must be positive")
    return options


def is_partial(options):
    return bool(options.quick or options.programs or options.allocators or
                options.scale < 1 or options.reps < REPS)


def read_lines(path, reference):
    """The raw lines of a file; another reference can be asked for."""
    with open(path, encoding="utf-8") as file:
        lines = [json.loads(line) for line in file if line.strip()]
    if reference:
        lines[0]["reference"] = reference
    return lines


def write_lines(folder, lines):
    os.makedirs(folder, exist_ok=True)
    session = lines[0]
    machine = bench_machine.slug(session["machine"]["cpu"])
    path = os.path.join(folder, f"{session['date']}-{machine}.jsonl")
    with open(path, "w", encoding="utf-8") as file:
        for line in lines:
            file.write(json.dumps(line) + "\n")
    return path


def write_docs(path, lines):
    """The tables into the document, the plots into the folder beside it."""
    with open(path, encoding="utf-8") as file:
        document = file.read()
    plots = bench_plots.draw(lines)
    folder = path.removesuffix(".md")
    links = [f"{os.path.basename(folder)}/{name}" for name in plots]
    document = bench_report.splice(document, bench_report.render(lines, links))
    os.makedirs(folder, exist_ok=True)
    for name, text in plots.items():
        with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
            file.write(text)
    with open(path, "w", encoding="utf-8") as file:
        file.write(document)


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
    if docs:
        write_docs(docs, lines)
        print(f"bench: tables in {docs}", file=sys.stderr)
    else:
        print(bench_report.render(lines))


def warn(found):
    load = os.getloadavg()[0]
    if load > BUSY:
        print(f"bench: WARNING: load average is {load:.2f}: something else is "
              "running, and the numbers will show it", file=sys.stderr)
    for allocator in found.values():
        if not allocator.usable:
            print(f"bench: {allocator.name}: {allocator.missing}",
                  file=sys.stderr)


def measure(options):
    found = bench_allocators.find_allocators(options.build,
                                             parse_given(options.given))
    allocators = bench_allocators.choose_allocators(found, options.allocators)
    options.reference = options.reference or \
        bench_allocators.choose_reference(allocators)
    jobs = bench_jobs.choose(options.programs)
    warn(found)
    session = Session(options, allocators, found, jobs)
    session.run()
    return session


def main(argv):
    options = parse_arguments(argv)
    try:
        if options.lines:
            # Published lines only by name: --docs says where they should go.
            publish(options, read_lines(options.lines, options.reference),
                    True)
            return 0
        session = measure(options)
        publish(options, session.lines, is_partial(options))
    except ValueError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    except PreloadError as error:
        print(f"bench: FATAL: the preload did not take: {error}",
              file=sys.stderr)
        return 4
    return 1 if session.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
