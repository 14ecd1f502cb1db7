#!/usr/bin/env python3
"""platforms_test.py - the table of scripts/platforms.py says what happened.

No row is built here: the log of a ctest is read, and rows are run whose
emulator or test library is not there.
"""

import os
import pathlib
import re
import sys
import unittest
from unittest import mock

SOURCE = pathlib.Path(os.environ.get(
    "MHEAP_SOURCE_DIR", pathlib.Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(SOURCE / "scripts"))
import platforms  # noqa: E402  # the folder is known only now

LOG = """Start testing: Nov 27 19:24 UTC
----------------------------------------------------------
1/3 Testing: backend.good
1/3 Test: backend.good
Output:
----------------------------------------------------------
Running suite(s): good
100%: Checks: 23, Failures: 0, Errors: 0
<end of output>
Test Passed.
"backend.good" time elapsed: 00:00:07
----------------------------------------------------------

2/3 Testing: backend.bad
2/3 Test: backend.bad
Output:
----------------------------------------------------------
Running suite(s): bad
75%: Checks: 8, Failures: 1, Errors: 1
/src/tests/backend/bad_test.c:38:F:places:a_hint_is_honoured:0: Failure 'x'
/src/tests/backend/bad_test.c:61:E:running out:it_ends:3: (after this point) E
<end of output>
Test Failed.
----------------------------------------------------------

3/3 Testing: backend.killed
3/3 Test: backend.killed
Output:
----------------------------------------------------------
Running suite(s): killed
<end of output>
Test timeout computed to be: 300
----------------------------------------------------------
"""


class ReadLog(unittest.TestCase):
    def test_passed_checks_are_added_and_each_failure_is_named(self):
        passed, failures = platforms.read_log(LOG)
        self.assertEqual(passed, 23 + 6)
        self.assertEqual(failures, [
            "backend.bad: a_hint_is_honoured", "backend.bad: it_ends",
            "backend.killed: (the program)"])

    def test_an_empty_log_is_no_success(self):
        self.assertEqual(platforms.read_log(""), (0, []))
        row = platforms.Row("none", "linux-none")
        with mock.patch.object(platforms.subprocess, "run"):
            self.assertEqual(platforms.run_suite(row, "unit", ()),
                             (0, ["unit: nothing ran"]))


class Fuzz(unittest.TestCase):
    def run_fuzz(self, output, status=0):
        done = mock.Mock(stdout=output, returncode=status)
        with mock.patch.object(platforms.subprocess, "run", return_value=done):
            return platforms.run_fuzz(platforms.Row("odd"), ())

    def test_all_steps_of_all_systems_pass(self):
        lines = b"linux: 300000 steps agree\nwindows: 100000 steps agree\n"
        self.assertEqual(self.run_fuzz(lines), (2, []))

    def test_fewer_steps_than_asked_for_are_a_failure(self):
        passed, failures = self.run_fuzz(b"0 steps in 0 runs agree\n")
        self.assertEqual((passed, len(failures)), (0, 2))

    def test_a_fuzzer_that_stops_is_a_failure(self):
        self.assertEqual(self.run_fuzz(b"400000 steps agree\n", 1)[0], 0)


class Rows(unittest.TestCase):
    def test_a_missing_emulator_is_a_skip_that_says_so(self):
        row = platforms.Row("odd", "linux-arm64", ("qemu-none",))
        result = platforms.run_row(row, ["backend"])
        self.assertEqual(result.how, "skipped: no qemu-none")
        self.assertTrue(result.failed())

    def test_only_a_row_that_must_run_fails_when_skipped(self):
        row = platforms.Row("odd", "linux-arm64", ("qemu-none",), must=False)
        self.assertFalse(platforms.run_row(row, ["backend"]).failed())

    def test_without_a_test_library_the_word_that_builds_it_is_told(self):
        row = platforms.Row("odd", "linux-none")
        result = platforms.run_row(row, ["backend"])
        self.assertIn("./dev cross linux-none", result.how)

    def test_a_build_that_fails_is_a_failure(self):
        row = platforms.Row("odd")
        with mock.patch.object(platforms, "build",
                               side_effect=platforms.Broken("no such lock")):
            result = platforms.run_row(row, ["backend"])
        self.assertEqual(result.failures, ["no such lock"])
        self.assertTrue(result.failed())

    def test_a_row_runs_the_suites_it_has_and_no_others(self):
        row = platforms.Row("odd", suites=("backend",))
        with mock.patch.object(platforms, "build"), \
                mock.patch.object(platforms, "run_one",
                                  return_value=(7, [])) as run_one:
            result = platforms.run_row(row, ["backend", "unit"])
        self.assertEqual(result.checks, {"backend": 7})
        run_one.assert_called_once()

    def test_a_row_without_a_program_says_nothing_of_one(self):
        row = platforms.Row("odd", suites=("backend", "program"))
        with mock.patch.object(platforms, "build"), \
                mock.patch.object(platforms, "run_suite",
                                  return_value=(7, [])):
            result = platforms.run_row(row, platforms.SUITES)
        self.assertEqual(result.checks, {"backend": 7})
        self.assertIn(" 7  ", platforms.table([result], platforms.SUITES)[1])

    def test_a_row_is_told_when_it_is_done_and_its_failures_with_it(self):
        result = platforms.Result(platforms.Row("odd"), "ran", {"backend": 7},
                                  ["backend.bad: it_ends"], 3)
        with mock.patch("builtins.print") as told:
            platforms.tell(result)
        self.assertEqual([call[0][0] for call in told.call_args_list],
                         ["platforms: odd: ran, backend 7, 3 s",
                          "platforms: odd: FAILED backend.bad: it_ends"])

    def built(self, row, suites):
        with mock.patch.object(platforms, "logged") as logged, \
                mock.patch.object(platforms, "run_one", return_value=(1, [])):
            platforms.run_row(row, suites)
        return logged.call_args_list[1][0][0]

    def test_only_the_programs_of_the_suites_asked_for_are_built(self):
        row = platforms.Row("odd", suites=("backend", "unit", "fuzz"))
        command = self.built(row, ["backend", "fuzz", "program"])
        self.assertEqual(command[-3:],
                         ["--target", "tests_backend", "tests_fuzz"])
        self.assertNotIn("--target", self.built(row, platforms.SUITES))

    def test_a_row_with_more_than_tests_is_built_whole(self):
        for more in ({"tools": True}, {"drop_in": True}, {"suites": ()}):
            row = platforms.Row("odd", **more)
            self.assertNotIn("--target", self.built(row, ["backend"]))

    def test_what_is_not_linked_needs_no_test_library_and_is_compiled(self):
        row = platforms.Row("odd", "linux-none", suites=(), linked=False)
        with mock.patch.object(platforms, "logged") as logged:
            result = platforms.run_row(row, ["backend"])
        self.assertEqual(result.how, "compiled")
        self.assertIn("-DBUILD_TESTING=OFF", logged.call_args_list[0][0][0])

    def test_each_row_has_a_name_of_its_own_and_a_toolchain(self):
        names = [row.name for row in platforms.ROWS]
        self.assertEqual(len(names), len(set(names)))
        for row in platforms.ROWS:
            if row.target:
                self.assertTrue(platforms.toolchain(row.target).exists())

    def test_the_page_on_platforms_has_every_row(self):
        page = (SOURCE / "docs" / "platforms.md").read_text()
        part = page[page.index("\n## The rows"):]
        part = part[:part.index("\n## ", 1)]
        told = re.findall(r"^\| (\S+/\S+|wasm32) \|", part, re.MULTILINE)
        self.assertEqual(sorted(told),
                         sorted(row.name for row in platforms.ROWS))


class Table(unittest.TestCase):
    def test_a_line_says_how_it_was_proved_and_how_many_passed(self):
        result = platforms.Result(platforms.Row("a/b", note="big"), "ran",
                                  {"backend": 29}, ["x: y"], 7)
        head, line = platforms.table([result], ["backend", "unit"])
        self.assertEqual(head.split(),
                         ["platform", "how", "backend", "unit", "failed", "s"])
        self.assertEqual(line.split(),
                         ["a/b", "ran", "29", "-", "1", "7", "big"])


if __name__ == "__main__":
    unittest.main()
