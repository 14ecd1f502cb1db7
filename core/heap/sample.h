// sample.h - a few of all small objects, each between pages that trap.
//
// One object in so many bytes (MH_OPTION_GUARD_BYTES) that thread caches take
// from spans is served from a pool of places, in every mode. A place is a page,
// between guards; the object lies at its end, where its alignment lets it, or
// at its start: which is random. A freed one's page traps too, until its place
// is needed, the one that was freed first. The stacks of the malloc and of the
// free are kept, and told when an access there traps or a free is bad.
//
// To all others the object is a large one, of a page, whose span says where in
// the page it begins (mh_span_object), and the guards are guards (guard.h).
//
// A place changes under the lock of the default heap, which owns the pool: so a
// fork's child finds each whole. Reports read without it.

#ifndef MHEAP_CORE_HEAP_SAMPLE_H
#define MHEAP_CORE_HEAP_SAMPLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/atomic.h"
#include "core/base/attr.h"

struct mh_cache;

enum {
    MH_SAMPLE_PLACES = 12, // each costs two mappings while it is used
    MH_SAMPLE_FRAMES = 24, // of a stack that are kept
};

// Where the pool lies; 0 bytes: there is none. Constant once it is there.
struct mh_sample_range {
    uintptr_t base;
    uintptr_t bytes; // (a) written last
};

extern struct mh_sample_range mh_sample_range;

// mh_sample_owns: the address lies in the pool, whatever is there.
static inline bool mh_sample_owns(uintptr_t address) {
    // acquire: pairs with the release that published the base.
    uintptr_t bytes = MH_LOAD_ACQUIRE(&mh_sample_range.bytes);
    return MH_UNLIKELY(address - mh_sample_range.base < bytes);
}

// mh_sample_start begins the count of a cache that a thread gets.
void mh_sample_start(struct mh_cache *cache);

// mh_sample_alloc is called when the bytes of a cache are used up. It counts
// anew, and returns an object of size bytes, zeroed and live, or NULL: sampling
// is off, or there is no place for it. The caller has entered no cache.
MH_COLD void *mh_sample_alloc(struct mh_cache *cache, size_t size,
                              size_t align);

// mh_sample_free frees the object that starts at p, an address of the pool;
// false when there is none. A write to the bytes behind the object that are
// filled, which did not trap, is reported.
MH_COLD bool mh_sample_free(uintptr_t p, const char *function);

// What an address of the pool is about.
struct mh_sample_about {
    uintptr_t object; // 0: nothing was ever there
    size_t size;
    bool is_free;  // it was freed since
    bool is_guard; // the address is not in the object's page
};

struct mh_sample_about mh_sample_about(uintptr_t address);

// mh_sample_say writes of an address of the pool who has allocated and who has
// freed what it is about.
void mh_sample_say(uintptr_t address);

// mh_sample_child makes the pool whole in the child of a fork, which samples
// other objects than its parent and its parent's other children.
void mh_sample_child(void);

#endif // MHEAP_CORE_HEAP_SAMPLE_H
