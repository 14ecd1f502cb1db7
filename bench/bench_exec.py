"""Finds allocators and programs, runs one under the other, and proves that the
allocator meant is the allocator measured."""

import glob
import json
import os
import re
import subprocess
import tempfile
from dataclasses import dataclass

NOT_RUN = "not run: give a path"

# Debian's peers. A pattern may match several versions; the first of the sorted
# matches is the name the package promises.
PEERS = (
    ("mimalloc", "libmimalloc2.0", "/usr/lib/*/libmimalloc.so.2*"),
    ("jemalloc", "libjemalloc2", "/usr/lib/*/libjemalloc.so.2"),
    ("tcmalloc", "libtcmalloc-minimal4",
     "/usr/lib/*/libtcmalloc_minimal.so.4"),
)

# Allocators that belong in the comparison but not in Debian: named in every
# table, run when given by --with NAME=PATH.
RESERVED = ("mimalloc-v3", "snmalloc", "rpmalloc", "mheap-unchecked")

SERVED = ("malloc", "calloc", "realloc", "free")


class PreloadError(Exception):
    """The library that served malloc is not the one under test."""


class RunError(Exception):
    """A program failed; it has no number, but others may."""


@dataclass(frozen=True)
class Allocator:
    name: str
    path: str = ""     # shared library to preload; empty for the C library
    missing: str = ""  # why it cannot be run; empty when it can

    @property
    def usable(self):
        return not self.missing


def find_peer(name, package, pattern):
    # Debug variants sort behind and are never wanted.
    matches = sorted(p for p in glob.glob(pattern) if "debug" not in p)
    if not matches:
        return Allocator(name, missing=f"{NOT_RUN} (Debian: {package})")
    return Allocator(name, matches[0])


def find_allocators(build, given):
    """All allocators in table order. `given` maps names to paths and may
    replace any of the known ones."""
    library = os.path.join(build, "lib", "libmheap_malloc.so")
    found = {}
    missing = "" if os.path.exists(library) else f"not built: {library}"
    found["mheap"] = Allocator("mheap", library, missing)
    found["glibc"] = Allocator("glibc")
    for name, package, pattern in PEERS:
        found[name] = find_peer(name, package, pattern)
    for name in RESERVED:
        found[name] = Allocator(name, missing=NOT_RUN)
    for name, path in given.items():
        if not os.path.isfile(path):
            raise PreloadError(f"--with {name}={path}: no such file")
        found[name] = Allocator(name, os.path.abspath(path))
    return found


def environment(allocator):
    """A bare environment: no tuning variable of any allocator leaks in."""
    env = {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C"}
    if allocator.path:
        env["LD_PRELOAD"] = os.path.realpath(allocator.path)
    return env


def verify_preload(allocator, line, others):
    """Raises PreloadError unless the JSON line proves that `allocator` served
    malloc and its kin. `others` are the paths that must not be loaded."""
    serves = {name: os.path.realpath(line["serves"][name])
              for name in SERVED}
    loaded = {os.path.realpath(path) for path in line["libraries"]}
    if allocator.path:
        wanted = os.path.realpath(allocator.path)
        if wanted not in loaded:
            raise PreloadError(f"{allocator.name}: {wanted} was not loaded")
        for name, path in serves.items():
            if path != wanted:
                raise PreloadError(f"{allocator.name}: {name} comes from "
                                   f"{path}, not from {wanted}")
        return
    for path in set(serves.values()):
        if not re.match(r"libc[.-]", os.path.basename(path)):
            raise PreloadError(f"{allocator.name}: malloc comes from {path}")
    intruders = loaded & {os.path.realpath(path) for path in others if path}
    if intruders:
        raise PreloadError(f"{allocator.name}: also loaded: "
                           f"{', '.join(sorted(intruders))}")


def _call(command, env, timeout):
    try:
        done = subprocess.run(command, env=env, capture_output=True,
                              text=True, errors="replace", timeout=timeout,
                              stdin=subprocess.DEVNULL, check=False)
    except subprocess.TimeoutExpired:
        raise RunError(f"no end after {timeout} s") from None
    except OSError as error:
        raise RunError(str(error)) from None
    # The loader only warns when it ignores a preload.
    if "cannot be preloaded" in done.stderr:
        raise PreloadError(done.stderr.strip().splitlines()[0])
    return done


def _say_failure(code, stderr):
    how = f"signal {-code}" if code < 0 else f"exit {code}"
    last = stderr.strip().splitlines()[-1:] or [""]
    return f"{how} {last[0]}".strip()


def run_program(allocator, program, arguments, others, timeout=300):
    """Runs one of bench/*.c under the allocator and returns its line."""
    done = _call([program, *arguments], environment(allocator), timeout)
    if done.returncode != 0:
        raise RunError(_say_failure(done.returncode, done.stderr))
    lines = done.stdout.splitlines()
    if len(lines) != 1:
        raise RunError(f"{len(lines)} lines on standard output, not one")
    line = json.loads(lines[0])
    verify_preload(allocator, line, others)
    return line


def find_below(root, name, executable):
    """The path of a file called name below root, nearest first, or None."""
    for folder, folders, files in os.walk(root):
        folders.sort()
        path = os.path.join(folder, name)
        if name in files and os.access(path, os.X_OK) == executable:
            return os.path.abspath(path)
    return None


def suite_command(root, job):
    """The command of a public program, or None when it is not below root.
    An argument "@file" is a file that comes with the suite."""
    program = root and find_below(root, job.program, True)
    if not program:
        return None
    command = [program]
    for arg in job.args:
        if arg.startswith("@"):
            arg = find_below(root, arg[1:], False)
            if arg is None:
                return None
        command.append(arg)
    return command


def verify_traced(allocator, command):
    """Asks the loader what it would load, without running the program: a
    program of somebody else prints no line that would prove the preload."""
    if not allocator.path:
        return
    env = dict(environment(allocator), LD_TRACE_LOADED_OBJECTS="1")
    done = _call(command[:1], env, 60)
    wanted = os.path.realpath(allocator.path)
    names = re.findall(r"(/\S+)", done.stdout)
    if wanted not in {os.path.realpath(name) for name in names}:
        raise PreloadError(f"{allocator.name}: {command[0]} does not load "
                           f"{wanted}")


def suite_metrics(job, line, output):
    """Adds time per operation to the line of a fixed-time program."""
    metrics = {}
    if job.rate:
        match = re.search(job.rate, output)
        if match is None:
            raise RunError(f"{job.program} printed no rate")
        ops = float(match.group(1)) * job.rate_unit * job.run_seconds
        if ops <= 0:
            raise RunError(f"{job.program} did nothing")
        metrics["op_ns"] = line["cpu_s"] * 1e9 / ops
    return dict(line, metrics=metrics)


def run_suite(allocator, launcher, job, command, timeout=600):
    """Runs a public program under the allocator by way of bench_under."""
    verify_traced(allocator, command)
    library = os.path.realpath(allocator.path) if allocator.path else "-"
    with tempfile.TemporaryDirectory() as folder:
        report = os.path.join(folder, "report.json")
        bare = environment(Allocator("none"))
        done = _call([launcher, report, library, *command], bare, timeout)
        if done.returncode != 0:
            raise RunError(_say_failure(done.returncode, done.stderr))
        with open(report, encoding="utf-8") as file:
            line = json.load(file)
    if line["signal"] or line["exit"]:
        code = -line["signal"] if line["signal"] else line["exit"]
        raise RunError(_say_failure(code, done.stderr))
    return suite_metrics(job, line, done.stdout + done.stderr)


def public_line(line):
    """The line without paths of this machine: file names are enough."""
    cleaned = dict(line)
    if "serves" in line:
        cleaned["serves"] = sorted({os.path.basename(path)
                                    for path in line["serves"].values()})
        cleaned["libraries"] = [os.path.basename(path)
                                for path in line["libraries"]]
    return cleaned
