// records.h - where the heap's own records come from.

#ifndef MHEAP_CORE_HEAP_RECORDS_H
#define MHEAP_CORE_HEAP_RECORDS_H

#include "core/meta/persistent.h"

// Heaps, tables of arenas and caches, page allocator records. Static, so that
// it can serve before anything is set up.
extern struct mh_persistent mh_records;

#endif // MHEAP_CORE_HEAP_RECORDS_H
