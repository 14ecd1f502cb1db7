// stats.h - where the memory is, in numbers.

#ifndef MHEAP_STATS_H
#define MHEAP_STATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mheap/export.h"

#ifdef __cplusplus
extern "C" {
#endif

struct mheap;

// One size class of one heap. used + cached + free + pending is what its spans
// can hold.
struct mheap_class_stats {
    uint64_t slot_bytes; // bytes of one slot
    uint64_t spans;      // in use
    uint64_t slots;      // in those spans
    uint64_t used;       // slots the program has
    uint64_t cached;     // slots in thread caches
    uint64_t free;       // free slots in spans
    uint64_t pending;    // freed by other threads, not yet seen by the owner
};

// Bytes unless said otherwise. Counters that end in _total only ever grow.
struct mheap_stats {
    uint64_t in_use_bytes;    // used slots * slot size, and large objects
    uint64_t in_use_objects;  // objects the program has
    uint64_t cached_bytes;    // in thread caches
    uint64_t span_free_bytes; // free and pending slots in spans
    uint64_t tail_bytes;      // span ends no slot fits into
    uint64_t manual_bytes;    // mheap_pages_alloc, and guards
    uint64_t free_page_bytes; // pages that hold nothing and are kept Ready
    uint64_t released_bytes;  // pages that hold nothing and are given back
    uint64_t large_objects;   // of over 32 KiB, sampled, aligned to a page
    uint64_t large_bytes;
    uint64_t spans;
    uint64_t caches;         // of threads, and one of each heap's own
    uint64_t metadata_bytes; // own records, and regions of os.h, Ready
    uint64_t reserved_bytes; // by state, everything the library has mapped
    uint64_t prepared_bytes;
    uint64_t ready_bytes;
    uint64_t mapped_peak_bytes; // the three together, at most ever
    uint64_t bad_frees_total;
    uint64_t os_calls_total;
    uint64_t os_failures_total; // system calls refused
    uint64_t lock_waits_total;  // times a thread slept for a lock of this heap
    uint64_t counted_bytes;     // of ready_bytes, what the limits count
    uint64_t soft_limit_bytes;  // 0: none
    uint64_t hard_limit_bytes;  // 0: none
    uint64_t limit_refusals_total; // growth refused by the hard limit
    // How often locks were taken, by lock (docs/locking.md); this function
    // takes some itself. The first three are of the heap, the others of the
    // process.
    uint64_t locks_heap_total;      // pages and address space of the heap
    uint64_t locks_central_total;   // spans without an owner
    uint64_t locks_side_total;      // cache of the threads without one
    uint64_t locks_registry_total;  // threads that come or go
    uint64_t locks_arenas_total;    // address space from the system
    uint64_t locks_records_total;   // span records, a lock per arena
    uint64_t locks_other_total;     // list of heaps, giving back, records
    uint64_t locks_thread_total;    // those that belong to one thread
    uint64_t locks_contended_total; // of all these: another thread held it
};

// mheap_stats fills *out for one heap, or for all of them when heap is NULL
// (metadata, states and system calls are the process's in both cases). It walks
// the spans: time in proportion to their number, no allocation. While other
// threads run, figures of different moments mix: each slot is counted once, in
// the state it had when it was looked at.
//
// The function and the structure share a name, as stat and struct stat do; g++
// takes the one for the other's constructor.
#if defined(__GNUC__) && defined(__cplusplus)
#    pragma GCC diagnostic push
#    pragma GCC diagnostic ignored "-Wshadow"
#endif
MHEAP_API void mheap_stats(const struct mheap *heap, struct mheap_stats *out);
#if defined(__GNUC__) && defined(__cplusplus)
#    pragma GCC diagnostic pop
#endif

// mheap_class_stats_get fills *out for class i of heap (NULL: all heaps), i
// from 1; false when there is no such class.
MHEAP_API bool mheap_class_stats_get(const struct mheap *heap, unsigned i,
                                     struct mheap_class_stats *out);

#ifdef __cplusplus
}
#endif

#endif // MHEAP_STATS_H
