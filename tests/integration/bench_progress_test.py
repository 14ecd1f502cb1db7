#!/usr/bin/env python3
"""What the benchmark runner says of the time it takes, before and during a
session. The clock is made up; nothing is measured. Exits 0 or 1."""

import sys

sys.dont_write_bytecode = True

import argparse
import io
import os
import unittest
from unittest import mock

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import bench_fixture  # noqa: F401  (finds bench/)
import bench_jobs
import bench_progress
import bench_session
from bench_allocators import Allocator
from bench_rows import Job

LONG = Job("bench_x", "long", (), seconds=60 - bench_progress.OURS)
SETTLING = Job("bench_x", "settling", (), {"wait": 2}, seconds=0)


class Terminal(io.StringIO):
    def isatty(self):
        return True


class Watched(unittest.TestCase):
    """A session of one long job, twenty minutes under each of two."""

    def setUp(self):
        self.now = 1000.0

    def begin(self, out, jobs=(LONG,), scale=1, reps=20, allocators=2):
        self.out = out
        return bench_progress.Progress(jobs, scale, reps, allocators, out,
                                       lambda: self.now)

    def said(self):
        text = self.out.getvalue()
        self.out.truncate(0)
        self.out.seek(0)
        return text


class BeforeTheStart(Watched):
    def takes(self, **changes):
        self.begin(io.StringIO(), **changes)
        text = self.said()
        self.assertTrue(text.startswith("bench: this takes about "), text)
        return text.split("about ")[1].rstrip("\n")

    def test_the_estimate_grows_with_runs_and_lengths(self):
        self.assertEqual(self.takes(), "40 minutes")
        self.assertEqual(self.takes(reps=10), "20 minutes")
        self.assertEqual(self.takes(allocators=9), "180 minutes")
        self.assertEqual(self.takes(scale=0.5, reps=2, allocators=1), "60 s")
        self.assertEqual(self.takes(jobs=()), "0 s")

    def test_a_wait_is_no_shorter_on_another_scale_and_taken_three_times(self):
        for scale in (0.1, 1):
            self.assertEqual(
                self.takes(jobs=(SETTLING,), scale=scale, allocators=10),
                f"{30 * (2 + bench_progress.OURS):.0f} s")

    def test_a_full_run_of_nine_allocators_takes_about_an_hour(self):
        words = self.takes(jobs=bench_jobs.ALL, reps=7, allocators=9)
        self.assertRegex(words, "^(5[5-9]|6[0-3]) minutes$")

    def test_every_kind_of_job_has_a_cost_of_its_own(self):
        def cost(name):
            return bench_progress.expected(
                next(job for job in bench_jobs.ALL if job.name == name), 1)
        costs = [cost(name) for name in (
            "bench_pairs pair16", "bench_larson larson x2", "cfrac", "z3",
            "redis-server after FLUSHALL", "instructions pair16",
            "bench_settle all")]
        self.assertEqual(len(set(costs)), len(costs))
        self.assertGreater(cost("redis-server after FLUSHALL"), 4)
        self.assertGreater(cost("bench_settle all"), 2)


class Meanwhile(Watched):
    def test_a_file_gets_a_line_every_three_minutes(self):
        progress = self.begin(io.StringIO())
        self.said()
        lines = []
        for _ in range(20):  # each takes the two minutes that are expected
            progress.show("a job")
            lines.append(self.said())
            self.now += 120
            progress.add(LONG)
        kept = [line for line in lines if line]
        self.assertEqual(len(kept), 9)
        self.assertEqual(lines[2], "bench: a job, 4 minutes passed, about 36 "
                                   "minutes to go\n")
        self.assertEqual(lines[3], "")
        progress.end()
        self.assertEqual(self.said(), "")

    def test_what_is_left_follows_the_pace(self):
        progress = self.begin(io.StringIO())
        self.said()
        self.now += 200  # nothing is done yet: the guess stands
        progress.show("a job")
        self.assertIn("about 40 minutes to go", self.said())
        progress.add(LONG)
        self.now += 280  # four times as slow as expected
        progress.show("another")
        self.assertEqual(self.said(), "bench: another, 8 minutes passed, "
                                      "about 152 minutes to go\n")

    def test_a_terminal_gets_one_line_that_is_overwritten(self):
        progress = self.begin(Terminal())
        self.said()
        for name in ("a job", "b" * 200):
            progress.show(name)
            text = self.said()
            self.assertRegex(text, "^\r[^\r\n]{70}\r$")
            self.assertIn(name[:70], text)
        progress.show("a job")
        self.assertIn("a job, about 40 minutes to go", self.said())
        progress.end()
        self.assertEqual(self.said().strip(), "")


class InASession(Watched):
    def test_jobs_that_cannot_be_run_take_no_time(self):
        def plan(job, _context):
            return "not run" if job is SETTLING else \
                lambda allocator, rep: {"metrics": {}}
        names = {"build": "", "suite": "", "seed": 1, "scale": 1.0,
                 "reps": 2, "reference": "", "count": True}
        both = [Allocator("glibc"), Allocator("mheap", "x")]
        made = bench_session.Session(argparse.Namespace(**names), both,
                                     {a.name: a for a in both},
                                     (LONG, SETTLING))
        seen = []
        made_by = bench_progress.Progress

        def watched(*args):
            seen.append(made_by(*args))
            return seen[0]
        err = io.StringIO()
        with mock.patch.object(bench_jobs, "plan", plan), \
                mock.patch.object(bench_progress, "Progress", watched), \
                mock.patch.object(sys, "stderr", err):
            made.run()
        self.assertEqual(err.getvalue(), "bench: this takes about "
                                         "4 minutes\n")
        self.assertEqual(seen[0].done, seen[0].total)
        self.assertEqual(seen[0].done, 4 * 60)


if __name__ == "__main__":
    unittest.main()
