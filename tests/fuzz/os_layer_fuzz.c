// os_layer_fuzz.c - the public OS layer over the simulated system, against a
// table of what each page should be.
//
// Every eight bytes are one call: kind, region, and three numbers. Arguments
// that make no sense must be MHEAP_OS_INVALID and change nothing; calls that
// the contract allows must do what mheap/os.h says, also while the system
// refuses some of its own; the region's figures, the books of core/sys and the
// contents of every Ready page are compared. What the contract leaves undefined
// is not called: a part that is not in the states the caller claims.

#include <errno.h>
#include <string.h>

#include "core/sys/sys.h"
#include "mheap/os.h"
#include "platform/sim/sim.h"
#include "tests/fuzz/fuzz_main.h"

enum { NREGIONS = 6, MOST_PAGES = 64, ERRNO = 77 };

// What is known of a page.
struct page {
    enum mh_state state;
    bool fresh;         // has never been Ready: will read as zero
    bool given_up;      // was unused since it was Ready last
    unsigned char fill; // what a Ready page holds at both ends
};

struct slot {
    struct mheap_region region;
    size_t npages;
    struct page pages[MOST_PAGES];
};

struct op {
    unsigned kind, slot;
    uint16_t a, b, c;
};

static struct slot slots[NREGIONS];
static struct mheap_os_facts facts;
static bool rough; // calls to the system may fail
static unsigned char next_fill;

// What the system did not take back while a place for a region was looked for.
// It stays on the books.
static uint64_t lost_bytes;

static unsigned char *address(const struct slot *s, size_t i) {
    return (unsigned char *)s->region.base + i * facts.page_size;
}

static bool holds(const struct slot *s, size_t i, unsigned char byte) {
    const unsigned char *p = address(s, i);
    for (size_t k = 0; k < 16; k++) {
        if (p[k] != byte || p[facts.page_size - 1 - k] != byte) {
            return false;
        }
    }
    return true;
}

static void refill(struct slot *s, size_t i) {
    next_fill = (unsigned char)(next_fill % 255 + 1); // never 0
    s->pages[i].fill = next_fill;
    memset(address(s, i), next_fill, 16);
    memset(address(s, i) + facts.page_size - 16, next_fill, 16);
}

static size_t pages_in(const struct slot *s, size_t first, size_t n,
                       enum mh_state state) {
    size_t count = 0;
    for (size_t i = first; i < first + n; i++) {
        count += s->pages[i].state == state;
    }
    return count;
}

static void check_slot(const struct slot *s) {
    const struct mheap_region *r = &s->region;
    if (s->npages == 0) {
        FUZZ_REQUIRE(r->base == NULL && r->size == 0);
        return;
    }
    FUZZ_REQUIRE(r->size == s->npages * facts.page_size);
    FUZZ_REQUIRE(r->reserved ==
                 pages_in(s, 0, s->npages, MH_RESERVED) * facts.page_size);
    FUZZ_REQUIRE(r->prepared ==
                 pages_in(s, 0, s->npages, MH_PREPARED) * facts.page_size);
    FUZZ_REQUIRE(r->ready ==
                 pages_in(s, 0, s->npages, MH_READY) * facts.page_size);
    for (size_t i = 0; i < s->npages; i++) {
        FUZZ_REQUIRE(s->pages[i].state != MH_READY ||
                     holds(s, i, s->pages[i].fill));
    }
}

// What the system thinks: slower than all of check_slot.
static void check_states(const struct slot *s) {
    for (size_t i = 0; i < s->npages; i++) {
        FUZZ_REQUIRE(mh_sim_state_of(address(s, i)) == s->pages[i].state);
    }
}

static void check_books(void) {
    struct mh_account books = mh_sys_account(MH_FOR_OTHER);
    uint64_t reserved = lost_bytes, prepared = 0, ready = 0;
    for (size_t i = 0; i < NREGIONS; i++) {
        reserved += slots[i].region.reserved;
        prepared += slots[i].region.prepared;
        ready += slots[i].region.ready;
    }
    FUZZ_REQUIRE(books.reserved == reserved);
    FUZZ_REQUIRE(books.prepared == prepared);
    FUZZ_REQUIRE(books.ready == ready);
    FUZZ_REQUIRE(mh_sim_bytes(MH_PREPARED) == prepared);
    FUZZ_REQUIRE(mh_sim_bytes(MH_READY) == ready);
}

static void note_lost(void) {
    uint64_t reserved = mh_sys_account(MH_FOR_OTHER).reserved;
    for (size_t i = 0; i < NREGIONS; i++) {
        reserved -= slots[i].region.reserved;
    }
    FUZZ_REQUIRE(reserved >= lost_bytes);
    lost_bytes = reserved;
}

// A call that the contract allows. It may fail only where the system may.
static bool succeeded(enum mheap_os_status status) {
    FUZZ_REQUIRE(status == MHEAP_OS_OK ||
                 (rough && (status == MHEAP_OS_NO_MEMORY ||
                            status == MHEAP_OS_REFUSED)));
    return status == MHEAP_OS_OK;
}

static void begin_region(struct slot *s, struct mheap_region region,
                         enum mh_state state) {
    s->region = region;
    s->npages = region.size / facts.page_size;
    FUZZ_REQUIRE(s->npages <= MOST_PAGES);
    for (size_t i = 0; i < s->npages; i++) {
        s->pages[i] = (struct page){state, state == MH_RESERVED, false, 0};
    }
}

// What the arguments of alloc and reserve ask for. One in sixteen is absurd.
static size_t pick_size(uint16_t a) {
    static const size_t absurd[] = {0, SIZE_MAX, SIZE_MAX - (1 << 18),
                                    SIZE_MAX - 4095};
    size_t size = (size_t)(1 + a / 16) * (facts.page_size / 64) - a % 3;
    return a % 16 == 15 ? absurd[a / 16 % 4] : size;
}

static void do_alloc(struct slot *s, const struct op *op) {
    struct mheap_region region = {NULL, 1, 2, 3, 4}, was = region;
    size_t size = pick_size(op->a);
    enum mheap_os_status status = MHEAP_OS_OK;
    if (s->npages != 0) {
        return;
    }
    status = mheap_os_alloc(size, &region);
    if (size == 0) {
        FUZZ_REQUIRE(status == MHEAP_OS_INVALID);
    } else if (size > SIZE_MAX / 2) {
        FUZZ_REQUIRE(status == MHEAP_OS_NO_MEMORY);
    } else if (succeeded(status)) {
        begin_region(s, region, MH_READY);
        FUZZ_REQUIRE(region.size >= size &&
                     region.size - size < facts.page_size);
        return;
    }
    FUZZ_REQUIRE(memcmp(&region, &was, sizeof(region)) == 0);
}

static bool is_power_of_2(size_t n) {
    return n != 0 && (n & (n - 1)) == 0;
}

// reserve: a: size, b: alignment, c: hint, at times in the middle of a page.
static void do_reserve(struct slot *s, const struct op *op) {
    static const size_t aligns[] = {0, 1, 4096, 65536, 1 << 20, 3, 12288};
    struct mheap_region region = {NULL, 1, 2, 3, 4}, was = region;
    size_t size = pick_size(op->a), align = aligns[op->b % 7];
    uintptr_t hint = op->c % 4 == 0 ? (uintptr_t)op->c << 16 : 0;
    enum mheap_os_status status = MHEAP_OS_OK;
    if (s->npages != 0) {
        return;
    }
    hint += op->c % 32 == 0 ? facts.page_size / 2 : 0;
    status = mheap_os_reserve((void *)hint, size, align, &region);
    if (size == 0 || (align != 0 && !is_power_of_2(align)) ||
        hint % facts.reserve_align != 0) {
        FUZZ_REQUIRE(status == MHEAP_OS_INVALID);
    } else if (size > SIZE_MAX / 2) {
        FUZZ_REQUIRE(status == MHEAP_OS_NO_MEMORY);
    } else if (succeeded(status)) {
        begin_region(s, region, MH_RESERVED);
        FUZZ_REQUIRE(region.size >= size &&
                     region.size - size < facts.reserve_align);
        FUZZ_REQUIRE((uintptr_t)region.base % facts.reserve_align == 0);
        FUZZ_REQUIRE(align == 0 || (uintptr_t)region.base % align == 0);
        return;
    } else {
        note_lost();
    }
    FUZZ_REQUIRE(memcmp(&region, &was, sizeof(region)) == 0);
}

static enum mheap_os_status call(struct slot *s, enum mh_sys_op move,
                                 size_t offset, size_t size, size_t prepared) {
    switch (move) {
    case MH_OP_map:
        return mheap_os_map(&s->region, offset, size);
    case MH_OP_used:
        return mheap_os_used(&s->region, offset, size, prepared);
    case MH_OP_unused:
        return mheap_os_unused(&s->region, offset, size);
    default:
        return mheap_os_fault(&s->region, offset, size, prepared);
    }
}

// A part that is none, whatever the region holds.
static void convert_nonsense(struct slot *s, enum mh_sys_op move,
                             const struct op *op) {
    size_t whole = s->region.size, page = facts.page_size;
    const struct {
        size_t offset, size, prepared;
    } parts[] = {
        {0, 0, 0},                           // nothing
        {whole, page, 0},                    // behind it
        {0, whole + page, 0},                // and a page more
        {page / 2, page, 0},                 // half pages
        {0, page + 1, 0},                    // a page and a byte
        {SIZE_MAX - page + 1, 2 * page, 0},  // wraps
        {page, SIZE_MAX - page + 1, 0},      // the same
        {op->c * page, SIZE_MAX / 2 + 1, 0}, // more than there is
    };
    size_t i = op->b % (sizeof(parts) / sizeof(parts[0]));
    FUZZ_REQUIRE(call(s, move, parts[i].offset, parts[i].size,
                      parts[i].prepared) == MHEAP_OS_INVALID);
    if (move == MH_OP_used || move == MH_OP_fault) {
        FUZZ_REQUIRE(call(s, move, 0, page, page * (2 + op->c)) ==
                     MHEAP_OS_INVALID);
        FUZZ_REQUIRE(call(s, move, 0, page, 1 + op->c % (page - 1)) ==
                     MHEAP_OS_INVALID);
    }
}

// stretch is how many pages from i on the move accepts, at most max.
static size_t stretch(const struct slot *s, size_t i, enum mh_sys_op move,
                      size_t max) {
    size_t n = 0;
    while (n < max && i + n < s->npages &&
           (mh_rules[move].from & MH_IN(s->pages[i + n].state)) != 0) {
        n++;
    }
    return n;
}

static void become(struct slot *s, size_t i, enum mh_state state) {
    struct page *page = &s->pages[i];
    enum mh_state was = page->state;
    page->state = state;
    if (state == MH_READY && was != MH_READY) {
        FUZZ_REQUIRE(
            (!page->fresh && !(page->given_up && facts.unused_zeroes)) ||
            holds(s, i, 0));
        page->fresh = page->given_up = false;
        refill(s, i);
    } else if (state == MH_PREPARED && was == MH_READY) {
        page->given_up = true;
    } else if (state == MH_RESERVED) {
        page->given_up = false; // what comes back then is not promised
    }
}

static void convert(struct slot *s, enum mh_sys_op move, const struct op *op) {
    if (s->npages == 0 || op->c % 16 == 0) {
        convert_nonsense(s, move, op);
        return;
    }
    size_t first = op->a % s->npages;
    size_t n = stretch(s, first, move, 1 + op->b % s->npages);
    if (n == 0) {
        return;
    }
    size_t page = facts.page_size;
    size_t prepared = pages_in(s, first, n, MH_PREPARED) * page;
    bool done = succeeded(call(s, move, first * page, n * page, prepared));
    for (size_t i = first; i < first + n; i++) {
        if (done) {
            become(s, i, mh_rules[move].to);
        } else if (s->pages[i].state == MH_READY && move != MH_OP_used) {
            refill(s, i); // still Ready, and anything may be in it
        }
    }
}

static void do_free(struct slot *s) {
    if (s->npages == 0) {
        FUZZ_REQUIRE(mheap_os_free(&s->region) == MHEAP_OS_INVALID);
    } else if (succeeded(mheap_os_free(&s->region))) {
        s->npages = 0;
        FUZZ_REQUIRE(s->region.ready == 0 && s->region.prepared == 0 &&
                     s->region.reserved == 0);
    }
}

// weather: how many of a thousand calls to the system fail from now on.
static void do_weather(const struct op *op) {
    static const unsigned rates[] = {0, 0, 0, 100, 400, 1000};
    unsigned rate = rates[op->a % 6];
    mh_sim_fail_rate(rate);
    rough = rate != 0;
}

static void perform(const struct op *op) {
    static const enum mh_sys_op moves[] = {
        MH_OP_map,    MH_OP_map,    MH_OP_used,  MH_OP_used,
        MH_OP_unused, MH_OP_unused, MH_OP_fault,
    };
    struct slot *s = &slots[op->slot % NREGIONS];

    errno = ERRNO;
    switch (op->kind % 16) {
    case 0:
        do_alloc(s, op);
        break;
    case 1:
    case 2:
        do_reserve(s, op);
        break;
    case 3:
        if (op->a % 8 == 0) {
            do_free(s);
        }
        break;
    case 4:
        if (op->b % 8 == 0) {
            do_weather(op);
        }
        break;
    default:
        convert(s, moves[op->kind % 7], op);
    }
    FUZZ_REQUIRE(errno == ERRNO);
    check_slot(s);
    check_books();
}

static void finish(void) {
    mh_sim_fail_nothing();
    rough = false;
    for (size_t i = 0; i < NREGIONS; i++) {
        check_slot(&slots[i]);
        check_states(&slots[i]);
        do_free(&slots[i]);
    }
    check_books();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    mh_sim_become(mh_sim_os_now()); // nothing lost is left of another input
    mh_sim_set_seed(size);
    facts = mheap_os_facts();
    for (size_t i = 0; i + FUZZ_STEP <= size; i += FUZZ_STEP) {
        uint16_t half[4];
        memcpy(half, data + i, sizeof(half));
        struct op op = {half[0] % 256, half[0] / 256, half[1], half[2],
                        half[3]};
        perform(&op);
    }
    finish();
    return 0;
}
