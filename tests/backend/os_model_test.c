// os_model_test.c - ten thousand random moves, against a model of what memory
// must hold.
//
// The model keeps, for every page of a few reservations, its state and the byte
// it was filled with. After each move the pages that changed are compared; from
// time to time all of them are.

#include <string.h>

#include "core/sys/region.h"
#include "platform/os.h"
#include "platform/os_info.h"
#include "tests/support/expect.h"
#include "tests/support/test_main.h"

enum { NSLOTS = 6, GRANULES = 4, NPAGES_MAX = 256, NMOVES = 10000 };

// What is known of a page.
struct model_page {
    enum mh_state state;
    bool fresh;         // has never been Ready: will read as zero
    unsigned char fill; // what a Ready page holds
};

struct slot {
    unsigned char *base; // NULL when nothing is reserved
    struct model_page pages[NPAGES_MAX];
};

static struct mh_os_info os;
static struct slot slots[NSLOTS];
static size_t npages; // of a slot
static uint64_t seed;
static int nmoves[MH_NOPS];

static size_t rnd(size_t n) {
    seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return (size_t)((seed >> 33) % n);
}

static unsigned char *address(const struct slot *slot, size_t i) {
    return slot->base + i * os.page_size;
}

// Reading the whole of each page would take most of the test's time; its ends
// show a page that was lost or mixed up.
static bool holds(const struct slot *slot, size_t i, unsigned char byte) {
    const unsigned char *p = address(slot, i);

    return mh_is_filled(p, 64, byte) &&
           mh_is_filled(p + os.page_size - 64, 64, byte);
}

static void verify(const struct slot *slot, size_t i) {
    const struct model_page *page = &slot->pages[i];

    if (page->state == MH_READY) {
        ck_assert(holds(slot, i, page->fill));
    } else if (page->state == MH_RESERVED) {
        mh_expect_trap(address(slot, i), true);
    }
}

static void verify_all(void) {
    for (size_t s = 0; s < NSLOTS; s++) {
        for (size_t i = 0; slots[s].base != NULL && i < npages; i++) {
            verify(&slots[s], i);
        }
    }
}

static void do_reserve(struct slot *slot) {
    void *base = NULL;
    struct mh_os_err err = mh_os_reserve(NULL, npages * os.page_size, &base);

    ck_assert(mh_os_ok(err));
    slot->base = base;
    for (size_t i = 0; i < npages; i++) {
        slot->pages[i] = (struct model_page){MH_RESERVED, true, 0};
    }
    nmoves[MH_OP_reserve]++;
}

static void do_free(struct slot *slot) {
    ck_assert(mh_os_ok(mh_os_free(slot->base, npages * os.page_size)));
    slot->base = NULL;
    nmoves[MH_OP_free]++;
}

// What used brings back: zeroes where they are promised, else anything, and the
// test fills the page to know it again.
static void after_used(struct slot *slot, size_t i, bool was_ready,
                       bool given_up) {
    struct model_page *page = &slot->pages[i];

    if (was_ready) {
        ck_assert(holds(slot, i, page->fill));
        return;
    }
    if (page->fresh || (given_up && os.unused_zeroes)) {
        ck_assert(holds(slot, i, 0));
    }
    page->fresh = false;
    page->fill = (unsigned char)(1 + rnd(255));
    memset(address(slot, i), page->fill, os.page_size);
}

// stretch is how many pages from i on the rule of op allows, at most max.
static size_t stretch(const struct slot *slot, size_t i, enum mh_sys_op op,
                      size_t max) {
    size_t n = 0;

    while (n < max && i + n < npages &&
           (mh_rules[op].from & MH_IN(slot->pages[i + n].state)) != 0) {
        n++;
    }
    return n;
}

static void convert(struct slot *slot, enum mh_sys_op op) {
    static struct mh_os_err (*const calls[MH_NOPS])(void *, size_t) = {
        [MH_OP_map] = mh_os_map,
        [MH_OP_used] = mh_os_used,
        [MH_OP_unused] = mh_os_unused,
        [MH_OP_fault] = mh_os_fault,
    };
    size_t first = rnd(npages);
    size_t n = stretch(slot, first, op, 1 + rnd(npages));

    if (n == 0) {
        return;
    }
    ck_assert(mh_os_ok(calls[op](address(slot, first), n * os.page_size)));
    nmoves[op]++;
    for (size_t i = first; i < first + n; i++) {
        struct model_page was = slot->pages[i];
        slot->pages[i].state = mh_rules[op].to;
        if (op == MH_OP_used) {
            // A page that was faulted meanwhile is neither fresh nor given up;
            // its fill says which.
            after_used(slot, i, was.state == MH_READY, was.fill == 0);
        } else if (op == MH_OP_unused) {
            slot->pages[i].fill = 0;
        } else if (op == MH_OP_fault) {
            slot->pages[i].fill = 0xff;
        }
        verify(slot, i);
    }
}

static void one_move(void) {
    static const enum mh_sys_op ops[] = {
        MH_OP_map,    MH_OP_map,    MH_OP_used,  MH_OP_used,
        MH_OP_unused, MH_OP_unused, MH_OP_fault,
    };
    struct slot *slot = &slots[rnd(NSLOTS)];

    if (slot->base == NULL) {
        do_reserve(slot);
    } else if (rnd(60) == 0) {
        do_free(slot);
    } else {
        convert(slot, ops[rnd(sizeof(ops) / sizeof(ops[0]))]);
    }
}

START_TEST(ten_thousand_random_moves_lose_nothing) {
    mh_os_query(&os);
    npages = GRANULES * os.reserve_align / os.page_size;
    ck_assert_uint_le(npages, NPAGES_MAX);
    seed = (uint64_t)_i + 1;
    for (int i = 0; i < NMOVES; i++) {
        one_move();
        if (i % 500 == 0) {
            verify_all();
        }
    }
    verify_all();
    // The generator met every move, not only the easy ones.
    for (int op = MH_OP_reserve; op < MH_NOPS; op++) {
        ck_assert_int_gt(nmoves[op], NMOVES / 200);
    }
}
END_TEST

int main(void) {
    Suite *suite = suite_create("os_model");
    TCase *random = tcase_create("random");

    tcase_add_loop_test(random, ten_thousand_random_moves_lose_nothing, 0, 3);
    suite_add_tcase(suite, random);
    return mh_test_main(suite);
}
