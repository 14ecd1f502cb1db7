"""A server among the real programs: fed once it listens, and ended."""

import os
import subprocess
import time

import bench_exec
from bench_allocators import Allocator, RunError


def wait_for(path, process, seconds=20):
    end = time.monotonic() + seconds
    while not os.path.exists(path):
        if process.poll() is not None or time.monotonic() > end:
            raise RunError("the server did not start")
        time.sleep(0.02)


class Drive:
    """Calls the clients of a server while it runs."""

    def __init__(self, job, fill):
        self.job = job
        self.fill = fill

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
        self.feed()
        self.call(self.job.end)
