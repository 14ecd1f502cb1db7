// sim_state.h - what the files of the simulator share.

#ifndef MHEAP_PLATFORM_SIM_SIM_STATE_H
#define MHEAP_PLATFORM_SIM_SIM_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/attr.h"
#include "platform/os.h"
#include "platform/sim/sim.h"

// One byte per page: its state in the low bits, and
enum {
    MH_SIM_STATE = 0x03, // mask of enum mh_state
    MH_SIM_START = 0x04, // first page of a reservation
    MH_SIM_JUNK = 0x08,  // holds a pattern that used must clear
};

// mh_sim_lock and mh_sim_unlock guard everything below. They start the
// simulator up. A child of a fork takes over from a vanished holder.
void mh_sim_lock(void);
void mh_sim_unlock(void);

// mh_sim_page is the byte of the page at address, in a run of *run_out bytes of
// consecutive pages, at most as many as there are up to limit.
unsigned char *mh_sim_page(uintptr_t address, uintptr_t limit, size_t *run_out);

// mh_sim_set records a state for a range, with flags for every page, and keeps
// the counts behind mh_sim_bytes.
void mh_sim_set(void *base, size_t size, enum mh_state state, unsigned flags);

// mh_sim_count is how many bytes of a range are in a state.
size_t mh_sim_count(void *base, size_t size, enum mh_state state);

// mh_sim_demand ends the process unless the rule of a move allows every page of
// a range.
void mh_sim_demand(enum mh_sys_op op, void *base, size_t size);

// mh_sim_piece is how much of [base, base + size) one call of the system may
// cover: up to the start of the next reservation where calls must not span two.
size_t mh_sim_piece(void *base, size_t size);

uint64_t mh_sim_bytes_locked(enum mh_state state);

// mh_sim_free_all forgets every page and unmaps what was behind them.
void mh_sim_free_all(void);

// mh_sim_attempt counts a call and says whether the plan lets it through: 0, or
// the code to fail with.
int mh_sim_attempt(unsigned kind);

// mh_sim_refused counts a failure that was not planned and gives its code back.
int mh_sim_refused(unsigned kind, int code);

// mh_sim_refuse is that as what a call of os.h returns.
static inline struct mh_os_err mh_sim_refuse(unsigned kind, int code) {
    return (struct mh_os_err){mh_sim_refused(kind, code)};
}

// mh_sim_room says whether size more bytes of address space, or of commit, fit
// the limits.
bool mh_sim_room_for_space(size_t size);
bool mh_sim_room_for_commit(size_t size);

// mh_sim_space is the limit of address space the system tells; where the plan
// has none, a small one, so that what is sized by it stays small.
size_t mh_sim_space(void);

bool mh_sim_hints_refused(void);
bool mh_sim_secure(void);
uint64_t mh_sim_clock(void);

// mh_sim_random is the next of a sequence that the seed determines.
uint64_t mh_sim_random(void);

// mh_sim_broken ends the process: the caller broke a rule of the state machine.
MH_COLD MH_NORETURN void mh_sim_broken(const char *move, uintptr_t address,
                                       const char *what);

#endif // MHEAP_PLATFORM_SIM_SIM_STATE_H
