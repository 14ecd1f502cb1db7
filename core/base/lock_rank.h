// lock_rank.h - every lock of the library, in the order they may be taken.
//
// A thread takes locks in growing rank and lets go of them in falling rank.
// Debug builds assert it. The same list in words is docs/locking.md.

#ifndef MHEAP_CORE_BASE_LOCK_RANK_H
#define MHEAP_CORE_BASE_LOCK_RANK_H

enum mh_lock_rank {
    MH_RANK_NONE,
    MH_RANK_SCAVENGER,  // rounds of giving back; keeps forks out of them
    MH_RANK_HEAPS,      // the list of heaps; creation and destruction
    MH_RANK_SIDE,       // the side cache of a heap
    MH_RANK_REGISTRY,   // thread caches: ids, creation, exit
    MH_RANK_LIFE,       // one thread cache: its thread ends, or its heap does
    MH_RANK_CENTRAL,    // one span class's central list
    MH_RANK_PAGE_CACHE, // one thread's page cache
    MH_RANK_HEAP,       // pages and spans of one heap
    MH_RANK_ARENAS,     // the arena map and the hints
    MH_RANK_FIXALLOC,   // one pool of records
    MH_RANK_PERSISTENT, // memory that is never freed
    MH_NRANKS,
};

#endif // MHEAP_CORE_BASE_LOCK_RANK_H
