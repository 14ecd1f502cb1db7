"""What the project set itself to reach, before it was measured."""

from dataclasses import dataclass

from bench_rows import ONE_THREAD, THREADED

RIVAL = "mimalloc-v3"
SUITE_PEAK = "peak memory, programs"


@dataclass(frozen=True)
class Goal:
    """A figure of some rows that must not be above a limit."""
    text: str
    limit: float
    # rival: geometric mean of mheap / RIVAL; checks: of checked / unchecked;
    # figure: mheap's own, of one row
    kind: str = "rival"
    families: tuple = ()   # rows of these families, or
    rows: tuple = ()       # these rows: (label, family)
    unit: str = ""
    needs_suite: bool = False


GOALS = (
    Goal("programs, 1 thread", 0.93, families=(ONE_THREAD,),
         needs_suite=True),
    Goal("programs, threads", 0.80, families=(THREADED,), needs_suite=True),
    Goal("small objects: pairs, batches, churn", 0.92,
         families=("pairs", "batches", "churn")),
    Goal("churn of threads, hand-over", 0.95,
         families=("churn, threads", "hand-over")),
    Goal("large objects and calloc", 0.70, families=("large", "calloc")),
    Goal("growth by realloc", 0.08,
         rows=(("realloc, one growing", "realloc"),)),
    Goal("peak memory of the programs", 0.55, families=(SUITE_PEAK,),
         needs_suite=True),
    Goal("what the checks cost", 1.03, "checks"),
    Goal("a process with one small object", 2.0, "figure",
         rows=(("one small object", "small processes"),), unit="MiB"),
)
