// account.h - the books of core/sys: bytes per state and purpose.
//
// Counters are atomic and independent: each is exact, and when no call is under
// way reserved + prepared + ready is what is mapped. Outside readers take them
// as they are (mh_sys_books).

#ifndef MHEAP_CORE_SYS_ACCOUNT_H
#define MHEAP_CORE_SYS_ACCOUNT_H

#include <stdbool.h>
#include <stddef.h>

#include "core/sys/region.h"
#include "core/sys/sys.h"

// mh_account_move books size bytes as having gone from one state to another.
// MH_NONE means they came from or went to the system.
void mh_account_move(enum mh_purpose purpose, enum mh_state from,
                     enum mh_state to, size_t size);

// mh_account_call counts one system call and, if it failed, one failure.
void mh_account_call(enum mh_purpose purpose, bool failed);

// mh_account_check stops the program when the books do not add up. Only while
// no other thread is inside core/sys.
void mh_account_check(void);

#endif // MHEAP_CORE_SYS_ACCOUNT_H
