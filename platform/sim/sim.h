// sim.h - what a test can do to the simulated OS.
//
// The simulator implements the seams of platform/ over real memory, with a page
// table of its own. It behaves like one of four systems, checks every call
// against the rules of core/sys/region.h (a broken rule ends the process with
// "mheap: sim: MOVE: ..."), and fails calls on request.
//
// The environment variable MHEAP_SIM (linux, darwin, windows or aix) picks the
// system at the first call; without it, it is linux. core/sys asks for the
// facts of the machine once, so whatever changes them (marked F) must come
// before the first call into core/sys.
//
// All functions are thread safe unless they say otherwise.

#ifndef MHEAP_PLATFORM_SIM_SIM_H
#define MHEAP_PLATFORM_SIM_SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/sys/region.h"

enum mh_sim_os {
    MH_SIM_LINUX,
    MH_SIM_DARWIN,
    MH_SIM_WINDOWS,
    MH_SIM_AIX,
    MH_SIM_NOS,
};

// The calls that can fail and are counted: the seven moves by their number in
// region.h, and three more.
enum mh_sim_call {
    MH_SIM_MOVE = MH_NOPS,
    MH_SIM_MAP_SHARED,
    MH_SIM_DISCARD,
    MH_SIM_NCALLS,
};

// What Prepared pages hold when they become Ready again.
enum mh_sim_comeback {
    MH_SIM_ZEROES,
    MH_SIM_ANYTHING, // zeroes, the old bytes or junk, at random
};

// What a system is like. Sizes in bytes.
struct mh_sim_traits {
    const char *name;
    size_t page_size;
    size_t reserve_align;
    size_t huge_page_size;
    bool partial_free;
    bool commit_charged;
    bool can_move;
    bool can_discard;
    bool unused_takes_ranges; // in one call
    bool prepared_traps;      // any access to Prepared traps
    bool fault_discards;  // fault gives the pages back; else they stay behind
    bool per_reservation; // one call never covers two reservations
    enum mh_sim_comeback comeback;
    int out_of_memory; // native codes
    int out_of_commit;
    int bad_argument;
};

// mh_sim_become starts over as another system (F): all simulated memory is
// freed, counters are 0, limits and plans of failure are gone. Not thread safe.
void mh_sim_become(enum mh_sim_os os);

// mh_sim_os_now is the system in force, mh_sim_traits_now what it is like.
enum mh_sim_os mh_sim_os_now(void);
const struct mh_sim_traits *mh_sim_traits_now(void);

// mh_sim_set_page_size changes the page (F): 4 KiB, 16 KiB or 64 KiB, not less
// than the host's. Before any memory exists.
void mh_sim_set_page_size(size_t page_size);

// mh_sim_set_seed restarts the generator behind random choices.
void mh_sim_set_seed(uint64_t seed_value);

// mh_sim_refuse_hints makes every hint be ignored.
void mh_sim_refuse_hints(bool refuse);

// Limits in bytes, 0 for none: Ready memory together, and all states together.
void mh_sim_limit_commit(size_t bytes);
void mh_sim_limit_space(size_t bytes);

// Plans of failure. They add up; mh_sim_fail_nothing ends them all.
// mh_sim_fail_nth fails the n-th call from now, once; 1 is the next.
// mh_sim_fail_from fails the n-th call from now and all later ones.
// mh_sim_fail_kind fails every call of a kind (enum mh_sys_op or mh_sim_call).
// mh_sim_fail_rate fails each call with probability n in 1000.
// mh_sim_fail_code chooses the native code; 0 is the system's out of memory.
void mh_sim_fail_nth(uint64_t n);
void mh_sim_fail_from(uint64_t n);
void mh_sim_fail_kind(unsigned kind, bool fail);
void mh_sim_fail_rate(unsigned per_thousand);
void mh_sim_fail_code(int code);
void mh_sim_fail_nothing(void);

// mh_sim_calls and mh_sim_failures count calls since the start, of one kind or,
// for MH_SIM_NCALLS, of all. Failures include those of limits.
uint64_t mh_sim_calls(unsigned kind);
uint64_t mh_sim_failures(unsigned kind);

// mh_sim_bytes is how much memory is in a state, mh_sim_state_of the state of
// the page of an address.
uint64_t mh_sim_bytes(enum mh_state state);
enum mh_state mh_sim_state_of(const void *address);

// mh_sim_set_clock stops mh_os_now_ns at a moment; 0 lets it run again.
void mh_sim_set_clock(uint64_t now_ns);

// mh_sim_trap tells who wants to know (mh_os_on_trap) that an access trapped;
// mh_sim_refuse_traps lets nobody register for that.
void mh_sim_trap(const void *address);
void mh_sim_refuse_traps(bool refuse);

// mh_sim_set_secure decides what mh_os_is_secure says.
void mh_sim_set_secure(bool is_secure);

#endif // MHEAP_PLATFORM_SIM_SIM_H
