// limit.c - how much memory the library may have Ready.
//
// All accesses are relaxed, as those of the books: the counter orders nothing.

#include "core/sys/limit.h"

#include "core/base/assert.h"

struct mh_limits mh_limits;

bool mh_limit_claim(uint64_t bytes) {
    uint64_t counted = MH_LOAD_RELAXED(&mh_limits.counted);
    do {
        if (bytes > UINT64_MAX - counted) {
            return false; // more than there can be, and the counter would wrap
        }
        uint64_t hard = MH_LOAD_RELAXED(&mh_limits.hard);
        if (hard != 0 && (counted > hard || bytes > hard - counted)) {
            mh_limit_refuse();
            return false;
        }
    } while (!MH_CAS_RELAXED(&mh_limits.counted, &counted, counted + bytes));
    return true;
}

void mh_limit_claim_anyway(uint64_t bytes) {
    MH_ADD_RELAXED(&mh_limits.counted, bytes);
}

void mh_limit_return(uint64_t bytes) {
    uint64_t before = MH_SUB_RELAXED(&mh_limits.counted, bytes);
    MH_CHECK(before >= bytes);
    (void)before;
}

void mh_limit_refuse(void) {
    MH_ADD_RELAXED(&mh_limits.refusals, 1);
}
