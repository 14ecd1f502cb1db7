#!/usr/bin/env python3
"""fast_path.py - how many instructions a malloc and a free that hit take.

Compiles the functions as the release build does and walks the machine code of
each from the first instruction, past every conditional jump, to the first
return: that is the path of a call whose cache has a slot, or room for one.
Prints `ARCHITECTURE malloc N free N ...`, one line for each compiler.

With --check, compares with tests/golden/fast_path.txt: the number of the
compiler that wrote the golden file exactly, others with one part in eight to
spare. --write writes what that compiler gives.
"""

import argparse
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
GOLDEN = ROOT / "tests/golden/fast_path.txt"
# Which functions, and where they are. The names of the inline ones go on with a
# sum of the size classes; _Znwm and _ZdlPv are new and delete.
SOURCES = {"core/override/override_malloc.c": ("malloc", "free"),
           "core/api/sized.c": ("mheap_free_sized",),
           "core/api/inline.c": ("mheap_malloc_class", "mheap_free_class"),
           "core/override/override_new.cc": ("_Znwm", "_ZdlPv")}
NAMES = [name for names in SOURCES.values() for name in names]
FLAGS = ["-O3", "-DNDEBUG", "-fPIC", "-fvisibility=hidden",
         "-fno-builtin", "-fno-omit-frame-pointer", "-momit-leaf-frame-pointer",
         "-ftls-model=initial-exec", "-D_GNU_SOURCE", "-DMH_DEBUG_LEVEL=0",
         "-DMH_CHECKS=1", "-DMH_CHECK_DELETE=0", "-DMH_CXX_IS_OPTIONAL=1",
         '-DMH_OS_NAME="linux"',
         '-DMH_OS_TLS_HEADER="platform/linux/tls_linux.h"']
# Where a call that hits ends, and a jump away from its path.
RETURN = {"x86_64": r"ret\b", "aarch64": r"ret\b"}
PLAIN_JUMP = {"x86_64": r"jmp\b", "aarch64": r"b\b(?!\.)"}
# Which of them have a C++ compiler beside them.
CXX = {"gcc": "g++"}
COMPILERS = (("x86_64", "gcc", "objdump"),
             ("aarch64", "aarch64-linux-gnu-gcc", "aarch64-linux-gnu-objdump"))


def run(*command):
    return subprocess.run(command, check=True, capture_output=True,
                          text=True).stdout


def compile_source(compiler, objdump, source, scratch):
    """The symbol table and the disassembly of one source."""
    output = scratch / "source.o"
    version = scratch / "mheap/version.h"
    version.parent.mkdir(exist_ok=True)
    version.write_text("#define MHEAP_VERSION_STRING \"0\"\n", encoding="utf-8")
    flags = [flag for flag in FLAGS
             if "x86" in run(compiler, "-dumpmachine") or
             flag != "-momit-leaf-frame-pointer"]
    language = "-std=c11"
    if source.endswith(".cc"):
        compiler, language = CXX[compiler], "-std=c++17"
    run(compiler, *flags, language, f"-I{ROOT}", f"-I{ROOT}/include",
        f"-I{scratch}", "-c", str(ROOT / source), "-o", str(output))
    symbols = run(objdump, "-t", str(output))
    return symbols, run(objdump, "-d", "--no-show-raw-insn", str(output))


def path_length(symbols, text, name, machine):
    """Instructions of a function from its first to its first return. It is
    found by its address: it has several names, and one of them is shown."""
    symbol = re.search(rf"^([0-9a-f]+) .*\.text\s.*\b{name}(?:_[0-9a-f]{{8}})?$", symbols,
                       re.MULTILINE)
    at = symbol.group(1) if symbol is not None else "none"
    body = re.search(rf"^{at} <\w+>:\n(.*?)(?:\n\n|\Z)", text,
                     re.MULTILINE | re.DOTALL)
    if body is None:
        sys.exit(f"fast_path: no {name} in the object")
    count = 0
    for line in body.group(1).splitlines():
        instruction = line.split("\t", 1)[1].strip()
        count += 1
        if re.match(RETURN[machine], instruction):
            return count
        if re.match(PLAIN_JUMP[machine], instruction):
            sys.exit(f"fast_path: {name} jumps away before it returns: "
                     f"{instruction}")
    sys.exit(f"fast_path: {name} does not return")


def measure(machine, compiler, objdump):
    counts = {}
    with tempfile.TemporaryDirectory() as scratch:
        for source, names in SOURCES.items():
            if source.endswith(".cc") and compiler not in CXX:
                continue
            symbols, text = compile_source(compiler, objdump, source,
                                           pathlib.Path(scratch))
            for name in names:
                counts[name] = path_length(symbols, text, name, machine)
    return counts


def major(compiler):
    return run(compiler, "-dumpversion").strip().split(".")[0]


def read_golden():
    """{machine: (compiler's major, {name: count})}"""
    golden = {}
    for line in GOLDEN.read_text(encoding="utf-8").splitlines():
        words = line.split()
        if words and not line.startswith("#"):
            golden[words[0]] = (words[2], {
                name: int(count)
                for name, count in zip(words[3::2], words[4::2])})
    return golden


def wrong(machine, compiler, counts, golden):
    """What is wrong with the counts of a compiler, or None."""
    version, wanted = golden[machine]
    same = major(compiler) == version
    for name, count in counts.items():
        most = wanted[name] if same else wanted[name] * 9 // 8
        if count > most or (same and count < wanted[name]):
            return (f"{machine}: {name} takes {count} instructions, "
                    f"{wanted[name]} in {GOLDEN.relative_to(ROOT)} "
                    f"(gcc {version})")
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    lines, faults = [], []
    for machine, compiler, objdump in COMPILERS:
        if shutil.which(compiler) is None:
            if options.check or options.write:
                faults.append(f"{machine}: there is no {compiler}")
            continue
        counts = measure(machine, compiler, objdump)
        lines.append(f"{machine} gcc {major(compiler)} " + " ".join(
            f"{name} {counts[name]}" for name in NAMES if name in counts))
        if options.check:
            faults.append(wrong(machine, compiler, counts, read_golden()))
    print("\n".join(lines))
    if options.write:
        GOLDEN.write_text("# Instructions of calls that hit; written by "
                          "scripts/fast_path.py --write.\n" +
                          "\n".join(lines) + "\n", encoding="utf-8")
    faults = [fault for fault in faults if fault is not None]
    for fault in faults:
        print(f"fast_path: {fault}", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
