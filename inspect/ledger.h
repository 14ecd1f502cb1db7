// ledger.h - where the memory of a heap is, as a sum that can be checked.
//
// Every line is counted on its own: object lines from span records and bits,
// page lines from the page allocator's bitmaps, metadata from where it lies,
// residency from the page tables of the target. No line is what is left over,
// nothing is clamped. The two equations need not hold on a target that runs
// meanwhile; by how much they fail is a line too.
//
//   live + tail + cached + pending + free_slots + manual + taken
//     + page_caches + free_kept + metadata
//     - untouched + lingering                            =  resident
//   (ready_bytes)  + released + room + metadata_rest     =  reserved

#ifndef MHEAP_INSPECT_LEDGER_H
#define MHEAP_INSPECT_LEDGER_H

#include "inspect/view.h"

struct mh_ledger {
    // What memory is for, whether touched or not.
    uint64_t live;       // objects the program has
    uint64_t tail;       // behind the last slot of a span, behind large objects
    uint64_t cached;     // slots in thread caches
    uint64_t pending;    // slots freed by other threads, with the owner still
    uint64_t free_slots; // free slots in spans
    uint64_t manual;     // pages managed by hand
    uint64_t taken;      // pages allocated, without a stable span
    uint64_t page_caches; // free pages threads keep, not released
    uint64_t free_kept;   // free pages, not released
    uint64_t metadata;    // the library's own records, all that is Ready
    uint64_t sum;         // of the ten lines above

    uint64_t untouched; // of the sum, what no page of its own backs
    uint64_t lingering; // of released, what is in memory nevertheless
    uint64_t resident;  // own pages in all of mheap's mappings, measured there
    int64_t difference; // (sum - untouched + lingering) - resident

    // Address space.
    uint64_t released;      // free pages given back, page caches included
    uint64_t room;          // reserved for a heap, never mapped
    uint64_t metadata_rest; // reserved for metadata, not Ready
    uint64_t reserved;      // all address space of mheap, measured from extents
                            // and metadata
    int64_t reserved_difference; // sum + released + room + metadata_rest
                                 // - reserved
    uint64_t booked; // what the library's own books say of `reserved`

    // The process.
    uint64_t process_resident; // as the system says
    int64_t rest;              // process_resident - resident

    // Exact figures that explain the lines.
    uint64_t live_objects, cached_objects, pending_objects, free_objects;
    uint64_t large_objects, large_bytes; // part of live
    uint64_t swapped;                    // bytes of mheap in swap
};

// mh_ledger_make adds up a view. Without residency in the view, untouched,
// lingering, resident, difference, rest and swapped are 0 and mean nothing.
void mh_ledger_make(const struct mh_view *view, struct mh_ledger *out);

#endif // MHEAP_INSPECT_LEDGER_H
