// hard.c - the hardened mode: is it on, and what is in a hardened slot.

#include "core/heap/hard.h"

#include <string.h>

#include "core/base/atomic.h"
#include "core/base/bits.h"
#include "core/heap/arena.h"
#include "core/heap/hard_zero.h"
#include "core/heap/options.h"
#include "core/heap/span.h"
#include "core/page/window.h"
#include "core/sys/sys.h"

bool mh_hard_on;

static bool decided;
static uint64_t secret[2];

void mh_hard_decide(void) {
    decided = true;
    if (!MH_CHECKS || mh_option(MH_OPTION_HARDENED) == 0) {
        return;
    }
    mh_sys_random(secret, sizeof(secret));
    mh_window_close();
    mh_arenas_scatter();
    mh_hard_zero_init();
    mh_hard_on = true;
}

bool mh_hard_is_decided(void) {
    return decided;
}

// The filler's length stands in the top 16 bits of the seal.
enum { SLACK_SHIFT = 48 };

// Who sees one seal learns no other: two rounds of multiplying and folding. The
// first byte in memory, the lowest, is not zero, so that a string's end written
// one too far is seen, and the second one is, so that a string that has lost
// its end does not show the rest.
static uint64_t hash_of(uintptr_t slot) {
    uint64_t h = (uint64_t)slot ^ secret[0];
    h = (h ^ (h >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    h = (h ^ (h >> 27) ^ secret[1]) * UINT64_C(0x94d049bb133111eb);
    h ^= h >> 31;
    return (h & ~UINT64_C(0xff00)) | 1;
}

// Never zero, as the seal's first byte.
static unsigned char filler_of(uint64_t hash) {
    return (unsigned char)(hash >> 24 | 0x80);
}

static uint64_t *last_word(uintptr_t slot, size_t slot_size) {
    return (uint64_t *)(slot + slot_size - MH_SEAL_BYTES);
}

// Four words at a time: looking is most of what malloc and free cost.
static bool words_are(const uint64_t *words, size_t n, uint64_t value) {
    uint64_t a = 0, b = 0, c = 0, d = 0;
    for (; n >= 4; n -= 4, words += 4) {
        a |= words[0] ^ value;
        b |= words[1] ^ value;
        c |= words[2] ^ value;
        d |= words[3] ^ value;
    }
    for (; n != 0; n--, words++) {
        a |= *words ^ value;
    }
    return (a | b | c | d) == 0;
}

// For n bytes up to a multiple of 8, as all fillers are.
static bool bytes_are(uintptr_t at, size_t n, unsigned char byte) {
    unsigned differs = 0;
    for (; at % sizeof(uint64_t) != 0; at++, n--) {
        differs |= *(const unsigned char *)at ^ (unsigned)byte;
    }
    return differs == 0 && words_are((const uint64_t *)at, n / sizeof(uint64_t),
                                     byte * (~UINT64_C(0) / 255));
}

static void seal(uintptr_t slot, size_t slot_size, size_t size, uint64_t hash) {
    size_t slack = slot_size - MH_SEAL_BYTES - size;
    if (slack != 0) {
        memset((void *)(slot + size), filler_of(hash), slack);
    }
    *last_word(slot, slot_size) =
        mh_low_first64(hash ^ (uint64_t)slack << SLACK_SHIFT);
}

void mh_hard_seal(uintptr_t slot, size_t slot_size, size_t size) {
    seal(slot, slot_size, size, hash_of(slot));
}

static size_t sealed_size(uintptr_t slot, size_t slot_size, uint64_t hash) {
    size_t most = slot_size - MH_SEAL_BYTES;
    uint64_t rest = mh_low_first64(*last_word(slot, slot_size)) ^ hash;
    size_t slack = (size_t)(rest >> SLACK_SHIFT);
    if (rest << (64 - SLACK_SHIFT) != 0 || slack > most) {
        return SIZE_MAX;
    }
    bool whole = bytes_are(slot + most - slack, slack, filler_of(hash));
    return whole ? most - slack : SIZE_MAX;
}

size_t mh_hard_size(uintptr_t slot, size_t slot_size) {
    return sealed_size(slot, slot_size, hash_of(slot));
}

void mh_hard_fill(uintptr_t p, uintptr_t from, size_t n) {
    memset((void *)from, filler_of(hash_of(p)), n);
}

bool mh_hard_is_filled(uintptr_t p, uintptr_t from, size_t n) {
    return bytes_are(from, n, filler_of(hash_of(p)));
}

// As it stands in memory. No seal of a live object at the same address is this.
static uint64_t free_seal_of(uint64_t hash) {
    return mh_low_first64(~hash | UINT64_C(1) << 63); // its last byte is not 0
}

static void wipe(uintptr_t slot, size_t slot_size, uint64_t hash) {
    memset((void *)slot, 0, slot_size - MH_SEAL_BYTES);
    *last_word(slot, slot_size) = free_seal_of(hash);
}

static bool is_wiped(uintptr_t slot, size_t slot_size, uint64_t hash) {
    return *last_word(slot, slot_size) == free_seal_of(hash) &&
           words_are((const uint64_t *)slot, slot_size / sizeof(uint64_t) - 1,
                     0);
}

bool mh_hard_open(uintptr_t slot, size_t slot_size, size_t size) {
    uint64_t hash = hash_of(slot);
    bool wiped = is_wiped(slot, slot_size, hash);
    if (!wiped) {
        wipe(slot, slot_size, hash);
    }
    seal(slot, slot_size, size, hash);
    return wiped;
}

bool mh_hard_close(uintptr_t slot, size_t slot_size) {
    uint64_t hash = hash_of(slot);
    bool whole = sealed_size(slot, slot_size, hash) != SIZE_MAX;
    if (whole) {
        wipe(slot, slot_size, hash);
    }
    return whole;
}

void mh_hard_wipe(uintptr_t slot, size_t slot_size) {
    wipe(slot, slot_size, hash_of(slot));
}

void mh_hard_seal_free(const struct mh_span *span, uintptr_t base,
                       size_t bytes) {
    for (uint32_t i = 0; i < span->nslots; i++) {
        uintptr_t slot = mh_span_slot_address(span, i);
        uint64_t *last = last_word(slot, span->slot_size);
        if ((uintptr_t)last - base < bytes) {
            *last = free_seal_of(hash_of(slot));
        }
    }
}

// Whether a slot touches a page that was given back: nobody may read it.
static bool is_in_hole(const struct mh_span *span, uintptr_t slot) {
    size_t page = mh_sys_facts()->page_size;
    if (!span->has_holes) {
        return false;
    }
    uintptr_t first = (slot - (uintptr_t)span->base) / page;
    uintptr_t last =
        (slot + span->slot_size - 1 - (uintptr_t)span->base) / page;
    for (uintptr_t i = first; i <= last; i++) {
        if ((span->holes >> i & 1) != 0) {
            return true;
        }
    }
    return false;
}

static bool is_flawed(const struct mh_span *span, uintptr_t slot,
                      bool is_live) {
    return is_live ? mh_hard_size(slot, span->slot_size) == SIZE_MAX
                   : !is_in_hole(span, slot) &&
                         !is_wiped(slot, span->slot_size, hash_of(slot));
}

struct mh_hard_flaw mh_hard_look(const struct mh_span *span) {
    struct mh_arena *arena = mh_arena_of_known((uintptr_t)span->base);
    for (uint32_t i = 0; i < span->nslots; i++) {
        uintptr_t slot = mh_span_slot_address(span, i);
        const struct mh_pair *pair = mh_arena_pair(arena, slot);
        uint64_t live =
            MH_LOAD_RELAXED(&pair->live) & ~MH_LOAD_RELAXED(&pair->remote);
        bool is_live = (live & mh_pair_bit(slot)) != 0;
        if (is_flawed(span, slot, is_live)) {
            return (struct mh_hard_flaw){slot, is_live};
        }
    }
    return (struct mh_hard_flaw){0, false};
}

int mh_hard_check_span(const struct mh_span *span) {
    if (!mh_hard_on || span->size_class == 0) {
        return 0;
    }
    struct mh_hard_flaw flaw = mh_hard_look(span);
    return flaw.slot == 0 ? 0 : flaw.is_live ? 21 : 22;
}
