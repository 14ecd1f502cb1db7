// slow.h - what the API's functions share beside the fast paths.

#ifndef MHEAP_CORE_API_SLOW_H
#define MHEAP_CORE_API_SLOW_H

#include <stdbool.h>
#include <stddef.h>

#include "core/heap/span.h"

struct mheap;

// mh_alloc allocates size bytes at a multiple of align, a power of two, in a
// heap; a NULL heap is one there was no memory for. *zero_out: it is known to
// read as zero. NULL with ENOMEM when out of memory.
void *mh_alloc(struct mheap *heap, size_t size, size_t align, bool *zero_out);

// mh_alloc_growing is the same for an object that moves because it has outgrown
// its place: a large one gets room to grow in again.
void *mh_alloc_growing(struct mheap *heap, size_t size);

// mh_side_class is the class that serves a size, and an alignment, for threads
// without a cache. The objects beside it are other threads', so that each has
// its cache lines to itself; and there are few, so that a power of two serves
// up to 1 KiB: spans of few classes are begun for them. The size is one that
// has a class.
unsigned mh_side_class(size_t size, size_t align);

// A live object and its span.
struct mh_object {
    struct mh_span *span; // NULL: there is none
    size_t bytes;         // that its user may write
};

// mh_object_at finds the live object that starts at p.
struct mh_object mh_object_at(const void *p);

#endif // MHEAP_CORE_API_SLOW_H
