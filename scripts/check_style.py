#!/usr/bin/env python3
"""check_style.py - the rules of style that a formatter does not know.

  - a function body has at most 70 lines, a file 600 (or its header comment
    says "Long because ...");
  - // comments only; nothing left to do, nothing switched off;
  - 80 columns in C, spaces only, no blanks at line ends, a final newline;
  - a C file begins `// name.c - what it is.`, and no two files that could
    stand in one stack trace share a name;
  - no page size written as a number in core/, generated tables apart;
  - no typedef of a tagged struct, union or enum, and no typedef named *_t.

Prints one line per violation, `file:line: what`, then the lines of product
and of test. --strict also fails when there are fewer of test. Exits 1 then.
"""

import argparse
import os
import pathlib
import re
import subprocess
import sys

MAX_FUNCTION = 70
MAX_FILE = 600
MAX_COLUMNS = 80

TEXT = {".c", ".h", ".cc", ".cpp", ".in", ".py", ".sh", ".md", ".cmake",
        ".txt", ".json", ".map", ""}
CODE = {".c", ".h", ".cc", ".cpp", ".py", ".sh", ".cmake"}
C_FILES = {".c", ".h"}
NAMED_OFTEN = {"platform.cmake"}  # one for each system
# What stands in for a header of a system's has that header's name, and types
# whose names the system chose.
STANDS_IN = re.compile(r"tests/.*/include/(.*)")
NAMED_ONCE = ("core/", "platform/", "inspect/", "tools/", "tests/")
PRODUCT = ("core/", "platform/", "inspect/", "tools/", "include/")
SKIPPED_FOLDERS = {".git", "build", "__pycache__", ".cache"}

# Split so that this file does not find itself.
LEFT_TO_DO = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b")
BARE_PAGE = re.compile(r"\b(4096|0x1000)[uUlL]*\b")
NAMED_CONSTANT = re.compile(r"#\s*define\b|\b[A-Z][A-Z0-9_]+\s*=\s*(4096|0x1000)")
TYPEDEF_TAGGED = re.compile(r"^\s*typedef\s+(enum\b|(struct|union)\s+\w+\s*\{)")
TYPEDEF_T = re.compile(r"^\s*typedef\b.*\b\w+_t\s*;")


def tree_files(root):
    """Paths of the tree: what git knows or could know, else what is there."""
    if (root / ".git").exists():
        listing = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others",
             "--exclude-standard"],
            cwd=root, capture_output=True, check=False)
        if listing.returncode == 0:
            names = listing.stdout.decode().split("\0")
            return sorted(n for n in set(names) if n and (root / n).is_file())
    found = []
    for folder, subfolders, names in os.walk(root):
        subfolders[:] = [s for s in subfolders if s not in SKIPPED_FOLDERS]
        found += [(pathlib.Path(folder) / n).relative_to(root).as_posix()
                  for n in names]
    return sorted(found)


def blank_literals(text):
    """Comments and literals replaced by blanks, newlines kept.

    Returns (code, positions of block comments).
    """
    out, blocks, i = [], [], 0
    token = re.compile(
        r'//(?:\\\n|[^\n])*|/\*.*?(?:\*/|\Z)|"(?:\\.|[^"\\\n])*"|'
        r"'(?:\\.|[^'\\\n])*'", re.S)
    for match in token.finditer(text):
        out.append(text[i:match.start()])
        if match.group().startswith("/*"):
            blocks.append(match.start())
        quote = match.group()[0] if match.group()[0] in "\"'" else " "
        blank = re.sub(r"[^\n]", " ", match.group())
        if quote != " ":
            blank = quote + blank[1:-1] + quote
        out.append(blank)
        i = match.end()
    out.append(text[i:])
    return "".join(out), blocks


def blank_preprocessor(code):
    """Directives blanked, and every branch of a conditional but its first.

    Two branches may each open the same brace; the first alone is balanced.
    """
    out, dead, continued = [], [], False
    for line in code.split("\n"):
        directive = re.match(r"\s*#\s*(\w+)", line) if not continued else None
        keep = not continued and directive is None and not any(dead)
        continued = line.endswith("\\") and (continued or directive is not None)
        if directive:
            word = directive.group(1)
            if word in ("if", "ifdef", "ifndef"):
                dead.append(False)
            elif word in ("else", "elif") and dead:
                dead[-1] = True
            elif word == "endif" and dead:
                dead.pop()
        out.append(line if keep else "")
    return "\n".join(out)


def functions(code):
    """(line of the opening brace, lines of the body) of each function."""
    depth, line, head, start = 0, 1, "", 0
    for char in code:
        if char == "\n":
            line += 1
        if char == "{":
            if depth == 0 and re.search(r'extern\s*"\s*"\s*$', head):
                head = ""
                continue
            if depth == 0:
                start = line if is_function_head(head) else 0
            depth += 1
        elif char == "}":
            depth = max(depth - 1, 0)
            if depth == 0 and start:
                yield start, max(line - start - 1, 0)
            if depth == 0:
                head, start = "", 0
                continue
        if depth == 0:
            head = "" if char == ";" else head + char


def is_function_head(head):
    """A function's head ends in `)`, perhaps with attributes, and assigns
    nothing outside its parentheses."""
    flat, previous = head, None
    while flat != previous:
        previous, flat = flat, re.sub(r"\([^()]*\)", "@", flat)
    return bool(re.search(r"@(?:\s+\w+\b|\s*@)*\s*$", flat)) and "=" not in flat


def exempt(lines, number):
    """A NOLINT for size, its reason in the comment line above it."""
    for at in (number - 1, number - 2, number - 3):
        if 0 < at < len(lines) and re.search(
                r"NOLINT\w*\(.*function-size", lines[at]):
            return lines[at - 1].lstrip().startswith("//")
    return False


def header_comment(lines):
    taken = []
    for line in lines:
        if not line.startswith("//"):
            break
        taken.append(line)
    return "\n".join(taken)


def check_size(path, lines, code):
    if len(lines) > MAX_FILE and "Long because" not in header_comment(lines):
        yield 1, f"{len(lines)} lines, more than {MAX_FILE}"
    for number, length in functions(blank_preprocessor(code)):
        if length > MAX_FUNCTION and not exempt(lines, number):
            yield number, (f"a function of {length} lines, more than "
                           f"{MAX_FUNCTION}")


def check_c_line(path, raw, code):
    if len(raw) > MAX_COLUMNS and not re.search(r"https?://", raw):
        yield f"{len(raw)} columns, more than {MAX_COLUMNS}"
    if re.match(r"\s*#\s*if\s+0\s*$", code):
        yield "code switched off with #if 0"
    if (path.startswith("core/") and not path.endswith("_table.h")
            and BARE_PAGE.search(code) and not NAMED_CONSTANT.search(code)):
        yield "a page size written as a number"
    if TYPEDEF_TAGGED.match(code):
        yield "a typedef of a struct, union or enum with a tag"
    if TYPEDEF_T.match(code) and not STANDS_IN.match(path):
        yield "a typedef whose name ends in _t"


def check_c(path, text, lines):
    stand_in = STANDS_IN.match(path)
    name = stand_in[1] if stand_in else path.split("/")[-1]
    if not lines[0].startswith(f"// {name} - "):
        yield 1, f"the first line is not `// {name} - what it is.`"
    code, blocks = blank_literals(text)
    for position in blocks:
        yield text.count("\n", 0, position) + 1, "a block comment"
    yield from check_size(path, lines, code)
    for number, (raw, bare) in enumerate(zip(lines, code.split("\n")), 1):
        for fault in check_c_line(path, raw, bare):
            yield number, fault


def check_text(path, text, lines):
    suffix = pathlib.PurePosixPath(path).suffix
    if path.startswith("tests/golden/"):
        return
    if text and not text.endswith("\n"):
        yield len(lines), "no newline at the end of the file"
    for number, line in enumerate(lines, 1):
        if "\t" in line:
            yield number, "a tab"
        if line != line.rstrip():
            yield number, "blanks at the end of the line"
        if (suffix in CODE or "CMake" in path) and LEFT_TO_DO.search(line):
            yield number, f"something left to do: {LEFT_TO_DO.search(line)[0]}"


def check_file(root, path):
    try:
        text = (root / path).read_bytes().decode("utf-8")
    except UnicodeDecodeError:
        return [f"{path}:1: not UTF-8"]
    lines = text.split("\n")
    if lines[-1] == "" and len(lines) > 1:
        lines.pop()
    faults = list(check_text(path, text, lines))
    if pathlib.PurePosixPath(path).suffix in C_FILES:
        faults += check_c(path, text, lines)
    return [f"{path}:{number}: {what}" for number, what in sorted(faults)]


def check_names(paths):
    seen = {}
    for path in paths:
        name = path.split("/")[-1]
        if STANDS_IN.match(path):
            continue
        if not path.startswith(NAMED_ONCE) or "." not in name \
                or pathlib.PurePosixPath(name).suffix not in CODE \
                or name in NAMED_OFTEN:
            continue
        if name in seen:
            yield f"{path}:1: the name is taken by {seen[name]}"
        seen.setdefault(name, path)


def count_lines(root, paths, folders, suffixes):
    return sum((root / path).read_bytes().count(b"\n") for path in paths
               if path.startswith(folders)
               and pathlib.PurePosixPath(path).suffix in suffixes)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--root", type=pathlib.Path,
                        default=pathlib.Path(__file__).resolve().parent.parent)
    parser.add_argument("--strict", action="store_true",
                        help="fail when there is less test than product")
    options = parser.parse_args()
    root = options.root

    paths = tree_files(root)
    faults = list(check_names(paths))
    for path in paths:
        if pathlib.PurePosixPath(path).suffix in TEXT:
            faults += check_file(root, path)

    product = count_lines(root, paths, PRODUCT, {".c", ".h"})
    tests = count_lines(root, paths, ("tests/",),
                        {".c", ".h", ".cc", ".cpp", ".sh", ".py"})
    if options.strict and tests < product:
        faults.append(f"tests/: {tests} lines of test are fewer than "
                      f"{product} of product")
    print("\n".join(faults + [
        f"check_style: {len(paths)} files, {len(faults)} violations; "
        f"product {product} lines, tests {tests} lines"]))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
