// sample.c - a few of all small objects, each between pages that trap.
//
// What is told of them is in sample_report.c.

#include "core/heap/sample.h"

#include <string.h>

#include "core/base/bits.h"
#include "core/heap/bad_free.h"
#include "core/heap/guard.h"
#include "core/heap/headroom.h"
#include "core/heap/heap.h"
#include "core/heap/huge.h"
#include "core/heap/large.h"
#include "core/heap/options.h"
#include "core/heap/sample_places.h"
#include "core/sys/region.h"
#include "core/sys/sys.h"
#include "core/sys/thread.h"
#include "core/sys/trap.h"

struct mh_sample_range mh_sample_range;
struct mh_sample_pool mh_sample_pool;

// While sampling is off a cache looks again after so many bytes.
enum { LOOK_AGAIN = 1 << 20 };

// Bytes behind an object in its page that are filled, and looked at when it is
// freed: what alignment leaves, and of an object at the start of its page a
// little more.
enum { TAIL_MAX = 64, TAIL_BYTE = 0xb7 };

static uint64_t next_random(struct mh_cache *cache) {
    uint64_t x = cache->sample_seed;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    cache->sample_seed = x;
    return x;
}

// The logarithm to the base 2 of 2^64 over a random number, so that the result
// times ln 2 is distributed exponentially with a mean of 1. Between powers of
// two a parabola, which is off by less than 0.001.
static double random_log2(uint64_t random) {
    random |= 1;
    unsigned power = mh_log2(random);
    double part =
        (double)(random << (63 - power) << 1) / 18446744073709551616.0;
    return 64 - (power + part + 0.3463 * part * (1 - part));
}

// The distance to the next sample has no memory: every byte is as likely as any
// other to be the one.
static int64_t next_distance(struct mh_cache *cache, uint64_t mean) {
    double distance =
        random_log2(next_random(cache)) * 0.69314718 * (double)mean;
    return distance < (double)(INT64_MAX / 2) ? (int64_t)distance
                                              : INT64_MAX / 2;
}

// The system is asked for a seed by who samples only.
static void count_anew(struct mh_cache *cache) {
    uint64_t mean = mh_option(MH_OPTION_GUARD_BYTES);
    if (mean != 0 && cache->sample_seed == 0) {
        mh_sys_random(&cache->sample_seed, sizeof(cache->sample_seed));
        cache->sample_seed |= 1; // of zero there comes nothing else
    }
    cache->sample_mean = mean;
    cache->sample_left = mean != 0 ? next_distance(cache, mean) : LOOK_AGAIN;
}

void mh_sample_start(struct mh_cache *cache) {
    count_anew(cache);
}

// The pool ------------------------------------------------------------------

static size_t unit_bytes(void) {
    return mh_guard_unit() << MH_PAGE_SHIFT;
}

static size_t pool_pages(void) {
    return (2 * MH_SAMPLE_PLACES + 1) * mh_guard_unit();
}

// A guard for each heap page, so that any of them can become an object's.
static bool close_pool_locked(struct mheap *heap, uintptr_t base) {
    size_t n = pool_pages();
    struct mh_split was = {.ready = n << MH_PAGE_SHIFT};
    for (size_t i = 0; i < n; i++) {
        (void)mh_guard_put(heap, base + (i << MH_PAGE_SHIFT), 1);
    }
    bool closed = mh_huge_fault(base, was.ready, was) == MH_OK;
    for (size_t i = 0; i < n; i++) {
        uintptr_t at = base + (i << MH_PAGE_SHIFT);
        struct mh_span *span = mh_arena_span(mh_arena_of_known(at), at);
        if (closed) {
            span->guard = MH_GUARD_RESERVED;
        } else {
            mh_guard_drop(heap, span);
        }
    }
    return closed;
}

static bool make_pool(struct mheap *heap) {
    bool zero = false;
    uintptr_t base =
        mh_heap_alloc_pages(heap, pool_pages(), mh_guard_unit(), &zero);
    if (base == 0) {
        return false;
    }
    mh_lock(&heap->lock);
    bool closed = close_pool_locked(heap, base);
    mh_unlock(&heap->lock);
    if (!closed) {
        mh_heap_free_pages(heap, base, pool_pages());
        return false;
    }
    for (unsigned i = 0; i < MH_SAMPLE_PLACES; i++) {
        struct mh_sample_place *place = &mh_sample_pool.places[i];
        place->base = base + (2 * i + 1) * unit_bytes();
        place->memory = MH_RESERVED;
    }
    mh_sample_range.base = base;
    // release: pairs with the acquire in mh_sample_owns.
    MH_STORE_RELEASE(&mh_sample_range.bytes, pool_pages() << MH_PAGE_SHIFT);
    return true;
}

// One thread makes the pool; the others are not served meanwhile. That traps
// are told comes first, so that a child has both, or makes what is missing.
static bool has_pool(struct mheap *heap) {
    uint32_t none = MH_POOL_NONE;
    uint32_t *state = &mh_sample_pool.state;
    if (MH_LIKELY(MH_LOAD_ACQUIRE(state) == MH_POOL_READY)) {
        return true;
    }
    if (!MH_CAS_ACQ_REL(state, &none, MH_POOL_MAKING)) {
        return false;
    }
    if (mh_option(MH_OPTION_GUARD_REPORT) != 0 && !mh_sample_pool.tells) {
        mh_sample_tell_traps();
        mh_sample_pool.tells = true;
    }
    if (!make_pool(heap)) {
        MH_STORE_RELEASE(state, MH_POOL_NONE);
        return false;
    }
    MH_STORE_RELEASE(state, MH_POOL_READY);
    return true;
}

// Children of one parent would all sample the same of their objects.
void mh_sample_child(void) {
    if (mh_sample_pool.state == MH_POOL_MAKING) {
        bool made = mh_sample_range.bytes != 0;
        mh_sample_pool.state = made ? MH_POOL_READY : MH_POOL_NONE;
    }
    struct mh_cache *cache = mh_tls_get();
    for (; cache != NULL && cache->state != MH_CACHE_NOBODY;
         cache = cache->next_thread) {
        cache->sample_seed ^=
            mh_sys_process_id() * UINT64_C(0x9e3779b97f4a7c15);
        cache->sample_seed |= cache->sample_mean != 0;
        count_anew(cache);
    }
}

// Places --------------------------------------------------------------------

// Objects that live for long would fill the pool, all from the same few calls:
// when half of it is taken a call has one place.
static bool may_take_locked(uint64_t site) {
    unsigned live = 0, same = 0;
    for (unsigned i = 0; i < MH_SAMPLE_PLACES; i++) {
        const struct mh_sample_place *place = &mh_sample_pool.places[i];
        live += place->is_live || MH_LOAD_RELAXED(&place->trapped);
        same += place->is_live && place->site == site;
    }
    return live < MH_SAMPLE_PLACES &&
           (same == 0 || live < MH_SAMPLE_PLACES / 2);
}

// The place that waits longest.
static struct mh_sample_place *oldest_locked(void) {
    struct mh_sample_place *oldest = NULL;
    for (unsigned i = 0; i < MH_SAMPLE_PLACES; i++) {
        struct mh_sample_place *place = &mh_sample_pool.places[i];
        if (!place->is_live && !MH_LOAD_RELAXED(&place->trapped) &&
            (oldest == NULL || place->freed < oldest->freed)) {
            oldest = place;
        }
    }
    return oldest;
}

// Where Prepared can be accessed, what was freed here would not trap any more.
static void close_place_locked(struct mh_sample_place *place) {
    struct mh_split was = {.prepared = unit_bytes()};
    if (mh_huge_fault(place->base, was.prepared, was) == MH_OK) {
        place->memory = MH_RESERVED;
    }
}

// Makes a place's page Ready; what is refused half way is undone or, where that
// is refused as well, gone on with next time.
static bool open_place_locked(struct mh_sample_place *place) {
    void *base = (void *)place->base;
    size_t bytes = unit_bytes();
    if (place->memory == MH_RESERVED) {
        if (mh_sys_map(base, bytes, MH_FOR_HEAP) != MH_OK) {
            return false;
        }
        place->memory = MH_PREPARED;
    }
    if (place->memory == MH_PREPARED) {
        mh_heap_make_room_locked(mh_heap_by_id(0), bytes);
        if (mh_sys_used(base, bytes, bytes, MH_FOR_HEAP) != MH_OK) {
            close_place_locked(place);
            return false;
        }
        place->memory = MH_READY;
    }
    return true;
}

static struct mh_span *span_at(uintptr_t p) {
    return mh_arena_span(mh_arena_of_known(p), p);
}

// How much of the page behind an object is filled.
static size_t tail_of(const struct mh_sample_place *place) {
    size_t behind = place->base + unit_bytes() - (place->p + place->size);
    return behind < TAIL_MAX ? behind : TAIL_MAX;
}

static bool is_tail_whole(const struct mh_sample_place *place) {
    const unsigned char *tail = (const unsigned char *)(place->p + place->size);
    size_t n = tail_of(place);
    while (n != 0 && tail[n - 1] == TAIL_BYTE) {
        n--;
    }
    return n == 0;
}

static void make_object_locked(struct mheap *heap,
                               struct mh_sample_place *place) {
    memset((void *)place->p, 0, place->size);
    memset((void *)(place->p + place->size), TAIL_BYTE, tail_of(place));
    mh_guard_drop(heap, span_at(place->p));
    mh_large_make(heap, place->p, 1, place->size, MH_GUARD_SAMPLED);
    mh_heap_count_large_locked(heap, 1);
}

static void end_object_locked(struct mheap *heap,
                              struct mh_sample_place *place) {
    uintptr_t page = mh_align_down(place->p, MH_PAGE_SIZE);
    struct mh_split was = {.ready = unit_bytes()};
    bool ended = mh_large_end(mh_arena_of_known(place->p), place->p);
    MH_CHECK(ended);
    mh_heap_count_freed_locked(heap, 1);
    struct mh_span *guard = mh_guard_put(heap, page, 1);
    if (mh_huge_fault(place->base, was.ready, was) == MH_OK) {
        guard->guard = MH_GUARD_RESERVED;
        place->memory = MH_RESERVED;
    }
}

static uint64_t site_of(const struct mh_sample_call *call) {
    uint64_t site = 0;
    for (unsigned i = 0; i < call->nframes; i++) {
        site = (site ^ call->frames[i]) * UINT64_C(0x9e3779b97f4a7c15);
    }
    return site;
}

// The system is asked by threads without a cache only: a process may have told
// it to allow no more than memory.
static uint64_t this_thread(void) {
    const struct mh_cache *cache = mh_tls_get();
    bool known = cache != NULL && cache->state == MH_CACHE_IN_USE;
    return known ? cache->thread : mh_thread_id();
}

static struct mh_sample_call this_call(void) {
    struct mh_sample_call call = {.thread = this_thread()};
    call.nframes = mh_stack_take(call.frames, MH_SAMPLE_FRAMES);
    return call;
}

static void *place_object(struct mheap *heap, size_t size, size_t room,
                          bool at_end) {
    struct mh_sample_call call = this_call();
    uint64_t site = site_of(&call);
    void *p = NULL;
    mh_lock(&heap->lock);
    struct mh_sample_place *place =
        may_take_locked(site) ? oldest_locked() : NULL;
    if (place != NULL && open_place_locked(place)) {
        place->p = place->base + (at_end ? unit_bytes() - room : 0);
        place->size = size;
        place->site = site;
        place->made = call;
        place->gone = (struct mh_sample_call){0};
        place->is_live = true;
        make_object_locked(heap, place);
        p = (void *)place->p;
    }
    mh_unlock(&heap->lock);
    return p;
}

void *mh_sample_alloc(struct mh_cache *cache, size_t size, size_t align) {
    uint64_t mean = cache->sample_mean;
    count_anew(cache);
    // Counted for another mean, or for none: the new one begins here.
    if (mean == 0 || mean != cache->sample_mean || cache->heap->id != 0) {
        return NULL;
    }
    // Programs may touch the byte that malloc(0) has not.
    size = size == 0 ? 16 : size;
    size_t room = mh_align_up(size, align < 16 ? 16 : align);
    if (size > MH_PAGE_SIZE || room > MH_PAGE_SIZE || !has_pool(cache->heap)) {
        return NULL;
    }
    return place_object(cache->heap, size, room,
                        (next_random(cache) >> 60 & 1));
}

struct mh_sample_place *mh_sample_place_of(uintptr_t address) {
    size_t unit = (address - mh_sample_range.base) / unit_bytes();
    return unit % 2 == 1 ? &mh_sample_pool.places[unit / 2] : NULL;
}

bool mh_sample_free(uintptr_t p, const char *function) {
    struct mh_sample_place *place = mh_sample_place_of(p);
    struct mheap *heap = mh_heap_by_id(0);
    struct mh_sample_call call = this_call();
    if (place == NULL) {
        return false;
    }
    mh_lock(&heap->lock);
    bool is_live = place->is_live && place->p == p;
    bool whole = true;
    if (is_live) {
        whole = is_tail_whole(place);
        place->gone = call;
        place->is_live = false;
        place->freed = ++mh_sample_pool.frees;
        end_object_locked(heap, place);
    }
    mh_unlock(&heap->lock);
    if (MH_UNLIKELY(!whole)) {
        mh_bad_write(MH_BAD_OVERFLOW, p, function);
    }
    return is_live;
}
