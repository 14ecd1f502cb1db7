// palloc_fuzz.c - the page allocator against one byte per page.
//
// The oracle keeps the state of every page of a universe of addresses in a byte
// array and answers by looking at all of them. Each operation is performed on
// both, and the answers must agree. After each, or in most runs after one in so
// many, counters and states must agree, too, and the invariants must hold.
//
//   palloc_fuzz [--seconds N] [--steps N] [--seed N]   seeded random runs
//   palloc_fuzz --replay FILE                          what a failure printed
//   palloc_fuzz FILE...                                inputs of an engine
//
// Of an engine's input (fuzz_driver.h) the first bytes choose the universe,
// every further eight are one operation.
//
// Long because one oracle answers for all operations.

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/base/bits.h"
#include "core/meta/persistent.h"
#include "core/page/page_cache.h"
#include "core/page/palloc.h"
#include "tests/fuzz/fuzz_driver.h"

// What the oracle knows of a page.
enum page {
    FOREIGN,
    TAKEN,
    FREE,
    RELEASED,
    CACHED,          // free, in a page cache
    CACHED_RELEASED, // the same, released
};

#define OP_KINDS(X) \
    X(grow)         \
    X(alloc)        \
    X(free)         \
    X(take)         \
    X(extend)       \
    X(undo)         \
    X(scavenge)     \
    X(mark)         \
    X(fill)         \
    X(cache_alloc)  \
    X(cache_free)   \
    X(flush)        \
    X(surplus)      \
    X(rebuild)

#define KIND_ID(name) OP_##name,
enum op_kind { OP_KINDS(KIND_ID) OP_NKINDS };

// The fields mean what the function that performs the operation says; any
// values are fine.
struct op {
    unsigned kind;
    uint32_t a, b, c;
};

#define NCACHES 3

struct universe {
    uintptr_t base;
    size_t npages;
    size_t piece; // pages added by one growth, at most
    unsigned check_every;
};

struct state {
    struct mh_palloc p;
    struct universe u;
    unsigned char *page; // enum page, one per page of the universe
    struct mh_page_cache cache[NCACHES];
    uint64_t nops;
    uint64_t idle_low; // fewest idle pages after an operation
};

#define MAX_LOG (1 << 16)

static struct op log_ops[MAX_LOG];
static size_t nlogged;
static struct universe logged_universe;

// Records come from one buffer that is wiped between runs, so that millions of
// runs need no more memory than one.
static _Alignas(64) unsigned char buffer[8 << 20];
static struct mh_persistent mem;

#define REQUIRE FUZZ_REQUIRE

static uintptr_t address_of(const struct state *s, size_t i) {
    return s->u.base + ((uintptr_t)i << MH_PAGE_SHIFT);
}

static size_t index_of(const struct state *s, uintptr_t address) {
    return (size_t)((address - s->u.base) >> MH_PAGE_SHIFT);
}

static bool is_free(const struct state *s, size_t i) {
    return s->page[i] == FREE || s->page[i] == RELEASED;
}

// first_not_free is the first page of [i, i + n) that cannot be had, be it that
// there is none; i + n when all can.
static size_t first_not_free(const struct state *s, size_t i, size_t n) {
    size_t k = i;
    while (k < i + n && k < s->u.npages && is_free(s, k)) {
        k++;
    }
    return k;
}

static bool range_free(const struct state *s, size_t i, size_t n) {
    return first_not_free(s, i, n) == i + n;
}

// set_range changes n pages and returns how many of them were `counted`.
static size_t set_range(struct state *s, size_t i, size_t n, enum page to,
                        enum page counted) {
    size_t count = 0;
    for (size_t k = i; k < i + n; k++) {
        count += s->page[k] == counted;
        s->page[k] = (unsigned char)to;
    }
    return count;
}

// first_from is the first page at or behind i in one of two states, cyclically;
// npages when there is none.
static size_t first_from(const struct state *s, size_t i, enum page a,
                         enum page b) {
    for (size_t k = 0; k < s->u.npages; k++) {
        size_t at = (i + k) % s->u.npages;
        if (s->page[at] == a || s->page[at] == b) {
            return at;
        }
    }
    return s->u.npages;
}

// length_of is how many pages from i on are in the state of page i, up to max.
static size_t length_of(const struct state *s, size_t i, size_t max) {
    size_t n = 0;
    while (n < max && i + n < s->u.npages && s->page[i + n] == s->page[i]) {
        n++;
    }
    return n;
}

// pick_size makes small sizes common and large ones possible.
static size_t pick_size(uint32_t a) {
    unsigned shift = a % 16;
    return 1 + (a >> 4) % (size_t)(shift < 6 ? 4 : 1u << (shift - 2));
}

// grow: pages from piece a on, at most b of them.
static void do_grow(struct state *s, const struct op *op) {
    size_t i = (op->a % s->u.npages) / s->u.piece * s->u.piece;
    i = first_from(s, i, FOREIGN, FOREIGN);
    if (i == s->u.npages) {
        return;
    }
    size_t n = length_of(s, i, 1 + op->b % s->u.piece);
    REQUIRE(mh_palloc_grow(&s->p, address_of(s, i), n) == MH_OK);
    set_range(s, i, n, RELEASED, FOREIGN);
}

// alloc: a chooses the size, b the alignment.
static void do_alloc(struct state *s, const struct op *op) {
    size_t n = pick_size(op->a);
    size_t align = op->b % 4 != 0 ? 1 : (size_t)1 << (op->b >> 2) % 14;
    size_t misfit = (size_t)(s->u.base >> MH_PAGE_SHIFT) & (align - 1);
    size_t i = (align - misfit) & (align - 1);
    size_t released = 0, expected = 0;

    for (size_t k = 0; i < s->u.npages; i += ((k - i) / align + 1) * align) {
        k = first_not_free(s, i, n);
        if (k == i + n) {
            break;
        }
    }
    if (i < s->u.npages) {
        expected = address_of(s, i);
    }
    uintptr_t base = mh_palloc_alloc(&s->p, n, align, &released);
    REQUIRE(base == expected);
    if (base != 0) {
        REQUIRE(set_range(s, i, n, TAKEN, RELEASED) == released);
    }
}

// free: pages from the first taken one behind a on, at most as many as b says.
static void do_free(struct state *s, const struct op *op) {
    size_t i = first_from(s, op->a % s->u.npages, TAKEN, TAKEN);
    if (i < s->u.npages) {
        size_t n = length_of(s, i, pick_size(op->b));
        mh_palloc_free(&s->p, address_of(s, i), n);
        set_range(s, i, n, FREE, TAKEN);
    }
}

// take: pages from a on, as many as b says, free or not.
static void do_take(struct state *s, const struct op *op) {
    size_t i = op->a % s->u.npages, n = pick_size(op->b), released = 0;
    bool possible = range_free(s, i, n);

    REQUIRE(mh_palloc_take(&s->p, address_of(s, i), n, &released) == possible);
    if (possible) {
        REQUIRE(set_range(s, i, n, TAKEN, RELEASED) == released);
    }
}

// extend: a taken page behind a, by as many as b says.
static void do_extend(struct state *s, const struct op *op) {
    size_t i = first_from(s, op->a % s->u.npages, TAKEN, TAKEN);
    if (i == s->u.npages) {
        return;
    }
    size_t n = length_of(s, i, s->u.npages), extra = pick_size(op->b);
    size_t released = 0, next = i + n;
    bool possible = next < s->u.npages && range_free(s, next, extra);
    bool done = mh_palloc_extend(&s->p, address_of(s, i), n, extra, &released);

    REQUIRE(done == possible);
    if (done) {
        REQUIRE(set_range(s, next, extra, TAKEN, RELEASED) == released);
    }
}

// undo: a run of a pages, taken and put back as if nothing had happened.
static void do_undo(struct state *s, const struct op *op) {
    size_t n = pick_size(op->a), released = 0;
    uint64_t free_before = s->p.free_pages;
    uintptr_t base = mh_palloc_alloc(&s->p, n, 1, &released);

    if (base != 0) {
        REQUIRE(s->p.free_pages == free_before - n);
        mh_palloc_undo(&s->p, base, n);
        REQUIRE(mh_palloc_released(&s->p, base, n) == released);
    }
}

// highest_idle is what mh_palloc_find_scavengable should find below page limit:
// its first page, or npages; *n_out is the length.
static size_t highest_idle(const struct state *s, size_t limit, size_t max,
                           size_t align, size_t *n_out) {
    size_t to_pages = (size_t)(s->u.base >> MH_PAGE_SHIFT);
    max = max < align ? align : max & ~(align - 1);

    // The top of the answer is the end of the highest aligned block that is
    // idle throughout; from there it goes down block by block.
    size_t end = limit - ((to_pages + limit) & (align - 1));
    size_t n = 0;
    for (;; end -= align) {
        n = 0;
        while (n + align <= max && end <= limit && n + align <= end &&
               (n == 0 || ((to_pages + end - n) & (MH_CHUNK_PAGES - 1)) != 0)) {
            size_t idle = 0;
            for (size_t k = 0; k < align; k++) {
                idle += s->page[end - n - 1 - k] == FREE;
            }
            if (idle < align) {
                break;
            }
            n += align;
        }
        if (n > 0 || end < 2 * align || end > limit) {
            break;
        }
    }
    *n_out = n;
    return n > 0 ? end - n : s->u.npages;
}

// scavenge: below page a, as many as b says, alignment and whether to release
// by c.
static void do_scavenge(struct state *s, const struct op *op) {
    size_t limit = op->c % 8 == 0 ? s->u.npages : op->a % s->u.npages;
    size_t max = pick_size(op->b), align = (size_t)1 << (op->c >> 3) % 4;
    size_t n = 0, expected_n = 0;
    uintptr_t below = limit == s->u.npages ? UINTPTR_MAX : address_of(s, limit);
    size_t reach = index_of(s, below); // one less at the end of all addresses
    reach = reach < limit ? reach : limit;

    size_t i = highest_idle(s, reach, max, align, &expected_n);
    uintptr_t base = mh_palloc_find_scavengable(&s->p, below, max, align, &n);
    if (i == s->u.npages) {
        REQUIRE(base == 0);
        return;
    }
    REQUIRE(base == address_of(s, i));
    REQUIRE(n == expected_n);
    if ((op->c >> 6) % 2 == 0) {
        mh_palloc_mark_released(&s->p, base, n);
        set_range(s, i, n, RELEASED, FREE);
    }
}

// mark: free pages behind a, as many as b says; counts them before.
static void do_mark(struct state *s, const struct op *op) {
    size_t i = first_from(s, op->a % s->u.npages, FREE, RELEASED);
    size_t n = 0, released = 0;
    if (i == s->u.npages) {
        return;
    }
    for (size_t max = pick_size(op->b); n < max && i + n < s->u.npages; n++) {
        if (!is_free(s, i + n)) {
            break;
        }
        released += s->page[i + n] == RELEASED;
    }
    uintptr_t base = address_of(s, i);
    REQUIRE(mh_palloc_released(&s->p, base, n) == released);
    REQUIRE(mh_palloc_idle_in(&s->p, base, n) == n - released);
    mh_palloc_mark_released(&s->p, base, n);
    REQUIRE(mh_palloc_released(&s->p, base, n) == n);
    REQUIRE(mh_palloc_idle_in(&s->p, base, n) == 0);
    set_range(s, i, n, RELEASED, FREE);
}

// free_cached makes the pages of a cache free pages of the heap.
static void free_cached(struct state *s, const struct mh_page_cache *c) {
    for (unsigned k = 0; k < MH_PAGE_CACHE_PAGES; k++) {
        if ((c->free >> k & 1) == 0) {
            continue;
        }
        size_t i = index_of(s, c->base + ((uintptr_t)k << MH_PAGE_SHIFT));
        REQUIRE(i < s->u.npages);
        REQUIRE(s->page[i] == CACHED || s->page[i] == CACHED_RELEASED);
        s->page[i] = s->page[i] == CACHED ? FREE : RELEASED;
    }
}

static void do_flush(struct state *s, const struct op *op) {
    struct mh_page_cache *c = &s->cache[op->a % NCACHES];
    free_cached(s, c);
    mh_page_cache_flush(&s->p, c);
    REQUIRE(c->base == 0 && c->free == 0 && c->released == 0);
}

// fill: an empty cache, with the block of the lowest free page.
static void do_fill(struct state *s, const struct op *op) {
    struct mh_page_cache *c = &s->cache[op->a % NCACHES];
    if (c->free != 0) {
        return;
    }
    size_t i = 0;
    while (i < s->u.npages && !is_free(s, i)) {
        i++;
    }
    REQUIRE(mh_page_cache_fill(&s->p, c) == (i < s->u.npages));
    if (i == s->u.npages) {
        return;
    }
    uintptr_t block =
        mh_align_down(address_of(s, i), MH_PAGE_CACHE_PAGES << MH_PAGE_SHIFT);
    REQUIRE(c->base == block);
    for (unsigned k = 0; k < MH_PAGE_CACHE_PAGES; k++) {
        size_t at = index_of(s, block + ((uintptr_t)k << MH_PAGE_SHIFT));
        bool ours = at < s->u.npages;
        REQUIRE((c->free >> k & 1) == (ours && is_free(s, at)));
        REQUIRE((c->released >> k & 1) == (ours && s->page[at] == RELEASED));
        if (ours && is_free(s, at)) {
            s->page[at] = s->page[at] == FREE ? CACHED : CACHED_RELEASED;
        }
    }
}

static void do_cache_alloc(struct state *s, const struct op *op) {
    struct mh_page_cache *c = &s->cache[op->a % NCACHES];
    size_t n = 1 + op->b % MH_PAGE_CACHE_MAX_ALLOC, released = 0, run = 0;
    unsigned k = 0;

    for (; k < MH_PAGE_CACHE_PAGES && run < n; k++) {
        run = (c->free >> k & 1) != 0 ? run + 1 : 0;
    }
    uintptr_t base = mh_page_cache_alloc(c, n, &released);
    if (run < n) {
        REQUIRE(base == 0);
        return;
    }
    REQUIRE(base == c->base + ((uintptr_t)(k - n) << MH_PAGE_SHIFT));
    size_t i = index_of(s, base);
    for (size_t at = i; at < i + n; at++) {
        REQUIRE(s->page[at] >= CACHED);
    }
    REQUIRE(set_range(s, i, n, TAKEN, CACHED_RELEASED) == released);
}

// cache_free: taken pages behind a; the heap gets what the cache refuses.
static void do_cache_free(struct state *s, const struct op *op) {
    struct mh_page_cache *c = &s->cache[op->c % NCACHES];
    size_t at = op->a % s->u.npages;
    if (c->base != 0 && op->a % 2 == 0) {
        at = index_of(s, c->base) % s->u.npages;
    }
    size_t i = first_from(s, at, TAKEN, TAKEN);
    if (i == s->u.npages) {
        return;
    }
    size_t n = length_of(s, i, 1 + op->b % 70);
    uintptr_t base = address_of(s, i);
    uintptr_t end = base + ((uintptr_t)(n - 1) << MH_PAGE_SHIFT);
    uintptr_t size = (uintptr_t)MH_PAGE_CACHE_PAGES << MH_PAGE_SHIFT;
    bool inside = c->base != 0 && mh_align_down(base, size) == c->base &&
                  mh_align_down(end, size) == c->base;

    REQUIRE(mh_page_cache_free(c, base, n) == inside);
    if (inside) {
        set_range(s, i, n, CACHED, TAKEN);
    } else {
        mh_palloc_free(&s->p, base, n);
        set_range(s, i, n, FREE, TAKEN);
    }
}

// surplus: never more than lay idle after any operation since the last.
static void do_surplus(struct state *s, const struct op *op) {
    (void)op;
    REQUIRE(mh_palloc_surplus(&s->p) <= s->idle_low);
    s->idle_low = mh_palloc_idle(&s->p);
}

static bool oracle_says_taken(void *arg, uintptr_t page) {
    const struct state *s = arg;
    size_t i = index_of(s, page);
    REQUIRE(i < s->u.npages && s->page[i] != FOREIGN);
    return s->page[i] == TAKEN;
}

// rebuild: the caches vanish. Rare, or nothing would ever stay in them.
static void do_rebuild(struct state *s, const struct op *op) {
    if (op->a % 8 != 0) {
        return;
    }
    for (size_t i = 0; i < s->u.npages; i++) {
        if (s->page[i] >= CACHED) {
            s->page[i] = FREE;
        }
    }
    memset(s->cache, 0, sizeof(s->cache));
    mh_palloc_rebuild(&s->p, oracle_says_taken, s);
}

static void (*const performers[])(struct state *, const struct op *) = {
#define KIND_DO(name) do_##name,
    OP_KINDS(KIND_DO)};

static void check_counters(const struct state *s) {
    uint64_t n[CACHED_RELEASED + 1] = {0};

    for (size_t i = 0; i < s->u.npages; i++) {
        n[s->page[i]]++;
    }
    REQUIRE(s->p.total_pages == s->u.npages - n[FOREIGN]);
    REQUIRE(s->p.free_pages == n[FREE] + n[RELEASED]);
    REQUIRE(s->p.released_pages == n[RELEASED]);
}

// check_pages walks the chunks as a reader outside would, by the table.
static void check_pages(const struct state *s) {
    const struct mh_palloc_table *table = s->p.table;

    for (uint64_t b = 0; b < table->nblocks; b++) {
        for (uint64_t k = 0; k < table->blocks[b].nchunks; k++) {
            const struct mh_palloc_chunk *chunk = &table->blocks[b].chunks[k];
            for (unsigned j = 0; j < MH_CHUNK_PAGES; j++) {
                size_t i = index_of(s, (uintptr_t)chunk->base +
                                           ((uintptr_t)j << MH_PAGE_SHIFT));
                enum page want = i < s->u.npages ? s->page[i] : FOREIGN;
                bool alloc = (chunk->alloc[j / 64] >> j % 64 & 1) != 0;
                bool released = (chunk->released[j / 64] >> j % 64 & 1) != 0;
                bool ours = (chunk->ours[j / 64] >> j % 64 & 1) != 0;
                REQUIRE(ours == (want != FOREIGN));
                REQUIRE(alloc == (want != FREE && want != RELEASED));
                REQUIRE(released == (want == RELEASED));
            }
        }
    }
}

static void check(const struct state *s) {
    int broken = mh_palloc_check(&s->p);
    if (broken != 0) {
        fprintf(stderr, "palloc_fuzz: P%d is broken\n", broken);
        abort();
    }
    for (unsigned i = 0; i < NCACHES; i++) {
        REQUIRE(mh_page_cache_check(&s->cache[i]) == 0);
    }
    check_counters(s);
    check_pages(s);
}

static void perform(struct state *s, const struct op *op) {
    if (nlogged < MAX_LOG) {
        log_ops[nlogged++] = *op;
    }
    performers[op->kind](s, op);
    uint64_t idle = mh_palloc_idle(&s->p);
    s->idle_low = idle < s->idle_low ? idle : s->idle_low;
    if (++s->nops % s->u.check_every == 0) {
        check(s);
    }
}

static void begin(struct state *s, struct universe u) {
    size_t used = mem.room.next != 0 ? mem.room.next - (uintptr_t)buffer : 0;
    memset(buffer, 0, used < sizeof(buffer) ? used : sizeof(buffer));
    mh_persistent_init(&mem, MH_FOR_OTHER);
    mem.room = (struct mh_persistent_room){(uintptr_t)buffer,
                                           (uintptr_t)buffer + sizeof(buffer)};
    logged_universe = u;
    nlogged = 0;
    *s = (struct state){.u = u};
    s->page = calloc(u.npages, 1);
    REQUIRE(s->page != NULL);
    REQUIRE(mh_palloc_init(&s->p, &mem) == MH_OK);
}

// finish ends a run: everything is taken apart again, so that the universe is
// one free run per stretch of addresses.
static void finish(struct state *s) {
    for (uint32_t i = 0; i < NCACHES; i++) {
        do_flush(s, &(struct op){OP_flush, i, 0, 0});
    }
    for (size_t i = 0; i < s->u.npages; i++) {
        if (s->page[i] == TAKEN) {
            size_t n = length_of(s, i, s->u.npages);
            mh_palloc_free(&s->p, address_of(s, i), n);
            set_range(s, i, n, FREE, TAKEN);
        }
    }
    check(s);
    REQUIRE(s->p.free_pages == s->p.total_pages);
    free(s->page);
}

// make_universe derives one from three numbers: small ones mostly, the ends of
// the address space among them. To look at all pages takes as long as fifty
// operations: most runs do it now and then, and a failure is found by its
// replay, which does it after each.
static struct universe make_universe(uint32_t a, uint32_t b, uint32_t c) {
    static const size_t pieces[] = {1, 3, 128, 512, 8192};
    struct universe u = {.check_every = (c >> 16) % 32 == 0 ? 1 : 100};

    u.npages = 64 + a % ((b >> 16) % 4 == 0 ? 8192 : 1024);
    u.piece = pieces[b % 5];
    if (a % 64 == 63) { // large, so that the tree is four levels high
        u.npages = (size_t)MH_CHUNK_PAGES * (100 + a % 600);
        u.piece = 2048;
        u.check_every = 256;
    }
    u.base = (uintptr_t)0x40000000 + ((uintptr_t)(c % 9000) << MH_PAGE_SHIFT);
    if (c % 5 == 0) {
        u.base = 0 - ((uintptr_t)u.npages << MH_PAGE_SHIFT);
    } else if (c % 5 == 1) {
        u.base = 64 * MH_PAGE_SIZE;
    }
    return u;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    uint32_t word[3];
    if (size < sizeof(word)) {
        return 0;
    }
    memcpy(word, data, sizeof(word));

    struct state s;
    begin(&s, make_universe(word[0], word[1], word[2]));
    for (size_t i = sizeof(word); i + 8 <= size; i += 8) {
        uint16_t half[4];
        memcpy(half, data + i, sizeof(half));
        struct op op = {half[0] % OP_NKINDS, half[1] * 7u, half[2], half[3]};
        perform(&s, &op);
    }
    finish(&s);
    return 0;
}

#define KIND_NAME(name) #name,

#ifndef MH_LIBFUZZER

static const char *const kind_names[] = {OP_KINDS(KIND_NAME)};

static void print_log(void) {
    const struct universe *u = &logged_universe;
    fprintf(stderr, "universe %" PRIxPTR " %zu %zu %u\n", u->base, u->npages,
            u->piece, u->check_every);
    for (size_t i = 0; i < nlogged; i++) {
        const struct op *op = &log_ops[i];
        fprintf(stderr, "%s %" PRIu32 " %" PRIu32 " %" PRIu32 "\n",
                kind_names[op->kind], op->a, op->b, op->c);
    }
}

static void on_signal(int number) {
    print_log();
    signal(number, SIG_DFL);
    raise(number);
}

static uint64_t next_random(uint64_t *seed) {
    *seed += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t x = *seed;
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

// random_op: one kind in four is alloc or free, whose balance changes with the
// mood, so that the heap is full at times and empty at others.
static struct op random_op(uint64_t *seed, unsigned mood) {
    uint64_t x = next_random(seed), y = next_random(seed);
    struct op op = {(unsigned)(x % OP_NKINDS), (uint32_t)(x >> 32), (uint32_t)y,
                    (uint32_t)(y >> 32)};
    if ((x >> 16) % 2 == 0) {
        op.kind = (x >> 20) % 8 < mood ? OP_alloc : OP_free;
    }
    return op;
}

static uint64_t run_random(uint64_t seed, uint64_t max_steps) {
    struct state s;
    uint64_t x = next_random(&seed), y = next_random(&seed);
    begin(&s, make_universe((uint32_t)x, (uint32_t)(x >> 32), (uint32_t)y));

    uint64_t steps = 200 + (y >> 32) % 1000;
    steps = steps < max_steps ? steps : max_steps;
    unsigned mood = 4;
    for (uint64_t i = 0; i < steps; i++) {
        if (i % 128 == 0) {
            mood = (unsigned)(2 + next_random(&seed) % 5);
        }
        struct op op = random_op(&seed, mood);
        if (i < steps / 4 && op.a % 2 == 0) {
            op.kind = OP_grow; // a heap worth asking about, first
        }
        perform(&s, &op);
    }
    finish(&s);
    return steps;
}

// replay performs what print_log printed.
static int replay(const char *path) {
    FILE *file = fopen(path, "r");
    struct universe u;
    struct state s;
    char name[32];
    struct op op;

    if (file == NULL ||
        fscanf(file, "universe %" SCNxPTR " %zu %zu %u", &u.base, &u.npages,
               &u.piece, &u.check_every) != 4) {
        fprintf(stderr, "palloc_fuzz: %s: no universe in it\n", path);
        return EXIT_FAILURE;
    }
    u.check_every = 1;
    begin(&s, u);
    while (fscanf(file, "%31s %" SCNu32 " %" SCNu32 " %" SCNu32, name, &op.a,
                  &op.b, &op.c) == 4) {
        op.kind = 0;
        while (op.kind < OP_NKINDS && strcmp(name, kind_names[op.kind]) != 0) {
            op.kind++;
        }
        REQUIRE(op.kind < OP_NKINDS);
        perform(&s, &op);
    }
    finish(&s);
    fclose(file);
    printf("palloc_fuzz: %" PRIu64 " steps agree\n", s.nops);
    return EXIT_SUCCESS;
}

int main(int argc, char **argv) {
    uint64_t seconds = 2, max_steps = UINT64_MAX, seed = 1, steps = 0, runs = 0;

    signal(SIGABRT, on_signal);
    signal(SIGSEGV, on_signal);
    if (argc > 1 && strncmp(argv[1], "--", 2) != 0) {
        return fuzz_run_files(argv + 1, argc - 1);
    }
    for (int i = 1; i + 1 < argc; i += 2) {
        uint64_t value = strtoull(argv[i + 1], NULL, 0);
        if (strcmp(argv[i], "--seconds") == 0) {
            seconds = value;
        } else if (strcmp(argv[i], "--steps") == 0) {
            max_steps = value;
            seconds = UINT32_MAX;
        } else if (strcmp(argv[i], "--seed") == 0) {
            seed = value;
        } else if (strcmp(argv[i], "--replay") == 0) {
            return replay(argv[i + 1]);
        } else {
            fprintf(stderr, "palloc_fuzz: unknown argument %s\n", argv[i]);
            return EXIT_FAILURE;
        }
    }
    // 64 bits: where time_t has 32, a time without end would lie in the past.
    int64_t end = (int64_t)time(NULL) + (int64_t)seconds;
    while (steps < max_steps && time(NULL) < end) {
        steps += run_random(seed + runs++, max_steps - steps);
    }
    printf("palloc_fuzz: %" PRIu64 " steps in %" PRIu64 " runs agree\n", steps,
           runs);
    return EXIT_SUCCESS;
}

#endif
