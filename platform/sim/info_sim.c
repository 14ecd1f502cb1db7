// info_sim.c - facts about the simulated machine.

#include <string.h>
#include <unistd.h>

#include "core/base/bits.h"
#include "platform/os_info.h"
#include "platform/posix/posix_util.h"
#include "platform/sim/sim_state.h"

void mh_os_query(struct mh_os_info *info) {
    const struct mh_sim_traits *traits = mh_sim_traits_now();
    uintptr_t stack = (uintptr_t)&traits;

    *info = (struct mh_os_info){
        .page_size = traits->page_size,
        .reserve_align = traits->reserve_align,
        .huge_page_size = traits->huge_page_size,
        .address_bits = mh_address_bits(stack),
        .space_bytes = mh_sim_space(),
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
    mh_posix_stir(mh_sim_random(), buffer, size);
    mh_sim_unlock();
}

const char *mh_os_getenv(const char *name) {
    return environ == NULL ? NULL : mh_posix_find(environ, name);
}

bool mh_os_is_secure(void) {
    return mh_sim_secure();
}

uint64_t mh_os_process_id(void) {
    return (uint64_t)getpid();
}

void mh_os_publish(const void *root) {
    (void)root; // a simulated process is read through its own memory
}

void mh_os_write_error(const char *text, size_t size) {
    int saved = errno;

    while (size > 0) {
        ssize_t n = write(STDERR_FILENO, text, size);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            break;
        }
        text += n;
        size -= (size_t)n;
    }
    errno = saved;
}

void mh_os_abort(bool run_handler) {
    mh_posix_abort(run_handler);
}
