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


def section(title):
    """That part of the page on platforms."""
    page = (SOURCE / "docs" / "platforms.md").read_text()
    part = page[page.index(f"\n## {title}\n"):]
    return part[:part.index("\n## ", 1)]


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
        self.assertEqual(self.run_fuzz(lines), (3, []))

    def test_fewer_steps_than_asked_for_are_a_failure(self):
        passed, failures = self.run_fuzz(b"0 steps in 0 runs agree\n")
        self.assertEqual((passed, len(failures)), (0, 3))

    def test_a_fuzzer_that_stops_is_a_failure(self):
        self.assertEqual(self.run_fuzz(b"400000 steps agree\n", 1)[0], 0)


class Rows(unittest.TestCase):
    def test_a_missing_emulator_is_a_skip_that_says_so(self):
        row = platforms.Row("odd", emulator=("qemu-none",))
        result = platforms.run_row(row, ["backend"])
        self.assertEqual(result.how, "skipped: no qemu-none")
        self.assertTrue(result.failed())

    def test_only_a_row_that_must_run_fails_when_skipped(self):
        row = platforms.Row("odd", emulator=("qemu-none",), must=False)
        self.assertFalse(platforms.run_row(row, ["backend"]).failed())

    def test_what_was_not_made_ready_is_a_skip_that_says_how_to(self):
        row = platforms.Row("odd", "linux-none", ("qemu-none",))
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
        self.assertIn(" 7  ", platforms.table([result])[1])

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

    def goals(self, row, suites):
        command = self.built(row, suites)
        at = command.index("--target") if "--target" in command else None
        return command[at + 1:] if at else "all"

    def test_only_what_the_suites_asked_for_need_is_built(self):
        row = platforms.Row("odd", suites=platforms.USUAL, program="odd.py")
        for suites, goals in (
                (["backend"], ["tests_backend"]),
                (["backend", "fuzz"], ["tests_backend", "tests_fuzz"]),
                (["backend", "stress"], ["tests_backend"]),
                (["program"], ["mheap"])):
            self.assertEqual(self.goals(row, suites), goals)

    def test_heapctl_is_built_where_a_program_is_looked_at_with_it(self):
        row = platforms.Row("odd", tools=True, program="odd.py")
        self.assertEqual(self.goals(row, ["program"]), ["mheap", "heapctl"])
        self.assertEqual(self.goals(row, ["unit"]), ["tests_unit"])

    def test_a_row_that_runs_all_or_nothing_is_built_whole(self):
        row = platforms.Row("odd", suites=("backend", "unit"), tools=True)
        self.assertEqual(self.goals(row, platforms.SUITES), "all")
        row = platforms.Row("odd", suites=(), tools=True, drop_in=True)
        self.assertEqual(self.goals(row, ["backend"]), "all")

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
        part = section("The rows")
        told = re.findall(r"^\| (\S+/\S+|wasm32) \|", part, re.MULTILINE)
        self.assertEqual(sorted(told),
                         sorted(row.name for row in platforms.ROWS))


class Ci(unittest.TestCase):
    """What `./dev test` runs: --part ci."""

    def rows(self):
        return platforms.chosen([], "ci")

    def main(self, rows, *words):
        told = []
        with mock.patch.object(platforms, "ROWS", rows), \
                mock.patch.object(sys, "argv", ["platforms.py", *words]), \
                mock.patch("builtins.print",
                           lambda *text, **_: told.append(" ".join(text))):
            return platforms.main(), "\n".join(told)

    def test_each_kind_of_system_has_its_row(self):
        self.assertEqual(
            {row.name for row in self.rows()},
            {"linux/386", "linux/arm64", "linux/ppc64", "windows/amd64",
             "darwin/amd64", "darwin/arm64", "aix/ppc64", "aix/ppc"})

    def test_only_those_whose_compiler_may_be_out_of_reach_need_not_run(self):
        self.assertEqual({row.name for row in self.rows() if not row.must},
                         {"darwin/amd64", "darwin/arm64"})

    def test_the_page_on_platforms_says_which(self):
        told = re.findall(r"^\| (\S+/.*?) \|", section("What CI runs"),
                          re.MULTILINE)
        self.assertEqual(sorted(", ".join(told).split(", ")),
                         sorted(row.name for row in self.rows()))

    def test_of_a_row_the_suites_are_run_that_it_names(self):
        row = platforms.Row("odd", suites=("backend", "unit"),
                            ci=("backend",))
        self.assertEqual(platforms.asked_for(row, "ci", None), ["backend"])
        self.assertEqual(platforms.asked_for(row, "ci", ["unit"]), [])
        self.assertEqual(platforms.asked_for(row, "all", ["unit"]), ["unit"])

    def test_what_a_row_names_it_has(self):
        for row in self.rows():
            self.assertEqual(
                platforms.suites_of(row, platforms.asked_for(row, "ci", None)),
                [s for s in platforms.SUITES if s in row.ci])

    def test_a_row_that_must_run_and_does_not_fails_the_whole(self):
        rows = (platforms.Row("odd", emulator=("qemu-none",), ci=("unit",)),
                platforms.Row("even", ci=None))
        status, told = self.main(rows, "--part", "ci")
        self.assertEqual(status, 1)
        self.assertIn("odd: FAILED: must run, skipped: no qemu-none", told)
        self.assertNotIn("even", told)

    def test_a_row_that_may_be_skipped_says_why_and_fails_nothing(self):
        rows = (platforms.Row("odd", "linux-none", ci=(), must=False),)
        status, told = self.main(rows, "--part", "ci")
        self.assertEqual(status, 0)
        self.assertIn("odd: skipped: its compiler or Check is not", told)

    def test_a_failure_of_a_row_fails_the_whole_and_is_named(self):
        rows = (platforms.Row("odd", ci=("backend",)),)
        with mock.patch.object(platforms, "build"), \
                mock.patch.object(platforms, "run_suite", return_value=(
                    7, ["backend.os_contract: a_hint_is_honoured"])):
            status, told = self.main(rows, "--part", "ci")
        self.assertEqual(status, 1)
        self.assertIn("odd: FAILED backend.os_contract: a_hint_is_honoured",
                      told)

    def test_a_row_that_ci_has_not_is_not_asked_for_by_name(self):
        with self.assertRaises(SystemExit):
            self.main((platforms.Row("even"),), "--part", "ci", "even")


class Table(unittest.TestCase):
    def test_a_line_says_how_it_was_proved_and_how_many_passed(self):
        result = platforms.Result(platforms.Row("a/b", note="big"), "ran",
                                  {"backend": 29}, ["x: y"], 7)
        other = platforms.Result(platforms.Row("c"), "ran", {"unit": 3})
        head, line, last = platforms.table([result, other])
        self.assertEqual(head.split(),
                         ["platform", "how", "backend", "unit", "failed", "s"])
        self.assertEqual(line.split(),
                         ["a/b", "ran", "29", "-", "1", "7", "big"])
        self.assertEqual(last.split(), ["c", "ran", "-", "3", "0", "0"])


if __name__ == "__main__":
    unittest.main()
