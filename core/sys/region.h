// region.h - the four states of an address range, and the moves between them.
//
//            reserve            map               used
//     None ----------> Reserved -----> Prepared <-------> Ready
//      ^                  ^                      unused     |
//      |                  +---------------- fault ----------+
//      +--- free, from any state                (also from Prepared)
//
//   None      not ours.
//   Reserved  ours, no memory behind it; any access traps.
//   Prepared  ours, becomes Ready cheaply; an access may trap, read zeroes or
//             read what was there before.
//   Ready     ours, readable and writable.
//
// The table below is the only place where the rules are written. The checker
// (shadow.c), the simulated OS, the tests and docs/state-machine.md all derive
// from it.

#ifndef MHEAP_CORE_SYS_REGION_H
#define MHEAP_CORE_SYS_REGION_H

enum mh_state {
    MH_NONE,
    MH_RESERVED,
    MH_PREPARED,
    MH_READY,
    MH_NSTATES,
};

#define MH_IN(state) (1u << (state))

// X(move, the states it accepts, the state it leaves behind)
#define MH_SYS_OPS(X)                                           \
    X(alloc, MH_IN(MH_NONE), MH_READY)                          \
    X(reserve, MH_IN(MH_NONE), MH_RESERVED)                     \
    X(map, MH_IN(MH_RESERVED), MH_PREPARED)                     \
    X(used, MH_IN(MH_PREPARED) | MH_IN(MH_READY), MH_READY)     \
    X(unused, MH_IN(MH_READY), MH_PREPARED)                     \
    X(fault, MH_IN(MH_PREPARED) | MH_IN(MH_READY), MH_RESERVED) \
    X(free, MH_IN(MH_RESERVED) | MH_IN(MH_PREPARED) | MH_IN(MH_READY), MH_NONE)

#define MH_OP_ID(op, from, to) MH_OP_##op,
enum mh_sys_op { MH_SYS_OPS(MH_OP_ID) MH_NOPS };
#undef MH_OP_ID

struct mh_rule {
    const char *name;
    unsigned from; // set of MH_IN bits
    enum mh_state to;
};

extern const struct mh_rule mh_rules[MH_NOPS];

// mh_state_name is the state in lower case, as messages write it.
const char *mh_state_name(enum mh_state state);

#endif // MHEAP_CORE_SYS_REGION_H
