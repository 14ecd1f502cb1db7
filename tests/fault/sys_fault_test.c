// sys_fault_test.c - every call to the system fails in turn, and by chance: the
// books stay right, the memory stays what the books say, and nothing is lost.

#include <errno.h>
#include <string.h>

#include "core/base/assert.h"
#include "core/sys/account.h"
#include "core/sys/region.h"
#include "core/sys/sys.h"
#include "platform/sim/sim.h"
#include "tests/support/expect.h"
#include "tests/support/test_main.h"

static size_t page;    // bytes
static size_t granule; // bytes

static void find_facts(void) {
    page = mh_sys_facts()->page_size;
    granule = mh_sys_facts()->reserve_align;
}

// The shadow's own memory is no part of the books, and comes in megabytes.
static void expect_agreement(void) {
    struct mh_account all = mh_sys_account(MH_NPURPOSES);

    mh_account_check();
    ck_assert_uint_eq(mh_sim_bytes(MH_RESERVED), all.reserved);
    ck_assert_uint_eq(mh_sim_bytes(MH_PREPARED), all.prepared);
    if (MH_DEBUG_LEVEL < 2) {
        ck_assert_uint_eq(mh_sim_bytes(MH_READY), all.ready);
    }
}

static void expect_nothing_left(void) {
    struct mh_account all = mh_sys_account(MH_NPURPOSES);

    expect_agreement();
    ck_assert_uint_eq(all.reserved + all.prepared + all.ready, 0);
}

// A range that grows and is given up: each move once. It stops at the first
// failure, undoes what it did with calls that work, and reports whether it got
// through.
struct life {
    char *base;
    size_t size;
    struct mh_split split;
};

static bool step(struct life *life, enum mh_sys_op op) {
    struct mh_split *split = &life->split;
    size_t size = life->size;
    enum mh_status status = MH_OK;

    switch (op) {
    case MH_OP_reserve:
        life->base = mh_sys_reserve(NULL, size, MH_FOR_HEAP);
        split->reserved = life->base == NULL ? 0 : size;
        return life->base != NULL;
    case MH_OP_map:
        status = mh_sys_map(life->base, size, MH_FOR_HEAP);
        break;
    case MH_OP_used:
        status = mh_sys_used(life->base, size, split->prepared, MH_FOR_HEAP);
        break;
    case MH_OP_unused:
        status = mh_sys_unused(life->base, size, MH_FOR_HEAP);
        break;
    case MH_OP_fault:
        status = mh_sys_fault(life->base, size, *split, MH_FOR_HEAP);
        break;
    case MH_OP_free:
        status = mh_sys_free(life->base, size, *split, MH_FOR_HEAP);
        break;
    default:
        ck_abort_msg("no such step");
    }
    if (status == MH_OK) {
        enum mh_state to = mh_rules[op].to;
        *split = (struct mh_split){to == MH_RESERVED ? size : 0,
                                   to == MH_PREPARED ? size : 0,
                                   to == MH_READY ? size : 0};
    }
    return status == MH_OK;
}

static const enum mh_sys_op path[] = {
    MH_OP_reserve, MH_OP_map, MH_OP_used, MH_OP_unused, MH_OP_used,
    MH_OP_fault,   MH_OP_map, MH_OP_used, MH_OP_free,
};
enum { NSTEPS = sizeof(path) / sizeof(path[0]) };

START_TEST(a_step_that_fails_can_be_taken_again) {
    struct life life = {NULL, 8 * granule, {0, 0, 0}};

    for (int i = 0; i < NSTEPS; i++) {
        if (i == _i) {
            mh_sim_fail_nth(1);
            errno = 1234;
            ck_assert(!step(&life, path[i]));
            ck_assert_int_eq(errno, 1234);
            expect_agreement();
            if (life.split.ready > 0) {
                memset(life.base, 1, life.size); // as the books say
            }
        }
        ck_assert(step(&life, path[i]));
        expect_agreement();
    }
    expect_nothing_left();
    ck_assert_uint_eq(mh_sys_account(MH_FOR_HEAP).failures, 1);
}
END_TEST

START_TEST(what_was_reached_before_a_failure_can_be_freed) {
    struct life life = {NULL, 8 * granule, {0, 0, 0}};

    for (int i = 0; i < _i; i++) {
        ck_assert(step(&life, path[i]));
    }
    mh_sim_fail_nth(1);
    ck_assert(!step(&life, path[_i]));
    if (life.base != NULL) {
        ck_assert(step(&life, MH_OP_free));
    }
    expect_nothing_left();
}
END_TEST

// reserve_and_try reserves at an alignment while the n-th call fails, and says
// whether a call failed at all: then there is a larger n to try.
static bool aligned_with_failure(uint64_t n, size_t size, size_t align) {
    uint64_t failures = mh_sim_failures(MH_SIM_NCALLS);

    mh_sim_fail_nth(n);
    char *base = mh_sys_reserve_aligned(size, align, MH_FOR_HEAP);
    mh_sim_fail_nothing();
    expect_agreement();
    if (base != NULL) {
        struct mh_split was = {.reserved = size};
        ck_assert_uint_eq((uintptr_t)base % align, 0);
        ck_assert_int_eq(mh_sys_free(base, size, was, MH_FOR_HEAP), MH_OK);
    }
    return mh_sim_failures(MH_SIM_NCALLS) > failures;
}

START_TEST(an_aligned_reservation_survives_the_failure_of_each_call) {
    uint64_t n = 1;

    // Which places are free changes from try to try, and with them the number
    // of calls, so each n has several.
    while (n < 20) {
        bool failed = false;
        for (int i = 0; i < 4; i++) {
            failed |= aligned_with_failure(n, 4 * granule, 64 * granule);
        }
        if (!failed) {
            break;
        }
        n++;
    }
    ck_assert_uint_ge(n, 3);
    // On a system that takes no part of a reservation back, a padded one whose
    // release fails stays, on the books and in the page table alike.
    if (mh_sys_facts()->partial_free) {
        expect_nothing_left();
    }
}
END_TEST

START_TEST(when_nothing_can_be_freed_it_stays_on_the_books) {
    mh_sim_fail_kind(MH_OP_free, true);
    for (int i = 0; i < 10; i++) {
        (void)mh_sys_reserve_aligned(4 * granule, 64 * granule, MH_FOR_HEAP);
        expect_agreement();
    }
    ck_assert_uint_gt(mh_sys_account(MH_FOR_HEAP).reserved, 0);
}
END_TEST

// A place that is always taken by the time it is asked for again.
START_TEST(an_aligned_reservation_gives_up_when_hints_come_to_nothing) {
    mh_sim_refuse_hints(true);
    uint64_t before = mh_sim_calls(MH_OP_reserve);
    char *base = mh_sys_reserve_aligned(granule, 4096 * granule, MH_FOR_HEAP);
    if (mh_sys_facts()->partial_free) {
        ck_assert_ptr_nonnull(base);
    } else if (base == NULL) {
        ck_assert_uint_ge(mh_sim_calls(MH_OP_reserve) - before, 100);
        expect_nothing_left();
    } else {
        ck_assert_uint_eq((uintptr_t)base % (4096 * granule), 0);
    }
}
END_TEST

START_TEST(no_space_is_a_value_from_every_way_to_ask) {
    mh_sim_limit_space(2 * granule);
    ck_assert_ptr_null(mh_sys_alloc(4 * granule, MH_FOR_OTHER));
    ck_assert_ptr_null(mh_sys_reserve(NULL, 4 * granule, MH_FOR_OTHER));
    ck_assert_ptr_null(
        mh_sys_reserve_aligned(granule, 64 * granule, MH_FOR_OTHER));
    ck_assert_ptr_null(mh_sys_map_shared(-1, page));
    ck_assert_uint_ge(mh_sys_account(MH_FOR_OTHER).failures, 4);
    expect_nothing_left();
}
END_TEST

START_TEST(commit_that_runs_out_leaves_memory_prepared) {
    struct life life = {NULL, 8 * granule, {0, 0, 0}};

    ck_assert(step(&life, MH_OP_reserve));
    ck_assert(step(&life, MH_OP_map));
    mh_sim_limit_commit(granule);
    ck_assert_int_eq(mh_sys_used(life.base, life.size, life.size, MH_FOR_HEAP),
                     MH_NO_MEMORY);
    ck_assert_uint_eq(mh_sys_account(MH_FOR_HEAP).prepared, life.size);
    mh_sim_limit_commit(0);
    ck_assert(step(&life, MH_OP_used));
    memset(life.base, 1, life.size);
    expect_agreement();
}
END_TEST

// Lives side by side, one call in four failing: whatever comes of a step, the
// next is chosen from what the books say.
START_TEST(chance_failures_never_part_books_and_memory) {
    enum { NLIVES = 8, ROUNDS = 4000 };
    struct life lives[NLIVES] = {{NULL, 0, {0, 0, 0}}};
    uint64_t seed = (uint64_t)_i + 1;

    mh_sim_set_seed(seed);
    mh_sim_fail_rate(250);
    for (int i = 0; i < ROUNDS; i++) {
        seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
        struct life *life = &lives[(seed >> 40) % NLIVES];
        enum mh_sys_op op = (enum mh_sys_op)((seed >> 33) % MH_NOPS);
        struct mh_split *split = &life->split;
        unsigned has = (split->reserved > 0 ? MH_IN(MH_RESERVED) : 0) |
                       (split->prepared > 0 ? MH_IN(MH_PREPARED) : 0) |
                       (split->ready > 0 ? MH_IN(MH_READY) : 0);
        if (has == 0) {
            life->size = (1 + (size_t)(seed >> 50) % 8) * granule;
            (void)step(life, MH_OP_reserve);
        } else if ((mh_rules[op].from & has) != 0) {
            (void)step(life, op);
        }
        if (split->ready > 0) {
            memset(life->base, 1, life->size);
        }
        expect_agreement();
    }
    mh_sim_fail_nothing();
    for (int i = 0; i < NLIVES; i++) {
        struct mh_split none = {0, 0, 0};
        if (memcmp(&lives[i].split, &none, sizeof(none)) != 0) {
            ck_assert(step(&lives[i], MH_OP_free));
        }
    }
    expect_nothing_left();
    ck_assert_uint_gt(mh_sys_account(MH_FOR_HEAP).failures, ROUNDS / 20);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("sys_fault");

    TCase *each = tcase_create("each");
    tcase_add_checked_fixture(each, find_facts, NULL);
    tcase_add_loop_test(each, a_step_that_fails_can_be_taken_again, 0, NSTEPS);
    tcase_add_loop_test(each, what_was_reached_before_a_failure_can_be_freed, 0,
                        NSTEPS);
    tcase_add_test(each,
                   an_aligned_reservation_survives_the_failure_of_each_call);
    tcase_add_test(each, when_nothing_can_be_freed_it_stays_on_the_books);
    tcase_add_test(each,
                   an_aligned_reservation_gives_up_when_hints_come_to_nothing);
    suite_add_tcase(suite, each);

    TCase *limits = tcase_create("limits");
    tcase_add_checked_fixture(limits, find_facts, NULL);
    tcase_add_test(limits, no_space_is_a_value_from_every_way_to_ask);
    tcase_add_test(limits, commit_that_runs_out_leaves_memory_prepared);
    suite_add_tcase(suite, limits);

    TCase *chance = tcase_create("chance");
    tcase_add_checked_fixture(chance, find_facts, NULL);
    tcase_add_loop_test(chance, chance_failures_never_part_books_and_memory, 0,
                        4);
    suite_add_tcase(suite, chance);
    return mh_test_main(suite);
}
