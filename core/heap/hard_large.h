// hard_large.h - large objects of the hardened mode.
//
// Each of the default heap has a guard on either side, pages that are Reserved,
// as spans of their own (struct mh_span, guard): to everybody else they are
// pages that somebody manages by hand. When the object is freed its pages
// become a guard, too, so that any access traps, and the addresses are used
// again only after MH_HARD_HELD others were freed.
//
// What lies between the object's last byte and the end of its pages is filled,
// and looked at when it is freed.

#ifndef MHEAP_CORE_HEAP_HARD_LARGE_H
#define MHEAP_CORE_HEAP_HARD_LARGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/heap/arena.h"

struct mheap;

enum { MH_HARD_HELD = 64 };

// As mh_large_alloc; the object reads as zero. Where guards cannot be had, or
// there are very many, it has none.
void *mh_hard_large_alloc(struct mheap *heap, size_t size, size_t align);

// As mh_large_free. A write behind the object is reported.
bool mh_hard_large_free(struct mh_arena *arena, uintptr_t p,
                        const char *function);

// mh_hard_large_resize gives the object another size of as many pages; false
// when it has another number.
bool mh_hard_large_resize(struct mh_span *span, size_t size);

#endif // MHEAP_CORE_HEAP_HARD_LARGE_H
