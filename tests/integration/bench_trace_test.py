#!/usr/bin/env python3
"""Traces of bench_trace: a trace is replayed as it says, generated ones have
the shape they claim, and a file that is no good trace is refused.
Exits 0 or 1."""

import sys

sys.dont_write_bytecode = True

import collections
import json
import os
import random
import struct
import subprocess
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import bench_traces
from bench_traces import (ALIGNED, CALLOC, FREE, HEADER, MALLOC, REALLOC, Op,
                          checksum, decode, encode, freed, made, play,
                          random_trace, sizes)


class Replay(bench_traces.Case):
    def test_a_written_trace_comes_to_what_it_says(self):
        ops = [made(0, 100), made(1, 0), made(2, 5000, CALLOC),
               made(3, 300, ALIGNED, 12), made(0, 70000, REALLOC), freed(1),
               made(1, 8, ALIGNED, 0), freed(2), made(2, 1)]
        self.assertReplayed(encode(ops), {
            "made": 6, "moved": 1, "freed": 2,
            "live_kib": (70000 + 5000 + 300 + 8) / 1024})

    def test_random_traces_come_to_what_a_model_says(self):
        rng = random.Random(3)
        for length in (1, 2, 10, 300, 5000):
            ops = random_trace(rng, length)
            self.assertReplayed(encode(ops), play(ops)[0])

    def test_the_allocator_is_called_as_the_trace_says(self):
        ops = random_trace(random.Random(5), 3000)
        path = self.path("called")
        with open(path, "wb") as file:
            file.write(encode(ops))
        done, data = self.record([self.program, "--case", "replay",
                                  "--seconds", "0", "--trace", path])
        self.assertEqual(done.returncode, 0, done.stderr)
        got = [(op.kind, op.align, op.size) for op in decode(data)]
        # posix_memalign takes no less than a pointer's size.
        wanted = [(op.kind, max(op.align, 3) if op.kind == ALIGNED else 0,
                   op.size) for op in ops]
        self.assertEqual(got[:len(wanted)], wanted)
        _, left = play(ops)
        self.assertGreater(left, 0)
        self.assertLess(play(decode(data))[1], 100000)  # it was freed

    def test_ops_go_on_until_there_are_enough(self):
        ops = [made(0, 10), freed(0)]
        path = self.path("short")
        with open(path, "wb") as file:
            file.write(encode(ops))
        done = subprocess.run(
            [self.program, "--case", "replay", "--ops", "1001", "--trace",
             path], capture_output=True, text=True, check=True)
        self.assertEqual(json.loads(done.stdout)["ops"], 2 + 1002)

    def test_replay_wants_a_trace(self):
        done = subprocess.run([self.program, "--case", "replay"],
                              capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 2)
        self.assertIn("--trace FILE", done.stderr)

    def test_every_case_runs_where_there_is_no_trace(self):
        done = subprocess.run(
            [self.program, "--seconds", "0", "--objects", "100"],
            capture_output=True, text=True, check=True)
        keys = json.loads(done.stdout)["metrics"]
        self.assertIn("cache_ns", keys)
        self.assertNotIn("replay_ns", keys)


class Refused(bench_traces.Case):
    def setUp(self):
        self.ops = random_trace(random.Random(9), 20)
        self.good = encode(self.ops)

    def test_a_trace_cut_off_anywhere(self):
        self.metrics(self.good)
        for length in range(len(self.good)):
            self.assertRefused(self.good[:length])

    def test_a_trace_with_anything_behind_it(self):
        for more in (b"\0", b"\0" * 16, self.good):
            self.assertRefused(self.good + more, "length")

    def test_a_changed_byte_anywhere(self):
        rng = random.Random(2)
        for at in range(len(self.good)):
            data = bytearray(self.good)
            data[at] ^= 1 << rng.randrange(8)
            self.assertRefused(bytes(data))

    def test_operations_that_make_no_sense_though_the_sums_are_right(self):
        for what, ops in (
                ("no known kind", [made(0, 8, 0)]),
                ("no known kind", [made(0, 8, 6)]),
                ("dead object", [freed(0)]),
                ("dead object", [made(0, 8), freed(0), freed(0)]),
                ("dead object", [made(0, 8), freed(0), made(0, 9, REALLOC)]),
                ("made again", [made(0, 8), made(0, 8)]),
                ("made again", [made(0, 0), made(0, 8, CALLOC)]),
                ("a size it", [made(0, 8), made(0, 0, REALLOC)]),
                ("a size it", [made(0, 8), Op(FREE, 0, 0, 0, 1)]),
                ("alignment", [made(0, 8, ALIGNED, 31)]),
                ("alignment", [made(0, 8, MALLOC, 1)]),
                ("more is alive", [made(0, 1 << 50)]),
                ("more is alive", [made(0, 2 ** 64 - 1)]),
                ("more is alive", [made(0, 9), made(0, 2 ** 63, REALLOC)]),
                ("without operations", [])):
            self.assertRefused(encode(ops), what)
        self.assertRefused(encode([made(1, 8), freed(1)], objects=1), "above")
        self.assertRefused(encode([made(0, 8)], objects=2 ** 32 - 1),
                           "more objects")
        self.assertRefused(encode([made(0, 8)], objects=0))

    def test_headers_of_something_else(self):
        self.assertRefused(encode(self.ops, version=2), "another version")
        self.assertRefused(encode(self.ops, record_bytes=24), "another version")
        self.assertRefused(encode(self.ops, magic=b"MHEAPTRX"), "not a trace")
        self.assertRefused(b"#!/bin/sh\n" + b"echo\n" * 20, "not a trace")
        self.assertRefused(b"", "too short")
        self.assertRefused(b"\0" * 4096, "not finished")

    def test_random_damage_with_the_sums_put_right(self):
        """Refused or replayed, and never worse. The upper bytes of sizes stay
        as they are: what they say may well fit into this machine."""
        rng = random.Random(4)
        outcomes = collections.Counter()
        for _ in range(400):
            records = bytearray(self.good[48:])
            for _ in range(rng.randrange(1, 4)):
                at = rng.randrange(len(records))
                if at % 16 < 11:
                    records[at] ^= 1 << rng.randrange(8)
            count = len(records) // 16 - rng.randrange(3)
            objects = rng.choice((4, 18, 19, 20, 20, 10 ** 6))
            head = HEADER.pack(b"MHEAPTRC", 1, 16, count, objects, 1,
                               checksum(records))
            head += struct.pack("<Q", checksum(head))
            done = self.replay(head + bytes(records))
            self.assertIn(done.returncode, (0, 2), done.stderr)
            self.assertEqual(done.stderr.count("\n"), done.returncode // 2)
            outcomes[done.returncode] += 1
        self.assertEqual(len(outcomes), 2, outcomes)

    def test_what_is_no_file(self):
        pipe = self.path("pipe")
        os.mkfifo(pipe)
        self.assertRefused(pipe, "not a regular file")
        self.assertRefused(self.folder, "not a regular file")
        self.assertRefused(self.path("missing"), "No such file")
        self.assertRefused("/dev/zero", "not a regular file")

    def test_a_header_that_promises_more_than_there_is_memory(self):
        head = HEADER.pack(b"MHEAPTRC", 1, 16, 2 ** 44, 1, 1, 0)
        head += struct.pack("<Q", checksum(head))
        path = self.path("sparse")
        with open(path, "wb") as file:
            file.write(head)
        self.assertRefused(path, "length")
        try:
            os.truncate(path, 48 + 16 * 2 ** 38)
        except OSError:
            return  # the file system has no files of that size
        head = HEADER.pack(b"MHEAPTRC", 1, 16, 2 ** 38, 1, 1, 0)
        with open(path, "r+b") as file:
            file.write(head + struct.pack("<Q", checksum(head)))
        self.assertRefused(path, "half of this machine's memory")


class Generated(bench_traces.Case):
    def calls(self, case, seed, objects):
        done, data = self.record(
            [self.program, "--case", case, "--seconds", "0", "--seed",
             str(seed), "--objects", str(objects)])
        self.assertEqual(done.returncode, 0, done.stderr)
        found = json.loads(done.stdout)["metrics"]
        ops = decode(data)
        counts, _ = play(ops)
        # The C library makes a few objects of its own, for printing.
        for key in ("made", "moved", "freed"):
            self.assertAlmostEqual(found[f"{case}_{key}"], counts[key],
                                   delta=8 + counts[key] * 1e-5)
        return ops[:round(sum(found[f"{case}_{key}"] for key in
                              ("made", "moved", "freed")))]

    def test_a_trace_is_the_same_for_a_seed_and_another_for_another(self):
        for case, objects in (("compiler", 8), ("interpreter", 3000),
                              ("cache", 300)):
            first = self.calls(case, 7, objects)
            self.assertGreater(len(first), 2000)
            self.assertEqual(self.calls(case, 7, objects), first)
            self.assertNotEqual(self.calls(case, 8, objects), first)

    def share(self, values, low, high):
        return sum(low <= v <= high for v in values) / len(values)

    def test_the_compiler_makes_small_nodes_and_frees_them_in_bulk(self):
        ops = self.calls("compiler", 1, 30)
        self.assertGreater(self.share(sizes(ops, MALLOC), 16, 96), 0.95)
        kinds = "".join(str(op.kind) for op in ops)
        self.assertIn("5" * 150, kinds)
        self.assertGreater(max(sizes(ops, REALLOC)), 100000)  # the output

    def test_the_interpreter_frees_what_it_made_last(self):
        ops = self.calls("interpreter", 1, 20000)
        self.assertGreater(self.share(sizes(ops, MALLOC), 24, 56), 0.75)
        order, last = [], 0
        for op in ops:
            if op.kind == FREE:
                last += order[-1] == op.object
                order.remove(op.object)
            elif op.kind != REALLOC:
                order.append(op.object)
        self.assertGreater(last / len(sizes(ops, FREE)), 0.6)
        tables = {s for s in sizes(ops, MALLOC) if s in
                  {256 << n for n in range(12)}}
        self.assertGreaterEqual(len(tables), 4)  # dictionaries double

    def test_the_cache_stays_below_its_limit(self):
        keys = 2000
        ops = self.calls("cache", 1, keys)
        limit = keys * 1393 / 2 + 64 * 16384 + 96
        peak = play(ops)[0]["live_kib"] * 1024
        # One item, one grown buffer and the requests are on top.
        self.assertLess(peak, limit + 8192 + 112 + 65536)
        self.assertGreater(peak, limit * 0.9)
        values = sizes(ops, MALLOC)
        self.assertGreater(self.share(values, 1025, 8192), 0.05)
        self.assertGreater(values.count(96), keys * 4)
        self.assertGreater(values.count(16384), 64)  # connections came back


if __name__ == "__main__":
    unittest.main()
