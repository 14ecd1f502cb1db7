// late_reports.c - reports of bad frees that wait until no lock is held.

#include "core/heap/late_reports.h"

#include <stdint.h>

#include "core/base/atomic.h"
#include "core/heap/bad_free.h"

// A place is one thread's alone while it is BUSY.
enum { EMPTY, BUSY, READY };

static struct {
    uint32_t state; // (a) one of the three
    struct mh_bad_free what;
} places[MH_LATE_REPORTS];

static bool grab(unsigned i, uint32_t from) {
    return MH_LOAD_RELAXED(&places[i].state) == from &&
           MH_CAS_ACQ_REL(&places[i].state, &from, (uint32_t)BUSY);
}

bool mh_late_put(const struct mh_bad_free *what) {
    for (unsigned i = 0; i < MH_LATE_REPORTS; i++) {
        if (grab(i, EMPTY)) {
            places[i].what = *what;
            MH_STORE_RELEASE(&places[i].state, (uint32_t)READY);
            return true;
        }
    }
    return false;
}

bool mh_late_take(struct mh_bad_free *out) {
    for (unsigned i = 0; i < MH_LATE_REPORTS; i++) {
        if (grab(i, READY)) {
            *out = places[i].what;
            MH_STORE_RELEASE(&places[i].state, (uint32_t)EMPTY);
            return true;
        }
    }
    return false;
}

void mh_late_forget(void) {
    for (unsigned i = 0; i < MH_LATE_REPORTS; i++) {
        MH_STORE_RELAXED(&places[i].state, (uint32_t)EMPTY);
    }
}
