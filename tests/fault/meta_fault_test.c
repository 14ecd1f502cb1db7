// meta_fault_test.c - every OS call of core/meta fails once, in turn, and from
// some call on for good; on each simulated system.
//
// A scenario drives all four modules through their life and treats each failure
// as its callers do: try again. After every step the books must say what the
// simulated system says, and memory handed out before must hold what was
// written.

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "core/meta/fixalloc.h"
#include "core/meta/hints.h"
#include "core/meta/linear.h"
#include "core/meta/persistent.h"
#include "core/sys/sys.h"
#include "platform/sim/sim.h"
#include "tests/support/test_main.h"

#define KIB ((size_t)1024)
#define MIB ((size_t)1 << 20)

enum { MOST_PIECES = 64, MOST_TRIES = 3, MOST_FAULTS = 400 };

// Something that was handed out, and the byte that all of it holds.
struct piece {
    unsigned char *base;
    size_t size;
    unsigned char mark;
};

static struct piece pieces[MOST_PIECES];
static int npieces;
static int nulls; // requests that failed at the first try

static void start_over(int os) {
    mh_sim_become((enum mh_sim_os)os);
    npieces = 0;
    nulls = 0;
}

// The books and the simulated system agree, byte for byte.
static void check_books(void) {
    struct mh_account all = mh_sys_account(MH_NPURPOSES);
    ck_assert_uint_eq(all.reserved, mh_sim_bytes(MH_RESERVED));
    ck_assert_uint_eq(all.prepared, mh_sim_bytes(MH_PREPARED));
    ck_assert_uint_eq(all.ready, mh_sim_bytes(MH_READY));
}

static bool is_filled(const unsigned char *p, size_t size, unsigned char byte) {
    return p[0] == byte && memcmp(p, p + 1, size - 1) == 0;
}

static void check_pieces(void) {
    for (int i = 0; i < npieces; i++) {
        ck_assert(is_filled(pieces[i].base, pieces[i].size, pieces[i].mark));
    }
}

// keep fills what was handed out and remembers it; it must be zero before.
static void keep(void *base, size_t size) {
    unsigned char *p = base;
    ck_assert_int_lt(npieces, MOST_PIECES);
    ck_assert(is_filled(p, size, 0));
    unsigned char mark = (unsigned char)(npieces + 1);
    memset(p, mark, size);
    pieces[npieces++] = (struct piece){p, size, mark};
}

static void settle(void) {
    check_books();
    check_pieces();
}

// One request of each module, as a step: false when it got nothing.

static bool from_persistent(struct mh_persistent *p, size_t size,
                            size_t align) {
    size_t used = p->used_bytes;
    void *base = mh_persistent_alloc(p, size, align);
    if (base == NULL) {
        ck_assert_uint_eq(p->used_bytes, used);
        return false;
    }
    ck_assert_uint_eq((uintptr_t)base % align, 0);
    ck_assert(mh_persistent_owns(p, (uintptr_t)base));
    ck_assert(mh_persistent_owns(p, (uintptr_t)base + size - 1));
    keep(base, size);
    return true;
}

static bool from_fixalloc(struct mh_fixalloc *f, size_t record_size) {
    size_t in_use = f->in_use;
    void *record = mh_fixalloc_alloc(f);
    if (record == NULL) {
        ck_assert_uint_eq(f->in_use, in_use);
        return false;
    }
    keep(record, record_size);
    return true;
}

static bool from_linear(struct mh_linear *l, size_t size) {
    uintptr_t next = l->next;
    void *base = mh_linear_alloc(l, size, 64);
    if (base == NULL) {
        ck_assert_uint_eq(l->next, next);
        return false;
    }
    keep(base, size);
    return true;
}

// TRY runs a step up to MOST_TRIES times. Under a plan that fails one call, the
// second try at the latest succeeds.
#define TRY(ok_out, step)                                                  \
    do {                                                                   \
        (ok_out) = false;                                                  \
        for (int tries_ = 0; tries_ < MOST_TRIES && !(ok_out); tries_++) { \
            (ok_out) = (step);                                             \
            nulls += !(ok_out);                                            \
            settle();                                                      \
        }                                                                  \
    } while (0)

// use_persistent makes requests of all kinds; the number that were served.
static int use_persistent(struct mh_persistent *p) {
    static const size_t sizes[] = {100,       8192,      64 * KIB, 40 * KIB,
                                   30 * KIB,  200 * KIB, 63 * KIB, 63 * KIB,
                                   100 * KIB, 63 * KIB,  63 * KIB, 63 * KIB};
    int served = 0;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        bool ok;
        TRY(ok, from_persistent(p, sizes[i], i % 2 == 0 ? 16 : 8192));
        served += ok;
    }
    return served;
}

static int use_fixalloc(struct mh_persistent *p) {
    struct mh_fixalloc f;
    int served = 0;
    mh_fixalloc_init(&f, 5000, p, MH_FIXALLOC_ZERO, NULL, NULL);
    for (int i = 0; i < 10; i++) {
        bool ok;
        TRY(ok, from_fixalloc(&f, 5000));
        served += ok;
    }
    return served;
}

static int use_linear(void) {
    size_t page = mh_sys_facts()->page_size;
    struct mh_linear l;
    bool ok;
    TRY(ok, mh_linear_init(&l, MIB, MH_FOR_SPANS) == MH_OK);
    if (!ok) {
        ck_assert(!from_linear(&l, 1));
        return 0;
    }
    int first_piece = npieces;
    int served = 0;
    for (size_t i = 0; i < 8; i++) {
        TRY(ok, from_linear(&l, i % 2 == 0 ? page : 100));
        served += ok;
    }
    int kept = npieces;
    npieces = first_piece; // gone after the next step, if it works
    TRY(ok, mh_linear_deinit(&l) == MH_OK);
    if (!ok) {
        npieces = kept; // and there as before if it does not
        settle();
        ck_assert(l.base != 0);
        return served;
    }
    struct mh_account left = mh_sys_account(MH_FOR_SPANS);
    ck_assert_uint_eq(left.reserved + left.prepared + left.ready, 0);
    return served + 1;
}

// A row like the host's own, with arenas small enough for many reservations.
static struct mh_layout small_layout(void) {
    struct mh_layout layout = *mh_layout_own();
    layout.l2_entries <<= layout.arena_shift - 22;
    layout.arena_shift = 22;
    return layout;
}

static bool from_hints(struct mh_hints *h, size_t size, size_t align) {
    struct mh_account before = mh_sys_account(MH_FOR_HEAP);
    uint64_t initial = h->initial_next;
    void *base = mh_hints_reserve(h, size, align, MH_FOR_HEAP);
    struct mh_account after = mh_sys_account(MH_FOR_HEAP);
    ck_assert_uint_le(h->nhints, MH_MAX_HINTS);
    if (base == NULL) {
        return false;
    }
    ck_assert_uint_eq((uintptr_t)base % align, 0);
    ck_assert_int_eq(mh_sim_state_of(base), MH_RESERVED);
    ck_assert_int_eq(mh_sim_state_of((char *)base + size - 1), MH_RESERVED);
    if (h->initial_next == initial) { // else it was booked at the start
        ck_assert_uint_ge(after.reserved - before.reserved, size);
    }
    return true;
}

static int use_hints(void) {
    static struct mh_hints h;
    struct mh_layout layout = small_layout();
    int served = 0;
    bool ok;
    mh_hints_init(&h, &layout);
    h.nhints = 0;
    for (size_t i = 0; i < 6; i++) {
        if (i == 3) {
            h.nhints = 0; // anywhere, once more
        }
        TRY(ok, from_hints(&h, (i % 2 + 1) * 4 * MIB, 4 * MIB));
        served += ok;
    }

    layout.rule = MH_HINTS_ABOVE_PROGRAM;
    mh_hints_init(&h, &layout);
    mh_hints_start(&h, 0x10000000, true, MH_FOR_HEAP);
    settle();
    TRY(ok, from_hints(&h, 4 * MIB, 4 * MIB));
    return served + ok;
}

enum {
    PERSISTENT_STEPS = 12,
    FIXALLOC_STEPS = 10,
    LINEAR_STEPS = 9,
    HINTS_STEPS = 7,
    ALL_STEPS = PERSISTENT_STEPS + FIXALLOC_STEPS + LINEAR_STEPS + HINTS_STEPS
};

// scenario returns how many of ALL_STEPS were served in the end.
static int scenario(void) {
    static struct mh_persistent p;
    mh_persistent_init(&p, MH_FOR_OTHER);
    int served = use_persistent(&p);
    served += use_fixalloc(&p);
    served += use_linear();
    return served + use_hints();
}

START_TEST(without_failures_every_step_is_served_at_once) {
    start_over(_i);

    ck_assert_int_eq(scenario(), ALL_STEPS);
    ck_assert_int_eq(nulls, 0);
    ck_assert_uint_eq(mh_sim_failures(MH_SIM_NCALLS), 0);
}
END_TEST

// calls_of_a_run is how many calls the scenario makes; in a run of its own.
static uint64_t calls_of_a_run(int os) {
    start_over(os);
    uint64_t before = mh_sim_calls(MH_SIM_NCALLS);
    scenario();
    return mh_sim_calls(MH_SIM_NCALLS) - before;
}

// One test per call that may fail: number _i / MH_SIM_NOS + 1, on system
// _i % MH_SIM_NOS. Numbers beyond the last call make no call fail.
START_TEST(any_one_call_may_fail_and_a_second_try_succeeds) {
    start_over(_i % MH_SIM_NOS);
    mh_sim_fail_nth((uint64_t)(_i / MH_SIM_NOS) + 1);

    ck_assert_int_eq(scenario(), ALL_STEPS);
    ck_assert_int_le(nulls, 1);
    ck_assert_uint_le(mh_sim_failures(MH_SIM_NCALLS), 1);
}
END_TEST

START_TEST(the_system_may_refuse_everything_from_any_call_on) {
    start_over(_i % MH_SIM_NOS);
    mh_sim_fail_from((uint64_t)(_i / MH_SIM_NOS) + 1);

    int served = scenario();
    ck_assert_int_le(served, ALL_STEPS);
    if (_i / MH_SIM_NOS == 0) {
        ck_assert_int_eq(served, 0);
    }
}
END_TEST

START_TEST(the_planned_failures_cover_every_call) {
    uint64_t calls = calls_of_a_run(_i);

    ck_assert_uint_gt(calls, 20);
    ck_assert_uint_lt(calls, MOST_FAULTS / MH_SIM_NOS);
}
END_TEST

START_TEST(random_failures_leave_the_books_right) {
    start_over(_i % MH_SIM_NOS);
    mh_sim_set_seed((uint64_t)_i);
    mh_sim_fail_rate(300);

    scenario();
    mh_sim_fail_nothing();
    settle();
}
END_TEST

START_TEST(each_kind_of_call_may_be_refused_for_good) {
    static const unsigned kinds[] = {MH_OP_alloc, MH_OP_reserve, MH_OP_map,
                                     MH_OP_used, MH_OP_free};
    start_over(_i % MH_SIM_NOS);
    mh_sim_fail_kind(kinds[_i / MH_SIM_NOS], true);

    ck_assert_int_lt(scenario(), ALL_STEPS + 1);
    settle();
}
END_TEST

// A chunk is refused, but the little that the request needs is not.
START_TEST(when_a_chunk_is_refused_just_enough_is_asked_for) {
    struct mh_persistent p;
    start_over(_i);
    size_t page = mh_sys_facts()->page_size;
    mh_persistent_init(&p, MH_FOR_OTHER);
    mh_sim_limit_commit(3 * page);

    ck_assert(from_persistent(&p, 1000, 16));
    ck_assert_uint_eq(p.mapped_bytes, page);
    ck_assert(from_persistent(&p, page, 16)); // a chunk of its own again
    ck_assert(from_persistent(&p, 500, 16));  // and the first is not forgotten
    ck_assert_uint_le(p.mapped_bytes, 3 * page);
    ck_assert(!from_persistent(&p, 3 * page, 16));
    settle();
}
END_TEST

START_TEST(just_enough_is_enough_for_the_alignment_too) {
    struct mh_persistent p;
    start_over(_i);
    size_t page = mh_sys_facts()->page_size;
    mh_persistent_init(&p, MH_FOR_OTHER);
    mh_sim_limit_commit(page > 48 * KIB ? page : 48 * KIB);

    ck_assert(from_persistent(&p, 24480, 8192));
    settle();
}
END_TEST

START_TEST(records_come_from_the_rest_of_a_chunk_when_no_other_can_be_had) {
    struct mh_persistent p;
    struct mh_fixalloc f;
    start_over(_i);
    mh_persistent_init(&p, MH_FOR_OTHER);
    mh_fixalloc_init(&f, 5000, &p, MH_FIXALLOC_KEEP, NULL, NULL);
    ck_assert(from_persistent(&p, 52 * KIB, 16)); // leaves 12 KiB
    mh_sim_limit_commit((size_t)mh_sim_bytes(MH_READY));

    ck_assert(from_fixalloc(&f, 5000));
    ck_assert(from_fixalloc(&f, 5000));
    ck_assert(!from_fixalloc(&f, 5000));
    mh_sim_limit_commit(0);
    ck_assert(from_fixalloc(&f, 5000));
    settle();
}
END_TEST

START_TEST(a_small_chunk_does_not_displace_a_larger_rest) {
    struct mh_persistent p;
    start_over(_i);
    mh_persistent_init(&p, MH_FOR_OTHER);
    ck_assert(from_persistent(&p, 20 * KIB, 16)); // leaves 44 KiB
    mh_sim_limit_commit(64 * KIB + 64 * KIB);
    ck_assert(from_persistent(&p, 50 * KIB, 16)); // does not fit there
    size_t mapped = p.mapped_bytes;

    ck_assert(from_persistent(&p, 40 * KIB, 16));
    ck_assert_uint_eq(p.mapped_bytes, mapped);
}
END_TEST

START_TEST(a_refused_large_request_leaves_its_record_for_the_next) {
    struct mh_persistent p;
    start_over(_i);
    mh_persistent_init(&p, MH_FOR_OTHER);
    ck_assert(from_persistent(&p, 16, 16));
    uintptr_t next = 0;
    for (int i = 0; i < 100; i++) {
        mh_sim_fail_nth(1);
        ck_assert(!from_persistent(&p, 100 * KIB, 16));
        ck_assert(next == 0 || p.room.next == next);
        next = p.room.next;
    }
    ck_assert(from_persistent(&p, 100 * KIB, 16));
    ck_assert_uint_eq(p.room.next, next);
}
END_TEST

START_TEST(a_linear_region_goes_on_after_used_failed) {
    struct mh_linear l;
    start_over(_i);
    size_t page = mh_sys_facts()->page_size;
    ck_assert_int_eq(mh_linear_init(&l, MIB, MH_FOR_SPANS), MH_OK);
    mh_sim_fail_kind(MH_OP_used, true);
    ck_assert(!from_linear(&l, 1));
    ck_assert(!from_linear(&l, 3 * page));
    ck_assert_uint_eq(mh_sim_bytes(MH_PREPARED), 3 * page);
    mh_sim_fail_nothing();

    ck_assert(from_linear(&l, 1));
    ck_assert_uint_eq(mh_sim_bytes(MH_READY), page);
    ck_assert_uint_eq(mh_sim_bytes(MH_PREPARED), 2 * page);
    npieces = 0;
    ck_assert_int_eq(mh_linear_deinit(&l), MH_OK);
    settle();
    ck_assert_uint_eq(mh_sim_bytes(MH_RESERVED), 0);
}
END_TEST

static void add_on_each_system(TCase *tcase, const TTest *test, int times) {
    tcase_add_loop_test(tcase, test, 0, times * MH_SIM_NOS);
}

static Suite *meta_fault_suite(void) {
    Suite *suite = suite_create("meta_fault");

    TCase *turns = tcase_create("in turn");
    add_on_each_system(turns, without_failures_every_step_is_served_at_once, 1);
    add_on_each_system(turns, the_planned_failures_cover_every_call, 1);
    tcase_add_loop_test(turns, any_one_call_may_fail_and_a_second_try_succeeds,
                        0, MOST_FAULTS);
    tcase_add_loop_test(turns,
                        the_system_may_refuse_everything_from_any_call_on, 0,
                        MOST_FAULTS);
    add_on_each_system(turns, random_failures_leave_the_books_right, 20);
    add_on_each_system(turns, each_kind_of_call_may_be_refused_for_good, 5);
    suite_add_tcase(suite, turns);

    TCase *cases = tcase_create("cases");
    add_on_each_system(cases, when_a_chunk_is_refused_just_enough_is_asked_for,
                       1);
    add_on_each_system(cases, just_enough_is_enough_for_the_alignment_too, 1);
    add_on_each_system(
        cases, records_come_from_the_rest_of_a_chunk_when_no_other_can_be_had,
        1);
    add_on_each_system(cases, a_small_chunk_does_not_displace_a_larger_rest, 1);
    add_on_each_system(
        cases, a_refused_large_request_leaves_its_record_for_the_next, 1);
    add_on_each_system(cases, a_linear_region_goes_on_after_used_failed, 1);
    suite_add_tcase(suite, cases);
    return suite;
}

int main(void) {
    return mh_test_main(meta_fault_suite());
}
