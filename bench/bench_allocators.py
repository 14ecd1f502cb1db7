"""Which allocators there are, where they lie, and how to preload one."""

import glob
import os
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
RESERVED = ("mimalloc-v3", "snmalloc", "rpmalloc")

SUBJECT = "mheap"
# The same library without its checks: no allocator of its own, it shows what
# the checks cost.
UNCHECKED = "mheap-unchecked"

# Ratios are taken to the first of these that runs.
REFERENCES = ("mimalloc-v3", "mimalloc")


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


def find_built(name, build):
    library = os.path.join(build, "lib", "libmheap_malloc.so")
    missing = "" if os.path.exists(library) else f"not built: {library}"
    return Allocator(name, library, missing)


def find_peer(name, package, pattern):
    # Debug variants sort behind and are never wanted.
    matches = sorted(p for p in glob.glob(pattern) if "debug" not in p)
    if not matches:
        return Allocator(name, missing=f"{NOT_RUN} (Debian: {package})")
    return Allocator(name, matches[0])


def find_allocators(build, given):
    """All allocators in table order. The build without checks lies beside the
    build, in BUILD-unchecked. `given` maps names to paths and may replace any
    of the known ones."""
    found = {SUBJECT: find_built(SUBJECT, build),
             "glibc": Allocator("glibc")}
    for name, package, pattern in PEERS:
        found[name] = find_peer(name, package, pattern)
    for name in RESERVED:
        found[name] = Allocator(name, missing=NOT_RUN)
    unchecked = os.path.normpath(build) + "-unchecked"
    found[UNCHECKED] = find_built(UNCHECKED, unchecked)
    for name, path in given.items():
        if not os.path.isfile(path):
            raise PreloadError(f"--with {name}={path}: no such file")
        found[name] = Allocator(name, os.path.abspath(path))
    return found


def choose_allocators(found, names):
    """The allocators to run, in order; ValueError when one cannot be run that
    was asked for, or when mheap itself is not built."""
    if not names:
        if not found[SUBJECT].usable:
            raise ValueError(f"{SUBJECT}: {found[SUBJECT].missing}; build it, "
                             "or name the others with --allocators")
        return [a for a in found.values() if a.usable]
    chosen = []
    for name in names.split(","):
        allocator = found.get(name)
        if allocator is None:
            raise ValueError(f"no allocator named {name}; "
                             f"known: {', '.join(found)}")
        if not allocator.usable:
            raise ValueError(f"{name}: {allocator.missing}")
        chosen.append(allocator)
    return chosen


def choose_reference(allocators):
    """The name the ratios are taken to when nobody named one."""
    names = {a.name for a in allocators}
    return next((name for name in REFERENCES if name in names),
                REFERENCES[-1])


def environment(allocator):
    """A bare environment: no tuning variable of any allocator leaks in."""
    env = {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C"}
    if allocator.path:
        env["LD_PRELOAD"] = os.path.realpath(allocator.path)
    return env
