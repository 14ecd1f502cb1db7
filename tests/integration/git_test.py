#!/usr/bin/env python3
"""git clones, checks, packs and logs a repository of its own on mheap."""

import pathlib
import random
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import real_program as real  # noqa: E402

COMMITS = 900
FILES = 120
WHO = "A U Thor <author@example.com>"


def history(path):
    """A stream for git fast-import: text files that keep changing."""
    rng = random.Random(1)
    texts = [[f"line {rng.random()}\n" for _ in range(300)]
             for _ in range(FILES)]
    with path.open("wb") as out:
        for n in range(COMMITS):
            message = f"commit {n}\n".encode()
            out.write(b"commit refs/heads/main\n")
            out.write(f"committer {WHO} {1700000000 + n} +0000\n".encode())
            out.write(b"data %d\n%s" % (len(message), message))
            for at in rng.sample(range(FILES), 12):
                for _ in range(15):
                    texts[at][rng.randrange(300)] = f"line {rng.random()}\n"
                body = "".join(texts[at]).encode()
                out.write(f"M 100644 inline dir{at % 9}/f{at}.txt\n".encode())
                out.write(b"data %d\n%s\n" % (len(body), body))
        out.write(b"done\n")


def make_repository(git, folder):
    stream, origin = folder / "stream", folder / "origin.git"
    history(stream)
    real.run([git, "init", "-q", "--bare", "-b", "main", origin])
    with stream.open("rb") as stdin:
        done = real.run([git, "fast-import", "--quiet", "--done"], cwd=origin,
                        stdin=stdin)
    real.check(done.status == 0, f"fast-import: {done.err}")
    return origin


def both(git, what, arguments, copies, env):
    """The same command in both clones, compared."""
    libc = real.run([git, *arguments], cwd=copies["libc"], env=env)
    mheap = real.run([git, *arguments], cwd=copies["mheap"], env=env,
                     names=["git"], least=50)
    real.check(libc.status == 0, f"{what} fails on libc: {libc.err}")
    real.same(what, libc, mheap)


def main():
    git = real.need("git")
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        env = {"HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1",
               "GIT_PAGER": "cat"}
        origin = make_repository(git, folder)
        copies = {"libc": folder / "libc", "mheap": folder / "mheap"}
        for where, copy in copies.items():
            done = real.run(
                [git, "clone", "-q", "--no-local", f"file://{origin}", copy],
                env=env, names=["git"] if where == "mheap" else None, least=50)
            real.check(done.status == 0, f"clone: {done.err}")
        both(git, "log", ["log", "-p", "--stat", "--date=raw"], copies, env)
        both(git, "fsck", ["fsck", "--full", "--strict"], copies, env)
        both(git, "repack", ["repack", "-adfq", "--window=20"], copies, env)
        both(git, "fsck after repack", ["fsck", "--full"], copies, env)
        left, right = (sorted(p.relative_to(c) for p in c.rglob("*.txt"))
                       for c in copies.values())
        real.check(left == right and len(left) == FILES,
                   "the checked out files differ")
    print("clone, log, fsck and repack as on libc")


if __name__ == "__main__":
    main()
