// os_linear_test.c - what WebAssembly's backend promises beyond the others:
// memory that only grows is used again, and shared with the C library.

#include <stdlib.h>
#include <string.h>

#include "mheap/mheap.h"
#include "platform/os.h"
#include "platform/os_info.h"
#include "platform/os_thread.h"
#include "tests/support/expect.h"
#include "tests/support/test_main.h"

#define PAGE ((size_t)65536)

static void must(struct mh_os_err err) {
    ck_assert_int_eq(err.code, 0);
}

static unsigned char *reserve(size_t npages) {
    void *base = NULL;

    must(mh_os_reserve(NULL, npages * PAGE, &base));
    ck_assert_ptr_nonnull(base);
    return base;
}

static size_t pages_now(void) {
    return __builtin_wasm_memory_size(0);
}

START_TEST(what_was_freed_serves_before_memory_grows) {
    unsigned char *base = reserve(4);
    size_t before = pages_now();
    must(mh_os_free(base, 4 * PAGE));
    ck_assert_ptr_eq(reserve(3), base);
    ck_assert_ptr_eq(reserve(1), base + 3 * PAGE);
    ck_assert_uint_eq(pages_now(), before);
    (void)reserve(1);
    ck_assert_uint_eq(pages_now(), before + 1);
}
END_TEST

// In any order (loop: which part goes last).
START_TEST(parts_that_touch_become_one_again) {
    static const size_t orders[3][3] = {{0, 1, 2}, {2, 1, 0}, {0, 2, 1}};
    unsigned char *base = reserve(7); // and one that keeps it from the end
    size_t before = pages_now();
    for (int i = 0; i < 3; i++) {
        must(mh_os_free(base + 2 * orders[_i][i] * PAGE, 2 * PAGE));
    }
    ck_assert_ptr_eq(reserve(6), base);
    ck_assert_uint_eq(pages_now(), before);
}
END_TEST

START_TEST(memory_grows_by_what_the_last_gap_lacks) {
    unsigned char *base = reserve(5);
    size_t before = pages_now();
    must(mh_os_free(base + 2 * PAGE, 3 * PAGE));
    ck_assert_ptr_eq(reserve(10), base + 2 * PAGE);
    ck_assert_uint_eq(pages_now(), before + 7);
}
END_TEST

START_TEST(a_gap_that_is_too_small_is_left_for_others) {
    unsigned char *base = reserve(5);
    must(mh_os_free(base + PAGE, 2 * PAGE));
    unsigned char *large = reserve(3);
    ck_assert(large >= base + 5 * PAGE);
    void *hinted = NULL;
    must(mh_os_reserve(base + PAGE, 3 * PAGE, &hinted));
    ck_assert((unsigned char *)hinted >= large + 3 * PAGE);
    ck_assert_ptr_eq(reserve(2), base + PAGE);
}
END_TEST

START_TEST(what_serves_again_reads_as_zero) {
    unsigned char *base = reserve(6);
    memset(base, 0xa5, 6 * PAGE);
    must(mh_os_free(base, 6 * PAGE));
    void *again = NULL;
    must(mh_os_alloc(2 * PAGE, &again));
    ck_assert_ptr_eq(again, base);
    ck_assert(mh_is_filled(again, 2 * PAGE, 0));
    must(mh_os_reserve(base + 3 * PAGE, PAGE, &again));
    ck_assert_ptr_eq(again, base + 3 * PAGE);
    ck_assert(mh_is_filled(again, PAGE, 0));
    must(mh_os_reserve(NULL, 2 * PAGE, &again)); // the rest, and a page more
    ck_assert(mh_is_filled(again, 2 * PAGE, 0));
}
END_TEST

START_TEST(what_is_freed_twice_serves_once) {
    unsigned char *base = reserve(3);
    must(mh_os_free(base + PAGE, PAGE));
    ck_assert(!mh_os_ok(mh_os_free(base + PAGE, PAGE)));
    ck_assert(!mh_os_ok(mh_os_free(base, 3 * PAGE)));
    ck_assert(!mh_os_ok(mh_os_free(base + 3 * PAGE, PAGE)));
    ck_assert_ptr_eq(reserve(1), base + PAGE);
    ck_assert_ptr_ne(reserve(1), base + PAGE);
}
END_TEST

START_TEST(unused_and_fault_keep_the_memory_and_the_books) {
    unsigned char *base = reserve(2);
    size_t before = pages_now();
    must(mh_os_map(base, 2 * PAGE));
    must(mh_os_used(base, 2 * PAGE));
    must(mh_os_unused(base, PAGE));
    must(mh_os_fault(base, PAGE));
    ck_assert_ptr_ne(reserve(1), base); // it is not free
    ck_assert_uint_eq(pages_now(), before + 1);
    must(mh_os_free(base, 2 * PAGE));
    ck_assert(!mh_os_ok(mh_os_unused(base, PAGE)));
    ck_assert(!mh_os_ok(mh_os_fault(base, PAGE)));
    ck_assert(!mh_os_ok(mh_os_used(base + PAGE, PAGE)));
}
END_TEST

// The C library asks for more of the same memory, between our own questions.
START_TEST(the_c_library_and_the_heap_do_not_meet) {
    enum { N = 40 };
    unsigned char *ours[N], *theirs[N];
    for (int i = 0; i < N; i++) {
        ours[i] = mheap_malloc(3 * PAGE);
        theirs[i] = malloc(3 * PAGE);
        ck_assert(ours[i] != NULL && theirs[i] != NULL);
        memset(ours[i], i, 3 * PAGE);
        memset(theirs[i], 0x80 | i, 3 * PAGE);
    }
    for (int i = 0; i < N; i++) {
        ck_assert(mh_is_filled(ours[i], 3 * PAGE, (unsigned char)i));
        ck_assert(mh_is_filled(theirs[i], 3 * PAGE, (unsigned char)(0x80 | i)));
        mheap_free(ours[i]);
        free(theirs[i]);
    }
}
END_TEST

START_TEST(memory_that_cannot_grow_is_a_value_and_passes) {
    enum { N = 5 };
    size_t npages = 16384; // 1 GiB: there are four at most
    void *base[N];
    int n = 0;
    struct mh_os_err err;

    while (n < N &&
           mh_os_ok(err = mh_os_reserve(NULL, npages * PAGE, &base[n]))) {
        n++;
    }
    ck_assert_int_lt(n, N);
    ck_assert(mh_os_err_is_oom(err));
    ck_assert_int_gt(n, 0);
    must(mh_os_free(base[n - 1], npages * PAGE));
    unsigned char *at = reserve(1);
    ck_assert_uint_lt((size_t)(at - (unsigned char *)base[n - 1]),
                      npages * PAGE);
    at[0] = 1;
}
END_TEST

__attribute__((import_module("mheap_test"), import_name("root"))) void
host_root(char *text, size_t size);

START_TEST(whoever_runs_the_module_finds_the_root_record) {
    extern const char mheap_inspect_root[];
    char found[64] = "";
    (void)mheap_malloc(1);
    host_root(found, sizeof(found));
    ck_assert_mem_eq(found, mheap_inspect_root, sizeof(found));
    ck_assert(!mh_is_filled(found, 8, 0));
}
END_TEST

extern char **__wasilibc_environ;

START_TEST(variables_are_found_before_the_c_library_has_asked) {
    const char *known = getenv("PATH");
    ck_assert_ptr_nonnull(known);
    char **copy = __wasilibc_environ;
    __wasilibc_environ = (char **)-1;
    const char *found = mh_os_getenv("PATH");
    const char *missing = mh_os_getenv("PAT");
    __wasilibc_environ = copy;
    ck_assert_ptr_ne(found, known);
    ck_assert_str_eq(found, known);
    ck_assert_ptr_null(missing);
}
END_TEST

static void never_runs(void *arg) {
    *(bool *)arg = true;
}

START_TEST(a_thread_that_cannot_be_had_is_a_value) {
    bool ran = false;
    ck_assert(!mh_os_ok(mh_os_thread_start(never_runs, &ran, PAGE)));
    ck_assert(!ran);
    ck_assert_uint_ne(mh_os_thread_id(), 0);
    ck_assert(mh_os_barrier());
}
END_TEST

START_TEST(a_wait_with_a_limit_ends_then) {
    uint32_t word = 0;
    uint64_t before = mh_os_now_ns();
    mh_os_wait_for(&word, 0, 20 * 1000 * 1000);
    ck_assert_uint_ge(mh_os_now_ns() - before, 19 * 1000 * 1000);
    mh_os_wake(&word, true);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("os_linear");
    TCase *memory = tcase_create("memory");
    tcase_add_test(memory, what_was_freed_serves_before_memory_grows);
    tcase_add_loop_test(memory, parts_that_touch_become_one_again, 0, 3);
    tcase_add_test(memory, memory_grows_by_what_the_last_gap_lacks);
    tcase_add_test(memory, a_gap_that_is_too_small_is_left_for_others);
    tcase_add_test(memory, what_serves_again_reads_as_zero);
    tcase_add_test(memory, what_is_freed_twice_serves_once);
    tcase_add_test(memory, unused_and_fault_keep_the_memory_and_the_books);
    tcase_add_test(memory, the_c_library_and_the_heap_do_not_meet);
    tcase_add_test(memory, memory_that_cannot_grow_is_a_value_and_passes);
    suite_add_tcase(suite, memory);

    TCase *world = tcase_create("world");
    tcase_add_test(world, whoever_runs_the_module_finds_the_root_record);
    tcase_add_test(world, variables_are_found_before_the_c_library_has_asked);
    tcase_add_test(world, a_thread_that_cannot_be_had_is_a_value);
    tcase_add_test(world, a_wait_with_a_limit_ends_then);
    suite_add_tcase(suite, world);
    return mh_test_main(suite);
}
