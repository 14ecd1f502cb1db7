#!/usr/bin/env python3
"""linux_386_live.py - heapctl of this machine reads a 32-bit program that runs.

Builds a program for linux/386 on libmheap.a, starts it, and asks a heapctl of
64 bits about it. What heapctl says is compared with what mheap_stats said to
the program. Where the kernel runs no such programs qemu-i386 does, at a
distance from the kernel's addresses that is chosen here; heapctl is then linked
with tests/linux/guest_target.c, which takes that distance off.

Usage: linux_386_live.py BUILD, a build for linux/386. Not one of the scripts
that every build runs: `./dev test --platform linux/386` does.
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
COMPILER = "i686-linux-gnu-gcc"
EMULATOR = "qemu-i386"
DISTANCE = "0x10000"
DEADLINE = 60  # seconds for any one thing


def check(what, condition, told):
    print(f"linux_386_live: {what}: {'ok' if condition else 'FAILED'}")
    if not condition:
        sys.exit(f"linux_386_live: {told}")


def build_heapctl(folder):
    """heapctl as this machine runs it, and the one for guests."""
    quiet = {"stdout": subprocess.DEVNULL, "check": True}
    subprocess.run(["cmake", "-S", str(ROOT), "-B", str(folder), "-G", "Ninja",
                    "-DCMAKE_BUILD_TYPE=RelWithDebInfo",
                    "-DMHEAP_TEST_PROGRAMS=OFF", "-DMHEAP_OVERRIDE=OFF"],
                   **quiet)
    subprocess.run(["cmake", "--build", str(folder), "--target", "heapctl",
                    "heapctl_guest"], **quiet)
    return folder / "bin"


def build_program(build):
    program = build / "stats_run"
    subprocess.run([COMPILER, "-O2", "-static", f"-I{ROOT}/include",
                    f"-I{build}/include",
                    str(ROOT / "tests/integration/stats_run.c"),
                    str(build / "lib/libmheap.a"), "-pthread", "-o",
                    str(program)], check=True)
    return program


def start(command):
    return subprocess.Popen(command, stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE, text=True)


def start_program(program, tools):
    """The process, and the heapctl that reads it."""
    try:
        return start([str(program)]), tools / "heapctl"
    except OSError:  # no such programs here
        pass
    if shutil.which(EMULATOR) is None:
        sys.exit(f"linux_386_live: no {EMULATOR}")
    os.environ["MHEAP_GUEST_BASE"] = DISTANCE
    return start([EMULATOR, "-B", DISTANCE, str(program)]), \
        tools / "heapctl_guest"


def heapctl(tool, *arguments):
    done = subprocess.run([str(tool), *arguments], stdin=subprocess.DEVNULL,
                          capture_output=True, timeout=DEADLINE, check=False,
                          text=True)
    return done.returncode, done.stdout or done.stderr


def same(what, ours, theirs):
    check(f"{what} are what the program says", ours == theirs, (ours, theirs))


def compare(document, own):
    """The page ends behind large objects are theirs for mheap_stats, and tails
    for heapctl: the two together are the same."""
    data = document["data"]
    books = {state: sum(book[f"{state}_bytes"] for book in data["books"])
             for state in ("reserved", "prepared", "ready")}
    check("a pointer has four bytes",
          document["target"]["pointer_bytes"] == own["pointer_bytes"] == 4,
          document["target"])
    same("objects", data["live_objects"], own["in_use_objects"])
    same("large objects", data["large_objects"], own["large_objects"])
    same("bytes and tails", data["live_bytes"] + data["tail_bytes"],
         own["in_use_bytes"] + own["tail_bytes"])
    same("cached bytes", data["cached_bytes"], own["cached_bytes"])
    same("free slots", data["free_slots_bytes"] + data["pending_bytes"],
         own["span_free_bytes"])
    same("pages by hand", data["manual_bytes"], own["manual_bytes"])
    same("spans", document["consistency"]["spans"], own["spans"])
    same("caches", data["caches"], own["caches"])
    same("metadata", data["metadata_bytes"], own["metadata_bytes"])
    same("limits' bytes", data["limits"]["counted_bytes"],
         own["counted_bytes"])
    for state, size in books.items():
        same(f"{state} bytes", size, own[f"{state}_bytes"])
    check("the books are what is reserved",
          data["reserved_difference_bytes"] == 0, data)
    check("the books are what is resident",
          data["difference_bytes"] == 0, data)
    check("nothing is found wrong",
          document["consistency"]["findings"] == 0, document["consistency"])


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    build = pathlib.Path(sys.argv[1]).resolve()
    tools = build_heapctl(build.parent / "tree-heapctl")
    process, tool = start_program(build_program(build), tools)
    with process:
        own = json.loads(process.stdout.readline())
        check("the program runs on mheap", own["in_use_objects"] > 10000, own)
        pid = str(process.pid)
        status, text = heapctl(tool, "stats", "--json", pid)
        check("heapctl stats reads it live", status == 0, text)
        compare(json.loads(text), own)
        status, text = heapctl(tool, "spans", "--json", pid)
        same("all spans", len(json.loads(text)["data"]["rows"]), own["spans"])
        process.stdin.close()
        check("it ends as it should", process.wait(DEADLINE) == 0,
              process.returncode)


if __name__ == "__main__":
    main()
