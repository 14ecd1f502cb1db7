// cache.c - refilling, flushing and settling the spans of a thread cache.
//
// Registration, exit and the side cache are in cache_life.c. Long because all
// of it moves spans between the same few lists.

#include "core/heap/cache.h"

#include <string.h>

#include "core/base/assert.h"
#include "core/base/atomic.h"
#include "core/heap/cache_pages.h"
#include "core/heap/central.h"
#include "core/heap/hard_delay.h"
#include "core/heap/heap.h"
#include "core/heap/holes.h"
#include "core/heap/options.h"
#include "core/heap/scavenge.h"
#include "core/sys/thread.h"

const uint16_t mh_bin_offset[MH_NCLASSES] = {MH_BIN_OFFSETS};

static void own(struct mh_cache *cache, struct mh_span *span) {
    cache->window = mh_window_now();
    span->prev = NULL;
    span->next = cache->owned;
    if (cache->owned != NULL) {
        cache->owned->prev = span;
    }
    cache->owned = span;
}

static void disown(struct mh_cache *cache, struct mh_span *span) {
    if (span->prev != NULL) {
        span->prev->next = span->next;
    } else {
        cache->owned = span->next;
    }
    if (span->next != NULL) {
        span->next->prev = span->prev;
    }
    span->next = NULL;
    span->prev = NULL;
}

static void list_partial(struct mh_cache *cache, struct mh_span *span) {
    struct mh_span **head = &cache->partial[span->size_class];
    span->list = MH_LIST_PARTIAL;
    span->list_prev = NULL;
    span->list_next = *head;
    if (*head != NULL) {
        (*head)->list_prev = span;
    }
    *head = span;
}

static void unlist_partial(struct mh_cache *cache, struct mh_span *span) {
    if (span->list != MH_LIST_PARTIAL) {
        return;
    }
    if (span->list_prev != NULL) {
        span->list_prev->list_next = span->list_next;
    } else {
        cache->partial[span->size_class] = span->list_next;
    }
    if (span->list_next != NULL) {
        span->list_next->list_prev = span->list_prev;
    }
    span->list = MH_LIST_NONE;
    span->list_next = NULL;
    span->list_prev = NULL;
}

// Gives an idle span back to the heap. It may be on the told stack, or about to
// be, although its bits are drained; then it stays until that has been seen.
// One whose holes the system does not let be filled stays, too.
static void release_idle(struct mh_cache *cache, struct mh_span *span) {
    uint64_t mine = mh_owner_word(cache->id, false);
    uint64_t dead = mh_owner_word(MH_OWNER_DEAD, false);
    if (!mh_span_can_end(span) ||
        !MH_CAS_ACQ_REL(&span->owner_told, &mine, dead)) {
        if (span->list == MH_LIST_NONE) {
            list_partial(cache, span);
        }
        return;
    }
    unlist_partial(cache, span);
    disown(cache, span);
    mh_heap_free_span(span, cache);
}

// What mh_cache_settle does, for a caller who knows the class: only the line a
// flush has just written is looked at.
static void settle(struct mh_cache *cache, struct mh_span *span,
                   unsigned size_class) {
    if (cache->current[size_class] == span || span->nfree == 0) {
        return;
    }
    if (span->nfree == mh_classes[size_class].nslots) {
        release_idle(cache, span);
    } else if (span->list == MH_LIST_NONE) {
        list_partial(cache, span);
    }
}

void mh_cache_settle(struct mh_cache *cache, struct mh_span *span) {
    settle(cache, span, span->size_class);
}

void mh_cache_adopt_locked(struct mh_cache *cache, struct mh_central *central,
                           struct mh_span *span) {
    mh_central_remove_locked(central, span);
    // release: whoever tells this cache sees the span as it is now.
    MH_STORE_RELEASE(&span->owner_told, mh_owner_word(cache->id, false));
    mh_span_set_owner(span, cache->id);
    mh_span_drain(span);
    own(cache, span);
}

// Told is cleared before the bits are looked at: whoever frees after this tells
// again. Nobody else writes the word meanwhile, and the exchange of touched in
// mh_span_drain publishes it: whoever notes a group after that sees told clear.
static void drain_one(struct mh_cache *cache, struct mh_span *span) {
    MH_STORE_RELAXED(&span->owner_told, mh_owner_word(cache->id, false));
    mh_span_drain(span);
    mh_cache_settle(cache, span);
}

void mh_cache_end_told(struct mh_cache *cache, struct mh_span *span) {
    unsigned size_class = span->size_class;
    if (cache->current[size_class] == span) {
        cache->current[size_class] = NULL;
    }
    drain_one(cache, span);
    MH_ADD_RELAXED(&cache->heap->counts.remote_frees, 1);
}

void mh_cache_drain_told(struct mh_cache *cache) {
    // acquire: pairs with the release push in remote.c.
    struct mh_span *span = MH_EXCHANGE_ACQUIRE(&cache->told, NULL);
    uint64_t taken = 0;
    MH_STORE_RELAXED(&cache->overdue, 0);
    cache->drained_calls = cache->calls;
    while (span != NULL) {
        struct mh_span *next = MH_LOAD_RELAXED(&span->told_next);
        if (next != NULL) {
            MH_PREFETCH_WRITE(&next->owner_told);
        }
        drain_one(cache, span);
        span = next;
        taken++;
    }
    if (taken != 0) {
        MH_ADD_RELAXED(&cache->heap->counts.remote_frees, taken);
    }
}

// Gives a bin an array with places for as many slots as it may ever hold; the
// caller sets the limit. False when there is no memory for one; nothing has
// changed then. A reader that comes in between finds a top outside of the
// array, and looks again.
static bool widen(struct mh_cache *cache, unsigned size_class) {
    struct mh_bin *bin = &cache->bins[size_class];
    size_t fill = mh_bin_fill(cache, size_class);
    struct mh_place *places = mh_persistent_alloc(
        &mh_heaps.caches,
        (mh_classes[size_class].cache_slots + (size_t)1) * sizeof(*places),
        sizeof(*places));
    if (places == NULL) {
        return false;
    }
    memcpy(places + 1, mh_bin_bottom(cache, size_class) + 1,
           fill * sizeof(*places));
    MH_STORE_RELAXED(&cache->bottoms[size_class], places);
    MH_STORE_RELAXED(&bin->top, places + fill);
    return true;
}

// What a bin may hold next: twice as much, within what the class and the option
// allow.
static size_t next_limit(size_t now, const struct mh_class_info *info) {
    uint64_t allowed = mh_option(MH_OPTION_CACHE_BYTES) / info->size;
    size_t most = info->cache_slots;
    most = allowed < most ? (size_t)allowed : most;
    return 2 * now < most ? 2 * now : most;
}

// A bin that runs empty or full may hold more, within the bytes that all caches
// together may hold.
static void raise_limit(struct mh_cache *cache, unsigned size_class) {
    struct mh_bin *bin = &cache->bins[size_class];
    const struct mh_class_info *info = &mh_classes[size_class];
    size_t now = (size_t)(bin->limit - mh_bin_bottom(cache, size_class));
    if (now == info->cache_slots) {
        return;
    }
    size_t want = next_limit(now, info);
    if (want <= now) {
        return;
    }
    uint64_t more = (want - now) * info->size;
    if (MH_ADD_RELAXED(&mh_caches.limit_bytes, more) + more >
            mh_option(MH_OPTION_CACHE_TOTAL) ||
        (want > mh_bin_capacity(cache, size_class) &&
         !widen(cache, size_class))) {
        MH_SUB_RELAXED(&mh_caches.limit_bytes, more);
        return;
    }
    cache->limit_bytes += more;
    MH_STORE_RELAXED(&bin->limit, mh_bin_bottom(cache, size_class) + want);
}

// The next span to allocate from, already owned and with free slots; NULL when
// the heap cannot grow.
static struct mh_span *next_span(struct mh_cache *cache, unsigned size_class) {
    struct mh_span *span = cache->partial[size_class];
    if (span != NULL) {
        unlist_partial(cache, span);
        return span;
    }
    span = mh_central_take(cache->heap, size_class, cache);
    if (span == NULL) {
        span = mh_heap_new_span(cache->heap, size_class, cache);
        if (span != NULL) {
            own(cache, span);
        }
    }
    return span;
}

// Where the system, or a limit, does not let the holes of the current span be
// filled, an owned one without any serves in its place. NULL when there is
// none; then none is current.
static struct mh_span *whole_span(struct mh_cache *cache, unsigned size_class) {
    struct mh_span *refused = cache->current[size_class];
    struct mh_span *span = cache->partial[size_class];
    while (span != NULL && span->has_holes) {
        span = span->list_next;
    }
    if (span != NULL) {
        unlist_partial(cache, span);
    }
    cache->current[size_class] = span;
    settle(cache, refused, size_class);
    return span;
}

static size_t least(size_t a, size_t b) {
    return a < b ? a : b;
}

// The current span, or the next when that has no free slot; NULL when out of
// memory.
static inline struct mh_span *ready_span(struct mh_cache *cache,
                                         unsigned size_class) {
    struct mh_span *span = cache->current[size_class];
    if (span == NULL || span->nfree == 0) {
        span = next_span(cache, size_class);
        if (span == NULL) {
            return NULL;
        }
        cache->current[size_class] = span;
    }
    return mh_span_fill_holes(span) ? span : whole_span(cache, size_class);
}

// Moves up to max slots of the current span, or of the next when that has none,
// into the empty bin. The number is at least 1, or 0 when out of memory.
static uint32_t refill(struct mh_cache *cache, unsigned size_class,
                       uint32_t max) {
    struct mh_bin *bin = &cache->bins[size_class];
    struct mh_place *bottom = mh_bin_bottom(cache, size_class);
    struct mh_span *span = ready_span(cache, size_class);
    if (span == NULL) {
        return 0;
    }
    uint32_t n = span->nfree < max ? span->nfree : max;
    mh_span_take(span, n, bottom + 1 + n);
    MH_STORE_RELAXED(&bin->top, bottom + n);
    struct mh_bin_count *count = &cache->counts[size_class];
    MH_STORE_RELAXED(&count->taken, count->taken + n);
    cache->sample_left -= (int64_t)(n * mh_classes[size_class].size);
    return n;
}

// What others freed is taken in when the class has no free slot left, before
// the heap is asked for a span: the longer it is left, the more of it a drain
// finds in a span, and the fewer notes are made and told. Not for longer than
// this many calls, or a round of the scavenger: spans of other classes may lie
// idle.
enum { CALLS_TO_DRAIN = 256 };

static bool wants_told(const struct mh_cache *cache, unsigned size_class) {
    const struct mh_span *span = cache->current[size_class];
    return ((span == NULL || span->nfree == 0) &&
            cache->partial[size_class] == NULL) ||
           cache->calls - cache->drained_calls >= CALLS_TO_DRAIN ||
           MH_LOAD_RELAXED(&cache->overdue) != 0;
}

static inline void drain_if_wanted(struct mh_cache *cache,
                                   unsigned size_class) {
    if (MH_LOAD_RELAXED(&cache->told) != NULL &&
        wants_told(cache, size_class)) {
        mh_cache_drain_told(cache);
    }
}

struct mh_span *mh_cache_ready_span(struct mh_cache *cache,
                                    unsigned size_class) {
    drain_if_wanted(cache, size_class);
    return ready_span(cache, size_class);
}

void *mh_cache_alloc_slow(struct mh_cache *cache, unsigned size_class) {
    struct mh_bin *bin = &cache->bins[size_class];
    mh_cache_enter(cache);
    drain_if_wanted(cache, size_class);
    bool first = cache->current[size_class] == NULL;
    if (!first) {
        raise_limit(cache, size_class);
    }
    // At least 1: a limit is never below 2.
    size_t half = (size_t)(bin->limit - mh_bin_bottom(cache, size_class)) / 2;
    uint32_t max = (uint32_t)least(half, mh_classes[size_class].batch);
    uint32_t n = refill(cache, size_class, max);
    mh_cache_leave(cache);
    if (n == 0) {
        return NULL;
    }
    void *slot = bin->top->slot;
    MH_STORE_RELAXED(&bin->top, bin->top - 1);
    return slot;
}

static struct mh_span *span_of(void *slot) {
    uintptr_t at = (uintptr_t)slot;
    return mh_arena_span(mh_arena_of_known(at), at);
}

// How many slots, from the first, lie side by side: each step bytes behind the
// one before it, modulo 2^64. At most max, which is not 0.
static uint32_t run_length(const struct mh_place *places, size_t max,
                           uintptr_t step) {
    uintptr_t next = (uintptr_t)places[0].slot + step;
    uint32_t i = 1;
    for (; i < max && (uintptr_t)places[i].slot == next; i++) {
        next += step;
    }
    return i;
}

// Gives slots of one class back to the span of the first, for as long as they
// lie in it; the number of them. Objects that were freed in the order they were
// made, or in reverse, go a run of neighbours at a time.
static size_t give_run(struct mh_cache *cache, unsigned size_class,
                       const struct mh_place *places, size_t n) {
    const struct mh_class_info *info = &mh_classes[size_class];
    struct mh_span *span = span_of(places[0].slot);
    uintptr_t base = (uintptr_t)span->slots_base;
    uintptr_t bytes = (uintptr_t)info->npages << MH_PAGE_SHIFT;
    size_t i = 0;
    while (i < n && (uintptr_t)places[i].slot - base < bytes) {
        uint32_t offset = (uint32_t)((uintptr_t)places[i].slot - base);
        uint32_t slot = mh_class_slot(info, offset);
        uint32_t up = run_length(places + i, least(n - i, info->nslots - slot),
                                 info->size);
        uint32_t down = up > 1 ? 1
                               : run_length(places + i, least(n - i, slot + 1),
                                            -(uintptr_t)info->size);
        mh_span_put_free_run(span, slot - (down - 1), up + down - 1);
        i += up + down - 1;
    }
    settle(cache, span, size_class);
    return i;
}

// Objects freed in random order come from as many spans: all of them are looked
// up, and on their way to the processor's cache, before the first is written.
enum { LOOK_AHEAD = 64 };

static void give_scattered(struct mh_cache *cache, unsigned size_class,
                           const struct mh_place *places, size_t n) {
    const struct mh_class_info *info = &mh_classes[size_class];
    struct mh_span *spans[LOOK_AHEAD];
    MH_ASSERT(n <= LOOK_AHEAD);
    for (size_t i = 0; i < n; i++) {
        spans[i] = span_of(places[i].slot);
        MH_PREFETCH_WRITE(&spans[i]->nfree);
    }
    uint64_t magic = info->magic;
    uint32_t nslots = info->nslots;
    for (size_t i = 0; i < n; i++) {
        struct mh_span *span = spans[i];
        uintptr_t offset =
            (uintptr_t)places[i].slot - (uintptr_t)span->slots_base;
        uint64_t slot = (offset * magic) >> 32;
        uint64_t *word = &span->free[slot / 64];
        MH_ASSERT(!mh_bit_get(*word, slot));
        MH_STORE_RELAXED(word, mh_bit_with(*word, slot));
        span->free_words = (uint16_t)(span->free_words | 1u << (slot / 64));
        uint32_t nfree = span->nfree + 1;
        MH_STORE_RELAXED(&span->nfree, nfree);
        if (MH_UNLIKELY(span->list == MH_LIST_NONE || nfree == nslots)) {
            settle(cache, span, size_class);
        }
    }
}

// Whether two slots of a class lie side by side.
static bool is_beside(unsigned size_class, const void *a, const void *b) {
    uintptr_t size = mh_classes[size_class].size;
    uintptr_t distance = (uintptr_t)a - (uintptr_t)b;
    return distance == size || distance == -size;
}

// Gives n slots of one class back. Objects freed in order come in long runs,
// which need no look ahead: then the first two are neighbours, or the last two.
static void give_places(struct mh_cache *cache, unsigned size_class,
                        const struct mh_place *places, size_t n) {
    bool in_order =
        n >= 2 &&
        (is_beside(size_class, places[0].slot, places[1].slot) ||
         is_beside(size_class, places[n - 2].slot, places[n - 1].slot));
    for (size_t i = 0; i < n;) {
        size_t some = least(n - i, LOOK_AHEAD);
        if (in_order) {
            some = give_run(cache, size_class, places + i, n - i);
        } else {
            give_scattered(cache, size_class, places + i, some);
        }
        i += some;
    }
}

// Gives the n oldest slots of a bin back.
static void flush_bin(struct mh_cache *cache, unsigned size_class, size_t n) {
    struct mh_bin *bin = &cache->bins[size_class];
    struct mh_place *bottom = mh_bin_bottom(cache, size_class);
    size_t fill = mh_bin_fill(cache, size_class);
    give_places(cache, size_class, bottom + 1, n);
    memmove(bottom + 1, bottom + 1 + n, (fill - n) * sizeof(*bottom));
    MH_STORE_RELAXED(&bin->top, bottom + (fill - n));
    struct mh_bin_count *count = &cache->counts[size_class];
    MH_STORE_RELAXED(&count->given, count->given + n);
}

void mh_cache_push_slow(struct mh_cache *cache, unsigned size_class,
                        void *slot) {
    struct mh_bin *bin = &cache->bins[size_class];
    mh_cache_enter(cache);
    raise_limit(cache, size_class);
    if (bin->top == bin->limit) {
        size_t fill = mh_bin_fill(cache, size_class);
        flush_bin(cache, size_class, fill - fill / 2);
        mh_heap_note_freed();
    }
    mh_bin_put(bin->top + 1, slot);
    MH_STORE_RELAXED(&bin->top, bin->top + 1);
    mh_cache_leave(cache);
}

// Ends idle spans that are still there because their holes could not be filled.
static void end_idle(struct mh_cache *cache) {
    struct mh_span *next = NULL;
    for (struct mh_span *span = cache->owned; span != NULL; span = next) {
        next = span->next;
        if (span->has_holes) {
            mh_cache_settle(cache, span);
        }
    }
}

// Takes the current span of a class out of use, idle or not.
static void drop_current(struct mh_cache *cache, unsigned size_class) {
    struct mh_span *span = cache->current[size_class];
    cache->current[size_class] = NULL;
    if (span != NULL) {
        mh_cache_settle(cache, span);
    }
}

void mh_cache_flush(struct mh_cache *cache) {
    mh_cache_enter(cache);
    mh_cache_drain_told(cache);
    if (cache->delay != NULL) {
        mh_delay_flush(cache);
    }
    for (unsigned i = 1; i < MH_NCLASSES; i++) {
        size_t fill = mh_bin_fill(cache, i);
        if (fill != 0) {
            flush_bin(cache, i, fill);
        }
        drop_current(cache, i);
    }
    end_idle(cache);
    mh_cache_leave(cache);
    mh_cache_flush_pages(cache);
}

// Gives one span to the central list of its class, or, idle, to the heap. False
// while another thread is between telling this cache and putting the span on
// its told stack.
static bool give_span(struct mh_cache *cache, struct mh_span *span) {
    struct mh_central *central = &cache->heap->central[span->size_class];
    uint64_t mine = mh_owner_word(cache->id, false);
    bool idle = false;

    mh_lock(&central->lock);
    bool mine_no_more = MH_CAS_ACQ_REL(&span->owner_told, &mine,
                                       mh_owner_word(MH_OWNER_NONE, false));
    if (mine_no_more) {
        unlist_partial(cache, span);
        disown(cache, span);
        mh_span_set_owner(span, MH_OWNER_NONE);
        // Once more: a free that saw this cache as owner and came too late to
        // tell it now waits for the lock; one that did not wait has its bit
        // set.
        mh_span_drain(span);
        idle = mh_central_put_locked(central, span);
        if (idle) {
            MH_STORE_RELAXED(&span->owner_told,
                             mh_owner_word(MH_OWNER_DEAD, false));
        }
    }
    mh_unlock(&central->lock);
    if (idle) {
        mh_heap_free_span(span, NULL);
    }
    return mine_no_more;
}

void mh_cache_give_spans(struct mh_cache *cache) {
    mh_cache_enter(cache);
    while (cache->owned != NULL) {
        if (!give_span(cache, cache->owned)) {
            mh_thread_yield();
            mh_cache_drain_told(cache);
        }
    }
    mh_cache_leave(cache);
}

// C1 and C2: the bins of one class.
static int check_bin(struct mh_cache *cache, unsigned size_class) {
    const struct mh_place *bottom = mh_bin_bottom(cache, size_class);
    const struct mh_bin *bin = &cache->bins[size_class];
    if (bin->top < bottom || bin->top > bin->limit ||
        bin->limit > bottom + mh_bin_capacity(cache, size_class) ||
        bottom->slot != NULL) {
        return 1;
    }
    for (const struct mh_place *at = bottom + 1; at <= bin->top; at++) {
        uintptr_t slot = (uintptr_t)at->slot;
        struct mh_arena *arena = mh_arena_of(slot);
        if (arena == NULL || arena->page_words[mh_arena_page(slot)] !=
                                 mh_page_word_make(cache->id, size_class)) {
            return 2;
        }
        struct mh_span *span = mh_arena_span(arena, slot);
        uint32_t number = mh_span_slot(span, slot);
        bool free = (span->free[number / 64] >> (number % 64) & 1) != 0;
        bool live = (mh_arena_pair(arena, slot)->live & mh_pair_bit(slot)) != 0;
        if (free || live || mh_span_slot_address(span, number) != slot) {
            return 2;
        }
    }
    return 0;
}

// C3, C4 and the span's own invariants.
static int check_owned(struct mh_cache *cache) {
    for (struct mh_span *span = cache->owned; span != NULL; span = span->next) {
        bool current = cache->current[span->size_class] == span;
        if (MH_LOAD_RELAXED(&span->owner_told) >> 1 != cache->id) {
            return 3;
        }
        bool listed = span->list == MH_LIST_PARTIAL;
        if (listed && current) {
            return 4;
        }
        if (span->nfree != 0 && !listed && !current) {
            return 4;
        }
        int broken = mh_span_check(span);
        if (broken != 0) {
            return 10 + broken;
        }
    }
    return 0;
}

int mh_cache_check(struct mh_cache *cache) {
    if (!mh_cache_pages_are_free(cache)) {
        return 5;
    }
    for (unsigned i = 1; i < MH_NCLASSES; i++) {
        int broken = check_bin(cache, i);
        if (broken != 0) {
            return broken;
        }
    }
    return check_owned(cache);
}
