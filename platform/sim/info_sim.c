// info_sim.c - facts about the simulated machine.

#include <stdlib.h>

#include "core/base/stir.h"
#include "platform/os_info.h"
#include "platform/sim/sim_host.h"
#include "platform/sim/sim_state.h"

void mh_os_query(struct mh_os_info *info) {
    const struct mh_sim_traits *traits = mh_sim_traits_now();

    *info = (struct mh_os_info){
        .page_size = traits->page_size,
        .reserve_align = traits->reserve_align,
        .huge_page_size = traits->huge_page_size,
        .address_bits = mh_host_address_bits(),
        .space_bytes = mh_sim_space(),
        .program_end = mh_host_program_end(),
        .partial_free = traits->partial_free,
        .unused_zeroes = traits->comeback == MH_SIM_ZEROES,
        .commit_charged = traits->commit_charged,
        .can_move = traits->can_move,
        .can_discard = traits->can_discard,
    };
}

// The same bytes for the same seed, so that a failing test can be run again.
void mh_os_entropy(void *buffer, size_t size) {
    mh_sim_lock();
    mh_stir(mh_sim_random(), buffer, size);
    mh_sim_unlock();
}

const char *mh_os_getenv(const char *name) {
    return mh_host_getenv(name);
}

bool mh_os_is_secure(void) {
    return mh_sim_secure();
}

uint64_t mh_os_process_id(void) {
    return mh_host_process_id();
}

void mh_os_publish(const void *root) {
    (void)root; // a simulated process is read through its own memory
}

void mh_os_write_error(const char *text, size_t size) {
    mh_host_write_error(text, size);
}

void mh_os_abort(bool run_handler) {
    mh_host_abort(run_handler);
}
