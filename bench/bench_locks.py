"""How often a thread slept for a lock of mheap, job by job.

The library counts the sleeps, not how often a lock was taken: a lock that is
always free costs an atomic operation and shows nowhere here.
"""

import bench_stats
from bench_allocators import SUBJECT
from bench_tables import number, spread_out, table


def waits(report):
    """[(job, sleeps of one run, sleeps per million operations)], from the jobs
    of which the count is known."""
    found = []
    for (job, name, key), values in report.values.items():
        if name != SUBJECT or key != "lock_waits":
            continue
        ops = report.values.get((job, name, "ops"), [0])
        done = bench_stats.median(ops)
        summary = bench_stats.summarize(values)
        rate = summary.median * 1e6 / done if done else None
        found.append((job, summary, rate))
    return found


def lock_lines(report):
    found = waits(report)
    if not found:
        return ["Not shown: no run counted them."]
    slept = [item for item in found if item[1].maximum > 0]
    lines = [f"{len(slept)} of {len(found)} cases in which a thread of "
             f"{SUBJECT} slept for a lock at all: median (minimum, spread) of "
             "a run.", ""]
    body = [[job, spread_out(summary), "-" if rate is None else number(rate)]
            for job, summary, rate in slept]
    return lines + (table(["case", "sleeps", "per million operations"], body)
                    if body else [])
