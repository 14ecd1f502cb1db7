// places_sim.c - reservations of the simulated OS: where memory comes from, and
// where it goes.

#include "platform/os.h"
#include "platform/sim/sim_host.h"
#include "platform/sim/sim_state.h"

static const struct mh_os_err fine = {0};

static void record_new(void *base, size_t size, enum mh_state state) {
    mh_sim_set(base, size, state, 0);
    mh_sim_set(base, mh_sim_traits_now()->page_size, state, MH_SIM_START);
}

static struct mh_os_err alloc_locked(size_t size, void **base_out) {
    const struct mh_sim_traits *traits = mh_sim_traits_now();
    int code = mh_sim_attempt(MH_OP_alloc);

    if (code != 0) {
        return (struct mh_os_err){code};
    }
    if (!mh_sim_room_for_space(size)) {
        return mh_sim_refuse(MH_OP_alloc, traits->out_of_memory);
    }
    if (!mh_sim_room_for_commit(size)) {
        return mh_sim_refuse(MH_OP_alloc, traits->out_of_commit);
    }
    void *base = mh_host_map(NULL, size, true, traits->reserve_align);
    if (base == NULL) {
        return mh_sim_refuse(MH_OP_alloc, traits->out_of_memory);
    }
    mh_sim_demand(MH_OP_alloc, base, size);
    record_new(base, size, MH_READY);
    *base_out = base;
    return fine;
}

static struct mh_os_err reserve_locked(void *hint, size_t size,
                                       void **base_out) {
    const struct mh_sim_traits *traits = mh_sim_traits_now();
    int code = mh_sim_attempt(MH_OP_reserve);

    if (code != 0) {
        return (struct mh_os_err){code};
    }
    if ((((uintptr_t)hint | size) & (traits->reserve_align - 1)) != 0) {
        mh_sim_broken("reserve", (uintptr_t)hint, "not aligned for it");
    }
    if (mh_sim_hints_refused()) {
        hint = NULL;
    }
    if (!mh_sim_room_for_space(size)) {
        return mh_sim_refuse(MH_OP_reserve, traits->out_of_memory);
    }
    void *base = mh_host_map(hint, size, false, traits->reserve_align);
    if (base == NULL) {
        return mh_sim_refuse(MH_OP_reserve, traits->out_of_memory);
    }
    mh_sim_demand(MH_OP_reserve, base, size);
    record_new(base, size, MH_RESERVED);
    *base_out = base;
    return fine;
}

struct mh_os_err mh_os_alloc(size_t size, void **base_out) {
    mh_sim_lock();
    struct mh_os_err err = alloc_locked(size, base_out);
    mh_sim_unlock();
    return err;
}

// Windows refuses a hint that is taken, so its backend asks again without one.
struct mh_os_err mh_os_reserve(void *hint, size_t size, void **base_out) {
    mh_sim_lock();
    struct mh_os_err err = reserve_locked(hint, size, base_out);
    mh_sim_unlock();
    return err;
}

// is_reservation: the range is one whole reservation.
static bool is_reservation(void *base, size_t size) {
    uintptr_t limit = (uintptr_t)base + size;
    size_t page_size = mh_sim_traits_now()->page_size;
    size_t run;
    unsigned first = *mh_sim_page((uintptr_t)base, limit, &run);
    unsigned next = *mh_sim_page(limit, limit + page_size, &run);

    return (first & MH_SIM_START) != 0 && mh_sim_piece(base, size) == size &&
           ((next & MH_SIM_START) != 0 || (next & MH_SIM_STATE) == MH_NONE);
}

static struct mh_os_err free_locked(void *base, size_t size) {
    const struct mh_sim_traits *traits = mh_sim_traits_now();
    int code = mh_sim_attempt(MH_OP_free);

    if (code != 0) {
        return (struct mh_os_err){code};
    }
    mh_sim_demand(MH_OP_free, base, size);
    if (!traits->partial_free && !is_reservation(base, size)) {
        return mh_sim_refuse(MH_OP_free, traits->bad_argument);
    }
    if (!mh_host_unmap(base, size)) {
        return mh_sim_refuse(MH_OP_free, traits->out_of_memory);
    }
    mh_sim_set(base, size, MH_NONE, 0);
    return fine;
}

struct mh_os_err mh_os_free(void *base, size_t size) {
    mh_sim_lock();
    struct mh_os_err err = free_locked(base, size);
    mh_sim_unlock();
    return err;
}
