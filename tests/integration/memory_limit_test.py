#!/usr/bin/env python3
"""Real programs under MHEAP_SOFT_LIMIT and MHEAP_HARD_LIMIT, preloaded.

What is resident stays below the soft limit while what they hold does; at the
hard limit they get ENOMEM and live on, also in a memory cgroup of 1.2 times as
much, from which the kernel would kill them. Where no such cgroup can be made,
the peak of resident memory stands for it, and the test says so.
"""
# ctest: serial

import json
import os
import pathlib
import resource
import signal
import subprocess
import sys
import uuid

BUILD = pathlib.Path(os.environ["MHEAP_BUILD_DIR"])
PRELOAD = BUILD / "lib" / "libmheap_malloc.so"
PROGRAM = BUILD / "bin" / "limit_run"
MIB = 1 << 20

SOFT = 52 * MIB
HARD = 64 * MIB


def check(condition, text):
    if not condition:
        print(f"FAILED: {text}", file=sys.stderr)
        sys.exit(1)


def run(words, inside=None, **limits):
    """Runs words preloaded; the exit status, the output and the peak."""
    env = dict(os.environ, LD_PRELOAD=str(PRELOAD), PYTHONMALLOC="malloc")
    for name, value in limits.items():
        env[f"MHEAP_{name}_LIMIT"] = str(value)
    enter = (lambda: (inside / "cgroup.procs").write_text("0")) if inside \
        else None
    done = subprocess.run([str(word) for word in words], env=env, text=True,
                          preexec_fn=enter, capture_output=True, timeout=300,
                          check=False)
    print("+", pathlib.Path(words[0]).name, words[1], limits, "->", done.returncode, done.stdout.strip(),
          done.stderr.strip())
    return done


def waves_stay_below_the_soft_limit():
    most = SOFT // 1024 * 102 // 100
    done = run([PROGRAM, "waves", most], SOFT=SOFT)
    check(done.returncode == 0, "more is resident than the soft limit")
    # The same without: the test would see it.
    done = run([PROGRAM, "waves", most])
    check(done.returncode != 0, "the waves do not need a limit")


# Half of the strings go, in pieces that the next ones do not fit into.
PYTHON_WAVES = """
import resource
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
before = peak()
for i in range(40):
    size = 33000 + 1000 * (i % 40)
    held = [bytes([k % 251]) * size for k in range((28 << 20) // (size + 60))]
    del held[::2]
    more = [bytes([k % 251]) * 600000 for k in range((14 << 20) // 600060)]
    assert all(len(one) == size for one in held[::100])
    del held, more
print(peak() - before)
"""


def python_stays_below_the_soft_limit():
    limit = 40 * MIB
    peaks = []
    for limits in {"SOFT": limit}, {}:
        done = run([sys.executable, "-c", PYTHON_WAVES], **limits)
        check(done.returncode == 0, "python failed under a soft limit")
        peaks.append(int(done.stdout) * 1024)
    check(peaks[0] <= limit * 1.02, "more of python is resident than allowed")
    check(peaks[1] > limit * 1.02, "python does not need a limit")


PYTHON_FULL = """
held = []
refused = 0
for turn in range(5):
    try:
        while True:
            held.append(bytearray(500000 + turn * 100000))
    except MemoryError:
        refused += 1
        del held[len(held) // 4:]
assert sum(held[0]) == 0
print('refused', refused)
"""


def python_survives_the_hard_limit():
    done = run([sys.executable, "-c", PYTHON_FULL], HARD=HARD)
    check(done.returncode == 0 and done.stdout.strip() == "refused 5",
          "python did not survive five refusals")


def heapctl_shows_the_limits():
    env = dict(os.environ, LD_PRELOAD=str(PRELOAD), MHEAP_SOFT_LIMIT="96M",
               MHEAP_HARD_LIMIT="1G")
    target = subprocess.Popen([sys.executable, "-c", "print(1, flush=True);"
                               "input()"], env=env, stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE)
    try:
        target.stdout.readline()
        done = subprocess.run([BUILD / "bin" / "heapctl", "stats", "--json",
                               str(target.pid)], capture_output=True,
                              check=True)
        limits = json.loads(done.stdout)["data"]["limits"]
        check(limits["soft_bytes"] == 96 * MIB and
              limits["hard_bytes"] == 1024 * MIB and
              limits["soft_left_bytes"] == 96 * MIB - limits["counted_bytes"],
              f"heapctl shows {limits}")
    finally:
        target.communicate(b"\n", timeout=60)


def own_group():
    """The folder of this process's memory cgroup, and its limit's file."""
    for line in pathlib.Path("/proc/self/cgroup").read_text().splitlines():
        _, kinds, path = line.split(":", 2)
        if "memory" in kinds.split(","):
            return (pathlib.Path("/sys/fs/cgroup/memory" + path),
                    "memory.limit_in_bytes")
    return pathlib.Path("/sys/fs/cgroup" + path), "memory.max"


def make_group(limit):
    """A memory cgroup that kills, or None."""
    try:
        folder, name = own_group()
        group = folder / f"mheap-{uuid.uuid4().hex[:12]}"
        group.mkdir()
    except OSError as error:
        print(f"no cgroup: {error}")
        return None
    try:
        (group / name).write_text(str(limit))
        done = run([PROGRAM, "touch", 2 * limit // MIB], inside=group)
        if done.returncode == -signal.SIGKILL:
            return group
        print("a cgroup does not kill here")
    except (OSError, subprocess.SubprocessError) as error:
        print(f"no limit for a cgroup: {error}")
    group.rmdir()
    return None


def the_hard_limit_keeps_the_kernel_away():
    room = HARD * 12 // 10
    group = make_group(room)
    if group is None:
        before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        done = run([PROGRAM, "full"], HARD=HARD)
        check(done.returncode == 0, "a program that was refused did not live")
        peak = int(done.stdout.split()[1])
        check(peak * 1024 <= HARD * 1.02, "more is resident than the limit")
        print(f"measured without a cgroup; {before} KiB before")
        return
    try:
        done = run([PROGRAM, "full"], inside=group, HARD=HARD)
        check(done.returncode == 0, "killed, or did not live, in a cgroup")
        done = run([PROGRAM, "waves", HARD // 1024], inside=group, SOFT=SOFT,
                   HARD=HARD + 4 * MIB)
        check(done.returncode == 0, "killed by waves in a cgroup")
        done = run([sys.executable, "-c", PYTHON_FULL], inside=group,
                   HARD=HARD - 8 * MIB)
        check(done.returncode == 0, "python was killed in a cgroup")
        print("measured in a memory cgroup")
    finally:
        group.rmdir()


def main():
    waves_stay_below_the_soft_limit()
    python_stays_below_the_soft_limit()
    python_survives_the_hard_limit()
    heapctl_shows_the_limits()
    the_hard_limit_keeps_the_kernel_away()


main()
