// scavenger.c - who gives free memory back, and when.

#include "core/scav/scavenger.h"

#include <stddef.h>

#include "core/base/atomic.h"
#include "core/sys/thread.h"

// What a call does on its way, at most.
#define BYTES_PER_CALL (UINT64_C(8) << 20)
#define NS_PER_CALL    (UINT64_C(2) << 20) // about 2 ms

enum { STACK_BYTES = 64 << 10 };

struct mh_scavenger mh_scavenger = {
    .lock = MH_LOCK_INIT(MH_RANK_SCAVENGER),
    .period_ns = MH_SCAV_PERIOD_NS,
};

static const struct mh_scav_work *work_of(const struct mh_scavenger *scav) {
    return MH_LOAD_ACQUIRE(&scav->work);
}

// Lets a round have no more than `most` of what there is to spend.
static bool spend_on_round(struct mh_pacer *pacer, uint64_t most_bytes,
                           uint64_t most_ns) {
    uint64_t kept = pacer->left_ns > most_ns ? pacer->left_ns - most_ns : 0;
    pacer->left_ns -= kept;
    bool more = work_of(&mh_scavenger)->round(pacer, most_bytes);
    pacer->left_ns += kept;
    return more;
}

static bool do_round(uint64_t most_bytes, uint64_t most_ns) {
    struct mh_scavenger *scav = &mh_scavenger;
    mh_lock(&scav->lock);
    // seq_cst: what was noted before this is found by the round.
    __atomic_fetch_and(&scav->notes, ~(uint32_t)MH_SCAV_IDLE, __ATOMIC_SEQ_CST);
    uint64_t now = mh_thread_now_ns();
    if (scav->pacer.now_ns == 0) {
        mh_pacer_start(&scav->pacer, now);
    }
    mh_pacer_fill(&scav->pacer, now);
    // What threads did before the note was cleared is seen by the round, also
    // what they had not yet made visible. Where the system has no such barrier
    // a note may come to nothing; the next does not.
    (void)mh_thread_barrier();
    bool more = spend_on_round(&scav->pacer, most_bytes, most_ns);
    mh_unlock(&scav->lock);
    MH_ADD_RELAXED(&scav->rounds, 1);
    return more;
}

// Sleeps for a period, or until the process forks away from under this thread,
// which is no business of its own.
static void rest(void) {
    uint64_t end = mh_thread_now_ns() + mh_scavenger.period_ns;
    for (uint64_t now = mh_thread_now_ns(); now < end;
         now = mh_thread_now_ns()) {
        mh_thread_wait_for(&mh_scavenger.state, MH_SCAV_AWAKE, end - now);
    }
}

static bool has_idle_note(void) {
    uint32_t notes = __atomic_load_n(&mh_scavenger.notes, __ATOMIC_SEQ_CST);
    return (notes & MH_SCAV_IDLE) != 0;
}

// Sleeps until somebody pokes, unless there is something to do already.
static void sleep_until_poked(void) {
    struct mh_scavenger *scav = &mh_scavenger;
    // seq_cst: who makes a note looks at the state afterwards, and here the
    // notes are looked at after the state is set, so one of the two sees the
    // other. What `waits` looks at is written and read under locks.
    __atomic_store_n(&scav->state, (uint32_t)MH_SCAV_ASLEEP, __ATOMIC_SEQ_CST);
    if (has_idle_note() || work_of(scav)->waits()) {
        MH_STORE_RELEASE(&scav->state, (uint32_t)MH_SCAV_AWAKE);
    }
    while (MH_LOAD_ACQUIRE(&scav->state) == MH_SCAV_ASLEEP) {
        mh_thread_wait_for(&scav->state, MH_SCAV_ASLEEP, UINT64_MAX);
    }
}

static void scavenge_for_ever(void *arg) {
    (void)arg;
    MH_STORE_RELEASE(&mh_scavenger.state, (uint32_t)MH_SCAV_AWAKE);
    for (;;) {
        rest();
        if (!do_round(UINT64_MAX, UINT64_MAX)) {
            sleep_until_poked();
        }
    }
}

static void start(void) {
    uint32_t none = MH_SCAV_NONE;
    if (MH_CAS_ACQ_REL(&mh_scavenger.state, &none,
                       (uint32_t)MH_SCAV_STARTING) &&
        mh_thread_start(scavenge_for_ever, NULL, STACK_BYTES) != MH_OK) {
        MH_STORE_RELEASE(&mh_scavenger.state, (uint32_t)MH_SCAV_FAILED);
    }
}

static void wake(void) {
    uint32_t asleep = MH_SCAV_ASLEEP;
    if (MH_CAS_ACQ_REL(&mh_scavenger.state, &asleep, (uint32_t)MH_SCAV_AWAKE)) {
        mh_thread_wake(&mh_scavenger.state);
    }
}

// One call at a time, and none within a period of the last: then the note is
// dropped, for the next pages that become free to make again.
static void round_by_call(void) {
    uint64_t now = mh_thread_now_ns();
    uint64_t next = MH_LOAD_RELAXED(&mh_scavenger.next_ns);
    if (now >= next && MH_CAS_ACQ_REL(&mh_scavenger.next_ns, &next,
                                      now + mh_scavenger.period_ns)) {
        (void)do_round(BYTES_PER_CALL, NS_PER_CALL);
    } else {
        MH_AND_RELEASE(&mh_scavenger.notes, ~(uint32_t)MH_SCAV_IDLE);
    }
}

void mh_scav_poke(enum mh_scav_mode mode, const struct mh_scav_work *work,
                  bool takes) {
    struct mh_scavenger *scav = &mh_scavenger;
    uint32_t notes = MH_LOAD_RELAXED(&scav->notes);
    uint32_t state = __atomic_load_n(&scav->state, __ATOMIC_SEQ_CST);
    // release: pairs with the acquire in work_of.
    if (MH_LOAD_RELAXED(&scav->work) != work) {
        MH_STORE_RELEASE(&scav->work, work);
    }
    bool idle = (notes & MH_SCAV_IDLE) != 0;
    if ((notes & MH_SCAV_LARGE) != 0 && takes) {
        MH_AND_RELEASE(&scav->notes, ~(uint32_t)MH_SCAV_LARGE);
        if (state == MH_SCAV_NONE) {
            start();
            return;
        }
    }
    if (state == MH_SCAV_ASLEEP && idle) {
        wake();
    } else if (mode != MH_SCAV_OFF && idle &&
               (state == MH_SCAV_NONE || state == MH_SCAV_FAILED)) {
        round_by_call();
    }
}

void mh_scav_child(void) {
    mh_scavenger.state = MH_SCAV_NONE;
    mh_scavenger.next_ns = 0;
    mh_scavenger.notes = 0;
}
