// fixalloc.c - a pool of equal records outside the heap.

#include "core/meta/fixalloc.h"

#include <string.h>

#include "core/base/assert.h"
#include "core/base/bits.h"

#define RECORD_ALIGN 16

void mh_fixalloc_init(struct mh_fixalloc *f, size_t record_size,
                      struct mh_persistent *persistent,
                      enum mh_fixalloc_flags flags,
                      void (*first_use)(void *argument, void *record),
                      void *first_use_argument) {
    MH_CHECK(record_size != 0 && record_size <= SIZE_MAX / 2);
    *f = (struct mh_fixalloc){
        .persistent = persistent,
        .first_use = first_use,
        .first_use_argument = first_use_argument,
        .record_size = mh_align_up(record_size, RECORD_ALIGN),
        .zero = flags == MH_FIXALLOC_ZERO,
    };
}

// refill gets a chunk; when that is refused, room for one record.
static bool refill(struct mh_fixalloc *f) {
    size_t size = f->record_size;
    if (size < MH_FIXALLOC_CHUNK) {
        size = MH_FIXALLOC_CHUNK - MH_FIXALLOC_CHUNK % size;
    }
    void *chunk = mh_persistent_alloc(f->persistent, size, MH_CACHE_LINE);
    if (chunk == NULL && size > f->record_size) {
        size = f->record_size;
        chunk = mh_persistent_alloc(f->persistent, size, MH_CACHE_LINE);
    }
    if (chunk == NULL) {
        return false;
    }
    f->next = (uintptr_t)chunk;
    f->limit = f->next + size;
    f->chunk_bytes += size;
    return true;
}

// alloc_fresh hands out a record that was never used.
static void *alloc_fresh(struct mh_fixalloc *f) {
    // Chunks are whole records, so that nothing is left behind here.
    if (f->next == f->limit && !refill(f)) {
        return NULL;
    }
    void *record = (void *)f->next;
    f->next += f->record_size;
    if (f->first_use != NULL) {
        f->first_use(f->first_use_argument, record);
    }
    return record;
}

void *mh_fixalloc_alloc(struct mh_fixalloc *f) {
    struct mh_fixalloc_link *link = f->free;
    void *record = link;
    if (link == NULL) {
        record = alloc_fresh(f);
        if (record == NULL) {
            return NULL;
        }
    } else {
        f->free = link->next;
        if (f->zero) {
            memset(record, 0, f->record_size);
        }
    }
    f->in_use++;
    return record;
}

void mh_fixalloc_free(struct mh_fixalloc *f, void *record) {
    MH_CHECK(record != NULL && f->in_use != 0);
    struct mh_fixalloc_link *link = record;
    link->next = f->free;
    f->free = link;
    f->in_use--;
}
