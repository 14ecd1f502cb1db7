#!/usr/bin/env python3
"""Mistakes and real programs on the drop-in, with MHEAP_HARDENED=1."""

import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

BUILD = pathlib.Path(os.environ["MHEAP_BUILD_DIR"])
PRELOAD = str(BUILD / "lib" / "libmheap_malloc.so")

SCRIPT = """
import hashlib, json, re, threading, zlib
words = [str(i * 7919 % 10007) for i in range(30000)]
rows = [json.dumps({"id": i, "of": words[i:i + i % 40]}) for i in range(20000)]
text = "\\n".join(rows)
packed = zlib.compress(text.encode())
assert zlib.decompress(packed).decode() == text
done = []
def work(n):
    done.append(sum(len(re.sub(str(n), "x" * n, row)) for row in rows[::5]))
threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
buffers = [bytearray(i * 1000) for i in range(300)]
print(hashlib.sha256(text.encode()).hexdigest(), sorted(done), len(buffers))
"""

SQL = """
CREATE TABLE item(id INTEGER PRIMARY KEY, key TEXT, body TEXT);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 40000)
INSERT INTO item SELECT i, printf('%08x', i * 2654435761 % 4294967296),
       substr(printf('%0300d', i), 1 + i % 290) FROM n;
CREATE INDEX item_key ON item(key);
DELETE FROM item WHERE id % 3 = 0;
UPDATE item SET body = body || key WHERE id % 5 = 0;
SELECT count(*), sum(length(body)), min(key), max(key) FROM item;
SELECT id % 7, group_concat(substr(body, 1, 2), '') FROM item
WHERE id < 900 GROUP BY 1 ORDER BY 1;
PRAGMA integrity_check;
"""


def run(words, hardened, **how):
    variables = dict(os.environ, LD_PRELOAD=PRELOAD,
                     MHEAP_HARDENED=str(int(hardened)))
    return subprocess.run(words, env=variables, text=True, timeout=120,
                          capture_output=True, check=False, **how)


def mistake(name, hardened=True):
    return run([BUILD / "bin" / "hardened_run", name], hardened)


class HardenedTest(unittest.TestCase):
    def assert_told(self, name, message):
        done = mistake(name)
        self.assertEqual(done.returncode, -signal.SIGABRT)
        self.assertIn(f"mheap: fatal: bad write: {message}: address 0x",
                      done.stderr)

    def test_without_the_mode_no_mistake_is_seen(self):
        for name in ("behind", "behind_kept", "stale", "nothing"):
            self.assertEqual(mistake(name, hardened=False).returncode, 0)

    def places(self, hardened):
        """The arenas that the first objects of four processes lie in."""
        runs = [mistake("where", hardened) for _ in range(4)]
        self.assertEqual([done.returncode for done in runs], [0] * 4)
        return {int(done.stdout, 16) >> 26 for done in runs}

    def test_the_heap_begins_somewhere_else_in_each_process(self):
        self.assertEqual(len(self.places(True)), 4)
        self.assertEqual(len(self.places(False)), 1)

    def test_a_write_behind_an_object_is_told_when_it_is_freed(self):
        self.assert_told("behind", "write behind the object")

    def test_a_write_behind_an_object_is_told_at_the_end(self):
        self.assert_told("behind_kept", "write behind the object")

    def test_a_write_to_a_freed_object_is_told_at_the_end(self):
        self.assert_told("stale", "write after free")

    def test_large_objects_and_those_of_no_bytes_trap(self):
        for name in ("behind_large", "stale_large", "nothing"):
            self.assertEqual(mistake(name).returncode, -signal.SIGSEGV, name)

    def test_a_program_without_a_mistake_ends_well(self):
        done = mistake("none")
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def assert_same(self, words, **how):
        plain = run(words, False, **how)
        hardened = run(words, True, **how)
        self.assertEqual(plain.returncode, 0, plain.stderr)
        self.assertEqual(hardened.returncode, 0, hardened.stderr)
        self.assertNotEqual(plain.stdout, "")
        self.assertEqual(hardened.stdout, plain.stdout)

    def test_python_gives_what_it_gives_without(self):
        self.assert_same([sys.executable, "-c", SCRIPT])

    @unittest.skipIf(shutil.which("sqlite3") is None, "no sqlite3")
    def test_sqlite_gives_what_it_gives_without(self):
        self.assert_same(["sqlite3", "-batch", ":memory:"], input=SQL)

    @unittest.skipIf(shutil.which("gcc") is None, "no gcc")
    def test_gcc_gives_what_it_gives_without(self):
        with tempfile.TemporaryDirectory() as folder:
            source = pathlib.Path(folder) / "one.c"
            source.write_text("".join(
                f"int f{i}(int x) {{ return x * {i} + (x >> {i % 9}); }}\n"
                for i in range(300)))
            self.assert_same(["gcc", "-O2", "-S", "-o", "-", source])


if __name__ == "__main__":
    unittest.main()
