// limit.h - how much memory the library may have Ready.
//
// Counted is every byte that is Ready, for any purpose, but for tables that are
// made Ready whole and of which next to nothing is ever touched
// (mh_sys_alloc_sparse): what the system could be made to keep in memory for
// the library, and so never less than what it does keep.
//
// The hard limit holds here, where memory becomes Ready: a call that would pass
// it is refused, as if the system had. Every caller has an answer to that. The
// claim is made before the system is asked, in one step, so that threads which
// grow at the same time do not pass the limit together.
//
// The soft limit refuses nothing. Those above ask, before they make memory
// Ready, by how much they would pass it, and give something back.

#ifndef MHEAP_CORE_SYS_LIMIT_H
#define MHEAP_CORE_SYS_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/atomic.h"

struct mh_limits {
    uint64_t soft, hard; // (a) bytes; 0: none
    uint64_t counted;    // (a) bytes
    uint64_t sparse;     // (a) Ready bytes that do not count
    uint64_t refusals;   // (a) by the hard limit, ever
};

extern struct mh_limits mh_limits;

// mh_limit_claim counts bytes that are about to become Ready; false when they
// would pass the hard limit, which is then noted. mh_limit_claim_anyway does
// not ask.
bool mh_limit_claim(uint64_t bytes);
void mh_limit_claim_anyway(uint64_t bytes);

// mh_limit_return takes bytes off that are Ready no more, or did not become so.
void mh_limit_return(uint64_t bytes);

// mh_limit_refuse notes that something was not even tried.
void mh_limit_refuse(void);

// mh_limit_over is by how much `more` bytes would pass a limit; 0: none.
static inline uint64_t mh_limit_over(uint64_t limit, uint64_t more) {
    uint64_t counted = MH_LOAD_RELAXED(&mh_limits.counted);
    uint64_t all = counted > UINT64_MAX - more ? UINT64_MAX : counted + more;
    return limit != 0 && all > limit ? all - limit : 0;
}

static inline uint64_t mh_limit_over_soft(uint64_t more) {
    return mh_limit_over(MH_LOAD_RELAXED(&mh_limits.soft), more);
}

static inline uint64_t mh_limit_over_hard(uint64_t more) {
    return mh_limit_over(MH_LOAD_RELAXED(&mh_limits.hard), more);
}

#endif // MHEAP_CORE_SYS_LIMIT_H
