"""Raw lines as the benchmark runner writes them, made up for its tests."""

import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
BENCH = os.path.join(ROOT, "bench")
sys.path.insert(0, BENCH)

from bench_allocators import NOT_RUN  # noqa: E402


def session(rows, allocators=("mheap", "glibc", "mimalloc"),
            reference="mimalloc"):
    machine = {"cpu": "Some CPU 1", "cores": 2, "memory_gib": 4,
               "kernel": "Linux 6", "system": "Debian", "libc": "glibc 2",
               "compiler": "cc 1", "page_bytes": 4096, "huge_pages": "never",
               "load_at_start": 0.1}
    return {"kind": "session", "date": "2020-01-02", "machine": machine,
            "reps": 1, "seed": 1, "scale": 1, "reference": reference,
            "allocators": list(allocators),
            "missing": {"snmalloc": NOT_RUN}, "rows": rows}


def measured(job, allocator, metrics, peak=1024, cpu=1.0):
    return {"kind": "run", "job": job, "allocator": allocator, "rep": 0,
            "result": {"metrics": metrics, "peak_kib": peak, "cpu_s": cpu}}


def everywhere(job, figures, key, **more):
    """One run under each allocator: {"mheap": 5, "glibc": [7, 8]}."""
    return [measured(job, name, {key: value}, **more)
            for name, values in figures.items()
            for value in (values if isinstance(values, list) else [values])]


def section(text, title):
    """The part of a report below one of its headings."""
    return text.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]
