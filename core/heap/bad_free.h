// bad_free.h - what happens when something is freed that is no live object.
//
// The callers have found out that a pointer must not be freed; this finds out
// what it is, tells, and does what the process asked for.

#ifndef MHEAP_CORE_HEAP_BAD_FREE_H
#define MHEAP_CORE_HEAP_BAD_FREE_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/attr.h"

// In the order of enum mheap_bad_free_kind of the public header.
enum mh_bad_free_kind {
    MH_BAD_DOUBLE,
    MH_BAD_INTERIOR,
    MH_BAD_MISALIGNED,
    MH_BAD_FREE_PAGE,
    MH_BAD_STACK,
    MH_BAD_WILD,
    MH_BAD_SIZE,
    MH_BAD_MANUAL,
    MH_BAD_OVERFLOW, // these two are no frees, see mh_bad_write
    MH_BAD_STALE_WRITE,
    MH_NBAD_FREES,
};

struct mh_bad_free {
    uint32_t kind; // enum mh_bad_free_kind
    const void *address;
    const void *object;
    const void *span;
    size_t slot_size;
    size_t given_size;
    const char *function;
};

enum mh_on_bad_free {
    MH_ON_BAD_FREE_ABORT,
    MH_ON_BAD_FREE_COUNT,
    MH_ON_BAD_FREE_WARN,
};

// mh_bad_free reports the free of p by a function of that name and, when the
// process wants to go on, returns. given_size is SIZE_MAX unless the size was
// wrong. No lock is held.
MH_COLD void mh_bad_free(const void *p, const char *function,
                         size_t given_size);

// mh_bad_write reports in the same way that somebody wrote behind the object of
// a slot, or to a slot that was free; a call of that name has found out.
MH_COLD void mh_bad_write(enum mh_bad_free_kind kind, uintptr_t slot,
                          const char *function);

// mh_bad_free_late counts a double free that raced the check at the call and
// was found when its span was drained. Locks may be held: a handler is told
// later, by the next call that is on its way out (mh_heap_poke_freeing).
// Without one the process is told at once, and ends if it is to.
MH_COLD void mh_bad_free_late(const void *p);

// mh_bad_free_tell_late tells the handler of those. At the end of calls, with
// no lock held. Keeps errno.
void mh_bad_free_tell_late(void);

// mh_bad_free_name is the kind in words.
const char *mh_bad_free_name(unsigned kind);

// mh_bad_free_count is how many there were.
uint64_t mh_bad_free_count(void);

// mh_bad_free_set_handler sets the handler; NULL for none.
void mh_bad_free_set_handler(void (*handler)(const struct mh_bad_free *what,
                                             void *context),
                             void *context);

#endif // MHEAP_CORE_HEAP_BAD_FREE_H
