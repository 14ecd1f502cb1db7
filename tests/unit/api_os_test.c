// api_os_test.c - the public OS layer: regions keep their figures, and
// senseless arguments are a status rather than the end of the program.

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "core/sys/account.h"
#include "core/sys/sys.h"
#include "mheap/os.h"
#include "platform/sim/sim.h"
#include "tests/support/expect.h"
#include "tests/support/test_main.h"

static struct mheap_os_facts facts;
static size_t page; // bytes
static struct mheap_region region;

static void must(enum mheap_os_status status) {
    ck_assert_str_eq(mheap_os_status_text(status), "ok");
}

static void is_invalid(enum mheap_os_status status) {
    ck_assert_str_eq(mheap_os_status_text(status), "invalid argument");
}

static void reserve_region(void) {
    facts = mheap_os_facts();
    page = facts.page_size;
    must(mheap_os_reserve(NULL, 8 * facts.reserve_align, 0, &region));
}

// The figures of the region add up and are those of the library's books.
static void expect(size_t reserved, size_t prepared, size_t ready) {
    struct mh_account book = mh_sys_account(MH_FOR_OTHER);

    ck_assert_uint_eq(region.reserved, reserved);
    ck_assert_uint_eq(region.prepared, prepared);
    ck_assert_uint_eq(region.ready, ready);
    ck_assert_uint_eq(reserved + prepared + ready, region.size);
    ck_assert_uint_eq(book.reserved, reserved);
    ck_assert_uint_eq(book.prepared, prepared);
    ck_assert_uint_eq(book.ready, ready);
    mh_account_check();
}

START_TEST(facts_are_those_of_the_library) {
    ck_assert_uint_eq(facts.page_size, mh_sys_facts()->page_size);
    ck_assert_uint_eq(facts.reserve_align, mh_sys_facts()->reserve_align);
    ck_assert_uint_eq(facts.address_bits, mh_sys_facts()->address_bits);
    ck_assert_int_eq(facts.unused_zeroes, mh_sys_facts()->unused_zeroes);
}
END_TEST

START_TEST(a_region_walks_through_the_states) {
    size_t size = region.size;
    unsigned char *base = region.base;

    expect(size, 0, 0);
    must(mheap_os_map(&region, 0, 4 * page));
    must(mheap_os_used(&region, page, 2 * page, 2 * page));
    expect(size - 4 * page, 2 * page, 2 * page);
    memset(base + page, 1, 2 * page);
    must(mheap_os_used(&region, 0, 4 * page, 2 * page));
    expect(size - 4 * page, 0, 4 * page);
    ck_assert_uint_eq(base[page], 1);
    must(mheap_os_unused(&region, 0, page));
    must(mheap_os_fault(&region, 0, 2 * page, page));
    expect(size - 2 * page, 0, 2 * page);
    mh_expect_trap(base, true);
    must(mheap_os_free(&region));
    mh_expect_trap(base + 2 * page, true);
    expect(0, 0, 0);
}
END_TEST

START_TEST(a_freed_region_is_none) {
    must(mheap_os_free(&region));
    ck_assert_ptr_null(region.base);
    ck_assert_uint_eq(region.size, 0);
    is_invalid(mheap_os_free(&region));
    is_invalid(mheap_os_map(&region, 0, page));
}
END_TEST

START_TEST(alloc_is_ready_zeroed_and_rounded_up) {
    must(mheap_os_free(&region));
    must(mheap_os_alloc(3 * page - 1, &region));
    expect(0, 0, 3 * page);
    ck_assert(mh_is_filled(region.base, 3 * page, 0));
    must(mheap_os_unused(&region, page, page));
    expect(0, page, 2 * page);
    must(mheap_os_free(&region));
}
END_TEST

START_TEST(regions_are_rounded_up_and_aligned_as_asked) {
    size_t align = (size_t)1 << _i;
    struct mheap_region other;

    must(mheap_os_reserve(NULL, 1, align, &other));
    ck_assert_uint_eq(other.size, facts.reserve_align);
    ck_assert_uint_eq((uintptr_t)other.base & (align - 1), 0);
    ck_assert_uint_eq((uintptr_t)other.base % facts.reserve_align, 0);
    must(mheap_os_free(&other));
}
END_TEST

START_TEST(a_hint_is_honoured_when_free_and_aligned) {
    struct mheap_region other;
    char *hint = region.base;
    size_t large = (size_t)256 << 20;

    must(mheap_os_free(&region));
    must(mheap_os_reserve(hint, facts.reserve_align, 0, &other));
    ck_assert_ptr_eq(other.base, hint);
    must(mheap_os_reserve(hint, facts.reserve_align, large, &region));
    ck_assert_ptr_ne(region.base, hint);
    ck_assert_uint_eq((uintptr_t)region.base % large, 0);
}
END_TEST

// Each senseless call, by number.
static enum mheap_os_status senseless(int i) {
    struct mheap_region untouched;

    switch (i) {
    case 0:
        return mheap_os_alloc(0, &untouched);
    case 1:
        return mheap_os_reserve(NULL, 0, 0, &untouched);
    case 2:
        return mheap_os_reserve(NULL, page, 3 * page, &untouched);
    case 3:
        return mheap_os_reserve(NULL, page, 3, &untouched);
    case 4:
        return mheap_os_reserve((char *)region.base + 1, page, 0, &untouched);
    case 5:
        return mheap_os_map(&region, 0, 0);
    case 6:
        return mheap_os_map(&region, page / 2, page);
    case 7:
        return mheap_os_map(&region, 0, page / 2);
    case 8:
        return mheap_os_map(&region, 0, region.size + page);
    case 9:
        return mheap_os_map(&region, region.size, page);
    case 10:
        return mheap_os_map(&region, SIZE_MAX & ~(page - 1), 2 * page);
    case 11: // nothing is Prepared
        return mheap_os_used(&region, 0, page, page);
    case 12: // nothing is Ready
        return mheap_os_used(&region, 0, page, 0);
    case 13:
        return mheap_os_used(&region, 0, page, 2 * page);
    case 14:
        return mheap_os_unused(&region, 0, page);
    case 15:
        return mheap_os_fault(&region, 0, page, 0);
    case 16:
        return mheap_os_fault(&region, 0, page, page / 2);
    default:
        ck_abort_msg("no such call");
        return MHEAP_OS_OK;
    }
}

START_TEST(senseless_arguments_are_a_status_and_change_nothing) {
    uint64_t calls = mh_sim_calls(MH_SIM_NCALLS);
    errno = 1234;
    is_invalid(senseless(_i));
    ck_assert_int_eq(errno, 1234);
    ck_assert_uint_eq(mh_sim_calls(MH_SIM_NCALLS), calls);
    expect(8 * facts.reserve_align, 0, 0);
}
END_TEST

START_TEST(sizes_no_machine_has_are_want_of_memory) {
    struct mheap_region other = {NULL, 77, 0, 0, 0};
    ck_assert_int_eq(mheap_os_alloc(SIZE_MAX, &other), MHEAP_OS_NO_MEMORY);
    ck_assert_int_eq(mheap_os_reserve(NULL, SIZE_MAX, 0, &other),
                     MHEAP_OS_NO_MEMORY);
    ck_assert_int_eq(mheap_os_reserve(region.base, SIZE_MAX / 4 * 3, 0, &other),
                     MHEAP_OS_NO_MEMORY);
    ck_assert_uint_eq(other.size, 77);
}
END_TEST

// Each move fails once on its way; the figures stay, and it works afterwards.
START_TEST(a_failed_call_leaves_the_figures_alone) {
    size_t size = region.size;

    mh_sim_fail_from(1);
    ck_assert_int_eq(mheap_os_map(&region, 0, page), MHEAP_OS_NO_MEMORY);
    expect(size, 0, 0);
    mh_sim_fail_nothing();
    must(mheap_os_map(&region, 0, page));
    mh_sim_fail_from(1);
    ck_assert_int_eq(mheap_os_used(&region, 0, page, page), MHEAP_OS_NO_MEMORY);
    expect(size - page, page, 0);
    mh_sim_fail_nothing();
    must(mheap_os_used(&region, 0, page, page));
    mh_sim_fail_code(EPERM);
    mh_sim_fail_from(1);
    ck_assert_int_eq(mheap_os_unused(&region, 0, page), MHEAP_OS_REFUSED);
    ck_assert_int_eq(mheap_os_fault(&region, 0, page, 0), MHEAP_OS_REFUSED);
    ck_assert_int_eq(mheap_os_free(&region), MHEAP_OS_REFUSED);
    expect(size - page, 0, page);
    ck_assert_ptr_nonnull(region.base);
}
END_TEST

struct worker {
    size_t offset;
    size_t size;
};

static void *churn(void *arg) {
    struct worker *w = arg;

    for (int i = 0; i < 200; i++) {
        must(mheap_os_map(&region, w->offset, w->size));
        must(mheap_os_used(&region, w->offset, w->size, w->size));
        memset((char *)region.base + w->offset, i, w->size);
        must(mheap_os_unused(&region, w->offset, page));
        must(mheap_os_fault(&region, w->offset, w->size, page));
    }
    must(mheap_os_map(&region, w->offset, w->size));
    return NULL;
}

START_TEST(threads_may_work_on_parts_of_their_own) {
    enum { N = 4 };
    pthread_t threads[N];
    struct worker workers[N];

    for (size_t i = 0; i < N; i++) {
        workers[i] = (struct worker){2 * i * facts.reserve_align,
                                     2 * facts.reserve_align};
        ck_assert_int_eq(pthread_create(&threads[i], NULL, churn, &workers[i]),
                         0);
    }
    for (int i = 0; i < N; i++) {
        pthread_join(threads[i], NULL);
    }
    expect(0, region.size, 0);
    must(mheap_os_free(&region));
}
END_TEST

START_TEST(every_status_has_words_of_its_own) {
    for (int i = MHEAP_OS_OK; i <= MHEAP_OS_INVALID; i++) {
        for (int j = MHEAP_OS_OK; j < i; j++) {
            ck_assert_str_ne(mheap_os_status_text((enum mheap_os_status)i),
                             mheap_os_status_text((enum mheap_os_status)j));
        }
    }
    ck_assert_str_eq(mheap_os_status_text((enum mheap_os_status)99),
                     "unknown status");
}
END_TEST

int main(void) {
    Suite *suite = suite_create("api_os");
    TCase *regions = tcase_create("regions");

    tcase_add_checked_fixture(regions, reserve_region, NULL);
    tcase_add_test(regions, facts_are_those_of_the_library);
    tcase_add_test(regions, a_region_walks_through_the_states);
    tcase_add_test(regions, a_freed_region_is_none);
    tcase_add_test(regions, alloc_is_ready_zeroed_and_rounded_up);
    tcase_add_loop_test(regions, regions_are_rounded_up_and_aligned_as_asked, 0,
                        28);
    tcase_add_test(regions, a_hint_is_honoured_when_free_and_aligned);
    tcase_add_loop_test(
        regions, senseless_arguments_are_a_status_and_change_nothing, 0, 17);
    tcase_add_test(regions, sizes_no_machine_has_are_want_of_memory);
    tcase_add_test(regions, a_failed_call_leaves_the_figures_alone);
    tcase_add_test(regions, threads_may_work_on_parts_of_their_own);
    tcase_add_test(regions, every_status_has_words_of_its_own);
    suite_add_tcase(suite, regions);
    return mh_test_main(suite);
}
