#!/usr/bin/env python3
"""darwin_live.py - heapctl for Darwin reads a program for Darwin that runs.

Builds the program that the tests of the reader judge (tests/inspect), still and
with threads that churn, starts it over the model of tests/darwin, and asks
heapctl about it, which runs over the model too: one Mach-O program reads the
other through its task port. What heapctl says is compared with what the program
says of itself.

Usage: darwin_live.py BUILD, a build for darwin-amd64 with heapctl. Not one of
the scripts that every build runs: `./dev test --platform darwin/amd64` does.
"""

import json
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOOLS = ROOT / "build" / "cross" / "darwin-amd64" / "bin"
MODEL = TOOLS / "darwin_model"
DEADLINE = 60  # seconds for any one thing
USED = re.compile(r"\bused (large )?object\b")


def check(what, condition, told):
    print(f"darwin_live: {what}: {'ok' if condition else 'FAILED'}")
    if not condition:
        sys.exit(f"darwin_live: {told}")


def heapctl(build, *arguments):
    done = subprocess.run([MODEL, build / "bin/heapctl", *arguments],
                          stdin=subprocess.DEVNULL, capture_output=True,
                          timeout=DEADLINE, check=False, text=True)
    return done.returncode, done.stdout + done.stderr


def build_program(build):
    program = build / "bin/live_darwin"
    subprocess.run([TOOLS / "cc", "-O2", "-I", ROOT / "include", "-I",
                    build / "include", ROOT / "tests/inspect/live_program.c",
                    build / "lib/libmheap.a", "-o", program], check=True)
    return program


def start(program, mode):
    """The program, its objects that stay, and the address of one that went."""
    process = subprocess.Popen([MODEL, program, mode, str(DEADLINE)],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               text=True)
    used, gone = {}, None
    for line in process.stdout:
        words = line.split()
        if words[0] == "ready":
            break
        if words[0] == "used":
            used[words[1]] = int(words[2])
        elif words[0] == "gone":
            gone = words[1]
    return process, used, gone


def look_at_still(build, pid, used, gone):
    status, text = heapctl(build, "ps")
    check("heapctl ps lists it", status == 0 and "live_darwin" in text, text)

    status, text = heapctl(build, "stats", "--json", pid)
    check("heapctl stats reads it live", status == 0, text)
    document = json.loads(text)
    data = document["data"]
    # The C library's part of the program has an object of its own.
    check("it has the objects that stay",
          0 <= data["live_objects"] - len(used) <= 2,
          (data["live_objects"], len(used)))
    check("the books are what is reserved",
          data["reserved_difference_bytes"] == 0, data)
    check("the books are what is resident",
          abs(data["difference_bytes"]) <= 65536, data)
    check("no span moved while it waited",
          document["consistency"]["unstable_spans"] == 0, document)

    status, text = heapctl(build, "what", pid, *used)
    lines = [line for line in text.splitlines() if USED.search(line)]
    check("heapctl what knows every object", status == 0 and
          len(lines) == len(used), text)
    status, text = heapctl(build, "what", pid, gone)
    check("heapctl what knows what was freed", not USED.search(text), text)


def look_at_churn(build, pid):
    status, text = heapctl(build, "stats", "--json", pid)
    check("heapctl stats reads it while threads churn", status in (0, 6), text)
    data = json.loads(text)
    check("nothing is found wrong meanwhile",
          data["consistency"]["findings"] == 0, data["consistency"])


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    build = pathlib.Path(sys.argv[1]).resolve()
    program = build_program(build)
    for mode in ("still", "churn"):
        process, used, gone = start(program, mode)
        with process:
            check(f"the program runs, {mode}", len(used) > 100, used)
            check(f"the heap begins at its hint, {mode}",
                  min(int(at, 16) for at in used) >> 32 == 0xc0, used)
            if mode == "still":
                look_at_still(build, str(process.pid), used, gone)
            else:
                look_at_churn(build, str(process.pid))
            process.stdin.close()
            check(f"it ends as it should, {mode}",
                  process.wait(DEADLINE) == 0, process.returncode)

    status, text = heapctl(build, "stats", "999999999")
    check("who is not there is called gone", status == 3, text)
    status, text = heapctl(build, "stats", "1")
    check("who runs no Darwin is not there", status in (3, 4), text)


if __name__ == "__main__":
    main()
