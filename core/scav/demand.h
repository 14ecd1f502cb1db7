// demand.h - how many of the pages that lie idle are soon wanted again.
//
// A page that a round gives back, and that is taken again a moment later, costs
// a fault for nothing. So what was taken again since the last round is kept
// from then on: the program has shown that its waves are longer than the time
// between two rounds. An eighth of what is kept goes in each round, to find out
// whether it is still wanted; all of it when the heap made no span and no
// large object in the meantime: then the program is taken for idle.
//
// Pages are counted, not remembered: the heap is filled from below, and what
// rounds give back lies below what was never used. Pure but for its own fields;
// the caller has a lock.

#ifndef MHEAP_CORE_SCAV_DEMAND_H
#define MHEAP_CORE_SCAV_DEMAND_H

#include <stdint.h>

// A heap at one moment.
struct mh_demand_look {
    uint64_t total;    // pages, ever given to it
    uint64_t released; // of them, free and released
    uint64_t made;     // spans and large objects, ever
};

// A zeroed record is that of a heap which no round has seen.
struct mh_demand {
    struct mh_demand_look last; // when the last round ended
    uint64_t away; // pages that rounds gave back and nobody has taken since
    uint64_t keep; // pages that are not to be given back
};

// mh_demand_begin is how many pages a round has to keep, of those that lie
// idle. mh_demand_end is told what the heap is like when the round has given
// back so many.
uint64_t mh_demand_begin(struct mh_demand *demand, struct mh_demand_look now);
void mh_demand_end(struct mh_demand *demand, struct mh_demand_look now,
                   uint64_t given);

#endif // MHEAP_CORE_SCAV_DEMAND_H
