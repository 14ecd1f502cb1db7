#!/usr/bin/env python3
"""What the heap asks the kernel to promise, and a kernel that promises no more
than it has (vm.overcommit_memory 2).

Under that setting every private mapping that may be written is charged when it
is made, touched or not; a reservation without access is not. So the sum of such
mappings is counted, on any kernel. The setting is the whole machine's, so this
runs under it where it is set already, or as root with MHEAP_SET_OVERCOMMIT=yes,
which sets it for some seconds; otherwise it says that it did not.
"""
# ctest: serial

import os
import pathlib
import resource
import signal
import subprocess
import sys

BUILD = pathlib.Path(os.environ["MHEAP_BUILD_DIR"])
PRELOAD = BUILD / "lib" / "libmheap_malloc.so"
SETTING = pathlib.Path("/proc/sys/vm/overcommit_memory")
KIB = 1 << 10
MIB = 1 << 20

# 32 MiB for the map of arenas; the heap makes pages writable some at a time.
MOST = 56 * MIB

# Holds 8 MB, and says what would be charged.
PROGRAM = """
held = [bytes([i % 251]) * 1000 for i in range(8000)]
charged = 0
with open("/proc/self/maps") as maps:
    for line in maps:
        place, rights = line.split()[:2]
        start, end = (int(text, 16) for text in place.split("-"))
        charged += end - start if rights[1] == "w" and rights[3] == "p" else 0
assert all(one[999] == i % 251 for i, one in enumerate(held))
print(charged)
"""


def check(condition, text):
    if not condition:
        print(f"FAILED: {text}", file=sys.stderr)
        sys.exit(1)


def run(words, preload=True, space=None):
    """What the program printed."""
    env = dict(os.environ, PYTHONMALLOC="malloc")
    if preload:
        env["LD_PRELOAD"] = str(PRELOAD)
    limit = (lambda: resource.setrlimit(resource.RLIMIT_AS, (space, space))) \
        if space else None
    done = subprocess.run([str(word) for word in words], env=env, text=True,
                          preexec_fn=limit, capture_output=True, timeout=60,
                          check=False)
    check(done.returncode == 0, f"{words[0]}: {done.returncode} {done.stderr}")
    return done.stdout


def little_is_charged():
    words = [sys.executable, "-c", PROGRAM]
    more = int(run(words)) - int(run(words, preload=False))
    print(f"{more // KIB} KiB more are charged than with another heap")
    check(more <= MOST, f"{more} bytes more are charged, {MOST} allowed")


def it_starts_and_serves():
    run([BUILD / "bin" / "probe_start", 8])
    run([BUILD / "bin" / "probe_start", 8], space=32 * MIB)
    little_is_charged()
    print("8 MB are served under overcommit 2, also in 32 MiB of addresses")


def stop(number, frame):
    sys.exit(f"ended by signal {number}")


def main():
    little_is_charged()
    before = SETTING.read_text().strip()
    if before == "2":
        it_starts_and_serves()
        return
    if os.environ.get("MHEAP_SET_OVERCOMMIT") != "yes":
        print(f"not run under overcommit 2: it is {before} here, and "
              "MHEAP_SET_OVERCOMMIT is not yes")
        return
    signal.signal(signal.SIGTERM, stop)
    try:
        SETTING.write_text("2")
        it_starts_and_serves()
    finally:
        SETTING.write_text(before)


if __name__ == "__main__":
    main()
