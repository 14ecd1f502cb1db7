#!/usr/bin/env python3
"""Puts real output into README.md, between its markers.

    ./dev test | tee build/test.log
    scripts/readme_output.py build/test.log

Runs ./dev demo and a program with a double free, and takes the closing lines of
the given log of ./dev test. Nothing else in README.md changes."""

import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent

BAD = """#include <mheap/mheap.h>
int main(void) {
    char *text = mheap_malloc(100);
    mheap_free(text);
    mheap_free(text);
}
"""


def section(text, start, end):
    """The lines of text from the one that starts with `start` to `end`."""
    found = re.search(rf"^{re.escape(start)}.*?(?=^{end})", text, re.M | re.S)
    if not found:
        sys.exit(f"readme_output: no '{start}' in the output")
    return found.group(0).rstrip()


def run_demo():
    done = subprocess.run([ROOT / "dev", "demo"], text=True, check=True,
                          stdout=subprocess.PIPE)
    stats = section(done.stdout, "$ heapctl stats", r"\s*$\n== ")
    what = section(done.stdout, "$ heapctl what", r"\s*$\n== ")
    stopped = section(done.stdout[done.stdout.index("Was it stopped"):],
                      "                      answers", r"\(heapctl")
    return "\n\n".join([stats, what, stopped])


def run_bad_free():
    release = ROOT / "build/release"
    with tempfile.TemporaryDirectory() as folder:
        source = pathlib.Path(folder) / "bad.c"
        source.write_text(BAD)
        program = pathlib.Path(folder) / "bad"
        subprocess.run(["cc", source, f"-I{ROOT}/include",
                        f"-I{release}/include", "-o", program,
                        release / "lib/libmheap.a"], check=True)
        done = subprocess.run([program], text=True, stderr=subprocess.PIPE)
    return done.stderr.strip()


def closing(path):
    lines = pathlib.Path(path).read_text().splitlines()
    for number in range(len(lines) - 1, -1, -1):
        if re.match(r"\d+% tests passed", lines[number]):
            return lines[number]
    sys.exit(f"readme_output: {path} has no closing line of ctest")


def put(readme, name, text):
    pattern = rf"(<!-- {name}:begin -->\n).*?(<!-- {name}:end -->)"
    changed, count = re.subn(
        pattern, lambda m: f"{m[1]}```\n{text}\n```\n{m[2]}", readme,
        flags=re.S)
    if count != 1:
        sys.exit(f"readme_output: README.md has no markers for {name}")
    return changed


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: scripts/readme_output.py LOG-OF-DEV-TEST")
    path = ROOT / "README.md"
    readme = path.read_text()
    readme = put(readme, "test", closing(sys.argv[1]))
    readme = put(readme, "demo", run_demo())
    readme = put(readme, "badfree", run_bad_free())
    path.write_text(readme)


if __name__ == "__main__":
    main()
