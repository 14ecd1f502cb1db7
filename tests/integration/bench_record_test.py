#!/usr/bin/env python3
"""The recorder of traces: what is recorded is what the program called, and
a recorded program is replayed as it was.
Exits 0 or 1."""

import sys

sys.dont_write_bytecode = True

import collections
import os
import signal
import struct
import subprocess
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import bench_traces
from bench_traces import (ALIGNED, CALLOC, FREE, MALLOC, REALLOC, decode, play,
                          sizes)


# Every call with a size of its own, in an order the test knows.
KNOWN = r"""
#include <malloc.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void *work(void *arg) {
    size_t base = (size_t)arg;
    void *objects[100];
    for (size_t i = 0; i < 100; i++) {
        objects[i] = malloc(base + i);
    }
    for (size_t i = 0; i < 100; i++) {
        free(objects[i]);
    }
    return NULL;
}

int main(int argc, char **argv) {
    void *posix = NULL;
    void *volatile huge;
    char *p = malloc(100001);
    strcpy(p, "kept");
    p = realloc(p, 100002);
    p = realloc(p, 900002);
    p = reallocarray(p, 300001, 3);
    if (strcmp(p, "kept") != 0) {
        return 9;
    }
    void *zeroed = calloc(7, 100003);
    void *line = aligned_alloc(64, 100032);
    if (posix_memalign(&posix, 4096, 100004) != 0) {
        return 9;
    }
    void *old = memalign(256, 100005);
    void *from_null = realloc(NULL, 100006);
    volatile size_t too_much = SIZE_MAX / 2;
    huge = malloc(too_much);
    huge = huge != NULL ? huge : calloc(too_much, 8);
    huge = huge != NULL ? huge : realloc(p, too_much);
    huge = huge != NULL ? huge : reallocarray(p, too_much, 8);
    if (huge != NULL || strcmp(p, "kept") != 0) {
        return 9;
    }
    free(NULL);
    free(zeroed);
    free(line);
    free(posix);
    free(old);
    free(p);
    p = realloc(from_null, 0);
    free(p);
    pthread_t threads[4];
    for (size_t i = 0; i < 4; i++) {
        pthread_create(&threads[i], NULL, work, (void *)(200000 + 1000 * i));
    }
    for (size_t i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
    }
    (void)!malloc(100007);
    if (argc > 1 && strcmp(argv[1], "_exit") == 0) {
        _exit(7);
    }
    if (argc > 1 && strcmp(argv[1], "_Exit") == 0) {
        _Exit(7);
    }
    if (argc > 1 && strcmp(argv[1], "abort") == 0) {
        abort();
    }
    return 7;
}
"""

# The child makes and frees objects while a thread of the parent does, too.
FORKS = r"""
#include <pthread.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile int over;

static void *churn(void *unused) {
    for (int i = 0; i < 100000 && !over; i++) {
        free(malloc(300001));
    }
    return unused;
}

int main(void) {
    pthread_t thread;
    pthread_create(&thread, NULL, churn, NULL);
    for (int i = 0; i < 50; i++) {
        pid_t child = fork();
        if (child == 0) {
            // The first one makes more calls than a buffer holds.
            for (int n = 0; n < (i == 0 ? 50000 : 100); n++) {
                free(malloc(300002));
            }
            if (i % 2 == 0) {
                exit(0);
            }
            _exit(0);
        }
        int status = 1;
        if (waitpid(child, &status, 0) != child || status != 0) {
            return 9;
        }
        free(malloc(300003));
        child = vfork();
        if (child == 0) {
            _exit(0);
        }
        waitpid(child, &status, 0);
    }
    over = 1;
    pthread_join(thread, NULL);
    free(malloc(300004));
    return 0;
}
"""

# A hundred thousand objects at once, at addresses without a pattern, which are
# freed in no order.
MANY = r"""
#include <stdio.h>
#include <stdlib.h>

enum { MANY = 100000 };

int main(void) {
    static void *objects[MANY];
    unsigned long at = 1;
    int nfreed = 0;
    for (int i = 0; i < MANY; i++) {
        at = at * 2862933555777941757 + 3037000493;
        objects[i] = malloc(200 + (at >> 33) % 300);
    }
    for (int i = 0; i < MANY; i++) {
        at = at * 2862933555777941757 + 3037000493;
        void **object = &objects[(at >> 33) % MANY];
        nfreed += *object != NULL;
        free(*object);
        *object = i % 2 == 0 ? malloc(200 + (at >> 40) % 300) : NULL;
    }
    printf("%d\n", nfreed);
    return 0;
}
"""

# One object is freed behind the recorder's back.
BACK_DOOR = r"""
#include <stdlib.h>
void __libc_free(void *object);
int main(void) {
    void *first = malloc(1001);
    __libc_free(first);
    void *second = malloc(1001);
    int same = first == second;
    free(second);
    return same ? 0 : 9;
}
"""

# A dlsym that uses the allocator before it can say where the allocator is.
HUNGRY = r"""
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char *first, *second, *third;

static void *real(void *handle, const char *name) {
    static void *(*found)(void *, const char *);
    const char *const versions[] = {"GLIBC_2.34", "GLIBC_2.2.5", "GLIBC_2.17"};
    for (int i = 0; found == NULL && i < 3; i++) {
        void *symbol = dlvsym(RTLD_NEXT, "dlsym", versions[i]);
        memcpy(&found, &symbol, sizeof found);
    }
    return found(handle, name);
}

void *dlsym(void *handle, const char *name) {
    if (first == NULL) {
        first = calloc(10, 10);
        second = malloc(50);
        third = malloc(60);
        for (int i = 0; i < 100; i++) {
            if (first == NULL || second == NULL || first[i] != 0) {
                _exit(98);
            }
        }
        memset(first, 1, 100);
        memset(second, 2, 50);
        free(third);
    }
    return real(handle, name);
}

__attribute__((destructor)) static void check(void) {
    second = realloc(second, 5000);
    for (int i = 0; i < 100; i++) {
        if (first[i] != 1 || (i < 50 && second[i] != 2)) {
            _exit(99);
        }
    }
    free(first);
    free(second);
}
"""


class Recorder(bench_traces.Case):
    def known(self, *args):
        program = self.path("known")
        if not os.path.exists(program):
            self.compile(program, source=KNOWN)
        return self.record([program, *args])

    def own(self, ops, low, high):
        """Operations on objects of the program's own sizes, in order."""
        numbers, own = set(), []
        for op in ops:
            if op.kind != FREE and low <= op.size < high:
                numbers.add(op.object)
            if op.object in numbers:
                own.append(op)
            if op.kind == FREE:
                numbers.discard(op.object)
        return own

    def test_every_call_that_succeeds_is_there_in_its_order(self):
        done, data = self.known()
        self.assertEqual(done.returncode, 7, done.stderr)
        ops = decode(data)
        play(ops)
        own = [(op.kind, op.align, op.size)
               for op in self.own(ops, 100000, 1000000)
               if op.kind != FREE and not 200000 <= op.size < 204000]
        self.assertEqual(own, [
            (MALLOC, 0, 100001), (REALLOC, 0, 100002), (REALLOC, 0, 900002),
            (REALLOC, 0, 900003), (CALLOC, 0, 700021), (ALIGNED, 6, 100032),
            (ALIGNED, 12, 100004), (ALIGNED, 8, 100005), (MALLOC, 0, 100006),
            (MALLOC, 0, 100007)])
        self.assertLess(max(op.size for op in ops), 1000000)

    def test_every_object_is_freed_but_the_one_that_is_not(self):
        _, data = self.known()
        own = self.own(decode(data), 100000, 1000000)
        counts, left = play(own)
        self.assertEqual((counts["made"], counts["moved"], counts["freed"]),
                         (407, 3, 406))
        self.assertEqual(left, 100007)

    def test_each_thread_has_its_number_and_all_its_calls(self):
        _, data = self.known()
        ops = decode(data)
        threads = set()
        for base in range(200000, 204000, 1000):
            calls = self.own(ops, base, base + 1000)
            self.assertEqual([op.size for op in calls],
                             list(range(base, base + 100)) + [0] * 100)
            threads |= {op.thread for op in calls}
        self.assertEqual(len(threads), 4)
        self.assertNotIn(ops[0].thread, threads)
        self.assertEqual(struct.unpack_from("<I", data, 28)[0], 5)

    def test_the_recording_is_complete_however_the_program_exits(self):
        _, whole = self.known()
        for how in ("_exit", "_Exit"):
            done, data = self.known(how)
            self.assertEqual(done.returncode, 7, how)
            self.assertIn(100007, sizes(decode(data), MALLOC))
            self.assertEqual(len(self.own(decode(data), 100000, 1000000)),
                             len(self.own(decode(whole), 100000, 1000000)))

    def test_a_program_that_dies_leaves_a_file_that_is_refused(self):
        done, data = self.known("abort")
        self.assertEqual(done.returncode, -signal.SIGABRT)
        self.assertRefused(data, "not finished")

    def test_many_objects_keep_their_numbers_apart(self):
        program = self.path("many")
        self.compile(program, source=MANY)
        done, data = self.record([program])
        self.assertEqual(done.returncode, 0, done.stderr)
        ops = decode(data)
        play(ops)
        frees = sum(op.kind == FREE for op in self.own(ops, 200, 500))
        self.assertGreater(frees, 50000)
        self.assertEqual(frees, int(done.stdout))
        # Numbers are used again: no more than objects alive at once.
        alive = most = 0
        for op in ops:
            alive += {FREE: -1, REALLOC: 0}.get(op.kind, 1)
            most = max(most, alive)
        self.assertEqual(struct.unpack_from("<I", data, 24)[0], most)

    def test_an_object_freed_unseen_is_dead_when_its_address_returns(self):
        program = self.path("back_door")
        self.compile(program, source=BACK_DOOR)
        done, data = self.record([program])
        self.assertEqual(done.returncode, 0, done.stderr)
        ops = decode(data)
        play(ops)
        own = self.own(ops, 1001, 1002)
        self.assertEqual([op.kind for op in own],
                         [MALLOC, FREE, MALLOC, FREE])

    def test_children_do_not_record(self):
        program = self.path("forks")
        self.compile(program, source=FORKS)
        done, data = self.record([program])
        self.assertEqual(done.returncode, 0, done.stderr)
        made_sizes = collections.Counter(sizes(decode(data), MALLOC))
        play(decode(data))
        self.assertEqual(made_sizes[300002], 0)
        self.assertEqual(made_sizes[300003], 50)
        self.assertEqual(made_sizes[300004], 1)
        self.assertGreater(made_sizes[300001], 0)

    def test_a_program_started_by_the_recorded_one_does_not_record(self):
        done, data = self.record(
            ["/bin/sh", "-c", "/bin/sh -c 'echo $LD_PRELOAD; echo "
             "\"<$MHEAP_RECORD>\"'; exit 5"])
        self.assertEqual(done.returncode, 5)
        self.assertEqual(done.stdout.decode().split(),
                         [self.recorder, "<>"])
        play(decode(data))

    def test_what_dlsym_asks_for_is_served_and_stays_good(self):
        hungry = self.path("libhungry.so")
        self.compile(hungry, "-shared", "-fPIC", source=HUNGRY)
        program = self.path("known")
        self.compile(program, source=KNOWN)
        done, data = self.record([program], preload=(hungry,))
        self.assertEqual(done.returncode, 7, done.stderr)
        self.assertIn(100007, sizes(decode(data), MALLOC))

    def test_a_file_that_cannot_be_written_stops_the_recording_only(self):
        program = self.path("known")
        self.compile(program, source=KNOWN)
        for path in ("/nonexistent/trace", "/dev/full",
                     "x" * 5000):
            env = {"LD_PRELOAD": self.recorder, "MHEAP_RECORD": path}
            done = subprocess.run([program], env=env, capture_output=True,
                                  text=True, check=False)
            self.assertEqual(done.returncode, 7, path)
            self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
            self.assertTrue(done.stderr.startswith("mheap_record: "))

    def test_without_the_variable_nothing_is_recorded(self):
        program = self.path("known")
        self.compile(program, source=KNOWN)
        before = set(os.listdir(self.folder))
        done = subprocess.run([program], env={"LD_PRELOAD": self.recorder},
                              capture_output=True, cwd=self.folder,
                              check=False)
        self.assertEqual((done.returncode, done.stderr), (7, b""))
        self.assertEqual(set(os.listdir(self.folder)), before)

    def test_a_relative_name_is_of_the_first_directory(self):
        env = {"LD_PRELOAD": self.recorder, "MHEAP_RECORD": "relative"}
        subprocess.run(["/bin/sh", "-c", "cd /; : $(echo)"], env=env,
                       cwd=self.folder, check=True)
        with open(self.path("relative"), "rb") as file:
            play(decode(file.read()))


# Enough for several bufferfuls.
PERL = """
my %h;
for my $i (1 .. 30000) {
    $h{$i % 7000} = [map { "v$_" x ($_ % 9) } 1 .. $i % 8];
    delete $h{($i * 31) % 7000} if $i % 3 == 0;
}
print scalar(keys %h), "\\n";
"""

SQL = """
CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 20000)
INSERT INTO t SELECT i, hex(i * 7919) FROM n;
CREATE INDEX u ON t(b);
SELECT count(*), min(b), max(b) FROM t;
"""


class RealPrograms(bench_traces.Case):
    def check(self, command, least):
        plain = subprocess.run(command, capture_output=True, check=False,
                               env=dict(os.environ, LC_ALL="C"))
        done, data = self.record(command)
        self.assertEqual((done.returncode, done.stdout, done.stderr),
                         (0, plain.stdout, plain.stderr))
        ops = decode(data)
        self.assertGreater(len(ops), least)
        counts, _ = play(ops)
        self.assertGreater(counts["freed"], counts["made"] // 2)
        self.assertReplayed(data, counts)
        for length in (len(data) // 2, len(data) - 16, len(data) - 1):
            self.assertRefused(data[:length])
        changed = bytearray(data)
        changed[len(data) // 2] ^= 1
        self.assertRefused(bytes(changed), "damaged")

    def test_perl_is_replayed_as_it_was_recorded(self):
        self.check(["perl", "-e", PERL], 100000)

    def test_sqlite_is_replayed_as_it_was_recorded(self):
        self.check(["sqlite3", "-batch", ":memory:", SQL], 10000)


if __name__ == "__main__":
    unittest.main()
