// seize.h - taking back what a thread holds that makes no calls.
//
// A thread that parks keeps the spans it owns. When others have freed every
// object of one, the span is on its told stack and of no use to anybody. The
// scavenger then seizes the cache, ends such spans, and lets go.
//
// Of the spans that keep objects, it gives back the parts without (holes.h).
//
// Seizing keeps the thread out of everything but popping and pushing slots of
// its bins (mh_cache_enter). That is enough: of a span whose slots are all free
// or freed by others, no slot lies in a bin, and no good free of one can come.
//
// What lies in the bins nobody but the thread can take, and a few hundred slots
// may lie in as many spans. A thread that has not been in its cache for a
// period but still pops and pushes is asked for them: its number in the cache,
// which every free compares with the page's, is taken away, so that its next
// free comes the slow way, puts the number back and empties the bins
// (mh_cache_answer in cache.h). Nothing of that costs the fast path an
// instruction. A thread that frees nothing any more keeps its bins.
//
// It rests on a barrier that the system makes for all threads at once; where
// there is none, what parked threads hold stays.

#ifndef MHEAP_CORE_HEAP_SEIZE_H
#define MHEAP_CORE_HEAP_SEIZE_H

#include <stdbool.h>

struct mh_cache;
struct mh_pacer;

// mh_cache_take_back ends the spans of a cache that others have emptied, and
// makes holes in the others, if its thread has not been in it since the last
// call. True when that could not be told yet. The caller holds the scavenger's
// lock.
bool mh_cache_take_back(struct mh_cache *cache, struct mh_pacer *pacer);

#endif // MHEAP_CORE_HEAP_SEIZE_H
