#!/usr/bin/env python3
"""sqlite3 builds and queries a database of over 200 MB on mheap."""

import hashlib
import pathlib
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import real_program as real  # noqa: E402

LEAST_BYTES = 200 << 20

# The cache holds all of it, so that the pages come from malloc.
SCRIPT = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA cache_size = -400000;
CREATE TABLE item(id INTEGER PRIMARY KEY, key TEXT, weight INTEGER, body TEXT);
CREATE TABLE link(a INTEGER, b INTEGER);
BEGIN;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 850000)
INSERT INTO item
SELECT i, printf('key-%08x', (i * 2654435761) % 4294967296),
       (i * 40503) % 65536,
       substr(printf('%0200d%s', i * 7919, hex(i * 104729)), 1 + i % 40)
FROM n;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 850000)
INSERT INTO link SELECT i, 1 + (i * 48271) % 850000 FROM n;
COMMIT;
CREATE INDEX item_key ON item(key);
CREATE INDEX item_weight ON item(weight, id);
CREATE INDEX link_b ON link(b, a);
SELECT count(*), sum(weight), sum(length(body)) FROM item;
SELECT weight % 7, count(*), min(key), max(key) FROM item GROUP BY 1 ORDER BY 1;
SELECT count(*) FROM link JOIN item ON item.id = link.b WHERE weight < 9000;
SELECT key, weight FROM item WHERE weight BETWEEN 500 AND 510 ORDER BY key
LIMIT 25;
SELECT count(DISTINCT substr(body, 150, 30)) FROM item;
SELECT group_concat(key, '') FROM (SELECT key FROM item ORDER BY key LIMIT 2000);
DELETE FROM item WHERE id % 17 = 0;
UPDATE item SET body = body || key WHERE id % 5 = 0;
SELECT count(*), sum(length(body)) FROM item;
PRAGMA integrity_check;
"""


def build(sqlite, folder, names):
    database = folder / ("mheap.db" if names else "libc.db")
    script = folder / "script.sql"
    script.write_text(SCRIPT)
    with script.open("rb") as stdin:
        done = real.run([sqlite, "-batch", database.name], names=names,
                        least=1000, cwd=folder, stdin=stdin)
    size = database.stat().st_size
    with database.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest() if hasattr(
            hashlib, "file_digest") else hashlib.sha256(
                file.read()).hexdigest()
    database.unlink()
    return done, size, digest


def main():
    sqlite = real.need("sqlite3")
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        libc, _, wanted = build(sqlite, folder, None)
        mheap, size, got = build(sqlite, folder, ["sqlite3"])
    real.check(size >= LEAST_BYTES, f"the database has only {size} bytes")
    real.check(mheap.out.endswith(b"ok\n"), "the integrity check failed")
    real.same("sqlite3", libc, mheap)
    real.check(got == wanted, "the database files differ")
    print(f"{size >> 20} MiB of database, byte by byte as on libc")


if __name__ == "__main__":
    main()
