#!/usr/bin/env python3
"""What the benchmark report claims: goals, where others win, what the checks
cost. The lines are made up; nothing is measured. Exits 0 or 1."""

import sys

sys.dont_write_bytecode = True

import json
import os
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from bench_fixture import everywhere, measured, section, session

import bench_bars
import bench_compare
import bench_goals
import bench_jobs
import bench_report
import run
from bench_lines import Report

PAIR = "bench_pairs pair16"
ALL_NAMES = ("mheap", "glibc", "mimalloc", "mimalloc-v3", "mheap-unchecked")


def render(lines):
    return bench_report.render(lines)


def pairs(allocators=("mheap", "glibc", "mimalloc"), **figures):
    """A report of one row; keywords name allocators with _ for -."""
    named = {name.replace("_", "-"): value for name, value in figures.items()}
    return render([session([PAIR], allocators),
                   *everywhere(PAIR, named, "pair16_ns")])


class WhereOthersWin(unittest.TestCase):
    def test_time_is_lost_above_five_percent(self):
        within = pairs(mheap=10.5, glibc=30, mimalloc=10)
        self.assertIn("Time: 0 of 1 rows", within)
        self.assertNotIn("others win |", within)
        above = pairs(mheap=10.6, glibc=30, mimalloc=10)
        self.assertIn("Time: 1 of 1 rows", above)
        line = "| pair 16 B (pairs) | ns | 10.6 | mimalloc | 10.0 | 1.06 | no |"
        self.assertIn(line, section(above, "Where others win"))

    def test_memory_is_lost_above_ten_percent(self):
        job = "bench_settle idle"
        for kib, lost in ((1099, 0), (1120, 1)):
            text = render([session([job]), *everywhere(
                job, {"mheap": kib, "glibc": 1000}, "idle_rss_kib")])
            self.assertIn(f"Memory: {lost} of 1 rows", text)
            self.assertIn("more than 10% above", text)

    def test_every_row_is_in_the_table_and_losses_are_marked(self):
        won = section(pairs(mheap=[4, 5, 6], glibc=7, mimalloc=[10, 10]),
                      "The best of the others")
        self.assertIn("| pair 16 B (pairs) | ns | 5.00 (4.00, 40%) | glibc | "
                      "7.00 | 0.71 |", won)
        lost = section(pairs(mheap=10, glibc=7, mimalloc=30),
                       "The best of the others")
        self.assertIn("| glibc | 7.00 | **1.43** others win |", lost)

    def test_the_library_without_checks_is_no_rival(self):
        text = pairs(ALL_NAMES, mheap=10, glibc=30, mheap_unchecked=5)
        self.assertIn("Time: 0 of 1 rows", text)
        self.assertIn("| glibc | 30.0 | 0.33 |",
                      section(text, "The best of the others"))
        self.assertIn("| ns | **10.0** | 30.0 |", text)

    def test_overlapping_ranges_are_said_to_overlap(self):
        text = pairs(mheap=[12, 9, 13], glibc=30, mimalloc=[10, 11, 9])
        self.assertIn("| 1.20 | yes |", text)
        text = pairs(mheap=[12, 12, 13], glibc=30, mimalloc=[10, 11, 9])
        self.assertIn("| 1.20 | no |", text)

    def test_the_worst_comes_first(self):
        other = "bench_pairs pair64"
        lines = [session([PAIR, other]),
                 *everywhere(PAIR, {"mheap": 2, "glibc": 1}, "pair16_ns"),
                 *everywhere(other, {"mheap": 3, "glibc": 1}, "pair64_ns")]
        text = section(render(lines), "Where others win")
        self.assertLess(text.index("pair 64 B"), text.index("pair 16 B"))

    def test_a_row_that_failed_once_has_no_figure(self):
        lines = [session([PAIR]),
                 *everywhere(PAIR, {"mheap": 1, "glibc": 5}, "pair16_ns"),
                 {"kind": "failure", "job": PAIR, "allocator": "mheap",
                  "rep": 1, "what": "signal 11"}]
        text = render(lines)
        self.assertIn("| pair 16 B | ns | failed |", text)
        self.assertIn("Nothing to compare.", text)
        self.assertIn("Time: 0 of 0 rows", text)


class WhatTheChecksCost(unittest.TestCase):
    def test_ratios_and_means_are_of_checked_to_unchecked(self):
        other, calloc = "bench_pairs pair64", "bench_calloc calloc"
        lines = [session([PAIR, other, calloc], ALL_NAMES)]
        for job, key, checked in ((PAIR, "pair16_ns", 20),
                                  (other, "pair64_ns", 12.8),
                                  (calloc, "calloc_ns", 10)):
            lines += everywhere(job, {"mheap": checked, "mheap-unchecked": 10},
                                key)
        text = section(render(lines), "What the checks cost")
        self.assertIn("| pairs | 2 | 1.600 |", text)
        self.assertIn("| calloc | 1 | 1.000 |", text)
        self.assertIn("| 3 | **1.368** |", text)
        self.assertIn("| pair 16 B | ns | 20.0 | 10.0 | 2.000 |", text)
        self.assertIn("bar for the mean over all is 1.03", text)

    def test_memory_and_counts_have_no_part_in_the_mean(self):
        idle, count = "bench_settle idle", "instructions pair16"
        lines = [session([PAIR, idle, count], ALL_NAMES)]
        for job, key, checked in ((PAIR, "pair16_ns", 11),
                                  (idle, "idle_rss_kib", 90),
                                  (count, "instructions", 70)):
            lines += everywhere(job, {"mheap": checked, "mheap-unchecked": 10},
                                key)
        report = Report(lines)
        found = bench_compare.checks_rows(report)
        self.assertAlmostEqual(bench_compare.checks_mean(found), 1.1)
        text = section(render(lines), "What the checks cost")
        self.assertIn("| instructions | 1 | 7.000 |", text)
        self.assertNotIn("small object", text)

    def test_without_that_build_it_is_said_to_be_unknown(self):
        text = pairs(mheap=10, glibc=9)
        self.assertIn("Not shown: mheap-unchecked was not run.", text)


def goal(text):
    return next(g for g in bench_goals.GOALS if g.text == text)


def bar(lines, text):
    """The cells of one line of the table of bars."""
    found = [line for line in bench_bars.bars_table(Report(lines))
             if line.startswith(f"| {text} |")]
    assert len(found) == 1, found
    return [cell.strip() for cell in found[0].strip("|").split("|")]


def goal_lines(goal_text, figures, names=ALL_NAMES, leave_out=0):
    """A run of every row of a goal, the same under each allocator."""
    wanted = [(job, measure) for job in bench_jobs.ALL
              for measure in job.all_measures()
              if bench_bars.belongs(goal(goal_text), measure)]
    jobs = sorted({job.name for job in bench_jobs.ALL})
    lines = [session(jobs, names)]
    for job, measure in wanted[leave_out:]:
        for name, value in figures.items():
            lines.append(measured(job.name, name, {measure.key: value},
                                  peak=value, cpu=value))
    return lines


class Bars(unittest.TestCase):
    LARGE = "large objects and calloc"

    def test_every_goal_is_about_rows_that_exist(self):
        for item in bench_goals.GOALS:
            if item.kind != "checks":
                self.assertGreater(bench_bars.count_of(item), 0, item.text)
            if item.rows:
                self.assertEqual(bench_bars.count_of(item), len(item.rows),
                                 item.text)
        families = {measure.family for job in bench_jobs.ALL
                    for measure in job.all_measures()}
        for item in bench_goals.GOALS:
            self.assertLessEqual(set(item.families), families)

    def test_a_limit_is_met_up_to_itself(self):
        for mine, said in ((70, "met"), (71, "not met")):
            lines = goal_lines(self.LARGE, {"mheap": mine, "mimalloc-v3": 100})
            cells = bar(lines, self.LARGE)
            self.assertEqual(cells[1:3], ["mimalloc-v3", "<= 0.70"])
            self.assertEqual(cells[3:], [f"0.{mine}", said])

    def test_rows_that_are_missing_are_counted(self):
        lines = goal_lines(self.LARGE, {"mheap": 5, "mimalloc-v3": 10},
                           leave_out=1)
        self.assertEqual(bar(lines, self.LARGE)[3:],
                         ["0.50", "met, on 3 of 4 rows"])

    def test_what_was_not_given_is_asked_for(self):
        few = ("mheap", "mimalloc")
        lines = [session([job.name for job in bench_jobs.ALL], few)]
        lines += everywhere(PAIR, {"mheap": 1, "mimalloc": 1}, "pair16_ns")
        for text, words in (
                ("programs, 1 thread",
                 "give --with mimalloc-v3=PATH --suite PATH"),
                (self.LARGE, "give --with mimalloc-v3=PATH"),
                ("what the checks cost", "give --with mheap-unchecked=PATH"),
                ("a process with one small object", "its rows were not run")):
            self.assertEqual(bar(lines, text)[3:], ["-", f"not shown: {words}"])
        lines[0]["allocators"] = ALL_NAMES
        self.assertEqual(bar(lines, "programs, 1 thread")[4],
                         "not shown: give --suite PATH")

    def test_a_failed_row_is_not_met_however_good_the_others_are(self):
        lines = goal_lines(self.LARGE, {"mheap": 1, "mimalloc-v3": 10})
        lines.append({"kind": "failure", "job": "bench_calloc calloc",
                      "allocator": "mheap", "rep": 0, "what": "exit 4"})
        self.assertEqual(bar(lines, self.LARGE)[4],
                         "not met: 1 of its rows failed")

    def test_growth_is_the_time_of_one_row_and_not_its_memory(self):
        lines = [session(["bench_realloc grow"], ALL_NAMES)]
        lines.append(measured("bench_realloc grow", "mheap", {"grow_ns": 7},
                              peak=100))
        lines.append(measured("bench_realloc grow", "mimalloc-v3",
                              {"grow_ns": 100}, peak=1))
        self.assertEqual(bar(lines, "growth by realloc")[3:], ["0.07", "met"])

    def test_a_small_process_is_judged_by_its_own_size(self):
        for kib, said in ((2048, "met"), (2080, "not met")):
            lines = [session(["bench_settle idle"]), *everywhere(
                "bench_settle idle", {"mheap": kib}, "idle_rss_kib")]
            cells = bar(lines, "a process with one small object")
            self.assertEqual(cells[2], "<= 2.00 MiB")
            self.assertEqual(cells[3:], [f"{kib / 1024:.2f} MiB", said])

    def own_figure(self, text, *lines):
        """What a bar says of a session: limit, figure, verdict."""
        jobs = sorted({line["job"] for line in lines})
        return bar([session(jobs, ALL_NAMES), *lines], text)[2:]

    def test_a_server_is_judged_by_what_it_was_before(self):
        job, text = "redis-server after FLUSHALL", \
            "redis-server 2 s after FLUSHALL, of its start"
        for after, said in ((12000, "met"), (12200, "not met")):
            self.assertEqual(
                self.own_figure(text, measured(job, "mheap", {
                    "start_kib": 10000, "full_kib": 90000,
                    "after_kib": after})),
                ["<= 1.20 x", f"{after / 10000:.2f} x", said])

    def test_all_that_was_freed_goes_but_eight_megabytes(self):
        for kib, said in ((8e6 / 1024, "met"), (8e6 / 1024 + 10, "not met")):
            self.assertEqual(
                self.own_figure(
                    "256 MB all freed, 2 s later, above the start",
                    measured("bench_settle all", "mheap", {
                        "all_start_kib": 4000, "all_settled_kib": 4000 + kib,
                        "all_live_kib": 0})),
                ["<= 8.00 MB", f"{kib * 1024 / 1e6:.2f} MB", said])

    def test_what_stays_beside_survivors_is_judged_by_them(self):
        for settled, said in ((4000, "met"), (6000, "not met")):
            self.assertEqual(
                self.own_figure(
                    "256 MB, 90 % freed, 2 s later, of what is in use",
                    measured("bench_settle tenth", "mheap", {
                        "tenth_start_kib": 1000, "tenth_live_kib": 2000,
                        "tenth_settled_kib": settled})),
                ["<= 2.00 x", f"{settled / 2000:.2f} x", said])

    def test_the_scavenger_is_judged_by_its_worse_half(self):
        def run_of(case, cpu_ms):
            return measured(f"bench_settle {case}", "mheap",
                            {f"{case}_idle_cpu_ms": cpu_ms})
        text = "scavenger, CPU in those 2 s (1 % of one)"
        for every, most, said in ((20, 5, "met"), (5, 21, "not met"),
                                  (21, 5, "not met")):
            self.assertEqual(
                self.own_figure(text, run_of("all", every),
                                run_of("tenth", most)),
                ["<= 20.0 ms", f"{max(every, most)}.0 ms", said])
        self.assertEqual(self.own_figure(text, run_of("all", 5))[2],
                         "met, on 1 of 2 rows")

    def test_shared_locks_are_judged_in_every_row_that_counts_them(self):
        text = "shared locks, 1 in 64 operations"
        lines = goal_lines(text, {"mheap": 3})
        self.assertEqual(bar(lines, text)[2:],
                         ["<= 15.6 in 1,000", "3.00 in 1,000", "met"])
        self.assertGreater(len(lines), 25)
        for at in (1, 9, len(lines) - 1):
            one = json.loads(json.dumps(lines))
            metrics = one[at]["result"]["metrics"]
            metrics.update(dict.fromkeys(metrics, 15.7))
            self.assertEqual(bar(one, text)[3:], ["15.7 in 1,000", "not met"])

    def test_a_parked_thread_has_a_bar(self):
        for kib, said in ((12, "met"), (12.1, "not met")):
            self.assertEqual(
                self.own_figure("parked thread", measured(
                    "bench_threads parked", "mheap",
                    {"parked_thread_kib": kib})),
                ["<= 12.0 KiB", f"{kib:.1f} KiB", said])

    def test_what_is_shown_and_not_judged_has_no_part_in_a_mean(self):
        for item in bench_goals.GOALS:
            for job in bench_jobs.ALL:
                for measure in job.all_measures():
                    if item.kind != "figure" and not measure.judged:
                        self.assertFalse(bench_bars.belongs(item, measure))

    def test_the_cost_of_the_checks_has_a_bar(self):
        for checked, said in ((1.02, "met"), (1.04, "not met")):
            lines = [session([PAIR], ALL_NAMES), *everywhere(
                PAIR, {"mheap": checked, "mheap-unchecked": 1}, "pair16_ns")]
            figure, words = bar(lines, "what the checks cost")[3:]
            self.assertEqual(figure, f"{checked:.3f}")
            self.assertRegex(words, f"^{said}, on 1 of [0-9]+ rows$")

    def test_the_bars_are_to_the_same_rival_whatever_the_reference(self):
        lines = goal_lines(self.LARGE, {"mheap": 5, "mimalloc-v3": 10,
                                        "mimalloc": 1})
        self.assertEqual(lines[0]["reference"], "mimalloc")
        self.assertEqual(bar(lines, self.LARGE)[3], "0.50")


class Locks(unittest.TestCase):
    CHURN = "bench_churn churn20k x4"

    def lines(self, counts, allocator="mheap"):
        lines = [session([PAIR, self.CHURN])]
        for job, waited in counts:
            line = measured(job, allocator, {})
            line["result"].update(lock_waits=waited, ops=4000000)
            lines.append(line)
        return lines

    def test_sleeps_are_shown_for_a_run_and_for_a_million_operations(self):
        lines = self.lines([(PAIR, 0), (self.CHURN, 10), (self.CHURN, 30),
                            (self.CHURN, 20)])
        text = section(render(lines), "Locks")
        self.assertIn("1 of 2 cases", text)
        self.assertIn(f"| {self.CHURN} | 20.0 (10.0, 100%) | 5.00 |", text)
        self.assertNotIn(f"| {PAIR} |", text)

    def test_only_the_counts_of_mheap_are_shown(self):
        for allocator, said in (("mheap", "1 of 1 cases"),
                                ("mimalloc", "Not shown"),
                                ("mheap-unchecked", "Not shown")):
            lines = self.lines([(PAIR, 3)], allocator)
            lines[0]["allocators"] = ALL_NAMES
            self.assertIn(said, section(render(lines), "Locks"))


class FromLines(unittest.TestCase):
    def lines_file(self, lines):
        file = tempfile.NamedTemporaryFile("w", suffix=".jsonl", delete=False)
        self.addCleanup(os.unlink, file.name)
        with file:
            file.writelines(json.dumps(line) + "\n" for line in lines)
        return file.name

    def test_another_reference_can_be_asked_for_afterwards(self):
        path = self.lines_file([session([PAIR]), *everywhere(
            PAIR, {"mheap": 5, "glibc": 20, "mimalloc": 10}, "pair16_ns")])
        self.assertIn("Ratios to mimalloc", render(run.read_lines(path, "")))
        text = render(run.read_lines(path, "glibc"))
        self.assertIn("Ratios to glibc", text)
        self.assertIn("| pair 16 B | **0.25** | 1.00 | 0.50 |", text)

    def test_lines_written_before_there_were_other_rows_still_tell(self):
        folder = os.path.join(os.path.dirname(bench_report.__file__),
                              "results")
        found = [os.path.join(folder, name) for name in os.listdir(folder)
                 if name.endswith(".jsonl")]
        self.assertGreater(len(found), 0)
        for path in found:
            text = render(run.read_lines(path, ""))
            for title in ("Bars", "Time", "Memory", "Real programs",
                          "What the checks cost"):
                self.assertGreater(len(section(text, title)), 10, title)

    def test_why_a_row_was_not_run_is_in_its_place(self):
        lines = [session(["z3", "instructions pair16"]),
                 {"kind": "skipped", "job": "z3",
                  "what": "not run: install z3"},
                 {"kind": "skipped", "job": "instructions pair16",
                  "allocator": "mimalloc", "what": "not run under valgrind"},
                 {"kind": "run", "job": "instructions pair16",
                  "allocator": "mheap", "rep": 0,
                  "result": {"metrics": {"instructions": 68}}}]
        text = render(lines)
        self.assertIn("| z3 | s | not run: install z3 |  |  |", text)
        self.assertIn("| **68.0** | - | "
                      "not run under valgrind |", text)


if __name__ == "__main__":
    unittest.main()
