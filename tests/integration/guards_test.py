#!/usr/bin/env python3
"""Sampled objects on the drop-in: mistakes that trap, what is told of them, what
heapctl sees, and real programs in which every refill has one."""

import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import unittest

BUILD = pathlib.Path(os.environ["MHEAP_BUILD_DIR"])
PRELOAD = str(BUILD / "lib" / "libmheap_malloc.so")
PROGRAM = str(BUILD / "bin" / "guards_run")
HEAPCTL = str(BUILD / "bin" / "heapctl")
FUNCTION_BYTES = 128  # no function whose address is printed is longer

SCRIPT = """
import hashlib, json, threading, zlib
rows = [json.dumps({"id": i, "of": [str(j) for j in range(i % 40)]})
        for i in range(20000)]
text = "\\n".join(rows)
assert zlib.decompress(zlib.compress(text.encode())).decode() == text
done = []
def work(n):
    done.append(sum(len(row.replace(str(n), "x" * n)) for row in rows))
threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print(hashlib.sha256(text.encode()).hexdigest(), sorted(done))
"""

SQL = """
CREATE TABLE item(id INTEGER PRIMARY KEY, key TEXT, body TEXT);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 40000)
INSERT INTO item SELECT i, printf('%08x', i * 2654435761 % 4294967296),
       substr(printf('%0300d', i), 1 + i % 290) FROM n;
CREATE INDEX item_key ON item(key);
DELETE FROM item WHERE id % 3 = 0;
SELECT count(*), sum(length(body)), min(key), max(key) FROM item;
PRAGMA integrity_check;
"""


def variables(mean, **more):
    return dict(os.environ, LD_PRELOAD=PRELOAD, MHEAP_GUARD_BYTES=str(mean),
                **more)


def run(words, mean=1, more=None, **how):
    return subprocess.run(words, env=variables(mean, **(more or {})),
                          text=True, timeout=120, capture_output=True,
                          check=False, **how)


def mistake(name, **more):
    return run([PROGRAM, name], more=more)


def word(done, name):
    return re.search(rf"^{name} (\S+)$", done.stdout, re.MULTILINE).group(1)


def stack(done, what):
    """The thread and the frames of one of the two stacks of a report."""
    found = re.search(rf"^mheap: {what} by thread (\d+), called from\n"
                      r"((?:mheap:     0x[0-9a-f]+\n)+)", done.stderr,
                      re.MULTILINE)
    if found is None:
        return None, []
    return found.group(1), [int(frame, 16) for frame in
                            re.findall("0x[0-9a-f]+", found.group(2))]


class GuardsTest(unittest.TestCase):
    def assert_frame(self, done, what, function):
        """A frame of the stack lies in a function of the program."""
        base = int(word(done, function), 16)
        _, frames = stack(done, what)
        self.assertTrue(any(0 < frame - base < FUNCTION_BYTES
                            for frame in frames), done.stdout + done.stderr)

    def assert_trap(self, name, what, where, freed):
        done = mistake(name)
        self.assertEqual(done.returncode, -signal.SIGSEGV, done.stderr)
        self.assertIn(f"mheap: bad access: {what}: address 0x", done.stderr)
        self.assertIn(f"\nmheap: {where} 0x", done.stderr)
        self.assert_frame(done, "allocated", "make")
        self.assertEqual(stack(done, "allocated")[0], word(done, "thread"))
        if freed:
            self.assert_frame(done, "freed", "drop")
        else:
            self.assertNotIn("freed by", done.stderr)
        return done

    def test_an_access_behind_the_object_traps_and_is_told(self):
        self.assert_trap("read_behind", "buffer overflow",
                         "12 bytes behind an object of 100 bytes at", False)
        self.assert_trap("write_behind", "buffer overflow",
                         "15 bytes behind an object of 100 bytes at", False)

    def test_an_access_in_front_of_the_object_traps_and_is_told(self):
        self.assert_trap("write_before", "buffer underflow",
                         "1 bytes before an object of 100 bytes at", False)

    def test_an_access_to_a_freed_object_traps_and_is_told(self):
        for name in ("read_freed", "write_freed"):
            self.assert_trap(name, "use after free",
                             "5 bytes into an object of 100 bytes, freed, at",
                             True)

    def test_who_freed_is_told_also_when_it_was_another(self):
        done = self.assert_trap(
            "read_freed_by_another", "use after free",
            "5 bytes into an object of 100 bytes, freed, at", True)
        self.assertEqual(stack(done, "freed")[0], word(done, "other"))
        self.assertNotEqual(word(done, "other"), word(done, "thread"))

    def test_a_forks_child_is_told_and_its_parent_goes_on(self):
        self.assert_trap("read_freed_in_child", "use after free",
                         "5 bytes into an object of 100 bytes, freed, at",
                         True)

    def test_bad_frees_are_told_with_stacks(self):
        done = mistake("free_twice")
        self.assertEqual(done.returncode, -signal.SIGABRT)
        self.assertIn("mheap: fatal: bad free: double free: ", done.stderr)
        self.assertIn("starts at 0x", done.stderr)
        self.assertIn(" and has 100 bytes", done.stderr)
        self.assert_frame(done, "allocated", "make")
        self.assert_frame(done, "freed", "drop")
        done = mistake("free_inside")
        self.assertEqual(done.returncode, -signal.SIGABRT)
        self.assertIn("mheap: fatal: bad free: interior pointer: ",
                      done.stderr)
        self.assert_frame(done, "allocated", "make")

    def test_a_write_before_the_guard_is_told_by_free(self):
        done = mistake("write_a_little_behind")
        self.assertEqual(done.returncode, -signal.SIGABRT)
        self.assertIn("mheap: fatal: bad write: write behind the object: ",
                      done.stderr)
        self.assert_frame(done, "allocated", "make")

    def test_the_programs_handler_runs_after_the_report(self):
        # The first sample must come after main has begun.
        done = run([PROGRAM, "handle_and_read_freed"], mean=32 << 20)
        self.assertEqual(done.returncode, 42)
        self.assertIn("mheap: bad access: use after free: ", done.stderr)

    def test_a_handler_that_comes_later_is_left_alone(self):
        done = mistake("read_freed_and_handle")
        self.assertEqual((done.returncode, done.stderr), (42, ""))

    def test_nothing_is_told_to_who_does_not_want_it(self):
        done = mistake("read_freed", MHEAP_GUARD_REPORT="0")
        self.assertEqual((done.returncode, done.stderr),
                         (-signal.SIGSEGV, ""))

    def test_a_trap_elsewhere_ends_the_process_as_ever(self):
        done = mistake("trap_elsewhere")
        self.assertEqual((done.returncode, done.stderr),
                         (-signal.SIGSEGV, ""))

    def test_in_hardened_mode_it_is_the_same(self):
        done = mistake("write_freed", MHEAP_HARDENED="1")
        self.assertEqual(done.returncode, -signal.SIGSEGV)
        self.assertIn("mheap: bad access: use after free: ", done.stderr)
        self.assert_frame(done, "freed", "drop")

    def test_heapctl_sees_them_as_what_they_are(self):
        with subprocess.Popen([PROGRAM, "stay"], env=variables(1), text=True,
                              stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE) as program:
            lines = [program.stdout.readline().split() for _ in range(4)]
            address, pid = lines[3][1], str(program.pid)
            self.look(address, pid)
            program.communicate("x")
        self.assertEqual(program.returncode, 0)

    def look(self, address, pid):
        def heapctl(*words):
            return subprocess.run([HEAPCTL, *words], capture_output=True,
                                  text=True, timeout=60, check=False)
        what = heapctl("what", pid, address)
        self.assertIn("used large object of 100 bytes", what.stdout)
        self.assertIn("(+0x0)", what.stdout)
        inner = hex(int(address, 16) + 99)
        self.assertIn("(+0x63)", heapctl("what", pid, inner).stdout)
        front = hex(int(address, 16) - 1)
        self.assertIn(f"waste beside the large object at {address}",
                      heapctl("what", pid, front).stdout)
        objects = json.loads(heapctl("objects", pid, "--json").stdout)
        rows = {row["address"]: row for row in objects["data"]["rows"]}
        self.assertEqual(rows[address]["bytes"], 100)
        stats = heapctl("stats", pid, "--json")
        self.assertEqual(stats.returncode, 0, stats.stderr)
        self.assertNotIn("MH0", stats.stdout + stats.stderr)

    def assert_same(self, words, **how):
        plain = run(words, 0, **how)
        self.assertEqual(plain.returncode, 0, plain.stderr)
        self.assertNotEqual(plain.stdout, "")
        for more in ({}, {"MHEAP_HARDENED": "1"}):
            sampled = run(words, 1, more=more, **how)
            self.assertEqual(sampled.returncode, 0, sampled.stderr)
            self.assertEqual(sampled.stdout, plain.stdout)

    def test_python_gives_what_it_gives_without(self):
        self.assert_same([sys.executable, "-c", SCRIPT])

    @unittest.skipIf(shutil.which("sqlite3") is None, "no sqlite3")
    def test_sqlite_gives_what_it_gives_without(self):
        self.assert_same(["sqlite3", "-batch", ":memory:"], input=SQL)


if __name__ == "__main__":
    unittest.main()
