// sample_places.h - what is known of each sampled object, for sample.c and
// sample_report.c.

#ifndef MHEAP_CORE_HEAP_SAMPLE_PLACES_H
#define MHEAP_CORE_HEAP_SAMPLE_PLACES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/heap/sample.h"

// Who has called, and from where.
struct mh_sample_call {
    uint64_t thread; // as the system shows it
    uint32_t nframes;
    uintptr_t frames[MH_SAMPLE_FRAMES];
};

struct mh_sample_place {
    uintptr_t base; // (c) of its page, or pages, of the system's
    uintptr_t p;    // the object, or what was the last one; 0: none yet
    size_t size;    // as it was asked for
    uint64_t site;  // a hash of the calls that it came from
    uint64_t freed; // by how many sampled objects before and with this one
    bool is_live;   // the program has it
    bool trapped;   // (a) an access did: no object comes here again
    uint8_t memory; // enum mh_state
    struct mh_sample_call made, gone;
};

enum mh_sample_state {
    MH_POOL_NONE,
    MH_POOL_MAKING, // a thread is
    MH_POOL_READY,
};

struct mh_sample_pool {
    uint32_t state; // (a) enum mh_sample_state
    bool tells;     // traps; of who makes the pool
    uint64_t frees; // (l) of the default heap
    struct mh_sample_place places[MH_SAMPLE_PLACES]; // (l)
};

extern struct mh_sample_pool mh_sample_pool;

// mh_sample_place_of is the place whose page an address of the pool lies in;
// NULL: a guard's.
struct mh_sample_place *mh_sample_place_of(uintptr_t address);

// mh_sample_tell_traps has traps in the pool told of, where the system can.
void mh_sample_tell_traps(void);

#endif // MHEAP_CORE_HEAP_SAMPLE_PLACES_H
