// mem_sim.c - the calls of the simulated OS that change the state of memory.
//
// Each call locks the simulator, asks the plan of failure, checks the state of
// every page, does to real memory what the system in force would do, and
// records the new states. A range that the contract of os.h allows and one call
// of the system does not (Windows: one reservation per call) is walked piece by
// piece, as a backend for that system has to.
//
// Reservations come and go in places_sim.c; what leaves the state as it is, is
// in moves_sim.c.

#include <string.h>

#include "core/base/range.h"
#include "platform/os.h"
#include "platform/sim/sim_host.h"
#include "platform/sim/sim_state.h"

// Pages that become Prepared get one of three fates in runs of this many.
enum { FATE_PAGES = 16 };

// Of one unused, so many pages are overwritten; the rest go back to the host,
// so that giving up gigabytes does not cost touching them.
enum { JUNK_PAGES_MAX = 1024 };

enum { JUNK_BYTE = 0x5a };

// So much at a time is written over to make it zero, what is more goes back to
// the host: on a virtual machine a page fault costs a hundred times a page's
// zeroes, and to give up part of a huge page is worse.
enum { ZEROED_BYTES_MAX = 4 << 20 };

static const struct mh_os_err fine = {0};

static void protect(void *base, size_t size, bool access) {
    if (!mh_host_protect(base, size, access)) {
        mh_sim_broken("protect", (uintptr_t)base, "the host refused");
    }
}

static struct mh_os_err map_piece(void *base, size_t size) {
    if (!mh_sim_traits_now()->prepared_traps) {
        protect(base, size, true);
    }
    mh_sim_set(base, size, MH_PREPARED, 0);
    return fine;
}

static void make_zero(void *base, size_t size) {
    if (size <= ZEROED_BYTES_MAX) {
        memset(base, 0, size);
    } else {
        mh_host_discard(base, size);
    }
}

static void make_junk(void *base, size_t size) {
    memset(base, JUNK_BYTE, size);
}

// each_junk_run calls what is to be done with runs of pages that carry, or have
// to, the pattern of a system that promises zeroes.
static void each_junk_run(void *base, size_t size,
                          void (*what)(void *, size_t)) {
    size_t page_size = mh_sim_traits_now()->page_size;
    uintptr_t limit = (uintptr_t)base + size;
    uintptr_t junk = 0; // start of a run of such pages, or 0

    for (uintptr_t at = (uintptr_t)base; at < limit; at += page_size) {
        size_t run;
        bool is_junk = (*mh_sim_page(at, limit, &run) & MH_SIM_JUNK) != 0;
        if (is_junk && junk == 0) {
            junk = at;
        } else if (!is_junk && junk != 0) {
            what((void *)junk, at - junk);
            junk = 0;
        }
    }
    if (junk != 0) {
        what((void *)junk, limit - junk);
    }
}

static struct mh_os_err used_piece(void *base, size_t size) {
    const struct mh_sim_traits *traits = mh_sim_traits_now();

    if (!mh_sim_room_for_commit(mh_sim_count(base, size, MH_PREPARED))) {
        return mh_sim_refuse(MH_OP_used, traits->out_of_commit);
    }
    protect(base, size, true);
    each_junk_run(base, size, make_zero);
    mh_sim_set(base, size, MH_READY, 0);
    return fine;
}

// forfeit decides what a run of pages holds from now on. Where zeroes are
// promised the pattern lies there only while the pages are Prepared; where
// those trap, only spoil lets anybody see it.
static void forfeit(void *base, size_t size) {
    enum { ZERO, OLD, JUNK, NFATES };

    if (mh_sim_traits_now()->comeback == MH_SIM_ZEROES) {
        if (!mh_sim_traits_now()->prepared_traps) {
            make_junk(base, size);
        }
        mh_sim_set(base, size, MH_PREPARED, MH_SIM_JUNK);
        return;
    }
    unsigned fate = (unsigned)(mh_sim_random() % NFATES);
    if (fate == ZERO) {
        mh_host_discard(base, size);
    } else if (fate == JUNK) {
        memset(base, (int)(mh_sim_random() & 0xff), size);
    }
    mh_sim_set(base, size, MH_PREPARED, 0);
}

static struct mh_os_err unused_piece(void *base, size_t size) {
    const struct mh_sim_traits *traits = mh_sim_traits_now();
    size_t step = FATE_PAGES * traits->page_size;
    size_t rich = JUNK_PAGES_MAX * traits->page_size;
    char *at = base;
    char *limit = at + (size < rich ? size : rich);

    for (; at < limit; at += step) {
        size_t left = (size_t)(limit - at);
        forfeit(at, left < step ? left : step);
    }
    if (size > rich) {
        mh_host_discard(limit, size - rich);
        mh_sim_set(limit, size - rich, MH_PREPARED, 0);
    }
    if (traits->prepared_traps) {
        protect(base, size, false);
    }
    return fine;
}

static struct mh_os_err fault_piece(void *base, size_t size) {
    if (mh_sim_traits_now()->fault_discards) {
        mh_host_discard(base, size);
    }
    protect(base, size, false);
    mh_sim_set(base, size, MH_RESERVED, 0);
    return fine;
}

// spoil does what a call that fails half-way may do, see os.h: some of the
// range has gained access, or lost what it held.
static void spoil(enum mh_sys_op op, void *base, size_t size) {
    size_t page_size = mh_sim_traits_now()->page_size;
    size_t part =
        (size_t)(mh_sim_random() % (size / page_size + 1)) * page_size;

    if (part == 0) {
        return;
    }
    if (op == MH_OP_unused || op == MH_OP_fault) {
        if (mh_sim_count(base, part, MH_READY) == part) {
            mh_host_discard(base, part);
        }
    } else if (op == MH_OP_used && mh_sim_room_for_commit(part)) {
        protect(base, part, true);
        each_junk_run(base, part, make_junk);
    }
}

// convert is the shape of map, used, unused and fault.
static struct mh_os_err convert(enum mh_sys_op op, void *base, size_t size,
                                struct mh_os_err (*one)(void *, size_t)) {
    struct mh_os_err err = fine;
    char *at = base;

    mh_sim_lock();
    mh_sim_demand(op, base, size);
    while (size > 0 && mh_os_ok(err)) {
        size_t part = mh_sim_piece(at, size);
        int code = mh_sim_attempt((unsigned)op);
        if (code != 0) {
            spoil(op, at, part);
            err.code = code;
        } else {
            err = one(at, part);
        }
        at += part;
        size -= part;
    }
    mh_sim_unlock();
    return err;
}

struct mh_os_err mh_os_map(void *base, size_t size) {
    return convert(MH_OP_map, base, size, map_piece);
}

struct mh_os_err mh_os_used(void *base, size_t size) {
    return convert(MH_OP_used, base, size, used_piece);
}

struct mh_os_err mh_os_unused(void *base, size_t size) {
    return convert(MH_OP_unused, base, size, unused_piece);
}

// Each range is a call that may fail, so that what the system has done when it
// stops is seen as well.
size_t mh_os_unused_ranges(const struct mh_range *ranges, size_t n) {
    size_t done = 0;

    if (!mh_sim_traits_now()->unused_takes_ranges) {
        return 0;
    }
    while (done < n &&
           mh_os_ok(mh_os_unused(ranges[done].base, ranges[done].size))) {
        done++;
    }
    return done;
}

struct mh_os_err mh_os_fault(void *base, size_t size) {
    return convert(MH_OP_fault, base, size, fault_piece);
}
