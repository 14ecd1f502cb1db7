// rounds.h - rounds of the scavenger that come when a test says so.
//
// Over the simulated OS, whose clock stands still until it is moved, and in
// which calls do the rounds. In a header, since the other tests link no
// simulator.

#ifndef MHEAP_TESTS_SUPPORT_ROUNDS_H
#define MHEAP_TESTS_SUPPORT_ROUNDS_H

#include <check.h>

#include "core/scav/scavenger.h"
#include "mheap/mheap.h"
#include "platform/sim/sim.h"

#define MH_ROUND_BYTES ((size_t)1 << 20)

static uint64_t now; // what the clock shows

static inline void start_the_clock(void) {
    now = 1000 * MH_SCAV_PERIOD_NS;
    mh_sim_set_clock(now);
}

// A call that frees is what a round comes with.
static inline void make_a_call(void) {
    void *p = mheap_malloc(MH_ROUND_BYTES);
    mheap_free(p);
}

// One round: the next call that frees finds that a period has passed.
static inline void let_a_period_pass(void) {
    uint32_t before = mh_scavenger.rounds;
    now += MH_SCAV_PERIOD_NS;
    mh_sim_set_clock(now);
    make_a_call();
    ck_assert_uint_eq(mh_scavenger.rounds, before + 1);
}

#endif // MHEAP_TESTS_SUPPORT_ROUNDS_H
