// os_info.h - facts about the machine, and the few ways to speak to the world.
//
// Only core/sys includes it. Nothing here allocates or takes an mheap lock.

#ifndef MHEAP_PLATFORM_OS_INFO_H
#define MHEAP_PLATFORM_OS_INFO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/attr.h"

// What this machine can do. Constant after the first mh_os_query.
struct mh_os_info {
    size_t page_size;      // bytes; granularity of map, used, unused, fault
    size_t reserve_align;  // bytes; alignment and granularity of reserve
    size_t huge_page_size; // bytes; 0 when transparent ones are unavailable
    unsigned address_bits; // width of a user address
    size_t space_bytes;    // address space the process may have; 0: no limit
    size_t program_end;    // where program and break end now; 0: unknown
    bool partial_free;     // free may take part of a reservation
    bool unused_zeroes;    // pages read as zero after unused, then used
    bool commit_charged;   // Ready pages cost commit even when untouched
    bool can_move;         // mh_os_move works
    bool can_discard;      // mh_os_discard works
};

// mh_os_query fills info. It cannot fail: a fact that cannot be found out gets
// the value that promises least.
void mh_os_query(struct mh_os_info *info);

// mh_os_entropy fills size bytes (at most 256) that a stranger cannot predict,
// as well as the system can without blocking.
void mh_os_entropy(void *buffer, size_t size);

// mh_os_getenv is getenv that works before constructors have run. The result
// belongs to the environment. NULL when unset.
const char *mh_os_getenv(const char *name);

// mh_os_is_secure: the process runs with more rights than its caller (setuid,
// file capabilities), so its environment must not be trusted.
bool mh_os_is_secure(void);

// mh_os_process_id names this process; it changes in the child of a fork.
uint64_t mh_os_process_id(void);

// mh_os_publish makes the root record findable from outside where the system
// needs a call for that; where the program's file already says where it is (an
// ELF note), the call only keeps that file in the link.
void mh_os_publish(const void *root);

// mh_os_write_error writes to standard error with one system call, keeping
// errno. Failure is ignored: there is nobody to tell.
void mh_os_write_error(const char *text, size_t size);

// mh_os_abort ends the process as abort() does. The program's own handler for
// that runs first only when run_handler says so: it may allocate.
MH_COLD MH_NORETURN void mh_os_abort(bool run_handler);

#endif // MHEAP_PLATFORM_OS_INFO_H
