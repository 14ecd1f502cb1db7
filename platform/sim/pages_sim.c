// pages_sim.c - the simulator's page table.
//
// A root of leaves of one byte per page. Leaves come straight from the host, so
// that the table can be used under malloc; they are never given back.

#include <string.h>

#include "core/base/bits.h"
#include "core/base/fmt.h"
#include "platform/sim/sim_host.h"
#include "platform/sim/sim_state.h"

enum {
    LEAF_SHIFT = 18, // log2 of the pages of a leaf
    LEAF_PAGES = 1 << LEAF_SHIFT,
    LEAF_ALIGN = 4096,
    ROOT_LEAVES = 1 << 18, // covers 48 bits of address in 4 KiB pages
};

static unsigned char *root[ROOT_LEAVES];
// Which leaves there are, a bit each: a fresh process that starts over would
// look for them in two megabytes of root, and take a page fault for each page.
static uint64_t leaves[ROOT_LEAVES / 64];
static uint64_t bytes[MH_NSTATES];

void mh_sim_broken(const char *move, uintptr_t address, const char *what) {
    char buf[160];
    struct mh_text text = mh_text_start(buf, sizeof(buf));

    mh_text_str(&text, "mheap: sim: ");
    mh_text_str(&text, move);
    mh_text_str(&text, ": ");
    mh_text_str(&text, what);
    mh_text_str(&text, ": base=");
    mh_text_hex(&text, address);
    mh_text_str(&text, "\n");
    mh_host_write_error(buf, text.len);
    mh_host_abort(false);
}

static unsigned char *leaf_at(uintptr_t page) {
    size_t index = page >> LEAF_SHIFT;

    if (index >= ROOT_LEAVES) {
        mh_sim_broken("page table", page, "address too wide");
    }
    if (root[index] == NULL) {
        void *leaf = mh_host_map(NULL, LEAF_PAGES, true, LEAF_ALIGN);
        if (leaf == NULL) {
            mh_sim_broken("page table", page, "the host is out of memory");
        }
        root[index] = leaf;
        leaves[index / 64] |= UINT64_C(1) << index % 64;
    }
    return root[index];
}

unsigned char *mh_sim_page(uintptr_t address, uintptr_t limit,
                           size_t *run_out) {
    size_t page_size = mh_sim_traits_now()->page_size;
    uintptr_t page = address / page_size;
    uintptr_t at = page % LEAF_PAGES;
    size_t run = LEAF_PAGES - at;
    size_t wanted = (limit - address + page_size - 1) / page_size;

    *run_out = run < wanted ? run : wanted;
    return leaf_at(page) + at;
}

void mh_sim_set(void *base, size_t size, enum mh_state state, unsigned flags) {
    size_t page_size = mh_sim_traits_now()->page_size;
    uintptr_t at = (uintptr_t)base;
    uintptr_t limit = at + size;

    while (at < limit) {
        size_t run;
        unsigned char *page = mh_sim_page(at, limit, &run);
        for (size_t i = 0; i < run; i++) {
            unsigned start = state == MH_NONE ? 0 : page[i] & MH_SIM_START;
            bytes[page[i] & MH_SIM_STATE] -= page_size;
            page[i] = (unsigned char)(start | flags | state);
        }
        bytes[state] += run * page_size;
        at += run * page_size;
    }
}

size_t mh_sim_count(void *base, size_t size, enum mh_state state) {
    size_t page_size = mh_sim_traits_now()->page_size;
    uintptr_t at = (uintptr_t)base;
    uintptr_t limit = at + size;
    size_t n = 0;

    while (at < limit) {
        size_t run;
        unsigned char *page = mh_sim_page(at, limit, &run);
        for (size_t i = 0; i < run; i++) {
            n += (page[i] & MH_SIM_STATE) == (unsigned)state;
        }
        at += run * page_size;
    }
    return n * page_size;
}

// Unmaps what is in use, run by run: a call per page would take longer than
// most tests.
static void free_leaf(size_t index) {
    size_t page_size = mh_sim_traits_now()->page_size;
    uintptr_t first = (uintptr_t)index << LEAF_SHIFT;
    unsigned char *leaf = root[index];
    size_t run = 0;

    for (size_t i = 0; i <= LEAF_PAGES; i++) {
        if (i < LEAF_PAGES && (leaf[i] & MH_SIM_STATE) != MH_NONE) {
            run++;
        } else if (run != 0) {
            (void)mh_host_unmap((void *)((first + i - run) * page_size),
                                run * page_size);
            run = 0;
        }
    }
    memset(leaf, 0, LEAF_PAGES);
}

void mh_sim_free_all(void) {
    for (size_t i = 0; i < ROOT_LEAVES / 64; i++) {
        for (uint64_t left = leaves[i]; left != 0; left &= left - 1) {
            free_leaf(i * 64 + mh_ctz64(left));
        }
    }
    memset(bytes, 0, sizeof(bytes));
}

uint64_t mh_sim_bytes_locked(enum mh_state state) {
    return bytes[state];
}

uint64_t mh_sim_bytes(enum mh_state state) {
    mh_sim_lock();
    uint64_t n = mh_sim_bytes_locked(state);
    mh_sim_unlock();
    return n;
}

enum mh_state mh_sim_state_of(const void *address) {
    size_t run;

    mh_sim_lock();
    unsigned state =
        *mh_sim_page((uintptr_t)address, (uintptr_t)address + 1, &run) &
        MH_SIM_STATE;
    mh_sim_unlock();
    return (enum mh_state)state;
}

void mh_sim_demand(enum mh_sys_op op, void *base, size_t size) {
    const struct mh_rule *rule = &mh_rules[op];
    size_t page_size = mh_sim_traits_now()->page_size;
    uintptr_t at = (uintptr_t)base;
    uintptr_t limit = at + size;

    if (size == 0 || ((at | size) & (page_size - 1)) != 0 || limit < at) {
        mh_sim_broken(rule->name, at, "not whole pages");
    }
    while (at < limit) {
        size_t run;
        unsigned char *page = mh_sim_page(at, limit, &run);
        for (size_t i = 0; i < run; i++) {
            unsigned state = page[i] & MH_SIM_STATE;
            if ((rule->from & MH_IN(state)) == 0) {
                mh_sim_broken(rule->name, at + i * page_size,
                              "page in a state the rule forbids");
            }
        }
        at += run * page_size;
    }
}

size_t mh_sim_piece(void *base, size_t size) {
    const struct mh_sim_traits *traits = mh_sim_traits_now();
    uintptr_t first = (uintptr_t)base;
    uintptr_t limit = first + size;
    uintptr_t at = first;

    while (traits->per_reservation && at < limit) {
        size_t run;
        unsigned char *page = mh_sim_page(at, limit, &run);
        for (size_t i = 0; i < run; i++) {
            uintptr_t here = at + i * traits->page_size;
            if (here != first && (page[i] & MH_SIM_START) != 0) {
                return here - first;
            }
        }
        at += run * traits->page_size;
    }
    return size;
}
