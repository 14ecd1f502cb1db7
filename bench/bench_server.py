"""A server among the real programs: fed once it listens, and ended. One that
can be emptied shows how much of its memory goes home while nobody asks it
for anything."""

import glob
import os
import subprocess
import time

import bench_exec
from bench_allocators import Allocator, RunError
from bench_rows import SETTLED, Measure

IDLE_SECONDS = 2


def measures(name):
    """The rows of a server that is emptied. What it takes at its start and
    what it was filled with are there to compare with."""
    return (Measure("start_kib", f"{name}: idle, before it", "MiB", SETTLED,
                    judged=False),
            Measure("full_kib", f"{name}: filled, before it", "MiB", SETTLED,
                    judged=False),
            Measure("after_kib", f"{name}: 2 s later", "MiB", SETTLED),
            Measure("after_kib", f"{name}: 2 s later, of the idle one", "x",
                    SETTLED, judged=False, over="start_kib"))


def wait_for(path, process, seconds=20):
    end = time.monotonic() + seconds
    while not os.path.exists(path):
        if process.poll() is not None or time.monotonic() > end:
            raise RunError("the server did not start")
        time.sleep(0.02)


def child_of(pid):
    """The process that another one started: bench_under starts one."""
    for path in glob.glob("/proc/[0-9]*/stat"):
        try:
            with open(path, encoding="utf-8", errors="replace") as file:
                text = file.read()
        except OSError:  # it has ended meanwhile
            continue
        # Its name stands in brackets and may hold anything.
        if int(text.rpartition(")")[2].split()[1]) == pid:
            return int(text.split()[0])
    raise RunError("the server is gone")


def resident_kib(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        return int(file.read().split("VmRSS:")[1].split()[0])


class Drive:
    """Calls the clients of a server while it runs; `metrics` is what was
    measured meanwhile."""

    def __init__(self, job, fill):
        self.job = job
        self.fill = fill
        self.metrics = {}

    def call(self, words, stdin=subprocess.DEVNULL):
        done = subprocess.run(
            list(map(self.fill, words)), stdin=stdin, capture_output=True,
            text=True, timeout=120, check=False,
            env=bench_exec.environment(Allocator("none")))
        if done.returncode != 0:
            raise RunError(bench_exec.say_failure(
                done.returncode, done.stdout + done.stderr))

    def feed(self):
        path = self.fill("{scratch}/" + self.job.made[0])
        with open(path, encoding="ascii") as commands:
            self.call(self.job.feed, commands)

    def __call__(self, process):
        wait_for(self.fill("{scratch}/socket"), process)
        if self.job.empty:
            self.measure(child_of(process.pid))
        else:
            self.feed()
        self.call(self.job.end)

    def measure(self, server):
        """Its resident memory before it is fed, then, and once it is empty.
        In the waits it makes no calls but those it makes anyway."""
        time.sleep(IDLE_SECONDS)
        self.metrics["start_kib"] = resident_kib(server)
        self.feed()
        self.metrics["full_kib"] = resident_kib(server)
        self.call(self.job.empty)
        time.sleep(IDLE_SECONDS)
        self.metrics["after_kib"] = resident_kib(server)
