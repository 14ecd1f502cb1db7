#!/usr/bin/env python3
"""check_commits.py - the subject lines of the history.

A subject reads `folder: summary`, has at most 60 characters and no full stop.
Merges and git's own reverts are exempt. Where the history is not at hand (a
shallow clone, an unpacked archive) it says so and checks nothing.
"""

import argparse
import pathlib
import re
import subprocess
import sys

MAX_SUBJECT = 60
SUBJECT = re.compile(r"^[a-z][a-z0-9_.-]*(/[a-z0-9_.-]+)*: \S.*\S$")


def subject_fault(subject):
    """What is wrong with a subject line; None if nothing is."""
    if re.match(r'Revert ".*"$', subject):
        return None
    if not SUBJECT.match(subject):
        return "not `folder: summary`"
    if len(subject) > MAX_SUBJECT:
        return f"{len(subject)} characters, more than {MAX_SUBJECT}"
    if subject.endswith("."):
        return "ends in a full stop"
    return None


def git(root, *arguments):
    return subprocess.run(["git", *arguments], cwd=root, capture_output=True,
                          text=True, check=False)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--root", type=pathlib.Path,
                        default=pathlib.Path(__file__).resolve().parent.parent)
    parser.add_argument("revisions", nargs="?", default="HEAD",
                        help="what to check, as git log takes it")
    options = parser.parse_args()

    shallow = git(options.root, "rev-parse", "--is-shallow-repository")
    if shallow.returncode != 0 or shallow.stdout.strip() == "true":
        print("check_commits: no full history here, nothing checked")
        return 0
    log = git(options.root, "log", "--no-merges", "--format=%h %s",
              options.revisions)
    if log.returncode != 0:
        print(f"check_commits: {log.stderr.strip()}")
        return 1

    commits = [line.split(" ", 1) for line in log.stdout.splitlines()]
    faults = [f"{sha}: {fault}: {subject}" for sha, subject in commits
              for fault in [subject_fault(subject)] if fault]
    print("\n".join(faults + [
        f"check_commits: {len(commits)} commits, {len(faults)} violations"]))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
