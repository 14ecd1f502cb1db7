#!/bin/sh
# fast_path_test.sh - malloc, free and their kin take as many instructions as they should,
# and the check that says so notices one more.
set -eu

source_dir=${MHEAP_SOURCE_DIR:?}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

fail() {
    echo "fast_path_test: $1" >&2
    exit 1
}

"$source_dir/scripts/fast_path.py" --check || fail "the counts have moved"

# A copy whose free does something more.
mkdir -p "$scratch/tests" "$scratch/scripts"
cp -r "$source_dir/core" "$source_dir/include" "$source_dir/platform" "$scratch"
cp -r "$source_dir/tests/golden" "$scratch/tests"
cp "$source_dir/scripts/fast_path.py" "$scratch/scripts"
sed -i 's/^    top\[1\].slot = p;$/    top[1].slot = p;\n    bin->limit += (uintptr_t)top \& 1;/' \
    "$scratch/core/api/fast.h"
cmp -s "$source_dir/core/api/fast.h" "$scratch/core/api/fast.h" &&
    fail "nothing was planted"
if "$scratch/scripts/fast_path.py" --check >"$scratch/said" 2>&1; then
    fail "two instructions more are not noticed"
fi
grep -q "free takes" "$scratch/said" || fail "it does not say what has grown"
