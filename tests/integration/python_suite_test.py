#!/usr/bin/env python3
"""Python's own tests on mheap: each test case must end as it does on libc.

Debian leaves test_sqlite3 out of its package of tests. Where it is missing,
SQLITE below uses the sqlite3 module in its place.
"""
# ctest: timeout 900

import pathlib
import sys
import tempfile
import xml.etree.ElementTree as xml

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import real_program as real  # noqa: E402

SUITES = ["test_dict", "test_list", "test_json", "test_threading", "test_gc",
          "test_sqlite3"]
SQLITE = r"""
import sqlite3, threading
class Median:
    def __init__(self): self.seen = []
    def step(self, x): self.seen.append(x)
    def finalize(self): return sorted(self.seen)[len(self.seen) // 2]
def work(n, out):
    db = sqlite3.connect(":memory:", detect_types=sqlite3.PARSE_DECLTYPES)
    db.create_function("twist", 2, lambda a, b: (a * 31 + len(b)) % 1009)
    db.create_aggregate("median", 1, Median)
    db.create_collation("back", lambda a, b: (a < b) - (a > b))
    db.set_trace_callback(lambda text: None)
    db.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT, body BLOB)")
    db.executemany("INSERT INTO t(name, body) VALUES (?, ?)",
                   ((f"n{i * 7919 % 10007}", bytes([i % 256]) * (i % 700))
                    for i in range(20000)))
    db.commit()
    try:
        with db:
            db.execute("DELETE FROM t WHERE id < 500")
            db.execute("INSERT INTO t(id) VALUES (900)")
    except sqlite3.IntegrityError as error:
        out.append((n, "error", str(error)))
    copy = sqlite3.connect(":memory:")
    db.backup(copy)
    out.append((n, copy.execute("SELECT count(*), sum(length(body)) FROM t")
                .fetchone()))
    out.append((n, db.execute("SELECT median(twist(id, name)) FROM t")
                .fetchall()))
    out.append((n, db.execute("SELECT name FROM t ORDER BY name COLLATE back "
                              "LIMIT 5").fetchall()))
    with db.blobopen("t", "body", 600) as blob:
        out.append((n, len(blob), blob[0:4]))
    out.append((n, hash(tuple(len(line) for line in db.iterdump()))))
    data = db.serialize()
    again = sqlite3.connect(":memory:")
    again.deserialize(data)
    out.append((n, again.execute("PRAGMA integrity_check").fetchall()))
    db.close()
out = []
work(0, out)
threads = [threading.Thread(target=work, args=(n, out)) for n in range(1, 5)]
for thread in threads: thread.start()
for thread in threads: thread.join()
for line in sorted(map(repr, out)): print(line)
"""

VERSIONS = ["3.11", "3.12", "3.13", "3.10"]


def find_python():
    for version in VERSIONS:
        suite = pathlib.Path(f"/usr/lib/python{version}/test/test_dict.py")
        program = pathlib.Path(f"/usr/bin/python{version}")
        if suite.exists() and program.exists():
            return str(program)
    return real.fail("no python with its test suite; ./dev setup installs it")


def outcomes(path):
    """How each test case ended, by its full name."""
    found = {}
    for case in xml.parse(path).getroot().iter("testcase"):
        ended = next((child.tag for child in case
                      if child.tag in ("failure", "error", "skipped")), "ok")
        if case.get("result") not in (None, "completed"):
            ended = case.get("result")
        found[case.get("name")] = (case.get("status"), ended)
    return found


def packaged(python):
    folder = pathlib.Path(f"/usr/lib/{pathlib.Path(python).name}/test")
    return [suite for suite in SUITES if (folder / f"{suite}.py").exists()
            or (folder / suite / "__init__.py").exists()]


def use_sqlite(python, folder, name):
    (folder / "use_sqlite.py").write_text(SQLITE)
    results = [real.run([python, "use_sqlite.py"], names=names, least=5000,
                        cwd=folder, env={"PYTHONMALLOC": "malloc"})
               for names in (None, [name])]
    real.check(results[0].status == 0, results[0].err.decode())
    real.same("the sqlite3 module", *results)


def run_suites(python, suites, folder, names):
    report = folder / ("mheap.xml" if names else "libc.xml")
    done = real.run([python, "-m", "test", "--junit-xml", report, *suites],
                    names=names, least=10000, cwd=folder,
                    env={"PYTHONMALLOC": "malloc"})
    return done, outcomes(report)


def main():
    real.need("python3")
    python = find_python()
    name = pathlib.Path(python).name
    suites = packaged(python)
    lacking = set(SUITES) - set(suites)
    real.check(lacking <= {"test_sqlite3"}, f"no {sorted(lacking)}")
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        libc, wanted = run_suites(python, suites, folder, None)
        mheap, got = run_suites(python, suites, folder, [name])
        if lacking:
            use_sqlite(python, folder, name)

    real.check(len(wanted) > 500, f"only {len(wanted)} test cases ran")
    differing = sorted(case for case in wanted.keys() | got.keys()
                       if wanted.get(case) != got.get(case))
    for case in differing[:20]:
        print(f"{case}: libc {wanted.get(case)}, mheap {got.get(case)}")
    if differing or mheap.status != 0 or libc.status != 0:
        print(mheap.out.decode(errors="replace")[-6000:])
        real.fail(f"{len(differing)} of {len(wanted)} test cases differ; exit "
                  f"{mheap.status}, {libc.status} on libc")
    print(f"{len(wanted)} test cases ended as on libc, exit {libc.status}")


if __name__ == "__main__":
    main()
