#!/usr/bin/env python3
"""Writes core/heap/size_class_table.h, include/mheap/classes.h and the table
in docs/size-classes.md.

    gen_size_classes.py            write the files
    gen_size_classes.py --check    fail when one is not current
    gen_size_classes.py --print    print the table for a human

Every rule that the library relies on is proved here, for every class and
every offset, before anything is written.
"""

import argparse
import pathlib
import sys
import zlib

PAGE = 8192
SMALL_MAX = 32768
STEP_LIMIT = 1024  # looked up by the byte up to here, in steps of 128 above
SPAN_MAX = 128 << 10
MAX_SLOTS = 1024
MIN_SLOTS = 4
ALIGN_MAX = PAGE
INLINE_CALLS = 1  # counted up when the calls of include/mheap/inline.h change
MAX_WASTE = 0.125  # rounding and tail together, from 128 bytes up
CACHE_BYTES = 32768  # of one class in one thread's cache, at most
CACHE_SLOTS = 256
BATCH = 32  # more would leave the processor's cache again before their use

ROOT = pathlib.Path(__file__).resolve().parent.parent
HEADER = ROOT / "core/heap/size_class_table.h"
PUBLIC = ROOT / "include/mheap/classes.h"
DOC = ROOT / "docs/size-classes.md"
DOC_BEGIN = "<!-- begin generated table -->"
DOC_END = "<!-- end generated table -->"


class SizeClass:
    """One row: a slot size and the span that its slots are cut from."""

    def __init__(self, size, smaller):
        self.size = size
        self.smallest_request = smaller + 1
        self.npages = span_pages(size)
        self.nslots = min(self.npages * PAGE // size, MAX_SLOTS)
        self.magic = -(-(1 << 32) // size)
        self.cache_slots = max(2, min(CACHE_SLOTS, CACHE_BYTES // size))
        self.batch = min(BATCH, self.cache_slots // 2)
        self.first_slots = max(2, self.cache_slots // 32)

    @property
    def span(self):
        return self.npages * PAGE

    @property
    def tail(self):
        return self.span - self.nslots * self.size

    @property
    def worst(self):
        """The share of a full span lost when all requests are the smallest."""
        return 1 - self.nslots * self.smallest_request / self.span


def slot_sizes():
    """8, multiples of 16 to 128, then eight even steps to each doubling."""
    sizes = [8] + list(range(16, 128, 16))
    power = 128
    while power < SMALL_MAX:
        sizes += [power * (8 + eighth) // 8 for eighth in range(8)]
        power *= 2
    return sizes + [SMALL_MAX]


def span_pages(size):
    """The number of pages of a span; docs/size-classes.md says why."""
    if size == 8:
        return 1
    if size > STEP_LIMIT:
        # size = 2^n * eighths / 8 divides a span of `eighths` pages exactly.
        power = 1 << ((size - 1).bit_length() - 1)
        return size * 8 // power
    slots = 128 if size <= 512 else 64
    for npages in range(2, SPAN_MAX // PAGE + 1):
        span = npages * PAGE
        if span // size >= slots and span % size <= span // 100:
            return npages
    raise AssertionError(f"no span fits slots of {size} bytes")


def prove_class(row):
    """The rules of one class."""
    size, span = row.size, row.span
    assert size == 8 or size % 16 == 0, size
    assert MIN_SLOTS <= row.nslots <= MAX_SLOTS, size
    assert row.nslots >= 64 or 64 * size > SPAN_MAX, size
    assert row.nslots <= 512 or size <= 16, size
    assert span <= SPAN_MAX and row.tail < size, size
    assert row.tail <= span * 0.03, size
    assert row.magic < 1 << 32, size
    # Both sides grow with the offset: where they agree on the first byte of a
    # slot and on its last, they do between.
    for slot in range(row.nslots + 1):
        for offset in (slot * size, min(slot * size + size, span) - 1):
            assert (offset * row.magic) >> 32 == offset // size, (size, offset)
    if size >= 128:
        assert row.worst <= MAX_WASTE, (size, row.worst)
    else:
        assert size - row.smallest_request < 16, size


def prove_table(rows):
    """The rules between classes."""
    sizes = [row.size for row in rows]
    assert sizes == sorted(set(sizes)) and sizes[-1] == SMALL_MAX
    assert len(rows) + 1 <= 128  # size class * 2 + noscan fits a byte
    power = 8
    while power <= SMALL_MAX:
        assert power in sizes, power
        power *= 2
    for size in sizes:
        step = 8 if size <= STEP_LIMIT else 128
        assert size % step == 0, size
    align = 16
    while align <= ALIGN_MAX:
        assert any(size % align == 0 for size in sizes), align
        align *= 2


def class_for(rows, size):
    """The number of the class that malloc serves size from."""
    for number, row in enumerate(rows, start=1):
        if row.size >= max(size, 16):
            return number
    raise AssertionError(size)


def byte_table(name, values):
    lines = []
    for at in range(0, len(values), 12):
        cells = ", ".join(f"{v:2d}" for v in values[at : at + 12])
        lines.append(f"    {cells},")
    body = " \\\n".join(lines)
    return f"#define {name} \\\n{body}\n"


def header_text(rows):
    by_size = [2 * class_for(rows, i) for i in range(STEP_LIMIT + 1)]
    by_128 = [
        class_for(rows, STEP_LIMIT + i * 128)
        for i in range((SMALL_MAX - STEP_LIMIT) // 128 + 1)
    ]
    lines = []
    for row in rows:
        lines.append(
            f"    {{{row.size}, {row.npages}, {row.nslots}, "
            f"UINT32_C({row.magic}), {row.cache_slots}, {row.batch}, "
            f"{row.first_slots}}},"
        )
    body = " \\\n".join(["    {0, 0, 0, 0, 0, 0, 0},"] + lines)
    offsets = [0, 1]
    for row in rows:
        offsets.append(offsets[-1] + row.first_slots + 1)
    return (
        "// size_class_table.h - generated by scripts/gen_size_classes.py;"
        " do not edit.\n"
        "//\n"
        "// Rows are {size, npages, nslots, magic, cache_slots, batch, first_slots};\n"
        "// see size_class.h. Row 0 is not a class.\n"
        "\n"
        "#ifndef MHEAP_CORE_HEAP_SIZE_CLASS_TABLE_H\n"
        "#define MHEAP_CORE_HEAP_SIZE_CLASS_TABLE_H\n"
        "\n"
        "// clang-format off\n"
        f"#define MH_NCLASSES {len(rows) + 1}\n"
        f"#define MH_CLASS_STEP_LIMIT {STEP_LIMIT}\n"
        f"#define MH_CLASS_MAX_SLOTS {max(r.nslots for r in rows)}\n"
        f"#define MH_CLASS_MAX_PAGES {max(r.npages for r in rows)}\n"
        "\n"
        "// A thread cache begins with one array per class, each after a place\n"
        "// that is empty: where the arrays begin, and how many places there\n"
        "// are.\n"
        f"#define MH_CACHE_PLACES {offsets[-1]}\n"
        f"{byte_table('MH_BIN_OFFSETS', offsets[:-1])}"
        "\n"
        f"#define MH_CLASS_ROWS \\\n{body}\n"
        "\n"
        "// The span class (class * 2) of a size of at most\n"
        "// MH_CLASS_STEP_LIMIT, by size.\n"
        f"{byte_table('MH_SPAN_CLASS_BY_SIZE', by_size)}"
        "\n"
        "// The class of a larger size, by\n"
        "// (size - MH_CLASS_STEP_LIMIT + 127) / 128.\n"
        f"{byte_table('MH_CLASS_BY_128', by_128)}"
        "// clang-format on\n"
        "\n"
        "#endif // MHEAP_CORE_HEAP_SIZE_CLASS_TABLE_H\n"
    )


class Step:
    """Sizes over `low` and up to `high`, whose classes are `step` apart."""

    def __init__(self, low, high, step, before):
        self.low, self.high, self.step = low, high, step
        self.before = before  # the class of `low`

    def serve(self, size):
        return self.before + (size - self.low + self.step - 1) // self.step

    @property
    def formula(self):
        return (f"(n) <= {self.high} ? {self.before} + "
                f"((n) - {self.low} + {self.step - 1}) / {self.step}")


def steps_of(rows):
    """The classes that malloc uses, as runs of even steps: the first one, then
    one run for each doubling."""
    steps = []
    for number in range(class_for(rows, 0), len(rows)):
        low, high = rows[number - 1].size, rows[number].size
        if steps and steps[-1].step == high - low:
            steps[-1].high = high
        else:
            steps.append(Step(low, high, high - low, number))
    first = class_for(rows, 0)
    # Neither falls when the size grows: right for the smallest and the largest
    # size of each class is right for all.
    for size in sorted({0, *(edge for row in rows
                             for edge in (row.size, row.size + 1))}):
        if size <= SMALL_MAX:
            at = next((s for s in steps if s.low < size <= s.high), None)
            number = first if at is None else at.serve(size)
            assert number == class_for(rows, size), size
    return steps


def public_text(rows):
    steps = steps_of(rows)
    first = class_for(rows, 0)
    # In every name that means a class by its number: a program and a library
    # that number differently do not link.
    tag = zlib.crc32(repr((INLINE_CALLS, [row.size for row in rows])).encode())
    lines = [f"    ((n) <= {rows[first - 1].size} ? {first} :"]
    lines += [f"     {step.formula} :" for step in steps[:-1]]
    last = steps[-1].formula.split(" ? ")[1]
    body = " \\\n".join(lines + [f"     {last})"])
    names = "\n".join(f"#define {name.upper():18} {name}_{tag:08x}"
                      for name in ("mheap_malloc_class", "mheap_free_class"))
    return (
        "// classes.h - generated by scripts/gen_size_classes.py; do not edit.\n"
        "//\n"
        "// What a compiler needs to know the class of a constant size. The numbers\n"
        "// are no interface: inline.h alone uses them.\n"
        "\n"
        "#ifndef MHEAP_CLASSES_H\n"
        "#define MHEAP_CLASSES_H\n"
        "\n"
        "// The largest size that has a class.\n"
        f"#define MHEAP_SIZE_CLASS_MAX {SMALL_MAX}\n"
        "\n"
        "// The class that serves n, of type size_t and at most the above; constant\n"
        "// when n is.\n"
        "// clang-format off\n"
        f"#define MHEAP_SIZE_CLASS(n) \\\n{body}\n"
        "// clang-format on\n"
        "\n"
        "// The functions that take a class bear a sum of the table in their names,\n"
        "// so that a program and a library of other numbers do not link.\n"
        f"{names}\n"
        "\n"
        "#endif // MHEAP_CLASSES_H\n"
    )


COLUMNS = [
    ("class", lambda n, r: f"{n}"),
    ("slot size", lambda n, r: f"{r.size}"),
    ("pages", lambda n, r: f"{r.npages}"),
    ("slots", lambda n, r: f"{r.nslots}"),
    ("tail waste", lambda n, r: f"{r.tail}"),
    ("tail %", lambda n, r: f"{100 * r.tail / r.span:.2f}"),
    ("worst-case waste %", lambda n, r: f"{100 * r.worst:.2f}"),
    ("cached", lambda n, r: f"{r.cache_slots}"),
    ("batch", lambda n, r: f"{r.batch}"),
    ("at first", lambda n, r: f"{r.first_slots}"),
]


def table_lines(rows):
    """A Markdown table whose columns also line up in a terminal."""
    widths = [len(title) for title, _ in COLUMNS]
    titles = [title for title, _ in COLUMNS]
    rule = ["-" * (width - 1) + ":" for width in widths]
    cells = [titles, rule]
    for number, row in enumerate(rows, start=1):
        cells.append([column(number, row) for _, column in COLUMNS])
    return [
        "| " + " | ".join(c.rjust(w) for c, w in zip(line, widths)) + " |"
        for line in cells
    ]


def doc_text(rows):
    text = DOC.read_text(encoding="utf-8")
    before, _, rest = text.partition(DOC_BEGIN)
    _, found, after = rest.partition(DOC_END)
    if not found:
        sys.exit(f"{DOC}: the markers of the generated table are missing")
    table = "\n".join(table_lines(rows))
    return f"{before}{DOC_BEGIN}\n{table}\n{DOC_END}{after}"


def stale(path, text):
    return not path.exists() or path.read_text(encoding="utf-8") != text


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--print", action="store_true", dest="show")
    arguments = parser.parse_args()

    rows, smaller = [], 0
    for size in slot_sizes():
        rows.append(SizeClass(size, smaller))
        smaller = size if size > 8 else 0  # malloc never uses 8
    for row in rows:
        prove_class(row)
    prove_table(rows)

    if arguments.show:
        print("\n".join(table_lines(rows)))
        return 0
    outputs = [(HEADER, header_text(rows)), (PUBLIC, public_text(rows)),
               (DOC, doc_text(rows))]
    if arguments.check:
        old = [path for path, text in outputs if stale(path, text)]
        for path in old:
            print(f"{path.relative_to(ROOT)} is not current: "
                  "run scripts/gen_size_classes.py", file=sys.stderr)
        return 1 if old else 0
    for path, text in outputs:
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
