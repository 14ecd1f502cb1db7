// persistent.h - memory for the allocator's own records, never given back.
//
// This is persistentalloc of the design. Small requests are cut from chunks,
// large ones go to the system directly; both are listed, so that "is this
// pointer one of ours" has an answer, also for a reader outside the process:
// the list only ever grows at its head, and a record on it never changes.

#ifndef MHEAP_CORE_META_PERSISTENT_H
#define MHEAP_CORE_META_PERSISTENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/attr.h"
#include "core/sys/lock.h"
#include "core/sys/sys.h"

// A chunk is this large; the first is smaller, so that small processes stay so.
#define MH_PERSISTENT_CHUNK       ((size_t)256 << 10)
#define MH_PERSISTENT_FIRST_CHUNK ((size_t)64 << 10)

// Requests of this size and more get memory of their own.
#define MH_PERSISTENT_DIRECT ((size_t)64 << 10)

// The largest alignment that may be asked for.
#define MH_PERSISTENT_MAX_ALIGN ((size_t)8192)

// One piece of memory from the system. Constant once it is on the list.
struct mh_persistent_chunk {
    struct mh_persistent_chunk *next; // older
    uintptr_t base;
    size_t size;
};

// Memory not yet handed out: [next, limit).
struct mh_persistent_room {
    uintptr_t next, limit;
};

// Locking: (c) constant, (l) lock, (a) stored under lock, read by anyone.
struct mh_persistent {
    struct mh_lock lock;
    enum mh_purpose purpose;            // (c)
    struct mh_persistent_chunk *chunks; // (a) newest first
    struct mh_persistent_chunk
        *spare;                     // (l) a record that is not in use, or NULL
    struct mh_persistent_room room; // (l) what is left of one chunk
    size_t mapped_bytes;            // (a) all chunks together
    size_t used_bytes;              // (a) handed out, without padding
};

// A static source needs no call: it is empty from the start.
#define MH_PERSISTENT_INIT(purpose_value) \
    { .lock = MH_LOCK_INIT(MH_RANK_PERSISTENT), .purpose = (purpose_value) }

// mh_persistent_init makes an empty source whose memory is booked for purpose.
// p may lie in any memory that outlives all use. Nothing undoes it.
void mh_persistent_init(struct mh_persistent *p, enum mh_purpose purpose);

// mh_persistent_alloc returns size zeroed bytes at a multiple of align, a power
// of two up to MH_PERSISTENT_MAX_ALIGN; size is not 0. NULL when out of memory;
// p is then as good as before. Takes p's lock.
MH_NODISCARD void *mh_persistent_alloc(struct mh_persistent *p, size_t size,
                                       size_t align);

// mh_persistent_owns: address lies in memory of p, handed out or not. Takes no
// lock.
bool mh_persistent_owns(const struct mh_persistent *p, uintptr_t address);

#endif // MHEAP_CORE_META_PERSISTENT_H
