// fixalloc.h - a pool of equal records outside the heap.
//
// Spans, caches, hints and specials come from here. A record that was freed is
// handed out again first. Memory comes from a persistent source in chunks of
// 16 KiB and is never given back, so an old pointer to a record always reads
// some record of this kind.
//
// The caller holds a lock around every call on one pool.

#ifndef MHEAP_CORE_META_FIXALLOC_H
#define MHEAP_CORE_META_FIXALLOC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/attr.h"
#include "core/meta/persistent.h"

#define MH_FIXALLOC_CHUNK ((size_t)16 << 10)

enum mh_fixalloc_flags {
    MH_FIXALLOC_KEEP = 0, // a record keeps what it held, but for its first word
    MH_FIXALLOC_ZERO = 1, // a record reads as zero each time it is handed out
};

// What lies in the first word of a free record.
struct mh_fixalloc_link {
    struct mh_fixalloc_link *next;
};

struct mh_fixalloc {
    struct mh_persistent *persistent;
    void (*first_use)(void *argument, void *record); // or NULL
    void *first_use_argument;
    struct mh_fixalloc_link *free; // newest first
    uintptr_t next, limit;         // what is left of the newest chunk
    size_t record_size;            // bytes, rounded up to 16
    size_t in_use;                 // records handed out
    size_t chunk_bytes;            // taken from persistent, ever
    bool zero;
};

// mh_fixalloc_init makes an empty pool of records of record_size bytes. They
// are aligned to 16, and to 64 where record_size is a multiple of 64. Unless
// NULL, first_use is called once in the life of each record, the first time
// that it is handed out, when it reads as zero. Takes no memory yet.
void mh_fixalloc_init(struct mh_fixalloc *f, size_t record_size,
                      struct mh_persistent *persistent,
                      enum mh_fixalloc_flags flags,
                      void (*first_use)(void *argument, void *record),
                      void *first_use_argument);

// mh_fixalloc_alloc hands out a record; NULL when out of memory. May take the
// lock of the persistent source.
MH_NODISCARD void *mh_fixalloc_alloc(struct mh_fixalloc *f);

// mh_fixalloc_free takes back a record of this pool. Its first word is the
// pool's from now on; the rest stays as it is until the record is used again.
void mh_fixalloc_free(struct mh_fixalloc *f, void *record);

#endif // MHEAP_CORE_META_FIXALLOC_H
