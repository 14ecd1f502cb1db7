// trap.h - being told of accesses that trap, and who has called whom.

#ifndef MHEAP_CORE_SYS_TRAP_H
#define MHEAP_CORE_SYS_TRAP_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/attr.h"
#include "core/sys/sys.h"

// mh_trap_tell registers what is told the address of every access that traps,
// in the thread that trapped, with whatever locks it holds. Once per process;
// see platform/os_trap.h. MH_REFUSED where the system offers none.
MH_NODISCARD enum mh_status mh_trap_tell(void (*hook)(uintptr_t address));

// mh_stack_take writes where the calling thread's calls will return to, the
// innermost first, and says how many it found: at most max. It follows frame
// pointers. Where the program was built without them it ends early, or, where
// another value looks like one, goes on with addresses that mean nothing; the
// first is right wherever the library itself has frames. It takes no lock, and
// reads nothing that could not be read a moment before.
unsigned mh_stack_take(uintptr_t *returns, unsigned max);

#endif // MHEAP_CORE_SYS_TRAP_H
