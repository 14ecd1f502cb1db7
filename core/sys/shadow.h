// shadow.h - the state of every page, remembered on the side.
//
// Two bits per page, found by address. core/sys calls it at debug level 2 and
// up, where it stops the program with the move, the first wrong page and its
// state: "unused: page not ready: base=0x... state=reserved". Below that level
// nothing calls it and it takes no memory.
//
// Its table comes from mh_os_alloc. When that fails the shadow turns itself off
// for good: a debugging aid must not make the program fail.

#ifndef MHEAP_CORE_SYS_SHADOW_H
#define MHEAP_CORE_SYS_SHADOW_H

#include <stddef.h>

#include "core/sys/region.h"
#include "core/sys/sys.h"

// mh_shadow_enter and mh_shadow_leave surround a check, the system call and the
// set that follows it. One thread at a time: an address freed here and reserved
// there must not be seen in the wrong order. A fork leaves it usable.
void mh_shadow_enter(void);
void mh_shadow_leave(void);

// mh_shadow_check stops the program unless every page of the range is in one of
// the states of `allowed`, a set of MH_IN bits. what names the move.
void mh_shadow_check(const char *what, unsigned allowed, const void *base,
                     size_t size);

// mh_shadow_check_split stops the program unless the range holds exactly these
// bytes of each state.
void mh_shadow_check_split(const char *what, const void *base, size_t size,
                           struct mh_split split);

// mh_shadow_set records a state for every page of the range.
void mh_shadow_set(void *base, size_t size, enum mh_state state);

// mh_shadow_fill overwrites the pages of a range that are Ready.
void mh_shadow_fill(void *base, size_t size, unsigned char byte);

#endif // MHEAP_CORE_SYS_SHADOW_H
