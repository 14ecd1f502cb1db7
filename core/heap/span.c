// span.c - a run of pages: equal slots, or one large object.

#include "core/heap/span.h"

#include "core/base/assert.h"
#include "core/base/bits.h"
#include "core/base/span_rules.h"
#include "core/heap/arena.h"
#include "core/heap/bad_free.h"
#include "core/heap/hard.h"
#include "core/heap/holes.h"
#include "core/heap/size_class.h"

static void set_free_word(struct mh_span *span, uint32_t word, uint64_t bits) {
    MH_STORE_RELAXED(&span->free[word], bits);
    if (bits != 0) {
        span->free_words = (uint16_t)(span->free_words | 1u << word);
    } else {
        span->free_words = (uint16_t)(span->free_words & ~(1u << word));
    }
}

void mh_span_put_free(struct mh_span *span, uint32_t slot) {
    uint32_t word = slot / 64;
    uint64_t bit = UINT64_C(1) << (slot % 64);
    MH_ASSERT(slot < span->nslots);
    MH_ASSERT((span->free[word] & bit) == 0);

    set_free_word(span, word, span->free[word] | bit);
    MH_STORE_RELAXED(&span->nfree, span->nfree + 1);
}

void mh_span_put_free_run(struct mh_span *span, uint32_t first, uint32_t n) {
    uint32_t limit = first + n;
    uint64_t bits = ~mh_low_bits(first % 64);
    for (uint32_t word = first / 64; word <= (limit - 1) / 64; word++) {
        bits &= mh_low_bits(limit - word * 64);
        MH_ASSERT((span->free[word] & bits) == 0);
        MH_STORE_RELAXED(&span->free[word], span->free[word] | bits);
        span->free_words = (uint16_t)(span->free_words | 1u << word);
        bits = ~UINT64_C(0);
    }
    MH_STORE_RELAXED(&span->nfree, span->nfree + n);
}

void mh_span_fill_free(struct mh_span *span) {
    uint32_t full = span->nslots / 64;
    uint64_t rest = mh_low_bits(span->nslots % 64);
    for (uint32_t word = 0; word < MH_SPAN_FREE_WORDS; word++) {
        uint64_t bits = word < full ? ~UINT64_C(0) : 0;
        MH_STORE_RELAXED(&span->free[word], word == full ? rest : bits);
    }
    span->free_words = (uint16_t)mh_low_bits(full + (rest != 0));
    MH_STORE_RELAXED(&span->nfree, span->nslots);
}

// Writes count neighbouring slots, the first at `offset` from base, to the
// places that end at `end`, downwards.
static void put_run(uintptr_t base, uintptr_t offset, uintptr_t size,
                    uint32_t count, struct mh_place *end) {
    struct mh_pair *first = mh_arena_pair(mh_arena_of_known(base), base);
    for (; count != 0; count--) {
        void *slot = (void *)(base + offset);
        MH_PREFETCH_WRITE(slot);
        end--;
        end->slot = slot;
        end->pair = mh_pair_of(first, offset >> MH_GRANULE_SHIFT);
        offset += size;
    }
}

uint32_t mh_span_take(struct mh_span *span, uint32_t max,
                      struct mh_place *end) {
    uintptr_t size = span->slot_size;
    uint32_t taken = 0;
    while (taken != max && span->free_words != 0) {
        uint32_t word = mh_ctz64(span->free_words);
        uint64_t bits = span->free[word];
        while (bits != 0 && taken != max) {
            uint32_t at = mh_ctz64(bits);
            // The run of set bits that begins here: a carry clears all of it.
            uint64_t carried = bits + (UINT64_C(1) << at);
            uint32_t n = (carried != 0 ? mh_ctz64(carried) : 64) - at;
            n = n < max - taken ? n : max - taken;
            put_run((uintptr_t)span->base, (word * 64 + at) * size, size, n,
                    end - taken);
            taken += n;
            bits &= ~(mh_low_bits(n) << at);
        }
        set_free_word(span, word, bits);
    }
    MH_STORE_RELAXED(&span->nfree, span->nfree - taken);
    return taken;
}

// The number of a set bit, of those of `bits`: the first from `start` on, going
// round.
static uint32_t bit_from(uint64_t bits, unsigned start) {
    uint64_t above = bits & ~mh_low_bits(start);
    return mh_ctz64(above != 0 ? above : bits);
}

uintptr_t mh_span_take_any(struct mh_span *span, uint64_t random) {
    uint32_t words = (span->nslots + 63) / 64;
    uint32_t word =
        bit_from(span->free_words, (unsigned)(random >> 6 & 15) % words);
    uint32_t at = bit_from(span->free[word], (unsigned)random & 63);
    set_free_word(span, word, span->free[word] & ~(UINT64_C(1) << at));
    MH_STORE_RELAXED(&span->nfree, span->nfree - 1);
    return mh_span_slot_address(span, word * 64 + at);
}

// Reports frees that found no live object, by their bits in the pair word of
// base.
static void report_strays(uintptr_t base, uint64_t strays) {
    for (; strays != 0; strays &= strays - 1) {
        uintptr_t granule = mh_ctz64(strays);
        mh_bad_free_late((void *)(base + (granule << MH_GRANULE_SHIFT)));
    }
}

// The slot that a granule of the pair word `offset` bytes from base begins.
static uint32_t slot_of_bit(const struct mh_span *span, uintptr_t offset,
                            unsigned granule) {
    uintptr_t at = offset + ((uintptr_t)granule << MH_GRANULE_SHIFT);
    return (uint32_t)((uint64_t)at * span->magic >> 32);
}

static void free_scattered(struct mh_span *span, uintptr_t offset,
                           uint64_t bits) {
    unsigned words = span->free_words;
    uint32_t n = 0;
    for (; bits != 0; bits &= bits - 1) {
        uint32_t slot = slot_of_bit(span, offset, mh_ctz64(bits));
        uint64_t *word = &span->free[slot / 64];
        MH_ASSERT(!mh_bit_get(*word, slot));
        MH_STORE_RELAXED(word, mh_bit_with(*word, slot));
        words |= 1u << (slot / 64);
        n++;
    }
    span->free_words = (uint16_t)words;
    MH_STORE_RELAXED(&span->nfree, span->nfree + n);
}

// Makes the slots of one pair word, `offset` bytes from base, free. Mostly they
// are neighbours, for what is made together is freed together.
static uint32_t free_bits(struct mh_span *span, uintptr_t offset,
                          uint64_t bits) {
    if ((bits & (bits - 1)) == 0) {
        free_scattered(span, offset, bits);
        return 1;
    }
    uint32_t first = slot_of_bit(span, offset, mh_ctz64(bits));
    uint32_t last = slot_of_bit(span, offset, 63 - mh_clz64(bits));
    uint32_t count = mh_popcount64(bits);
    if (last - first + 1 == count) {
        mh_span_put_free_run(span, first, count);
    } else {
        free_scattered(span, offset, bits);
    }
    return count;
}

// Moves the remote bits of the pair word of `offset` bytes from base to free
// bits, and says how many.
static uint32_t drain_pair(struct mh_span *span, struct mh_pair *pair,
                           uintptr_t offset) {
    // seq_cst: a bit whose thread saw its group noted, and did not tell, is
    // seen here. acquire, in that: what the thread wrote comes before.
    uint64_t remote = __atomic_load_n(&pair->remote, __ATOMIC_SEQ_CST);
    if (remote == 0) {
        return 0;
    }
    uint64_t live = pair->live;
    MH_STORE_RELAXED(&pair->live, live & ~remote);
    // release, and after the line above: a second free of the same object by
    // another thread finds either its remote bit set or its live bit clear.
    // Bits that came meanwhile stay: their threads found the note taken, make
    // it again, and tell.
    MH_AND_RELEASE(&pair->remote, ~remote);
    uint64_t strays = MH_CHECKS ? remote & ~live : 0;
    if (MH_UNLIKELY(strays != 0)) {
        report_strays((uintptr_t)span->base + offset, strays);
        remote &= ~strays;
    }
    return remote != 0 ? free_bits(span, offset, remote) : 0;
}

static uint32_t drain_group(struct mh_span *span, struct mh_pair *pairs,
                            uintptr_t offset) {
    uintptr_t end = offset + ((uintptr_t)1 << MH_GROUP_SHIFT);
    uint32_t n = 0;
    MH_PREFETCH_WRITE(pairs);
    for (; offset < end; offset += (uintptr_t)1 << MH_PAIR_SHIFT) {
        n += drain_pair(span, pairs, offset);
        pairs++;
    }
    return n;
}

uint32_t mh_span_drain(struct mh_span *span) {
    // seq_cst: a thread that frees sets its bit, then looks at touched, which
    // is taken here before the bits are looked at. release, in that: the caller
    // has cleared told, which who notes a group looks at after that.
    uint64_t touched = __atomic_exchange_n(&span->touched, 0, __ATOMIC_SEQ_CST);
    uint32_t n = 0;
    if (touched == 0) {
        return 0;
    }
    uintptr_t base = (uintptr_t)span->base;
    struct mh_pair *pairs = mh_arena_pair(mh_arena_of_known(base), base);
    uintptr_t bytes = (uintptr_t)span->npages << MH_PAGE_SHIFT;
    uintptr_t first = base >> MH_GROUP_SHIFT;
    for (; touched != 0; touched &= touched - 1) {
        uintptr_t group = (mh_ctz64(touched) - first) & 63;
        uintptr_t offset = group << MH_GROUP_SHIFT;
        // A thread that was held up may have touched more than there is.
        if (offset < bytes) {
            n += drain_group(span, &pairs[offset >> MH_PAIR_SHIFT], offset);
        }
    }
    return n;
}

static bool any_remote(const struct mh_pair *pairs, uintptr_t n) {
    uint64_t any = 0;
    for (uintptr_t i = 0; i < n; i++) {
        any |= MH_LOAD_RELAXED(&pairs[i].remote);
    }
    return any != 0;
}

void mh_span_clear_strays(const struct mh_span *span) {
    uintptr_t base = (uintptr_t)span->base;
    struct mh_pair *pairs = mh_arena_pair(mh_arena_of_known(base), base);
    uintptr_t pages = span->size_class == 0 ? 1 : span->npages;
    uintptr_t n = pages << (MH_PAGE_SHIFT - MH_PAIR_SHIFT);
    if (MH_LIKELY(!any_remote(pairs, n))) {
        return;
    }
    for (uintptr_t i = 0; i < n; i++) {
        uint64_t strays =
            __atomic_exchange_n(&pairs[i].remote, 0, __ATOMIC_RELAXED);
        report_strays(base + (i << MH_PAIR_SHIFT), strays);
    }
}

static uintptr_t pairs_of(const struct mh_span *span) {
    return (uintptr_t)span->npages << (MH_PAGE_SHIFT - MH_PAIR_SHIFT);
}

bool mh_span_is_quiet(const struct mh_span *span) {
    uintptr_t base = (uintptr_t)span->base;
    return (span->owner_told & 1) == 0 && span->touched == 0 &&
           !any_remote(mh_arena_pair(mh_arena_of_known(base), base),
                       pairs_of(span));
}

static bool any_free(const struct mh_span *span) {
    uint64_t any = span->nfree | span->free_words;
    for (uint32_t word = 0; word * 64 < span->nslots; word++) {
        any |= span->free[word];
    }
    return any != 0;
}

bool mh_span_is_packed(const struct mh_span *span) {
    uintptr_t base = (uintptr_t)span->base;
    const struct mh_pair *pairs = mh_arena_pair(mh_arena_of_known(base), base);
    uint32_t nlive = MH_CHECKS ? 0 : span->nslots;
    for (uintptr_t i = 0; MH_CHECKS && i < pairs_of(span); i++) {
        nlive += mh_popcount64(pairs[i].live);
    }
    return nlive == span->nslots && !any_free(span);
}

// Notes whose slots are the bits of the pair word of `offset` bytes from base.
static void note_slots(const struct mh_span *span, uintptr_t offset,
                       uint64_t bits, uint64_t *slots) {
    for (; bits != 0; bits &= bits - 1) {
        uintptr_t granule = mh_ctz64(bits);
        uintptr_t at =
            (uintptr_t)span->base + offset + (granule << MH_GRANULE_SHIFT);
        uint32_t slot = mh_span_slot(span, at);
        slots[slot / 64] |= UINT64_C(1) << (slot % 64);
    }
}

// Ends a vanished owner's and others' changes of a pair word, and notes its
// live slots; or, where there are no live bits, those with remote ones. What is
// so already is not written: in a child the first write to a page copies it.
static void settle_pair(const struct mh_span *span, struct mh_pair *pair,
                        uintptr_t offset, uint64_t *slots) {
    uint64_t remote = pair->remote;
    uint64_t live = pair->live & ~remote;
    if (pair->live != live) {
        MH_STORE_RELAXED(&pair->live, live);
    }
    if (remote != 0) {
        MH_STORE_RELAXED(&pair->remote, 0);
    }
    note_slots(span, offset, MH_CHECKS ? live : remote, slots);
}

// Slots that were free before are wiped already, or lie in a hole.
static void wipe_slots(const struct mh_span *span, uint32_t word,
                       uint64_t bits) {
    for (; bits != 0; bits &= bits - 1) {
        uint32_t slot = word * 64 + mh_ctz64(bits);
        mh_hard_wipe(mh_span_slot_address(span, slot), span->slot_size);
    }
}

// A build without the checks keeps no live bits: there what lay in the owner's
// bins cannot be told from objects, and is lost.
void mh_span_rebuild(struct mh_span *span) {
    uintptr_t base = (uintptr_t)span->base;
    struct mh_pair *pairs = mh_arena_pair(mh_arena_of_known(base), base);
    uint64_t slots[MH_SPAN_FREE_WORDS] = {0};
    for (uintptr_t i = 0; i < pairs_of(span); i++) {
        settle_pair(span, &pairs[i], i << MH_PAIR_SHIFT, slots);
    }

    uint32_t nfree = 0;
    for (uint32_t word = 0; word * 64 < span->nslots; word++) {
        uint32_t left = span->nslots - word * 64;
        uint64_t free = MH_CHECKS ? ~slots[word] & mh_low_bits(left)
                                  : span->free[word] | slots[word];
        if (mh_hard_on) {
            wipe_slots(span, word, free & ~span->free[word]);
        }
        set_free_word(span, word, free);
        nfree += mh_popcount64(free);
    }
    MH_STORE_RELAXED(&span->nfree, nfree);
    MH_STORE_RELAXED(&span->touched, 0);
}

// S1 to S3: what never changes.
static int check_constant(const struct mh_span *span) {
    const struct mh_arena *arena = mh_arena_of_known((uintptr_t)span->base);
    unsigned known = span->size_class < MH_NCLASSES ? span->size_class : 0;
    struct mh_span_shape shape = {
        .base = span->base,
        .npages = span->npages,
        .slot_size = span->slot_size,
        .nslots = span->nslots,
        .large_size = span->large_size,
        .large_start = (uint64_t)span->start << MH_GRANULE_SHIFT,
        .size_class = span->size_class,
        .nclasses = MH_NCLASSES,
        .class_size = mh_classes[known].size,
        .class_nslots = mh_classes[known].nslots,
        .max_slots = MH_SPAN_MAX_SLOTS,
        .granule = 1u << MH_GRANULE_SHIFT,
        .page_bytes = MH_PAGE_SIZE,
        .arena_base = arena->base,
        .arena_bytes = arena->bytes,
    };
    return mh_span_rule_shape(&shape);
}

// S4: the free bits, their count, and which words have any.
static int check_free(const struct mh_span *span) {
    for (uint32_t word = 0; word < MH_SPAN_FREE_WORDS; word++) {
        bool listed = (span->free_words >> word & 1) != 0;
        if (listed != (span->free[word] != 0)) {
            return 4;
        }
    }
    return mh_span_rule_free(span->free, MH_SPAN_FREE_WORDS, span->nslots,
                             span->nfree);
}

// S5 and S6: live and remote bits against the free ones, granule by granule.
static int check_bits(const struct mh_span *span) {
    struct mh_arena *arena = mh_arena_of_known((uintptr_t)span->base);
    uintptr_t bytes = (uintptr_t)span->npages << MH_PAGE_SHIFT;
    for (uintptr_t offset = 0; offset < bytes; offset += 16) {
        uintptr_t at = (uintptr_t)span->base + offset;
        struct mh_pair *pair = mh_arena_pair(arena, at);
        uint64_t either =
            MH_LOAD_RELAXED(&pair->live) | MH_LOAD_RELAXED(&pair->remote);
        if ((either & mh_pair_bit(at)) == 0) {
            continue;
        }
        uint32_t slot = mh_span_slot(span, at);
        if (slot >= span->nslots || mh_span_slot_address(span, slot) != at) {
            return 6;
        }
        if ((span->free[slot / 64] >> (slot % 64) & 1) != 0) {
            return 5;
        }
    }
    return 0;
}

// S7 and S8: who the pages and the lists say the owner is.
static int check_owner(const struct mh_span *span) {
    struct mh_arena *arena = mh_arena_of_known((uintptr_t)span->base);
    uint32_t owner = (uint32_t)(MH_LOAD_RELAXED(&span->owner_told) >> 1);
    uint32_t want = mh_page_word_make(owner, span->size_class);
    for (uint32_t i = 0; i < span->npages; i++) {
        uintptr_t at = (uintptr_t)span->base + ((uintptr_t)i << MH_PAGE_SHIFT);
        if (arena->page_words[mh_arena_page(at)] != want ||
            mh_arena_span(arena, at) != span) {
            return 7;
        }
    }
    return mh_span_rule_list(span->list != MH_LIST_NONE,
                             span->list == MH_LIST_CENTRAL,
                             owner != MH_OWNER_NONE, span->nfree);
}

// S9: a hole that is none is a page that somebody may be using.
static int check_holes(const struct mh_span *span) {
    bool inside = (span->holes & ~mh_span_find_holes(span)) == 0;
    return inside && span->has_holes == (span->holes != 0) ? 0 : 9;
}

int mh_span_check(const struct mh_span *span) {
    int broken = check_constant(span);
    if (broken != 0 || span->size_class == 0) {
        return broken;
    }
    broken = check_free(span);
    if (broken == 0) {
        broken = check_bits(span);
    }
    if (broken == 0) {
        broken = check_owner(span);
    }
    return broken != 0 ? broken : check_holes(span);
}
