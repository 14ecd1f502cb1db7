// pacer.h - how much time giving memory back may take.
//
// A bucket of time: it fills by a hundredth of what passes and holds a tenth of
// a second, enough to give a gigabyte back at once after a quiet time. Whoever
// gives back takes from it what the system calls took, and stops while it is
// empty. Pure but for its own fields; the caller has a lock.

#ifndef MHEAP_CORE_SCAV_PACER_H
#define MHEAP_CORE_SCAV_PACER_H

#include <stdbool.h>
#include <stdint.h>

enum { MH_PACER_SHARE = 100 };                  // one part in so many
#define MH_PACER_BURST_NS (UINT64_C(100) << 20) // about 100 ms

struct mh_pacer {
    uint64_t now_ns;  // up to when it was filled
    uint64_t left_ns; // may be spent
};

// mh_pacer_start makes a full bucket.
void mh_pacer_start(struct mh_pacer *pacer, uint64_t now_ns);

// mh_pacer_fill adds what has come in until now; a clock that went back adds
// nothing.
void mh_pacer_fill(struct mh_pacer *pacer, uint64_t now_ns);

// mh_pacer_spend takes what a piece of work took, even where that is more than
// there was: then the bucket is empty.
void mh_pacer_spend(struct mh_pacer *pacer, uint64_t ns);

static inline bool mh_pacer_allows(const struct mh_pacer *pacer) {
    return pacer->left_ns != 0;
}

#endif // MHEAP_CORE_SCAV_PACER_H
