// demand.c - how many of the pages that lie idle are soon wanted again.

#include "core/scav/demand.h"

enum { TRIED = 8 }; // one part in so many of what is kept goes in a round

// Released pages that were taken since the last round. New pages are released
// ones. Who else gives pages back hides some: fewer are kept then.
static uint64_t taken_since(const struct mh_demand_look *last,
                            const struct mh_demand_look *now) {
    uint64_t were = last->released + (now->total - last->total);
    return were > now->released ? were - now->released : 0;
}

uint64_t mh_demand_begin(struct mh_demand *demand, struct mh_demand_look now) {
    uint64_t taken = taken_since(&demand->last, &now);
    uint64_t again = taken < demand->away ? taken : demand->away;
    demand->away -= again;
    if (now.made == demand->last.made) {
        demand->keep = 0;
    } else {
        demand->keep -= (demand->keep + TRIED - 1) / TRIED;
        demand->keep += again;
    }
    return demand->keep;
}

void mh_demand_end(struct mh_demand *demand, struct mh_demand_look now,
                   uint64_t given) {
    demand->away += given;
    demand->last = now;
}
