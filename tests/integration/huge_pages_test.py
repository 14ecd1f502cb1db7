#!/usr/bin/env python3
"""Huge pages on this kernel: who asks, and what stays resident.

A C program with the drop-in preloaded takes 96 objects of a MiB and tells what
/proc says of it. Whether the kernel has huge pages left to give is its affair:
what is looked at is which mappings ask.
"""

import os
import pathlib
import subprocess
import tempfile
import unittest

BUILD = pathlib.Path(os.environ["MHEAP_BUILD_DIR"])
LIBRARY = str(BUILD / "lib" / "libmheap_malloc.so")
ENABLED = pathlib.Path("/sys/kernel/mm/transparent_hugepage/enabled")
MIB = 1024  # in KiB

# usage: program dense|sparse [keep one in so many, then malloc_trim]
PROGRAM = r"""
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
enum { N = 96, SIZE = 1 << 20 };
int main(int argc, char **argv) {
    static char *objects[N];
    char line[512];
    int keep = argc > 2 ? atoi(argv[2]) : 1;
    for (int i = 0; i < N; i++) {
        objects[i] = malloc(SIZE);
        memset(objects[i], 1, argv[1][0] == 'd' ? SIZE : 1);
    }
    for (int i = 0; i < N; i++) {
        if (i % keep != 0) {
            free(objects[i]);
        }
    }
    if (keep != 1) {
        malloc_trim(0);
    }
    unsigned long low = (unsigned long)objects[0], high = low + 2 * N * SIZE;
    unsigned long begin = 0, end = 0, rss = 0;
    int asks = 0, here = 0;
    FILE *maps = fopen("/proc/self/smaps", "r");
    while (fgets(line, sizeof line, maps) != NULL) {
        unsigned long kib;
        if (sscanf(line, "%lx-%lx ", &begin, &end) == 2) {
            here = begin < high && low < end;
        } else if (here && sscanf(line, "Rss: %lu", &kib) == 1) {
            rss += kib;
        } else if (here && strncmp(line, "VmFlags:", 8) == 0) {
            asks += strstr(line, " hg") != NULL;
        }
    }
    printf("%d %lu\n", asks, rss);
    return objects[0] == NULL;
}
"""


class HugePages(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.program = os.path.join(cls.folder.name, "program")
        subprocess.run(["cc", "-O1", "-x", "c", "-", "-o", cls.program],
                       input=PROGRAM, text=True, check=True)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def run_it(self, *words, **options):
        """How many mappings of the heap ask, and its KiB in memory."""
        env = dict(os.environ, LD_PRELOAD=LIBRARY, MHEAP_SCAVENGER="off")
        for name, value in options.items():
            env["MHEAP_" + name] = value
        done = subprocess.run([self.program, *map(str, words)], env=env,
                              text=True, capture_output=True, timeout=60,
                              check=True)
        return tuple(map(int, done.stdout.split()))

    def test_a_dense_heap_asks(self):
        asks, resident = self.run_it("dense")
        self.assertGreater(asks, 0)
        self.assertLess(resident, 101 * MIB)

    def test_a_sparse_one_does_not_and_stays_small(self):
        asks, resident = self.run_it("sparse")
        self.assertEqual(asks, 0)
        self.assertLess(resident, 3 * MIB)

    def test_it_can_be_switched_off(self):
        self.assertEqual(self.run_it("dense", HUGE_PAGES="0")[0], 0)

    def test_limits_switch_it_off(self):
        self.assertEqual(self.run_it("dense", SOFT_LIMIT="1G")[0], 0)
        self.assertEqual(self.run_it("dense", HARD_LIMIT="1G")[0], 0)

    def test_what_is_given_back_is_gone_and_nobody_asks_any_more(self):
        asks, resident = self.run_it("dense", 8)
        self.assertEqual(asks, 0)
        self.assertLess(resident, (96 // 8 + 2) * MIB)


if __name__ == "__main__":
    if not ENABLED.exists() or "[never]" in ENABLED.read_text():
        print("not run: this kernel has no huge pages to give")
    elif "[always]" in ENABLED.read_text():
        print("not run: this kernel gives huge pages to all")
    else:
        unittest.main(verbosity=2)
