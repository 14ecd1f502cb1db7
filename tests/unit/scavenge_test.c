// scavenge_test.c - what rounds give back, and what they leave.
//
// Over the simulated OS, whose clock stands still until a test moves it, and in
// which calls do the rounds: every step is the test's own.

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/heap/heap.h"
#include "core/scav/scavenger.h"
#include "mheap/mheap.h"
#include "platform/sim/sim.h"
#include "tests/support/check_books.h"
#include "tests/support/expect.h"
#include "tests/support/rounds.h"
#include "tests/support/test_main.h"
#include "tests/support/threads.h"

enum { N = 16 };
#define BYTES MH_ROUND_BYTES

static void *large[N];

static void begin(void) {
    start_the_clock();
    make_a_call(); // the first round, of a heap so small
    make_a_call();
}

static void get(size_t n) {
    for (size_t i = 0; i < n; i++) {
        large[i] = mheap_malloc(BYTES);
        ck_assert_ptr_nonnull(large[i]);
        memset(large[i], 0x5c, BYTES);
    }
}

static void drop(size_t n) {
    for (size_t i = 0; i < n; i++) {
        mheap_free(large[i]);
    }
}

START_TEST(what_lay_idle_from_round_to_round_goes_home) {
    get(N);
    drop(N);
    ck_assert_uint_ge(mh_stats_now().free_page_bytes, N * BYTES);
    let_a_period_pass(); // idle, but not for long
    ck_assert_uint_ge(mh_stats_now().free_page_bytes, N * BYTES);
    for (int i = 0; i < 3; i++) { // a call gives back 8 MiB at most
        let_a_period_pass();
    }
    ck_assert_uint_le(mh_stats_now().free_page_bytes, 2 * BYTES);
    mh_check_books(mheap_default());
}
END_TEST

START_TEST(one_call_gives_back_eight_mebibytes_at_most) {
    get(N);
    drop(N);
    let_a_period_pass();
    uint64_t before = mh_stats_now().free_page_bytes;
    let_a_period_pass();
    ck_assert_uint_eq(before - mh_stats_now().free_page_bytes, 8 << 20);
}
END_TEST

START_TEST(what_is_used_in_waves_stays) {
    for (int wave = 0; wave < 6; wave++) {
        get(N);
        drop(N);
        let_a_period_pass();
        ck_assert_uint_ge(mh_stats_now().free_page_bytes, N * BYTES);
    }
    mh_check_books(mheap_default());
}
END_TEST

START_TEST(what_a_wave_does_not_reach_goes_home) {
    get(N);
    drop(N);
    let_a_period_pass();
    for (int wave = 0; wave < 4; wave++) {
        get(N / 2);
        drop(N / 2);
        let_a_period_pass();
    }
    uint64_t kept = mh_stats_now().free_page_bytes;
    ck_assert_uint_ge(kept, N / 2 * BYTES);
    ck_assert_uint_le(kept, (N / 2 + 1) * BYTES);
}
END_TEST

// A wave that lasts three rounds: it takes what it needs, and lets it lie.
static void make_a_long_wave(void) {
    get(N);
    drop(N);
    for (int i = 0; i < 3; i++) {
        let_a_period_pass();
    }
}

START_TEST(what_was_given_back_in_vain_is_kept_the_next_time) {
    make_a_long_wave();
    ck_assert_uint_le(mh_stats_now().free_page_bytes, 2 * BYTES);
    for (int wave = 0; wave < 3; wave++) {
        make_a_long_wave();
        ck_assert_uint_ge(mh_stats_now().free_page_bytes, N * BYTES / 2);
    }
    mh_check_books(mheap_default());
}
END_TEST

// A round comes with a call that frees, and this one takes nothing.
static void let_a_period_pass_without_taking(void *last) {
    now += MH_SCAV_PERIOD_NS;
    mh_sim_set_clock(now);
    mheap_free(last);
}

START_TEST(what_is_kept_goes_when_the_program_takes_no_more) {
    void *last[6];
    for (int i = 0; i < 6; i++) {
        last[i] = mheap_malloc(BYTES);
    }
    for (int wave = 0; wave < 3; wave++) {
        make_a_long_wave();
    }
    ck_assert_uint_ge(mh_stats_now().free_page_bytes, N * BYTES / 2);
    for (int i = 0; i < 6; i++) {
        let_a_period_pass_without_taking(last[i]);
    }
    ck_assert_uint_le(mh_stats_now().free_page_bytes, 2 * BYTES);
    mh_check_books(mheap_default());
}
END_TEST

START_TEST(the_highest_pages_go_first) {
    get(N);
    drop(N);
    let_a_period_pass();
    let_a_period_pass();
    // What comes next lies below all that went.
    void *p = mheap_malloc(BYTES);
    ck_assert_ptr_eq(p, large[0]);
    ck_assert_uint_eq(mh_sim_state_of(large[0]), MH_READY);
    ck_assert_uint_eq(mh_sim_state_of(large[N - 1]), MH_PREPARED);
}
END_TEST

START_TEST(what_went_home_can_be_had_again) {
    get(N);
    drop(N);
    for (int i = 0; i < 4; i++) {
        let_a_period_pass();
    }
    get(N);
    ck_assert(mh_is_filled(large[N - 1], BYTES, 0x5c));
    drop(N);
    mh_check_books(mheap_default());
}
END_TEST

START_TEST(there_are_no_rounds_within_a_period) {
    get(N);
    drop(N);
    uint32_t before = mh_scavenger.rounds;
    for (int i = 0; i < 5; i++) {
        get(N);
        drop(N);
        now += MH_SCAV_PERIOD_NS / 6;
        mh_sim_set_clock(now);
    }
    ck_assert_uint_le(mh_scavenger.rounds, before + 1);
}
END_TEST

START_TEST(switched_off_it_does_nothing) {
    uint32_t before = mh_scavenger.rounds;
    mheap_option_set(MHEAP_OPTION_SCAVENGER, MHEAP_SCAVENGER_OFF);
    get(N);
    drop(N);
    for (int i = 0; i < 4; i++) {
        now += MH_SCAV_PERIOD_NS;
        mh_sim_set_clock(now);
        mheap_free(mheap_malloc(BYTES));
    }
    ck_assert_uint_eq(mh_scavenger.rounds, before);
    ck_assert_uint_ge(mh_stats_now().free_page_bytes, N * BYTES);
    ck_assert_uint_gt(mheap_release(), 0); // asked, it does
}
END_TEST

START_TEST(what_the_system_refuses_stays_and_is_tried_again) {
    get(N);
    drop(N);
    let_a_period_pass();
    uint64_t before = mh_stats_now().free_page_bytes;
    mh_sim_fail_kind(MH_OP_unused, true);
    let_a_period_pass();
    ck_assert_uint_eq(mh_stats_now().free_page_bytes, before);
    mh_check_books(mheap_default());
    // A thread would sleep now, and not ask again and again.
    ck_assert(!mh_scavenger.work->waits());
    mh_sim_fail_nothing();
    for (int i = 0; i < 4; i++) {
        let_a_period_pass();
    }
    ck_assert_uint_le(mh_stats_now().free_page_bytes, 2 * BYTES);
    mh_check_books(mheap_default());
}
END_TEST

START_TEST(giving_back_stops_when_its_time_is_used_up) {
    get(N);
    drop(N);
    let_a_period_pass();
    mh_pacer_spend(&mh_scavenger.pacer, UINT64_MAX);
    mh_scavenger.pacer.now_ns = now + MH_SCAV_PERIOD_NS; // nothing comes in
    uint64_t before = mh_stats_now().free_page_bytes;
    let_a_period_pass();
    ck_assert_uint_eq(mh_stats_now().free_page_bytes, before);
}
END_TEST

START_TEST(what_a_call_may_not_spend_is_left_for_the_next) {
    // The clock stands still in a round, so nothing is spent.
    ck_assert_uint_eq(mh_scavenger.pacer.left_ns, MH_PACER_BURST_NS);
    let_a_period_pass();
    ck_assert_uint_eq(mh_scavenger.pacer.left_ns, MH_PACER_BURST_NS);
}
END_TEST

START_TEST(every_heap_is_looked_after) {
    struct mheap *heap = mheap_create("second");
    void *p = mheap_alloc_in(heap, 4 * BYTES);
    memset(p, 1, 4 * BYTES);
    mheap_free(p);
    let_a_period_pass();
    let_a_period_pass();
    let_a_period_pass();
    struct mheap_stats now_of;
    mheap_stats(heap, &now_of);
    ck_assert_uint_eq(now_of.free_page_bytes, 0);
    ck_assert_uint_ge(now_of.released_bytes, 4 * BYTES);
    mheap_destroy(heap);
    let_a_period_pass(); // and one that is gone is passed over
}
END_TEST

// ---- what threads hold that make no calls -----------------------------------

static struct mh_actor other;
static struct mh_cache *others_cache;

static void use_a_page_cache(void *arg) {
    (void)arg;
    for (size_t size = 16; size <= 128; size += 16) { // not for the first spans
        mheap_free(mheap_malloc(size));
    }
    others_cache = mh_tls_get();
}

START_TEST(the_page_cache_of_a_quiet_thread_is_emptied) {
    mh_actor_do(&other, use_a_page_cache, NULL);
    ck_assert_uint_ne(others_cache->pages.free, 0);
    get(1); // so that there is something to poke for
    drop(1);
    let_a_period_pass();
    ck_assert_uint_ne(others_cache->pages.free, 0); // it may be busy
    let_a_period_pass();
    ck_assert_uint_eq(others_cache->pages.free, 0);
    mh_actor_do(&other, use_a_page_cache, NULL);
    mh_check_books(mheap_default());
    mh_actor_end(&other);
}
END_TEST

static void take_page(void *arg) {
    (void)arg;
    size_t slots = mh_classes[mh_size_class(64)].nslots;
    for (size_t i = 0; i < slots; i++) {
        ck_assert_ptr_nonnull(mheap_malloc(64)); // a new span now and then
    }
}

START_TEST(the_page_cache_of_a_busy_thread_is_left_to_it) {
    mh_actor_do(&other, use_a_page_cache, NULL);
    for (int i = 0; i < 4; i++) {
        mh_actor_do(&other, take_page, NULL);
        let_a_period_pass();
        ck_assert_uint_ne(others_cache->pages.free, 0);
    }
    mh_actor_end(&other);
}
END_TEST

// ---- spans that others have emptied -----------------------------------------

enum { NOBJECTS = 3000, OBJECT_BYTES = 512 };

static void *objects[NOBJECTS];

static void make_objects(void *arg) {
    (void)arg;
    for (size_t i = 0; i < NOBJECTS; i++) {
        objects[i] = mheap_malloc(OBJECT_BYTES);
        ck_assert_ptr_nonnull(objects[i]);
    }
    others_cache = mh_tls_get();
}

static void free_one(void *arg) {
    mheap_free(arg);
}

static struct mheap_class_stats of_class(void) {
    struct mheap_class_stats stats;
    ck_assert(mheap_class_stats_get(NULL, mh_size_class(OBJECT_BYTES), &stats));
    return stats;
}

static void begin_emptied(void) {
    begin();
    mh_actor_do(&other, make_objects, NULL);
}

static void end_emptied(void) {
    mh_actor_end(&other);
    mh_check_books(mheap_default());
}

START_TEST(what_a_quiet_thread_owns_and_others_emptied_goes_home) {
    for (size_t i = 0; i < NOBJECTS; i++) {
        mheap_free(objects[i]);
    }
    ck_assert_uint_eq(of_class().pending, NOBJECTS);
    let_a_period_pass();
    ck_assert_uint_eq(of_class().pending, NOBJECTS); // is it quiet?
    let_a_period_pass();
    // But for the spans that slots in its bins lie in.
    ck_assert_uint_le(of_class().spans, 2);
    ck_assert_uint_eq(others_cache->seized, 0);
    mh_actor_do(&other, make_objects, NULL); // and it goes on as if nothing was
}
END_TEST

static void use_up_the_bin(void *arg) {
    size_t *extra = arg;
    unsigned size_class = mh_size_class(OBJECT_BYTES);
    for (*extra = 0; mh_bin_fill(others_cache, size_class) != 0; (*extra)++) {
        mheap_free(objects[*extra]); // to the bin, and out of it again
        objects[*extra] = mheap_malloc(OBJECT_BYTES);
        objects[NOBJECTS - 1 - *extra] = mheap_malloc(OBJECT_BYTES);
    }
}

// Also the span that is allocated from, when none of its slots is in the bin.
START_TEST(so_does_the_span_that_was_allocated_from) {
    void *before[64];
    size_t extra = 0;
    memcpy(before, objects + NOBJECTS - 64, sizeof(before));
    mh_actor_do(&other, use_up_the_bin, &extra);
    ck_assert_uint_le(extra, 64);
    ck_assert_ptr_nonnull(others_cache->current[mh_size_class(OBJECT_BYTES)]);
    for (size_t i = 0; i < NOBJECTS; i++) {
        mheap_free(objects[i]);
    }
    for (size_t i = 0; i < extra; i++) {
        mheap_free(before[63 - i]);
    }
    let_a_period_pass();
    let_a_period_pass();
    ck_assert_uint_eq(of_class().spans, 0);
    ck_assert_ptr_null(others_cache->current[mh_size_class(OBJECT_BYTES)]);
    mh_actor_do(&other, make_objects, NULL);
}
END_TEST

START_TEST(a_span_with_an_object_left_stays_its_owners) {
    struct mh_span *span = mh_arena_span_at((uintptr_t)objects[0]);
    for (size_t i = 1; i < NOBJECTS; i++) {
        mheap_free(objects[i]);
    }
    let_a_period_pass();
    let_a_period_pass();
    ck_assert_uint_eq(span->owner_told, mh_owner_word(others_cache->id, true));
    size_t ntold = 0;
    bool found = false;
    for (struct mh_span *at = others_cache->told; at != NULL;
         at = at->told_next) {
        found = found || at == span;
        ntold++;
    }
    ck_assert(found);
    ck_assert_uint_le(ntold, 2); // and one with slots in the owner's bin
    ck_assert_uint_eq(of_class().used, 1);
    mheap_free(objects[0]);
    let_a_period_pass();
    ck_assert_uint_le(of_class().spans, 1);
    ck_assert_uint_eq(of_class().used, 0);
}
END_TEST

START_TEST(a_thread_that_makes_calls_takes_them_in_itself) {
    for (size_t i = 0; i < NOBJECTS; i++) {
        mheap_free(objects[i]);
    }
    for (int i = 0; i < 3; i++) {
        mh_cache_enter(others_cache); // a call of its thread
        mh_cache_leave(others_cache);
        let_a_period_pass();
        ck_assert_uint_eq(of_class().pending, NOBJECTS);
    }
}
END_TEST

static void refill(void *arg) {
    (void)arg;
    for (uint32_t calls = others_cache->calls; calls == others_cache->calls;) {
        ck_assert_ptr_nonnull(mheap_malloc(OBJECT_BYTES));
    }
}

static void free_half(void *arg) {
    (void)arg;
    for (size_t i = 0; i < NOBJECTS; i += 2) {
        mheap_free(objects[i]);
    }
    mheap_thread_flush();
}

// One that would leave it for later, having free slots.
START_TEST(a_thread_that_makes_calls_is_told_to_take_them_in) {
    mh_actor_do(&other, free_half, NULL);
    mh_actor_do(&other, refill, NULL);
    mheap_free(objects[1]);
    mh_actor_do(&other, refill, NULL);
    ck_assert_uint_eq(of_class().pending, 1);
    let_a_period_pass();
    ck_assert_ptr_nonnull(others_cache->partial[mh_size_class(OBJECT_BYTES)]);
    mh_actor_do(&other, refill, NULL);
    ck_assert_uint_eq(of_class().pending, 0);
    ck_assert_uint_eq(others_cache->overdue, 0);
}
END_TEST

START_TEST(a_thread_that_is_in_a_call_is_left_alone) {
    for (size_t i = 0; i < NOBJECTS; i++) {
        mheap_free(objects[i]);
    }
    let_a_period_pass();
    others_cache->busy = 1;
    let_a_period_pass();
    ck_assert_uint_eq(of_class().pending, NOBJECTS);
    ck_assert_uint_eq(others_cache->seized, 0);
    others_cache->busy = 0;
    let_a_period_pass();
    ck_assert_uint_le(of_class().spans, 1);
}
END_TEST

static void *let_go_soon(void *arg) {
    struct timespec nap = {0, 20 * 1000 * 1000};
    (void)nanosleep(&nap, NULL);
    ck_assert_uint_eq(MH_LOAD_RELAXED(&others_cache->busy), 0); // it waits
    MH_STORE_RELEASE(&others_cache->seized, 0);
    return arg;
}

static void make_one(void *arg) {
    (void)arg;
    mheap_thread_flush();
    ck_assert_uint_eq(MH_LOAD_RELAXED(&others_cache->seized), 0);
}

START_TEST(a_thread_waits_until_its_cache_is_let_go) {
    pthread_t thread;
    others_cache->seized = 1;
    ck_assert_int_eq(pthread_create(&thread, NULL, let_go_soon, NULL), 0);
    mh_actor_do(&other, make_one, NULL);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
}
END_TEST

START_TEST(a_free_by_the_owner_is_no_hindrance) {
    mh_actor_do(&other, free_one, objects[7]); // lies in its bin now
    for (size_t i = 0; i < NOBJECTS; i++) {
        if (i != 7) {
            mheap_free(objects[i]);
        }
    }
    let_a_period_pass();
    let_a_period_pass();
    struct mh_span *span = mh_arena_span_at((uintptr_t)objects[7]);
    ck_assert_ptr_nonnull(span); // its slot in the bin keeps it
    ck_assert_uint_eq(of_class().used, 0);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("scavenge");
    TCase *tcase = tcase_create("rounds");
    tcase_add_checked_fixture(tcase, begin, NULL);
    tcase_add_test(tcase, what_lay_idle_from_round_to_round_goes_home);
    tcase_add_test(tcase, one_call_gives_back_eight_mebibytes_at_most);
    tcase_add_test(tcase, what_is_used_in_waves_stays);
    tcase_add_test(tcase, what_a_wave_does_not_reach_goes_home);
    tcase_add_test(tcase, what_was_given_back_in_vain_is_kept_the_next_time);
    tcase_add_test(tcase, what_is_kept_goes_when_the_program_takes_no_more);
    tcase_add_test(tcase, the_highest_pages_go_first);
    tcase_add_test(tcase, what_went_home_can_be_had_again);
    tcase_add_test(tcase, there_are_no_rounds_within_a_period);
    tcase_add_test(tcase, switched_off_it_does_nothing);
    tcase_add_test(tcase, what_the_system_refuses_stays_and_is_tried_again);
    tcase_add_test(tcase, giving_back_stops_when_its_time_is_used_up);
    tcase_add_test(tcase, what_a_call_may_not_spend_is_left_for_the_next);
    tcase_add_test(tcase, every_heap_is_looked_after);
    suite_add_tcase(suite, tcase);
    TCase *quiet = tcase_create("quiet threads");
    tcase_add_checked_fixture(quiet, begin, NULL);
    tcase_add_test(quiet, the_page_cache_of_a_quiet_thread_is_emptied);
    tcase_add_test(quiet, the_page_cache_of_a_busy_thread_is_left_to_it);
    suite_add_tcase(suite, quiet);
    TCase *emptied = tcase_create("emptied");
    tcase_add_checked_fixture(emptied, begin_emptied, end_emptied);
    tcase_add_test(emptied,
                   what_a_quiet_thread_owns_and_others_emptied_goes_home);
    tcase_add_test(emptied, so_does_the_span_that_was_allocated_from);
    tcase_add_test(emptied, a_span_with_an_object_left_stays_its_owners);
    tcase_add_test(emptied, a_thread_that_makes_calls_takes_them_in_itself);
    tcase_add_test(emptied, a_thread_that_makes_calls_is_told_to_take_them_in);
    tcase_add_test(emptied, a_thread_that_is_in_a_call_is_left_alone);
    tcase_add_test(emptied, a_thread_waits_until_its_cache_is_let_go);
    tcase_add_test(emptied, a_free_by_the_owner_is_no_hindrance);
    suite_add_tcase(suite, emptied);
    return mh_test_main(suite);
}
