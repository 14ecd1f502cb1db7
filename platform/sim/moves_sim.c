// moves_sim.c - calls of the simulated OS that leave every page as Ready as it
// was: moving, discarding, shared files; and what its failures mean.

#include <string.h>

#include "platform/os.h"
#include "platform/sim/sim_host.h"
#include "platform/sim/sim_state.h"

static const struct mh_os_err fine = {0};

static struct mh_os_err move_locked(void *from, void *to, size_t size) {
    const struct mh_sim_traits *traits = mh_sim_traits_now();
    int code = mh_sim_attempt(MH_SIM_MOVE);

    if (code != 0) {
        return (struct mh_os_err){code};
    }
    if (!traits->can_move) {
        return mh_sim_refuse(MH_SIM_MOVE, traits->bad_argument);
    }
    if (mh_sim_count(from, size, MH_READY) != size ||
        mh_sim_count(to, size, MH_READY) != size) {
        mh_sim_broken("move", (uintptr_t)from, "a page is not ready");
    }
    memcpy(to, from, size);
    mh_host_discard(from, size);
    return fine;
}

struct mh_os_err mh_os_move(void *from, void *to, size_t size) {
    mh_sim_lock();
    struct mh_os_err err = move_locked(from, to, size);
    mh_sim_unlock();
    return err;
}

static struct mh_os_err discard_locked(void *base, size_t size) {
    const struct mh_sim_traits *traits = mh_sim_traits_now();
    int code = mh_sim_attempt(MH_SIM_DISCARD);

    if (code != 0) {
        return (struct mh_os_err){code};
    }
    if (!traits->can_discard) {
        return mh_sim_refuse(MH_SIM_DISCARD, traits->bad_argument);
    }
    if (mh_sim_count(base, size, MH_READY) != size) {
        mh_sim_broken("discard", (uintptr_t)base, "a page is not ready");
    }
    mh_host_discard(base, size);
    return fine;
}

struct mh_os_err mh_os_discard(void *base, size_t size) {
    mh_sim_lock();
    struct mh_os_err err = discard_locked(base, size);
    mh_sim_unlock();
    return err;
}

// What is Ready counts as touched.
size_t mh_os_resident(const void *base, size_t size) {
    mh_sim_lock();
    size_t resident = mh_sim_count((void *)(uintptr_t)base, size, MH_READY);
    mh_sim_unlock();
    return resident;
}

struct mh_os_err mh_os_map_shared(int fd, size_t size, void **base_out) {
    mh_sim_lock();
    struct mh_os_err err = {mh_sim_attempt(MH_SIM_MAP_SHARED)};
    mh_sim_unlock();
    return mh_os_ok(err) ? mh_host_map_shared(fd, size, base_out) : err;
}

bool mh_os_err_is_oom(struct mh_os_err err) {
    const struct mh_sim_traits *traits = mh_sim_traits_now();

    return err.code == traits->out_of_memory ||
           err.code == traits->out_of_commit || mh_host_is_oom(err.code);
}
