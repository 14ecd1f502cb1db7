#!/usr/bin/env bash
# install_test.sh - what `cmake --install` leaves is enough to build against.
#
# Installs into a folder of its own and builds three programs: through CMake's
# find_package, through pkg-config, and one that only preloads.
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
libdir=$(dirname "$(find "$prefix" -name libmheap.a)")
for wanted in libmheap.a libmheap_malloc.a libmheap_malloc.so \
    libmheap_malloc.so.0; do
    [[ -e $libdir/$wanted ]] || fail "no $wanted in $libdir"
done
[[ -x $prefix/bin/heapctl ]] || fail "no heapctl"
[[ -e $prefix/include/mheap/version.h ]] || fail "no version.h"

# The soname carries the major version, and the library needs the C library
# alone, so that it can be loaded under any program.
readelf -d "$libdir/libmheap_malloc.so" >"$folder/dynamic"
grep -q 'SONAME.*\[libmheap_malloc\.so\.0\]' "$folder/dynamic" ||
    fail "the soname is not libmheap_malloc.so.0"
needed=$(sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' "$folder/dynamic" |
    grep -Ev '^(libc|ld-linux[a-z0-9_-]*|libpthread)\.so' || true)
[[ -z $needed ]] || fail "the library needs $needed"

# What it exports is the interface and the allocation symbols, nothing else.
odd=$(nm -D --defined-only "$libdir/libmheap_malloc.so" | awk '{ print $3 }' |
    sed 's/@.*//' | grep -Ev '^(mheap_|_Zn[aw]|_Zd[al]|__libc_)' |
    grep -Evx 'malloc|calloc|realloc|reallocarray|free|cfree|free_sized|free_aligned_sized|memalign|aligned_alloc|posix_memalign|__posix_memalign|valloc|pvalloc|malloc_(usable_size|trim|stats|info)|mallinfo2?|mallopt' ||
    true)
[[ -z $odd ]] || fail "exported by mistake: $odd"

mkdir "$folder/user"
cat >"$folder/user/main.c" <<'END'
#include <mheap/mheap.h>
#include <stdio.h>
int main(void) {
    void *p = mheap_malloc(100);
    printf("%d %s\n", mheap_heap_of(p) == mheap_default(), mheap_version());
    mheap_free(p);
    return 0;
}
END
cat >"$folder/user/main.cc" <<'END'
#include <mheap/mheap.h>
#include <string>
int main() {
    std::string text(1000, 'x');
    return mheap_heap_of(text.data()) == mheap_default() ? 0 : 1;
}
END
cat >"$folder/user/CMakeLists.txt" <<'END'
cmake_minimum_required(VERSION 3.20)
project(user LANGUAGES C CXX)
find_package(mheap 0.1 REQUIRED)
add_executable(with_api main.c)
target_link_libraries(with_api PRIVATE mheap::mheap)
add_executable(with_malloc main.cc)
target_link_libraries(with_malloc PRIVATE mheap::mheap_malloc)
add_executable(with_shared main.cc)
target_link_libraries(with_shared PRIVATE mheap::mheap_malloc_shared)
END
{
    cmake -G Ninja -S "$folder/user" -B "$folder/user/build" \
        -DCMAKE_PREFIX_PATH="$prefix" &&
        cmake --build "$folder/user/build"
} >"$folder/user.log" 2>&1 || { cat "$folder/user.log"; fail "find_package"; }
# Only the static library is sure to be of the header's version.
grep -q MHEAP_NO_INLINE "$folder/user/build/build.ninja" ||
    fail "the shared library's programs know its classes"
version=$("$folder/user/build/with_api")
[[ $version == "1 0."* ]] || fail "with_api printed $version"
"$folder/user/build/with_malloc" || fail "malloc is not mheap's when linked"
"$folder/user/build/with_shared" || fail "malloc is not mheap's when shared"

package() {
    PKG_CONFIG_PATH=$libdir/pkgconfig pkg-config --cflags --libs "$1"
}
# shellcheck disable=SC2046  # flags are words
cc -o "$folder/by_pkg_config" "$folder/user/main.c" $(package mheap) ||
    fail "pkg-config mheap"
[[ $("$folder/by_pkg_config") == "$version" ]] || fail "by_pkg_config"
# shellcheck disable=SC2046
c++ -o "$folder/by_pkg_config" "$folder/user/main.cc" $(package mheap_malloc) ||
    fail "pkg-config mheap_malloc"
"$folder/by_pkg_config" || fail "malloc is not mheap's by pkg-config"

LD_PRELOAD=$libdir/libmheap_malloc.so ls "$folder" >/dev/null ||
    fail "ls with the installed library loaded"
echo "installed, found and linked: mheap ${version#1 }"
