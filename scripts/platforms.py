#!/usr/bin/env python3
"""platforms.py - the tests of the library on other platforms, row by row.

    platforms.py [--part all|ci] [--only SUITE]... [NAME...]

NAME is a row of ROWS; without one, all rows of the part. A row builds the
library and its tests with the toolchain file of its target, runs them natively
or under its emulator, and ends as a line of the table that is printed last:
how it was proved, how many checks passed, and the name of each that did not.
The part `ci` is the suites of each row that CI has time for.

A row that cannot run says why. One that must run fails then.

`./dev test --platform NAME|all` installs what the rows need and calls this.
"""

import argparse
import contextlib
import dataclasses
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
SUITES = ("backend", "unit", "fuzz", "stress", "program")
USUAL = ("backend", "unit", "fuzz", "program")

# Over the simulator a program does the same on any kernel. The whole of it runs
# on each word size, byte order and page size that differ; where only compiler
# and kernel do, the fuzzers stand for the unit tests, and a row that runs the
# very same binaries with other pages or addresses has the backend alone.
PORT = ("backend", "fuzz")
VARIANT = ("backend",)

# Plain loops take two to four times as long under an emulator, and what an
# allocator does twenty to forty times: each test has this much more time, and
# the fuzzers make this many of their steps.
PATIENCE = 10
FUZZ_STEPS = {"native": 400_000, "emulated": 20_000}

# A row: its name, its target (a file of cmake/toolchains; None: this machine),
# the emulator that runs it, whether it must run, what of it CI runs.
# "native" as the emulator: nothing, where the kernel runs such programs. What
# nothing runs is built, tests and all, and that is its result; of what is not
# even linked there are objects only, which the row's script looks at.


@dataclasses.dataclass(frozen=True)
class Row:
    name: str
    target: str = None
    emulator: tuple = ()
    instead: tuple = ()  # where the kernel refuses such programs
    must: bool = True
    ci: tuple = None  # the suites that CI runs; None: CI has no such row
    note: str = ""
    suites: tuple = USUAL
    runs: bool = True
    tools: bool = False  # heapctl is built too
    drop_in: bool = False  # and the drop-in
    linked: bool = True
    program: str = ""  # a script that tries a whole program, given the build
    probe: bool = False  # the emulator may run no programs of the target


# The simulator is not built for Darwin, nor the fuzzers, which need it. Its rows
# may be skipped: the compiler comes from a registry that not everybody reaches.
DARWIN_MODEL = str(ROOT / "build/cross/darwin-amd64/bin/darwin_model")


def darwin(name, *options, note, **more):
    return Row(name, "darwin-amd64", (DARWIN_MODEL, *options), must=False,
               suites=("backend", "stress", "program"), tools=True,
               drop_in=True, note=note,
               program="" if options else "tests/integration/darwin_live.py",
               **more)


ROWS = (
    Row("linux/amd64"),
    Row("linux/amd64-musl", "linux-musl"),
    Row("linux/386", "linux-386", instead=("qemu-i386",), ci=VARIANT,
        program="tests/integration/linux_386_live.py"),
    Row("linux/arm64", "linux-arm64", ("qemu-aarch64",), ci=VARIANT),
    Row("linux/armhf", "linux-armhf", ("qemu-arm",), suites=PORT),
    Row("linux/riscv64", "linux-riscv64", ("qemu-riscv64",), suites=PORT),
    Row("linux/riscv64-39bit", "linux-riscv64",
        ("qemu-riscv64", "-R", "0x4000000000"), suites=VARIANT,
        note="addresses end at 1 << 38"),
    Row("linux/ppc64", "linux-ppc64", ("qemu-ppc64",), ci=VARIANT,
        note="big-endian"),
    Row("linux/ppc64-64k", "linux-ppc64", ("qemu-ppc64", "-p", "65536"),
        note="big-endian, pages of 64 KiB"),
    Row("linux/arm64-16k", "linux-arm64", ("qemu-aarch64", "-p", "16384"),
        suites=VARIANT, note="pages of 16 KiB"),
    Row("linux/arm64-no-hints", "linux-arm64",
        ("qemu-aarch64", "-R", "0x2000000000"), suites=VARIANT,
        note="every hint is refused: addresses end at 1 << 37"),
    Row("linux/ppc64le", "linux-ppc64le", ("qemu-ppc64le",), suites=PORT),
    Row("linux/s390x", "linux-s390x", ("qemu-s390x",), note="big-endian"),
    Row("linux/mipsel", "linux-mipsel", ("qemu-mipsel",), suites=PORT,
        note="31 bits of address"),
    Row("linux/mips64el", "linux-mips64el", ("qemu-mips64el",), suites=PORT),
    Row("windows/amd64", "windows-amd64", ("wine",), ci=VARIANT,
        note="one process for each test", tools=True,
        program="tests/integration/windows_live.py"),
    Row("windows/386", "windows-386", ("wine",), must=False, probe=True,
        note="needs a wine with its 32-bit part"),
    darwin("darwin/amd64", ci=("backend", "program"), note="over a model"),
    darwin("darwin/amd64-16k", "--page", "16384",
           note="over a model, pages of 16 KiB"),
    darwin("darwin/amd64-translated", "--kernel-page", "16384",
           note="over a model, the kernel's pages are larger"),
    darwin("darwin/amd64-refused", "--no-reusable", "--keys-apart",
           note="over a model that refuses what can be refused"),
    Row("darwin/arm64", "darwin-arm64", ci=(), must=False, suites=(),
        runs=False, tools=True, drop_in=True, note="nothing runs it"),
    Row("wasm32", "wasm32",
        ("node", "--no-warnings", "--no-turbo-fast-api-calls",
         f"{ROOT}/tests/support/wasm/run.mjs"), suites=PORT,
        note="one thread; memory that only grows"),
    Row("aix/ppc64-model", "aix-model", ("qemu-ppc64",), suites=VARIANT,
        note="the backend over a model of AIX, big-endian"),
    Row("aix/ppc64", "aix-ppc64", ci=("program",), suites=("program",),
        linked=False, program="tests/aix/objects.py", note="nothing runs it"),
    Row("aix/ppc", "aix-ppc", ci=("program",), suites=("program",),
        linked=False, program="tests/aix/objects.py", note="nothing runs it"),
)


class Skip(Exception):
    """Why a row cannot run."""


class Broken(Exception):
    """What kept a row from being tested: a build that failed."""


@dataclasses.dataclass
class Result:
    row: Row
    how: str = ""
    checks: dict = dataclasses.field(default_factory=dict)
    failures: list = dataclasses.field(default_factory=list)
    seconds: int = 0

    def failed(self):
        skipped = self.how.startswith("skipped")
        return bool(self.failures) or (skipped and self.row.must)


def runs_here(target, emulator=()):
    """Does the kernel, or the emulator, run programs of the target?"""
    compiler = re.search(r"mheap_compiler (\S+)\)", toolchain(target).read_text())
    with tempfile.TemporaryDirectory() as folder:
        source = pathlib.Path(folder, "one.c")
        source.write_text("int main(void) { return 42; }\n")
        program = pathlib.Path(folder, "one")
        subprocess.run([compiler[1], "-static", source, "-o", program],
                       check=True)
        if not program.exists():
            program = program.with_suffix(".exe")
        try:
            done = subprocess.run([*emulator, program], check=False,
                                  stdin=subprocess.DEVNULL,
                                  stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL)
            return done.returncode == 42
        except OSError:
            return False


def toolchain(target):
    return ROOT / "cmake" / "toolchains" / f"{target}.cmake"


def be_ready(row):
    """Is there what `./dev cross` brings? Check is the last of it."""
    lib = ROOT / "build" / "cross" / (row.target or "") / "lib"
    if row.target and row.linked and not (lib / "pkgconfig/check.pc").exists():
        raise Skip("its compiler or Check is not there; "
                   f"./dev cross {row.target} says why")


def emulator_of(row):
    """What has to stand before a program of the row."""
    command = row.emulator
    if row.instead and not runs_here(row.target):
        command = row.instead
    if command and shutil.which(command[0]) is None:
        raise Skip(f"no {command[0]}")
    return command


def tree_of(row):
    return ROOT / "build" / "cross" / f"tree-{row.target or 'native'}"


def logged(command, log):
    with open(log, "w", encoding="utf-8") as file:
        status = subprocess.run(command, cwd=ROOT, stdout=file,
                                stderr=subprocess.STDOUT,
                                stdin=subprocess.DEVNULL, check=False)
    if status.returncode != 0:
        tail = pathlib.Path(log).read_text(errors="replace").splitlines()[-30:]
        print("\n".join(tail), file=sys.stderr)
        raise Broken(f"{command[0]} failed; all of it: {log}")


def suites_of(row, suites):
    """Which of the suites the row has; without a script, no program."""
    return [s for s in suites if s in row.suites
            and (s != "program" or row.program)]


def asked_for(row, part, only):
    """The suites that the command line asks of the row."""
    return [s for s in SUITES if (not only or s in only)
            and (part == "all" or s in row.ci)]


def goals(row, suites):
    """What of the build is needed where only some of the row's suites run."""
    wanted = suites_of(row, suites)
    if wanted in ([], suites_of(row, SUITES)):
        return []
    targets = [f"tests_{suite}" for suite in wanted if suite != "program"]
    if "program" in wanted:
        targets += ["mheap", "heapctl"] if row.tools else ["mheap"]
    return ["--target", *targets]


def build(row, suites, emulator):
    """Rows of one target share a build: only what runs it differs."""
    tree = tree_of(row)
    tree.mkdir(parents=True, exist_ok=True)
    command = ["cmake", "-S", ".", "-B", str(tree), "-G", "Ninja",
               "-DCMAKE_BUILD_TYPE=RelWithDebInfo", "-DMHEAP_DEBUG_LEVEL=1",
               "-DMHEAP_WERROR=ON",
               f"-DBUILD_TESTING={'ON' if row.linked else 'OFF'}",
               f"-DMHEAP_BUILD_TOOLS={'ON' if row.tools else 'OFF'}",
               f"-DMHEAP_OVERRIDE={'ON' if row.drop_in else 'OFF'}",
               "-DMHEAP_TEST_PROGRAMS=OFF"]
    if row.target:
        command += [f"-DCMAKE_TOOLCHAIN_FILE={toolchain(row.target)}",
                    f"-DMHEAP_EMULATOR={';'.join(emulator)}"]
    logged(command, tree / "configure.log")
    logged(["cmake", "--build", str(tree), "-j", str(os.cpu_count() or 2),
            *goals(row, suites)], tree / "build.log")


SUMMARY = re.compile(r"^\d+%: Checks: (\d+), Failures: (\d+), Errors: (\d+)",
                     re.MULTILINE)
FAILURE = re.compile(r"^\S+:\d+:[FE]:[^:]*:([a-z0-9_]+):", re.MULTILINE)


def read_log(text):
    """(checks passed, names of failures) of what ctest wrote down."""
    passed, failures = 0, []
    for part in re.split(r"\n\d+/\d+ Testing: ", text)[1:]:
        program = part.split("\n", 1)[0].strip()
        for checks, failed, errors in SUMMARY.findall(part):
            passed += int(checks) - int(failed) - int(errors)
        if "Test Passed." in part:
            continue
        names = sorted(set(FAILURE.findall(part))) or ["(the program)"]
        failures += [f"{program}: {name}" for name in names]
    return passed, failures


def run_suite(row, suite, emulator):
    tree = tree_of(row)
    environment = dict(os.environ)
    slower = PATIENCE if emulator else 1
    environment["CK_TIMEOUT_MULTIPLIER"] = str(slower)
    subprocess.run(
        ["ctest", "--test-dir", str(tree), "-L", f"^{suite}$",
         "-LE", "personality", "-j", str(os.cpu_count() or 2),
         "--timeout", str(300 * slower), "--no-tests=error"],
        env=environment, stdin=subprocess.DEVNULL, check=False,
        stdout=subprocess.DEVNULL)
    log = tree / "Testing" / "Temporary" / "LastTest.log"
    text = log.read_text(errors="replace") if log.exists() else ""
    passed, failures = read_log(text)
    if passed == 0 and not failures:
        failures = [f"{suite}: nothing ran"]
    return passed, failures


def steps_made(output):
    """What the lines of a fuzzer say: one for each system it simulated."""
    return sum(int(n) for n in re.findall(rb"(\d+) steps", output))


def run_fuzz(row, emulator):
    """As many steps of each fuzzer, from one seed, as the row has time for."""
    passed, failures = 0, []
    steps = FUZZ_STEPS["emulated" if emulator else "native"]
    for name in ("heap_ops_fuzz", "os_layer_fuzz", "palloc_fuzz"):
        program = tree_of(row) / "bin" / name
        if not program.exists():
            program = program.with_suffix(".exe")
        try:
            done = subprocess.run(
                [*emulator, program, "--steps", str(steps), "--seed", "1"],
                stdin=subprocess.DEVNULL, capture_output=True, check=False,
                timeout=900)
            good = done.returncode == 0 and steps_made(done.stdout) == steps
        except (subprocess.TimeoutExpired, OSError):
            good = False
        passed += good
        failures += [] if good else [f"fuzz: {name} --steps {steps} --seed 1"]
    return passed, failures


def run_program(row):
    """A whole program on the library, and heapctl looking into it."""
    log = tree_of(row) / "program.log"
    with open(log, "w", encoding="utf-8") as file:
        done = subprocess.run([sys.executable, ROOT / row.program,
                               str(tree_of(row))], stdout=file,
                              stderr=subprocess.STDOUT, check=False,
                              stdin=subprocess.DEVNULL, timeout=900)
    text = log.read_text(errors="replace")
    failed = [f"program: {line}" for line in re.findall(
        r"^\w+: (.*): FAILED$", text, re.MULTILINE)]
    if done.returncode != 0 and not failed:
        failed = [f"program: {row.program}; all of it: {log}"]
    return len(re.findall(r": ok$", text, re.MULTILINE)), failed


@contextlib.contextmanager
def world_of(row, emulator):
    """What an emulator needs around its programs. wine has services, which
    start with the first program, would keep its output open, and end after the
    last; they get a folder of their own."""
    if not emulator or emulator[0] != "wine":
        yield
        return
    os.environ.update(WINEPREFIX=str(tree_of(row) / "wine"), WINEDEBUG="-all",
                      DISPLAY="", WINEDLLOVERRIDES="mscoree=;mshtml=")
    quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL,
             "stderr": subprocess.DEVNULL, "check": False}
    subprocess.run(["wineboot", "-i"], **quiet)
    subprocess.run(["wineserver", "-p"], **quiet)
    subprocess.run(["wine", "cmd", "/c", "exit"], **quiet)
    try:
        yield
    finally:
        subprocess.run(["wineserver", "-k"], **quiet)


def run_one(row, suite, emulator):
    if suite == "fuzz":
        return run_fuzz(row, emulator)
    if suite == "program":
        return run_program(row)
    return run_suite(row, suite, emulator)


def how(row, emulator):
    if emulator:
        return f"ran, {pathlib.Path(emulator[0]).name}"
    if not row.linked:
        return "compiled"
    return "ran" if row.runs else "compiled, linked"


def run_row(row, suites):
    result = Result(row)
    start = time.monotonic()
    try:
        be_ready(row)
        emulator = emulator_of(row)
        build(row, suites, emulator)
        result.how = how(row, emulator)
        with world_of(row, emulator):
            if row.probe and not runs_here(row.target, emulator):
                raise Skip(f"built and linked, but {emulator[0]} here runs "
                           "none of its programs")
            for suite in suites_of(row, suites):
                passed, failures = run_one(row, suite, emulator)
                result.checks[suite] = passed
                result.failures += failures
    except Skip as why:
        result.how = f"skipped: {why}"
    except Broken as why:
        result.how = "not built"
        result.failures.append(str(why))
    result.seconds = round(time.monotonic() - start)
    return result


def table(results):
    """The rows as lines, widest cell first; a column for each suite run."""
    suites = [s for s in SUITES if any(s in r.checks for r in results)]
    head = ["platform", "how", *suites, "failed", "s", ""]
    lines = [head] + [
        [r.row.name, r.how, *(str(r.checks.get(s, "-")) for s in suites),
         str(len(r.failures)), str(r.seconds), r.row.note] for r in results]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(line, widths))
            .rstrip() for line in lines]


def tell(result):
    """What a row came to, at once: the rest may not come to be run."""
    checks = ", ".join(f"{s} {n}" for s, n in result.checks.items())
    print(f"platforms: {result.row.name}: {result.how}"
          + (f", {checks}" if checks else "") + f", {result.seconds} s",
          flush=True)
    for failure in result.failures:
        print(f"platforms: {result.row.name}: FAILED {failure}", flush=True)
    if result.failed() and not result.failures:
        print(f"platforms: {result.row.name}: FAILED: must run, {result.how}",
              flush=True)


def chosen(names, part):
    rows = [r for r in ROWS if part == "all" or r.ci is not None]
    if names and names != ["all"]:
        known = {r.name for r in rows}
        unknown = [n for n in names if n not in known]
        if unknown:
            sys.exit(f"platforms: no row '{unknown[0]}'; they are:\n  "
                     + "\n  ".join(sorted(known)))
        rows = [r for r in rows if r.name in names]
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--part", choices=("all", "ci"), default="all")
    parser.add_argument("--only", choices=SUITES, action="append")
    parser.add_argument("--targets", action="store_true",
                        help="print the targets of the rows, nothing else")
    parser.add_argument("names", nargs="*", metavar="NAME")
    options = parser.parse_args()

    rows = chosen(options.names, options.part)
    if options.targets:
        print("\n".join(dict.fromkeys(r.target for r in rows if r.target)))
        return 0
    results = []
    for row in rows:
        suites = asked_for(row, options.part, options.only)
        results.append(run_row(row, suites))
        tell(results[-1])
    print("\n".join(table(results)))
    for result in [r for r in results if r.failed()]:
        tell(result)
    return 1 if any(r.failed() for r in results) else 0


if __name__ == "__main__":
    sys.exit(main())
