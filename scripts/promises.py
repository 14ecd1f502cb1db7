#!/usr/bin/env python3
"""promises.py - what mheap promises, each promise as a number.

    promises.py --build DIR [--quick] [--suite DIR] [--only P7]...

Runs a program for each row and prints one table: promise, target, measured,
and whether that is a pass. docs/promises.md says what each row means.

    pass        measured, and the target is met
    short       measured or known, and the target is not met
    not run     needs something that is not there, or more time; counts as not
                proved

Exit status: 0 when no row falls short but those of OPEN, which are known to; 1
otherwise, also when a row of OPEN passes by now: then it has to leave the list.

`./dev promises` builds what this needs and calls it.
"""

import argparse
import concurrent.futures
import dataclasses
import math
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

import prove

ROOT = pathlib.Path(__file__).resolve().parent.parent

PASS, SHORT, NOT_RUN = "pass", "short", "not run"

# Rows that are known to fall short, and why.
OPEN = {
    "P5c": "each call goes the slow way, and large objects are mapped anew",
    "P14b": "objects do not move: 3.5 x is what 4 KiB pages allow",
    "P18": "C and POSIX let no handler allocate",
    "P26": "the core has grown beyond it",
}


class Failed(Exception):
    """A program that did not come to its end."""


@dataclasses.dataclass(frozen=True)
class Result:
    measured: str
    verdict: str


def judged(fine, measured):
    return Result(measured, PASS if fine else SHORT)


def in_test(names):
    """A row that is suites of ctest, in a quick run."""
    return Result(f"./dev test runs them: {names}", NOT_RUN)


class Machine:
    """Where programs lie and how they are run."""

    def __init__(self, build, quick, suite):
        self.build = build.resolve()
        self.quick = quick
        self.suite = suite

    def scale(self, full, quick):
        return quick if self.quick else full

    def preloaded(self, hardened=False):
        """The environment of a program that runs on the drop-in."""
        return dict(os.environ, MHEAP_HARDENED=str(int(hardened)),
                    LD_PRELOAD=str(self.build / "lib" / "libmheap_malloc.so"))

    def run(self, words, preload=False, limit=7200, environment=None):
        """The output of a program that must end with 0."""
        if environment is None and preload:
            environment = self.preloaded()
        words = [str(word) for word in words]
        try:
            done = subprocess.run(words, env=environment, text=True,
                                  capture_output=True, timeout=limit,
                                  check=False)
        except subprocess.TimeoutExpired:
            raise Failed(f"{pathlib.Path(words[0]).name}: "
                         f"not done after {limit} s") from None
        except OSError as why:
            raise Failed(f"{words[0]}: {why.strerror}") from None
        if done.returncode != 0:
            last = (done.stderr.strip().splitlines() or ["no message"])[-1]
            raise Failed(f"{pathlib.Path(words[0]).name}: "
                         f"ended with {done.returncode}: {last}")
        return done.stdout

    def program(self, name, *arguments, **how):
        return self.run([self.build / "bin" / name, *arguments], **how)

    def probe(self, name, *arguments, **how):
        """The NAME=VALUE words that a probe prints."""
        text = self.program(f"probe_{name}", *arguments, preload=True, **how)
        return {name: float(value) for name, value in
                re.findall(r"(\w+)=(-?[\d.]+)", text)}

    def ctest(self, pattern):
        """How many tests of a pattern passed, of how many."""
        done = subprocess.run(
            ["ctest", "--test-dir", self.build, "-R", pattern, "-j2",
             "--no-tests=error"], text=True, capture_output=True,
            stdin=subprocess.DEVNULL, check=False)
        found = re.search(r"(\d+) tests failed out of (\d+)", done.stdout)
        if found is None:
            raise Failed(f"ctest -R {pattern} did not come to its end")
        failed, total = map(int, found.groups())
        return total - failed, total


def number(n):
    return f"{int(n):,}"


# ---- the rows ----------------------------------------------------------------


def bad_frees(m):
    n = m.scale(1_000_000, 50_000)
    m.program("bad_free_run", "--bad", n, "--seed", 1)
    return judged(True, f"{number(n)} of {number(n)} caught")


def good_frees(m):
    n = m.scale(1_000_000_000, 10_000_000)
    m.program("good_free_run", "--operations", n)
    return judged(True, f"{number(n)} operations, 0 alarms")


def sized_frees(m):
    n = m.scale(1_000_000, 100_000)
    text = m.program("sized_free_run", n)
    wrong, caught, alarms = map(int, re.findall(r"=(\d+)", text))
    return judged(caught == wrong and alarms == 0,
                  f"{number(caught)} of {number(wrong)} caught, "
                  f"{alarms} false alarms")


def cost_of_checks(_):
    return Result("./dev bench measures it: docs/benchmarks.md", NOT_RUN)


def smashes(m):
    # What is written into a freed object that was sampled traps, as it should.
    got = m.probe("smash", m.scale(1_000_000, 100_000),
                  environment=dict(m.preloaded(), MHEAP_GUARD_BYTES="0"))
    return judged(got["overlaps"] == 0,
                  f"{number(got['smashes'])} smashes, "
                  f"{number(got['overlaps'])} overlaps, 0 crashes")


def is_caught(m, program, hardened):
    """A program of the suite says NOT_CAUGHT when nothing stopped it; one that
    is stopped by a signal later was caught late. Some write a GiB."""
    try:
        done = subprocess.run([program], env=m.preloaded(hardened),
                              capture_output=True, timeout=60, check=False)
    except subprocess.TimeoutExpired:
        return False
    return done.returncode < 0 or b"NOT_CAUGHT" not in done.stdout


def caught_of_suite(m, hardened):
    """Whether each program of the suite was stopped, by name."""
    return {path.name: is_caught(m, path, hardened)
            for path in m.suite.iterdir()
            if path.is_file() and os.access(path, os.X_OK)}


def security_suite(m):
    """Programs named double_free* and invalid_free* must all be stopped."""
    if m.suite is None:
        return Result("not run: give a path (--suite)", NOT_RUN)
    caught = caught_of_suite(m, False)
    texts, fine = [], True
    for kind in ("double_free", "invalid_free"):
        stopped = [caught[name] for name in caught if name.startswith(kind)]
        fine = fine and bool(stopped) and all(stopped)
        texts.append(f"{kind} {sum(stopped)} of {len(stopped)}")
    texts.append(f"all {sum(caught.values())} of {len(caught)}")
    return judged(fine, ", ".join(texts))


def hardened_suite(m):
    if m.suite is None:
        return Result("not run: give a path (--suite)", NOT_RUN)
    caught = caught_of_suite(m, True)
    return judged(sum(caught.values()) >= 105,
                  f"{sum(caught.values())} of {len(caught)}")


# A program whose every object comes from malloc.
CHURN = """
seen = {}
for i in range(300000):
    seen[i % 5000] = [str(i), {"n": i}]
"""


def churn(m, **variables):
    """What the churning program takes: seconds of the processor, KiB."""
    environment = dict(m.preloaded(), PYTHONMALLOC="malloc", **variables)
    with subprocess.Popen([sys.executable, "-S", "-c", CHURN],
                          env=environment) as program:
        _, status, used = os.wait4(program.pid, 0)
        program.returncode = os.waitstatus_to_exitcode(status)
    if program.returncode != 0:
        raise Failed(f"python ended with {program.returncode}")
    return used.ru_utime + used.ru_stime, used.ru_maxrss


def cost_of_hardening(m):
    runs = [(churn(m)[0], churn(m, MHEAP_HARDENED="1")[0]) for _ in range(5)]
    plain, hardened = (min(times) for times in zip(*runs))
    ratio = hardened / plain
    return judged(ratio <= 1.15, f"a churning python {ratio:.2f} x")


SAMPLE_MIB = 8  # the drop-in has one sampled object for so many


def sampled_mistakes(m):
    """In a trial a call makes as many bytes as have one sample on average. What
    is read once it is free then traps but for e^-1; what is read behind its
    end, as the half of all lie, but for e^-0.5."""
    trials = m.scale(20_000, 8_000)
    got = m.probe("guards", trials, SAMPLE_MIB,
                  environment=dict(m.preloaded(), MHEAP_GUARD_REPORT="0"))
    uses, overflows = got["uses"] / trials, got["overflows"] / trials
    model = 1 - math.exp(-1), 1 - math.exp(-0.5)
    fine = all(abs(share / wanted - 1) <= 0.1
               for share, wanted in zip((uses, overflows), model))
    return judged(fine, f"use after free {uses:.3f} ({model[0]:.3f}), "
                  f"overflow {overflows:.3f} ({model[1]:.3f})")


def cost_of_samples(m):
    """Half a percent is less than what times waver by: with 64 times as many
    samples it is not."""
    often = {"MHEAP_GUARD_BYTES": f"{SAMPLE_MIB * 1024 // 64}K"}
    never = {"MHEAP_GUARD_BYTES": "0"}
    runs = [(*churn(m, **never), *churn(m, **often)) for _ in range(7)]
    plain, plain_kib, sampled, sampled_kib = map(min, zip(*runs))
    cost = (sampled / plain - 1) / 64 * 100
    more = sampled_kib - plain_kib
    return judged(cost <= 0.5 and more <= 512,
                  f"a churning python {cost:.2f} %, {more} KiB")


def injected_failures(m):
    steps = m.scale(8_000_000, 400_000)
    text = m.program("heap_ops_fuzz", "--steps", steps)
    failures = sum(int(n) for n in re.findall(r"(\d+) calls refused", text))
    wanted = m.scale(1_000_000, 5_000)
    return judged(failures >= wanted,
                  f"{number(failures)} refused calls, 0 crashes, books exact")


def refused_families(m):
    survived, texts = 0, []
    families = ("mmap", "mprotect", "madvise", "munmap", "all")
    for family in families:
        got = m.probe("faults", family, limit=300)
        fine = got["corrupt"] == 0 and got["reused_percent"] == 100
        survived += fine
        if not fine:
            texts.append(f"{family}: {got}")
    return judged(survived == len(families),
                  "; ".join([f"{survived} of {len(families)} survived, freed "
                             "memory used again"] + texts))


def limited_space(m):
    got = m.probe("space")
    return judged(min(got.values()) >= 90,
                  "48 B {percent_48:.0f} %, 1 KB {percent_1k:.0f} %, 40 KB "
                  "{percent_40k:.0f} %, 3 MB {percent_3m:.0f} %".format(**got))


def small_worlds(m):
    """8 MB under ulimit -v of 32 MiB, linked and preloaded."""
    m.run(["bash", "-c", f"ulimit -v 32768 && "
           f"{m.build / 'bin' / 'probe_start'} 8"], preload=True)
    passed, total = m.ctest("^backend.os_layout")
    return judged(passed == total,
                  f"8 MB in 32 MiB; {passed} of {total} suites of the layout "
                  "(other systems: ./dev test --platform all)")


def mappings(m):
    mib = m.scale(4096, 512)
    got = m.probe("mappings", mib)
    most = 32 + 2 * (mib // 64 + 1)
    worst = max(got["at_once"], got["later"])
    return judged(worst <= most, f"{worst:.0f}, of {most} allowed at {mib} MiB")


def forks(m):
    n = m.scale(100_000, 100)
    got = m.probe("forks", n, 16)
    return judged(got["hangs"] == 0 and got["crashes"] == 0,
                  f"{number(n)} forks, {number(got['hangs'])} hangs, "
                  f"{number(got['crashes'])} crashes")


def thread_life(m):
    n = m.scale(1_000_000, 40_000)
    got = m.probe("thread_life", n)
    # Two readings differ with what the last threads held.
    return judged(got["grown_kib"] <= 512,
                  f"{number(n)} threads, {got['bytes_per_thread']:.2f} B each")


def parked_threads(m):
    text = m.program("parked_plain", preload=True)
    kib = float(re.search(r"with an object of \d+: ([\d.]+)", text).group(1))
    pages = pathlib.Path("/sys/kernel/mm/transparent_hugepage/enabled")
    huge = re.search(r"\[(\w+)\]", pages.read_text()) if pages.exists() else None
    return judged(kib <= 12, f"{kib:.2f} KiB, huge pages: "
                  f"{huge.group(1) if huge else 'none'}")


def going_home(m):
    got = m.probe("home", "all")
    fine = got["left_kib"] <= got["live_kib"] * 1.1 + 8192
    return judged(fine, f"{got['left_kib'] / 1024:.1f} MiB left, "
                  f"{got['cpu_ms']:.0f} ms of processor")


def going_home_random(m):
    got = m.probe("home", "random")
    ratio = got["left_kib"] / got["live_kib"]
    return judged(ratio <= 2, f"{ratio:.1f} x what lives")


def limits(m):
    if m.quick:
        return in_test("integration.memory_limit and others")
    passed, total = m.ctest(r"^(integration.memory_limit|unit.headroom|"
                            r"stress.limit)")
    return judged(passed == total, f"{passed} of {total} suites")


def api_matrix(m):
    got = m.probe("api", m.scale(1, 997))
    return judged(got["differences"] == 0,
                  f"{number(got['cases'])} cases, "
                  f"{number(got['differences'])} differences")


def signals(m):
    try:
        got = m.probe("signals", m.scale(60, 3))
    except Failed as why:
        return Result(str(why), SHORT)
    return judged(got["lost"] == 0, f"{number(got['signals'])} handlers, "
                  f"{number(got['lost'])} objects lost")


def boot(m):
    passed, total = m.ctest(r"^integration.(early|dlopen|own_malloc|override|"
                            r"thread_exit|thread_local)")
    return judged(passed == total, f"{passed} of {total} programs")


def checked_states(bug, operations, optimise="-O0"):
    """Runs the model; how many states, and whether something was wrong. It
    takes longer to optimise than to run, where it is not large."""
    source = ROOT / "tests" / "model" / "remote_free.pml"
    with tempfile.TemporaryDirectory() as folder:
        for words in (["spin", f"-DBUG={bug}", f"-DOPERATIONS={operations}",
                       "-a", source],
                      ["cc", optimise, "-w", "-DSAFETY", "-DCOLLAPSE", "-o", "pan",
                       "pan.c"]):
            subprocess.run(words, cwd=folder, check=True, capture_output=True)
        done = subprocess.run(["./pan", "-m1000000", "-n"], cwd=folder,
                              capture_output=True, text=True, check=False)
    found = re.search(r"errors: (\d+).*?(\d+) states, stored", done.stdout,
                      re.DOTALL)
    if found is None or "error: " in done.stdout:
        raise Failed(f"the model, fault {bug}: {done.stdout[-200:]}")
    return int(found.group(2)), int(found.group(1)) > 0


def model(m):
    faults = range(1, 7)
    if shutil.which("spin") is None:
        return Result("not run: spin is not installed", NOT_RUN)
    states, wrong = checked_states(0, *m.scale((2, "-O2"), (1,)))
    found = sum(checked_states(fault, 2)[1] for fault in faults)
    return judged(not wrong and found == len(faults),
                  f"{number(states)} states, {'one' if wrong else 'none'} wrong; "
                  f"{found} of {len(faults)} planted faults found")


def page_allocator(m):
    steps = m.scale(1_000_000_000, 2_000_000)
    m.program("palloc_fuzz", "--steps", steps)
    text = f"{number(steps)} random steps agree"
    if m.quick:  # and ./dev test runs the suites
        return judged(True, text)
    passed, total = m.ctest(r"^unit.palloc")
    return judged(passed == total and steps >= 10 ** 9,
                  f"{text}; {passed} of {total} suites")


def proofs(m):
    missing = prove.missing()
    if missing:
        return Result(f"not run: {missing[0]} is not installed", NOT_RUN)
    if m.quick:
        return Result("takes minutes: proved in a full run", NOT_RUN)
    verdicts = {proof.name: prove.prove(proof)[0]
                for proof in prove.proofs()}
    measured = "; ".join(
        [f"{list(verdicts.values()).count(prove.HOLDS)} of {len(verdicts)} "
         "proofs"] + [f"{name}: {verdict}" for name, verdict in
                      verdicts.items() if verdict != prove.HOLDS])
    if prove.BROKEN in verdicts.values():
        return Result(measured, SHORT)
    if prove.NO_ANSWER in verdicts.values():
        return Result(measured, NOT_RUN)  # a slow machine
    return Result(measured, PASS)


def soak_output(m, minutes, cycle):
    return m.run([sys.executable, ROOT / "scripts" / "soak.py", "--build",
                  m.build, "--minutes", minutes, "--cycle", cycle])


def truth(m):
    text = soak_output(m, m.scale(5, 0.5), 10)
    reads, off = re.search(r"(\d+) reads, sum off by ([\d.]+) %", text).groups()
    lingering = re.search(r"huge pages +([\d.]+) %", text).group(1)
    return judged(float(off) <= 1,
                  f"{reads} reads, {off} % off at most, {lingering} % released "
                  "and still in memory")


MOST_GROWTH = 0.1


def soak(m):
    if m.quick:
        return Result("not run: takes hours (./dev soak)", NOT_RUN)
    text = soak_output(m, 30, 60)
    found = re.search(r"growth +(\S+) \+- (\S+) %", text)
    if found is None:
        raise Failed("soak did not say how much it grew")
    grown, error = map(float, found.groups())
    # Where the slope lies nineteen times in twenty, were cycles independent.
    low, high = grown - 2 * error, grown + 2 * error
    measured = f"{low:+.2f} to {high:+.2f} % an hour in 30 minutes"
    if low < MOST_GROWTH <= high:
        return Result(f"{measured}: needs longer", NOT_RUN)
    return judged(high < MOST_GROWTH, measured)


def drop_in(m):
    if m.quick:
        return in_test("integration.*")
    passed, total = m.ctest(r"^integration.(python_suite|sqlite|git|gcc|redis|"
                            r"scripting)$")
    return judged(passed == total, f"{passed} of {total} programs")


def audit_size(_):
    lines = sum(len(path.read_text().splitlines())
                for pattern in ("*.c", "*.h")
                for path in (ROOT / "core").rglob(pattern))
    return judged(lines <= 6000, f"{number(lines)} lines in core/")


@dataclasses.dataclass(frozen=True)
class Promise:
    name: str
    what: str
    target: str
    measure: object
    timed: bool = False   # needs the machine for itself: not in a quick run
    beside: bool = False  # takes so long that a full run does others meanwhile


PROMISES = (
    Promise("P1", "a bad free never passes", "all caught", bad_frees),
    Promise("P1b", "a good free never raises an alarm", "none", good_frees),
    Promise("P2", "a free of the wrong size never passes", "all caught",
            sized_frees),
    Promise("P3", "what the checks cost", "<= 3 %", cost_of_checks),
    Promise("P4", "nothing of ours lies in the program's objects",
            "0 overlaps", smashes),
    Promise("P5a", "security programs, default mode", "15 of 15, 21 of 21",
            security_suite),
    Promise("P5b", "security programs, hardened mode", ">= 105 of 116",
            hardened_suite),
    Promise("P5c", "what the hardened mode costs", "<= 15 %",
            cost_of_hardening, timed=True),
    Promise("P6a", "sampled guards find mistakes", "the model's share +-10 %",
            sampled_mistakes),
    Promise("P6b", "what sampled guards cost", "<= 0.5 %, <= 512 KiB",
            cost_of_samples, timed=True),
    Promise("P7a", "any call to the system may fail (simulated)",
            "10^6 failures", injected_failures),
    Promise("P7b", "whole families of calls fail (kernel)", "5 of 5",
            refused_families),
    Promise("P8", "freed memory serves other sizes at a limit of addresses",
            ">= 90 % each", limited_space),
    Promise("P9", "it starts in little space", "8 MB in 32 MiB", small_worlds),
    Promise("P10", "mappings stay few", "<= 32 + 2 per 64 MiB", mappings),
    Promise("P11", "fork in a storm of 16 threads", "0 hangs", forks,
            beside=True),
    Promise("P12", "threads leave nothing behind", "0 B each", thread_life),
    Promise("P13", "parked threads are cheap", "<= 12 KiB", parked_threads),
    Promise("P14a", "256 MB freed go home", "<= 8 MiB left", going_home),
    Promise("P14b", "a tenth left at random", "<= 2 x what lives",
            going_home_random),
    Promise("P16", "limits hold", "all", limits),
    Promise("P17", "the calls are those of C and POSIX", "0 differences",
            api_matrix),
    Promise("P18", "malloc in a signal's handler", "0 lost", signals),
    Promise("P19", "it starts anywhere: early, static, dlopen, threads",
            "all", boot),
    Promise("P20", "the protocol of remote frees, every order of its steps",
            "0 errors, faults found", model),
    Promise("P21", "the page allocator agrees with a plain one",
            "10^9 steps", page_allocator, beside=True),
    Promise("P21b", "searches and look-ups, for every input", "all proved",
            proofs),
    Promise("P15", "heapctl's sum is what the page tables say", "<= 1 % off",
            truth),
    Promise("P23", "a long life grows by nothing", "< 0.1 % an hour", soak),
    Promise("P24", "real programs give what they give without", "all",
            drop_in),
    Promise("P26", "small enough to audit", "<= 6,000 lines", audit_size),
)


def measure(promise, machine):
    """The result, and the seconds it took."""
    start = time.monotonic()
    try:
        if promise.timed and machine.quick:
            result = Result("timed: measured in a full run", NOT_RUN)
        else:
            result = promise.measure(machine)
    except Failed as why:
        result = Result(str(why), SHORT)
    return result, time.monotonic() - start


def measured(machine, promises):
    """Each row with its result and seconds. In a full run what takes hours goes
    on beside the others, once those that are timed are done, and comes last."""
    long = [p for p in promises if p.beside and not machine.quick]
    others = [p for p in promises if p not in long]
    timed = sum(p.timed for p in others)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        started = []
        for promise in others:
            if timed == 0 and not started:
                started = [pool.submit(measure, p, machine) for p in long]
            yield promise, *measure(promise, machine)
            timed -= promise.timed
        started = started or [pool.submit(measure, p, machine) for p in long]
        for promise, future in zip(long, started):
            yield promise, *future.result()


def row(*cells):
    return "| {:4} | {:57} | {:20} | {:52} | {:7} | {:>6} |".format(*cells)


def is_known(promise, result):
    return promise.name in OPEN and result.verdict == SHORT


def run(machine, promises):
    """Prints the table; the names of the rows that are not as they must be."""
    wrong, counts = [], {PASS: 0, SHORT: 0, NOT_RUN: 0}
    print(row("", "promise", "target", "measured", "verdict", "time"))
    print(row(*(["---"] * 6)))
    for promise, result, seconds in measured(machine, promises):
        counts[result.verdict] += 1
        print(row(promise.name, promise.what, promise.target, result.measured,
                  result.verdict, f"{seconds:.0f} s"), flush=True)
        if result.verdict == SHORT and promise.name not in OPEN:
            wrong.append(f"{promise.name}: {result.measured}")
        # A small number may pass by luck.
        if result.verdict == PASS and promise.name in OPEN \
                and not machine.quick:
            wrong.append(f"{promise.name} passes: take it off OPEN")
    print(f"\n{counts[PASS]} pass, {counts[SHORT]} fall short, "
          f"{counts[NOT_RUN]} not run")
    for promise in promises:
        if promise.name in OPEN:
            print(f"known: {promise.name}: {OPEN[promise.name]}")
    return wrong


def parse(arguments):
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--quick", action="store_true",
                        help="smaller numbers: minutes instead of hours")
    parser.add_argument("--suite", type=pathlib.Path,
                        help="a folder of built programs of security tests")
    parser.add_argument("--only", action="append", default=[],
                        metavar="NAME", help="this row; may be repeated")
    options = parser.parse_args(arguments)
    names = {promise.name for promise in PROMISES}
    for name in options.only:
        if name not in names:
            parser.error(f"no promise {name}: {', '.join(sorted(names))}")
    if options.suite is not None and not options.suite.is_dir():
        parser.error(f"{options.suite}: no folder")
    return options


def main(arguments):
    options = parse(arguments)
    machine = Machine(options.build, options.quick, options.suite)
    chosen = [promise for promise in PROMISES
              if not options.only or promise.name in options.only]
    wrong = run(machine, chosen)
    for line in wrong:
        print(f"promises: {line}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
