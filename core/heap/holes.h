// holes.h - parts of spans in use that are given back to the system.
//
// A few live objects keep a span, and with it all its memory. Of a span that
// nobody is allocating from, the scavenger gives back the system pages in which
// no object lies: they become Prepared, its holes. Before a slot of the span is
// handed out, and before its pages become anything else, the holes are filled:
// Ready again, which costs books on most systems and no memory on any until it
// is touched. A span that ends where the hard limit does not let them be filled
// becomes one hole instead.
//
// Only where system pages are not larger than heap pages: a span then consists
// of whole ones, at most 32.

#ifndef MHEAP_CORE_HEAP_HOLES_H
#define MHEAP_CORE_HEAP_HOLES_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/range.h"
#include "core/heap/span.h"

// mh_span_find_holes is the set of system pages of a small span, bit i for page
// i, in which every slot is free; pages that no slot reaches count. Owner only.
uint32_t mh_span_find_holes(const struct mh_span *span);

// Pages of several spans that are to become holes: the system takes many in the
// time of one. Whoever fills it in owns all the spans until mh_holes_make.
enum { MH_HOLES_AT_ONCE = 64 };
struct mh_holes {
    unsigned n;
    struct mh_range ranges[MH_HOLES_AT_ONCE];
    struct {
        struct mh_span *span;
        uint32_t bits;
    } of[MH_HOLES_AT_ONCE];
};

// mh_holes_add notes such pages of a span, of which nothing may be in use but
// its live objects; when there is no room for them all, those noted so far are
// given back first. Owner only.
void mh_holes_add(struct mh_holes *holes, struct mh_span *span);

// mh_holes_make gives back what was noted, and begins anew. What the system
// refuses stays as it is until more slots of its span have become free.
void mh_holes_make(struct mh_holes *holes);

// mh_span_wants_holes: slots have become free since holes were last made.
static inline bool mh_span_wants_holes(const struct mh_span *span) {
    return span->nfree != span->seen_free;
}

// mh_span_fill_holes_slow makes all holes Ready. False when the system refuses;
// then those that are left are holes still. Owner only. `anyway` is for spans
// of a heap that is being destroyed: all of it is given back next, so the hard
// limit is not asked.
MH_NODISCARD bool mh_span_fill_holes_slow(struct mh_span *span, bool anyway);

MH_NODISCARD static inline bool mh_span_fill_holes(struct mh_span *span) {
    return MH_LIKELY(!span->has_holes) || mh_span_fill_holes_slow(span, false);
}

MH_NODISCARD static inline bool
mh_span_fill_holes_anyway(struct mh_span *span) {
    return MH_LIKELY(!span->has_holes) || mh_span_fill_holes_slow(span, true);
}

// mh_span_can_end makes an idle span either Ready or a hole as a whole, for
// mh_heap_free_span. False when the system refuses both. Owner only.
MH_NODISCARD bool mh_span_can_end_slow(struct mh_span *span);

MH_NODISCARD static inline bool mh_span_can_end(struct mh_span *span) {
    return MH_LIKELY(!span->has_holes) || mh_span_can_end_slow(span);
}

#endif // MHEAP_CORE_HEAP_HOLES_H
