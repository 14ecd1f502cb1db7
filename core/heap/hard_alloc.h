// hard_alloc.h - malloc and free of the hardened mode.

#ifndef MHEAP_CORE_HEAP_HARD_ALLOC_H
#define MHEAP_CORE_HEAP_HARD_ALLOC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/heap/span.h"

struct mheap;

// mh_hard_alloc allocates size bytes at a multiple of align in a heap; all of
// it reads as zero, *zero_out. NULL when out of memory.
void *mh_hard_alloc(struct mheap *heap, size_t size, size_t align,
                    bool *zero_out);

// mh_hard_free frees p; false when it is no live object. A write beyond the
// object is reported.
bool mh_hard_free(uintptr_t p, const char *function);

// mh_hard_bytes is how many bytes the live object at p may use: exactly what
// was asked for.
size_t mh_hard_bytes(const struct mh_span *span, uintptr_t p);

// mh_hard_resize gives the object at p another size where it is. False
// when that does not fit, or would leave most of the place unused.
bool mh_hard_resize(struct mh_span *span, uintptr_t p, size_t size);

// mh_hard_keep makes the live object at p one of size bytes, where it is and
// however much of its slot that leaves. False when they do not fit, and of
// large and sampled objects, which stay as they were.
bool mh_hard_keep(uintptr_t p, size_t size);

// mh_hard_size_matches: an object of `bytes` may have been asked for with
// `size`, or with a size of the same class where only that was known.
bool mh_hard_size_matches(size_t bytes, size_t size);

// mh_hard_check_thread looks at every slot of the calling thread's caches, and
// reports the first write that it finds. For the end of a process: nothing is
// looked at while other threads have caches.
void mh_hard_check_thread(void);

#endif // MHEAP_CORE_HEAP_HARD_ALLOC_H
