// scavenger.h - who gives free memory back, and when.
//
// In rounds, 400 ms apart. What has been free and not given back all through
// the time between two rounds is given back in the second: memory that a
// program uses in waves stays, that of a program that has gone idle is gone
// after two rounds. What a round is to do the heap says (mh_scav_work).
//
// A thread makes the rounds where the option asks for it. It is started by a
// call that takes memory, when a heap has grown large, never by one that frees:
// starting allocates, and would take what was just freed, so that a second free
// of it would be a good one; and the C library frees with locks held that
// starting takes. It sleeps for good while nothing lies idle, and failing to
// start it is no error. Without it, calls that free make short rounds.
//
//   NONE ----> STARTING ----> AWAKE <----> ASLEEP
//                  |
//                  +----> FAILED, from then on calls do it
//
// What leaves memory idle, deep in some call and with locks held, makes a note;
// the call pokes on its way out, when it holds none: it starts the thread,
// wakes it, or does a round. The thread goes to sleep only after it has looked
// once more, so that no note is lost.

#ifndef MHEAP_CORE_SCAV_SCAVENGER_H
#define MHEAP_CORE_SCAV_SCAVENGER_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/atomic.h"
#include "core/scav/pacer.h"
#include "core/sys/lock.h"

enum mh_scav_mode {
    MH_SCAV_OFF,    // only when asked (mheap_release, malloc_trim)
    MH_SCAV_CALLS,  // by calls that free pages
    MH_SCAV_THREAD, // by a thread
};

enum mh_scav_state {
    MH_SCAV_NONE,
    MH_SCAV_STARTING,
    MH_SCAV_AWAKE,
    MH_SCAV_ASLEEP,
    MH_SCAV_FAILED,
};

#define MH_SCAV_PERIOD_NS (UINT64_C(400) * 1000 * 1000)

// What there is to do, told by the layer above.
struct mh_scav_work {
    // Does a round: at most `most` bytes, and as long as the pacer allows. The
    // result says whether another round may find something.
    bool (*round)(struct mh_pacer *pacer, uint64_t most);
    // Whether a round may find something.
    bool (*waits)(void);
};

enum mh_scav_note {
    MH_SCAV_IDLE = 1,  // memory lies idle
    MH_SCAV_LARGE = 2, // a heap is large enough for a thread
    MH_SCAV_SHORT = 4, // a limit is passed, by what other heaps and caches hold
    MH_SCAV_UNTOLD = 8, // of a bad free, of which the handler is to be told
    // What does not wait for a thread.
    MH_SCAV_URGENT = MH_SCAV_SHORT | MH_SCAV_UNTOLD,
};

struct mh_scavenger {
    struct mh_lock lock;   // rank MH_RANK_SCAVENGER: rounds, fork, destroying
    uint64_t period_ns;    // (c) between rounds; shorter in tests
    struct mh_pacer pacer; // (l)
    uint64_t next_ns;      // (a) when calls may do the next round
    uint32_t notes;        // (a) set of enum mh_scav_note
    uint32_t state;        // (a) enum mh_scav_state
    uint32_t rounds;       // (a) done so far, modulo 2^32
    const struct mh_scav_work *work; // (a) set by the first poke
};

extern struct mh_scavenger mh_scavenger;

// mh_scav_take_note is for the next poke. Whoever holds locks may call it.
static inline void mh_scav_take_note(enum mh_scav_note note) {
    uint32_t notes = MH_LOAD_RELAXED(&mh_scavenger.notes);
    if ((notes & (uint32_t)note) == 0) {
        // seq_cst: see sleep_until_poked.
        __atomic_fetch_or(&mh_scavenger.notes, (uint32_t)note,
                          __ATOMIC_SEQ_CST);
    }
}

// mh_scav_wants_poke: there are notes, and no thread that sees them by itself,
// or some that a thread does not see to.
static inline bool mh_scav_wants_poke(void) {
    uint32_t notes = MH_LOAD_RELAXED(&mh_scavenger.notes);
    return notes != 0 &&
           ((notes & MH_SCAV_URGENT) != 0 ||
            MH_LOAD_RELAXED(&mh_scavenger.state) != MH_SCAV_AWAKE);
}

// mh_scav_poke does what the notes ask for. takes: the caller is on its way out
// of a call that allocates, and may start the thread. The caller holds no lock.
void mh_scav_poke(enum mh_scav_mode mode, const struct mh_scav_work *work,
                  bool takes);

// mh_scav_child forgets the thread, which a child of a fork has not.
void mh_scav_child(void);

#endif // MHEAP_CORE_SCAV_SCAVENGER_H
