#!/bin/sh
# size_class_table_test.sh - the generated table of size classes is current,
# and the check that says so notices an edit.
set -eu

source_dir=${MHEAP_SOURCE_DIR:?}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

fail() {
    echo "size_class_table_test: $1" >&2
    exit 1
}

"$source_dir/scripts/gen_size_classes.py" --check ||
    fail "the committed files are not what the generator writes"

# A copy of what the generator reads and writes, to be spoilt.
mkdir -p "$scratch/scripts" "$scratch/core/heap" "$scratch/docs"
cp "$source_dir/scripts/gen_size_classes.py" "$scratch/scripts/"
cp "$source_dir/core/heap/size_class_table.h" "$scratch/core/heap/"
cp "$source_dir/docs/size-classes.md" "$scratch/docs/"
generator="$scratch/scripts/gen_size_classes.py"

"$generator" --check || fail "a faithful copy is called stale"

for file in core/heap/size_class_table.h docs/size-classes.md; do
    sed -i 's/1152/1153/' "$scratch/$file"
    if "$generator" --check 2>"$scratch/said"; then
        fail "an edited $file is called current"
    fi
    grep -q "$file is not current" "$scratch/said" ||
        fail "the message does not name $file"
    "$generator"
    "$generator" --check || fail "writing does not mend $file"
done

# --print shows one line per class under a title and a rule.
lines=$("$generator" --print | wc -l)
classes=$(sed -n 's/^#define MH_NCLASSES //p' \
    "$source_dir/core/heap/size_class_table.h")
[ "$lines" -eq "$((classes - 1 + 2))" ] ||
    fail "--print shows $lines lines for $classes classes"
