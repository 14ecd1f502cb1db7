"""Real programs of Debian, run on inputs of our own in bench/programs.

They are what people run an allocator for: little of their time is spent in it,
and where it puts objects shows. Each takes about a second, and one that is
left idle some more.
"""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field

import bench_exec
import bench_server
from bench_allocators import Allocator, RunError
from bench_rows import Measure

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "programs")
FAMILY = "real programs"
# Debian's own, whatever else is on the PATH.
PLACES = "/usr/bin:/bin:/usr/sbin:/usr/games"
REDIS = ("redis-cli", "-s", "{scratch}/socket")


@dataclass(frozen=True)
class Program:
    """{programs} in an argument is bench/programs, {scratch} a folder that
    lasts as long as the session."""
    name: str
    program: str
    package: str
    args: tuple
    expect: str = ""  # what a run that went well prints
    env: dict = field(default_factory=dict)
    made: tuple = ()  # a file in {scratch}, and the script that prints it
    # For a server: what feeds it, from the made file, and what ends it.
    feed: tuple = ()
    end: tuple = ()
    feed_package: str = ""
    empty: tuple = ()  # what empties it: its memory is the figure then

    def all_measures(self):
        if self.empty:
            return bench_server.measures(self.name)
        return (Measure("cpu_s", self.name, "s", FAMILY),
                Measure("peak_kib", f"{self.name}: peak", "MiB",
                        "peak memory, real programs"))


SERVER = ("--port", "0", "--unixsocket", "{scratch}/socket", "--save", "",
          "--appendonly", "no", "--dir", "{scratch}")


PROGRAMS = (
    Program("python3", "python3", "python3", ("{programs}/graph.py",),
            "graph True True"),
    # Python keeps objects of up to 512 bytes in pools of its own unless told.
    Program("python3, all by malloc", "python3", "python3",
            ("{programs}/graph.py",), "graph True True",
            {"PYTHONMALLOC": "malloc"}),
    Program("sqlite3", "sqlite3", "sqlite3",
            (":memory:", ".read {programs}/orders.sql"), "orders|160000"),
    Program("perl", "perl", "perl", ("{programs}/words.pl",),
            "words counted"),
    Program("lua5.4", "lua5.4", "lua5.4", ("{programs}/trees.lua",),
            "trees\t65535"),
    Program("ruby", "ruby", "ruby", ("{programs}/documents.rb",),
            "documents true"),
    Program("gcc -O2", "gcc", "gcc",
            ("-O2", "-S", "-o", "{scratch}/made.s", "{scratch}/made.c"),
            made=("made.c", "gen_source.py")),
    Program("redis-server", "redis-server", "redis-server", SERVER,
            "bye bye", made=("commands", "gen_commands.py"),
            feed=(*REDIS, "--pipe"), end=(*REDIS, "shutdown", "nosave"),
            feed_package="redis-tools"),
    Program("redis-server after FLUSHALL", "redis-server", "redis-server",
            (*SERVER, "--enable-debug-command", "yes"), "bye bye",
            made=("load", "gen_load.py"), feed=(*REDIS, "--pipe"),
            empty=(*REDIS, "flushall"), end=(*REDIS, "shutdown", "nosave"),
            feed_package="redis-tools"),
    Program("z3", "z3", "z3", ("{programs}/factors.smt2",), "unsat"),
)


def c_library(command):
    """The path of the C library that the loader gives a program."""
    for path in bench_exec.traced_libraries("", command):
        if os.path.basename(path).startswith("libc."):
            return path
    raise RunError(f"{command[0]} has no C library")


def effective(allocator, command):
    """The allocator to preload. A program may bring another malloc of its own
    (Debian's redis-server is linked to jemalloc), so that of the C library is
    put before it like any other."""
    if allocator.path:
        return allocator
    return Allocator(allocator.name, c_library(command))


def make_input(job, scratch):
    name, script = job.made
    with open(os.path.join(scratch, name), "w", encoding="ascii") as file:
        subprocess.run([sys.executable, os.path.join(HERE, script)],
                       stdout=file, check=True)


def plan(job, context):
    """A function of an allocator and a repetition that returns a line, or
    words that say why there is none."""
    program = shutil.which(job.program, path=PLACES)
    if not program:
        return f"not run: install {job.package}"
    if job.feed and not shutil.which(job.feed[0], path=PLACES):
        return f"not run: install {job.feed_package}"
    if job.made:
        make_input(job, context.scratch)

    def fill(text):
        return text.format(programs=HERE, scratch=context.scratch)
    command = [program, *map(fill, job.args)]

    def run(allocator, _rep):
        drive = bench_server.Drive(job, fill) if job.feed else None
        line, output = bench_exec.run_under(
            effective(allocator, command), context.program("bench_under"),
            command, job.env, drive)
        if job.expect not in output:
            raise RunError(f"no {job.expect!r} in what it printed")
        return dict(line, metrics=drive.metrics if drive else {})
    return run
