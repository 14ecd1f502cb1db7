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

# Writes the file that it is told to, as cbmc does; without one it solves by
# itself.
CBMC = """
while [ $# -gt 0 ]; do
    [ "$1" = --outfile ] && echo "$formula" > "$2" && echo "$said" && exit 0
    [ "$1" = -DPROOF_REACHED ] && formula=reached
    shift
done
echo '[claim.1] line 7 it is so: FAILURE'
exit 10
"""
SAID = "Generated 9 VCC(s), 4 remaining after simplification"

# The last word is the file. What is reached is satisfied.
CADICAL = """
for file; do :; done
[ "$(cat "$file")" = reached ] && exit {reached}
exit {status}
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
        self.cbmc()
        self.cadical(20)

    def program(self, name, text):
        path = self.bin / name
        path.write_text("#!/bin/sh\n" + text)
        path.chmod(0o755)

    def cbmc(self, said=SAID):
        self.program("cbmc", f"formula=claims said='{said}'" + CBMC)

    def cadical(self, status, reached=10):
        self.program("cadical", CADICAL.format(status=status, reached=reached))

    def test_a_formula_that_nothing_satisfies_is_a_proof(self):
        self.assertEqual(prove.prove(PROOF, 10), (prove.HOLDS, []))

    def test_one_that_something_satisfies_is_broken_and_says_where(self):
        self.cadical(10)
        self.assertEqual(prove.prove(PROOF, 10), (
            prove.BROKEN, ["[claim.1] line 7 it is so: FAILURE"]))

    def test_one_whose_claims_take_too_long_to_name_is_broken_too(self):
        self.cadical(10)
        self.program("cbmc", f"formula=claims said='{SAID}'" +
                     CBMC.replace("exit 10", "exec sleep 30"))
        self.assertEqual(prove.prove(PROOF, 1)[0], prove.BROKEN)

    def test_a_proof_that_assumes_what_cannot_be_is_broken(self):
        self.cadical(20, reached=20)
        self.assertEqual(prove.prove(PROOF, 10),
                         (prove.BROKEN, ["what it assumes cannot be"]))

    def test_a_solver_that_does_not_know_is_no_answer(self):
        for status in (0, 1, 137):
            self.cadical(status)
            self.assertEqual(prove.prove(PROOF, 10)[0], prove.NO_ANSWER)
            self.cadical(20, reached=status)
            self.assertEqual(prove.prove(PROOF, 10)[0], prove.NO_ANSWER)

    def test_a_source_that_cbmc_cannot_read_is_no_answer(self):
        self.cbmc("CONVERSION ERROR")
        self.assertEqual(prove.prove(PROOF, 10),
                         (prove.NO_ANSWER, ["CONVERSION ERROR"]))

    def test_a_function_without_a_body_could_do_anything_and_is_no_answer(self):
        self.cbmc(f"{SAID}\n**** WARNING: no body for function f")
        self.assertEqual(prove.prove(PROOF, 10)[0], prove.NO_ANSWER)

    def test_what_holds_without_a_search_needs_no_solver(self):
        self.cadical(10)
        for said, verdict in (("9 VCC(s), 0 remaining", False),
                              ("0 VCC(s), 0 remaining", None)):
            self.cbmc(f"Generated {said}")
            self.assertIs(prove.solved(prove.checked(PROOF), 10)[0], verdict)

    def test_too_slow_is_no_answer(self):
        self.program("cbmc", "exec sleep 30")
        self.assertEqual(prove.prove(PROOF, 0.2),
                         (prove.NO_ANSWER, ["none in 0.2 s"]))

    def test_every_proof_of_the_tree_is_found_and_has_a_name_of_its_own(self):
        names = [proof.name for proof in prove.proofs()]
        self.assertIn("two_nodes_merged_say_what_their_pages_do", names)
        self.assertEqual(len(names), len(set(names)))
        # A line that was broken would hide its function.
        functions = sum(
            path.read_text().count("\nvoid ")
            for path in (SOURCE / "tests" / "proof").glob("*.c"))
        self.assertEqual(len(names), functions)
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
        self.cadical(10)
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
