"""What is measured: the rows of the table, chosen in advance.

A Job is one run of one program; its measures are the rows it fills. Rows are
never dropped: one that cannot be run is printed and says so.
"""

from dataclasses import dataclass, field

# How long a timed case goes on at scale 1.
CASE_SECONDS = 0.15

SMALL = "small processes"
SETTLED = "settled memory"
ALL_FREED = "256 MB, all freed"
MOST_FREED = "256 MB, 90 % freed"


@dataclass(frozen=True)
class Measure:
    key: str     # metric in the program's JSON line, or one of its members
    label: str   # row of the table
    unit: str    # ns, s, ms, %, x, KiB, MiB or MB (10^6 bytes); rows in the
                 # last two are KiB in the raw lines
    family: str  # rows of one family share a geometric mean
    judged: bool = True  # False: shown, but ratios would mean nothing
    # Another metric of the same run: taken from this one, or divided by.
    less: str = ""
    over: str = ""


@dataclass(frozen=True)
class Job:
    program: str
    case: str
    measures: tuple
    options: dict = field(default_factory=dict)
    seconds: float = CASE_SECONDS
    wants_peak: str = ""  # label of the row that shows this job's peak memory

    @property
    def name(self):
        threads = self.options.get("threads")
        suffix = f" x{threads}" if threads else ""
        return f"{self.program} {self.case}{suffix}"

    def arguments(self, seed, scale):
        args = ["--case", self.case, "--seed", str(seed),
                "--seconds", f"{self.seconds * scale:g}"]
        for key, value in self.options.items():
            args += [f"--{key}", str(value)]
        return args

    def all_measures(self):
        if not self.wants_peak:
            return self.measures
        peak = Measure("peak_kib", self.wants_peak, "MiB", "peak memory")
        return self.measures + (peak,)


@dataclass(frozen=True)
class SuiteJob:
    """A public benchmark program, found below --suite."""
    name: str
    program: str
    args: tuple
    family: str
    # Fixed-time programs report a rate: pattern with one group, what one of
    # its units is in operations, and the seconds it is per or was taken over.
    rate: str = ""
    rate_unit: float = 1.0
    run_seconds: float = 0.0

    def all_measures(self):
        unit = "ns" if self.rate else "s"
        key = "op_ns" if self.rate else "cpu_s"
        return (Measure(key, self.name, unit, self.family),
                Measure("peak_kib", f"{self.name}: peak", "MiB",
                        "peak memory, programs"))


def locks(case, label):
    """How often locks that all threads share were taken. Only mheap says."""
    return Measure(f"{case}_shared_locks_per_1000_ops",
                   f"{label}: shared locks", "in 1,000", "locks", judged=False)


def pair(size):
    key = f"pair{size}"
    peak = "pairs" if size == 64 else ""
    row = Measure(f"{key}_ns", f"pair {size} B", "ns", "pairs")
    return Job("bench_pairs", key, (row, locks(key, row.label)),
               wants_peak=peak)


def pair_threads(size, threads):
    key = f"pair{size}"
    row = Measure(f"{key}_ns", f"pair {size} B, {threads} threads", "ns",
                  "pairs, threads")
    return Job("bench_pairs", key, (row, locks(key, row.label)),
               {"threads": threads})


def batch(case, text):
    rows = tuple(
        Measure(f"{case}_{what}_ns", f"batch, freed {text}: {what}", "ns",
                "batches") for what in ("malloc", "free"))
    rows += (locks(case, f"batch, freed {text}"),)
    return Job("bench_batch", case, rows, wants_peak=f"batch, freed {text}")


def churn(case, threads):
    plural = "thread" if threads == 1 else "threads"
    label = f"{case.replace('churn', 'churn ')}, {threads} {plural}"
    family = "churn" if threads == 1 else "churn, threads"
    row = Measure(f"{case}_ns", label, "ns", family)
    return Job("bench_churn", case, (row, locks(case, label)),
               {"threads": threads}, wants_peak=label)


def handover(case, text):
    rows = tuple(
        Measure(f"{case}_{what}_ns", f"{text}: {what}", "ns", "hand-over")
        for what in ("malloc", "free"))
    return Job("bench_handover", case, rows + (locks(case, text),),
               wants_peak=text)


def larson(threads):
    label = f"larson-like, {threads} threads"
    row = Measure("larson_ns", label, "ns", "larson-like")
    return Job("bench_larson", "larson", (row, locks("larson", label)),
               {"threads": threads}, 2 * CASE_SECONDS, label)


def simple(program, case, label, family):
    row = Measure(f"{case}_ns", label, "ns", family)
    return Job(program, case, (row,), wants_peak=label)


def aligned(case, text):
    rows = (Measure(f"{case}_ns", text, "ns", "aligned"),
            Measure(f"{case}_crooked_pct", f"{text}: not so aligned", "%",
                    "aligned", judged=False))
    return Job("bench_aligned", case, rows, wants_peak=text)


def sharing(case, threads):
    label = f"{case} sharing, {threads} threads"
    rows = (Measure(f"{case}_ns", f"{label}: a write", "ns", "false sharing"),
            Measure(f"{case}_shared_pct", f"{label}: on shared lines", "%",
                    "false sharing", judged=False))
    return Job("bench_sharing", case, rows, {"threads": threads})


def latency(case, text, threads):
    """The quantiles of single calls. A maximum is one reading, mostly of the
    scheduler: it is shown and not judged. timer_ns is in all of them."""
    plural = "thread" if threads == 1 else "threads"
    rows = [Measure(f"{case}_timer_ns",
                    f"{text}, {threads} {plural}: reading the timer", "ns",
                    "latency", judged=False)]
    for what in ("malloc", "free"):
        for key, name in (("p50", "p50"), ("p99", "p99"), ("p999", "p99.9"),
                          ("p9999", "p99.99"), ("max", "max")):
            rows.append(Measure(f"{case}_{what}_{key}_ns",
                                f"{text}, {threads} {plural}: {what} {name}",
                                "ns", "latency", judged=key != "max"))
    return Job("bench_latency", case, tuple(rows), {"threads": threads})


def trace(case):
    text = f"{case}-like trace"
    rows = (
        Measure(f"{case}_first_ns", f"{text}: first time", "ns", "traces"),
        Measure(f"{case}_ns", f"{text}: again", "ns", "traces"),
        Measure(f"{case}_heap_kib", f"{text}: heap", "MiB", "peak memory"),
        Measure(f"{case}_live_kib", f"{text}: asked for at the peak", "MiB",
                "peak memory", judged=False),
    )
    return Job("bench_trace", case, rows)


def settle(case, text, said, **derived):
    """`said` and `derived`: what is left after 2 s beside another figure."""
    rows = (
        Measure("peak_kib", f"{text}: peak", "MiB", "peak memory"),
        Measure(f"{case}_after_kib", f"{text}: right after", "MiB", SETTLED),
        Measure(f"{case}_settled_kib", f"{text}: 2 s later", "MiB", SETTLED),
        Measure(f"{case}_live_kib", f"{text}: still in use", "MiB",
                SETTLED, judged=False),
        Measure(f"{case}_idle_cpu_ms", f"{text}: CPU ms in those 2 s", "ms",
                SETTLED, judged=False),
        Measure(f"{case}_settled_kib", f"{text}: 2 s later, {said}",
                "MB" if "less" in derived else "x", SETTLED, judged=False,
                **derived),
    )
    return Job("bench_settle", case, rows, {"wait": 2})


JOBS = (
    pair(16), pair(64), pair(256), pair(1024),
    batch("same", "in order"),
    batch("reverse", "in reverse"),
    batch("random", "at random"),
    churn("churn1k", 1), churn("churn20k", 1), churn("churn100k", 1),
    churn("churn20k", 2), churn("churn20k", 4), churn("churn20k", 8),
    handover("handover", "hand-over"),
    handover("handover_read", "hand-over, read first"),
    larson(2), larson(8),
    simple("bench_large", "large1", "large, 1 alive, touched", "large"),
    simple("bench_large", "large16", "large, 16 alive, touched", "large"),
    simple("bench_large", "large_untouched", "large, 8 alive, untouched",
           "large"),
    simple("bench_realloc", "grow", "realloc, one growing", "realloc"),
    simple("bench_realloc", "grow_two", "realloc, two in turns", "realloc"),
    simple("bench_realloc", "grow_filled", "realloc, filled", "realloc"),
    simple("bench_calloc", "calloc", "calloc", "calloc"),
    simple("bench_threads", "short_lived", "thread, start to end", "threads"),
    Job("bench_threads", "parked",
        (Measure("parked_thread_kib", "parked thread, each", "KiB", SMALL),)),
    Job("bench_settle", "idle",
        (Measure("idle_rss_kib", "one small object", "MiB", SMALL),)),
    settle("all", ALL_FREED, "above the start", less="all_start_kib"),
    settle("tenth", MOST_FREED, "of what is in use", over="tenth_live_kib"),
    pair_threads(64, 2), pair_threads(64, 4), pair_threads(64, 8),
    churn("churn5m", 1),
    churn("churn1k", 2), churn("churn1k", 4), churn("churn1k", 8),
    churn("churn100k", 2), churn("churn100k", 4), churn("churn100k", 8),
    aligned("aligned_mixed", "aligned to 16 to 4096 B"),
    aligned("aligned_line", "aligned to 64 B"),
    aligned("aligned_page", "aligned to 4 KiB, 4 to 64 KiB"),
    sharing("active", 2), sharing("active", 8),
    sharing("passive", 2), sharing("passive", 8),
    latency("latency_small", "small", 1),
    latency("latency_small", "small", 2),
    latency("latency_small", "small", 8),
    latency("latency_mixed", "1 in 64 large", 1),
    latency("latency_mixed", "1 in 64 large", 2),
    latency("latency_mixed", "1 in 64 large", 8),
    trace("compiler"), trace("interpreter"), trace("cache"),
)

LARSON_RATE = r"Throughput\s*=\s*([0-9.]+)\s*operations per second"
XMALLOC_RATE = r"free/sec:\s*([0-9.]+)\s*M"

ONE_THREAD = "programs, 1 thread"
THREADED = "programs, threads"


def larson_program(threads):
    args = ("2", "8", "1000", "5000", "100", "4141", str(threads))
    return SuiteJob(f"larson{threads}", "larson", args, THREADED,
                    LARSON_RATE, 1.0, 2.0)


def xmalloc_program(threads):
    args = ("-w", str(threads), "-t", "2", "-s", "64")
    return SuiteJob(f"xmalloc{threads}", "xmalloc-test", args, THREADED,
                    XMALLOC_RATE, 1e6, 2.0)


SUITE = (
    SuiteJob("cfrac", "cfrac",
             ("17545186520507317056371138836327483792789",), ONE_THREAD),
    SuiteJob("espresso", "espresso", ("@largest.espresso",), ONE_THREAD),
    SuiteJob("glibc-simple", "glibc-simple", (), ONE_THREAD),
    SuiteJob("mleak100", "mleak", ("50",), ONE_THREAD),
    SuiteJob("alloc-test1", "alloc-test", ("1",), ONE_THREAD),
    SuiteJob("malloc-large", "malloc-large", (), ONE_THREAD),
    SuiteJob("mstress2", "mstress", ("2", "100", "8"), THREADED),
    SuiteJob("mstress8", "mstress", ("8", "100", "8"), THREADED),
    SuiteJob("sh6like2", "sh6like", ("2",), THREADED),
    SuiteJob("sh8like2", "sh8like", ("2",), THREADED),
    larson_program(2), larson_program(8),
    xmalloc_program(2), xmalloc_program(6),
)
