// constant_size_test.c - what the public header makes of constant sizes.
// Optimised builds only; in others the same calls are plain ones.

#include <check.h>
#include <errno.h>
#include <stdint.h>

#include "core/heap/size_class.h"
#include "mheap/classes.h"
#include "mheap/mheap.h"
#include "platform/sim/sim.h"
#include "tests/support/check_books.h"
#include "tests/support/test_main.h"

static unsigned reports;

static void note(const struct mheap_bad_free *what, void *context) {
    (void)context;
    reports++;
    ck_assert_int_eq(what->kind, MHEAP_BAD_SIZE);
}

static void setup(void) {
    reports = 0;
    mheap_set_bad_free_handler(note, NULL);
}

// The class that a call was served from, found from the object.
static void require_class(void *p, size_t size) {
    ck_assert_ptr_nonnull(p);
    ck_assert_msg(mheap_usable_size(p) == mh_class_size(mh_size_class(size)),
                  "size %zu: %zu bytes", size, mheap_usable_size(p));
}

static void end(void *p, size_t size) {
    ck_assert_msg(reports == 0, "size %zu: false alarm", size);
    ck_assert_msg(mheap_usable_size(p) == 0, "size %zu: not freed", size);
}

#define SERVED(n)                            \
    do {                                     \
        void *p = mheap_malloc((size_t)(n)); \
        require_class(p, (size_t)(n));       \
        mheap_free_sized(p, (size_t)(n));    \
        end(p, (size_t)(n));                 \
    } while (0)

// One call with each constant from 0 to 1025, so that each is seen as one.
#define SERVED_4(n)  \
    SERVED(n);       \
    SERVED((n) + 1); \
    SERVED((n) + 2); \
    SERVED((n) + 3)
#define SERVED_16(n)   \
    SERVED_4(n);       \
    SERVED_4((n) + 4); \
    SERVED_4((n) + 8); \
    SERVED_4((n) + 12)
#define SERVED_64(n)     \
    SERVED_16(n);        \
    SERVED_16((n) + 16); \
    SERVED_16((n) + 32); \
    SERVED_16((n) + 48)
#define SERVED_256(n)     \
    SERVED_64(n);         \
    SERVED_64((n) + 64);  \
    SERVED_64((n) + 128); \
    SERVED_64((n) + 192)

START_TEST(constants_of_up_to_255_get_their_class) {
    SERVED_256(0);
}
END_TEST

START_TEST(constants_from_256_to_511_get_their_class) {
    SERVED_256(256);
}
END_TEST

START_TEST(constants_from_512_to_767_get_their_class) {
    SERVED_256(512);
}
END_TEST

START_TEST(constants_from_768_to_1025_get_their_class) {
    SERVED_256(768);
    SERVED(1024);
    SERVED(1025);
}
END_TEST

// Around each class over 1 KiB: the slot size, one less and one more.
#define AROUND(n)  \
    SERVED((n)-1); \
    SERVED(n);     \
    SERVED((n) + 1)
#define EIGHTHS(power)                 \
    AROUND((power));                   \
    AROUND((power) + (power) / 8);     \
    AROUND((power) + (power) / 8 * 2); \
    AROUND((power) + (power) / 8 * 3); \
    AROUND((power) + (power) / 8 * 4); \
    AROUND((power) + (power) / 8 * 5); \
    AROUND((power) + (power) / 8 * 6); \
    AROUND((power) + (power) / 8 * 7)

START_TEST(constants_around_every_larger_class_get_their_class) {
    EIGHTHS(1024);
    EIGHTHS(2048);
    EIGHTHS(4096);
    EIGHTHS(8192);
    EIGHTHS(16384);
    SERVED(32767);
    SERVED(32768);
}
END_TEST

// A compiler takes it as a constant, and computes it right.
#define CONSTANT(n)                                                    \
    MH_STATIC_ASSERT(MHEAP_SIZE_CLASS((size_t)(n)) <= MH_NCLASSES - 1, \
                     "a class, at compile time")
CONSTANT(0);
CONSTANT(1024);
CONSTANT(32768);

START_TEST(the_headers_class_of_every_size_is_the_librarys) {
    for (size_t size = 0; size <= MHEAP_SIZE_CLASS_MAX; size++) {
        ck_assert_uint_eq(MHEAP_SIZE_CLASS(size), mh_size_class(size));
    }
    ck_assert_uint_eq(MHEAP_SIZE_CLASS_MAX, MH_SMALL_MAX);
}
END_TEST

START_TEST(constants_without_a_class_are_large_objects) {
    void *p = mheap_malloc(32769);
    ck_assert_uint_eq(mheap_usable_size(p), 40960);
    mheap_free_sized(p, 32769);
    ck_assert_uint_eq(reports, 0);
    errno = 0;
    volatile size_t variable = SIZE_MAX;
    ck_assert_ptr_null(mheap_malloc(variable));
    ck_assert_int_eq(errno, ENOMEM);
}
END_TEST

START_TEST(a_wrong_constant_is_caught) {
    void *p = mheap_malloc(100);
    mheap_free_sized(p, 96);
    ck_assert_uint_eq(reports, 1);
    mheap_free_sized(p, 113);
    ck_assert_uint_eq(reports, 2);
    mheap_free_sized(p, 40000);
    ck_assert_uint_eq(reports, 3);
    mheap_free_sized(p, 112);
    ck_assert_uint_eq(reports, 3);
    mheap_free_sized(NULL, 112);
    ck_assert_uint_eq(reports, 3);
}
END_TEST

START_TEST(the_name_is_still_a_function) {
    void *(*allocate)(size_t) = mheap_malloc;
    void (*give_back)(void *, size_t) = &mheap_free_sized;
    void *p = (mheap_malloc)(48);
    void *q = allocate(48);
    ck_assert_uint_eq(mheap_usable_size(p), 48);
    ck_assert_uint_eq(mheap_usable_size(q), 48);
    give_back(p, 48);
    (mheap_free_sized)(q, 48);
    ck_assert_uint_eq(reports, 0);
}
END_TEST

START_TEST(out_of_memory_is_null_and_enomem_and_success_keeps_errno) {
    errno = 77;
    void *p = mheap_malloc(20480);
    ck_assert_ptr_nonnull(p);
    mheap_free_sized(p, 20480);
    ck_assert_int_eq(errno, 77);
    mh_sim_fail_from(1);
    for (int i = 0; i < 100000 && p != NULL; i++) {
        p = mheap_malloc(20480);
    }
    ck_assert_ptr_null(p);
    ck_assert_int_eq(errno, ENOMEM);
    mh_check_books(mheap_default());
}
END_TEST

int main(void) {
    Suite *suite = suite_create("constant sizes");
    TCase *tcase = tcase_create("classes");
    tcase_add_checked_fixture(tcase, setup, NULL);
    tcase_add_test(tcase, constants_of_up_to_255_get_their_class);
    tcase_add_test(tcase, constants_from_256_to_511_get_their_class);
    tcase_add_test(tcase, constants_from_512_to_767_get_their_class);
    tcase_add_test(tcase, constants_from_768_to_1025_get_their_class);
    tcase_add_test(tcase, constants_around_every_larger_class_get_their_class);
    tcase_add_test(tcase, the_headers_class_of_every_size_is_the_librarys);
    tcase_add_test(tcase, constants_without_a_class_are_large_objects);
    suite_add_tcase(suite, tcase);
    TCase *calls = tcase_create("calls");
    tcase_add_checked_fixture(calls, setup, NULL);
    tcase_add_test(calls, a_wrong_constant_is_caught);
    tcase_add_test(calls, the_name_is_still_a_function);
    tcase_add_test(calls,
                   out_of_memory_is_null_and_enomem_and_success_keeps_errno);
    suite_add_tcase(suite, calls);
    return mh_test_main(suite);
}
