#!/usr/bin/env bash
# inline_test.sh - programs that are built with the inline functions of the
# installed header: C11 and C++11, gcc and clang, optimised and not.
set -euo pipefail

build=${MHEAP_BUILD_DIR:?}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

fail() {
    echo "FAILED: $*" >&2
    exit 1
}

prefix=$folder/prefix
cmake --install "$build" --prefix "$prefix" >"$folder/install.log" ||
    { cat "$folder/install.log"; fail "cmake --install"; }
library=$(find "$prefix" -name libmheap.a)

cat >"$folder/use.c" <<'END'
#include <mheap/mheap.h>

static unsigned wrong_sizes;

static void note(const struct mheap_bad_free *what, void *context) {
    (void)context;
    wrong_sizes += what->kind == MHEAP_BAD_SIZE;
}

struct thing {
    char bytes[80];
};

static void *call(void *(*allocate)(size_t), size_t size) {
    return allocate(size);
}

static int constants(void) {
    void *p = mheap_malloc(sizeof(struct thing));
    void *q = (mheap_malloc)(0);
    void *large = mheap_malloc(100000);
    int ok = mheap_usable_size(p) == 80 && mheap_usable_size(q) == 16 &&
             mheap_usable_size(large) >= 100000;
    mheap_free_sized(p, sizeof(struct thing));
    mheap_free_sized(q, 0);
    mheap_free_sized(large, 100000);
    mheap_free_sized((void *)0, 5);
    return ok && wrong_sizes == 0;
}

static int variables(size_t size) {
    void *p = mheap_malloc(size);
    void *q = call(&mheap_malloc, size);
    int ok = mheap_usable_size(p) >= size && mheap_usable_size(q) >= size;
    mheap_free_sized(p, size);
    mheap_free_sized(q, size);
    return ok && wrong_sizes == 0;
}

static int mistakes(void) {
    void *p = mheap_malloc(100);
    mheap_free_sized(p, 40);
    mheap_free_sized(p, 4000);
    mheap_free_sized(p, 100);
    return wrong_sizes == 2;
}

int main(int argc, char **argv) {
    (void)argv;
    mheap_set_bad_free_handler(note, (void *)0);
    if (!constants()) {
        return 1;
    }
    for (size_t size = 0; size < 5000; size += (size_t)argc) {
        if (!variables(size)) {
            return 2;
        }
    }
    return mistakes() ? 0 : 3;
}
END
sed 's/mheap_malloc(100000)/::&/; s/(void \*)0/nullptr/' "$folder/use.c" \
    >"$folder/use.cc"

# calls OBJECT: how many of the functions it calls are given a class.
calls() {
    nm "$1" | grep -cE ' U mheap_(malloc|free)_class_[0-9a-f]{8}$' || true
}

strict=(-Wall -Wextra -Wconversion -Wsign-conversion -Wshadow -Wundef
    -Wredundant-decls -pedantic -Werror)
for language in "gcc -std=c11 use.c" "clang-14 -std=c11 use.c" \
    "g++ -std=c++11 use.cc" "clang++-14 -std=c++11 use.cc" \
    "g++ -std=c++20 use.cc"; do
    read -r compiler standard source <<<"$language"
    for level in "-O0 0" "-Og 2" "-O1 2" "-O2 2" "-Os 2" "-O3 2" \
        "-O2 -DMHEAP_NO_INLINE 0"; do
        read -r -a flags <<<"${level% *}"
        what="$compiler $standard ${flags[*]}"
        "$compiler" "$standard" "${flags[@]}" "${strict[@]}" \
            -I"$prefix/include" -c "$folder/$source" -o "$folder/use.o" ||
            fail "$what: does not compile"
        [[ $(calls "$folder/use.o") == "${level##* }" ]] ||
            fail "$what: $(calls "$folder/use.o") functions with a class"
        "$compiler" "$folder/use.o" "$library" -pthread -o "$folder/use" ||
            fail "$what: does not link"
        "$folder/use" || fail "$what: step $?"
    done
done

# A header with other classes than the library's.
sed -i -E 's/(_class_)[0-9a-f]{8}/\100000000/' "$prefix/include/mheap/classes.h"
gcc -O2 -I"$prefix/include" -c "$folder/use.c" -o "$folder/use.o"
if gcc "$folder/use.o" "$library" -pthread -o "$folder/use" \
    2>"$folder/said"; then
    fail "a header of another version links"
fi
grep -q "undefined reference to .mheap_malloc_class_00000000" "$folder/said" ||
    fail "it is something else that does not link"
echo "sizes that the compiler knows: inline, checked, and of one version"
