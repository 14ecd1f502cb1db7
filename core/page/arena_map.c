// arena_map.c - from an address to the metadata of its arena.

#include "core/page/arena_map.h"

#include "core/base/assert.h"

// A word has room for so many parts. A table that is one has this shift.
enum { PART_BITS_MAX = 6, PART_IS_ALL = sizeof(uintptr_t) * 8 - 1 };

struct mh_arena_map mh_arena_map;

// The table is zeroed memory that is only touched where arenas are, so a full
// one costs address space, not memory.
static struct mh_arena **make_table(uintptr_t count) {
    mh_arena_map.parts = 1;
    mh_arena_map.part_shift = PART_IS_ALL;
    return mh_sys_alloc_sparse(count * sizeof(struct mh_arena *), MH_FOR_OTHER);
}

// The same where what is Ready is charged: addresses only.
static struct mh_arena **make_parts(uintptr_t count, unsigned part_bits) {
    size_t size = count * sizeof(struct mh_arena *);
    void *table = mh_sys_reserve(NULL, size, MH_FOR_OTHER);
    mh_arena_map.parts = 0;
    mh_arena_map.part_shift = mh_log2(count) - part_bits;
    return table;
}

static struct mh_arena **make_full(const struct mh_arena_map_plan *plan) {
    const struct mh_os_facts *facts = mh_sys_facts();
    size_t part = plan->full * sizeof(struct mh_arena *) >> plan->part_bits;
    bool in_parts = facts->commit_charged && plan->part_bits != 0 &&
                    plan->part_bits <= PART_BITS_MAX &&
                    part % facts->reserve_align == 0;
    return in_parts ? make_parts(plan->full, plan->part_bits)
                    : make_table(plan->full);
}

// Whether address space is so plentiful that a full map is no matter: eight
// times as much can be reserved. Where it is limited (ulimit -v) the map must
// leave room for what it is to map.
static bool is_roomy(uintptr_t count) {
    size_t size = mh_align_up(8 * count * sizeof(struct mh_arena *),
                              mh_sys_facts()->reserve_align);
    void *probe = mh_sys_reserve(NULL, size, MH_FOR_OTHER);
    if (probe == NULL) {
        return false;
    }
    struct mh_split was = {.reserved = size};
    return mh_sys_free(probe, size, was, MH_FOR_OTHER) == MH_OK;
}

enum mh_status mh_arena_map_init(const struct mh_arena_map_plan *plan) {
    MH_CHECK(mh_arena_map.count == 0);
    MH_CHECK(plan->few > 0 && plan->few <= plan->full);

    struct mh_arena **table = is_roomy(plan->full) ? make_full(plan) : NULL;
    uintptr_t bias = plan->base;
    uintptr_t count = plan->full;
    if (table == NULL) {
        table = make_table(plan->few);
        count = plan->few;
        // Leave room on both sides of the first arena, for the system may put
        // arenas below the hint.
        uintptr_t number = (plan->near - plan->base) >> MH_ARENA_SHIFT;
        uintptr_t first = number > count / 2 ? number - count / 2 : 0;
        bias = plan->base + (first << MH_ARENA_SHIFT);
    }
    if (table == NULL) {
        return MH_NO_MEMORY;
    }
    mh_arena_map.table = table;
    mh_arena_map.bias = bias;
    // Signed, for a bias below address 0: on amd64 the space is centred there.
    intptr_t first = (intptr_t)bias / (intptr_t)MH_ARENA_SIZE;
    mh_arena_map.known =
        (uintptr_t)table - (uintptr_t)first * sizeof(struct mh_arena *);
    MH_STORE_RELEASE(&mh_arena_map.count, count);
    return MH_OK;
}

static uintptr_t number_of(uintptr_t base) {
    return (base - mh_arena_map.bias) >> MH_ARENA_SHIFT;
}

// A part that could be mapped and not be made Ready waits for the next try.
enum mh_status mh_arena_map_grow(uintptr_t base) {
    static uint64_t mapped;
    uintptr_t number = number_of(base);
    if (mh_arena_map_has(number)) {
        return MH_OK;
    }
    uintptr_t part = number >> mh_arena_map.part_shift;
    uint64_t bit = UINT64_C(1) << part;
    size_t size = sizeof(struct mh_arena *) << mh_arena_map.part_shift;
    char *at = (char *)mh_arena_map.table + part * size;
    if ((mapped & bit) == 0) {
        enum mh_status status = mh_sys_map(at, size, MH_FOR_OTHER);
        if (status != MH_OK) {
            return status;
        }
        mapped |= bit;
    }
    enum mh_status status = mh_sys_used_sparse(at, size, MH_FOR_OTHER);
    if (status == MH_OK) {
        // release: pairs with mh_arena_map_has.
        MH_STORE_RELEASE(&mh_arena_map.parts, mh_arena_map.parts | bit);
    }
    return status;
}

bool mh_arena_map_covers(uintptr_t base) {
    return number_of(base) < mh_arena_map.count;
}

void mh_arena_map_set(uintptr_t base, struct mh_arena *arena) {
    MH_CHECK(mh_arena_map_covers(base));
    uintptr_t number = number_of(base);
    MH_CHECK(mh_arena_map_has(number));
    MH_CHECK(mh_arena_map.table[number] == NULL);
    // release: pairs with mh_arena_of; the record is complete before.
    MH_STORE_RELEASE(&mh_arena_map.table[number], arena);
}
