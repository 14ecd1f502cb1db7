#!/usr/bin/env python3
"""run_crime.py - commits one crime under every action and checks the response.

usage: run_crime.py PROGRAM [--preload LIBRARY]

By default mheap must say `mheap: fatal: bad free: WHAT: address 0x...` as its
first line and abort. With MHEAP_BAD_FREE=count it must count and say nothing,
also where every thread has a cache from its first object on, with
MHEAP_BAD_FREE=warn say and go on, with a handler call that and say nothing.
The program itself checks the counts; what it may expect, it prints.
"""

import argparse
import os
import re
import resource
import signal
import subprocess
import sys

SECONDS = 60


class Crime:
    def __init__(self, program, preload):
        self.program = program
        self.preload = preload
        self.faults = []
        self.what, times = self.expectation()
        self.times = int(times)

    def expectation(self):
        shown = subprocess.run([self.program, "--expect"], check=True,
                               capture_output=True, text=True)
        return shown.stdout.splitlines()

    def run(self, action, *arguments, **variables):
        env = {k: v for k, v in os.environ.items()
               if not k.startswith("MHEAP_") and k != "LD_PRELOAD"}
        env.update(variables)
        if action:
            env["MHEAP_BAD_FREE"] = action
        if self.preload:
            env["LD_PRELOAD"] = self.preload
        return subprocess.run(
            [self.program, *arguments], env=env, capture_output=True, text=True,
            timeout=SECONDS, check=False, stdin=subprocess.DEVNULL,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, (0, 0)))

    def want(self, case, condition, why, done):
        if not condition:
            self.faults.append(
                f"{case}: {why}; status {done.returncode}, "
                f"stdout {done.stdout!r}, stderr {done.stderr!r}")

    def line(self, severity):
        return re.compile(rf"mheap: {severity}: bad free: "
                          rf"{re.escape(self.what)}: address 0x[0-9a-f]+$")

    def aborts(self):
        done = self.run(None)
        first = (done.stderr.splitlines() or [""])[0]
        self.want("default", done.returncode == -signal.SIGABRT,
                  "no SIGABRT", done)
        self.want("default", self.line("fatal").match(first),
                  f"first line is no {self.what}", done)

    def goes_on(self, case, severity, action, *arguments, **variables):
        done = self.run(action, *arguments, **variables)
        self.want(case, done.returncode == 0 and done.stdout == "judged\n",
                  "misjudged", done)
        said = [line for line in done.stderr.splitlines()
                if severity and self.line(severity).match(line)]
        if severity:
            self.want(case, len(said) == self.times,
                      f"said {len(said)} times, not {self.times}", done)
        else:
            self.want(case, done.stderr == "", "it spoke", done)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--preload")
    args = parser.parse_args()

    crime = Crime(args.program, args.preload)
    crime.aborts()
    crime.goes_on("count", None, "count")
    crime.goes_on("caches", None, "count", MHEAP_FIRST_OBJECTS="0")
    crime.goes_on("warn", "warning", "warn")
    crime.goes_on("handler", None, None, "handler")
    for fault in crime.faults:
        print(f"run_crime: {fault}", file=sys.stderr)
    return 1 if crime.faults else 0


if __name__ == "__main__":
    sys.exit(main())
