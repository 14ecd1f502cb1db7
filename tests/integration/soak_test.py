#!/usr/bin/env python3
"""soak_test.py - scripts/soak.py reports growth and every wrong read.

The program and heapctl are small scripts here, put where a build has its own.
"""

import contextlib
import io
import json
import math
import os
import pathlib
import sys
import tempfile
import unittest
from unittest import mock

SOURCE = pathlib.Path(os.environ.get(
    "MHEAP_SOURCE_DIR", pathlib.Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(SOURCE / "scripts"))
import soak  # noqa: E402  # the folder is known only now

THREE_CYCLES = ("for i in 0 1 2; do sleep 0.3; echo cycle=$i live_kib=1000 "
                "resident_kib=$((2000 + i)); done")


def read(difference=0, findings=()):
    return json.dumps({
        "consistency": {"findings": len(findings),
                        "finding_list": list(findings)},
        "data": {"resident_bytes": 1000000, "difference_bytes": difference}})


class SoakTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.build = pathlib.Path(folder.name)
        (self.build / "bin").mkdir()
        (self.build / "lib").mkdir()
        self.script("soak", THREE_CYCLES)
        self.heapctl(read())

    def script(self, name, text):
        path = self.build / "bin" / name
        path.write_text("#!/bin/sh\n" + text)
        path.chmod(0o755)

    def heapctl(self, text, status=0):
        self.script("heapctl", f"cat <<'END'\n{text}\nEND\nexit {status}")

    def run_soak(self):
        """What is wrong, and the report."""
        out = io.StringIO()
        with mock.patch.object(soak, "READ_EVERY", 0.05), \
                contextlib.redirect_stdout(out):
            wrong = soak.run(self.build, 3 / 60, 1)
        return wrong, out.getvalue()

    def test_a_sound_run_is_reported(self):
        wrong, text = self.run_soak()
        self.assertEqual(wrong, [])
        self.assertIn("cycles        3 of 1 s", text)
        self.assertIn("2.00 x what lives", text)
        self.assertIn("growth        +179.87 +- inf % an hour", text)
        self.assertIn("0 wrong", text)

    def growth(self, *kib):
        return soak.growth_per_hour([{"resident_kib": k} for k in kib], 60)

    def test_growth_is_that_of_an_hour_without_the_first_cycle(self):
        growth, error = self.growth(9, 990, 1000, 1010)
        self.assertAlmostEqual(growth, 60.0)
        self.assertAlmostEqual(error, 0.0)
        self.assertAlmostEqual(self.growth(9, 1010, 1000, 990)[0], -60.0)

    def test_what_stays_as_it_is_does_not_grow(self):
        self.assertEqual(self.growth(1, 500, 500, 500), (0, 0))

    def test_the_error_is_what_lies_beside_the_line(self):
        # 990, 1010, 990, 1010: a line of 4 a step leaves 6 and 12 on its sides,
        # 320 in squares; sqrt(320 / 2 / 5) is 5.66 of 1000 a minute.
        growth, error = self.growth(9, 990, 1010, 990, 1010)
        self.assertAlmostEqual(growth, 24.0)
        self.assertAlmostEqual(error, 33.94, 2)

    def test_two_cycles_say_nothing_about_growth(self):
        self.assertEqual(self.growth(1, 500), (0, math.inf))

    def test_a_finding_is_wrong(self):
        self.heapctl(read(findings=["MH0302"]))
        wrong, _ = self.run_soak()
        self.assertIn("MH0302", wrong[0])

    def test_a_sum_that_is_off_is_wrong(self):
        self.heapctl(read(difference=-20000))
        wrong, text = self.run_soak()
        self.assertEqual(wrong, ["the sum is off by 2.00 %"])
        self.assertIn("off by 2.00 %", text)

    def test_a_sum_that_is_off_by_a_little_is_fine(self):
        self.heapctl(read(difference=9999))
        self.assertEqual(self.run_soak()[0], [])

    def test_a_reader_that_fails_is_wrong(self):
        self.heapctl("", status=4)
        wrong, _ = self.run_soak()
        self.assertIn("heapctl ended with 4", wrong[0])

    def test_a_program_that_fails_is_wrong(self):
        self.script("soak", THREE_CYCLES + "; exit 1")
        self.assertEqual(self.run_soak()[0], ["soak ended with 1"])

    def test_a_run_that_nobody_read_is_wrong(self):
        self.script("soak", "echo cycle=0 live_kib=1 resident_kib=1")
        with mock.patch.object(soak, "READ_EVERY", 60), \
                contextlib.redirect_stdout(io.StringIO()):
            wrong = soak.run(self.build, 1 / 60, 1)
        self.assertEqual(wrong, ["heapctl never came to read"])


if __name__ == "__main__":
    unittest.main()
