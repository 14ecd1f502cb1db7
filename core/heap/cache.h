// cache.h - what one thread keeps of one heap, so that it need not share.
//
// For every size class a last-in-first-out array of slots, and behind it the
// spans that this cache owns. malloc pops, free pushes; no lock, no atomic, no
// call. An empty array is refilled from the free bits of the spans, by whole
// words; a full one gives its older half back to them.
//
// Only its thread uses a cache. Six things reach in from outside: the told
// stack, on which other threads put spans of this cache that they freed into;
// the page cache, under its lock; the scavenger, when the thread makes no calls
// (seize.h); the end of its heap, under its life lock; fork, in the child,
// where the thread is gone; and readers of the whole process, who copy and
// never write.
//
// Records are never freed, so a reader's pointer stays good. The number of a
// cache is in the page words of its spans; it is recycled when no span has it.

#ifndef MHEAP_CORE_HEAP_CACHE_H
#define MHEAP_CORE_HEAP_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/attr.h"
#include "core/base/params.h"
#include "core/heap/arena.h"
#include "core/heap/size_class.h"
#include "core/heap/span.h"
#include "core/page/page_cache.h"
#include "core/page/page_runs.h"
#include "core/sys/lock.h"
#include "platform/os_tls.h"

struct mheap;
struct mh_central;
struct mh_delay;

enum mh_cache_state {
    MH_CACHE_FREE,   // no thread has it; it owns nothing but what is `left`
    MH_CACHE_IN_USE, // a thread's
    MH_CACHE_SIDE,   // a heap's own, used under the heap's side lock
    MH_CACHE_ORPHAN, // a thread's, of a heap that was destroyed; owns nothing
    MH_CACHE_NOBODY, // the static ones below: empty for ever
};

// The slots of one class. top points at the last slot pushed; the slot of the
// place before the first, the bottom, is NULL, so that popping an empty bin
// needs no other test.
struct mh_bin {
    struct mh_place *top;   // (o)
    struct mh_place *limit; // (o) top == limit: full
};

// What happened to the slots of one class, settled when the cache refills or
// flushes; the slots in the bin are taken and not given. Never reset: a new
// thread goes on counting where the last one stopped.
struct mh_bin_count {
    uint64_t taken; // (o) slots moved from spans to the bin, ever
    uint64_t given; // (o) slots moved from the bin back to spans, ever
};

// Invariants, checked in mh_cache_check:
//   C1  bottom(bin) <= top <= limit <= bottom + capacity of the bin, and the
//       bottom's slot is NULL.
//   C2  Every slot in a bin is the first granule of a slot, neither live nor
//       free, of a span this cache owns, and is there once.
//   C3  Every owned span is on the owned list once, and its owner word and page
//       words name this cache.
//   C4  An owned span with free slots is current or on the partial list of its
//       class, and nothing else is.
//   C5  The pages it has taken in advance and the runs it keeps are no span's.
struct mh_cache {
    // id << MH_CLASS_BITS; no page's while the thread is asked to empty its
    // bins (seize.h), so that its next free comes the slow way.
    uint32_t owner_word; // (a)
    uint32_t id;         // (c)
    // As wide as the window was when this cache last came to own a span; in a
    // cache that is nobody's empty, so that every free goes the slow way.
    struct mh_window window;         // (o)
    struct mh_bin bins[MH_NCLASSES]; // (o)

    struct mh_span
        *current[MH_NCLASSES]; // (o) allocated from first; may be NULL
    struct mh_span *partial[MH_NCLASSES];    // (o) owned, with free slots
    struct mh_bin_count counts[MH_NCLASSES]; // (o)
    struct mh_place *bottoms[MH_NCLASSES];   // (o) of the bins
    struct mh_span *owned;                   // (o) all spans of this cache
    uint64_t limit_bytes;   // (o) bytes its limits allow it to hold
    uint32_t calls;         // (o) times its thread has entered, modulo 2^32
    uint32_t busy;          // (o) 1 between entering and leaving
    uint32_t drained_calls; // (o) calls when the told stack was last taken
    uint32_t first_spans;   // (o) made since a thread had it, up to a few
    int64_t sample_left;    // (o) bytes to take until one is sampled; < 0: now
    uint64_t sample_mean;   // (o) what that was drawn for, see sample.h
    uint64_t sample_seed;   // (o) 0: not begun

    struct mheap *heap;           // (c) while not free, or something is left
    struct mh_cache *next_thread; // (o) this thread's caches of other heaps
    struct mh_cache *next_free;   // (registry) free caches
    struct mh_lock life;          // rank MH_RANK_LIFE, see mh_cache_retire
    uint64_t thread;              // (c) while in use: as the system shows it
    uint32_t state;               // (a) enum mh_cache_state
    uint32_t generation;          // (a) grows when the cache changes hands
    uint32_t left;          // (a) spans it still owns while free, see left.h
    struct mh_delay *delay; // (o) in hardened mode; stays with the record

    // Written by any thread that frees into a span of this cache.
    MH_ALIGNED(MH_CACHE_LINE)
    struct mh_span *told; // (a) stack, linked by told_next
    uint32_t seized;      // (a) 1 while the scavenger has the spans
    uint32_t seen_calls;  // (a) of the scavenger: calls at its last round
    uint32_t cut_calls;   // and when it last made holes in all spans
    uint32_t asked_calls; // (a) and when it last asked for the bins
    uint32_t overdue;     // (a) 1: the told stack is to be drained next time

    MH_ALIGNED(MH_CACHE_LINE)
    struct mh_lock page_lock;   // rank MH_RANK_PAGE_CACHE
    struct mh_page_cache pages; // (page_lock)
    struct mh_page_runs runs;   // (page_lock)
    uint32_t page_calls;        // (page_lock) for pages, modulo 2^32
    uint32_t seen_page_calls;   // (page_lock) at the scavenger's last round
    bool kept_told;             // (page_lock) runs were noted since a flush

    // The first array of each class, at mh_bin_offset[class]: the bottom, and
    // first_slots places. A bin that may hold more gets an array for as many
    // as ever: threads use few classes much, and pay for those.
    MH_ALIGNED(MH_CACHE_LINE) struct mh_place places[MH_CACHE_PLACES];
};

extern const uint16_t mh_bin_offset[MH_NCLASSES];

// All caches by number; entry 0 is NULL. The table is replaced by a larger copy
// when it fills; the old one stays readable. Records are never freed.
struct mh_caches {
    struct mh_lock lock;     // rank MH_RANK_REGISTRY
    uint64_t count;          // (a) numbers ever given, and 1
    struct mh_cache **table; // (a)
    uint64_t capacity;       // (l)
    struct mh_cache *free;   // (l) linked by next_free
    uint64_t limit_bytes;    // (a) what all caches together may hold now
};

extern struct mh_caches mh_caches;

// mh_cache_by_id finds the cache that an owner number names.
static inline struct mh_cache *mh_cache_by_id(uint32_t id) {
    // acquire: pairs with the release that published a larger table.
    return MH_LOAD_ACQUIRE(&mh_caches.table)[id];
}

// Where threads without a cache point: no bin has a slot or room, and no page
// names it, so that both fast paths fall through to the slow ones.
extern struct mh_cache mh_cache_none; // a thread that has no cache yet
extern struct mh_cache mh_cache_dead; // a thread whose destructors have run

static inline struct mh_place *mh_bin_bottom(const struct mh_cache *cache,
                                             unsigned size_class) {
    return cache->bottoms[size_class];
}

// mh_bin_capacity is how many slots the array of a bin has places for.
static inline size_t mh_bin_capacity(const struct mh_cache *cache,
                                     unsigned size_class) {
    const struct mh_class_info *info = &mh_classes[size_class];
    bool first =
        cache->bottoms[size_class] == &cache->places[mh_bin_offset[size_class]];
    return first ? info->first_slots : info->cache_slots;
}

static inline size_t mh_bin_fill(struct mh_cache *cache, unsigned size_class) {
    return (size_t)(cache->bins[size_class].top -
                    mh_bin_bottom(cache, size_class));
}

// mh_bin_put writes a slot and its pair to a place of a bin.
static inline void mh_bin_put(struct mh_place *place, void *slot) {
    uintptr_t at = (uintptr_t)slot;
    place->slot = slot;
    place->pair = mh_arena_pair(mh_arena_of_known(at), at);
}

// mh_cache_of_thread returns the calling thread's cache of a heap, making one
// if need be; NULL when the thread has not asked often yet, when it is past its
// destructors, or when there is no memory for one: use the heap's side cache
// then.
struct mh_cache *mh_cache_of_thread(struct mheap *heap);

// mh_cache_of_owner returns the calling thread's cache whose number a page word
// names; NULL when it is another thread's, or nobody's.
struct mh_cache *mh_cache_of_owner(uint32_t owner);

// mh_cache_side returns a heap's side cache, making it if need be; NULL when
// out of memory. The caller holds the heap's side lock.
struct mh_cache *mh_cache_side_locked(struct mheap *heap);

// mh_cache_enter and mh_cache_leave surround what a thread does to the spans,
// lists and bins of its cache, but for popping and pushing. Another thread that
// has seized the cache is waited for. Not nested. Seizing is rare and pays for
// both sides: here it costs three plain accesses.
void mh_cache_enter_slow(struct mh_cache *cache);

static inline void mh_cache_enter(struct mh_cache *cache) {
    MH_STORE_RELAXED(&cache->busy, 1);
    // The store comes before the load: the barrier for the processor is made by
    // the other side, for all threads (mh_thread_barrier).
    MH_FENCE_SIGNAL();
    // acquire: pairs with the release in mh_cache_release_seized.
    if (MH_UNLIKELY(MH_LOAD_ACQUIRE(&cache->seized) != 0)) {
        mh_cache_enter_slow(cache);
    }
    MH_STORE_RELAXED(&cache->calls, cache->calls + 1);
}

static inline void mh_cache_leave(struct mh_cache *cache) {
    // release: pairs with the acquire in mh_cache_seize.
    MH_STORE_RELEASE(&cache->busy, 0);
}

// mh_cache_is_asked: the scavenger wants what lies in the bins. Owner only;
// then mh_cache_answer gives it, if the thread has still not been in the cache.
static inline bool mh_cache_is_asked(const struct mh_cache *cache) {
    return MH_LOAD_RELAXED(&cache->owner_word) != cache->id << MH_CLASS_BITS;
}

void mh_cache_answer(struct mh_cache *cache);

// mh_cache_alloc_slow refills the empty bin of a class and pops a slot. NULL
// when the heap cannot grow. The caller marks the slot live.
void *mh_cache_alloc_slow(struct mh_cache *cache, unsigned size_class);

// mh_cache_push_slow pushes a slot, which is not live any more, onto a bin that
// is full: the older half goes back to the spans first.
void mh_cache_push_slow(struct mh_cache *cache, unsigned size_class,
                        void *slot);

// mh_cache_alloc pops a slot, refilling first when it must; mh_cache_push is
// the way back. Neither touches the live bit.
static inline void *mh_cache_alloc(struct mh_cache *cache,
                                   unsigned size_class) {
    struct mh_bin *bin = &cache->bins[size_class];
    void *slot = bin->top->slot;
    if (MH_UNLIKELY(slot == NULL)) {
        return mh_cache_alloc_slow(cache, size_class);
    }
    MH_STORE_RELAXED(&bin->top, bin->top - 1);
    return slot;
}

static inline void mh_cache_push(struct mh_cache *cache, unsigned size_class,
                                 void *slot) {
    struct mh_bin *bin = &cache->bins[size_class];
    if (MH_UNLIKELY(bin->top == bin->limit)) {
        mh_cache_push_slow(cache, size_class, slot);
        return;
    }
    mh_bin_put(bin->top + 1, slot);
    MH_STORE_RELAXED(&bin->top, bin->top + 1);
}

// mh_cache_ready_span is a span of the cache with free slots, to take them past
// the bins, for the hardened mode; NULL when the heap cannot grow. Owner only,
// who has entered.
struct mh_span *mh_cache_ready_span(struct mh_cache *cache,
                                    unsigned size_class);

// mh_cache_drain_told takes in what other threads freed. Owner only.
void mh_cache_drain_told(struct mh_cache *cache);

// mh_cache_adopt_locked makes a span the cache's own, and drains it; the caller
// holds the central lock of its class, the span has no owner, and the caller
// settles it afterwards (mh_cache_settle) or makes it current.
void mh_cache_adopt_locked(struct mh_cache *cache, struct mh_central *central,
                           struct mh_span *span);

// mh_cache_settle puts an owned span that is not current where its free slots
// say it belongs: on the partial list, or, idle, back to the heap. Owner only.
void mh_cache_settle(struct mh_cache *cache, struct mh_span *span);

// mh_cache_end_told drains a span that was taken off the told stack, and of
// which then every slot is free, and gives it back. The cache is seized.
void mh_cache_end_told(struct mh_cache *cache, struct mh_span *span);

// mh_cache_flush gives all slots and all idle spans back, and keeps the others.
void mh_cache_flush(struct mh_cache *cache);

// mh_cache_flush_thread flushes all caches of the calling thread. Takes their
// life locks, one at a time.
void mh_cache_flush_thread(void);

// mh_cache_flush_side flushes a heap's side cache, if it has one, which nobody
// else does. Takes the side lock.
void mh_cache_flush_side(struct mheap *heap);

// mh_cache_retire ends the cache: everything goes to the central lists and to
// the heap, and the record can be used by another thread. Takes its life lock,
// by which it and the end of its heap keep clear of each other.
void mh_cache_retire(struct mh_cache *cache);

// mh_cache_give_spans gives every span to the central lists or to the heap,
// once the bins are flushed. It waits for threads that are just telling this
// cache.
void mh_cache_give_spans(struct mh_cache *cache);

// mh_cache_init_exit registers the hook that ends the caches of a thread. Once.
MH_NODISCARD enum mh_status mh_cache_init_exit(void);

// mh_cache_lose_left: n > 0 of the spans that a free cache has left are its no
// more. With the last the record can be used again. Takes the registry's lock.
void mh_cache_lose_left(struct mh_cache *cache, uint32_t n);

// mh_cache_abandon empties the records of a cache whose spans are dealt with by
// other means: its heap is being destroyed, or its thread vanished in a fork.
void mh_cache_abandon(struct mh_cache *cache, enum mh_cache_state state);

// mh_cache_check returns the number of the broken invariant C1 to C5 (or 10 + n
// for Sn of one of its spans), 0 if none. Its thread calls it.
int mh_cache_check(struct mh_cache *cache);

#endif // MHEAP_CORE_HEAP_CACHE_H
