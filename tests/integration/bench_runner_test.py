#!/usr/bin/env python3
"""The benchmark runner: its arithmetic, its tables, and that it cannot be
fooled about which allocator it measured. Builds the programs with $CC (cc) in
a temporary folder; needs no build of mheap. Exits 0 or 1."""

import sys

sys.dont_write_bytecode = True

import glob
import json
import math
import os
import random
import shutil
import subprocess
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
BENCH = os.path.join(ROOT, "bench")
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, BENCH)

import bench_allocators
import bench_exec
import bench_jobs
import bench_machine
import bench_report
import bench_session
import bench_stats
import run
from bench_fixture import measured, session
from bench_rows import JOBS

FLAGS = ["-std=c11", "-O1", "-D_GNU_SOURCE", "-fno-builtin-malloc",
         "-fno-builtin-free", "-fno-builtin-calloc", "-fno-builtin-realloc",
         "-I", os.path.join(os.path.dirname(BENCH), "include")]
# What is linked into every program.
SHARED = ("bench_support", "bench_probe", "histogram", "trace_build",
          "trace_cache", "trace_compiler", "trace_interpreter", "trace_read")

# posix_memalign is right, aligned_alloc is 8 bytes off and never freed.
CROOKED = """
#include <stdlib.h>
void *aligned_alloc(size_t align, size_t size) {
    static char room[1 << 20];
    (void)size;
    size_t past = (size_t)room % align;
    return room + (align - past) % align + 8;
}
void free(void *object) {
    (void)object;
}
"""

# Objects of 16 bytes lie STEP bytes after the last one of their thread; four
# threads begin APART bytes from each other. None is ever used again.
PLACED = """
#include <stddef.h>
#include <string.h>
static _Alignas(64) char room[4 << 20], others[1 << 20];
static size_t used, threads;
static __attribute__((tls_model("initial-exec"))) _Thread_local size_t own, n;
static void *take(size_t size) {
    size_t step = (size + 15) / 16 * 16;
    if (size != 16) {
        return others + __atomic_fetch_add(&used, step, __ATOMIC_RELAXED);
    }
    if (own == 0) {
        own = __atomic_add_fetch(&threads, 1, __ATOMIC_RELAXED);
    }
    return room + (own - 1) * APART + n++ * STEP;
}
void *malloc(size_t size) { return take(size); }
void *calloc(size_t count, size_t size) { return take(count * size); }
void *realloc(void *old, size_t size) {
    void *bigger = take(size);
    return old == NULL ? bigger : memcpy(bigger, old, size);
}
void free(void *object) { (void)object; }
"""

# Every 500th malloc of a thread takes 2 ms.
SLOW = """
#define _GNU_SOURCE
#include <stddef.h>
#include <time.h>
void *__libc_malloc(size_t size);
static __attribute__((tls_model("initial-exec"))) _Thread_local unsigned n;
void *malloc(size_t size) {
    if (++n % 500 == 0) {
        nanosleep(&(struct timespec){.tv_nsec = 2100000}, NULL);
    }
    return __libc_malloc(size);
}
"""

# An allocator that counts locks: between two calls of mheap_stats 65 that are
# shared, each kind another number, 1000 of single threads, and 13 contended.
# OLDER writes as much as before there were counts, NEWER more than there is.
COUNTED = """
#include <stddef.h>
#include <string.h>
#include "mheap/stats.h"
void mheap_stats(const struct mheap *heap, struct mheap_stats *out) {
    static uint64_t calls;
    calls++;
    (void)heap;
#ifdef OLDER
    memset(out, 0, offsetof(struct mheap_stats, locks_heap_total));
#else
#ifdef NEWER
    memset(out, 1, 3000);
#endif
    memset(out, 0, sizeof(*out));
    out->locks_heap_total = 30 * calls;
    out->locks_central_total = 20 * calls;
    out->locks_side_total = 5 * calls;
    out->locks_registry_total = 4 * calls;
    out->locks_arenas_total = 3 * calls;
    out->locks_records_total = 2 * calls;
    out->locks_other_total = 1 * calls;
    out->locks_thread_total = 1000 * calls;
    out->locks_contended_total = 13 * calls;
#endif
}
"""

# Reads numbers and puts them alternately into two histograms; prints the
# count, the maximum and the quantiles of both together.
QUANTILES = """
#include <stdio.h>
#include "histogram.h"
int main(void) {
    static struct histogram both[2];
    unsigned long long value;
    for (int i = 0; scanf("%llu", &value) == 1; i++) {
        histogram_add(&both[i % 2], value);
    }
    histogram_merge(&both[0], &both[1]);
    const double shares[] = {0.5, 0.99, 0.999, 0.9999, 1.0};
    printf("%llu %llu", (unsigned long long)both[0].count,
           (unsigned long long)both[0].max);
    for (int i = 0; i < 5; i++) {
        printf(" %llu",
               (unsigned long long)histogram_quantile(&both[0], shares[i]));
    }
}
"""


def summary(*values):
    return bench_stats.summarize(list(values))


class Arithmetic(unittest.TestCase):
    def test_median_of_odd_and_even_counts_ignores_the_order(self):
        self.assertEqual(bench_stats.median([9, 1, 5]), 5)
        self.assertEqual(bench_stats.median([8, 1, 3, 5]), 4)
        with self.assertRaises(ValueError):
            bench_stats.median([])

    def test_spread_is_the_range_over_the_median(self):
        self.assertAlmostEqual(summary(10, 8, 13).spread, 0.5)
        self.assertEqual(summary(7).spread, 0)
        self.assertEqual(summary(0, 0).spread, 0)

    def test_ratio_is_of_medians_and_needs_both(self):
        self.assertEqual(bench_stats.ratio(summary(1, 3, 99), summary(6)), 0.5)
        self.assertIsNone(bench_stats.ratio(None, summary(1)))
        self.assertIsNone(bench_stats.ratio(summary(1), None))
        self.assertIsNone(bench_stats.ratio(summary(1), summary(0)))

    def test_geometric_mean_skips_what_was_not_measured(self):
        self.assertAlmostEqual(bench_stats.geometric_mean([0.5, 2, None]), 1)
        self.assertIsNone(bench_stats.geometric_mean([None]))

    def test_best_is_the_lowest_median_that_exists(self):
        found = {"a": summary(3), "b": None, "c": summary(2, 2, 90)}
        self.assertEqual(bench_stats.best(found), "c")
        self.assertIsNone(bench_stats.best({"b": None}))


class Options(unittest.TestCase):
    def test_with_wants_a_name_and_a_path(self):
        self.assertEqual(run.parse_given(["a=/x=y"]), {"a": "/x=y"})
        for bad in ("a", "=x", "a="):
            with self.assertRaises(ValueError):
                run.parse_given([bad])

    def test_a_program_is_chosen_with_or_without_its_prefix(self):
        for word in ("pairs", "bench_pairs"):
            chosen = bench_jobs.choose([word, "larson8"])
            self.assertEqual({job.program for job in chosen},
                             {"bench_pairs", "larson"})
            self.assertEqual(chosen[-1].name, "larson8")
        self.assertEqual(bench_jobs.choose([]), bench_jobs.ALL)
        with self.assertRaises(ValueError):
            bench_jobs.choose(["no-such"])

    def test_real_programs_and_counts_are_chosen_together_or_singly(self):
        every = bench_jobs.choose(["programs", "instructions"])
        self.assertEqual(every, bench_jobs.PROGRAMS + bench_jobs.COUNTS)
        self.assertEqual([job.name for job in bench_jobs.choose(["z3"])],
                         ["z3"])

    def test_a_case_goes_on_for_its_length_times_the_scale(self):
        def seconds(name, scale):
            job = next(job for job in JOBS if job.name == name)
            args = job.arguments(1, scale)
            return float(args[args.index("--seconds") + 1])
        self.assertEqual(seconds("bench_pairs pair16", 1), 0.15)
        self.assertEqual(seconds("bench_pairs pair16", 2), 0.3)
        self.assertEqual(seconds("bench_larson larson x2", 1), 0.3)

    def test_what_waits_is_repeated_three_times_and_counts_are_taken_once(
            self):
        few = {job.name: bench_jobs.repetitions(job, 7)
               for job in bench_jobs.ALL
               if bench_jobs.repetitions(job, 7) != 7}
        counts = {job.name: 1 for job in bench_jobs.COUNTS}
        self.assertEqual(few, counts | {
            "bench_settle all": 3, "bench_settle tenth": 3,
            "redis-server after FLUSHALL": 3})
        for job in bench_jobs.ALL:
            self.assertLessEqual(bench_jobs.repetitions(job, 2), 2)

    def test_everybody_goes_first_once(self):
        firsts = [bench_session.rotated([1, 2, 3], turn)[0] for turn in range(3)]
        self.assertEqual(sorted(firsts), [1, 2, 3])
        self.assertEqual(sorted(bench_session.rotated([1, 2, 3], 7)), [1, 2, 3])

    def test_an_allocator_that_is_not_there_cannot_be_chosen(self):
        found = bench_allocators.find_allocators("/nonexistent", {})
        with self.assertRaises(ValueError):
            bench_allocators.choose_allocators(found, "")  # mheap itself is missing
        with self.assertRaises(ValueError):
            bench_allocators.choose_allocators(found, "glibc,rpmalloc")
        chosen = bench_allocators.choose_allocators(found, "glibc")
        self.assertEqual([a.name for a in chosen], ["glibc"])

    def test_only_a_full_run_is_published(self):
        full = run.parse_arguments([])
        self.assertFalse(run.is_partial(full))
        for args in (["--quick"], ["pairs"], ["--reps", "6"],
                     ["--allocators", "glibc"], ["--scale", "0.5"]):
            self.assertTrue(run.is_partial(run.parse_arguments(args)), args)

    def test_seven_repetitions_unless_told_otherwise(self):
        self.assertEqual(run.parse_arguments([]).reps, 7)
        self.assertEqual(run.parse_arguments(["--quick"]).reps, 2)
        self.assertEqual(run.parse_arguments(["--reps", "3"]).reps, 3)

    def test_the_newer_mimalloc_is_the_reference_once_it_is_given(self):
        def chosen(*names):
            return bench_allocators.choose_reference(
                [bench_allocators.Allocator(name) for name in names])
        self.assertEqual(chosen("mheap", "mimalloc"), "mimalloc")
        self.assertEqual(chosen("mheap", "mimalloc", "mimalloc-v3"),
                         "mimalloc-v3")
        self.assertEqual(chosen("mheap", "glibc"), "mimalloc")

    def test_the_build_without_checks_lies_beside_the_build(self):
        with tempfile.TemporaryDirectory() as folder:
            for build in ("out", "out-unchecked"):
                lib = os.path.join(folder, build, "lib")
                os.makedirs(lib)
                open(os.path.join(lib, "libmheap_malloc.so"), "w").close()
            for build in ("out", "out/"):
                found = bench_allocators.find_allocators(
                    os.path.join(folder, build), {})
                paths = [found[name].path
                         for name in ("mheap", "mheap-unchecked")]
                self.assertEqual([path.removeprefix(folder).split("/")[1]
                                  for path in paths],
                                 ["out", "out-unchecked"])
            given = os.path.join(folder, "mine.so")
            open(given, "w").close()
            found = bench_allocators.find_allocators(
                os.path.join(folder, "out"), {"mheap-unchecked": given})
            self.assertEqual(found["mheap-unchecked"].path, given)
            shutil.rmtree(os.path.join(folder, "out-unchecked"))
            found = bench_allocators.find_allocators(
                os.path.join(folder, "out"), {})
            self.assertIn("not built", found["mheap-unchecked"].missing)

    def test_machine_slugs_fit_a_file_name(self):
        self.assertEqual(bench_machine.slug("Intel(R) Xeon(R) CPU @ 2.5GHz"),
                         "intel-xeon-cpu-2-5ghz")
        self.assertEqual(bench_machine.slug("??"), "unknown")


class Tables(unittest.TestCase):
    def test_rows_and_jobs_have_names_of_their_own(self):
        names = [job.name for job in bench_jobs.ALL]
        self.assertEqual(len(names), len(set(names)))
        rows = [(m.label, m.family) for job in bench_jobs.ALL
                for m in job.all_measures()]
        self.assertEqual(len(rows), len(set(rows)))

    def render_pairs(self, mheap, glibc, mimalloc):
        lines = [session(["bench_pairs pair16"])]
        for name, values in (("mheap", mheap), ("glibc", glibc),
                             ("mimalloc", mimalloc)):
            for value in values:
                lines.append(measured("bench_pairs pair16", name,
                                      {"pair16_ns": value}))
        return bench_report.render(lines)

    def test_a_cell_has_the_median_the_minimum_and_the_spread(self):
        text = self.render_pairs([6, 4, 5], [20, 30], [10])
        self.assertIn("| ns | **5.00 (4.00, 40%)** | 25.0 (20.0, 40%) | 10.0 |",
                      text)

    def test_ratios_are_of_the_medians_and_of_the_minima(self):
        text = self.render_pairs([6, 4, 5], [20, 30], [10, 8, 12])
        self.assertIn("| pair 16 B | **0.50 (0.50)** | 2.50 (2.50) | "
                      "1.00 (1.00) |", text)
        text = self.render_pairs([6, 2, 5], [20], [10, 8, 12])
        self.assertIn("| pair 16 B | **0.50 (0.25)** | 2.00 | 1.00 (1.00) |",
                      text)

    def test_what_was_not_given_keeps_its_row_and_says_so(self):
        text = bench_report.render([session(["cfrac"])])
        self.assertIn("| cfrac | s | not run: give a path |", text)
        self.assertIn("- snmalloc: not run: give a path", text)

    def test_a_failure_is_in_the_table_and_in_words(self):
        lines = [session(["bench_pairs pair16"]),
                 measured("bench_pairs pair16", "glibc", {"pair16_ns": 2}),
                 {"kind": "failure", "job": "bench_pairs pair16",
                  "allocator": "mheap", "rep": 0, "what": "signal 11"}]
        text = bench_report.render(lines)
        self.assertIn("| pair 16 B | ns | failed |", text)
        self.assertIn("- bench_pairs pair16 under mheap: signal 11", text)

    def test_memory_is_shown_in_mib(self):
        lines = [session(["bench_settle idle"]),
                 measured("bench_settle idle", "mheap",
                          {"idle_rss_kib": 1536})]
        self.assertIn("| one small object | MiB | **1.50** |",
                      bench_report.render(lines))

    def settled(self, case, runs):
        """The row of 2 s later beside another figure, of runs of mheap."""
        job = f"bench_settle {case}"
        lines = [session([job])]
        for figures in runs:
            lines.append(measured(job, "mheap", {
                f"{case}_{key}_kib": value for key, value in figures.items()}))
        words = {"all": "above the start", "tenth": "of what is in use"}
        return next(line for line in bench_report.render(lines).split("\n")
                    if f": 2 s later, {words[case]} |" in line)

    def test_what_stays_is_counted_from_the_start_of_the_same_run(self):
        self.assertIn("| MB | 6.00 | - |", self.settled("all", [
            {"settled": 9764.375, "start": 3905}]))
        self.assertIn("| MB | 1.54 (1.02, 67%) |", self.settled("all", [
            {"settled": 6000, "start": 5000},
            {"settled": 4000, "start": 2000}]))

    def test_what_stays_is_divided_by_what_is_in_use_in_the_same_run(self):
        self.assertIn("| x | 2.50 | - |", self.settled("tenth", [
            {"settled": 5000, "live": 2000}]))
        self.assertIn("| x | 1.50 (1.00, 67%) |", self.settled("tenth", [
            {"settled": 4000, "live": 2000}, {"settled": 3000, "live": 3000}]))
        self.assertIn("| x | not run: give a path |", self.settled("tenth", [
            {"settled": 2000, "live": 0}]))

    def test_the_length_of_a_case_is_that_of_its_session(self):
        line = session(["bench_pairs pair16"])
        line["scale"] = 0.3
        self.assertIn("\n- 0.15 s for a timed case",
                      bench_report.render([line]))
        line["case_seconds"] = 0.045
        self.assertIn("\n- 0.045 s for a timed case",
                      bench_report.render([line]))

    def test_prose_around_the_markers_stays(self):
        document = f"before\n{bench_report.BEGIN}\nold\n" \
                   f"{bench_report.END}\nafter\n"
        spliced = bench_report.splice(document, "new\n")
        self.assertTrue(spliced.startswith("before\n"))
        self.assertTrue(spliced.endswith("\nafter\n"))
        self.assertIn("\nnew\n", spliced)
        self.assertNotIn("old", spliced)
        self.assertEqual(bench_report.splice(spliced, "new\n"), spliced)

    def test_a_document_with_broken_markers_is_refused(self):
        begin, end = bench_report.BEGIN, bench_report.END
        for bad in ("", begin, f"{end}\n{begin}",
                    f"{begin}{end}{begin}{end}"):
            with self.assertRaises(ValueError):
                bench_report.splice(bad, "new")

    def test_the_document_in_the_tree_has_its_markers(self):
        path = os.path.join(ROOT, "docs", "benchmarks.md")
        with open(path, encoding="utf-8") as file:
            self.assertIn("x", bench_report.splice(file.read(), "x"))


class Proof(unittest.TestCase):
    """Which library served malloc is decided by what the program reports."""

    def line(self, serves, libraries):
        every = dict.fromkeys(bench_exec.SERVED, serves)
        return {"serves": every, "libraries": libraries}

    def test_the_library_must_be_loaded_and_serve_every_call(self):
        peer = bench_exec.Allocator("peer", "/x/libpeer.so")
        good = self.line("/x/libpeer.so", ["/x/libpeer.so", "/l/libc.so.6"])
        bench_exec.verify_preload(peer, good, [])
        absent = self.line("/x/libpeer.so", ["/l/libc.so.6"])
        idle = self.line("/l/libc.so.6", ["/x/libpeer.so", "/l/libc.so.6"])
        half = self.line("/x/libpeer.so", ["/x/libpeer.so"])
        half["serves"]["free"] = "/l/libc.so.6"
        for bad in (absent, idle, half):
            with self.assertRaises(bench_exec.PreloadError):
                bench_exec.verify_preload(peer, bad, [])

    def test_the_c_library_must_be_alone(self):
        libc = bench_exec.Allocator("glibc")
        good = self.line("/l/libc.so.6", ["/l/libc.so.6"])
        bench_exec.verify_preload(libc, good, ["/x/libpeer.so"])
        served = self.line("/x/libpeer.so", ["/l/libc.so.6"])
        crowded = self.line("/l/libc.so.6", ["/l/libc.so.6", "/x/libpeer.so"])
        for bad in (served, crowded):
            with self.assertRaises(bench_exec.PreloadError):
                bench_exec.verify_preload(libc, bad, ["/x/libpeer.so"])

    def test_published_lines_hold_no_paths(self):
        line = self.line("/x/libpeer.so", ["/x/libpeer.so"])
        text = json.dumps(bench_exec.public_line(line))
        self.assertNotIn("/", text)
        self.assertIn("libpeer.so", text)


class RealRuns(unittest.TestCase):
    """The programs themselves, briefly, under the C library."""

    @classmethod
    def setUpClass(cls):
        cls.build = tempfile.mkdtemp(prefix="bench_runner_test.")
        cls.addClassCleanup(shutil.rmtree, cls.build)
        os.mkdir(os.path.join(cls.build, "bench"))
        compiler = os.environ.get("CC", "cc").split()
        shared = []
        for name in SHARED:
            shared.append(os.path.join(cls.build, f"{name}.o"))
            subprocess.run([*compiler, *FLAGS, "-c", "-o", shared[-1],
                            os.path.join(BENCH, f"{name}.c")], check=True)
        builds = []
        for source in glob.glob(os.path.join(BENCH, "bench_*.c")):
            name = os.path.basename(source)[:-2]
            if name in SHARED:
                continue
            output = os.path.join(cls.build, "bench", name)
            builds.append(subprocess.Popen(
                [*compiler, *FLAGS, "-o", output, source, *shared,
                 "-pthread", "-lm", "-ldl"]))
        for build in builds:
            if build.wait() != 0:
                raise RuntimeError("a benchmark program does not compile")
        cls.compiler = compiler

    def compile(self, path, source, *flags):
        subprocess.run([*self.compiler, *flags, "-x", "c", "-o", path, "-"],
                       input=source, text=True, check=True)

    def runner(self, *args):
        return subprocess.run(
            [sys.executable, os.path.join(BENCH, "run.py"),
             "--build", self.build, "--quick", "--reps", "1",
             "--scale", "0.01", *args],
            capture_output=True, text=True, check=False)

    def test_programs_print_every_metric_that_the_rows_name(self):
        for job in JOBS:
            # Small and without waits: the figures do not matter here.
            args = job.arguments(1, 0) + ["--objects", "200", "--wait", "0"]
            line = bench_exec.run_program(
                bench_exec.Allocator("glibc"),
                os.path.join(self.build, "bench", job.program), args, [])
            known = set(line["metrics"]) | {"peak_kib", ""}
            for measure in job.all_measures():
                if measure.family != "locks":  # the C library counts none
                    self.assertLessEqual(
                        {measure.key, measure.less, measure.over}, known)
            self.assertGreater(line["peak_kib"], 0)

    def counted(self, job, *flags):
        """A run of a job under an allocator that counts locks."""
        library = os.path.join(self.build, "libcounted.so")
        self.compile(library, COUNTED, "-shared", "-fPIC", "-I",
                     os.path.join(os.path.dirname(BENCH), "include"), *flags)
        done = subprocess.run(
            [os.path.join(self.build, "bench", job.program),
             *job.arguments(1, 0), "--ops", "1", "--objects", "200"],
            check=True, capture_output=True, text=True,
            env={"LD_PRELOAD": library})
        return json.loads(done.stdout)

    def test_shared_locks_are_counted_where_the_allocator_counts(self):
        jobs = [job for job in JOBS
                for measure in job.measures if measure.family == "locks"]
        self.assertGreater(len(jobs), 20)
        for job in jobs:
            line = self.counted(job)
            found = line["metrics"]
            ops = line["ops"]
            if job.program == "bench_churn":  # made, replaced once, freed
                ops += 2 * 200 * job.options["threads"]
            for key, locks in ((f"{job.case}_shared_locks_per_1000_ops", 65),
                               (f"{job.case}_contended_locks_per_1000_ops",
                                13)):
                self.assertAlmostEqual(found[key] * ops, locks * 1000,
                                       delta=1, msg=job.name)
            named = {measure.key for measure in job.measures
                     if measure.family == "locks"}
            self.assertLessEqual(named, set(found), job.name)

    def test_an_allocator_of_another_version_does_no_harm(self):
        job = JOBS[0]
        for flag, counts in (("-DOLDER", False), ("-DNEWER", True)):
            found = self.counted(job, flag)["metrics"]
            self.assertEqual(f"{job.case}_shared_locks_per_1000_ops" in found,
                             counts, flag)

    def test_the_same_seed_and_ops_do_the_same_work(self):
        program = os.path.join(self.build, "bench", "bench_churn")
        args = ["--case", "churn1k", "--ops", "50000", "--seed"]
        glibc = bench_exec.Allocator("glibc")
        first = bench_exec.run_program(glibc, program, args + ["7"], [])
        again = bench_exec.run_program(glibc, program, args + ["7"], [])
        self.assertEqual(first["ops"], again["ops"])
        self.assertGreaterEqual(first["ops"], 50000)
        self.assertGreater(first["metrics"]["churn1k_ns"], 0)

    def test_every_thread_does_the_work_it_was_given(self):
        for name, case in (("bench_pairs", "pair64"),
                           ("bench_churn", "churn1k")):
            program = os.path.join(self.build, "bench", name)
            done = {}
            for threads in (1, 4):
                line = bench_exec.run_program(
                    bench_exec.Allocator("glibc"), program,
                    ["--case", case, "--ops", "100000",
                     "--threads", str(threads)], [])
                done[threads] = line["ops"]
            self.assertGreaterEqual(done[1], 100000, name)
            self.assertEqual(done[4], 4 * done[1], name)

    def test_results_that_are_not_aligned_are_counted(self):
        library = os.path.join(self.build, "libcrooked.so")
        self.compile(library, CROOKED, "-shared", "-fPIC")
        program = os.path.join(self.build, "bench", "bench_aligned")
        for case in ("aligned_mixed", "aligned_line", "aligned_page"):
            shares = []
            for env in ({}, {"LD_PRELOAD": library}):
                done = subprocess.run(
                    [program, "--case", case, "--ops", "1"], check=True,
                    capture_output=True, text=True, env=env)
                metrics = json.loads(done.stdout)["metrics"]
                shares.append(metrics[f"{case}_crooked_pct"])
            self.assertEqual(shares[0], 0, case)
            self.assertAlmostEqual(shares[1], 50, delta=1, msg=case)

    def test_shared_cache_lines_are_seen_and_only_those(self):
        program = os.path.join(self.build, "bench", "bench_sharing")
        for apart, step, wanted in ((16, 64, 100), (1 << 20, 16, 0)):
            library = os.path.join(self.build, f"libplaced{apart}.so")
            self.compile(library, PLACED, "-shared", "-fPIC",
                         f"-DAPART={apart}", f"-DSTEP={step}")
            for case in ("active", "passive"):
                done = subprocess.run(
                    [program, "--case", case, "--ops", "1", "--threads", "2"],
                    check=True, capture_output=True, text=True,
                    env={"LD_PRELOAD": library})
                line = json.loads(done.stdout)
                share = line["metrics"][f"{case}_shared_pct"]
                self.assertEqual(share, wanted, case)
                self.assertGreater(line["metrics"][f"{case}_ns"], 0)

    def test_one_thread_alone_shares_no_cache_line(self):
        program = os.path.join(self.build, "bench", "bench_sharing")
        for case in ("active", "passive"):
            line = bench_exec.run_program(
                bench_exec.Allocator("glibc"), program,
                ["--case", case, "--ops", "1", "--threads", "1"], [])
            self.assertEqual(line["metrics"][f"{case}_shared_pct"], 0)

    def test_slow_calls_show_in_the_quantiles_of_their_rank(self):
        library = os.path.join(self.build, "libslow.so")
        self.compile(library, SLOW, "-shared", "-fPIC")
        program = os.path.join(self.build, "bench", "bench_latency")
        done = subprocess.run(
            [program, "--case", "latency_small", "--ops", "1", "--threads",
             "2", "--objects", "100"], check=True, capture_output=True,
            text=True, env={"LD_PRELOAD": library})
        line = json.loads(done.stdout)
        found = {key.removeprefix("latency_small_"): value
                 for key, value in line["metrics"].items()}
        self.assertEqual(line["ops"], 2 * 2 * 4096)
        self.assertGreater(found["malloc_p999_ns"], 2e6)
        self.assertGreater(found["malloc_max_ns"], 2e6)
        self.assertLess(found["malloc_p50_ns"], 1e6)
        self.assertLess(found["malloc_p99_ns"], 2e6)
        self.assertLess(found["free_p99_ns"], 2e6)
        self.assertGreater(found["timer_ns"], 0)
        self.assertGreaterEqual(found["timer_ns"], found["step_ns"] * 0.99)
        for what in ("malloc", "free"):
            quantiles = [found[f"{what}_{key}_ns"] for key in
                         ("p50", "p99", "p999", "p9999", "max")]
            self.assertEqual(quantiles, sorted(quantiles), what)

    def test_quantiles_are_those_of_the_sorted_values(self):
        program = os.path.join(self.build, "histogram_check")
        source = os.path.join(self.build, "histogram_check.c")
        with open(source, "w", encoding="utf-8") as file:
            file.write(QUANTILES)
        subprocess.run(
            [*self.compiler, *FLAGS, "-I", BENCH, "-o", program, source,
             os.path.join(self.build, "histogram.o"), "-lm"], check=True)
        rng = random.Random(1)
        for values in ([7], [2 ** 64 - 1, 1], list(range(200)),
                       [31, 32, 33, 63, 64, 65], [5] * 99 + [10 ** 12],
                       [int(2 ** rng.uniform(0, 63)) for _ in range(5000)]):
            done = subprocess.run(
                [program], input=" ".join(map(str, values)), check=True,
                capture_output=True, text=True)
            count, largest, *quantiles = map(int, done.stdout.split())
            self.assertEqual(count, len(values))
            self.assertEqual(largest, max(values))
            for share, found in zip((0.5, 0.99, 0.999, 0.9999, 1), quantiles):
                exact = sorted(values)[math.ceil(share * len(values)) - 1]
                self.assertGreaterEqual(found, exact, values[:9])
                self.assertLessEqual(found, exact + exact // 32)
            self.assertEqual(quantiles[-1], max(values))

    def test_bad_options_are_usage_errors(self):
        program = os.path.join(self.build, "bench", "bench_pairs")
        for args in (["--seconds", "-1"], ["--threads", "0"], ["--nope", "1"],
                     ["--ops"], ["--case", "none"], ["--seed", "1x"]):
            done = subprocess.run([program, *args], capture_output=True,
                                  check=False)
            self.assertEqual(done.returncode, 2, args)
            self.assertEqual(done.stdout, b"", args)

    def test_a_quick_run_prints_its_table_and_keeps_its_lines(self):
        docs = os.path.join(ROOT, "docs", "benchmarks.md")
        with open(docs, "rb") as file:
            before = file.read()
        done = self.runner("--allocators", "glibc", "pairs")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("| pair 64 B | ns | **", done.stdout)
        self.assertIn("mheap was not run", done.stdout)
        kept = glob.glob(os.path.join(self.build, "bench", "partial", "*"))
        self.assertEqual(len(kept), 1)
        first = run.read_lines(kept[0], "")[0]
        self.assertAlmostEqual(first["case_seconds"], 0.0015)
        again = self.runner("--from", kept[0])
        self.assertEqual(again.stdout, done.stdout)
        with open(docs, "rb") as file:
            self.assertEqual(file.read(), before)

    def test_a_library_without_malloc_stops_the_session(self):
        library = os.path.join(self.build, "libidle.so")
        self.compile(library, "int idle(void) { return 0; }\n",
                     "-shared", "-fPIC")
        done = self.runner("--with", f"idle={library}",
                           "--allocators", "glibc,idle", "pairs")
        self.assertEqual(done.returncode, 4, done.stderr)
        self.assertIn("malloc comes from", done.stderr)
        self.assertEqual(done.stdout, "")

    def test_a_file_that_is_no_library_stops_the_session(self):
        library = os.path.join(self.build, "libtext.so")
        with open(library, "w", encoding="utf-8") as file:
            file.write("not a library\n")
        done = self.runner("--with", f"text={library}",
                           "--allocators", "text", "pairs")
        self.assertEqual(done.returncode, 4, done.stderr)

    def test_public_programs_run_under_the_library_or_not_at_all(self):
        suite = os.path.join(self.build, "suite")
        os.mkdir(suite)
        source = ("#include <stdio.h>\nint main(void) {"
                  'puts("Throughput = 5000 operations per second");'
                  "return 0; }\n")
        self.compile(os.path.join(suite, "larson"), source)
        done = self.runner("--allocators", "glibc", "--suite", suite,
                           "larson2", "cfrac")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, r"\| larson2 \| ns \| \*\*[0-9]")
        self.assertIn("| cfrac | s | not run: give a path |", done.stdout)

        library = os.path.join(self.build, "libsuite.so")
        self.compile(library, "int idle(void) { return 0; }\n",
                     "-shared", "-fPIC")
        self.compile(os.path.join(suite, "larson"), source, "-static")
        done = self.runner("--with", f"other={library}", "--allocators",
                           "other", "--suite", suite, "larson2")
        self.assertEqual(done.returncode, 4, done.stderr)

    def test_a_program_that_dies_is_a_failure_and_not_a_number(self):
        suite = os.path.join(self.build, "dying")
        os.mkdir(suite)
        self.compile(os.path.join(suite, "cfrac"),
                     "#include <stdlib.h>\nint main(void) { abort(); }\n")
        done = self.runner("--allocators", "glibc", "--suite", suite, "cfrac")
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("| cfrac | s | failed |", done.stdout)
        self.assertIn("cfrac under glibc: signal 6", done.stdout)


if __name__ == "__main__":
    unittest.main()
