#!/usr/bin/env python3
"""Real programs and instruction counts in the benchmark runner: that they are
run as meant, and that what cannot be run says so. Stand-ins play the programs;
those that the other tests need anyway run once for real. Exits 0 or 1."""

import sys

sys.dont_write_bytecode = True

import argparse
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import time
import unittest
from unittest import mock

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from bench_fixture import BENCH, ROOT

import bench_callgrind
import bench_jobs
import bench_programs
import bench_server
import bench_session
from bench_allocators import Allocator, RunError
from bench_programs import PROGRAMS, Program

GLIBC = Allocator("glibc")
WHOSE = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
int main(void) {
    Dl_info info;
    void *volatile object = malloc(1);
    free(object);
    dladdr(dlsym(RTLD_DEFAULT, "malloc"), &info);
    return puts(info.dli_fname) < 0;
}
"""
OWN = """
#include <stddef.h>
void *__libc_malloc(size_t size);
void *malloc(size_t size) { return __libc_malloc(size); }
"""
COUNTS = """
#include "mheap/stats.h"
void mheap_stats(const struct mheap *heap, struct mheap_stats *out) {
    out->lock_waits_total = heap == NULL ? 77 : 1;
    out->os_calls_total = 5;
}
"""
# Listens until it is told to end, and says what it was fed.
SERVER = """#!/bin/sh
scratch=$1
[ -z "$REFUSES" ] || exit 7
: >"$scratch/socket"
tries=0
while [ ! -e "$scratch/ended" ] && [ $tries -lt 600 ]; do
    sleep 0.05
    tries=$((tries + 1))
done
cat "$scratch/fed"
rm "$scratch/socket" "$scratch/ended"
exit "${STATUS:-0}"
"""
CLIENT = """#!/bin/sh
case $2 in
end) : >"$1/ended" ;;
fail) exit 3 ;;
*) cat >"$1/fed" ;;
esac
"""
# Holds 60 MB once it is fed, and 20 from some time after it is emptied.
HOLDER = """#!/usr/bin/python3
import mmap, os, sys, time
def told(name):
    end = time.monotonic() + 30
    while not os.path.exists(f"{sys.argv[1]}/{name}"):
        if time.monotonic() > end:
            sys.exit(9)
        time.sleep(0.02)
def tell(name):
    open(f"{sys.argv[1]}/{name}", "w").close()
def hold(size):
    held = mmap.mmap(-1, size)
    for at in range(0, size, 4096):
        held[at] = 1
    return held
tell("socket")
told("fed")
stays, goes = hold(20 << 20), hold(40 << 20)
tell("full")
told("emptied")
told("idle")
goes.close()
tell("home")
told("ended")
print(open(f"{sys.argv[1]}/fed").read())
"""
HOLDERS_CLIENT = """#!/bin/sh
case $2 in
feed)
    cat >"$1/fed"
    while [ ! -e "$1/full" ]; do sleep 0.02; done
    ;;
empty) : >"$1/emptied" ;;
end) : >"$1/ended" ;;
esac
"""
# Says that it did what it was asked to, and one operation more.
COUNTED = """#!/bin/sh
while [ $# -gt 0 ]; do
    [ "$1" != --ops ] || ops=$2
    shift
done
libc=/lib/libc.so.6
echo "{\\"ops\\": $((ops + 1)), \\"metrics\\": {},\
 \\"libraries\\": [\\"$libc\\"], \\"serves\\": {\\"malloc\\": \\"$libc\\", \\"calloc\\": \\"$libc\\",\
 \\"realloc\\": \\"$libc\\", \\"free\\": \\"$libc\\"}}"
"""
# 1000 instructions, and 7 for each operation that is asked for.
VALGRIND = """#!/bin/sh
echo run >>"${0%/*}/runs"
[ ! -e "${0%/*}/refuses" ] || exit 1
while [ "${1#--}" != "$1" ]; do shift; done
"$@" || exit 1
while [ "$1" != --ops ]; do shift; done
echo "==1== Collected : $((1000 + 7 * $2))" >&2
"""


class Workshop(unittest.TestCase):
    """A folder with a built bench_under and whatever a test puts there."""

    @classmethod
    def setUpClass(cls):
        cls.build = tempfile.mkdtemp(prefix="bench_programs_test.")
        cls.addClassCleanup(shutil.rmtree, cls.build)
        for command in (["cmake", "-S", BENCH, "-B", cls.build],
                        ["cmake", "--build", cls.build, "-j2", "--target",
                         "bench_under", "bench_pairs"]):
            subprocess.run(command, check=True, capture_output=True)

    def setUp(self):
        self.folder = tempfile.mkdtemp(dir=self.build)
        self.bin = os.path.join(self.folder, "bin")
        self.scratch = os.path.join(self.folder, "scratch")
        os.mkdir(self.bin)
        os.mkdir(self.scratch)
        for name, value in (("PLACES", self.bin + ":/usr/bin:/bin"),
                            ("HERE", self.folder)):
            patch = mock.patch.object(bench_programs, name, value)
            patch.start()
            self.addCleanup(patch.stop)
        self.context = bench_jobs.Context(self.build, "", 1, 1.0, (),
                                          self.scratch)

    def program(self, name, text):
        path = pathlib.Path(self.bin, name)
        path.write_text(text, encoding="utf-8")
        path.chmod(0o755)
        return str(path)

    def compile(self, path, source, *flags):
        compiler = os.environ.get("CC", "cc").split()
        subprocess.run([*compiler, "-x", "c", "-", "-x", "none", "-o", path,
                        *flags], input=source, text=True, check=True)

    def run_job(self, job, allocator=GLIBC):
        return bench_jobs.plan(job, self.context)(allocator, 0)


class RealPrograms(Workshop):
    def test_what_is_not_installed_names_its_package(self):
        job = Program("x", "no-such-program", "its-package", ())
        self.assertEqual(bench_jobs.plan(job, self.context),
                         "not run: install its-package")
        self.program("server", SERVER)
        job = Program("x", "server", "p", (), feed=("no-such-client",),
                      feed_package="clients")
        self.assertEqual(bench_jobs.plan(job, self.context),
                         "not run: install clients")

    def test_time_and_peak_are_those_of_the_program(self):
        self.compile(os.path.join(self.bin, "eater"), """
            #include <stdlib.h>
            #include <string.h>
            #include <time.h>
            int main(void) {
                memset(malloc(50 << 20), 1, 50 << 20);
                while (clock() < CLOCKS_PER_SEC / 5) { }
            }""", "-fno-builtin")
        line = self.run_job(Program("x", "eater", "p", ()))
        self.assertGreater(line["cpu_s"], 0.19)
        self.assertLess(line["cpu_s"], 2)
        self.assertGreater(line["peak_kib"], 50 << 10)
        self.assertLess(line["peak_kib"], 60 << 10)

    def test_a_run_that_prints_something_else_is_a_failure(self):
        self.program("teller", "#!/bin/sh\necho the $1 $WORD\n")
        args, env = ("{scratch}/x",), {"WORD": "end"}
        self.run_job(Program("x", "teller", "p", args,
                             f"the {self.scratch}/x end", env))
        with self.assertRaises(RunError):
            self.run_job(Program("x", "teller", "p", args, "no end", env))
        self.program("teller", "#!/bin/sh\necho the end; exit 9\n")
        with self.assertRaisesRegex(RunError, "exit 9"):
            self.run_job(Program("x", "teller", "p", (), "the end"))

    def test_its_input_is_made_before_it_runs(self):
        pathlib.Path(self.folder, "gen.py").write_text("print('made up')\n")
        self.run_job(Program("x", "cat", "p", ("{scratch}/input",),
                             "made up", made=("input", "gen.py")))

    def test_the_c_library_serves_programs_that_bring_their_own_malloc(self):
        library = os.path.join(self.bin, "libown.so")
        self.compile(library, OWN, "-shared", "-fPIC")
        whose = os.path.join(self.bin, "whose")
        self.compile(whose, WHOSE, "-Wl,--no-as-needed", library,
                     f"-Wl,-rpath,{self.bin}")
        alone = subprocess.run([whose], capture_output=True, text=True,
                               check=True)
        self.assertIn("libown.so", alone.stdout)
        self.run_job(Program("x", "whose", "p", (), "/libc.so"))
        other = os.path.join(self.bin, "libother.so")
        self.compile(other, OWN, "-shared", "-fPIC")
        self.run_job(Program("x", "whose", "p", (), "libother.so"),
                     Allocator("other", other))

    def server(self, **changes):
        self.program("server", SERVER)
        self.program("client", CLIENT)
        pathlib.Path(self.folder, "gen.py").write_text("print('a command')\n")
        parts = {"env": {}, "feed": ("{client}", "{scratch}", "feed"),
                 "end": ("{client}", "{scratch}", "end"),
                 "empty": ()} | changes
        client = os.path.join(self.bin, "client")
        for part in ("feed", "empty", "end"):
            parts[part] = tuple(client if word == "{client}" else word
                                for word in parts[part])
        return Program("x", "server", "p", ("{scratch}",), "a command",
                       made=("commands", "gen.py"), **parts)

    def test_a_server_is_fed_and_ended(self):
        for _ in range(2):  # and leaves nothing that the next would trip over
            self.run_job(self.server())

    def test_a_server_that_goes_wrong_is_a_failure_and_is_ended(self):
        cases = ({"env": {"REFUSES": "1"}}, {"env": {"STATUS": "4"}},
                 {"feed": ("{client}", "{scratch}", "fail")},
                 {"end": ("{client}", "{scratch}", "fail")},
                 {"empty": ("{client}", "{scratch}", "fail")})
        for changes in cases:
            start = time.monotonic()
            with self.assertRaises(RunError, msg=changes):
                self.run_job(self.server(**changes))
            self.assertLess(time.monotonic() - start, 20, changes)
            found = subprocess.run(["ps", "-eo", "args"], text=True,
                                   capture_output=True, check=True).stdout
            self.assertNotIn(f"{self.bin}/server", found, changes)
            for name in ("socket", "ended"):
                pathlib.Path(self.scratch, name).unlink(missing_ok=True)


class EmptiedServers(Workshop):
    def setUp(self):
        super().setUp()
        self.program("server", HOLDER)
        client = self.program("client", HOLDERS_CLIENT)
        pathlib.Path(self.folder, "gen.py").write_text("print('a command')\n")
        self.job = Program(
            "x", "server", "p", ("{scratch}",), "a command",
            made=("commands", "gen.py"),
            **{part: (client, "{scratch}", part)
               for part in ("feed", "empty", "end")})

    def wait(self, seconds):
        """In place of time.sleep: the server knows when it is left idle."""
        if seconds != bench_server.IDLE_SECONDS:
            self.sleep(seconds)
            return
        fed = os.path.exists(f"{self.scratch}/fed")
        self.waits.append("full" if fed else "new")
        if os.path.exists(f"{self.scratch}/emptied"):
            self.waits[-1] = "empty"
            pathlib.Path(self.scratch, "idle").touch()
            bench_server.wait_for(f"{self.scratch}/home", self)

    def poll(self):
        """wait_for asks whether the process has ended."""

    def test_memory_is_read_when_idle_when_filled_and_after_a_wait(self):
        self.sleep, self.waits = time.sleep, []
        with mock.patch.object(bench_server.time, "sleep", self.wait):
            found = self.run_job(self.job)["metrics"]
        self.assertEqual(self.waits, ["new", "empty"])
        # The interpreter itself moves by some hundred KiB.
        for key, mib in (("full_kib", 60), ("after_kib", 20)):
            self.assertAlmostEqual((found[key] - found["start_kib"]) / 1024,
                                   mib, delta=3, msg=key)
        self.assertEqual(
            {measure.key for measure in self.job.all_measures()} |
            {measure.over for measure in self.job.all_measures()},
            {"", *found})

    def test_the_wait_is_as_long_as_the_row_says(self):
        for measure in bench_server.measures("x")[2:]:
            self.assertIn(f"{bench_server.IDLE_SECONDS} s later",
                          measure.label)

    def test_a_server_that_is_gone_is_a_failure(self):
        with self.assertRaisesRegex(RunError, "gone"):
            bench_server.child_of(1 << 30)


class LockWaits(Workshop):
    def test_a_program_reports_the_sleeps_of_the_library_that_counts_them(
            self):
        program = self.context.program("bench_pairs")
        command = [program, "--case", "pair16", "--ops", "1"]
        library = os.path.join(self.bin, "libcounts.so")
        self.compile(library, COUNTS, "-shared", "-fPIC",
                     f"-I{ROOT}/include")
        for env, said in (({"LD_PRELOAD": library}, 77), ({}, None)):
            done = subprocess.run(command, env=env, check=True, text=True,
                                  capture_output=True)
            self.assertEqual(json.loads(done.stdout).get("lock_waits"), said)


class TheListOfPrograms(Workshop):
    def test_every_package_is_installed_by_dev_bench(self):
        dev = pathlib.Path(ROOT, "dev").read_text(encoding="utf-8")
        packages = dict(re.findall(r'^(\w+_PACKAGES)="([^"]*)"', dev, re.M))
        names = packages["BENCH_PACKAGES"].replace(
            "$BUILD_PACKAGES", packages["BUILD_PACKAGES"]).split()
        for job in PROGRAMS:
            self.assertIn(job.package, names)
            if job.feed:
                self.assertIn(job.feed_package, names)
        self.assertIn("valgrind", names)

    def test_those_that_the_tests_install_run_as_they_are(self):
        with mock.patch.object(bench_programs, "HERE",
                               os.path.join(BENCH, "programs")):
            for job in PROGRAMS:
                if job.name in ("python3", "sqlite3", "perl", "gcc -O2",
                                "redis-server"):
                    line = self.run_job(job)
                    self.assertGreater(line["cpu_s"], 0.1, job.name)


    def test_redis_holds_about_100_mb_of_its_load(self):
        job = next(job for job in PROGRAMS if job.empty)
        with mock.patch.object(bench_programs, "HERE",
                               os.path.join(BENCH, "programs")):
            found = self.run_job(job)["metrics"]
        held = (found["full_kib"] - found["start_kib"]) * 1024
        self.assertGreater(held, 80e6)
        self.assertLess(held, 120e6)
        # The C library keeps nearly all of it: the figure is not made of it.
        self.assertGreater(found["after_kib"], found["start_kib"])


class Counts(Workshop):
    def setUp(self):
        super().setUp()
        self.program("valgrind", VALGRIND)
        self.program("counted", COUNTED)
        path = mock.patch.dict(os.environ, {
            "PATH": f"{self.bin}:{os.environ['PATH']}"})
        path.start()
        self.addCleanup(path.stop)
        self.job = bench_callgrind.CountJob("counted", "case", "text", 100)
        os.makedirs(os.path.join(self.folder, "bench"), exist_ok=True)
        shutil.copy(os.path.join(self.bin, "counted"),
                    os.path.join(self.folder, "bench"))
        self.context = bench_jobs.Context(self.folder, "", 1, 1.0, (),
                                          self.scratch)

    def session(self, **changes):
        values = {"build": self.folder, "suite": "", "seed": 1, "scale": 1.0,
                  "reps": 3, "reference": "mimalloc", "count": True} | changes
        made = bench_session.Session(argparse.Namespace(**values), [GLIBC],
                                     {"glibc": GLIBC}, (self.job,))
        made.run()
        return made

    def test_start_and_end_of_a_program_are_not_in_the_count(self):
        found = self.run_job(self.job)
        self.assertEqual(found, {"metrics": {"instructions": 7.0}})
        self.assertEqual(bench_callgrind.per_operation((500, 10), (900, 30)),
                         20)
        with self.assertRaises(RunError):
            bench_callgrind.per_operation((500, 10), (900, 10))

    def test_they_are_counted_once_however_many_repetitions(self):
        made = self.session()
        kinds = [line["kind"] for line in made.lines]
        self.assertEqual(kinds, ["session", "run"])
        runs = pathlib.Path(self.bin, "runs").read_text(encoding="utf-8")
        self.assertEqual(runs.count("run"), 2)

    def test_what_valgrind_cannot_start_is_no_failure(self):
        self.program("refuses", "")
        made = self.session()
        self.assertFalse(made.failed)
        self.assertEqual(made.lines[1]["kind"], "skipped")
        self.assertEqual(made.lines[1]["what"], "not run under valgrind")
        self.assertEqual(made.lines[1]["allocator"], "glibc")

    def test_without_valgrind_or_when_not_wanted_the_row_says_so(self):
        made = self.session(count=False)
        self.assertEqual(made.lines[1]["what"], "not run: --no-instructions")
        os.unlink(os.path.join(self.bin, "valgrind"))
        with mock.patch.dict(os.environ, {"PATH": self.bin}):
            self.assertEqual(bench_jobs.plan(self.job, self.context),
                             "not run: install valgrind")

    def test_a_server_that_waits_is_run_three_times_of_seven(self):
        ran = []
        job = Program("x", "x", "x", (), empty=("x",))
        once = mock.patch.object(bench_jobs, "plan", lambda job, _: (
            lambda allocator, rep: ran.append(rep) or {"metrics": {}}))
        self.job = job
        with once:
            self.session(reps=7)
        self.assertEqual(ran, [0, 1, 2])

    def test_silence_of_callgrind_is_not_a_count(self):
        with self.assertRaises(RunError):
            bench_callgrind.collected("==1== Events : Ir\n")


if __name__ == "__main__":
    unittest.main()
