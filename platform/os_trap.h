// os_trap.h - what a report of a wrong access asks of the system.
//
// Only core/sys includes it. A system that offers neither has the file of
// platform/none: accesses trap there all the same, and are not told of.

#ifndef MHEAP_PLATFORM_OS_TRAP_H
#define MHEAP_PLATFORM_OS_TRAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/attr.h"
#include "platform/os.h"

// mh_os_on_trap registers, once per process, what is told the address of every
// access that traps; on s390x, whose processor tells no more, that of its page.
// Then things go on as they would have: the handler that the program had
// registered before runs, or what the system does without one. The hook runs in
// the thread that trapped, wherever that was, with its locks held. A handler
// that the program registers later takes the place of this one.
MH_NODISCARD struct mh_os_err mh_os_on_trap(void (*hook)(uintptr_t address));

// mh_os_can_read: the size bytes at an address can be read without a trap, by
// the thread that owns them. False where that cannot be found out.
bool mh_os_can_read(uintptr_t address, size_t size);

#endif // MHEAP_PLATFORM_OS_TRAP_H
