#!/usr/bin/env python3
"""prove_test.py - scripts/prove.py believes cbmc and cadical, and nothing else.

Both are small scripts here: most machines have neither.
"""

import contextlib
import io
import os
import pathlib
import sys
import tempfile
import unittest
from unittest import mock

SOURCE = pathlib.Path(os.environ.get(
    "MHEAP_SOURCE_DIR", pathlib.Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(SOURCE / "scripts"))
import prove  # noqa: E402  # the folder is known only now

# Writes the file that it is told to, as cbmc does, and says nothing.
WRITES_A_FORMULA = """
while [ $# -gt 0 ]; do
    [ "$1" = --outfile ] && echo 'p cnf 0 0' > "$2" && exit 0
    shift
done
echo '[claim.1] line 7 it is so: FAILURE'
echo 'VERIFICATION FAILED'
exit 10
"""

PROOF = prove.Proof("sums.c", "it_is_so")


class ProveTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.bin = pathlib.Path(folder.name)
        patched = mock.patch.dict(os.environ,
                                  PATH=f"{self.bin}:/usr/bin:/bin")
        patched.start()
        self.addCleanup(patched.stop)
        self.program("cbmc", WRITES_A_FORMULA)
        self.program("cadical", "exit 20")

    def program(self, name, text):
        path = self.bin / name
        path.write_text("#!/bin/sh\n" + text)
        path.chmod(0o755)

    def test_a_formula_that_nothing_satisfies_is_a_proof(self):
        self.assertEqual(prove.prove(PROOF, 10), (prove.HOLDS, []))

    def test_one_that_something_satisfies_is_broken_and_says_where(self):
        self.program("cadical", "exit 10")
        self.assertEqual(prove.prove(PROOF, 10), (
            prove.BROKEN, ["[claim.1] line 7 it is so: FAILURE"]))

    def test_a_solver_that_does_not_know_is_no_answer(self):
        for status in (0, 1, 137):
            self.program("cadical", f"exit {status}")
            self.assertEqual(prove.prove(PROOF, 10)[0], prove.NO_ANSWER)

    def test_a_source_that_cbmc_cannot_read_is_no_answer(self):
        self.program("cbmc", "echo 'CONVERSION ERROR'; exit 6")
        self.assertEqual(prove.prove(PROOF, 10),
                         (prove.NO_ANSWER, ["CONVERSION ERROR"]))

    def test_what_holds_without_a_search_needs_no_formula(self):
        self.program("cbmc", "echo 'VERIFICATION SUCCESSFUL'")
        self.program("cadical", "exit 1")
        self.assertEqual(prove.prove(PROOF, 10), (prove.HOLDS, []))

    def test_too_slow_is_no_answer(self):
        self.program("cadical", "exec sleep 30")
        self.assertEqual(prove.prove(PROOF, 0.2), (prove.NO_ANSWER, []))

    def test_every_proof_of_the_tree_is_found_and_has_a_name_of_its_own(self):
        names = [proof.name for proof in prove.proofs()]
        self.assertIn("two_nodes_merged_say_what_their_pages_do", names)
        self.assertEqual(len(names), len(set(names)))
        self.assertLessEqual(set(prove.WORDS) | set(prove.OPTIONS), set(names))

    def test_a_proof_of_fewer_words_tells_cbmc_so(self):
        words = prove.command(prove.Proof(
            "sums.c", "the_longest_run_is_as_long_as_it_says"))
        self.assertIn("-DPROOF_WORDS=2", words)
        self.assertEqual(words[words.index("--unwind") + 1], "3")

    def run_it(self, *arguments):
        out = io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
            try:
                status = prove.main(arguments)
            except SystemExit as why:
                status = why.code
        return status, out.getvalue()

    def test_one_that_does_not_hold_is_the_exit_status(self):
        name = "inside_is_what_lies_between_set_bits"
        self.assertEqual(self.run_it("--only", name)[0], 0)
        self.program("cadical", "exit 10")
        status, text = self.run_it("--only", name)
        self.assertEqual(status, 1)
        self.assertIn("0 of 1 proofs hold", text)

    def test_without_cbmc_it_says_so(self):
        with mock.patch.object(prove.shutil, "which", return_value=None):
            status, text = self.run_it()
        self.assertEqual(status, prove.EXIT_MISSING)
        self.assertIn("prove: cbmc: not installed", text)

    def test_an_unknown_proof_is_refused(self):
        self.assertEqual(self.run_it("--only", "nothing")[0], 2)


if __name__ == "__main__":
    unittest.main()
