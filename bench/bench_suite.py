"""Public benchmark programs: found below --suite, run by way of bench_under."""

import os
import re

import bench_exec
from bench_allocators import NOT_RUN, RunError


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


def plan(job, context):
    """A function of an allocator and a repetition that returns a line, or
    words that say why there is none."""
    command = suite_command(context.suite, job)
    if command is None:
        return NOT_RUN

    def run(allocator, _rep):
        line, output = bench_exec.run_under(
            allocator, context.program("bench_under"), command)
        return suite_metrics(job, line, output)
    return run
