// hard_delay.c - freed slots wait before they are used again.

#include "core/heap/hard_delay.h"

#include <stddef.h>

#include "core/base/atomic.h"
#include "core/heap/arena.h"
#include "core/heap/cache.h"
#include "core/heap/heap.h"
#include "core/sys/sys.h"

// What waits in either place, of one class: few slots of a large one.
enum { BYTES = 32 << 10, LEAST = 4 };

static uint32_t most_of(unsigned size_class) {
    uint32_t n = BYTES / mh_classes[size_class].size;
    return n < LEAST ? LEAST : n < MH_DELAY_MAX ? n : MH_DELAY_MAX;
}

static MH_COLD struct mh_delay *make_delay(void) {
    struct mh_delay *delay =
        mh_persistent_alloc(&mh_heaps.caches, sizeof(*delay), MH_CACHE_LINE);
    if (delay == NULL) {
        return NULL;
    }
    mh_sys_random(&delay->random, sizeof(delay->random));
    delay->random |= 1; // 0 would stay 0
    for (unsigned i = 1; i < MH_NCLASSES; i++) {
        delay->classes[i].most = most_of(i);
    }
    return delay;
}

struct mh_delay *mh_delay_of(struct mh_cache *cache) {
    if (MH_UNLIKELY(cache->delay == NULL)) {
        cache->delay = make_delay();
    }
    return cache->delay;
}

// xorshift64*, whose upper half is the good one.
uint64_t mh_delay_random(struct mh_delay *delay) {
    uint64_t x = delay->random;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    delay->random = x;
    return x * UINT64_C(0x2545f4914f6cdd1d) >> 32;
}

// Puts a slot at the end of the queue; the oldest, when it is full.
static uintptr_t enqueue(struct mh_delay_class *class, uintptr_t slot) {
    if (class->nqueued < class->most) {
        class->queue[class->nqueued++] = slot;
        return 0;
    }
    uintptr_t out = class->queue[class->oldest];
    class->queue[class->oldest] = slot;
    class->oldest = class->oldest + 1 == class->most ? 0 : class->oldest + 1;
    return out;
}

uintptr_t mh_delay_put(struct mh_delay *delay, unsigned size_class,
                       uintptr_t slot) {
    struct mh_delay_class *class = &delay->classes[size_class];
    if (class->nheld < class->most) {
        class->held[class->nheld++] = slot;
        return 0;
    }
    uint32_t i = (uint32_t)(mh_delay_random(delay) * class->most >> 32);
    uintptr_t out = class->held[i];
    class->held[i] = slot;
    return enqueue(class, out);
}

void mh_delay_give(struct mh_cache *cache, unsigned size_class,
                   uintptr_t slot) {
    struct mh_span *span = mh_arena_span(mh_arena_of_known(slot), slot);
    struct mh_bin_count *count = &cache->counts[size_class];
    mh_span_put_free(span, mh_span_slot(span, slot));
    MH_STORE_RELAXED(&count->given, count->given + 1);
    mh_cache_settle(cache, span);
}

void mh_delay_flush(struct mh_cache *cache) {
    for (unsigned i = 1; i < MH_NCLASSES; i++) {
        struct mh_delay_class *class = &cache->delay->classes[i];
        while (class->nqueued != 0) {
            mh_delay_give(cache, i, class->queue[--class->nqueued]);
        }
        while (class->nheld != 0) {
            mh_delay_give(cache, i, class->held[--class->nheld]);
        }
        class->oldest = 0;
    }
}

void mh_delay_forget(struct mh_delay *delay) {
    for (unsigned i = 0; i < MH_NCLASSES; i++) {
        delay->classes[i].nheld = 0;
        delay->classes[i].nqueued = 0;
        delay->classes[i].oldest = 0;
    }
}
