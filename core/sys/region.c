// region.c - the rules of region.h as data.

#include "core/sys/region.h"

#include "core/base/assert.h"

#define RULE(op, from, to) [MH_OP_##op] = {#op, (from), (to)},
const struct mh_rule mh_rules[MH_NOPS] = {MH_SYS_OPS(RULE)};
#undef RULE

const char *mh_state_name(enum mh_state state) {
    static const char *const names[MH_NSTATES] = {
        [MH_NONE] = "none",
        [MH_RESERVED] = "reserved",
        [MH_PREPARED] = "prepared",
        [MH_READY] = "ready",
    };

    MH_ASSERT(state < MH_NSTATES);
    return names[state];
}
