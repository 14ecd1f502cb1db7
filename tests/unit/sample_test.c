// sample_test.c - a few of all small objects, between pages that trap.
//
// Long because both modes run the same tests, and what is told is about the
// same objects.

#include <check.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#if MH_HAVE_FORK
#    include <sys/wait.h>
#    include <unistd.h>
#endif

#include "core/heap/heap.h"
#include "core/heap/sample_places.h"
#include "core/sys/sys.h"
#include "mheap/stats.h"
#include "platform/sim/sim.h"
#include "tests/support/emulated.h"
#include "tests/support/expect.h"
#include "tests/support/hardened.h"
#include "tests/support/test_main.h"
#include "tests/support/threads.h"

enum { PLACES = MH_SAMPLE_PLACES, OTHERS = 4000 };

static void *others[OTHERS]; // what was had on the way, and not sampled
static unsigned nothers;

static void sample_all(void) {
    ck_assert_int_eq(mheap_option_set(MHEAP_OPTION_GUARD_BYTES, 1), 0);
    mheap_set_bad_free_handler(on_report, NULL);
}

static void sample_and_harden(void) {
    sample_all();
    harden();
}

static bool is_sampled(const void *p) {
    return mh_sample_owns((uintptr_t)p);
}

// With a mean of one byte each refill has one. NULL: none came for long.
static void *find_aligned(size_t align, size_t size) {
    for (unsigned i = 0; i < 600 && nothers < OTHERS; i++) {
        void *p = mheap_aligned_alloc(align, size);
        ck_assert_ptr_nonnull(p);
        if (is_sampled(p)) {
            return p;
        }
        others[nothers++] = p;
    }
    return NULL;
}

static void *find(size_t size) {
    return find_aligned(16, size);
}

static void *sampled(size_t size) {
    void *p = find(size);
    ck_assert_ptr_nonnull(p);
    return p;
}

static void drop_others(void) {
    while (nothers != 0) {
        mheap_free(others[--nothers]);
    }
}

static size_t unit(void) {
    size_t page = mh_sys_facts()->page_size;
    return page < 8192 ? 8192 : page;
}

// The object's page of the system's, or pages.
static char *page_of(const void *p) {
    size_t offset = (uintptr_t)p - mh_sample_range.base;
    return (char *)mh_sample_range.base + offset / unit() * unit();
}

static bool is_at_end(const void *p) {
    return p != page_of(p);
}

// One at the end of its page, or at the beginning.
static char *sampled_at(bool end) {
    for (;;) {
        char *p = sampled(100);
        if (is_at_end(p) == end) {
            return p;
        }
        mheap_free(p);
        drop_others();
    }
}

START_TEST(an_object_lies_at_either_end_of_its_page_between_guards) {
    unsigned at_end = 0;
    for (unsigned i = 0; i < 40; i++) {
        size_t size = 1 + i * 199;
        char *p = sampled(size);
        ck_assert(mh_is_filled(p, size, 0));
        memset(p, 'x', size);
        if (is_at_end(p)) {
            ck_assert_ptr_eq(p + (size + 15) / 16 * 16, page_of(p) + unit());
            at_end++;
        }
        mh_expect_trap(page_of(p) - 1, true);
        mh_expect_trap(page_of(p) + unit(), true);
        mheap_free(p);
        drop_others();
    }
    ck_assert_uint_gt(at_end, 8); // of 40: less is one in 10,000
    ck_assert_uint_lt(at_end, 32);
    require_sound();
}
END_TEST

START_TEST(a_freed_one_traps_until_all_others_were_used) {
    char *first = sampled(100);
    char *page = page_of(first);
    mheap_free(first);
    mh_expect_trap(first, true);
    ck_assert_int_eq(mh_sim_state_of(first), MH_RESERVED);
    for (unsigned i = 1; i < PLACES; i++) {
        char *p = sampled(100);
        ck_assert_ptr_ne(page_of(p), page);
        mheap_free(p);
    }
    char *again = sampled(100);
    ck_assert_ptr_eq(page_of(again), page);
    mheap_free(again);
    drop_others();
    require_sound();
}
END_TEST

START_TEST(a_freed_one_traps_where_the_next_is_refused_its_memory) {
    char *first = sampled(100);
    mheap_free(first);
    for (unsigned i = 1; i < PLACES; i++) {
        mheap_free(sampled(100)); // its place is the next one's now
    }
    mh_sim_fail_kind(MH_OP_used, true);
    for (unsigned i = 0; i < 300; i++) {
        void *p = mheap_malloc(100);
        ck_assert(p == NULL || !is_sampled(p));
        others[nothers] = p;
        nothers += p != NULL;
    }
    mh_sim_fail_nothing();
    ck_assert_int_eq(mh_sim_state_of(first), MH_RESERVED);
    drop_others();
    require_sound();
}
END_TEST

START_TEST(it_has_the_bytes_that_were_asked_for) {
    size_t hard = (size_t)mheap_option_get(MHEAP_OPTION_HARDENED);
    // Of no bytes the hardened mode has others, that trap as well.
    for (size_t size = hard; size <= 8192; size = size * 5 / 4 + 1) {
        char *p = sampled(size);
        ck_assert_uint_eq(mheap_usable_size(p), size == 0 ? 16 : size);
        ck_assert_ptr_eq(mheap_heap_of(p), mheap_default());
        mheap_free_sized(p, size);
    }
    ck_assert_ptr_null(find(8193));
    drop_others();
    require_sound();
}
END_TEST

START_TEST(it_has_the_alignment_that_was_asked_for) {
    for (size_t align = 16; align <= 8192; align *= 2) {
        char *p = find_aligned(align, 20);
        ck_assert_ptr_nonnull(p);
        ck_assert_uint_eq((uintptr_t)p % align, 0);
        mheap_free_aligned_sized(p, align, 20);
        drop_others();
    }
    require_sound();
}
END_TEST

START_TEST(a_wrong_size_is_caught) {
    char *p = sampled(100);
    mheap_free_sized(p, 300);
    require(MHEAP_BAD_SIZE, p);
    mheap_free_sized(p, 100);
    drop_others();
    require_sound();
}
END_TEST

START_TEST(bad_frees_are_caught_and_named) {
    char *p = sampled(100);
    mheap_free(p + 16);
    require(MHEAP_BAD_INTERIOR, p + 16);
    ck_assert_ptr_eq(last.object, p);
    ck_assert_uint_eq(last.slot_size, 100);
    mheap_free(p + 1);
    require(MHEAP_BAD_MISALIGNED, p + 1);
    mheap_free(page_of(p) - 16);
    require(MHEAP_BAD_FREE_PAGE, page_of(p) - 16);
    mheap_pages_free(page_of(p) - 8192);
    require(MHEAP_BAD_FREE_PAGE, page_of(p) - 8192);
    mheap_free(p);
    mheap_free(p);
    require(MHEAP_BAD_DOUBLE, p);
    ck_assert_ptr_null(mheap_realloc(p, 10));
    require(MHEAP_BAD_DOUBLE, p);
    ck_assert_uint_eq(mheap_usable_size(p), 0);
    drop_others();
    require_sound();
}
END_TEST

START_TEST(a_write_that_did_not_reach_the_guard_is_found_by_free) {
    for (unsigned i = 0; i < 10; i++) {
        char *p = sampled(100);
        p[100 + i % 12] ^= 1;
        mheap_free(p);
        require(MHEAP_BAD_OVERFLOW, p);
    }
    drop_others();
    require_sound();
}
END_TEST

START_TEST(realloc_moves_what_it_held) {
    static const size_t sizes[] = {50, 100, 101, 3000, 9000, 100000};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        char *p = sampled(100);
        memset(p, 'x', 100);
        char *to = mheap_realloc(p, sizes[i]);
        ck_assert_ptr_ne(to, p);
        ck_assert(mh_is_filled(to, sizes[i] < 100 ? sizes[i] : 100, 'x'));
        mh_expect_trap(p, true);
        mheap_free(to);
        drop_others();
    }
    require_sound();
}
END_TEST

START_TEST(it_is_counted_as_a_large_object_of_a_page) {
    struct mheap_stats before, during, after;
    const struct mh_heap_counts *counts = &mheap_default()->counts;
    mheap_free(sampled(100)); // the pool is there from now on
    drop_others();
    mheap_stats(mheap_default(), &before);
    char *p = sampled(100);
    mheap_stats(mheap_default(), &during);
    ck_assert_uint_eq(during.large_objects, before.large_objects + 1);
    ck_assert_uint_eq(during.large_bytes, before.large_bytes + 8192);
    require_sound();
    ck_assert_uint_eq(counts->large_allocs - counts->large_frees, 1);
    mheap_free(p);
    ck_assert_uint_eq(counts->large_allocs, counts->large_frees);
    ck_assert_uint_eq(counts->large_alloc_bytes, counts->large_free_bytes);
    mheap_stats(mheap_default(), &after);
    ck_assert_uint_eq(after.large_objects, before.large_objects);
    ck_assert_uint_eq(after.large_bytes, before.large_bytes);
    drop_others();
    require_sound();
}
END_TEST

static void free_it(void *p) {
    mheap_free(p);
}

static void find_it(void *out) {
    *(void **)out = find(100);
}

START_TEST(any_thread_makes_and_frees_them) {
    char *p = sampled(100);
    void *theirs = NULL;
    mh_in_thread(free_it, p);
    mh_expect_trap(p, true);
    mh_in_thread(find_it, &theirs);
    ck_assert_ptr_nonnull(theirs);
    mheap_free(theirs);
    drop_others();
    require_sound();
}
END_TEST

START_TEST(other_heaps_have_none) {
    struct mheap *heap = mheap_create("own");
    for (unsigned i = 0; i < 2000; i++) {
        ck_assert(!is_sampled(mheap_alloc_in(heap, 100)));
    }
    mheap_destroy(heap);
}
END_TEST

START_TEST(without_the_option_there_are_none_and_no_pool) {
    ck_assert_int_eq(mheap_option_set(MHEAP_OPTION_GUARD_BYTES, 0), 0);
    for (unsigned i = 0; i < 20000; i++) {
        ck_assert(!is_sampled(mheap_malloc(1000)));
    }
    ck_assert_uint_eq(mh_sample_range.bytes, 0);
    // From 1 MiB on that is counted a change is seen.
    ck_assert_int_eq(mheap_option_set(MHEAP_OPTION_GUARD_BYTES, 1), 0);
    unsigned n = 0;
    for (unsigned i = 0; i < 2000; i++) {
        n += is_sampled(mheap_malloc(1000));
    }
    ck_assert_uint_gt(n, 0);
}
END_TEST

// As find, by a call that stands elsewhere.
static void *find_elsewhere(size_t size) {
    for (unsigned i = 0; i < 600 && nothers < OTHERS; i++) {
        void *p = mheap_malloc(size);
        if (is_sampled(p)) {
            return p;
        }
        others[nothers++] = p;
    }
    return NULL;
}

START_TEST(objects_that_stay_do_not_fill_the_pool_from_one_call) {
    void *kept[PLACES + 1];
    unsigned n = 0;
    while (n <= PLACES && (kept[n] = find(100)) != NULL) {
        n++;
    }
    ck_assert_uint_ge(n, PLACES / 2);
    ck_assert_uint_lt(n, PLACES);
    drop_others();
    // Others are still sampled.
    void *p = find_elsewhere(100);
    ck_assert(p != NULL || !MH_HAVE_FRAMES);
    mheap_free(p);
    while (n != 0) {
        mheap_free(kept[--n]);
    }
    drop_others();
    require_sound();
}
END_TEST

// How many objects of 1000 bytes of so many rounds are sampled, and how many
// bytes were taken from spans for them.
static unsigned count_sampled(unsigned rounds, double *taken_out) {
    static void *objects[512];
    unsigned n = 0;
    unsigned size_class = mh_size_class(1000);
    for (unsigned round = 0; round < rounds; round++) {
        for (unsigned i = 0; i < 512; i++) {
            objects[i] = mheap_malloc(1000);
            n += is_sampled(objects[i]);
        }
        for (unsigned i = 0; i < 512; i++) {
            mheap_free(objects[i]);
        }
    }
    *taken_out = (double)mh_tls_get()->counts[size_class].taken *
                 (double)mh_classes[size_class].size;
    return n;
}

START_TEST(the_share_that_is_sampled_is_what_the_option_says) {
    static const double means[] = {1 << 18, 1 << 20, 1 << 21};
    for (size_t i = 0; i < 3; i++) {
        double before = 0, taken = 0;
        (void)mheap_option_set(MHEAP_OPTION_GUARD_BYTES, (uint64_t)means[i]);
        (void)count_sampled(4, &before); // counts drawn for another mean end
        unsigned n = count_sampled((unsigned)mh_test_rounds(3000, 150), &taken);
        double wanted = (taken - before) / means[i];
        // Four standard deviations, and 1 % for what the refill is whole in.
        double most = 4 * sqrt(wanted) + wanted / 100;
        ck_assert_msg(fabs(n - wanted) <= most, "%u of %.0f (+-%.0f)", n,
                      wanted, most);
    }
    require_sound();
}
END_TEST

// Whatever is refused: no object is lost, and what is not sampled is served.
START_TEST(every_refused_call_is_survived) {
    for (uint64_t nth = 1; nth < 60; nth++) {
        void *objects[64];
        mh_sim_fail_nth(nth);
        for (unsigned i = 0; i < 64; i++) {
            objects[i] = mheap_malloc(1000);
            ck_assert(objects[i] != NULL || mh_sim_failures(MH_SIM_NCALLS));
            if (objects[i] != NULL) {
                memset(objects[i], (int)i, 1000);
            }
        }
        for (unsigned i = 0; i < 64; i++) {
            ck_assert(objects[i] == NULL ||
                      mh_is_filled(objects[i], 1000, (unsigned char)i));
            mheap_free(objects[i]);
        }
        mh_sim_fail_nothing();
        require_sound();
    }
}
END_TEST

START_TEST(where_nothing_may_become_a_guard_nothing_is_sampled) {
    mh_sim_fail_kind(MH_OP_fault, true);
    ck_assert_ptr_null(find(100));
    mh_sim_fail_nothing();
    drop_others();
    mheap_free(sampled(100)); // now it may
    drop_others();
    require_sound();
}
END_TEST

START_TEST(a_freed_one_that_may_not_become_a_guard_is_used_again) {
    void *p = sampled(100);
    mh_sim_fail_kind(MH_OP_fault, true);
    mheap_free(p);
    ck_assert_int_eq(mh_sim_state_of(p), MH_READY);
    mheap_free(p);
    require(MHEAP_BAD_DOUBLE, p);
    for (unsigned i = 0; i < 6 * PLACES; i++) {
        char *next = sampled(100);
        ck_assert(mh_is_filled(next, 100, 0));
        memset(next, 'x', 100);
        mheap_free(next);
    }
    mh_sim_fail_nothing();
    drop_others();
    require_sound();
}
END_TEST

// What is told --------------------------------------------------------------

static char *subject;

static void trap_at_subject(void) {
    mh_sim_trap(subject);
}

static const char *told_of(char *address) {
    static char text[8192];
    subject = address;
    mh_error_of(trap_at_subject, text, sizeof(text));
    return text;
}

static void assert_has(const char *text, const char *part) {
    ck_assert_msg(strstr(text, part) != NULL, "\"%s\" is not in \"%s\"", part,
                  text);
}

static void sample_and_tell(void) {
    sample_all();
    ck_assert_int_eq(mheap_option_set(MHEAP_OPTION_GUARD_REPORT, 1), 0);
}

START_TEST(where_an_access_trapped_no_object_comes_again) {
    char *first = sampled(100);
    char *page = page_of(first);
    mheap_free(first);
    (void)told_of(first);
    for (unsigned i = 0; i < 3 * PLACES; i++) {
        char *p = sampled(100);
        ck_assert_ptr_ne(page_of(p), page);
        mheap_free(p);
    }
    drop_others();
    require_sound();
}
END_TEST

START_TEST(an_overflow_is_told_with_the_object_and_its_stack) {
    char *p = sampled_at(true);
    const char *text = told_of(page_of(p) + unit());
    assert_has(text, "mheap: bad access: buffer overflow: address 0x");
    assert_has(text, "\nmheap: 12 bytes behind an object of 100 bytes at 0x");
    assert_has(text, "\nmheap: allocated by thread ");
#if MH_HAVE_FRAMES
    assert_has(text, ", called from\nmheap:     0x");
#endif
    ck_assert_ptr_null(strstr(text, "freed"));
}
END_TEST

START_TEST(an_underflow_is_told) {
    (void)sampled(100); // in the place in front of it
    char *p = sampled_at(false);
    const char *text = told_of(p - 1);
    assert_has(text, "mheap: bad access: buffer underflow: address 0x");
    assert_has(text, "\nmheap: 1 bytes before an object of 100 bytes at 0x");
}
END_TEST

START_TEST(a_use_after_free_is_told_with_both_stacks) {
    char *p = sampled(100);
    mheap_free(p);
    const char *text = told_of(p + 7);
    assert_has(text, "mheap: bad access: use after free: address 0x");
    assert_has(text, "\nmheap: 7 bytes into an object of 100 bytes, freed, at");
    assert_has(text, "\nmheap: allocated by thread ");
    assert_has(text, "\nmheap: freed by thread ");
}
END_TEST

START_TEST(what_no_object_was_ever_near_is_told_as_that) {
    (void)sampled(100);
    char *end = (char *)mh_sample_range.base + mh_sample_range.bytes;
    const char *text = told_of(end - 1);
    assert_has(text, "mheap: bad access: wild pointer: address 0x");
    assert_has(text, "no object was ever there");
}
END_TEST

START_TEST(a_trap_elsewhere_is_not_told) {
    (void)sampled(100);
    ck_assert_str_eq(told_of((char *)mh_sample_range.base - 1), "");
    ck_assert_str_eq(
        told_of((char *)mh_sample_range.base + mh_sample_range.bytes), "");
    ck_assert_str_eq(told_of(NULL), "");
}
END_TEST

START_TEST(nothing_is_told_to_who_does_not_want_it) {
    char *p = sampled(100);
    ck_assert_str_eq(told_of(page_of(p) - 1), "");
}
END_TEST

START_TEST(a_system_that_tells_of_no_traps_samples_all_the_same) {
    mh_sim_refuse_traps(true);
    mheap_free(sampled(100));
    drop_others();
    require_sound();
}
END_TEST

static void free_subject(void) {
    mheap_free(subject);
}

START_TEST(a_bad_free_is_told_with_both_stacks) {
    static char text[8192];
    mheap_set_bad_free_handler(NULL, NULL);
    ck_assert_int_eq(
        mheap_option_set(MHEAP_OPTION_BAD_FREE, MHEAP_ON_BAD_FREE_WARN), 0);
    subject = sampled(100);
    mheap_free(subject);
    mh_error_of(free_subject, text, sizeof(text));
    assert_has(text, "mheap: warning: bad free: double free: address 0x");
    assert_has(text, "\nmheap: allocated by thread ");
    assert_has(text, "\nmheap: freed by thread ");
}
END_TEST

#if MH_HAVE_FORK
// In the child of another thread's fork what was sampled is there, can be freed
// and sampled anew.
static bool is_whole(char *p) {
    bool whole = mh_is_filled(p, 100, 'x') && mheap_usable_size(p) == 100;
    mheap_free(p);
    char *next = find(100);
    whole = whole && next != NULL && mh_traps(p);
    mheap_free(next);
    drop_others();
    return whole && mh_books_wrong(mheap_default()) == NULL && reports == 0;
}

START_TEST(a_forks_child_has_them_and_goes_on) {
    int status = 0;
    char *p = sampled_at(true);
    void *theirs = NULL;
    mh_in_thread(find_it, &theirs); // so that the child has more to repair
    memset(p, 'x', 100);
    pid_t child = fork();
    if (child == 0) {
        _exit(is_whole(p) ? 42 : 1);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFEXITED(status));
    ck_assert_int_eq(WEXITSTATUS(status), 42);
    ck_assert(is_whole(p));
}
END_TEST
#endif

#if MH_HAVE_FORK
// What a child will sample next.
static int64_t next_of_child(void) {
    int64_t left = 0;
    int ends[2];
    ck_assert_int_eq(pipe(ends), 0);
    if (fork() == 0) {
        left = mh_tls_get()->sample_left;
        _exit(write(ends[1], &left, sizeof(left)) == sizeof(left) ? 0 : 1);
    }
    ck_assert_int_eq(read(ends[0], &left, sizeof(left)), sizeof(left));
    (void)close(ends[0]);
    (void)close(ends[1]);
    (void)wait(NULL);
    return left;
}

START_TEST(children_sample_other_objects_than_one_another) {
    (void)mheap_option_set(MHEAP_OPTION_GUARD_BYTES, UINT64_C(1) << 40);
    mheap_free(mheap_malloc(100));
    int64_t first = next_of_child(), second = next_of_child();
    ck_assert(first != second);
    ck_assert(first != mh_tls_get()->sample_left);
}
END_TEST

START_TEST(a_pool_that_a_vanished_thread_was_making_is_made_anew) {
    int status = 0;
    void *theirs = NULL;
    mh_sample_pool.state = MH_POOL_MAKING;
    ck_assert_ptr_null(find(100));
    mh_in_thread(find_it, &theirs);
    ck_assert_ptr_null(theirs);
    pid_t child = fork();
    if (child == 0) {
        drop_others();
        void *p = find(100);
        mheap_free(p);
        _exit(p != NULL ? 42 : 1);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(WEXITSTATUS(status), 42);
}
END_TEST
#endif

static void add_objects(TCase *tcase) {
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase,
                   an_object_lies_at_either_end_of_its_page_between_guards);
    tcase_add_test(tcase, a_freed_one_traps_until_all_others_were_used);
    tcase_add_test(tcase,
                   a_freed_one_traps_where_the_next_is_refused_its_memory);
    tcase_add_test(tcase, it_has_the_bytes_that_were_asked_for);
    tcase_add_test(tcase, it_has_the_alignment_that_was_asked_for);
    tcase_add_test(tcase, a_wrong_size_is_caught);
    tcase_add_test(tcase, bad_frees_are_caught_and_named);
    tcase_add_test(tcase,
                   a_write_that_did_not_reach_the_guard_is_found_by_free);
    tcase_add_test(tcase, realloc_moves_what_it_held);
    tcase_add_test(tcase, it_is_counted_as_a_large_object_of_a_page);
    tcase_add_test(tcase, any_thread_makes_and_frees_them);
    tcase_add_test(tcase, other_heaps_have_none);
    tcase_add_test(tcase, objects_that_stay_do_not_fill_the_pool_from_one_call);
    tcase_add_test(tcase, every_refused_call_is_survived);
    tcase_add_test(tcase, where_nothing_may_become_a_guard_nothing_is_sampled);
    tcase_add_test(tcase,
                   a_freed_one_that_may_not_become_a_guard_is_used_again);
#if MH_HAVE_FORK
    tcase_add_test(tcase, a_forks_child_has_them_and_goes_on);
    tcase_add_test(tcase, children_sample_other_objects_than_one_another);
    tcase_add_test(tcase,
                   a_pool_that_a_vanished_thread_was_making_is_made_anew);
#endif
}

int main(void) {
    Suite *suite = suite_create("sample");
    TCase *plain = tcase_create("default");
    tcase_add_checked_fixture(plain, sample_all, NULL);
    add_objects(plain);
    tcase_add_test(plain, without_the_option_there_are_none_and_no_pool);
    tcase_add_test(plain, the_share_that_is_sampled_is_what_the_option_says);
    tcase_add_test(plain, nothing_is_told_to_who_does_not_want_it);
    suite_add_tcase(suite, plain);

    TCase *hard = tcase_create("hardened");
    tcase_add_checked_fixture(hard, sample_and_harden, NULL);
    add_objects(hard);
    suite_add_tcase(suite, hard);

    TCase *told = tcase_create("told");
    tcase_add_checked_fixture(told, sample_and_tell, NULL);
    tcase_add_test(told, an_overflow_is_told_with_the_object_and_its_stack);
    tcase_add_test(told, an_underflow_is_told);
    tcase_add_test(told, a_use_after_free_is_told_with_both_stacks);
    tcase_add_test(told, what_no_object_was_ever_near_is_told_as_that);
    tcase_add_test(told, a_trap_elsewhere_is_not_told);
    tcase_add_test(told, where_an_access_trapped_no_object_comes_again);
    tcase_add_test(told, a_system_that_tells_of_no_traps_samples_all_the_same);
    tcase_add_test(told, a_bad_free_is_told_with_both_stacks);
    suite_add_tcase(suite, told);
    return mh_test_main(suite);
}
