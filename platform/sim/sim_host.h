// sim_host.h - what the simulator needs of the machine it runs on.
//
// Real memory to simulate with, and the threads, clock and streams that are not
// simulated at all. host_posix_sim.c and its like.

#ifndef MHEAP_PLATFORM_SIM_SIM_HOST_H
#define MHEAP_PLATFORM_SIM_SIM_HOST_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "platform/os.h"

// mh_host_granularity is what the host reserves in units of, in bytes: no
// simulated system can do so in smaller ones.
size_t mh_host_granularity(void);

// mh_host_page_size is what it protects in units of, in bytes.
size_t mh_host_page_size(void);

// mh_host_address_bits is how wide a user address is.
unsigned mh_host_address_bits(void);

// mh_host_program_end is where program and break end now; 0: unknown.
size_t mh_host_program_end(void);

// mh_host_map gets zeroed memory at the hint or, when that is taken or NULL, at
// a multiple of align anywhere; every access traps unless access says that it
// may be used. NULL when the host has none.
void *mh_host_map(void *hint, size_t size, bool access, size_t align);

// mh_host_can_read: a byte can be read without a trap; false where the host
// does not say.
bool mh_host_can_read(uintptr_t address);

// mh_host_unmap gives any part of what was mapped back; false when the host
// refuses.
bool mh_host_unmap(void *base, size_t size);

// mh_host_protect lets pages be used, or not: they keep what they hold. False
// when the host refuses.
bool mh_host_protect(void *base, size_t size, bool access);

// mh_host_discard makes pages zero, and gives what was behind them back.
void mh_host_discard(void *base, size_t size);

struct mh_os_err mh_host_map_shared(int fd, size_t size, void **base_out);

uint64_t mh_host_process_id(void);
const char *mh_host_getenv(const char *name);

void mh_host_write_error(const char *text, size_t size);
MH_COLD MH_NORETURN void mh_host_abort(bool run_handler);

// The host's own kind of out of memory.
bool mh_host_is_oom(int code);

#endif // MHEAP_PLATFORM_SIM_SIM_HOST_H
