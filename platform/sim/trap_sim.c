// trap_sim.c - traps of the simulated OS: those that a test tells of.

#include <errno.h>

#include "platform/os_trap.h"
#include "platform/sim/sim.h"

static void (*trap_hook)(uintptr_t address);
static bool refuses;

void mh_sim_trap(const void *address) {
    if (trap_hook != NULL) {
        trap_hook((uintptr_t)address);
    }
}

void mh_sim_refuse_traps(bool refuse) {
    refuses = refuse;
}

struct mh_os_err mh_os_on_trap(void (*hook)(uintptr_t address)) {
    if (refuses) {
        return (struct mh_os_err){ENOSYS};
    }
    trap_hook = hook;
    return (struct mh_os_err){0};
}

// What the host's stack is like the simulator does not know.
bool mh_os_can_read(uintptr_t address, size_t size) {
    (void)address;
    (void)size;
    return false;
}
