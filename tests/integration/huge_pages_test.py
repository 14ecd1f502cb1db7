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
INCLUDE = pathlib.Path(__file__).resolve().parents[2] / "include"
LIBRARY = str(BUILD / "lib" / "libmheap_malloc.so")
ENABLED = pathlib.Path("/sys/kernel/mm/transparent_hugepage/enabled")
MIB = 1024  # in KiB

# usage: program dense|sparse|mixed [keep one in so many, then malloc_trim]; mixed
# is dense for 40 MiB, then sparse for 260.
PROGRAM = r"""
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
enum { N = 300, SIZE = 1 << 20 };
int main(int argc, char **argv) {
    static char *objects[N];
    int n = argv[1][0] == 'm' ? N : 96;
    int dense = argv[1][0] == 'm' ? 40 : argv[1][0] == 'd' ? n : 0;
    char line[512];
    int keep = argc > 2 ? atoi(argv[2]) : 1;
    for (int i = 0; i < n; i++) {
        objects[i] = malloc(SIZE);
        memset(objects[i], 1, i < dense ? SIZE : 1);
    }
    for (int i = 0; i < n; i++) {
        if (i % keep != 0) {
            free(objects[i]);
        }
    }
    if (keep != 1) {
        malloc_trim(0);
    }
    unsigned long low = (unsigned long)objects[0], high = low + n * SIZE;
    unsigned long begin = 0, end = 0, rss = 0;
    int asks = 0, here = 0, mappings = 0;
    FILE *maps = fopen("/proc/self/smaps", "r");
    while (fgets(line, sizeof line, maps) != NULL) {
        unsigned long kib;
        if (sscanf(line, "%lx-%lx ", &begin, &end) == 2) {
            here = begin < high && low < end;
            mappings += here;
        } else if (here && sscanf(line, "Rss: %lu", &kib) == 1) {
            rss += kib;
        } else if (here && strncmp(line, "VmFlags:", 8) == 0) {
            asks += strstr(line, " hg") != NULL;
        }
    }
    printf("%d %lu %d\n", asks, rss, mappings);
    return objects[0] == NULL;
}
"""

# What comes after: MiB in memory when all went home; when 70 objects lie in it,
# one in each 2 MiB; when those were freed; when heaps were destroyed.
LATER = r"""
#include <malloc.h>
#include <mheap/mheap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
enum { N = 160, SIZE = 1 << 20, SPARSE = 70, HEAPS = 5, OF_HEAP = 44 };
static void wait_and_say(void) {
    for (int i = 0; i < 20; i++) {
        usleep(100000);
        free(memset(malloc(400000), 1, 400000));
    }
    long all, resident;
    FILE *file = fopen("/proc/self/statm", "r");
    if (fscanf(file, "%ld %ld", &all, &resident) == 2) {
        printf("%ld ", resident * sysconf(_SC_PAGESIZE) >> 20);
    }
    fclose(file);
}
int main(void) {
    static char *objects[N];
    struct mheap *heaps[HEAPS];
    for (int i = 0; i < N; i++) {
        objects[i] = memset(malloc(SIZE), 1, SIZE);
    }
    for (int i = 0; i < N; i++) {
        free(objects[i]);
    }
    wait_and_say();
    for (int i = 0; i < SPARSE; i++) {
        objects[i] = memset(aligned_alloc(2 << 20, 40960), 1, 40960);
    }
    wait_and_say();
    for (int i = 0; i < SPARSE; i++) {
        free(objects[i]);
    }
    wait_and_say();
    for (int i = 0; i < HEAPS; i++) {
        heaps[i] = mheap_create("one of several");
        for (int k = 0; k < OF_HEAP; k++) {
            memset(mheap_alloc_in(heaps[i], SIZE), 1, SIZE);
        }
        memset(mheap_alloc_in(heaps[i], 100 << 10), 1, 100 << 10);
    }
    for (int i = 0; i < HEAPS; i++) {
        mheap_destroy(heaps[i]);
    }
    wait_and_say();
    return 0;
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
        """How many mappings of the heap ask, its KiB in memory, and how many
        mappings there are."""
        env = dict(os.environ, LD_PRELOAD=LIBRARY, MHEAP_HUGE_PAGES="1")
        for name, value in options.items():
            env["MHEAP_" + name] = value or ""
            if value is None:
                del env["MHEAP_" + name]
        done = subprocess.run([self.program, *map(str, words)], env=env,
                              text=True, capture_output=True, timeout=60,
                              check=True)
        return tuple(map(int, done.stdout.split()))

    def test_a_dense_heap_asks(self):
        asks, resident, mappings = self.run_it("dense")
        self.assertGreater(asks, 0)
        self.assertLess(resident, 101 * MIB)
        self.assertLessEqual(mappings, 3)

    def test_a_sparse_one_does_not_and_stays_small(self):
        asks, resident, _ = self.run_it("sparse")
        self.assertEqual(asks, 0)
        self.assertLess(resident, 3 * MIB)

    def test_what_is_sparse_behind_a_dense_beginning_costs_an_arena(self):
        asks, resident, _ = self.run_it("mixed")
        self.assertGreater(asks, 0)
        self.assertLess(resident, (40 + 64 + 2) * MIB)

    def test_a_program_need_not_tell_it_to(self):
        self.assertGreater(self.run_it("dense", HUGE_PAGES=None)[0], 0)

    def test_nobody_asks_when_told_not_to(self):
        self.assertEqual(self.run_it("dense", HUGE_PAGES="0")[0], 0)

    def test_without_a_scavenger_nobody_asks(self):
        self.assertEqual(self.run_it("dense", SCAVENGER="off")[0], 0)

    def test_limits_switch_it_off(self):
        self.assertEqual(self.run_it("dense", SOFT_LIMIT="1G")[0], 0)
        self.assertEqual(self.run_it("dense", HARD_LIMIT="1G")[0], 0)

    def test_what_is_given_back_is_gone_and_nobody_asks_any_more(self):
        asks, resident, mappings = self.run_it("dense", 8)
        self.assertEqual(asks, 0)
        self.assertLess(resident, (96 // 8 + 2) * MIB)
        # What has asked is one, and what came before in the first arena.
        self.assertLessEqual(mappings, 2)

    def test_sparse_objects_where_dense_ones_were_cost_what_they_hold(self):
        later = os.path.join(self.folder.name, "later")
        subprocess.run(["cc", "-O1", f"-I{INCLUDE}", f"-I{BUILD}/include",
                        "-x", "c", "-", "-o", later, "-x", "none", LIBRARY,
                        f"-Wl,-rpath,{BUILD}/lib"], input=LATER, text=True,
                       check=True)
        env = dict(os.environ, MHEAP_HUGE_PAGES="1")
        done = subprocess.run([later], env=env, text=True, capture_output=True,
                              timeout=60, check=True)
        home, sparse, freed, destroyed = map(int, done.stdout.split())
        self.assertLess(home, 6)
        self.assertLess(sparse, 12)
        self.assertLess(freed, 6)
        self.assertLess(destroyed, 8)


if __name__ == "__main__":
    if not ENABLED.exists() or "[never]" in ENABLED.read_text():
        print("not run: this kernel has no huge pages to give")
    elif "[always]" in ENABLED.read_text():
        print("not run: this kernel gives huge pages to all")
    else:
        unittest.main(verbosity=2)
