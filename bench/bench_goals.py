"""What the project set itself to reach, before it was measured."""

from dataclasses import dataclass

from bench_rows import ALL_FREED, MOST_FREED, ONE_THREAD, SETTLED, SMALL, \
    THREADED

RIVAL = "mimalloc-v3"
SUITE_PEAK = "peak memory, programs"


@dataclass(frozen=True)
class Goal:
    """A figure of some rows that must not be above a limit."""
    text: str
    limit: float
    # rival: geometric mean of mheap / RIVAL; checks: of checked / unchecked;
    # figure: mheap's own, in the worst row
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
         rows=(("one small object", SMALL),), unit="MiB"),
    Goal("parked thread", 12.0, "figure",
         rows=(("parked thread, each", SMALL),), unit="KiB"),
    Goal("redis-server 2 s after FLUSHALL, of its start", 1.2, "figure",
         rows=(("redis-server after FLUSHALL: 2 s later, of the idle one",
                SETTLED),), unit="x"),
    Goal("256 MB all freed, 2 s later, above the start", 8.0, "figure",
         rows=((f"{ALL_FREED}: 2 s later, above the start", SETTLED),),
         unit="MB"),
    # Out of reach with pages of 4 KiB and objects that stay where they are:
    # one page in three (1 - 0.9^4) keeps one of its four objects.
    Goal("256 MB, 90 % freed, 2 s later, of what is in use", 2.0, "figure",
         rows=((f"{MOST_FREED}: 2 s later, of what is in use", SETTLED),),
         unit="x"),
    Goal("scavenger, CPU in those 2 s (1 % of one)", 20.0, "figure",
         rows=((f"{ALL_FREED}: CPU ms in those 2 s", SETTLED),
               (f"{MOST_FREED}: CPU ms in those 2 s", SETTLED)), unit="ms"),
    Goal("shared locks, 1 in 64 operations", 15.6, "figure",
         families=("locks",), unit="in 1,000"),
)
