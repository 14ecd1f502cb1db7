// arena_map.c - from an address to the metadata of its arena.

#include "core/page/arena_map.h"

#include "core/base/assert.h"

struct mh_arena_map mh_arena_map;

// The table is zeroed memory that is only touched where arenas are, so a full
// one costs address space, not memory.
static struct mh_arena **make_table(uintptr_t count) {
    return mh_sys_alloc_sparse(count * sizeof(struct mh_arena *), MH_FOR_OTHER);
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

enum mh_status mh_arena_map_init(uintptr_t base, uintptr_t full, uintptr_t near,
                                 uintptr_t few) {
    MH_CHECK(mh_arena_map.count == 0);
    MH_CHECK(few > 0 && few <= full);

    struct mh_arena **table = is_roomy(full) ? make_table(full) : NULL;
    uintptr_t bias = base;
    uintptr_t count = full;
    if (table == NULL) {
        table = make_table(few);
        count = few;
        // `near` is where the first arena is wanted; leave room on both sides,
        // for the system may put arenas below the hint.
        uintptr_t number = (near - base) >> MH_ARENA_SHIFT;
        uintptr_t first = number > few / 2 ? number - few / 2 : 0;
        bias = base + (first << MH_ARENA_SHIFT);
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

bool mh_arena_map_covers(uintptr_t base) {
    return (base - mh_arena_map.bias) >> MH_ARENA_SHIFT < mh_arena_map.count;
}

void mh_arena_map_set(uintptr_t base, struct mh_arena *arena) {
    MH_CHECK(mh_arena_map_covers(base));
    uintptr_t number = (base - mh_arena_map.bias) >> MH_ARENA_SHIFT;
    MH_CHECK(mh_arena_map.table[number] == NULL);
    // release: pairs with mh_arena_of; the record is complete before.
    MH_STORE_RELEASE(&mh_arena_map.table[number], arena);
}
