// late_reports.h - reports of bad frees that wait until no lock is held.
//
// A free that raced another of the same object is found by whoever takes the
// object in, with locks held or in a cache, where the program's handler must
// not run. What is to be told is put here meanwhile: a few places, each taken
// and given up with one atomic store, so that no lock is needed, whichever are
// held. Any thread may put and take.

#ifndef MHEAP_CORE_HEAP_LATE_REPORTS_H
#define MHEAP_CORE_HEAP_LATE_REPORTS_H

#include <stdbool.h>

struct mh_bad_free;

// More than one waits only where two races were lost between a call's beginning
// and its end.
enum { MH_LATE_REPORTS = 8 };

// mh_late_put keeps a copy. False when all places are taken.
bool mh_late_put(const struct mh_bad_free *what);

// mh_late_take hands one out, in no order. False when none is ready.
bool mh_late_take(struct mh_bad_free *out);

// mh_late_forget empties all places. For the child of a fork: the parent tells
// what waited, and who was just putting something is gone.
void mh_late_forget(void);

#endif // MHEAP_CORE_HEAP_LATE_REPORTS_H
