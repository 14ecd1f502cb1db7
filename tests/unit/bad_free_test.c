// bad_free_test.c - what is said of a pointer that must not be freed.

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/heap/bad_free.h"
#include "core/heap/cache.h"
#include "mheap/mheap.h"
#include "tests/support/check_books.h"
#include "tests/support/expect.h"
#include "tests/support/sanitized.h"
#include "tests/support/test_main.h"
#include "tests/support/threads.h"

static struct mheap_bad_free last;
static unsigned reports;
static char cookie;

static void on_bad_free(const struct mheap_bad_free *what, void *context) {
    ck_assert_ptr_eq(context, &cookie);
    last = *what;
    reports++;
}

static void begin(void) {
    mheap_set_bad_free_handler(on_bad_free, &cookie);
}

// One report, of this kind, about this pointer.
static void require(enum mheap_bad_free_kind kind, const void *p) {
    ck_assert_uint_eq(reports, 1);
    ck_assert_msg(last.kind == kind, "%s instead of %s",
                  mheap_bad_free_name(last.kind), mheap_bad_free_name(kind));
    ck_assert_ptr_eq(last.address, p);
    reports = 0;
}

START_TEST(a_double_free_names_the_object) {
    char *p = mheap_malloc(100);
    mheap_free(p);
    mheap_free(p);
    require(MHEAP_BAD_DOUBLE, p);
    ck_assert_ptr_eq(last.object, p);
    ck_assert_uint_eq(last.slot_size, mheap_good_size(100));
    ck_assert_ptr_nonnull(last.span);
    ck_assert_uint_eq(last.given_size, 0);
    ck_assert_str_eq(last.function, "free");
}
END_TEST

// Every class has objects, and no inside of any is one.
START_TEST(the_inside_of_every_class_is_known) {
    for (size_t size = 16; size <= 32768; size = mheap_good_size(size + 1)) {
        char *p = mheap_malloc(size);
        for (size_t at = 16; at < size; at += size / 5 / 16 * 16 + 16) {
            mheap_free(p + at);
            require(MHEAP_BAD_INTERIOR, p + at);
            ck_assert_ptr_eq(last.object, p);
            ck_assert_uint_eq(last.slot_size, size);
        }
        mheap_free(p + 1);
        require(MHEAP_BAD_MISALIGNED, p + 1);
        mheap_free(p + 8);
        require(MHEAP_BAD_MISALIGNED, p + 8);
        mheap_free(p);
        ck_assert_uint_eq(reports, 0);
    }
    mh_check_books(mheap_default());
}
END_TEST

START_TEST(large_objects_are_known) {
    char *p = mheap_malloc(1 << 20);
    mheap_free(p + 16);
    require(MHEAP_BAD_INTERIOR, p + 16);
    ck_assert_ptr_eq(last.object, p);
    mheap_free(p + 500000 / 16 * 16);
    require(MHEAP_BAD_INTERIOR, p + 500000 / 16 * 16);
    ck_assert_ptr_eq(last.object, p);
    mheap_free(p + 3);
    require(MHEAP_BAD_MISALIGNED, p + 3);
    mheap_free(p);
    mheap_free(p);
    require(MHEAP_BAD_FREE_PAGE, p);
    ck_assert_ptr_null(last.object);
    mh_check_books(mheap_default());
}
END_TEST

START_TEST(pages_by_hand_are_known) {
    char *p = mheap_pages_alloc(mheap_default(), 2);
    mheap_free(p);
    require(MHEAP_BAD_MANUAL, p);
    mheap_free(p + 8192);
    require(MHEAP_BAD_MANUAL, p + 8192);
    mheap_pages_free(p);
    mheap_pages_free(p);
    require(MHEAP_BAD_FREE_PAGE, p);
    void *object = mheap_malloc(100);
    mheap_pages_free(object);
    ck_assert_uint_eq(reports, 1);
    ck_assert_uint_ge(mheap_usable_size(object), 100);
}
END_TEST

START_TEST(what_is_not_the_heaps_is_wild) {
    static char variable[64];
    char local[64];
    char *from_libc = malloc(100);
    (void)mheap_malloc(1);
    mheap_free(variable);
    require(MHEAP_BAD_WILD, variable);
    mheap_free(local);
    // Under AddressSanitizer variables need not lie on the stack.
    require(MH_SANITIZED ? last.kind : MHEAP_BAD_STACK, local);
    mheap_free(from_libc);
    require(MHEAP_BAD_WILD, from_libc);
    static const uintptr_t wild[] = {16, 4096, UINTPTR_MAX - 15,
                                     UINTPTR_MAX / 2, UINTPTR_MAX};
    for (size_t i = 0; i < sizeof(wild) / sizeof(wild[0]); i++) {
        mheap_free((void *)wild[i]);
        require(MHEAP_BAD_WILD, (void *)wild[i]);
    }
    free(from_libc);
}
END_TEST

START_TEST(a_wrong_size_is_known) {
    void *p = mheap_malloc(100), *large = mheap_malloc(100000);
    mheap_free_sized(p, 1000);
    require(MHEAP_BAD_SIZE, p);
    ck_assert_uint_eq(last.given_size, 1000);
    mheap_free_sized(p, 1);
    require(MHEAP_BAD_SIZE, p);
    mheap_free_sized(large, 100);
    require(MHEAP_BAD_SIZE, large);
    mheap_free_sized(large, 200000);
    require(MHEAP_BAD_SIZE, large);
    mheap_free_sized(p, 97); // the same class
    mheap_free_sized(large, 100000);
    ck_assert_uint_eq(reports, 0);
    mheap_free_sized(p, 100); // and no more: a double free, whatever the size
    require(MHEAP_BAD_DOUBLE, p);
}
END_TEST

START_TEST(realloc_says_so_and_returns_null) {
    char *p = mheap_malloc(100);
    mheap_free(p);
    errno = 0;
    ck_assert_ptr_null(mheap_realloc(p, 200));
    ck_assert_int_eq(errno, EINVAL);
    require(MHEAP_BAD_DOUBLE, p);
    ck_assert_str_eq(last.function, "realloc");
    ck_assert_ptr_null(mheap_realloc(p, 0));
    require(MHEAP_BAD_DOUBLE, p);
    mh_check_books(mheap_default());
}
END_TEST

static void free_it(void *p) {
    mheap_free(p);
}

START_TEST(other_threads_are_told_as_well) {
    char *p = mheap_malloc(100);
    mh_in_thread(free_it, p + 16);
    require(MHEAP_BAD_INTERIOR, p + 16);
    mh_in_thread(free_it, p);
    ck_assert_uint_eq(reports, 0);
    mh_in_thread(free_it, p);
    require(MHEAP_BAD_DOUBLE, p);
    mheap_free(p);
    require(MHEAP_BAD_DOUBLE, p);
    mh_check_books(mheap_default());
}
END_TEST

static const struct mh_cache *told;

static void note_cache(const struct mheap_bad_free *what, void *context) {
    (void)what;
    told = mh_tls_get();
    (*(int *)context)++;
}

static void free_twice(void *cache_out) {
    void *p = mheap_malloc(100);
    mheap_free(p);
    mheap_free(p);
    *(const struct mh_cache **)cache_out = mh_tls_get();
}

START_TEST(a_handler_runs_in_the_thread_that_made_the_bad_free) {
    const struct mh_cache *mine = NULL, *others = NULL;
    int calls = 0;
    mheap_option_set(MHEAP_OPTION_FIRST_OBJECTS, 0); // each has a cache
    mheap_set_bad_free_handler(note_cache, &calls);
    free_twice(&mine);
    ck_assert_ptr_eq(told, mine);
    mh_in_thread(free_twice, &others);
    ck_assert_ptr_eq(told, others);
    ck_assert_ptr_ne(mine, others);
    ck_assert_int_eq(calls, 2);
}
END_TEST

START_TEST(a_handler_is_called_with_its_own_context) {
    int first = 0, second = 0;
    const struct mh_cache *mine;
    mheap_set_bad_free_handler(note_cache, &first);
    free_twice(&mine);
    mheap_set_bad_free_handler(note_cache, &second);
    free_twice(&mine);
    free_twice(&mine);
    mheap_set_bad_free_handler(note_cache, &first);
    free_twice(&mine);
    ck_assert_int_eq(first, 2);
    ck_assert_int_eq(second, 2);
}
END_TEST

// A process may begin with a bad free.
START_TEST(before_the_first_allocation_everything_is_wild) {
    static char variable[64];
    mheap_free(variable);
    require(MHEAP_BAD_WILD, variable);
    ck_assert_uint_eq(mheap_usable_size(variable), 0);
}
END_TEST

START_TEST(every_report_is_counted) {
    struct mheap_stats stats;
    void *p = mheap_malloc(10);
    mheap_free(p);
    for (int i = 0; i < 7; i++) {
        mheap_free(p);
    }
    ck_assert_uint_eq(reports, 7);
    mheap_stats(NULL, &stats);
    ck_assert_uint_eq(stats.bad_frees_total, 7);

    mheap_set_bad_free_handler(NULL, NULL);
    mheap_option_set(MHEAP_OPTION_BAD_FREE, MHEAP_ON_BAD_FREE_COUNT);
    mheap_free(p);
    ck_assert_uint_eq(reports, 7);
    ck_assert_uint_eq(mh_bad_free_count(), 8);
}
END_TEST

START_TEST(every_kind_has_a_name) {
    for (unsigned i = 0; i < MH_NBAD_FREES; i++) {
        const char *name = mheap_bad_free_name((enum mheap_bad_free_kind)i);
        ck_assert_ptr_nonnull(name);
        for (unsigned k = 0; k < i; k++) {
            ck_assert_str_ne(name, mh_bad_free_name(k));
        }
    }
    ck_assert_str_eq(mh_bad_free_name(1000), "unknown");
}
END_TEST

static void double_free(void) {
    void *p = mheap_malloc(100);
    mheap_set_bad_free_handler(NULL, NULL);
    mheap_free(p);
    mheap_free(p);
}

static void interior_free(void) {
    mheap_set_bad_free_handler(NULL, NULL);
    mheap_free((char *)mheap_malloc(100) + 16);
}

static void warned_twice(void) {
    mheap_option_set(MHEAP_OPTION_BAD_FREE, MHEAP_ON_BAD_FREE_WARN);
    double_free();
    abort(); // it went on
}

START_TEST(by_default_the_process_is_told_and_ends) {
    mh_expect_fatal(double_free,
                    "mheap: fatal: bad free: double free: address 0x");
    mh_expect_fatal(interior_free,
                    "mheap: fatal: bad free: interior pointer: address 0x");
    mh_expect_fatal(interior_free, "\nmheap: in free; the object there starts");
    mh_expect_fatal(warned_twice,
                    "mheap: warning: bad free: double free: address 0x");
}
END_TEST

int main(void) {
    Suite *suite = suite_create("bad_free");
    TCase *tcase = tcase_create("kinds");
    tcase_add_checked_fixture(tcase, begin, NULL);
    tcase_add_test(tcase, a_double_free_names_the_object);
    tcase_add_test(tcase, the_inside_of_every_class_is_known);
    tcase_add_test(tcase, large_objects_are_known);
    tcase_add_test(tcase, pages_by_hand_are_known);
    tcase_add_test(tcase, what_is_not_the_heaps_is_wild);
    tcase_add_test(tcase, a_wrong_size_is_known);
    tcase_add_test(tcase, realloc_says_so_and_returns_null);
    tcase_add_test(tcase, other_threads_are_told_as_well);
    tcase_add_test(tcase, a_handler_runs_in_the_thread_that_made_the_bad_free);
    tcase_add_test(tcase, a_handler_is_called_with_its_own_context);
    tcase_add_test(tcase, before_the_first_allocation_everything_is_wild);
    tcase_add_test(tcase, every_report_is_counted);
    tcase_add_test(tcase, every_kind_has_a_name);
    tcase_add_test(tcase, by_default_the_process_is_told_and_ends);
    suite_add_tcase(suite, tcase);
    return mh_test_main(suite);
}
