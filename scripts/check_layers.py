#!/usr/bin/env python3
"""check_layers.py - who may include whom, and where an OS may be named.

Reads the #include and #if lines of the product and compares them with the
tables below. A lower layer never includes a higher one; system headers appear
under platform/<os>, in tests and in bench only; core/ has no conditional on an
operating system, and names compilers and processors in three headers only. What
a thread has of its own is the backend's to reach: on some systems a thread-local
variable of the compiler's calls malloc.

Prints one line per violation, `file:line: what`, and exits 1 if there is any.
"""

import argparse
import pathlib
import re
import sys

# The core, lowest first. A layer includes itself and what stands to its left.
CORE_ORDER = ["base", "sys", "meta", "page", "scav", "specials", "heap",
              "prof", "gc", "api", "override"]
CORE_ALIAS = {"gc_none": "gc"}

SEAMS = {"os.h", "os_thread.h", "os_tls.h", "os_info.h", "os_trap.h",
         "target.h"}
# A seam includes core/base/attr.h. Three go further: os_thread.h and os_trap.h
# report failure as mh_os_err, and whoever may include them may include os.h
# too; os_tls.h lets the build name the header that reaches the thread's pointer
# inline.
SEAM_INCLUDES_SEAM = {("platform/os_thread.h", "platform/os.h"),
                      ("platform/os_trap.h", "platform/os.h")}
COMPUTED_INCLUDES = {("platform/os_tls.h", "MH_OS_TLS_HEADER")}

# Which seams a layer may include. The backends implement them all.
SEAM_USERS = {
    "core/sys": {"os.h", "os_thread.h", "os_info.h", "os_trap.h"},
    "core/heap": {"os_tls.h"},
    "core/api": {"os_tls.h"},
    "inspect": {"target.h"},
    "tools": {"target.h"},
    "backend": SEAMS,
}

C_TYPES = {"stddef.h", "stdint.h", "stdbool.h"}
C_PURE = C_TYPES | {"errno.h", "float.h", "inttypes.h", "limits.h",
                    "stdalign.h", "stdarg.h", "stdatomic.h", "stdnoreturn.h",
                    "string.h"}
C_ALL = C_PURE | {"assert.h", "ctype.h", "locale.h", "math.h", "setjmp.h",
                  "signal.h", "stdio.h", "stdlib.h", "time.h"}
ELF_HEADERS = {"elf.h", "gelf.h", "libelf.h", "dwarf.h"}
TOOL_LIBRARIES = re.compile(r"(json-c|elfutils)/|json\.h$|ncurses\.h$")
# `heapctl run` starts a program and waits for it, and the terminal has a
# width; nothing else in the tools talks to the system but through target.h.
PROCESS_HEADERS = {"fcntl.h", "poll.h", "pwd.h", "spawn.h", "unistd.h",
                   "sys/ioctl.h", "sys/mman.h", "sys/resource.h", "sys/stat.h",
                   "sys/types.h", "sys/wait.h", "io.h", "windows.h"}

# The allocation symbols are declared by libc in these.
OVERRIDE_HEADERS = {"stdlib.h", "malloc.h", "malloc/malloc.h"}

OS_NAMES = re.compile(
    r"\b(_?_?WIN32(__)?|_?WIN64|__MINGW\w+__|__CYGWIN__|_?_?linux(__)?|"
    r"__gnu_linux__|__ANDROID__|__APPLE__|__MACH__|TARGET_OS_\w+|_AIX\w*|"
    r"_?_?unix(__)?|__(Free|Net|Open)BSD__|__DragonFly__|__sun|__HAIKU__|"
    r"__wasi__|__EMSCRIPTEN__|__GLIBC__|__BIONIC__)\b")
COMPILER_NAMES = re.compile(
    r"\b(__GNUC__|__clang__|_MSC_VER|__has_(feature|builtin|attribute)|"
    r"__SANITIZE_\w+__|__(x86_64|amd64|i386|aarch64|arm|mips|powerpc|"
    r"powerpc64|s390x|riscv)__|__riscv|__wasm\w*__|_M_(X64|IX86|ARM64))\b")
COMPILER_HOME = {"core/base/attr.h", "core/base/bits.h", "core/base/atomic.h"}

# What a thread has of its own goes through os_tls.h. The second is a check of
# debug builds.
THREAD_LOCAL = re.compile(r"\b(MH_THREAD_LOCAL|__thread|_Thread_local)\b")
THREAD_LOCAL_HOME = {"core/base/attr.h", "core/sys/lock.c"}

CONDITIONAL = re.compile(r"^\s*#\s*(if|ifdef|ifndef|elif)\b(.*)")
INCLUDE = re.compile(r"^\s*#\s*include\b\s*(.*)")
TARGET = re.compile(r'^(?:"([^"]+)"|<([^>]+)>)')

PRODUCT = ["core", "platform", "inspect", "tools", "include", "bench"]


def layer_of(path):
    """The layer a file of the tree belongs to, or None outside the product."""
    parts = path.split("/")
    if path.startswith("include/mheap/"):
        return "public"
    if parts[0] == "core" and len(parts) == 3:
        return "core/" + CORE_ALIAS.get(parts[1], parts[1])
    if parts[0] == "platform":
        return "seam" if len(parts) == 2 else "backend"
    if parts[0] in ("inspect", "tools", "bench", "tests"):
        return parts[0]
    return None


def resolve(root, source, quoted, angled):
    """The path in the tree an include names, or None for a system header."""
    name = quoted or angled
    if name.startswith("mheap/"):
        return "include/" + name
    if angled:
        return None
    beside = str(pathlib.PurePosixPath(source).parent / name)
    if "/" not in name and (root / beside).exists():
        return beside
    return name


def core_may_include(layer, source, target, to):
    rank = {f"core/{name}": i for i, name in enumerate(CORE_ORDER)}
    if layer not in rank:
        return f"no layer named {layer}"
    if to in rank:
        if rank[to] <= rank[layer]:
            return None
        return f"{layer} may not include {to}, a higher layer ({target})"
    if to == "public":
        # The root record is a format, and its writer needs the format's header.
        if source == "core/heap/root.c" and target in (
                "include/mheap/inspect.h", "include/mheap/version.h"):
            return None
        return (None if layer in ("core/api", "core/override") else
                f"only core/api includes public headers ({target})")
    return f"{layer} may not include {target}"


def backend_may_include(source, target, to):
    own = source.split("/")[1]
    folder = target.split("/")[1] if to == "backend" else None
    if to == "core/base" or folder in (own, "posix"):
        return None
    # The simulator's host may be Windows.
    if own == "sim" and folder in ("windows", "wasm") and target.split(
            "/")[2].startswith((f"{folder}_", "tls_")):
        return None
    # The simulator enforces the state rules, which are written once.
    if own == "sim" and target == "core/sys/region.h":
        return None
    return f"platform/{own} may not include {target}"


def tree_include_fault(layer, source, target):
    """Why `source` may not include `target`, a file of ours; None if it may."""
    to = layer_of(target)
    if layer == "bench" and source.split("/")[-1].startswith("bench_micro_"):
        return None
    if to == "seam":
        name = target.split("/")[-1]
        if name not in SEAMS:
            return f"{target} is not one of the seams"
        allowed = ((source, target) in SEAM_INCLUDES_SEAM if layer == "seam"
                   else name in SEAM_USERS.get(layer, ()))
        return None if allowed else f"{layer} may not include {target}"
    if layer == "public":
        return (None if to == "public" else
                f"public headers include only each other, not {target}")
    if layer == "seam":
        return (None if target == "core/base/attr.h" else
                f"a seam includes only core/base/attr.h, not {target}")
    if layer == "backend":
        return backend_may_include(source, target, to)
    if layer.startswith("core/"):
        return core_may_include(layer, source, target, to)
    allowed = {
        "inspect": to in ("inspect", "core/base")
        or target == "include/mheap/inspect.h",
        "tools": to in ("tools", "inspect", "core/base", "public"),
        "bench": to in ("bench", "public"),
    }
    return None if allowed[layer] else f"{layer} may not include {target}"


def system_include_fault(layer, source, name):
    """Why `source` may not include <name>; None if it may."""
    base = source.split("/")[-1]
    if layer in ("backend", "bench"):
        return None
    if layer == "public":
        allowed = name in C_TYPES
    elif layer == "seam":
        allowed = name in C_PURE
    elif layer == "core/override" or (layer == "core/api"
                                      and base.startswith("override_")):
        allowed = name in C_PURE | OVERRIDE_HEADERS
    elif layer.startswith("core/"):
        allowed = name in C_PURE
    elif layer == "inspect":
        allowed = name in C_ALL | ELF_HEADERS
    else:
        allowed = (name in C_ALL | ELF_HEADERS
                   or bool(TOOL_LIBRARIES.match(name))
                   or (base.startswith("run_") and name in PROCESS_HEADERS))
    return None if allowed else f"{layer} may not include <{name}>"


def include_fault(root, source, text):
    layer = layer_of(source)
    match = TARGET.match(text)
    if not match and (source, text.strip()) in COMPUTED_INCLUDES:
        return None
    if not match:
        return f"the name of an included file must be plain: {text}"
    target = resolve(root, source, match.group(1), match.group(2))
    if target is None:
        return system_include_fault(layer, source, match.group(2))
    if not (root / target).exists() and not (root / (target + ".in")).exists():
        return f"{target} does not exist"
    return tree_include_fault(layer, source, target)


def conditional_fault(source, text):
    """A conditional asks for a feature (MH_HAVE_X), never for a system."""
    in_platform = source.startswith("platform/") and (
        source.count("/") > 1 or source == "platform/os_tls.h")
    named = OS_NAMES.search(text)
    if (named and not in_platform and not source.startswith("bench/")):
        return f"conditional on an operating system: {named.group(0)}"
    named = COMPILER_NAMES.search(text)
    if named and source.startswith("core/") and source not in COMPILER_HOME:
        return (f"conditional on a compiler or processor: {named.group(0)}; "
                "it belongs in core/base/{attr,bits,atomic}.h")
    return None


def logical_lines(text):
    """(number, line) with backslash continuations joined, comments cut."""
    pending, start = "", 0
    for number, line in enumerate(text.split("\n"), 1):
        start = start or number
        if line.endswith("\\"):
            pending += line[:-1] + " "
            continue
        yield start, re.sub(r"//.*", "", pending + line)
        pending, start = "", 0


def check_file(root, source):
    faults = []
    if layer_of(source) is None:
        return [f"{source}:1: the file belongs to no layer"]
    text = (root / source).read_text(encoding="utf-8")
    for number, line in logical_lines(text):
        fault = None
        include = INCLUDE.match(line)
        conditional = CONDITIONAL.match(line)
        if include:
            fault = include_fault(root, source, include.group(1))
        elif conditional:
            fault = conditional_fault(source, conditional.group(2))
        elif (source.startswith("core/") and THREAD_LOCAL.search(line)
              and source not in THREAD_LOCAL_HOME):
            fault = "a thread's own variable; reach it through os_tls.h"
        if fault:
            faults.append(f"{source}:{number}: {fault}")
    return faults


def product_files(root):
    for folder in PRODUCT:
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in (".c", ".h") and path.is_file():
                yield path.relative_to(root).as_posix()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--root", type=pathlib.Path,
                        default=pathlib.Path(__file__).resolve().parent.parent)
    root = parser.parse_args().root

    sources = list(product_files(root))
    faults = [fault for source in sources for fault in check_file(root, source)]
    print("\n".join(faults + [
        f"check_layers: {len(sources)} files, {len(faults)} violations"]))
    return 1 if faults or not sources else 0


if __name__ == "__main__":
    sys.exit(main())
