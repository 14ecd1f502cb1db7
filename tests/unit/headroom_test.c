// headroom_test.c - heaps under limits: what they give back, what they refuse.
//
// Over the simulated OS, whose clock stands still until a test moves it, and
// without rounds of the scavenger: whatever goes home, goes for a limit.

#include <check.h>
#include <errno.h>
#include <string.h>

#include "core/heap/heap.h"
#include "core/scav/scavenger.h"
#include "core/sys/limit.h"
#include "mheap/mheap.h"
#include "platform/sim/sim.h"
#include "tests/support/check_books.h"
#include "tests/support/emulated.h"
#include "tests/support/expect.h"
#include "tests/support/sanitized.h"
#include "tests/support/test_main.h"
#include "tests/support/threads.h"

#define MIB ((size_t)1 << 20)
enum { N = 64 };

static void *object[N];
static uint64_t now;

static void begin(void) {
    mheap_option_set(MHEAP_OPTION_SCAVENGER, MHEAP_SCAVENGER_OFF);
    mheap_option_set(MHEAP_OPTION_FIRST_OBJECTS, 0); // caches at once
    now = 1000 * MH_SCAV_PERIOD_NS;
    mh_sim_set_clock(now);
    mheap_free(mheap_malloc(MIB)); // metadata, and this thread's cache
    mheap_release();
}

// So many bytes more than there are now.
static uint64_t limit_at(enum mheap_option limit, size_t more) {
    uint64_t bytes = mh_stats_now().counted_bytes + more;
    ck_assert_int_eq(mheap_option_set(limit, bytes), 0);
    return bytes;
}

// Metadata, which counts too, of the arenas that so much more may begin. The
// first has room for every test where arenas are of 64 MiB.
static size_t of_arenas(size_t bytes) {
    if (MH_ARENA_SIZE >= 64 * MIB) {
        return 0;
    }
    size_t page = mh_sys_facts()->page_size;
    size_t each = mh_align_up(sizeof(struct mh_arena), page) +
                  mh_align_up(MH_WORDS_BYTES, page) + page;
    return (bytes / MH_ARENA_SIZE + 1) * each;
}

static size_t in_mib(size_t bytes) {
    return (bytes + MIB - 1) / MIB;
}

static void get(size_t first, size_t n, size_t size) {
    for (size_t i = first; i < first + n; i++) {
        object[i] = mheap_malloc(size);
        ck_assert_ptr_nonnull(object[i]);
        memset(object[i], (int)i + 1, size);
    }
}

static void drop(size_t first, size_t n) {
    for (size_t i = first; i < first + n; i++) {
        mheap_free(object[i]);
    }
}

START_TEST(without_limits_there_are_none) {
    ck_assert_uint_eq(mheap_option_get(MHEAP_OPTION_SOFT_LIMIT), 0);
    ck_assert_uint_eq(mheap_option_get(MHEAP_OPTION_HARD_LIMIT), 0);
    get(0, N, MIB);
    drop(0, N);
    ck_assert_uint_ge(mh_stats_now().free_page_bytes, N * MIB);
    ck_assert_uint_eq(mh_stats_now().limit_refusals_total, 0);
}
END_TEST

START_TEST(the_map_of_arenas_does_not_count) {
    ck_assert_uint_ge(mh_stats_now().counted_bytes, sizeof(struct mh_arena));
    ck_assert_uint_le(mh_stats_now().counted_bytes, 8 * MIB);
}
END_TEST

START_TEST(statistics_show_the_limits_and_what_they_count) {
    uint64_t soft = limit_at(MHEAP_OPTION_SOFT_LIMIT, 8 * MIB);
    uint64_t hard = limit_at(MHEAP_OPTION_HARD_LIMIT, 9 * MIB);
    ck_assert_uint_eq(mh_stats_now().soft_limit_bytes, soft);
    ck_assert_uint_eq(mh_stats_now().hard_limit_bytes, hard);
    uint64_t before = mh_stats_now().counted_bytes;
    get(0, 1, 3 * MIB);
    ck_assert_uint_eq(mh_stats_now().counted_bytes, before + 3 * MIB);
    drop(0, 1); // free, and could be used at once
    ck_assert_uint_eq(mh_stats_now().counted_bytes, before + 3 * MIB);
    mheap_release();
    ck_assert_uint_eq(mh_stats_now().counted_bytes, before);
}
END_TEST

// ---- the soft limit --------------------------------------------------------

START_TEST(free_memory_goes_home_before_the_soft_limit_is_passed) {
    uint64_t soft = limit_at(MHEAP_OPTION_SOFT_LIMIT, 18 * MIB);
    get(0, 14, MIB);
    drop(0, 14);
    ck_assert_uint_ge(mh_stats_now().free_page_bytes, 14 * MIB);
    get(0, 1, 15 * MIB); // not where the others were
    ck_assert_uint_le(mh_stats_now().counted_bytes, soft);
    mh_check_books(mheap_default());
}
END_TEST

START_TEST(no_more_goes_than_is_too_much_and_a_little) {
    limit_at(MHEAP_OPTION_SOFT_LIMIT, 16 * MIB);
    get(0, 14, MIB);
    drop(0, 12);
    get(0, 6, MIB); // free pages serve these, and nothing has to go
    uint64_t expected = mh_stats_now().soft_limit_bytes - 2 * MIB;
    ck_assert_uint_ge(mh_stats_now().counted_bytes, expected);
    ck_assert_uint_le(mh_stats_now().counted_bytes,
                      expected + of_arenas(14 * MIB));
    get(20, 1, 4 * MIB); // 4 of the 6 that are left
    ck_assert_uint_ge(mh_stats_now().free_page_bytes, MIB);
    mh_check_books(mheap_default());
}
END_TEST

START_TEST(the_highest_free_pages_go_first) {
    get(0, 16, MIB);
    limit_at(MHEAP_OPTION_SOFT_LIMIT, 0);
    drop(0, 4);
    drop(8, 4);
    get(20, 1, 5 * MIB); // fits into no hole
    ck_assert_uint_eq(mh_sim_state_of(object[11]), MH_PREPARED);
    ck_assert_uint_eq(mh_sim_state_of(object[0]), MH_READY);
}
END_TEST

START_TEST(the_soft_limit_refuses_nothing) {
    uint64_t soft = limit_at(MHEAP_OPTION_SOFT_LIMIT, MIB);
    get(0, N, MIB);
    ck_assert_uint_ge(mh_stats_now().counted_bytes, soft + (N - 1) * MIB);
    for (size_t i = 0; i < N; i++) {
        ck_assert(mh_is_filled(object[i], MIB, (unsigned char)(i + 1)));
    }
    drop(0, N);
    mh_check_books(mheap_default());
}
END_TEST

START_TEST(what_comes_free_above_the_limit_goes_home_at_once) {
    uint64_t soft = limit_at(MHEAP_OPTION_SOFT_LIMIT, 8 * MIB);
    get(0, 32, MIB);
    now += MH_SCAV_PERIOD_NS; // since the last attempt in vain
    mh_sim_set_clock(now);
    drop(0, 32);
    now += MH_SCAV_PERIOD_NS;
    mh_sim_set_clock(now);
    get(0, 1, MIB);
    drop(0, 1);
    ck_assert_uint_le(mh_stats_now().counted_bytes, soft);
}
END_TEST

START_TEST(a_lower_limit_set_later_holds_at_once) {
    get(0, 32, MIB);
    drop(0, 32);
    uint64_t before = mh_stats_now().counted_bytes;
    uint64_t soft = before - 20 * MIB;
    ck_assert_int_eq(mheap_option_set(MHEAP_OPTION_SOFT_LIMIT, soft), 0);
    ck_assert_uint_le(mh_stats_now().counted_bytes, soft);
    ck_assert_uint_ge(mh_stats_now().counted_bytes, soft - 2 * MIB);
    ck_assert_int_eq(mheap_option_set(MHEAP_OPTION_SOFT_LIMIT, 0), 0);
    get(0, 32, MIB);
    drop(0, 32);
    ck_assert_uint_eq(mh_stats_now().counted_bytes, before);
}
END_TEST

// More is in use than the limit allows. The clock stands still, so that one
// attempt is all there may be.
START_TEST(above_the_limit_it_is_not_tried_again_and_again) {
    get(0, 32, MIB);
    mheap_option_set(MHEAP_OPTION_SOFT_LIMIT, MIB);
    uint64_t calls = mh_sim_calls(MH_OP_unused);
    for (int i = 0; i < 1000; i++) {
        mheap_free(mheap_malloc(MIB));
        mheap_free(mheap_malloc(2 * MIB));
    }
    ck_assert_uint_le(mh_sim_calls(MH_OP_unused), calls + 4);
    now += MH_SCAV_PERIOD_NS;
    mh_sim_set_clock(now);
    mheap_free(mheap_malloc(MIB));
    ck_assert_uint_gt(mh_sim_calls(MH_OP_unused), calls);
}
END_TEST

START_TEST(free_memory_of_another_heap_goes_too) {
    struct mheap *other = mheap_create("other");
    void *p = mheap_alloc_in(other, 12 * MIB);
    uint64_t soft = limit_at(MHEAP_OPTION_SOFT_LIMIT, 4 * MIB);
    mheap_free(p);
    get(0, 12, MIB);
    ck_assert_uint_le(mh_stats_now().counted_bytes, soft);
    mh_check_books(mheap_default());
}
END_TEST

// Its first spans come from the heap, the others from its page cache.
static void get_spans(void *arg) {
    (void)arg;
    for (size_t size = 16; size <= 128; size += 16) {
        mheap_free(mheap_malloc(size));
    }
}

START_TEST(what_other_threads_keep_in_page_caches_goes_too) {
    struct mh_actor actor = {.running = false};
    get(0, N, MIB / 16);
    drop(0, N); // the lowest free pages are Ready now: the thread takes them
    mh_actor_do(&actor, get_spans, NULL);
    mheap_release();
    uint64_t soft = limit_at(MHEAP_OPTION_SOFT_LIMIT, 0);
    ck_assert_uint_ge(mh_stats_now().free_page_bytes, MIB / 4);
    get(0, 1, MIB / 4);
    ck_assert_uint_le(mh_stats_now().counted_bytes, soft);
    mh_actor_end(&actor);
    mh_check_books(mheap_default());
}
END_TEST

// The thread of the scavenger looks every 400 ms: too late for a limit.
START_TEST(an_awake_scavenger_is_not_waited_for) {
    struct mheap *other = mheap_create("other");
    void *p = mheap_alloc_in(other, 12 * MIB);
    uint64_t soft = limit_at(MHEAP_OPTION_SOFT_LIMIT, 4 * MIB);
    mheap_free(p);
    mh_scavenger.state = MH_SCAV_AWAKE;
    get(0, 12, MIB);
    ck_assert_uint_le(mh_stats_now().counted_bytes, soft);
    mh_scavenger.state = MH_SCAV_NONE;
}
END_TEST

// Spans of few pages come from the page cache of the thread.
START_TEST(small_objects_make_room_for_themselves) {
    get(0, 8, MIB);
    drop(0, 4);
    mheap_release();
    drop(4, 4); // free and Ready, behind pages that are given back
    uint64_t soft = limit_at(MHEAP_OPTION_SOFT_LIMIT, 0);
    for (size_t bytes = 0; bytes < 3 * MIB; bytes += 64) {
        ck_assert_ptr_nonnull(mheap_malloc(64));
        ck_assert_uint_le(mh_limits.counted, soft);
    }
    mh_check_books(mheap_default());
}
END_TEST

START_TEST(a_system_that_takes_nothing_back_is_borne) {
    get(0, 32, MIB);
    drop(0, 32);
    mh_sim_fail_kind(MH_OP_unused, true);
    limit_at(MHEAP_OPTION_SOFT_LIMIT, 0);
    get(0, 1, 40 * MIB);
    drop(0, 1);
    mh_sim_fail_nothing();
    mh_check_books(mheap_default());
}
END_TEST

// ---- the hard limit --------------------------------------------------------

// Allocates until NULL; how many.
static size_t get_all(size_t size) {
    size_t n = 0;
    errno = 0;
    while (n < N && (object[n] = mheap_malloc(size)) != NULL) {
        memset(object[n], (int)n + 1, size);
        n++;
    }
    return n;
}

START_TEST(at_the_hard_limit_allocation_fails_and_freeing_helps) {
    uint64_t hard = limit_at(MHEAP_OPTION_HARD_LIMIT, 16 * MIB);
    size_t n = get_all(MIB);
    ck_assert_uint_le(n, 16);
    ck_assert_uint_ge(n, 16 - in_mib(of_arenas(16 * MIB)));
    ck_assert_int_eq(errno, ENOMEM);
    ck_assert_uint_le(mh_stats_now().counted_bytes, hard);
    ck_assert_uint_gt(mh_stats_now().limit_refusals_total, 0);
    mh_check_books(mheap_default());
    drop(0, 4);
    ck_assert_ptr_nonnull(mheap_malloc(3 * MIB));
    ck_assert_uint_le(mh_stats_now().counted_bytes, hard);
    for (size_t i = 4; i < n; i++) {
        ck_assert(mh_is_filled(object[i], MIB, (unsigned char)(i + 1)));
    }
    mh_check_books(mheap_default());
}
END_TEST

START_TEST(small_objects_fail_and_can_all_be_freed) {
    uint64_t hard = limit_at(MHEAP_OPTION_HARD_LIMIT, 2 * MIB);
    void **list = NULL;
    size_t n = 0;
    for (void **p; (p = mheap_malloc(100)) != NULL; n++) {
        *p = (void *)list;
        list = p;
    }
    ck_assert_int_eq(errno, ENOMEM);
    ck_assert_uint_ge(n, 12000);
    ck_assert_uint_le(mh_stats_now().counted_bytes, hard);
    while (list != NULL) {
        void **next = *list;
        mheap_free((void *)list);
        list = next;
    }
    ck_assert_ptr_nonnull(mheap_malloc(MIB));
    mh_check_books(mheap_default());
}
END_TEST

START_TEST(everything_is_given_back_before_anything_fails) {
    struct mheap *other = mheap_create("other");
    void *p = mheap_alloc_in(other, 6 * MIB);
    get(0, 6, MIB);
    limit_at(MHEAP_OPTION_HARD_LIMIT, 0);
    mheap_free(p);
    drop(0, 2);
    drop(3, 2);
    object[N - 1] = mheap_malloc(9 * MIB); // from both heaps, in pieces
    ck_assert_ptr_nonnull(object[N - 1]);
    ck_assert_uint_le(mh_stats_now().counted_bytes,
                      mh_stats_now().hard_limit_bytes);
    mh_check_books(mheap_default());
}
END_TEST

START_TEST(a_failed_realloc_leaves_the_object) {
    limit_at(MHEAP_OPTION_HARD_LIMIT, 8 * MIB);
    get(0, 1, 5 * MIB);
    errno = 0;
    ck_assert_ptr_null(mheap_realloc(object[0], 9 * MIB));
    ck_assert_int_eq(errno, ENOMEM);
    ck_assert(mh_is_filled(object[0], 5 * MIB, 1));
    // In place there is room, though there is none for a second one.
    char *grown = mheap_realloc(object[0], 7 * MIB);
    ck_assert_ptr_nonnull(grown);
    ck_assert(mh_is_filled(grown, 5 * MIB, 1));
    mheap_free(grown);
    mh_check_books(mheap_default());
}
END_TEST

START_TEST(realloc_in_place_asks_the_other_heaps_too) {
    struct mheap *other = mheap_create("other");
    void *p = mheap_alloc_in(other, 4 * MIB);
    get(0, 1, 5 * MIB);
    limit_at(MHEAP_OPTION_HARD_LIMIT, 0);
    mheap_free(p); // too little to move to
    void *grown = mheap_realloc(object[0], 7 * MIB);
    ck_assert_ptr_eq(grown, object[0]);
    ck_assert(mh_is_filled(grown, 5 * MIB, 1));
    mh_check_books(mheap_default());
}
END_TEST

START_TEST(failing_does_not_use_anything_up) {
    limit_at(MHEAP_OPTION_HARD_LIMIT, 8 * MIB);
    ck_assert_ptr_null(mheap_malloc(20 * MIB));
    struct mheap_stats before = mh_stats_now();
    for (int i = 0; i < 100; i++) {
        ck_assert_ptr_null(mheap_malloc(20 * MIB));
        ck_assert_ptr_null(mheap_pages_alloc(mheap_default(), 4096));
    }
    struct mheap_stats after = mh_stats_now();
    ck_assert_uint_eq(after.metadata_bytes, before.metadata_bytes);
    ck_assert_uint_eq(after.reserved_bytes, before.reserved_bytes);
    ck_assert_uint_eq(after.prepared_bytes, before.prepared_bytes);
    size_t n = get_all(MIB);
    ck_assert_uint_le(n, 8);
    ck_assert_uint_ge(n, 8 - in_mib(of_arenas(8 * MIB)));
}
END_TEST

START_TEST(metadata_does_not_pass_the_limit_either) {
    uint64_t hard = limit_at(MHEAP_OPTION_HARD_LIMIT, 128 << 10);
    struct mheap *heaps[N];
    size_t n = 0;
    while (n < N && (heaps[n] = mheap_create("many")) != NULL) {
        n++;
    }
    ck_assert_uint_lt(n, N);
    ck_assert_uint_le(mh_stats_now().counted_bytes, hard);
    while (n > 0) {
        mheap_destroy(heaps[--n]);
    }
    mh_check_books(mheap_default());
}
END_TEST

START_TEST(a_limit_below_what_is_in_use_refuses_growth_only) {
    get(0, 8, MIB);
    get(8, 8, 100);
    ck_assert_int_eq(mheap_option_set(MHEAP_OPTION_HARD_LIMIT, 1), 0);
    uint64_t before = mh_stats_now().counted_bytes;
    ck_assert_ptr_null(mheap_malloc(MIB));
    ck_assert_ptr_nonnull(mheap_realloc(object[1], MIB - 1));
    for (size_t i = 0; i < 8; i++) {
        ck_assert(mh_is_filled(object[i], MIB - 1, (unsigned char)(i + 1)));
    }
    drop(0, 16);
    ck_assert_uint_le(mh_stats_now().counted_bytes, before);
    ck_assert_uint_ge(mh_stats_now().free_page_bytes, 8 * MIB);
    // What is free and Ready is no growth: until it is asked for, it is kept.
    ck_assert_int_eq(mheap_option_set(MHEAP_OPTION_HARD_LIMIT, 0), 0);
    get(0, 8, MIB);
    mh_check_books(mheap_default());
}
END_TEST

START_TEST(absurd_sizes_give_nothing_back) {
    get(0, 8, MIB);
    drop(0, 8);
    limit_at(MHEAP_OPTION_HARD_LIMIT, 64 * MIB);
    uint64_t before = mh_stats_now().counted_bytes;
    ck_assert_ptr_null(mheap_malloc(SIZE_MAX));
    ck_assert_uint_eq(mh_stats_now().counted_bytes, before);
}
END_TEST

// A little of everything, as far as the limit lets it go.
static void use_everything(void *arg) {
    struct mheap *heap = arg;
    void *p[40];
    for (size_t i = 0; i < 40; i++) {
        size_t size = (size_t)24 << i % 14;
        p[i] = i % 3 == 0 && heap != NULL ? mheap_alloc_in(heap, size)
                                          : mheap_calloc(1, size);
        if (p[i] != NULL) {
            memset(p[i], 1, size);
        }
    }
    for (size_t i = 0; i < 40; i += 3) {
        void *q = mheap_realloc(p[i], (size_t)50 << (i * 5) % 13);
        p[i] = q != NULL ? q : p[i];
    }
    void *pages = mheap_pages_alloc(mheap_default(), 5);
    if (pages != NULL) {
        mheap_pages_free(pages);
    }
    for (size_t i = 0; i < 40; i++) {
        mheap_free(p[i]);
    }
}

// Where a process takes long to start: under ThreadSanitizer 0.8 s.
static int unless_slow(int all, int some) {
    return MH_SANITIZED ? some : mh_test_rounds(all, some);
}

// Wherever the limit lies, what it refuses breaks nothing: a refusal for every
// page that becomes Ready on the way, metadata of a new heap and of a new
// thread included. Under an emulator or a sanitizer for one page of five.
START_TEST(a_refusal_at_any_page_breaks_nothing) {
    size_t page = (size_t)_i * (size_t)unless_slow(1, 5);
    uint64_t hard = limit_at(MHEAP_OPTION_HARD_LIMIT, page * 4 * 4096);
    struct mh_actor actor = {.running = false};
    struct mheap *heap = mheap_create("new");
    use_everything(heap);
    mh_actor_do(&actor, use_everything, heap);
    ck_assert_uint_le(mh_stats_now().counted_bytes, hard);
    mh_check_books(mheap_default());
    use_everything(heap);
    mh_actor_end(&actor);
    mheap_destroy(heap);
    ck_assert_uint_le(mh_stats_now().counted_bytes, hard);
    mh_check_books(mheap_default());
}
END_TEST

static void get_small(void *arg) {
    size_t *got = arg;
    void *p = mheap_malloc(100);
    *got = p != NULL;
    mheap_free(p);
}

START_TEST(a_thread_that_begins_at_the_limit_can_free) {
    void *p = mheap_malloc(100);
    limit_at(MHEAP_OPTION_HARD_LIMIT, 0);
    get_all(MIB);
    struct mh_actor actor = {.running = false};
    size_t got = 2;
    mh_actor_do(&actor, mheap_free, p);
    mh_actor_do(&actor, get_small, &got);
    ck_assert_uint_le(got, 1);
    mh_actor_end(&actor);
    mh_check_books(mheap_default());
}
END_TEST

int main(void) {
    Suite *suite = suite_create("headroom");
    TCase *soft = tcase_create("soft");
    tcase_add_checked_fixture(soft, begin, NULL);
    tcase_add_test(soft, without_limits_there_are_none);
    tcase_add_test(soft, the_map_of_arenas_does_not_count);
    tcase_add_test(soft, statistics_show_the_limits_and_what_they_count);
    tcase_add_test(soft, free_memory_goes_home_before_the_soft_limit_is_passed);
    tcase_add_test(soft, no_more_goes_than_is_too_much_and_a_little);
    tcase_add_test(soft, the_highest_free_pages_go_first);
    tcase_add_test(soft, the_soft_limit_refuses_nothing);
    tcase_add_test(soft, what_comes_free_above_the_limit_goes_home_at_once);
    tcase_add_test(soft, a_lower_limit_set_later_holds_at_once);
    tcase_add_test(soft, above_the_limit_it_is_not_tried_again_and_again);
    tcase_add_test(soft, free_memory_of_another_heap_goes_too);
    tcase_add_test(soft, what_other_threads_keep_in_page_caches_goes_too);
    tcase_add_test(soft, an_awake_scavenger_is_not_waited_for);
    tcase_add_test(soft, small_objects_make_room_for_themselves);
    tcase_add_test(soft, a_system_that_takes_nothing_back_is_borne);
    suite_add_tcase(suite, soft);
    TCase *hard = tcase_create("hard");
    tcase_add_checked_fixture(hard, begin, NULL);
    tcase_add_test(hard, at_the_hard_limit_allocation_fails_and_freeing_helps);
    tcase_add_test(hard, small_objects_fail_and_can_all_be_freed);
    tcase_add_test(hard, everything_is_given_back_before_anything_fails);
    tcase_add_test(hard, a_failed_realloc_leaves_the_object);
    tcase_add_test(hard, realloc_in_place_asks_the_other_heaps_too);
    tcase_add_test(hard, failing_does_not_use_anything_up);
    tcase_add_test(hard, metadata_does_not_pass_the_limit_either);
    tcase_add_test(hard, a_limit_below_what_is_in_use_refuses_growth_only);
    tcase_add_test(hard, absurd_sizes_give_nothing_back);
    tcase_add_loop_test(hard, a_refusal_at_any_page_breaks_nothing, 0,
                        unless_slow(100, 20));
    tcase_add_test(hard, a_thread_that_begins_at_the_limit_can_free);
    suite_add_tcase(suite, hard);
    return mh_test_main(suite);
}
