// trap_sim.c - traps of the simulated OS: those that a test tells of.

#include <errno.h>

#include "platform/os_trap.h"
#include "platform/sim/sim.h"
#include "platform/sim/sim_host.h"

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

// Of simulated memory what is Ready; of the host's, stacks among it, what is
// there.
bool mh_os_can_read(uintptr_t address, size_t size) {
    uintptr_t page = mh_host_page_size();
    uintptr_t end = address + size;
    bool can = end >= address;

    for (uintptr_t at = address & ~(page - 1); can && at < end; at += page) {
        enum mh_state state = mh_sim_state_of((void *)at);
        can = state == MH_READY || (state == MH_NONE && mh_host_can_read(at));
    }
    return can;
}
