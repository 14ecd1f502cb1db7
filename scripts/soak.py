#!/usr/bin/env python3
"""soak.py - a long life on mheap, looked into all the while.

    soak.py --build DIR [--minutes N] [--cycle SECONDS]

Runs build/bin/soak on the drop-in. Every two seconds heapctl reads it: nothing
it finds may be wrong, and its sum must be what the page tables say. At the end:
by how much resident memory grew from cycle to cycle and the standard error of
that, if cycles are independent; how much of it is not what lives; the largest
error of the sum, and how many reads there were.

Exit status: 0 when the program came to its end and every read was right.
"""

import argparse
import json
import math
import os
import pathlib
import re
import subprocess
import sys
import threading
import time

READ_EVERY = 2
MOST_ERROR_PERCENT = 1
MOST_LINGERING_PERCENT = 15  # an eighth, and a huge page in each arena


def slope(values):
    """The gradient of a line through the values, at 0, 1, 2, ..."""
    n = len(values)
    if n < 2:
        return 0.0
    middle, mean = (n - 1) / 2, sum(values) / n
    return (sum((i - middle) * (value - mean) for i, value in
                enumerate(values)) /
            sum((i - middle) ** 2 for i in range(n)))


def slope_error(values):
    """The standard error of the gradient: what lies between the values and the
    line says how far it can be trusted."""
    n = len(values)
    if n < 3:
        return math.inf
    middle, mean, gradient = (n - 1) / 2, sum(values) / n, slope(values)
    rest = sum((value - mean - gradient * (i - middle)) ** 2
               for i, value in enumerate(values))
    return math.sqrt(rest / (n - 2) /
                     sum((i - middle) ** 2 for i in range(n)))


def growth_per_hour(cycles, seconds):
    """Percent of its mean by which what is resident grows in an hour, and the
    standard error of that. The first cycle is left out: that is where the heap
    gets its size."""
    resident = [cycle["resident_kib"] for cycle in cycles[1:]]
    if not resident:
        return 0.0, math.inf
    unit = 3600 / seconds * 100 / (sum(resident) / len(resident))
    return slope(resident) * unit, slope_error(resident) * unit


def percent(data, name):
    """A figure of the account, of what is in memory."""
    return abs(data[name]) * 100 / max(data["resident_bytes"], 1)


class Reader:
    """Runs heapctl on a process until told to stop, and judges what it says."""

    def __init__(self, heapctl, pid):
        self.heapctl, self.pid = heapctl, pid
        self.stop = threading.Event()
        self.reads, self.errors, self.lingering, self.wrong = 0, [], [], []
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        while not self.stop.wait(READ_EVERY):
            done = subprocess.run(
                [self.heapctl, "stats", "--json", str(self.pid)], text=True,
                capture_output=True, stdin=subprocess.DEVNULL, check=False)
            if self.stop.is_set():
                return  # the process may have ended meanwhile
            self.judge(done)

    def judge(self, done):
        self.reads += 1
        if done.returncode != 0:
            self.wrong.append(f"heapctl ended with {done.returncode}: "
                              f"{done.stderr.strip()}")
            return
        read = json.loads(done.stdout)
        if read["consistency"]["findings"] != 0:
            self.wrong.append(str(read["consistency"]["finding_list"]))
        # Of the sum against the page tables, which change while both are read.
        self.errors.append(percent(read["data"], "difference_bytes"))
        self.lingering.append(percent(read["data"], "lingering_bytes"))

    def end(self):
        self.stop.set()
        self.thread.join()


def cycle_of(line):
    return {name: float(value)
            for name, value in re.findall(r"(\w+)=([\d.]+)", line)}


def report(cycles, reader, seconds):
    """Prints the figures; what is wrong with them."""
    wrong = list(reader.wrong)
    live = sum(c["live_kib"] for c in cycles) / len(cycles)
    resident = sum(c["resident_kib"] for c in cycles) / len(cycles)
    error = max(reader.errors, default=0.0)
    lingering = max(reader.lingering, default=0.0)
    print(f"cycles        {len(cycles)} of {seconds} s")
    growth, unsure = growth_per_hour(cycles, seconds)
    print(f"growth        {growth:+.2f} +- {unsure:.2f} % an hour")
    print(f"fragmentation {resident / live:.2f} x what lives "
          f"({resident / 1024:.0f} of {live / 1024:.0f} MiB, means)")
    print(f"heapctl       {reader.reads} reads, sum off by {error:.2f} % at "
          f"most, {len(reader.wrong)} wrong")
    print(f"huge pages    {lingering:.2f} % at most released and still in "
          f"memory")
    if error > MOST_ERROR_PERCENT:
        wrong.append(f"the sum is off by {error:.2f} %")
    if lingering > MOST_LINGERING_PERCENT:
        wrong.append(f"{lingering:.2f} % is released and still in memory")
    if reader.reads == 0:
        wrong.append("heapctl never came to read")
    return wrong


def run(build, minutes, cycle):
    env = dict(os.environ,
               LD_PRELOAD=str(build / "lib" / "libmheap_malloc.so"))
    words = [build / "bin" / "soak", str(round(minutes * 60)), str(cycle)]
    cycles = []
    with subprocess.Popen(words, env=env, stdout=subprocess.PIPE,
                          stdin=subprocess.DEVNULL, text=True) as soak:
        reader = Reader(build / "bin" / "heapctl", soak.pid)
        for line in soak.stdout:
            print(time.strftime("%H:%M:%S"), line.strip(), flush=True)
            cycles.append(cycle_of(line))
            if len(cycles) * cycle >= minutes * 60:
                reader.end()  # it frees everything now
        reader.end()
        status = soak.wait()
    if status != 0 or not cycles:
        return [f"soak ended with {status}"]
    return report(cycles, reader, cycle)


def main(arguments):
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--cycle", type=int, default=60, metavar="SECONDS")
    options = parser.parse_args(arguments)
    if options.minutes <= 0 or options.cycle <= 0:
        parser.error("minutes and seconds begin at 1")
    wrong = run(options.build.resolve(), options.minutes, options.cycle)
    for line in wrong:
        print(f"soak: {line}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
