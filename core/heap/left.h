// left.h - full spans that threads left behind which vanished in a fork.
//
// In the child, spans whose owner vanished get none, so that their free slots
// can be used and their frees are told to somebody. That writes to the record
// and the page words of each, and the first write to a page there copies it:
// with many spans a child would wait for that before its first call. A span
// that is full, and that nobody was doing anything with, stays as it is: its
// owner is a record that no thread has (MH_CACHE_FREE), which is not used again
// while it has such spans. The first free of one of its objects makes it
// ownerless, and goes on as any free of such a span.

#ifndef MHEAP_CORE_HEAP_LEFT_H
#define MHEAP_CORE_HEAP_LEFT_H

#include <stdbool.h>

struct mh_cache;
struct mh_span;
struct mheap;

// mh_left_may_stay: the span of a vanished thread's cache is such a one. In the
// child of a fork, before anything else runs.
bool mh_left_may_stay(const struct mh_span *span);

// mh_left_take makes a span that a cache has left ownerless. The caller has
// raised its told bit, and has the cache from the same word. Takes the central
// lock of its class, and the registry's.
void mh_left_take(struct mh_cache *cache, struct mh_span *span);

// mh_left_end: the spans of a heap are gone, and so are those left in it. Takes
// the registry's lock.
void mh_left_end(const struct mheap *heap);

#endif // MHEAP_CORE_HEAP_LEFT_H
