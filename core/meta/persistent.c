// persistent.c - memory for the allocator's own records, never given back.

#include "core/meta/persistent.h"

#include "core/base/assert.h"
#include "core/base/atomic.h"
#include "core/base/bits.h"

// A record on the list starts a chunk, so what follows it stays well aligned.
#define RECORD_ALIGN 16
#define RECORD_SIZE                                            \
    ((sizeof(struct mh_persistent_chunk) + RECORD_ALIGN - 1) & \
     ~(size_t)(RECORD_ALIGN - 1))

void mh_persistent_init(struct mh_persistent *p, enum mh_purpose purpose) {
    *p = (struct mh_persistent){.purpose = purpose};
    mh_lock_init(&p->lock, MH_RANK_PERSISTENT);
}

static size_t round_to_pages(size_t size) {
    return mh_align_up(size, mh_sys_facts()->page_size);
}

// take cuts size bytes off the front of room; 0 when they do not fit.
static uintptr_t take(struct mh_persistent_room *room, size_t size,
                      size_t align) {
    uintptr_t base = mh_align_up(room->next, align);
    if (base > room->limit || room->limit - base < size) {
        return 0;
    }
    room->next = base + size;
    return base;
}

// publish puts a filled record on the list.
static void publish(struct mh_persistent *p, struct mh_persistent_chunk *chunk,
                    void *base, size_t size) {
    chunk->next = p->chunks;
    chunk->base = (uintptr_t)base;
    chunk->size = size;
    // Pairs with the acquire in mh_persistent_owns.
    MH_STORE_RELEASE(&p->chunks, chunk);
    // The lock orders writers; a reader wants a whole number, no more.
    MH_STORE_RELAXED(&p->mapped_bytes, p->mapped_bytes + size);
}

// take_new serves a request from a fresh chunk. The chunk with more left in it
// is the one that later requests are cut from.
static uintptr_t take_new(struct mh_persistent *p, size_t size, size_t align) {
    size_t least = round_to_pages(RECORD_SIZE + size + align);
    size_t chunk_size =
        p->chunks == NULL ? MH_PERSISTENT_FIRST_CHUNK : MH_PERSISTENT_CHUNK;
    if (chunk_size < least) {
        chunk_size = least;
    }
    chunk_size = round_to_pages(chunk_size);

    void *base = mh_sys_alloc(chunk_size, p->purpose);
    if (base == NULL && chunk_size > least) {
        chunk_size = least;
        base = mh_sys_alloc(chunk_size, p->purpose);
    }
    if (base == NULL) {
        return 0;
    }
    publish(p, base, base, chunk_size);

    uintptr_t start = (uintptr_t)base;
    struct mh_persistent_room room = {start + RECORD_SIZE, start + chunk_size};
    uintptr_t result = take(&room, size, align);
    if (room.limit - room.next > p->room.limit - p->room.next) {
        p->room = room;
    }
    return result;
}

static uintptr_t alloc_small(struct mh_persistent *p, size_t size,
                             size_t align) {
    uintptr_t base = take(&p->room, size, align);
    return base != 0 ? base : take_new(p, size, align);
}

// alloc_direct gets memory of its own for a large request. The record comes
// first and is kept for the next time when the system then refuses.
static uintptr_t alloc_direct(struct mh_persistent *p, size_t size,
                              size_t align) {
    if (p->spare == NULL) {
        uintptr_t record = alloc_small(p, RECORD_SIZE, RECORD_ALIGN);
        p->spare = (struct mh_persistent_chunk *)record;
    }
    if (p->spare == NULL) {
        return 0;
    }

    size_t page_size = mh_sys_facts()->page_size;
    size_t slack = align > page_size ? align - page_size : 0;
    size_t chunk_size = round_to_pages(size + slack);
    void *base = mh_sys_alloc(chunk_size, p->purpose);
    if (base == NULL) {
        return 0;
    }
    publish(p, p->spare, base, chunk_size);
    p->spare = NULL;
    return mh_align_up((uintptr_t)base, align);
}

void *mh_persistent_alloc(struct mh_persistent *p, size_t size, size_t align) {
    MH_CHECK(size != 0);
    MH_CHECK(mh_is_pow2(align) && align <= MH_PERSISTENT_MAX_ALIGN);
    if (size > SIZE_MAX / 2) {
        return NULL; // and so no sum below wraps
    }

    mh_lock(&p->lock);
    uintptr_t base = size >= MH_PERSISTENT_DIRECT ? alloc_direct(p, size, align)
                                                  : alloc_small(p, size, align);
    if (base != 0) {
        MH_STORE_RELAXED(&p->used_bytes, p->used_bytes + size);
    }
    mh_unlock(&p->lock);
    return (void *)base;
}

bool mh_persistent_owns(const struct mh_persistent *p, uintptr_t address) {
    // Acquire pairs with the release in publish: the record is filled in.
    const struct mh_persistent_chunk *chunk = MH_LOAD_ACQUIRE(&p->chunks);
    for (; chunk != NULL; chunk = chunk->next) {
        if (address - chunk->base < chunk->size) {
            return true;
        }
    }
    return false;
}
