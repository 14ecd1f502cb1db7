"""real_program.py - runs programs of the system on mheap and watches them.

While a program runs with the library loaded first, heapctl counts the live
objects of it and of the processes it starts. A process that turns out to have
no mheap has lost its preload, and is a failure, as is a program nobody saw:
a run on the C library's malloc proves nothing.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import threading
import time

BUILD = pathlib.Path(os.environ["MHEAP_BUILD_DIR"])
PRELOAD = BUILD / "lib" / "libmheap_malloc.so"
HEAPCTL = BUILD / "bin" / "heapctl"
PAUSE = 0.05     # seconds between looks
SETTLED = 0.5    # seconds after which a process has surely been loaded

NO_TARGET, NO_MHEAP, PARTIAL = 3, 5, 6  # exits of heapctl


def fail(text):
    print(f"FAILED: {text}", file=sys.stderr)
    sys.exit(1)


def check(condition, text):
    if not condition:
        fail(text)


def process_name(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return None


def children_of(root):
    """The process and everything it has started, as long as it is there."""
    parents = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                stat = pathlib.Path(f"/proc/{entry}/stat").read_text()
            except OSError:
                continue
            parents[int(entry)] = int(stat.rpartition(")")[2].split()[1])
    found, grown = {root}, True
    while grown:
        more = {p for p, parent in parents.items() if parent in found}
        grown = not more <= found
        found |= more
    return found & set(parents)


class Watch(threading.Thread):
    """Looks into a process and its children until told to stop.

    seen: the most live objects found, by program name; reads: how many looks
    succeeded; lost: programs found without an mheap; problems: what else heapctl
    said, none of which may be.
    """

    def __init__(self, root, names):
        super().__init__(daemon=True)
        self.root, self.names = root, names
        self.ending = threading.Event()
        self.seen, self.reads = {}, 0
        self.lost, self.problems = set(), []
        self.first_met = {}

    def run(self):
        while not self.ending.wait(PAUSE):
            for pid in children_of(self.root):
                name = process_name(pid)
                if name in self.names:
                    self.look(pid, name)

    def stop(self):
        self.ending.set()
        self.join()

    def look(self, pid, name):
        met = self.first_met.setdefault((pid, name), time.monotonic())
        look = subprocess.run([HEAPCTL, "stats", "--json", str(pid)],
                              capture_output=True, text=True, timeout=60,
                              check=False, stdin=subprocess.DEVNULL)
        if look.returncode in (0, PARTIAL):
            self.take(name, look.stdout)
        elif look.returncode == NO_MHEAP:
            # A process between fork and exec, or not yet through its loader.
            still = process_name(pid) == name
            if still and time.monotonic() - met > SETTLED:
                self.lost.add(name)
        elif look.returncode != NO_TARGET:
            self.problems.append(f"{name}: exit {look.returncode}: "
                                 f"{look.stderr.strip()}")

    def take(self, name, text):
        data = json.loads(text)["data"]
        self.reads += 1
        self.seen[name] = max(self.seen.get(name, 0), data["live_objects"])

    def judge(self, least):
        check(not self.lost, f"without an mheap: {sorted(self.lost)}")
        check(not self.problems, "heapctl: " + "; ".join(self.problems[:5]))
        for name in self.names:
            check(self.seen.get(name, 0) >= least,
                  f"{name}: heapctl saw {self.seen.get(name, 0)} live objects, "
                  f"fewer than {least}")
        shown = ", ".join(f"{n} {c}" for n, c in sorted(self.seen.items()))
        print(f"  heapctl looked {self.reads} times; most live objects: "
              f"{shown}")


class Done:
    def __init__(self, status, out, err):
        self.status, self.out, self.err = status, out, err


def environment(preload, extra):
    env = {k: v for k, v in os.environ.items()
           if not k.startswith(("MHEAP_", "LD_PRELOAD", "PYTHON", "GIT_"))}
    env.update({"LC_ALL": "C", "TZ": "UTC"})
    env.update(extra or {})
    if preload:
        env["LD_PRELOAD"] = str(PRELOAD)
    return env


def run(command, names=None, least=100, cwd=None, env=None, stdin=None):
    """Runs a command; on mheap and watched when names are given.

    Returns its status and output. names are the programs that must be seen
    with at least `least` live objects each.
    """
    started = time.monotonic()
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = subprocess.Popen(
            [str(part) for part in command], cwd=cwd, stdout=out, stderr=err,
            stdin=stdin or subprocess.DEVNULL,
            env=environment(names is not None, env))
        watch = Watch(process.pid, names) if names else None
        if watch:
            watch.start()
        status = process.wait()
        if watch:
            watch.stop()
        out.seek(0)
        err.seek(0)
        done = Done(status, out.read(), err.read())
    where = "mheap" if names else "libc"
    print(f"{where}: {pathlib.Path(str(command[0])).name}: "
          f"{time.monotonic() - started:.1f} s, exit {status}")
    if watch:
        show = done.err.decode(errors="replace")
        check(status >= 0, f"ended by signal {-status}: {show[-2000:]}")
        watch.judge(least)
    sys.stdout.flush()
    return done


def same(what, on_libc, on_mheap):
    """Both ran with the same status and output."""
    for part in ("status", "out", "err"):
        a, b = getattr(on_libc, part), getattr(on_mheap, part)
        if a != b:
            fail(f"{what}: {part} differs from libc's:\n"
                 f"--- libc\n{tail(a)}\n--- mheap\n{tail(b)}")


def tail(value):
    return value[-3000:].decode(errors="replace") if isinstance(
        value, bytes) else value


def need(*programs):
    """Paths of the system's programs; nothing is skipped for want of one."""
    found = []
    for program in programs:
        path = next((p for p in (f"/usr/bin/{program}", f"/bin/{program}")
                     if os.access(p, os.X_OK)), None)
        check(path, f"{program} is not installed; ./dev setup installs it")
        found.append(path)
    check(PRELOAD.exists(), f"{PRELOAD} is not built")
    check(HEAPCTL.exists(), f"{HEAPCTL} is not built")
    return found if len(found) > 1 else found[0]
