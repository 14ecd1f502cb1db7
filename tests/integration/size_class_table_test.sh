#!/bin/sh
# size_class_table_test.sh - the generated tables of size classes are current,
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
mkdir -p "$scratch/scripts" "$scratch/core/heap" "$scratch/include/mheap" \
    "$scratch/docs"
cp "$source_dir/scripts/gen_size_classes.py" "$scratch/scripts/"
cp "$source_dir/core/heap/size_class_table.h" "$scratch/core/heap/"
cp "$source_dir/include/mheap/classes.h" "$scratch/include/mheap/"
cp "$source_dir/docs/size-classes.md" "$scratch/docs/"
generator="$scratch/scripts/gen_size_classes.py"

"$generator" --check || fail "a faithful copy is called stale"

for file in core/heap/size_class_table.h include/mheap/classes.h \
    docs/size-classes.md; do
    sed -i 's/1152/1153/; s/ 1024 ?/ 1025 ?/' "$scratch/$file"
    if "$generator" --check 2>"$scratch/said"; then
        fail "an edited $file is called current"
    fi
    grep -q "$file is not current" "$scratch/said" ||
        fail "the message does not name $file"
    "$generator"
    "$generator" --check || fail "writing does not mend $file"
done

# Other classes, or other calls, have other names in the public header.
python3 - "$scratch/scripts" <<'END' || fail "names that say too little"
import sys
sys.dont_write_bytecode = True
sys.path.insert(0, sys.argv[1])
import gen_size_classes as gen

def names(sizes):
    rows = [gen.SizeClass(size, 0) for size in sizes]
    return [line for line in gen.public_text(rows).splitlines()
            if line.startswith("#define MHEAP_") and " mheap_" in line]

sizes = gen.slot_sizes()
usual = names(sizes)
assert len(usual) == 2 and usual == names(list(sizes))
for size in sizes[1:-1]:
    others = names([other for other in sizes if other != size])
    assert not set(others) & set(usual), size
gen.INLINE_CALLS += 1
assert not set(names(sizes)) & set(usual)
END

# --print shows one line per class under a title and a rule.
lines=$("$generator" --print | wc -l)
classes=$(sed -n 's/^#define MH_NCLASSES //p' \
    "$source_dir/core/heap/size_class_table.h")
[ "$lines" -eq "$((classes - 1 + 2))" ] ||
    fail "--print shows $lines lines for $classes classes"
