// large.h - objects of over 32 KiB: a span each, straight from the pages.

#ifndef MHEAP_CORE_HEAP_LARGE_H
#define MHEAP_CORE_HEAP_LARGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/heap/arena.h"

struct mheap;

// mh_large_alloc returns an object of size bytes at a multiple of align, a
// power of two. *zero_out: it reads as zero. NULL when out of memory. Takes the
// heap lock.
void *mh_large_alloc(struct mheap *heap, size_t size, size_t align,
                     bool *zero_out);

// mh_large_alloc_growing is mh_large_alloc for an object that has outgrown its
// place: where there is one, it gets a place in which it can go on growing.
void *mh_large_alloc_growing(struct mheap *heap, size_t size);

// mh_large_make makes the object of size bytes that pages were taken for; p
// lies in the first of them. mh_large_end is the way back: the pages are the
// caller's again, and the result is that of mh_large_free.
void mh_large_make(struct mheap *heap, uintptr_t p, size_t npages, size_t size,
                   enum mh_span_guard guard);
bool mh_large_end(struct mh_arena *arena, uintptr_t p);

// mh_large_free frees the large object that starts at p; false when there is
// none. Of two threads that free the same object one gets true.
bool mh_large_free(struct mh_arena *arena, uintptr_t p);

// mh_large_resize grows or shrinks a live large object where it is; size is
// over 32 KiB. False when the pages behind it are taken; it is then as it was.
bool mh_large_resize(struct mh_span *span, size_t size);

// mh_large_move gives a large object a larger place by moving its pages instead
// of its bytes, where the system can and the object is worth a mapping of its
// own. Returns the new place, with the old one freed; NULL when it did nothing.
void *mh_large_move(struct mh_span *span, size_t size);

// mh_large_bytes is how many bytes of a large object its user may write.
size_t mh_large_bytes(const struct mh_span *span);

#endif // MHEAP_CORE_HEAP_LARGE_H
