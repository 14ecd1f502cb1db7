#!/usr/bin/env python3
"""prove.py - what holds for every input, shown by cbmc and cadical.

    prove.py [--only NAME]... [--seconds N] [--list]

A proof is a function of tests/proof/*.c: it says what it assumes, calls the
code of core/ as it stands, and says what holds then. cbmc turns both into a
formula that is satisfied by values that break it, by accesses out of bounds, by
shifts that are too large and by signed overflow; cadical shows that there are
none. A second formula shows that what is assumed can be so at all.

Prints a line for each proof: holds, does NOT hold (and what of it), or no
answer; each step may take --seconds (900). Exit status: 0 when all hold, 1 when
one does not or has no answer, 3 when one of the two programs is missing.
"""

import argparse
import dataclasses
import math
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
FOLDER = ROOT / "tests" / "proof"

EXIT_MISSING = 3

HOLDS, BROKEN, NO_ANSWER = "holds", "does NOT hold", "no answer"

SECONDS = 900

UNSATISFIABLE, SATISFIABLE = 20, 10  # what a solver's exit status says

CHECKS = ("--unwinding-assertions", "--bounds-check", "--pointer-check",
          "--div-by-zero-check", "--undefined-shift-check",
          "--signed-overflow-check")

# Formulas that are too large for whole chunks of eight words, and how many they
# take instead (tests/proof/bitmap.h).
WORDS = {
    "find_aligned_finds_the_lowest_run_at_a_multiple": 3,
    "find_finds_the_lowest_run_of_up_to_a_word": 3,
    "find_finds_the_lowest_run_of_over_a_word": 2,
    "start_and_end_are_the_free_pages_at_either_side": 3,
    "the_longest_run_is_as_long_as_it_says": 2,
    "two_nodes_merged_say_what_their_pages_do": 2,
}

# How often a loop that is not one over words goes round, and once more; that it
# never does so oftener is proved with the rest.
LOOPS = {
    "bits.c": ("pair_starts.0:8", "find_long.0:6",
               "mh_palloc_bits_longest.0:5"),
    "sums.c": ("has_run.0:8", "word_has_run.0:7"),
}

# More than those of CHECKS.
OPTIONS = {
    "merging_three_nodes_overflows_nothing":
        ("--unsigned-overflow-check",),
}


@dataclasses.dataclass(frozen=True)
class Proof:
    source: str
    name: str


def proofs(folder=FOLDER):
    """The functions without arguments, in order."""
    return [Proof(path.name, name) for path in sorted(folder.glob("*.c"))
            for name in re.findall(r"^void (\w+)\(void\) \{$",
                                   path.read_text(), re.MULTILINE)]


def command(proof, *more):
    words = WORDS.get(proof.name, 8)
    loops = LOOPS.get(proof.source, ())
    return ["cbmc", "-I", str(ROOT), "-DMH_DEBUG_LEVEL=1",
            *([f"-DPROOF_WORDS={words}"] if proof.name in WORDS else []),
            str(FOLDER / proof.source), "--function", proof.name,
            "--unwind", str(words + 1),
            *(["--unwindset", ",".join(loops)] if loops else []), *more]


def checked(proof):
    return command(proof, *CHECKS, *OPTIONS.get(proof.name, ()))


def solved(words, seconds):
    """Whether something satisfies the formula of a cbmc command, or None; and
    what was said last where that is not known."""
    with tempfile.TemporaryDirectory() as folder:
        formula = pathlib.Path(folder) / "formula.cnf"
        done = subprocess.run([*words, "--dimacs", "--outfile", formula],
                              capture_output=True, text=True, timeout=seconds,
                              check=False)
        counted = re.search(r"Generated (\d+) VCC\(s\), (\d+) remaining",
                            done.stdout)
        if counted is None or "no body for function" in done.stdout:
            return None, last_line(done)
        if counted[2] == "0":  # decided without a search, or nothing claimed
            return (False, []) if counted[1] != "0" else (None, ["no claim"])
        answer = subprocess.run(
            ["cadical", "-q", "-n", "-t", str(math.ceil(seconds)), formula],
            capture_output=True, text=True, timeout=seconds + 10, check=False)
    known = {UNSATISFIABLE: False, SATISFIABLE: True}.get(answer.returncode)
    return known, [] if known is not None else last_line(answer)


def broken_claims(proof, seconds):
    """cbmc solves it once more, by itself, to name them."""
    try:
        done = subprocess.run(checked(proof), capture_output=True, text=True,
                              timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        return ["which claim it is takes cbmc too long"]
    return [line for line in done.stdout.splitlines()
            if line.endswith(": FAILURE")]


def last_line(done):
    return (done.stdout + done.stderr).strip().splitlines()[-1:]


def prove(proof, seconds=SECONDS):
    """The verdict, and what was found wrong."""
    try:
        broken, why = solved(checked(proof), seconds)
        if broken is None:
            return NO_ANSWER, why
        if broken:
            return BROKEN, broken_claims(proof, seconds)
        reached, why = solved(command(proof, "-DPROOF_REACHED"), seconds)
    except subprocess.TimeoutExpired:
        return NO_ANSWER, [f"none in {seconds} s"]
    if reached is None:
        return NO_ANSWER, why
    return (HOLDS, []) if reached else (BROKEN, ["what it assumes cannot be"])


def missing():
    return [name for name in ("cbmc", "cadical") if shutil.which(name) is None]


def run(chosen, seconds):
    """Proves them one by one, with a line for each; how many hold."""
    held = 0
    for proof in chosen:
        start = time.monotonic()
        found, wrong = prove(proof, seconds)
        held += found == HOLDS
        print(f"{found:13}  {time.monotonic() - start:5.0f} s  {proof.name}",
              flush=True)
        for line in wrong:
            print(f"    {line}")
    print(f"\n{held} of {len(chosen)} proofs hold")
    return held


def main(arguments):
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--only", action="append", default=[], metavar="NAME")
    parser.add_argument("--seconds", type=int, default=SECONDS,
                        help="for each step of a proof")
    parser.add_argument("--list", action="store_true")
    options = parser.parse_args(arguments)
    every = proofs()
    names = {proof.name for proof in every}
    for name in options.only:
        if name not in names:
            parser.error(f"no proof {name}: see --list")
    chosen = [p for p in every if not options.only or p.name in options.only]
    if options.list:
        print("\n".join(f"{p.source:12} {p.name}" for p in chosen))
        return 0
    if missing():
        print(f"prove: {missing()[0]}: not installed (Debian 11 has cbmc "
              "5.12, Debian 12 none)", file=sys.stderr)
        return EXIT_MISSING
    return 0 if run(chosen, options.seconds) == len(chosen) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
