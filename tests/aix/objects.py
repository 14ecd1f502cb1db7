#!/usr/bin/env python3
"""objects.py TREE - what a build for AIX made, looked at without AIX.

Every member of the library must be an XCOFF object of the target's width; every
name it does not define itself must be one of AIX's that the project declares
(include/ beside this file) or that the compiler may call. That catches a header
of this machine that slipped in, and nothing about values.
"""

import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
# What clang calls for what C code does not name.
COMPILER = re.compile(r"(___?(bzero|memmove|memset|memcpy|memcmp)\d*|memchr|"
                      r"__atomic_\w+|__get_tpointer|__tls_get_\w+|"
                      r"__[u]?(div|mod)di3|_GLOBAL__\w+|_\w*TOC\w*|TOC|"
                      r"environ|bcmp)$")


def run(*command):
    return subprocess.run(command, capture_output=True, text=True,
                          check=True).stdout


def declared():
    text = "\n".join(p.read_text() for p in HERE.glob("include/**/*.h"))
    return set(re.findall(r"\b(\w+)\([^()]*(?:\([^()]*\)[^()]*)*\);", text))


def names(archive):
    """(defined, undefined); a function's code is its name with a dot."""
    defined, undefined = set(), set()
    for line in run("llvm-nm-19", archive).splitlines():
        found = re.match(r"[0-9a-f]* *([A-Za-z]) (\S+)$", line)
        if found:
            which = undefined if found[1] in "Uw" else defined
            which.add(found[2].removeprefix(".").split("[")[0])
    return defined, undefined - defined


def say(name, wrong):
    print(f"aix: {name}: {'FAILED' if wrong else 'ok'}")
    for line in wrong:
        print(f"    {line}", file=sys.stderr)
    return bool(wrong)


def main():
    tree = pathlib.Path(sys.argv[1])
    archive = tree / "lib" / "libmheap.a"
    wide = "ppc64" in tree.name
    wanted = "aix5coff64-rs6000" if wide else "aixcoff-rs6000"
    formats = re.findall(r"^Format: (\S+)$", run("llvm-readobj-19",
                         "--file-headers", archive), re.MULTILINE)
    defined, undefined = names(archive)
    known = declared()
    failed = say(f"{len(formats)} objects of {wanted}",
                 [f for f in formats if f != wanted] or
                 ([] if formats else ["no object"]))
    failed |= say("every other name is AIX's or the compiler's",
                  sorted(n for n in undefined
                         if n not in known and not COMPILER.match(n)))
    failed |= say("the root record is there",
                  [] if "mheap_inspect_root" in defined else ["it is not"])
    return failed


if __name__ == "__main__":
    sys.exit(main())
