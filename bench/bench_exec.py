"""Runs a program under an allocator, and proves that the allocator meant is
the allocator measured."""

import json
import os
import re
import subprocess
import tempfile

from bench_allocators import Allocator, PreloadError, RunError, environment

SERVED = ("malloc", "calloc", "realloc", "free")


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


def call(command, env, timeout):
    try:
        done = subprocess.run(command, env=env, capture_output=True,
                              text=True, errors="replace", timeout=timeout,
                              stdin=subprocess.DEVNULL, check=False)
    except subprocess.TimeoutExpired:
        raise RunError(f"no end after {timeout} s") from None
    except OSError as error:
        raise RunError(str(error)) from None
    refuse_ignored_preload(done.stderr)
    return done


def refuse_ignored_preload(stderr):
    # The loader only warns when it ignores a preload.
    if "cannot be preloaded" in stderr:
        raise PreloadError(stderr.strip().splitlines()[0])


def say_failure(code, stderr):
    how = f"signal {-code}" if code < 0 else f"exit {code}"
    last = stderr.strip().splitlines()[-1:] or [""]
    return f"{how} {last[0]}".strip()


def run_program(allocator, program, arguments, others, timeout=300):
    """Runs one of bench/*.c under the allocator and returns its line."""
    done = call([program, *arguments], environment(allocator), timeout)
    return proven_line(allocator, done, others)


def proven_line(allocator, done, others):
    """The one line a program of ours printed, once its word is believed."""
    if done.returncode != 0:
        raise RunError(say_failure(done.returncode, done.stderr))
    lines = done.stdout.splitlines()
    if len(lines) != 1:
        raise RunError(f"{len(lines)} lines on standard output, not one")
    line = json.loads(lines[0])
    verify_preload(allocator, line, others)
    return line


def traced_libraries(library, command):
    """What the loader would load, in its order, without running the program:
    a program of somebody else prints no line that would prove the preload."""
    env = dict(environment(Allocator("traced", library)),
               LD_TRACE_LOADED_OBJECTS="1")
    return re.findall(r"(/\S+)", call(command[:1], env, 60).stdout)


def verify_traced(allocator, command):
    if not allocator.path:
        return
    wanted = os.path.realpath(allocator.path)
    names = traced_libraries(allocator.path, command)
    # The first to have a malloc serves it, and others may have one too.
    if not names or os.path.realpath(names[0]) != wanted:
        raise PreloadError(f"{allocator.name}: {command[0]} does not load "
                           f"{wanted} before all else")


def run_under(allocator, launcher, command, extra=None, drive=None,
              timeout=600):
    """Runs a program of somebody else by way of bench_under and returns its
    line and what it printed. `extra` joins its environment; `drive` is called
    while it runs, for a program that waits to be told what to do."""
    verify_traced(allocator, command)
    library = os.path.realpath(allocator.path) if allocator.path else "-"
    env = dict(environment(Allocator("none")), **(extra or {}))
    with tempfile.TemporaryDirectory() as folder:
        report = os.path.join(folder, "report.json")
        started = [launcher, report, library, *command]
        if drive is None:
            done = call(started, env, timeout)
        else:
            done = call_driven(started, env, timeout, drive)
        if done.returncode != 0:
            raise RunError(say_failure(done.returncode, done.stderr))
        with open(report, encoding="utf-8") as file:
            line = json.load(file)
    if line["signal"] or line["exit"]:
        code = -line["signal"] if line["signal"] else line["exit"]
        raise RunError(say_failure(code, done.stderr))
    return line, done.stdout + done.stderr


def call_driven(command, env, timeout, drive):
    """As call, with drive(process) while the program runs. Whatever goes
    wrong, the program and its children have ended when this returns."""
    with tempfile.TemporaryFile("w+", errors="replace") as output, \
            subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL,
                             stdout=output, stderr=subprocess.STDOUT,
                             start_new_session=True) as process:
        try:
            drive(process)
            process.wait(timeout)
        except (OSError, subprocess.SubprocessError) as error:
            raise RunError(f"{os.path.basename(command[3])}: {error}") \
                from None
        finally:
            if process.poll() is None:
                os.killpg(process.pid, 9)
        output.seek(0)
        text = output.read()
    refuse_ignored_preload(text)
    return subprocess.CompletedProcess(command, process.returncode, "", text)


def public_line(line):
    """The line without paths of this machine: file names are enough."""
    cleaned = dict(line)
    if "serves" in line:
        cleaned["serves"] = sorted({os.path.basename(path)
                                    for path in line["serves"].values()})
        cleaned["libraries"] = [os.path.basename(path)
                                for path in line["libraries"]]
    return cleaned
