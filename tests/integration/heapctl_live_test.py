#!/usr/bin/env python3
"""heapctl_live_test.py - heapctl on real programs, while they run.

Starts python3, sqlite3 and a stripped static program on mheap and asks every
verb about them. What the programs know of themselves (the address of an object,
how many there are) is the oracle.
"""
# ctest: serial

import contextlib
import json
import os
import pathlib
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

BUILD = pathlib.Path(os.environ.get("MHEAP_BUILD_DIR", "build/dev")).resolve()
SOURCE = pathlib.Path(os.environ.get(
    "MHEAP_SOURCE_DIR", pathlib.Path(__file__).resolve().parents[2])).resolve()
HEAPCTL = str(BUILD / "bin" / "heapctl")
LIBRARY = str(BUILD / "lib" / "libmheap_malloc.so")
PYTHON = "/usr/bin/python3" if os.path.exists("/usr/bin/python3") \
    else sys.executable

# Prints its own knowledge, then waits. 50,000 objects of 1000 bytes and more.
TARGET = """
import ctypes, gc, os, sys, time
gc.disable()
keep = [bytes([i % 256]) * 1000 for i in range(50000)]
large = bytearray(3 << 20)
gone = [bytes([i % 256]) * 3000 for i in range(3000)]
del gone
print(id(keep[7]), id(keep[49999]),
      ctypes.addressof(ctypes.c_char.from_buffer(large)), flush=True)
time.sleep(float(sys.argv[1]) if len(sys.argv) > 1 else 300)
"""

STATIC = """
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
int main(void) {
    static void *keep[10000];
    for (int i = 0; i < 10000; i++) {
        keep[i] = malloc(200);
    }
    printf("%p\\n", keep[5000]);
    fflush(stdout);
    getchar();
    return keep[1] == NULL;
}
"""


def heapctl(*args, **kwargs):
    """Runs heapctl; the result has returncode, stdout and stderr."""
    kwargs.setdefault("stdin", subprocess.DEVNULL)
    if "input" in kwargs:
        del kwargs["stdin"]
    return subprocess.run([HEAPCTL, *map(str, args)], capture_output=True,
                          text=True, timeout=120, check=False, **kwargs)


def environment():
    # Without huge pages what was released is in memory no more.
    env = dict(os.environ, PYTHONMALLOC="malloc", LD_PRELOAD=LIBRARY,
               MHEAP_HUGE_PAGES="0")
    env.pop("MHEAP_PRELOAD", None)
    return env


@contextlib.contextmanager
def running(argv, env=None):
    """A program on mheap that has printed its first line: (process, line)."""
    with subprocess.Popen(argv, env=env or environment(), text=True,
                          stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE) as process:
        try:
            yield process, process.stdout.readline()
        finally:
            process.kill()


def c_program(source, path, *flags):
    """Compiles a C program, stripped."""
    subprocess.run(["cc", "-O1", "-s", "-x", "c", "-", "-o", path, "-x",
                    "none", *flags], input=source, text=True, check=True)
    return path


class Live(unittest.TestCase):
    """One python3 with known objects, read by every verb."""

    @classmethod
    def setUpClass(cls):
        cls.stack = contextlib.ExitStack()
        cls.process, line = cls.stack.enter_context(
            running([PYTHON, "-c", TARGET]))
        cls.first, cls.last, cls.large = map(int, line.split())
        cls.pid = cls.process.pid

    @classmethod
    def tearDownClass(cls):
        cls.stack.close()

    def ask(self, verb, *args, status=0):
        result = heapctl(verb, self.pid, *args)
        self.assertEqual(result.returncode, status,
                         f"{verb} {args}: {result.stderr}")
        if status == 0:
            self.assertEqual(result.stderr, "", verb)
        return result.stdout

    def data(self, verb, *args):
        document = json.loads(self.ask(verb, *args, "--json"))
        self.assertEqual(document["schema"], "heapctl/1")
        self.assertEqual(document["kind"], verb)
        self.assertEqual(document["target"]["pid"], self.pid)
        self.assertFalse(document["consistency"]["partial"])
        self.assertEqual(document["consistency"]["findings"], 0)
        return document["data"]

    def test_ps_lists_it(self):
        rows = json.loads(heapctl("ps", "--json").stdout)["data"]["rows"]
        row = [r for r in rows if r["pid"] == self.pid]
        self.assertEqual(len(row), 1)
        self.assertGreater(row[0]["in_use_bytes"], 50000 * 1000)
        self.assertGreater(row[0]["process_resident_bytes"], 50000 * 1000)
        self.assertGreaterEqual(row[0]["heaps"], 1)

    def test_stats_adds_up(self):
        data = self.data("stats")
        lines = ["live", "tail", "cached", "pending", "free_slots", "manual",
                 "taken", "page_caches", "free_kept", "metadata"]
        self.assertEqual(sum(data[f"{name}_bytes"] for name in lines),
                         data["sum_bytes"])
        self.assertEqual(data["counted_resident_bytes"],
                         data["sum_bytes"] - data["untouched_bytes"]
                         + data["lingering_bytes"])
        self.assertEqual(data["difference_bytes"],
                         data["counted_resident_bytes"]
                         - data["resident_bytes"])
        # An idle target: the account is within a hundredth of the pages.
        self.assertLessEqual(abs(data["difference_bytes"])
                             + data["lingering_bytes"],
                             data["resident_bytes"] / 100)
        self.assertGreater(data["live_bytes"], 50000 * 1000)
        self.assertGreater(data["process_resident_bytes"],
                           data["resident_bytes"])
        with open(f"/proc/{self.pid}/smaps_rollup", encoding="ascii") as file:
            rss = int(re.search(r"^Rss:\s+(\d+)", file.read(), re.M)[1]) * 1024
        self.assertLessEqual(abs(data["process_resident_bytes"] - rss),
                             rss / 50)

    def test_stats_prints_what_json_says(self):
        text = self.ask("stats", "--bytes")
        live = self.data("stats")["live_bytes"]
        self.assertRegex(text, rf"live slots\s+{live}\b")
        self.assertRegex(text, r"consistency: \d+ of [\d,]+ spans changed")
        locks = self.data("stats")["locks"]
        self.assertGreater(locks["heap"], 0)
        self.assertGreater(locks["records"], 0)
        self.assertIn(f"locks taken: heap {locks['heap']:,}, ", text)
        self.assertIn(f"; contended {locks['contended']:,}\n", text)

    def test_classes_count_the_objects(self):
        rows = self.data("classes")["rows"]
        for row in rows:
            self.assertEqual(row["used"] + row["pending"] + row["cached"]
                             + row["free"], row["slots"], row)
        fitting = [r for r in rows if r["slot_bytes"] >= 1033]
        best = min(fitting, key=lambda row: row["slot_bytes"])
        self.assertGreaterEqual(best["used"], 50000)
        self.assertLess(best["used"], 52000)

    def test_spans_agree_with_classes(self):
        for row in self.data("classes")["rows"]:
            number = row["class"]
            if number == 0:
                continue
            sums = self.data("spans", "--where", f"class=={number}",
                             "--top", "0")["sum"]
            self.assertEqual(sums["rows"], row["spans"])
            self.assertEqual(sums["used"], row["used"])

    def test_spans_are_sorted_and_cut(self):
        rows = self.data("spans", "--sort", "-size,base", "--top", "7")["rows"]
        sizes = [row["object_bytes"] for row in rows]
        self.assertEqual(len(rows), 7)
        self.assertEqual(sizes, sorted(sizes, reverse=True))
        self.assertGreaterEqual(sizes[0], 3 << 20)

    def test_arenas_are_partitioned(self):
        for row in self.data("arenas")["rows"]:
            parts = ["in_spans", "page_caches", "free_kept", "released",
                     "taken", "room", "foreign"]
            self.assertEqual(sum(row[f"{part}_bytes"] for part in parts),
                             row["bytes"])

    def test_map_draws_every_arena(self):
        text = self.ask("map", "--ascii")
        for row in self.data("arenas")["rows"]:
            if row["foreign_bytes"] == 0:
                self.assertIn(row["base"], text)
        self.assertIn("small objects, by share in use", text)
        self.assertTrue(text.isascii())
        self.assertFalse(self.ask("map", "--cell", "1MiB", "--color",
                                  "always").isascii()
                         and "\033" not in text + "x\033")

    def test_map_uses_glyphs_in_a_utf8_locale(self):
        result = heapctl("map", self.pid, env=dict(os.environ, LC_ALL="C.UTF-8"))
        self.assertIn("█", result.stdout)

    def test_what_knows_the_objects(self):
        lines = self.ask("what", hex(self.first), hex(self.last + 40),
                         f"{self.large:x}").splitlines()
        self.assertEqual(len(lines), 3)
        self.assertRegex(lines[0], r"used object of \d+ bytes.*\(\+0x0\)")
        self.assertRegex(lines[1], r"used object of \d+ bytes.*\(\+0x28\)")
        self.assertRegex(lines[2], r"used large object of 3145\d+ bytes")
        self.assertTrue(all("resident" in line for line in lines), lines)

    def test_what_knows_other_places(self):
        with open(f"/proc/{self.pid}/maps", encoding="utf-8") as file:
            maps = file.read()
        stack = re.search(r"^([0-9a-f]+)-[0-9a-f]+ .*\[stack\]$", maps, re.M)[1]
        lines = self.ask("what", stack, "1000").splitlines()
        self.assertIn("not mheap's: [stack]", lines[0])
        self.assertIn("not mapped", lines[1])
        unnamed = [line.split("-")[0] for line in maps.splitlines()
                   if len(line.split()) == 5 and " r" in line
                   and not line.startswith("c0")]
        text = self.ask("what", *unnamed)
        self.assertIn("not mheap's: anonymous memory (+0x0)", text)

    def test_what_reads_standard_input(self):
        result = heapctl("what", self.pid, "-",
                         input=f"{self.first:x}\n{self.last:#x} 0\n")
        self.assertEqual(result.returncode, 0)
        self.assertEqual(len(result.stdout.splitlines()), 3)

    def test_objects_are_all_there(self):
        rows = self.data("what", hex(self.first))["rows"]
        number = rows[0]["class"]
        self.assertEqual(rows[0]["object"], hex(self.first))
        data = self.data("objects", "--class", number)
        addresses = {row["address"] for row in data["rows"]}
        self.assertEqual(len(addresses), data["sum"]["rows"])
        self.assertGreaterEqual(len(addresses), 50000)
        self.assertIn(hex(self.first), addresses)
        self.assertIn(hex(self.last), addresses)
        top = self.data("objects", "--top", "1")["rows"]
        self.assertEqual(top[0]["address"], hex(self.large & ~0xf))

    def test_its_name_is_a_target_if_it_is_unique(self):
        with tempfile.TemporaryDirectory() as folder:
            name = f"mh{os.getpid()}"
            path = os.path.join(folder, name)
            shutil.copy(shutil.which("sleep"), path)
            with running(["sh", "-c", f"echo; exec {path} 100"]) as (one, _):
                wait_for_name(one.pid, name)
                self.assertEqual(heapctl("stats", name).returncode, 0)
                with running(["sh", "-c", f"echo; exec {path} 100"]) as (two,
                                                                         _):
                    wait_for_name(two.pid, name)
                    result = heapctl("stats", name)
                    self.assertEqual(result.returncode, 3)
                    self.assertIn(f"{name}: 2 processes", result.stderr)
                    self.assertIn(str(one.pid), result.stderr)
                    self.assertIn(str(two.pid), result.stderr)

    def test_bad_questions_are_usage_errors(self):
        cases = [
            ("what", ["zzz"], "'zzz' is not an address"),
            ("what", ["0x1ffffffffffffffff"], "is not an address"),
            ("spans", ["--where", "siez > 1"], "did you mean 'size'"),
            ("spans", ["--where", "size >"], "column 7"),
            ("spans", ["--sort", "frob"], "unknown field 'frob'"),
            ("classes", ["--frob"], "unknown option"),
            ("objects", ["--class", "999"], "no class 999"),
            ("map", ["--cell", "1000"], "multiple of a heap page"),
            ("map", ["--arena", "9999"], "no arena 9999"),
        ]
        for verb, args, text in cases:
            result = heapctl(verb, self.pid, *args)
            self.assertEqual(result.returncode, 2, (verb, args))
            self.assertIn(text, result.stderr)
            self.assertEqual(result.stderr.count("\n"), 1)
            self.assertEqual(result.stdout, "")

    def test_fail_on_gives_7(self):
        self.ask("stats", "--fail-on", "live > 10MiB", status=7)
        self.ask("stats", "--fail-on", "live > 10GiB")
        self.ask("spans", "--fail-on", "state == large && size > 1MiB",
                 status=7)

    def test_a_reader_who_leaves_is_no_failure(self):
        for stop in (signal.SIG_DFL, signal.SIG_IGN):
            with subprocess.Popen(
                    [HEAPCTL, "objects", str(self.pid)],
                    stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                    restore_signals=False,
                    preexec_fn=lambda: signal.signal(signal.SIGPIPE, stop)
                    ) as process:
                process.stdout.readline()
                process.stdout.close()
                self.assertEqual(process.stderr.read(), b"")
                self.assertEqual(process.wait(), 0)

    def test_no_place_for_output_is_a_failure(self):
        closed = subprocess.run(
            ["sh", "-c", f"exec {HEAPCTL} stats {self.pid} >&-"],
            capture_output=True, text=True, check=False)
        self.assertEqual(closed.returncode, 1)
        self.assertIn("standard output", closed.stderr)
        with open("/dev/full", "w", encoding="ascii") as full:
            result = subprocess.run([HEAPCTL, "stats", str(self.pid)],
                                    stdout=full, stderr=subprocess.PIPE,
                                    text=True, check=False)
        self.assertEqual(result.returncode, 1)
        self.assertIn("No space left", result.stderr)

    def test_no_input_is_a_failure(self):
        folder = os.open("/", os.O_RDONLY)
        result = heapctl("what", self.pid, "-", stdin=folder)
        os.close(folder)
        self.assertEqual(result.returncode, 1)
        self.assertIn("standard input", result.stderr)

    def test_a_root_that_is_none_is_named(self):
        result = heapctl("stats", self.pid, "--root", "1")
        self.assertEqual(result.returncode, 5)
        self.assertIn("no mheap at --root 0x1;", result.stderr)

    def test_another_user_is_told_why_not(self):
        if os.getuid() == 0:
            with tempfile.TemporaryDirectory() as folder:
                os.chmod(folder, 0o755)
                own = shutil.copy(HEAPCTL, folder)
                result = subprocess.run(
                    ["setpriv", "--reuid=65534", "--regid=65534",
                     "--clear-groups", "--inh-caps=-all", own, "stats",
                     str(self.pid)], capture_output=True, text=True,
                    check=False)
        else:
            result = heapctl("stats", 1)
        self.assertEqual(result.returncode, 4)
        self.assertIn("permission denied", result.stderr)
        self.assertIn("CAP_SYS_PTRACE", result.stderr)
        self.assertIn("fix:", result.stderr)
        self.assertEqual(result.stdout, "")

    def test_reading_changes_nothing_in_the_target(self):
        def footprint():
            with open(f"/proc/{self.pid}/status", encoding="utf-8") as file:
                return re.findall(r"^(?:VmRSS|VmPTE|VmSwap|RssAnon):.*$",
                                  file.read(), re.M)

        def settled():
            """What it is when it has been so for a second: what the program
            freed when it began is given back meanwhile."""
            last = None
            for _ in range(15):
                now = footprint()
                if now == last:
                    break
                last = now
                time.sleep(1)
            return last
        before = settled()
        for verb in ("stats", "spans", "arenas", "map", "objects"):
            self.ask(verb)
        self.assertEqual(footprint(), before)


def wait_for_name(pid, name):
    for _ in range(200):
        with open(f"/proc/{pid}/comm", encoding="utf-8") as file:
            if file.read().strip() == name:
                time.sleep(0.1)  # its constructors run
                return
        time.sleep(0.02)
    raise AssertionError(f"{pid} did not become {name}")


class Targets(unittest.TestCase):
    """Processes that cannot be read, and kinds of program that can."""

    def test_no_such_process(self):
        for target in ("4194304999", "no-such-program"):
            result = heapctl("stats", target)
            self.assertEqual(result.returncode, 3)
            self.assertEqual(result.stderr.count("\n"), 1)

    def test_an_empty_word_is_no_target(self):
        result = heapctl("stats", "")
        self.assertEqual(result.returncode, 2)
        self.assertIn("the target is empty", result.stderr)

    def test_a_name_cannot_steer_the_terminal(self):
        rename = ("import ctypes, time\n"
                  "ctypes.CDLL(None).prctl(15, b'\\x1b[31m\\xed\\xa0\\x80')\n"
                  "print(flush=True)\ntime.sleep(100)\n")
        with running([PYTHON, "-c", rename]) as (process, _):
            for verb, *args in (["stats"], ["map"], ["spans", "--root", "1"]):
                result = heapctl(verb, process.pid, *args)
                self.assertNotIn("\x1b[31m", result.stdout + result.stderr)
            self.assertNotIn("\x1b[31m", heapctl("ps").stdout)
            name = json.loads(heapctl("stats", process.pid, "--json").stdout)[
                "target"]["name"]
            self.assertEqual(name, "\x1b[31m???")

    def test_a_process_without_mheap(self):
        with subprocess.Popen(["sleep", "100"]) as process:
            time.sleep(0.2)
            result = heapctl("classes", process.pid)
            process.kill()
        self.assertEqual(result.returncode, 5)
        self.assertIn("there is no mheap in it", result.stderr)
        self.assertEqual(result.stderr.count("\n"), 1)

    def test_a_process_that_ended_but_was_not_waited_for(self):
        with running([PYTHON, "-c", TARGET]) as (process, _):
            process.kill()
            time.sleep(0.3)
            result = heapctl("stats", process.pid)
        self.assertEqual(result.returncode, 3, result.stderr)
        self.assertIn("it has ended, or is a thread of the kernel",
                      result.stderr)
        self.assertEqual(result.stderr.count("\n"), 1)

    def test_a_process_that_ends_while_it_is_read(self):
        seen = set()
        for i in range(12):
            with running([PYTHON, "-c", TARGET]) as (process, _):
                with subprocess.Popen(
                        [HEAPCTL, "objects", str(process.pid)],
                        stdout=subprocess.DEVNULL,
                        stderr=subprocess.PIPE) as reader:
                    time.sleep(0.002 * i)
                    process.kill()
                    text = reader.stderr.read()
                    seen.add(reader.wait())
                    self.assertIn(reader.returncode, (0, 3), text)
                    if reader.returncode == 3:
                        self.assertEqual(text.count(b"\n"), 1, text)
        self.assertTrue(seen)

    def test_a_stripped_static_program(self):
        with tempfile.TemporaryDirectory() as folder:
            path = c_program(STATIC, os.path.join(folder, "static"), "-static",
                             str(BUILD / "lib" / "libmheap_malloc.a"),
                             "-lpthread")
            # All of one class: a sampled object would be counted elsewhere.
            env = dict(os.environ, MHEAP_GUARD_BYTES="0")
            env.pop("LD_PRELOAD", None)
            with running([path], env) as (process, line):
                result = heapctl("what", process.pid, line.strip())
                self.assertEqual(result.returncode, 0, result.stderr)
                self.assertRegex(result.stdout, r"used object of 2\d\d bytes")
                data = json.loads(heapctl("classes", process.pid,
                                          "--json").stdout)["data"]
                self.assertGreaterEqual(max(row["used"]
                                            for row in data["rows"]), 10000)

    def test_a_target_that_churns(self):
        churn = ("import threading, random\n"
                 "def work():\n"
                 "    keep = [None] * 2000\n"
                 "    while True:\n"
                 "        keep[random.randrange(2000)] = bytes("
                 "random.randrange(1, 60000))\n"
                 "for _ in range(3): threading.Thread(target=work, "
                 "daemon=True).start()\n"
                 "print(flush=True)\n"
                 "work()\n")
        with running([PYTHON, "-c", churn]) as (process, _):
            for _ in range(25):
                result = heapctl("classes", process.pid, "--json")
                self.assertEqual(result.returncode, 0, result.stderr)
                document = json.loads(result.stdout)
                self.assertEqual(document["consistency"]["findings"], 0,
                                 document["consistency"])
                for row in document["data"]["rows"]:
                    self.assertEqual(row["used"] + row["pending"]
                                     + row["cached"] + row["free"],
                                     row["slots"])


class Run(unittest.TestCase):
    """heapctl run: the program is as it would be without."""

    def run_json(self, *argv, **kwargs):
        result = heapctl("run", "--json", "--", *argv,
                         env=dict(os.environ, PYTHONMALLOC="malloc"), **kwargs)
        document = json.loads(result.stderr.splitlines()[-1])
        self.assertEqual(document["schema"], "heapctl/1")
        self.assertEqual(document["kind"], "run")
        return result, document["data"]

    def test_output_input_and_status_pass_through(self):
        result = heapctl("run", "--", "sh", "-c",
                         "cat; echo error >&2; exit 7", input="hello\n")
        self.assertEqual(result.returncode, 7)
        self.assertEqual(result.stdout, "hello\n")
        self.assertTrue(result.stderr.startswith("error\nheapctl: sh (pid "))
        self.assertIn("exit status 7", result.stderr)

    def test_the_librarys_own_record_at_exit(self):
        _, data = self.run_json(
            PYTHON, "-c", "keep = [bytes(1000) for i in range(20000)]; "
            "import os, sys; sys.stdout.flush()")
        self.assertEqual(data["exit_status"], 0)
        self.assertEqual(data["source"], "final")
        self.assertGreater(data["peak_mapped_bytes"], 20000 * 1000)
        self.assertGreater(data["os_calls"], 0)

    def test_without_a_record_the_last_reading_is_shown(self):
        for end in ("os._exit(3)", "os.kill(os.getpid(), 9)"):
            result, data = self.run_json(
                PYTHON, "-c", "import os, time; "
                "keep = [bytes(1000) for i in range(20000)]; "
                f"time.sleep(1.5); {end}")
            self.assertEqual(data["source"], "live", data)
            self.assertGreater(data["in_use_bytes"], 20000 * 1000)
            self.assertLess(data["age_seconds"], 1.4)
            self.assertEqual(result.returncode,
                             3 if "exit" in end else -signal.SIGKILL)
        self.assertEqual(data["signal"], 9)

    def test_a_signal_ends_us_as_it_ended_the_program(self):
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGABRT):
            result = heapctl("run", "sh", "-c", f"kill -{int(number)} $$")
            self.assertEqual(result.returncode, -number)
            self.assertIn(f"killed by signal {int(number)}", result.stderr)

    def test_a_signal_to_us_goes_to_the_program(self):
        with subprocess.Popen(
                [HEAPCTL, "run", "sh", "-c",
                 "trap 'echo got; exit 5' TERM; echo ready; "
                 "while :; do sleep 0.05; done"],
                stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                text=True) as process:
            process.stdout.readline()
            process.terminate()
            self.assertEqual(process.stdout.readline(), "got\n")
            self.assertEqual(process.wait(), 5)

    def test_exec_chains_and_children(self):
        result, data = self.run_json(
            "sh", "-c", f"sh -c 'echo child'; exec {PYTHON} -c "
            "'import subprocess; print(subprocess.check_output([\"echo\", "
            "\"deep\"]).decode(), end=\"\")'")
        self.assertEqual(result.stdout, "child\ndeep\n")
        self.assertEqual(data["source"], "final")
        self.assertEqual(data["exit_status"], 0)

    def test_a_child_that_exits_does_not_speak_for_its_parent(self):
        _, data = self.run_json(
            PYTHON, "-c", "import os, sys, time\n"
            "if os.fork() == 0: sys.exit(0)\n"
            "os.wait(); time.sleep(0.5); os._exit(0)")
        self.assertEqual(data["source"], "live")

    def test_a_program_that_never_had_an_mheap(self):
        with tempfile.TemporaryDirectory() as folder:
            path = c_program("int main(void) { return 4; }",
                             os.path.join(folder, "plain"), "-static")
            result, data = self.run_json(path)
            self.assertEqual(result.returncode, 4)
            self.assertEqual(data["source"], "none")
            result = heapctl("run", path)
            self.assertIn("no mheap was ever seen", result.stderr)

    def test_an_mheap_linked_in_leaves_the_preloaded_one_alone(self):
        with tempfile.TemporaryDirectory() as folder:
            path = c_program(
                "#include <stdlib.h>\n#include <unistd.h>\n"
                "int main(int argc, char **argv) {\n"
                "    for (int i = 0; i < 5000; i++) {\n"
                "        *(volatile char *)malloc(1000) = 1;\n"
                "    }\n"
                "    usleep(argc * 300000 - 300000);\n"
                "    return argv == NULL;\n}\n",
                os.path.join(folder, "linked"), "-fno-builtin",
                "-Wl,-u,malloc", str(BUILD / "lib" / "libmheap_malloc.a"),
                "-lpthread")
            _, data = self.run_json(path, "wait", "longer")
            self.assertEqual(data["source"], "live")
            self.assertGreaterEqual(data["in_use_objects"], 5000)
            # Too short to be looked into, it is not said to have had nothing.
            _, data = self.run_json(path)
            self.assertIn(data["source"], ("unused", "live"))
            self.assertNotEqual(data.get("in_use_objects"), 0)

    def test_a_report_that_is_lost_is_told(self):
        result = heapctl("run", "-o", "/dev/full", "sh", "-c", "exit 4")
        self.assertEqual(result.returncode, 4)
        self.assertIn("/dev/full: the report could not be written",
                      result.stderr)

    def test_programs_that_cannot_be_started(self):
        missing = heapctl("run", "/no/such/program")
        self.assertEqual(missing.returncode, 127)
        self.assertEqual(missing.stderr, "heapctl: run: /no/such/program: "
                         "No such file or directory\n")
        self.assertEqual(heapctl("run", "/etc/passwd").returncode, 126)

    def test_lines_while_it_runs(self):
        result = heapctl("run", "-i", "0.2", PYTHON, "-c",
                         "import time; time.sleep(1.3)")
        lines = [line for line in result.stderr.splitlines()
                 if re.match(r"heapctl:\s+\d+\.\d\d s  in use ", line)]
        self.assertGreaterEqual(len(lines), 3, result.stderr)

    def test_the_report_goes_to_a_file(self):
        with tempfile.NamedTemporaryFile() as file:
            result = heapctl("run", "-o", file.name, "--json", "-i", "0.3",
                             PYTHON, "-c", "import time; time.sleep(0.8)")
            self.assertEqual(result.stderr, "")
            kinds = [json.loads(line)["kind"]
                     for line in file.read().decode().splitlines()]
        self.assertEqual(kinds[-1], "run")
        self.assertIn("sample", kinds[:-1])

    def test_an_existing_preload_is_kept(self):
        result = heapctl("run", "sh", "-c", "echo $LD_PRELOAD",
                         env=dict(os.environ, LD_PRELOAD="libm.so.6"))
        self.assertEqual(result.stdout, f"libm.so.6:{LIBRARY_REAL}\n")

    def test_closed_streams_stay_closed(self):
        result = subprocess.run(
            ["sh", "-c", f"exec {HEAPCTL} run sh -c "
             "'test -e /proc/self/fd/1 && exit 9; exit 6' >&- <&-"],
            capture_output=True, text=True, check=False)
        self.assertEqual(result.returncode, 6, result.stderr)

    def test_sqlite_builds_and_queries(self):
        script = ("create table t(a integer primary key, b text);"
                  "with recursive n(i) as (select 1 union all select i + 1 "
                  "from n where i < 100000) insert into t select i, "
                  "hex(randomblob(50)) from n; select count(*), "
                  "sum(length(b)) from t;")
        result, data = self.run_json("sqlite3", ":memory:", script)
        self.assertEqual(result.stdout, "100000|10000000\n")
        self.assertEqual(data["source"], "final")
        self.assertGreater(data["peak_mapped_bytes"], 10 << 20)


LIBRARY_REAL = os.path.realpath(LIBRARY)


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for needed in (HEAPCTL, LIBRARY):
        if not os.path.exists(needed):
            sys.exit(f"{needed}: it was not built")
    unittest.main(verbosity=1)
