#!/usr/bin/env bash
# dev_script_test.sh - ./dev on machines it has never seen.
#
# A copy of ./dev runs with a PATH that holds nothing but a few core utilities
# and stand-ins for dpkg-query, apt-get, sudo and the build tools. What the
# stand-ins know and what was asked of them lies in $state.
set -euo pipefail

source_dir=${MHEAP_SOURCE_DIR:-$(cd "$(dirname "$0")/../.." && pwd)}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
state=$work/state
failures=0

UTILITIES="bash env cat grep sed sort paste tail head rm tee chmod mkdir
    mktemp readlink dirname basename find xargs nproc printf touch cp true flock"

# stand_in NAME: reads its script from standard input.
stand_in() {
    {
        printf '#!%s\nstate=%q\n' "$(command -v bash)" "$state"
        cat
    } >"$work/bin/$1"
    chmod +x "$work/bin/$1"
}

# fresh_machine: root, apt, Debian 12's packages on offer, none installed.
fresh_machine() {
    rm -rf "${work:?}/bin" "$state" "$work/tree"
    mkdir -p "$work/bin" "$state" "$work/tree/core"
    cp "$source_dir/dev" "$work/tree/dev"
    local tool
    for tool in $UTILITIES; do
        ln -s "$(type -P "$tool")" "$work/bin/$tool"
    done
    : >"$state/installed"
    : >"$state/calls"
    echo 0 >"$state/uid"

    stand_in id <<<'cat "$state/uid"'
    stand_in dpkg-query <<'END'
[[ $1 == -W && $2 == -f && $3 == '${Package} ${db:Status-Status}\n' ]] || exit 2
shift 3
status=0
for name; do
    if [[ $'\n'$(<"$state/installed")$'\n' == *$'\n'"$name"$'\n'* ]]; then
        printf '%s installed\n' "$name"
    elif [[ $name == lib* ]]; then # as dpkg answers for what others depend on
        printf '%s not-installed\n' "$name"
    else
        printf 'dpkg-query: no packages found matching %s\n' "$name" >&2
        status=1
    fi
done
exit "$status"
END
    stand_in apt-cache <<'END'
for name; do :; done
printf '%s:\n' "$name"
if [[ -e $state/refused ]] && grep -qx -- "$name" "$state/refused"; then
    printf '  Candidate: (none)\n'
else
    printf '  Candidate: 1.0\n'
fi
END
    stand_in apt-get <<'END'
printf 'apt-get %s\n' "$*" >>"$state/calls"
printf '%s\n' "${DEBIAN_FRONTEND:-unset}" >"$state/frontend"
[[ " $* " == *" install "* ]] || exit 0
if [[ -e $MHEAP_DEV_POLICY ]]; then
    status=0
    "$MHEAP_DEV_POLICY" || status=$?
    printf '%s\n' "$status" >"$state/policy"
fi
[[ ! -e $state/apt_fails ]] || exit 100
for word; do printf '%s\n' "$word"; done |
    sed '1,/^--no-install-recommends$/d' >>"$state/installed"
END
    stand_in invoke-rc.d <<<'printf "invoke-rc.d %s\n" "$*" >>"$state/calls"'
    stand_in update-rc.d <<<'printf "update-rc.d %s\n" "$*" >>"$state/calls"'
}

# A machine on which everything is installed and every build tool succeeds.
built_machine() {
    fresh_machine
    if [[ -e $work/everything ]]; then
        cp "$work/everything" "$state/installed"
    else
        dev_fed setup
        cp "$state/installed" "$work/everything"
        : >"$state/calls"
    fi
    for tool in cmake clang-tidy-14 clang-format-14 setarch; do
        stand_in "$tool" <<END
printf '$tool %s\n' "\$*" >>"\$state/calls"
END
    done
    stand_in python3 <<'END'
printf 'python3 %s\n' "$*" >>"$state/calls"
[[ $1 != - ]] || echo core/base/lock.c
if [[ -e $state/lint_fails && $* == *check_layers* ]]; then
    echo "a finding of lint" >&2
    exit 1
fi
END
    stand_in ctest <<'END'
printf 'ctest %s\n' "$*" >>"$state/calls"
echo "100% tests passed, 0 tests failed out of 3"
[[ ! -e $state/ctest_fails || $* != *"--preset dev "* ]]
END
}

# dev_fed ARGUMENTS...: runs ./dev; $out, $err and $status say what it did.
dev_fed() {
    status=0
    env -i PATH="$work/bin" HOME="$work" CI=true \
        MHEAP_DEV_POLICY="${policy:-$state/policy-rc.d}" \
        MHEAP_DEV_INSTALL="${install:-yes}" \
        "$work/bin/bash" "$work/tree/dev" "$@" \
        >"$work/out" 2>"$work/err" </dev/null || status=$?
    out=$(cat "$work/out")
    err=$(cat "$work/err")
}

fail() {
    failures=$((failures + 1))
    printf 'FAILED: %s: %s\n--- stdout\n%s\n--- stderr\n%s\n--- calls\n%s\n' \
        "$test_name" "$1" "$out" "$err" "$(cat "$state/calls")"
}

expect_status() {
    [[ $status == "$1" ]] || fail "exit $status, expected $1"
}

expect() { # expect TEXT PATTERN
    [[ $1 == $2 ]] || fail "expected $2"
}

expect_no() { # expect_no TEXT PATTERN
    [[ $1 != $2 ]] || fail "did not expect $2"
}

calls() {
    cat "$state/calls"
}

help_has_one_line_for_each_word() {
    fresh_machine
    dev_fed help
    expect_status 0
    local words
    mapfile -t words < <(sed -n 's/^word_\([a-z]*\)() {$/\1/p' "$work/tree/dev")
    for word in "${words[@]}"; do
        [[ $(grep -c "^  $word " "$work/out") == 1 ]] || fail "no line: $word"
    done
    [[ ${#words[@]} -ge 11 ]] || fail "words not found: ${words[*]}"
    [[ $(wc -l <"$work/out") == $((${#words[@]} + 1)) ]] ||
        fail "not one line for each of: ${words[*]}"
}

an_unknown_word_is_a_usage_error() {
    fresh_machine
    dev_fed bulid
    expect_status 2
    expect "$err" "*no word 'bulid'*"
}

without_apt_the_missing_packages_are_named() {
    fresh_machine
    rm "$work/bin/apt-get" "$work/bin/dpkg-query"
    dev_fed build
    expect_status 3
    expect "$err" "dev: missing packages: *cmake, *"
    for name in cmake g++ gcc libdw-dev libelf-dev libjson-c-dev ninja-build \
        pkg-config python3; do
        expect "$err," "*[ ]$name,*"
    done
    expect_no "$err" "*redis*"
    [[ -z $(calls) ]] || fail "something was run"
}

what_is_there_without_a_package_is_not_missing() {
    fresh_machine
    rm "$work/bin/apt-get" "$work/bin/dpkg-query"
    stand_in cmake <<<':'
    stand_in ninja <<<':'
    stand_in pkg-config <<<'[[ $2 == libelf ]]'
    dev_fed build
    expect_status 3
    for name in cmake ninja-build pkg-config libelf-dev; do
        expect_no "$err," "*[ ]$name,*"
    done
    expect "$err," "*[ ]libdw-dev,*"
}

an_ordinary_user_without_sudo_installs_nothing() {
    fresh_machine
    echo 1000 >"$state/uid"
    dev_fed build
    expect_status 3
    expect "$err" "*missing packages: *cmake*"
    expect_no "$out" "*installing*"
    [[ -z $(calls) ]] || fail "apt was run"
}

a_sudo_that_wants_a_password_is_not_used() {
    fresh_machine
    echo 1000 >"$state/uid"
    stand_in sudo <<<'exit 1'
    dev_fed build
    expect_status 3
    expect "$err" "*missing packages: *cmake*"
    expect_no "$out" "*installing*"
}

a_sudo_that_wants_no_password_is_used() {
    fresh_machine
    echo 1000 >"$state/uid"
    stand_in sudo <<'END'
printf 'sudo %s\n' "$*" >>"$state/calls"
[[ $1 == -n ]] && shift
exec "$@"
END
    dev_fed setup
    expect_status 0
    expect "$(calls)" "*sudo -n env *apt-get*install*"
}

root_installs_only_what_is_missing() {
    fresh_machine
    printf '%s\n' cmake gcc python3 >>"$state/installed"
    dev_fed setup
    expect_status 0
    local line
    line=$(grep ' install ' "$state/calls")
    expect "$line " "*--no-install-recommends *"
    expect "$line " "* ninja-build *"
    expect "$line " "* libjson-c-dev *"
    expect_no "$line " "* cmake *"
    expect_no "$line " "* gcc *"
    expect "$(head -n 1 "$state/calls")" "*update*"
    expect "$(cat "$state/frontend")" noninteractive
    [[ $(grep -c installing: "$work/out") == 1 ]] || fail "not one line"
}

nothing_missing_means_no_apt() {
    fresh_machine
    dev_fed setup
    : >"$state/calls"
    dev_fed setup
    expect_status 0
    [[ -z $(calls) ]] || fail "apt was run"
    expect_no "$out" "*installing*"
}

install_no_only_names_what_is_missing() {
    fresh_machine
    install=no dev_fed setup
    expect_status 3
    expect "$err" "*missing packages:*"
    [[ -z $(calls) ]] || fail "apt was run"
}

of_two_names_the_one_on_offer_is_installed() {
    fresh_machine
    printf '%s\n' libtcmalloc-minimal4 python3.11 libpython3.11-testsuite \
        >"$state/refused"
    dev_fed setup
    expect_status 0
    expect "$(calls) " "* libtcmalloc-minimal4t64 *"
    expect "$(calls) " "* python3.12 *"
    expect_no "$(calls)" "*|*"
}

where_neither_name_is_on_offer_apt_is_asked_for_the_first() {
    fresh_machine
    printf '%s\n' libtcmalloc-minimal4 libtcmalloc-minimal4t64 \
        >"$state/refused"
    dev_fed setup
    expect "$(calls) " "* libtcmalloc-minimal4 *"
}

of_two_names_either_will_do() {
    fresh_machine
    dev_fed setup
    sed -i 's/^python3\.11$/python3.12/' "$state/installed"
    : >"$state/calls"
    dev_fed setup
    expect_status 0
    [[ -z $(calls) ]] || fail "apt was run"
}

a_failing_apt_ends_with_what_is_missing() {
    fresh_machine
    touch "$state/apt_fails"
    dev_fed build
    expect_status 3
    expect "$err" "*missing packages: *ninja-build*"
    [[ ! -e $state/policy-rc.d ]] || fail "the policy file was left behind"
}

no_daemon_starts_while_packages_are_installed() {
    fresh_machine
    dev_fed setup
    expect_status 0
    expect "$(cat "$state/policy" 2>/dev/null)" 101
    [[ ! -e $state/policy-rc.d ]] || fail "the policy file was left behind"
    expect "$(calls)" "*invoke-rc.d*redis-server stop*"
    expect "$(calls)" "*update-rc.d redis-server disable*"
}

the_administrators_policy_is_left_alone() {
    fresh_machine
    printf '#!/bin/sh\nexit 104\n' >"$state/own-policy"
    chmod +x "$state/own-policy"
    policy=$state/own-policy dev_fed setup
    expect_status 0
    expect "$(cat "$state/policy")" 104
    [[ -x $state/own-policy ]] || fail "the policy file is gone"
}

a_redis_that_was_there_before_keeps_running() {
    fresh_machine
    echo redis-server >>"$state/installed"
    dev_fed setup
    expect_status 0
    expect_no "$(calls)" "*redis-server*"
}

it_works_from_anywhere_and_through_a_link() {
    built_machine
    ln -s "$work/tree/dev" "$work/linked"
    status=0
    (cd / && env -i PATH="$work/bin" HOME="$work" CI=true \
        "$work/bin/bash" "$work/linked" build) >"$work/out" 2>&1 || status=$?
    out=$(cat "$work/out")
    expect_status 0
    [[ -e $work/tree/build/release/build.log ]] || fail "built elsewhere"
}

bench_builds_the_library_with_and_without_its_checks() {
    built_machine
    dev_fed bench --quick pairs
    expect_status 0
    expect "$(calls)" "*cmake -S . --preset release -DMHEAP_BUILD_BENCH=ON
cmake --build build/release *cmake -S . --preset release-unchecked
cmake --build build/release-unchecked *
python3 bench/run.py --build build/release --quick pairs"
}

a_failing_build_shows_its_log() {
    built_machine
    stand_in cmake <<<'echo "lock.c:7: error: no such lock"; exit 1'
    dev_fed build
    [[ $status != 0 ]] || fail "exit 0"
    expect "$err" "*no such lock*"
}

warnings_of_a_good_build_are_shown() {
    built_machine
    stand_in cmake <<<'echo "lock.c:7: warning: odd lock"'
    dev_fed build
    expect_status 0
    expect "$err" "*odd lock*"
}

the_whole_test_ends_with_the_line_of_ctest() {
    built_machine
    dev_fed test
    expect_status 0
    expect "$(tail -n 1 "$work/out")" "100% tests passed, 0 tests failed*"
    for name in lint build-release build-dev tidy platforms asan tsan; do
        expect "$out" "*phase $name: ok*"
    done
    expect "$(calls)" "*ctest --preset dev --no-tests=error*"
    expect "$(calls)" "*platforms.py --targets --part ci*"
    expect "$(calls)" "*platforms.py --part ci
*"
}

sanitizers_build_the_tests_they_run_and_no_more() {
    built_machine
    dev_fed test
    expect "$(calls)" "*cmake --build build/asan * --target tests_unit \
tests_fault tests_backend tests_stress
*"
    expect "$(calls)" "*cmake --build build/tsan * --target tests_unit \
tests_stress
*"
    expect "$(calls)" "*cmake --build build/dev * --target all
*"
}

a_failed_phase_fails_the_test_but_hides_no_other() {
    built_machine
    touch "$state/lint_fails"
    dev_fed test
    expect_status 1
    expect "$out" "*phase lint: FAILED*"
    expect "$out" "*phase asan: ok*"
    expect "$err" "*failed: lint*"
}

what_a_failed_phase_said_last_comes_again_at_the_end() {
    built_machine
    touch "$state/lint_fails"
    dev_fed test
    expect "$err" "*the end of lint:*a finding of lint*failed: lint*"
    expect_no "$err" "*the end of asan*"
}

a_failed_build_ends_the_test() {
    built_machine
    stand_in cmake <<<'exit 1'
    for arguments in "" --fast palloc; do
        # shellcheck disable=SC2086
        dev_fed test $arguments
        expect_status 1
        expect_no "$out" "*100% tests passed*"
    done
}

a_failed_ctest_fails_the_test() {
    built_machine
    touch "$state/ctest_fails"
    for arguments in "" --fast "palloc" "-R palloc"; do
        # shellcheck disable=SC2086
        dev_fed test $arguments
        [[ $status != 0 ]] || fail "exit 0 for '$arguments'"
    done
}

arguments_choose_tests_and_nothing_else_runs() {
    built_machine
    dev_fed test palloc
    expect_status 0
    expect "$(calls)" "*ctest --preset dev --no-tests=error -R palloc*"
    expect_no "$(calls)" "*tsan*"
}

fuzz_shares_its_minutes_among_the_fuzzers() {
    built_machine
    mkdir -p "$work/tree/build/dev/bin"
    for name in heap_fuzz palloc_fuzz; do
        stand_in "$name" <<'END'
printf '%s %s\n' "${0##*/}" "$*" >>"$state/calls"
[[ $0 != */palloc_fuzz || ! -e $state/fuzz_fails ]]
END
        mv "$work/bin/$name" "$work/tree/build/dev/bin/"
    done
    dev_fed fuzz --minutes 2
    expect_status 0
    expect "$(calls)" "*heap_fuzz --seconds 60*"
    expect "$(calls)" "*palloc_fuzz --seconds 60*"

    touch "$state/fuzz_fails"
    dev_fed fuzz
    expect_status 1
    expect "$err" "*failed: palloc_fuzz*"
}

an_engine_starts_from_the_inputs_that_are_kept() {
    built_machine
    mkdir -p "$work/tree/build/libfuzzer/bin"
    stand_in palloc_fuzz <<'END'
printf '%s %s\n' "${0##*/}" "$*" >>"$state/calls"
[[ ! -e $state/fuzz_fails ]]
END
    mv "$work/bin/palloc_fuzz" "$work/tree/build/libfuzzer/bin/"
    dev_fed fuzz --engine libfuzzer --minutes 2
    expect_status 0
    expect "$(calls)" "*cmake --build build/libfuzzer * --target tests_fuzz*"
    expect "$(calls)" "*palloc_fuzz -max_total_time=120 *\
build/fuzz/palloc tests/fuzz/corpus/palloc*"

    touch "$state/fuzz_fails"
    dev_fed fuzz --engine libfuzzer
    expect_status 1
    expect "$err" "*failed: palloc_fuzz*"
    dev_fed fuzz --engine other
    expect_status 2
}

fuzz_without_a_fuzzer_fails() {
    built_machine
    mkdir -p "$work/tree/build/dev/bin"
    dev_fed fuzz
    expect_status 1
    dev_fed fuzz --hours 1
    expect_status 2
}

cross_installs_the_compiler_and_builds_for_it() {
    built_machine
    mkdir -p "$work/tree/scripts"
    cp "$source_dir/scripts/cross_check.sh" "$work/tree/scripts/"
    # The source is there already, so nothing has to be fetched.
    mkdir -p "$work/tree/build/cross/source/check/debian"
    touch "$work/tree/build/cross/source/check/debian/control"
    stand_in cmake <<'END'
printf 'cmake %s\n' "$*" >>"$state/calls"
[[ $1 != --build ]] || { mkdir -p build/cross/linux-ppc64/lib/pkgconfig &&
    echo 'Libs: -lcheck_pic' >build/cross/linux-ppc64/lib/pkgconfig/check.pc; }
END
    : >"$state/calls"
    dev_fed cross linux-ppc64
    expect_status 0
    expect "$(calls)" "*apt-get*install*gcc-powerpc64-linux-gnu*qemu-user*"
    expect "$(calls)" "*toolchains/linux-ppc64.cmake*cmake --build*"
    expect "$(cat "$work/tree/build/cross/linux-ppc64/lib/pkgconfig/check.pc")" \
        "*} -lcheck -pthread"
}

what_a_target_lacks_is_missing_as_for_every_word() {
    built_machine
    mkdir -p "$work/tree/scripts"
    cp "$source_dir/scripts/cross_check.sh" "$work/tree/scripts/"
    install=no dev_fed cross linux-ppc64
    expect_status 3
    expect "$err" "*missing packages:*gcc-powerpc64-linux-gnu*"
}

targets_are_made_ready_whatever_becomes_of_another() {
    built_machine
    mkdir -p "$work/tree/scripts"
    cat >"$work/tree/scripts/cross_check.sh" <<END
#!/bin/bash
if [[ \$1 == --packages ]]; then
    echo cmake
else
    echo "cross_check \$1" >>"$state/calls"
    [[ \$1 != linux-arm64 ]]
fi
END
    chmod +x "$work/tree/scripts/cross_check.sh"
    stand_in python3 <<'END'
printf 'python3 %s\n' "$*" >>"$state/calls"
[[ $* != *--targets* ]] || printf 'linux-%s\n' 386 arm64 ppc64 s390x
END
    dev_fed test --platform all
    expect_status 0
    for target in 386 arm64 ppc64 s390x; do
        expect "$(calls)" "*cross_check linux-$target*"
    done
    expect "$out" "*linux-arm64 cannot be built for*"
    expect_no "$out" "*linux-ppc64 cannot*"
    expect "$(calls)" "*cross_check*platforms.py all"
}

other_platforms_are_tested_by_name() {
    built_machine
    dev_fed test --platform linux/ppc64
    expect_status 0
    expect "$(calls)" "*platforms.py --targets linux/ppc64*"
    expect "$(calls)" "*platforms.py linux/ppc64"
    dev_fed test --platform
    expect "$(calls)" "*platforms.py all"
}

cross_refuses_a_target_it_does_not_know() {
    built_machine
    mkdir -p "$work/tree/scripts"
    cp "$source_dir/scripts/cross_check.sh" "$work/tree/scripts/"
    dev_fed cross linux-pdp11
    expect_status 1
    expect "$err" "*no target 'linux-pdp11'*"
    dev_fed cross
    expect_status 2
}

tests=$(declare -F | sed -n 's/^declare -f \(.*_.*_.*\)$/\1/p')
for test_name in $tests; do
    out="" err="" status=0
    "$test_name"
done
count=$(wc -w <<<"$tests")
echo "dev_script_test: $count tests, $failures failures"
[[ $failures == 0 && $count -ge 24 ]]
