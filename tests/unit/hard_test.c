// hard_test.c - what the hardened mode finds, and what it leaves as it was.

#include <check.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/heap/hard.h"
#include "core/heap/hard_alloc.h"
#include "core/heap/hard_delay.h"
#include "core/heap/heap.h"
#include "core/heap/holes.h"
#include "platform/sim/sim.h"
#include "tests/support/expect.h"
#include "tests/support/hardened.h"
#include "tests/support/test_main.h"
#include "tests/support/threads.h"

static const size_t sizes[] = {1,     7,     8,     9,     16,
                               24,    100,   1000,  1024,  4096,
                               10000, 32000, 32760, 32761, 32768};
enum { NSIZES = sizeof(sizes) / sizeof(*sizes) };

// A thread that vanished in a fork had taken the slot and not yet wiped it.
START_TEST(slots_that_come_free_in_a_child_are_wiped) {
    uintptr_t p = (uintptr_t)mheap_malloc(40);
    struct mh_arena *arena = mh_arena_of(p);
    struct mh_span *span = mh_arena_span(arena, p);
    mh_arena_pair(arena, p)->live &= ~mh_pair_bit(p);
    ck_assert_int_eq(mh_hard_check_span(span), 22);
    mh_span_rebuild(span);
    ck_assert_int_eq(mh_hard_check_span(span), 0);
}
END_TEST

START_TEST(an_object_has_the_bytes_that_were_asked_for) {
    for (unsigned i = 0; i < NSIZES; i++) {
        char *p = mheap_malloc(sizes[i]);
        size_t usable = mheap_usable_size(p);
        ck_assert_uint_ge(usable, sizes[i]);
        if (sizes[i] <= MH_HARD_SMALL_MAX) {
            ck_assert_uint_eq(usable, sizes[i]);
        }
        memset(p, 'x', usable);
        mheap_free_sized(p, sizes[i]);
    }
    require_sound();
}
END_TEST

START_TEST(one_byte_too_many_is_found_by_free) {
    for (unsigned i = 0; sizes[i] <= MH_HARD_SMALL_MAX; i++) {
        char *p = mheap_malloc(sizes[i]);
        p[sizes[i]] ^= 1;
        mheap_free(p);
        require(MHEAP_BAD_OVERFLOW, p);
    }
    require_sound();
}
END_TEST

// The most usual of all: no room was left for the end of a string.
START_TEST(the_end_of_a_string_written_too_far_is_found) {
    for (int i = 0; i < 1000; i++) {
        char *p = mheap_malloc((size_t)i % 48 + 1);
        p[i % 48 + 1] = '\0';
        mheap_free(p);
        require(MHEAP_BAD_OVERFLOW, p);
    }
}
END_TEST

START_TEST(a_free_that_is_told_keeps_errno) {
    char *p = mheap_malloc(40);
    p[40] ^= 1;
    errno = 7;
    mheap_free(p);
    ck_assert_int_eq(errno, 7);
    require(MHEAP_BAD_OVERFLOW, p);
}
END_TEST

START_TEST(realloc_finds_it_as_well) {
    char *p = mheap_malloc(40);
    p[40] ^= 1;
    p = mheap_realloc(p, 36);
    require(MHEAP_BAD_OVERFLOW, p);
    char *q = mheap_malloc(40);
    q[40] ^= 1;
    char *moved = mheap_realloc(q, 4000);
    require(MHEAP_BAD_OVERFLOW, q);
    mheap_free(p);
    mheap_free(moved);
    require_sound();
}
END_TEST

static void free_it(void *p) {
    mheap_free(p);
}

START_TEST(a_thread_that_frees_anothers_object_finds_it_as_well) {
    char *p = mheap_malloc(40);
    p[41] ^= 1;
    mh_in_thread(free_it, p);
    require(MHEAP_BAD_OVERFLOW, p);
}
END_TEST

START_TEST(new_objects_are_zero_and_freed_ones_are_zero_at_once) {
    for (unsigned i = 0; sizes[i] <= MH_HARD_SMALL_MAX; i++) {
        char *p[100];
        for (int j = 0; j < 100; j++) {
            p[j] = mheap_malloc(sizes[i]);
            ck_assert(mh_is_filled(p[j], sizes[i], 0));
            memset(p[j], 'x', sizes[i]);
        }
        for (int j = 0; j < 100; j++) {
            mheap_free(p[j]);
        }
        // Its span cannot be gone: slots of it wait.
        ck_assert(mh_is_filled(p[99], sizes[i], 0));
    }
    require_sound();
}
END_TEST

START_TEST(a_write_to_a_freed_object_is_found_when_its_slot_is_taken) {
    for (unsigned i = 0; sizes[i] <= MH_HARD_SMALL_MAX; i++) {
        char *stale = mheap_malloc(sizes[i]);
        char *keep = mheap_malloc(sizes[i]);
        mheap_free(stale);
        stale[sizes[i] - 1] = 'x';
        unsigned before = reports;
        for (int j = 0; j < 100000 && reports == before; j++) {
            char *p = mheap_malloc(sizes[i]);
            ck_assert(mh_is_filled(p, sizes[i], 0));
            mheap_free(p);
        }
        require(MHEAP_BAD_STALE_WRITE, stale);
        mheap_free(keep);
    }
    require_sound();
}
END_TEST

// Into a slot that is free, which is zero but for its end.
START_TEST(zeroes_written_in_front_of_an_object_are_found) {
    for (int round = 0; round < 20; round++) {
        char *p[3] = {0};
        for (int i = 0; i < 3; i++) {
            p[i] = mheap_malloc(3000);
        }
        char *q = p[2]; // not the first of its span
        q = q < p[1] ? p[1] : q;
        q = q < p[0] ? p[0] : q;
        char saved = q[-1];
        q[-1] = 0;
        if (saved != 0) {
            int broken = mheap_check(mheap_default());
            ck_assert(broken == 221 || broken == 222);
        }
        q[-1] = saved;
        ck_assert_int_eq(mheap_check(mheap_default()), 0);
    }
    ck_assert_uint_eq(reports, 0);
}
END_TEST

START_TEST(every_slot_ends_with_a_seal) {
    char *low = mheap_malloc(1000);
    int zeroes = 0;
    for (int i = 0; i < 100; i++) {
        char *p = mheap_malloc(1000);
        low = p < low ? p : low;
        zeroes += p != low && p[-1] == 0 && p[-2] == 0 && p[-8] == 0;
    }
    ck_assert_int_eq(zeroes, 0);
}
END_TEST

START_TEST(a_second_free_is_found_while_the_slot_waits_and_later) {
    char *p = mheap_malloc(100);
    mheap_free(p);
    mheap_free(p);
    require(MHEAP_BAD_DOUBLE, p);
    mheap_thread_flush();
    mheap_free(p);
    ck_assert_uint_eq(reports, 1);
}
END_TEST

START_TEST(a_freed_slot_is_not_the_next_one) {
    for (unsigned i = 0; sizes[i] <= MH_HARD_SMALL_MAX; i++) {
        for (int j = 0; j < 1000; j++) {
            char *p = mheap_malloc(sizes[i]);
            mheap_free(p);
            char *q = mheap_malloc(sizes[i]);
            ck_assert_ptr_ne(p, q);
            mheap_free(q);
        }
    }
}
END_TEST

// In order, each would lie one slot behind the one before it.
START_TEST(objects_lie_in_no_order) {
    enum { N = 200 };
    char *p[N];
    int in_order = 0;
    for (int i = 0; i < N; i++) {
        p[i] = mheap_malloc(40);
        in_order += i != 0 && p[i] - p[i - 1] == 48;
    }
    ck_assert_int_lt(in_order, N / 10);
    for (int i = 0; i < N; i++) {
        mheap_free(p[i]);
    }
}
END_TEST

START_TEST(what_waits_goes_back_when_the_thread_flushes) {
    struct mheap_stats before, after;
    mheap_free(mheap_malloc(100));
    mheap_thread_flush();
    mheap_stats(NULL, &before);
    ck_assert_uint_eq(before.cached_bytes, 0);
    mheap_free(mheap_malloc(100));
    mheap_stats(NULL, &after);
    ck_assert_uint_eq(after.cached_bytes, mheap_good_size(100 + MH_SEAL_BYTES));
    mheap_thread_flush();
    mheap_stats(NULL, &after);
    ck_assert_uint_eq(after.cached_bytes, 0);
    require_sound();
}
END_TEST

START_TEST(the_walk_tells_what_was_written_and_where) {
    char *p = mheap_malloc(100);
    ck_assert_int_eq(mheap_check(mheap_default()), 0);
    p[100] ^= 1;
    ck_assert_int_eq(mheap_check(mheap_default()), 221);
    p[100] ^= 1;
    mheap_free(p);
    ck_assert_int_eq(mheap_check(mheap_default()), 0);
    p[0] = 'x';
    ck_assert_int_eq(mheap_check(mheap_default()), 222);
}
END_TEST

START_TEST(the_last_look_finds_what_no_call_found) {
    char *p = mheap_malloc(100);
    mh_hard_check_thread();
    ck_assert_uint_eq(reports, 0);
    p[100] ^= 1;
    mh_hard_check_thread();
    require(MHEAP_BAD_OVERFLOW, p);
    p[100] ^= 1;
    mheap_free(p);
    p[50] = 'x';
    mh_hard_check_thread();
    require(MHEAP_BAD_STALE_WRITE, p);
}
END_TEST

START_TEST(realloc_keeps_what_the_object_held) {
    char *p = mheap_malloc(1);
    size_t had = 1;
    p[0] = 0;
    for (size_t n = 2; n < 70000; n = n * 5 / 4 + 1) {
        ck_assert_ptr_nonnull(p = mheap_realloc(p, n));
        for (size_t i = 0; i < had; i++) {
            ck_assert_int_eq(p[i], (char)i);
        }
        for (size_t i = 0; i < n; i++) {
            p[i] = (char)i;
        }
        had = n;
    }
    for (size_t n = 60000; n != 0; n = n * 3 / 4) {
        ck_assert_ptr_nonnull(p = mheap_realloc(p, n));
        for (size_t i = 0; i < n; i++) {
            ck_assert_int_eq(p[i], (char)i);
        }
    }
    mheap_free(p);
    require_sound();
}
END_TEST

START_TEST(alignments_hold_to_a_page_and_beyond) {
    for (size_t align = 8; align <= 1 << 20; align *= 2) {
        for (size_t size = 0; size <= 5000; size += 1000) {
            char *p = mheap_aligned_alloc(align, size);
            ck_assert_ptr_nonnull(p);
            ck_assert_uint_eq((uintptr_t)p % align, 0);
            memset(p, 'x', align <= 16 || size != 0 ? size : 0);
            mheap_free_aligned_sized(p, align, size);
        }
    }
    require_sound();
}
END_TEST

START_TEST(a_wrong_size_is_found) {
    char *p = mheap_malloc(100);
    mheap_free_sized(p, 200);
    require(MHEAP_BAD_SIZE, p);
    mheap_free_sized(p, 100);
    require_sound();
}
END_TEST

static void churn(void *arg) {
    unsigned seed = *(unsigned *)arg;
    char *p[64] = {NULL};
    for (int i = 0; i < 20000; i++) {
        seed = seed * 1103515245u + 12345u;
        unsigned at = seed >> 16 & 63;
        size_t size = seed >> 8 & 1023;
        mheap_free(p[at]);
        p[at] = mheap_malloc(size);
        if (size != 0) {
            ck_assert(mh_is_filled(p[at], size, 0));
            memset(p[at], 'x', size);
        }
    }
    for (int i = 0; i < 64; i++) {
        mheap_free(p[i]);
    }
}

START_TEST(many_threads_raise_no_alarm) {
    enum { THREADS = 4 };
    struct mh_actor actors[THREADS] = {0};
    unsigned seeds[THREADS] = {1, 2, 3, 4};
    for (int i = 0; i < THREADS; i++) {
        mh_actor_do(&actors[i], churn, &seeds[i]);
    }
    for (int i = 0; i < THREADS; i++) {
        mh_actor_end(&actors[i]);
    }
    churn(&seeds[0]);
    require_sound();
}
END_TEST

// What one frees the other made.
START_TEST(objects_that_change_hands_raise_no_alarm) {
    struct mh_actor other = {0};
    for (int round = 0; round < 20; round++) {
        for (int i = 0; i < 100; i++) {
            char *p = mheap_malloc(200);
            ck_assert(mh_is_filled(p, 200, 0));
            memset(p, 'x', 200);
            mh_actor_do(&other, free_it, p);
        }
    }
    mh_actor_end(&other);
    require_sound();
}
END_TEST

START_TEST(pages_that_went_home_raise_no_alarm) {
    enum { N = 2000 };
    char *p[N];
    for (int round = 0; round < 4; round++) {
        for (int i = 0; i < N; i++) {
            p[i] = mheap_malloc(500);
            ck_assert(mh_is_filled(p[i], 500, 0));
            memset(p[i], 'x', 500);
        }
        for (int i = 0; i < N; i++) {
            mheap_free(p[i]);
        }
        (void)mheap_release();
        memset(mheap_pages_alloc(mheap_default(), 3), 'x', 3 * 8192);
    }
    require_sound();
}
END_TEST

// Gives the empty pages of a span back, as the scavenger does.
static struct mh_span *make_holes(const char *p) {
    struct mh_span *span =
        mh_arena_span(mh_arena_of_known((uintptr_t)p), (uintptr_t)p);
    struct mheap *heap = mheap_default();
    struct mh_holes holes;
    holes.n = 0;
    mh_lock(&heap->lock);
    mh_holes_add(&holes, span);
    mh_holes_make(&holes);
    mh_unlock(&heap->lock);
    return span;
}

START_TEST(holes_in_spans_raise_no_alarm) {
    enum { N = 40 };
    char *keep = mheap_malloc(3000);
    char *p[N];
    for (int i = 0; i < N; i++) {
        p[i] = mheap_malloc(3000);
        memset(p[i], 'x', 3000);
    }
    for (int i = 0; i < N; i++) {
        mheap_free(p[i]);
    }
    mheap_thread_flush();
    const struct mh_span *span = make_holes(keep);
    ck_assert(span->has_holes || mh_sys_facts()->page_size > 8192);
    ck_assert_int_eq(mheap_check(mheap_default()), 0);
    for (int i = 0; i < N; i++) {
        p[i] = mheap_malloc(3000);
        ck_assert(mh_is_filled(p[i], 3000, 0));
    }
    require_sound();
    for (int i = 0; i < N; i++) {
        mheap_free(p[i]);
    }
    mheap_free(keep);
    require_sound();
}
END_TEST

START_TEST(heaps_of_their_own_are_hardened_too) {
    struct mheap *heap = mheap_create("own");
    char *p = mheap_alloc_in(heap, 100);
    p[100] ^= 1;
    mheap_free(p);
    require(MHEAP_BAD_OVERFLOW, p);
    ck_assert_ptr_eq(mheap_heap_of(mheap_alloc_in(heap, 0)), heap);
    mheap_destroy(heap);
    require_sound();
}
END_TEST

// What waited for it must not come back into the next heap of the record.
START_TEST(a_heap_that_is_destroyed_takes_what_waits_along) {
    for (int round = 0; round < 3; round++) {
        struct mheap *heap = mheap_create("short");
        for (int i = 0; i < 500; i++) {
            mheap_free(mheap_alloc_in(heap, 100));
        }
        mheap_destroy(heap);
    }
    struct mheap *heap = mheap_create("next");
    for (int i = 0; i < 500; i++) {
        char *p = mheap_alloc_in(heap, 100);
        ck_assert_ptr_nonnull(p);
        mheap_free(p);
    }
    mheap_thread_flush();
    ck_assert_int_eq(mheap_check(heap), 0);
    mheap_destroy(heap);
    require_sound();
}
END_TEST

START_TEST(the_mode_cannot_change_once_there_are_objects) {
    mheap_free(mheap_malloc(1));
    ck_assert_int_eq(mheap_option_set(MHEAP_OPTION_HARDENED, 0), EINVAL);
    ck_assert_uint_eq(mheap_option_get(MHEAP_OPTION_HARDENED), 1);
}
END_TEST

static void overflow(void) {
    mheap_set_bad_free_handler(NULL, NULL);
    char *p = mheap_malloc(10);
    p[10] ^= 1;
    mheap_free(p);
}

START_TEST(the_process_is_told_and_ends) {
    mh_expect_fatal(overflow, "mheap: fatal: bad write: write behind the "
                              "object: address 0x");
}
END_TEST

START_TEST(memory_that_runs_out_is_no_alarm) {
    mheap_free(mheap_malloc(100));
    for (uint64_t n = 1; n < 60; n++) {
        mh_sim_fail_nth(n);
        char *p[300];
        for (int i = 0; i < 300; i++) {
            p[i] = mheap_malloc(3000);
            ck_assert(p[i] == NULL || mh_is_filled(p[i], 3000, 0));
        }
        for (int i = 0; i < 300; i++) {
            mheap_free(p[i]);
        }
        (void)mheap_release();
        mh_sim_fail_nothing();
    }
    require_sound();
}
END_TEST

// What is there for objects of size bytes is used up.
static void use_up(size_t size) {
    mh_sim_fail_from(1);
    while (mheap_malloc(size) != NULL) {
    }
}

static const struct {
    size_t from, to;
} shrinks[] = {{1000, 200}, {1000, 1}, {30000, 100}};

START_TEST(what_cannot_move_to_shrink_is_a_smaller_object_where_it_is) {
    size_t from = shrinks[_i].from, to = shrinks[_i].to;
    char *p[2] = {mheap_malloc(from), mheap_malloc(from)};
    use_up(to);
    for (int i = 0; i < 2; i++) {
        memset(p[i], 1, from);
        ck_assert_ptr_eq(mheap_realloc(p[i], to), p[i]);
        ck_assert_ptr_eq(mheap_realloc(p[i], to + 10), p[i]);
        ck_assert_ptr_eq(mheap_realloc(p[i], to), p[i]);
        ck_assert_uint_eq(mheap_usable_size(p[i]), to);
        ck_assert(mh_is_filled(p[i], to, 1));
    }
    mheap_free_sized(p[0], to);
    require_sound();
    p[1][to] ^= 1;
    mheap_free(p[1]);
    require(MHEAP_BAD_OVERFLOW, p[1]);
    mh_sim_fail_nothing();
}
END_TEST

START_TEST(what_cannot_move_to_shrink_and_is_large_may_have_either_size) {
    char *p[2] = {mheap_malloc(300000), mheap_malloc(300000)};
    use_up(40000);
    ck_assert_ptr_eq(mheap_realloc(p[0], 40000), p[0]);
    ck_assert_ptr_eq(mheap_realloc(p[0], 200000), p[0]);
    mheap_free_sized(p[0], 200000);
    mheap_free_sized(p[1], 300000);
    require_sound();
    mh_sim_fail_nothing();
    char *small = mheap_malloc(1000);
    mheap_free_sized(small, 300); // small ones know theirs all the same
    require(MHEAP_BAD_SIZE, small);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("hard");
    TCase *tcase = tcase_create("hardened");
    tcase_add_checked_fixture(tcase, harden, NULL);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, slots_that_come_free_in_a_child_are_wiped);
    tcase_add_test(tcase, an_object_has_the_bytes_that_were_asked_for);
    tcase_add_test(tcase, one_byte_too_many_is_found_by_free);
    tcase_add_test(tcase, the_end_of_a_string_written_too_far_is_found);
    tcase_add_test(tcase, a_free_that_is_told_keeps_errno);
    tcase_add_test(tcase, realloc_finds_it_as_well);
    tcase_add_test(tcase, a_thread_that_frees_anothers_object_finds_it_as_well);
    tcase_add_test(tcase, new_objects_are_zero_and_freed_ones_are_zero_at_once);
    tcase_add_test(tcase,
                   a_write_to_a_freed_object_is_found_when_its_slot_is_taken);
    tcase_add_test(tcase,
                   a_second_free_is_found_while_the_slot_waits_and_later);
    tcase_add_test(tcase, zeroes_written_in_front_of_an_object_are_found);
    tcase_add_test(tcase, every_slot_ends_with_a_seal);
    tcase_add_test(tcase, a_freed_slot_is_not_the_next_one);
    tcase_add_test(tcase, objects_lie_in_no_order);
    tcase_add_test(tcase, what_waits_goes_back_when_the_thread_flushes);
    tcase_add_test(tcase, the_walk_tells_what_was_written_and_where);
    tcase_add_test(tcase, the_last_look_finds_what_no_call_found);
    tcase_add_test(tcase, realloc_keeps_what_the_object_held);
    tcase_add_test(tcase, alignments_hold_to_a_page_and_beyond);
    tcase_add_test(tcase, a_wrong_size_is_found);
    tcase_add_test(tcase, many_threads_raise_no_alarm);
    tcase_add_test(tcase, objects_that_change_hands_raise_no_alarm);
    tcase_add_test(tcase, pages_that_went_home_raise_no_alarm);
    tcase_add_test(tcase, holes_in_spans_raise_no_alarm);
    tcase_add_test(tcase, heaps_of_their_own_are_hardened_too);
    tcase_add_test(tcase, a_heap_that_is_destroyed_takes_what_waits_along);
    tcase_add_test(tcase, the_mode_cannot_change_once_there_are_objects);
    tcase_add_test(tcase, the_process_is_told_and_ends);
    tcase_add_test(tcase, memory_that_runs_out_is_no_alarm);
    tcase_add_loop_test(
        tcase, what_cannot_move_to_shrink_is_a_smaller_object_where_it_is, 0,
        (int)(sizeof(shrinks) / sizeof(*shrinks)));
    tcase_add_test(
        tcase, what_cannot_move_to_shrink_and_is_large_may_have_either_size);
    suite_add_tcase(suite, tcase);
    return mh_test_main(suite);
}
