"""What the tests of traces share: the format in Python, a model of what a
trace comes to, and a test case with the programs built by $CC (cc)."""

import collections
import glob
import json
import os
import shutil
import struct
import subprocess
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
BENCH = os.path.join(ROOT, "bench")

FLAGS = ["-std=c11", "-O1", "-D_GNU_SOURCE", "-fno-builtin", "-pthread",
         "-I", os.path.join(ROOT, "include")]
HEADER = struct.Struct("<8sIIQIIQ")  # without the sum of itself
RECORD = struct.Struct("<BBHIQ")
MALLOC, CALLOC, ALIGNED, REALLOC, FREE = range(1, 6)

Op = collections.namedtuple("Op", "kind align thread object size")


def checksum(data):
    total = 0
    for (word,) in struct.iter_unpack("<Q", data):
        total = ((total ^ word) * 0x9e3779b97f4a7c15) % 2 ** 64
        total ^= total >> 32
    return total


def encode(ops, objects=None, version=1, record_bytes=16, magic=b"MHEAPTRC"):
    """The bytes of a trace, as bench/README.md describes them."""
    records = b"".join(RECORD.pack(*op) for op in ops)
    if objects is None:
        objects = max((op.object for op in ops), default=-1) + 1
    head = HEADER.pack(magic, version, record_bytes, len(ops), objects, 1,
                       checksum(records))
    return head + struct.pack("<Q", checksum(head)) + records


def decode(data):
    """The operations of a trace; an AssertionError where it is not one."""
    magic, version, size, count, objects, _, total = HEADER.unpack_from(data)
    records = data[48:]
    assert (magic, version, size) == (b"MHEAPTRC", 1, 16), data[:16]
    assert struct.unpack_from("<Q", data, 40)[0] == checksum(data[:40])
    assert total == checksum(records)
    assert len(records) == 16 * count
    ops = [Op(*fields) for fields in RECORD.iter_unpack(records)]
    assert all(op.object < objects for op in ops)
    return ops


def play(ops):
    """What a trace comes to: calls, bytes at the peak, bytes left at the end.
    An AssertionError where it breaks a rule of traces."""
    live, counts, total, peak = {}, collections.Counter(), 0, 0
    for op in ops:
        if op.kind in (MALLOC, CALLOC, ALIGNED):
            assert op.object not in live, op
            counts["made"] += 1
        else:
            assert op.object in live, op
            counts["moved" if op.kind == REALLOC else "freed"] += 1
        total -= live.pop(op.object, 0)
        if op.kind != FREE:
            assert op.size > 0 or op.kind != REALLOC
            live[op.object] = op.size
            total += op.size
        peak = max(peak, total)
    return {"made": counts["made"], "moved": counts["moved"],
            "freed": counts["freed"], "live_kib": peak / 1024}, total


def made(number, size, kind=MALLOC, align=0):
    return Op(kind, align, 0, number, size)


def freed(number):
    return Op(FREE, 0, 0, number, 0)


def sizes(ops, kind):
    return [op.size for op in ops if op.kind == kind]


def random_trace(rng, length):
    """A valid trace of all kinds, of small objects; some are left alive."""
    ops, live, dead = [], [], []
    for _ in range(length):
        if live and rng.random() < 0.5:
            at = rng.randrange(len(live))
            if rng.random() < 0.3:
                ops.append(made(live[at], rng.randrange(1, 5000), REALLOC))
                continue
            ops.append(freed(live[at]))
            dead.append(live.pop(at))
            continue
        number = dead.pop(rng.randrange(len(dead))) if dead else len(live)
        live.append(number)
        kind = rng.choice((MALLOC, CALLOC, ALIGNED))
        align = rng.randrange(13) if kind == ALIGNED else 0
        ops.append(made(number, rng.randrange(5000), kind, align))
    return ops


class Case(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="bench_trace_test.")
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.recorder = os.path.join(cls.folder, "libmheap_record.so")
        cls.program = os.path.join(cls.folder, "bench_trace")
        sources = [os.path.join(BENCH, name) for name in
                   ("bench_trace.c", "bench_support.c", "bench_probe.c")]
        cls.compile(cls.program, *sources,
                    *glob.glob(os.path.join(BENCH, "trace_*.c")))
        cls.compile(cls.recorder, "-shared", "-fPIC", "-fvisibility=hidden",
                    *[os.path.join(BENCH, name)
                      for name in ("mheap_record.c", "record_log.c",
                                   "record_table.c")])

    @classmethod
    def compile(cls, output, *args, source=None):
        compiler = os.environ.get("CC", "cc").split()
        if source is not None:
            args = ("-x", "c", "-", *args)
        subprocess.run([*compiler, *FLAGS, "-o", output, *args, "-lm", "-ldl"],
                       input=source, text=True, check=True)

    def path(self, name):
        return os.path.join(self.folder, name)

    def record(self, command, name="trace", preload=()):
        """Runs the command with the recorder; the result and the file."""
        path = self.path(name)
        env = dict(os.environ, LC_ALL="C", MHEAP_RECORD=path,
                   LD_PRELOAD=":".join((self.recorder, *preload)))
        done = subprocess.run(command, env=env, capture_output=True,
                              stdin=subprocess.DEVNULL, check=False,
                              timeout=60)
        with open(path, "rb") as file:
            return done, file.read()

    def replay(self, data):
        path = data
        if isinstance(data, bytes):
            path = self.path("replayed")
            with open(path, "wb") as file:
                file.write(data)
        return subprocess.run(
            [self.program, "--case", "replay", "--seconds", "0",
             "--trace", path], capture_output=True, text=True, check=False)

    def metrics(self, data, case="replay"):
        done = self.replay(data)
        self.assertEqual(done.returncode, 0, done.stderr)
        found = json.loads(done.stdout)["metrics"]
        return {key.removeprefix(f"{case}_"): value
                for key, value in found.items()}

    def assertReplayed(self, data, wanted):
        found = self.metrics(data)
        for key in ("made", "moved", "freed"):
            # Six digits are printed.
            self.assertAlmostEqual(found[key], wanted[key],
                                   delta=wanted[key] * 1e-5, msg=key)
        self.assertAlmostEqual(found["live_kib"], wanted["live_kib"],
                               delta=wanted["live_kib"] * 1e-5)

    def assertRefused(self, data, why=""):
        done = self.replay(data)
        self.assertEqual(done.returncode, 2, (done.returncode, done.stderr))
        self.assertEqual(done.stdout, "")
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
        self.assertTrue(done.stderr.startswith("bench: "), done.stderr)
        self.assertIn(why, done.stderr)
