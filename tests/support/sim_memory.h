// sim_memory.h - memory of a simulated system that a test picks itself.
//
// In a header, since the other tests link no simulator.

#ifndef MHEAP_TESTS_SUPPORT_SIM_MEMORY_H
#define MHEAP_TESTS_SUPPORT_SIM_MEMORY_H

#include <check.h>
#include <stddef.h>

#include "platform/os.h"
#include "platform/sim/sim.h"

static size_t page;    // bytes
static size_t granule; // bytes

static inline void become(enum mh_sim_os os) {
    mh_sim_become(os);
    page = mh_sim_traits_now()->page_size;
    granule = mh_sim_traits_now()->reserve_align;
}

static inline void must(struct mh_os_err err) {
    ck_assert_int_eq(err.code, 0);
}

static inline unsigned char *reserve(size_t size) {
    void *base = NULL;

    must(mh_os_reserve(NULL, size, &base));
    return base;
}

static inline unsigned char *make_ready(size_t size) {
    unsigned char *base = reserve((size + granule - 1) / granule * granule);

    must(mh_os_map(base, size));
    must(mh_os_used(base, size));
    return base;
}

#endif // MHEAP_TESTS_SUPPORT_SIM_MEMORY_H
