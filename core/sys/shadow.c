// shadow.c - the state of every page, remembered on the side.
//
// A root of pointers to leaves, each leaf 64 KiB of two-bit states. A leaf that
// is missing means None throughout.

#include "core/sys/shadow.h"

#include <stdint.h>
#include <string.h>

#include "core/base/assert.h"
#include "core/base/atomic.h"
#include "core/base/bits.h"
#include "core/base/fmt.h"
#include "platform/os.h"
#include "platform/os_info.h"
#include "platform/os_thread.h"

enum {
    WORD_PAGES = 32,          // pages in one word
    LEAF_WORDS = 8192,        // words in a leaf
    LEAF_BYTES = 64 * 1024,   // memory of a leaf, a multiple of any page
    LEAF_SHIFT = 18,          // log2 of the pages in a leaf
    ALLOC_BYTES = 1024 * 1024 // what is asked for: whole pages on any machine
};

MH_STATIC_ASSERT(LEAF_WORDS *WORD_PAGES == 1 << LEAF_SHIFT,
                 "a leaf holds 2^LEAF_SHIFT pages");
MH_STATIC_ASSERT(LEAF_WORDS * sizeof(uint64_t) == LEAF_BYTES,
                 "a leaf is LEAF_BYTES");

#define EVERY_PAGE UINT64_C(0x5555555555555555) // the low bit of each page

static uint64_t **root; // nleaves pointers, or NULL until the first set
static size_t nleaves;
static char *spare; // memory for leaves, [spare, spare_limit)
static char *spare_limit;
static bool off;

// The process id of the holder, or 0. A child of a fork finds the id of its
// parent there when another thread was inside, and takes over.
static uint64_t holder;

void mh_shadow_enter(void) {
    uint64_t me = mh_os_process_id();
    uint64_t seen = 0;

    // acquire: pairs with the release in mh_shadow_leave.
    while (!MH_CAS_ACQ_REL(&holder, &seen, me)) {
        if (seen == me) {
            mh_os_yield();
            seen = 0;
        }
    }
}

void mh_shadow_leave(void) {
    MH_STORE_RELEASE(&holder, 0);
}

// A range of pages inside one word of a leaf.
struct window {
    uint64_t *word; // NULL where the leaf is missing
    uint64_t mask;  // both bits of each page of the range
    uintptr_t page; // number of the first
    size_t npages;
};

static uint64_t *leaf_of(uintptr_t page) {
    uintptr_t index = page >> LEAF_SHIFT;

    return root != NULL && index < nleaves ? root[index] : NULL;
}

// window_at is the part of [page, limit) that lies in the word of page.
static struct window window_at(uintptr_t page, uintptr_t limit) {
    size_t at = page % WORD_PAGES;
    size_t npages = WORD_PAGES - at;
    uint64_t *leaf = leaf_of(page);

    if (npages > limit - page) {
        npages = limit - page;
    }
    return (struct window){
        .word = leaf == NULL ? NULL : &leaf[page / WORD_PAGES % LEAF_WORDS],
        .mask = mh_low_bits((unsigned)npages * 2) << (at * 2),
        .page = page,
        .npages = npages,
    };
}

// in_state has the low bit of each page of the window that is in state.
static uint64_t in_state(const struct window *w, enum mh_state state) {
    uint64_t word = w->word == NULL ? 0 : *w->word;
    uint64_t differs = word ^ (EVERY_PAGE * state);

    return ~(differs | differs >> 1) & EVERY_PAGE & w->mask;
}

static MH_COLD void bad_page(const char *what, unsigned allowed, uintptr_t base,
                             enum mh_state state) {
    char buf[160];
    struct mh_text text = mh_text_start(buf, sizeof(buf));
    const char *separator = ": page not ";

    mh_text_str(&text, what);
    for (unsigned s = 0; s < MH_NSTATES; s++) {
        if ((allowed & MH_IN(s)) != 0) {
            mh_text_str(&text, separator);
            mh_text_str(&text, mh_state_name((enum mh_state)s));
            separator = " or ";
        }
    }
    mh_text_str(&text, ": base=");
    mh_text_hex(&text, base);
    mh_text_str(&text, " state=");
    mh_text_str(&text, mh_state_name(state));
    mh_fatal(buf);
}

void mh_shadow_check(const char *what, unsigned allowed, const void *base,
                     size_t size) {
    size_t page_size = mh_sys_facts()->page_size;
    uintptr_t page = (uintptr_t)base / page_size;
    uintptr_t limit = page + size / page_size;

    while (!off && page < limit) {
        struct window w = window_at(page, limit);
        for (unsigned s = 0; s < MH_NSTATES; s++) {
            uint64_t found = in_state(&w, (enum mh_state)s);
            if (found != 0 && (allowed & MH_IN(s)) == 0) {
                uintptr_t bad = page / WORD_PAGES * WORD_PAGES;
                bad += mh_ctz64(found) / 2;
                bad_page(what, allowed, bad * page_size, (enum mh_state)s);
            }
        }
        page += w.npages;
    }
}

static void count(const void *base, size_t size, size_t *bytes) {
    size_t page_size = mh_sys_facts()->page_size;
    uintptr_t page = (uintptr_t)base / page_size;
    uintptr_t limit = page + size / page_size;

    while (page < limit) {
        struct window w = window_at(page, limit);
        for (unsigned s = 0; s < MH_NSTATES; s++) {
            bytes[s] +=
                page_size * mh_popcount64(in_state(&w, (enum mh_state)s));
        }
        page += w.npages;
    }
}

void mh_shadow_check_split(const char *what, const void *base, size_t size,
                           struct mh_split split) {
    size_t bytes[MH_NSTATES] = {0};

    count(base, size, bytes);
    if (off || (bytes[MH_RESERVED] == split.reserved &&
                bytes[MH_PREPARED] == split.prepared &&
                bytes[MH_READY] == split.ready)) {
        return;
    }

    char buf[160];
    struct mh_text text = mh_text_start(buf, sizeof(buf));
    mh_text_str(&text, what);
    mh_text_str(&text, ": not what the range holds: base=");
    mh_text_hex(&text, (uintptr_t)base);
    mh_text_str(&text, " reserved=");
    mh_text_hex(&text, bytes[MH_RESERVED]);
    mh_text_str(&text, " prepared=");
    mh_text_hex(&text, bytes[MH_PREPARED]);
    mh_text_str(&text, " ready=");
    mh_text_hex(&text, bytes[MH_READY]);
    mh_fatal(buf);
}

static bool make_root(void) {
    const struct mh_os_facts *facts = mh_sys_facts();
    unsigned page_bits = mh_log2(facts->page_size) + LEAF_SHIFT;
    void *base;

    if (facts->address_bits > page_bits) {
        nleaves = (size_t)1 << (facts->address_bits - page_bits);
    } else {
        nleaves = 1;
    }
    if (!mh_os_ok(mh_os_alloc(mh_align_up(nleaves * sizeof(*root), ALLOC_BYTES),
                              &base))) {
        return false;
    }
    root = base;
    return true;
}

static uint64_t *make_leaf(void) {
    void *base;

    if (spare == spare_limit) {
        if (!mh_os_ok(mh_os_alloc(ALLOC_BYTES, &base))) {
            return NULL;
        }
        spare = base;
        spare_limit = spare + ALLOC_BYTES;
    }
    uint64_t *leaf = (uint64_t *)(void *)spare;
    spare += LEAF_BYTES;
    return leaf;
}

// ensure_leaf makes the leaf of page exist; false when there is no memory.
static bool ensure_leaf(uintptr_t page) {
    uintptr_t index = page >> LEAF_SHIFT;

    if (root == NULL && !make_root()) {
        return false;
    }
    MH_CHECK(index < nleaves);
    if (root[index] == NULL) {
        root[index] = make_leaf();
    }
    return root[index] != NULL;
}

void mh_shadow_set(void *base, size_t size, enum mh_state state) {
    size_t page_size = mh_sys_facts()->page_size;
    uintptr_t page = (uintptr_t)base / page_size;
    uintptr_t limit = page + size / page_size;

    while (!off && page < limit) {
        if (!ensure_leaf(page)) {
            off = true;
            return;
        }
        struct window w = window_at(page, limit);
        MH_CHECK(w.word != NULL);
        *w.word = (*w.word & ~w.mask) | ((EVERY_PAGE * state) & w.mask);
        page += w.npages;
    }
}

void mh_shadow_fill(void *base, size_t size, unsigned char byte) {
    size_t page_size = mh_sys_facts()->page_size;
    char *at = base;

    for (char *limit = at + size; !off && at < limit; at += page_size) {
        uintptr_t page = (uintptr_t)at / page_size;
        struct window w = window_at(page, page + 1);
        if (in_state(&w, MH_READY) != 0) {
            memset(at, byte, page_size);
        }
    }
}
