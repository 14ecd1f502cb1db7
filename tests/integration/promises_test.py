#!/usr/bin/env python3
"""promises_test.py - the table of scripts/promises.py judges what was measured.

The programs of the rows are small scripts here, put where a build has its own.
"""

import contextlib
import io
import os
import pathlib
import sys
import tempfile
import threading
import unittest
from unittest import mock

SOURCE = pathlib.Path(os.environ.get(
    "MHEAP_SOURCE_DIR", pathlib.Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(SOURCE / "scripts"))
import promises  # noqa: E402  # the folder is known only now


class PromisesTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.build = pathlib.Path(folder.name)
        (self.build / "bin").mkdir()

    def script(self, name, text, folder="bin"):
        path = self.build / folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("#!/bin/sh\n" + text)
        path.chmod(0o755)

    def machine(self, suite=None, quick=True):
        return promises.Machine(self.build, quick, suite)

    def result(self, name, suite=None, quick=True):
        promise, = (p for p in promises.PROMISES if p.name == name)
        return promises.measure(promise, self.machine(suite, quick))[0]

    def table(self, *rows, known=(), quick=False):
        """What run() prints of rows of (name, verdict), and what is wrong."""
        made = [promises.Promise(name, "what", "target",
                                 lambda _, v=verdict: promises.Result("it", v))
                for name, verdict in rows]
        out = io.StringIO()
        with mock.patch.object(promises, "OPEN", dict.fromkeys(known, "why")), \
                contextlib.redirect_stdout(out):
            wrong = promises.run(promises.Machine(self.build, quick, None),
                                 made)
        return out.getvalue(), wrong

    def test_a_target_that_is_met_passes(self):
        self.script("probe_api", "echo cases=10 differences=0")
        result = self.result("P17")
        self.assertEqual(result.verdict, promises.PASS)
        self.assertEqual(result.measured, "10 cases, 0 differences")

    def test_a_target_that_is_not_met_falls_short(self):
        self.script("probe_api", "echo cases=10 differences=1")
        self.assertEqual(self.result("P17").verdict, promises.SHORT)

    def test_one_size_below_the_bar_falls_short(self):
        line = "echo percent_48=99 percent_1k=99 percent_40k={} percent_3m=99"
        for percent, verdict in ((90, promises.PASS), (89, promises.SHORT)):
            self.script("probe_space", line.format(percent))
            self.assertEqual(self.result("P8").verdict, verdict)

    def test_a_family_that_corrupts_or_loses_memory_is_named(self):
        self.script("probe_faults", "echo got_mib=9 reused_percent=100 "
                    "corrupt=$(test $1 = madvise && echo 1 || echo 0)")
        result = self.result("P7b")
        self.assertEqual(result.verdict, promises.SHORT)
        self.assertIn("4 of 5", result.measured)
        self.assertIn("madvise", result.measured)

    def test_a_program_that_fails_falls_short_with_its_last_words(self):
        self.script("probe_api", "echo first >&2; echo last words >&2; exit 3")
        result = self.result("P17")
        self.assertEqual(result.verdict, promises.SHORT)
        self.assertEqual(result.measured,
                         "probe_api: ended with 3: last words")

    def test_a_program_that_is_not_there_falls_short(self):
        self.assertEqual(self.result("P17").verdict, promises.SHORT)

    def test_without_a_path_the_suite_counts_as_not_run(self):
        result = self.result("P5a")
        self.assertEqual(result.verdict, promises.NOT_RUN)
        self.assertIn("give a path", result.measured)

    def test_the_suite_passes_when_every_bad_free_is_stopped(self):
        self.script("double_free_small", "exit 1", "suite")
        self.script("invalid_free_small", "echo NOT_CAUGHT; kill -ABRT $$",
                    "suite")
        self.script("overflow", "echo NOT_CAUGHT", "suite")
        result = self.result("P5a", self.build / "suite")
        self.assertEqual(result.verdict, promises.PASS)
        self.assertEqual(result.measured, "double_free 1 of 1, "
                         "invalid_free 1 of 1, all 2 of 3")

    def test_one_bad_free_that_is_not_stopped_falls_short(self):
        self.script("double_free_small", "exit 1", "suite")
        self.script("double_free_large", "echo NOT_CAUGHT", "suite")
        self.script("invalid_free_small", "exit 1", "suite")
        self.assertEqual(self.result("P5a", self.build / "suite").verdict,
                         promises.SHORT)

    def test_an_empty_suite_falls_short(self):
        (self.build / "suite").mkdir()
        self.assertEqual(self.result("P5a", self.build / "suite").verdict,
                         promises.SHORT)

    def hardened_suite(self, caught):
        """A suite in which so many are stopped, in hardened mode alone."""
        for i in range(116):
            stop = "exit 1" if i < caught else "true"
            self.script(f"program_{i}", f"test $MHEAP_HARDENED = 1 && {stop}\n"
                        "echo NOT_CAUGHT", "suite")
        return self.result("P5b", self.build / "suite")

    def test_the_suite_is_run_in_hardened_mode_too(self):
        result = self.hardened_suite(105)
        self.assertEqual(result.verdict, promises.PASS)
        self.assertEqual(result.measured, "105 of 116")

    def test_one_less_than_the_bar_in_hardened_mode_falls_short(self):
        self.assertEqual(self.hardened_suite(104).verdict, promises.SHORT)

    def cost(self, times):
        """The row where runs without and with the mode take so long, in turn."""
        with mock.patch.object(promises, "churn",
                               side_effect=[(time, 0) for time in times]):
            return self.result("P5c", quick=False)

    def test_the_cost_of_hardening_is_the_ratio_of_the_best_runs(self):
        result = self.cost([2.0, 4.0, 1.0, 1.1, 3.0, 3.0, 2.0, 3.0, 2.0, 9.0])
        self.assertEqual(result.verdict, promises.PASS)
        self.assertIn("1.10 x", result.measured)
        result = self.cost([1.0, 1.2] * 5)
        self.assertEqual(result.verdict, promises.SHORT)

    def test_writes_into_freed_objects_meet_no_sampled_one(self):
        self.script("probe_smash", 'test "$MHEAP_GUARD_BYTES" = 0 && '
                    "echo smashes=5 overlaps=0")
        self.assertEqual(self.result("P4").verdict, promises.PASS)

    def found(self, uses, overflows):
        """The row where so many of 8,000 trials find each mistake."""
        self.script("probe_guards", f"echo uses={uses} overflows={overflows}",
                    "bin")
        return self.result("P6a")

    def test_samples_find_what_the_model_says_within_a_tenth(self):
        result = self.found(5056, 3148)
        self.assertEqual(result.verdict, promises.PASS)
        self.assertIn("use after free 0.632 (0.632)", result.measured)
        self.assertIn("overflow 0.394 (0.393)", result.measured)
        for wrong in ((4400, 3148), (5600, 3148), (5056, 2800), (5056, 3480)):
            self.assertEqual(self.found(*wrong).verdict, promises.SHORT)

    def sampling(self, plain, sampled):
        """The row where churning without and with samples takes so much."""
        with mock.patch.object(promises, "churn",
                               side_effect=[plain, sampled] * 7):
            return self.result("P6b", quick=False)

    def test_the_cost_of_samples_is_a_64th_of_what_as_many_more_take(self):
        result = self.sampling((1.0, 9000), (1.31, 9512))
        self.assertEqual(result.verdict, promises.PASS)
        self.assertIn("0.48 %, 512 KiB", result.measured)
        for wrong in ((1.34, 9000), (1.0, 9513)):
            self.assertEqual(self.sampling((1.0, 9000), wrong).verdict,
                             promises.SHORT)

    def test_a_quick_run_judges_no_time(self):
        with mock.patch.object(promises, "churn", side_effect=AssertionError):
            for name in ("P5c", "P6b"):
                self.assertEqual(self.result(name).verdict, promises.NOT_RUN)

    def proved(self, *verdicts, missing=(), quick=False):
        """The row where the proofs A, B and so on have these verdicts."""
        names = "ABC"[:len(verdicts)]
        with mock.patch.multiple(
                promises.prove, missing=lambda: list(missing),
                proofs=lambda: [promises.prove.Proof("x.c", n) for n in names],
                prove=lambda proof: (verdicts[names.index(proof.name)], [])):
            return self.result("P21b", quick=quick)

    def test_a_proof_that_does_not_hold_falls_short_by_name(self):
        holds, unknown = promises.prove.HOLDS, promises.prove.NO_ANSWER
        self.assertEqual(self.proved(holds, holds),
                         promises.Result("2 of 2 proofs", promises.PASS))
        self.assertEqual(self.proved(holds, unknown), promises.Result(
            "1 of 2 proofs; B: no answer", promises.NOT_RUN))
        result = self.proved(unknown, holds, promises.prove.BROKEN)
        self.assertEqual(result.verdict, promises.SHORT)
        self.assertIn("C: does NOT hold", result.measured)

    def test_proofs_are_not_run_without_their_programs_nor_in_a_hurry(self):
        result = self.proved(missing=["cbmc"])
        self.assertEqual(result, promises.Result(
            "not run: cbmc is not installed", promises.NOT_RUN))
        self.assertEqual(self.proved(quick=True).verdict, promises.NOT_RUN)

    def grown(self, growth):
        with mock.patch.object(promises, "soak_output",
                               return_value=f"growth   {growth} % an hour\n"):
            return self.result("P23", quick=False)

    def test_growth_is_judged_where_its_error_allows(self):
        for growth, verdict in (("-0.30 +- 0.10", promises.PASS),
                                ("+0.31 +- 0.10", promises.SHORT),
                                ("+0.02 +- 0.04", promises.NOT_RUN),
                                ("+0.15 +- 0.04", promises.NOT_RUN),
                                ("+0.00 +- inf", promises.NOT_RUN),
                                ("nothing", promises.SHORT)):
            self.assertEqual(self.grown(growth).verdict, verdict, growth)
        self.assertIn("-0.06 to +0.10 % an hour",
                      self.grown("+0.02 +- 0.04").measured)

    def rows_of(self, full):
        """The names of three rows as they come: the second takes long. In a
        full run it ends only when the third has begun, and the other way
        round."""
        begun, release = threading.Event(), threading.Event()

        def passes(wait=None, tell=None):
            def do(_):
                if tell:
                    tell.set()
                fine = not full or wait is None or wait.wait(10)
                return promises.judged(fine, "it")
            return do

        rows = (promises.Promise("A", "", "", passes(), timed=True),
                promises.Promise("B", "", "", passes(release, begun),
                                 beside=True),
                promises.Promise("C", "", "", passes(begun, release)))
        results = list(promises.measured(self.machine(None, not full), rows))
        self.assertEqual([result.verdict for _, result, _ in results[-2:]],
                         [promises.PASS] * 2)
        return [promise.name for promise, _, _ in results]

    def test_a_full_run_does_others_while_the_longest_goes_on(self):
        self.assertEqual(self.rows_of(full=True), ["A", "C", "B"])

    def test_a_quick_run_does_one_after_the_other(self):
        self.assertEqual(self.rows_of(full=False), ["A", "B", "C"])

    def test_what_takes_long_alone_is_done_too(self):
        row = promises.Promise("B", "", "", lambda _: promises.judged(True, ""),
                               beside=True)
        (promise, result, _), = promises.measured(self.machine(quick=False),
                                                  (row,))
        self.assertEqual((promise, result.verdict), (row, promises.PASS))

    def test_the_table_counts_every_row(self):
        text, wrong = self.table(("A", "pass"), ("B", "not run"), ("C", "pass"))
        self.assertEqual(wrong, [])
        self.assertIn("2 pass, 0 fall short, 1 not run", text)
        self.assertEqual(text.count("| it "), 3)

    def test_a_row_that_falls_short_unexpectedly_is_wrong(self):
        _, wrong = self.table(("A", "pass"), ("B", "short"))
        self.assertEqual(wrong, ["B: it"])

    def test_a_row_known_to_fall_short_is_named_below_the_table(self):
        text, wrong = self.table(("B", "short"), known=("B",))
        self.assertEqual(wrong, [])
        self.assertIn("known: B: why", text)

    def test_a_row_known_to_fall_short_that_passes_is_wrong(self):
        _, wrong = self.table(("B", "pass"), known=("B",))
        self.assertEqual(wrong, ["B passes: take it off OPEN"])
        _, wrong = self.table(("B", "pass"), known=("B",), quick=True)
        self.assertEqual(wrong, [])

    def test_an_unknown_row_is_refused(self):
        with self.assertRaises(SystemExit) as caught, \
                contextlib.redirect_stderr(io.StringIO()):
            promises.parse(["--build", str(self.build), "--only", "P99"])
        self.assertEqual(caught.exception.code, 2)

    def test_every_known_row_exists_and_names_are_unique(self):
        names = [promise.name for promise in promises.PROMISES]
        self.assertEqual(len(names), len(set(names)))
        self.assertLessEqual(set(promises.OPEN), set(names))


if __name__ == "__main__":
    unittest.main()
