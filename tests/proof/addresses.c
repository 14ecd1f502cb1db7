// addresses.c - from an address to its arena, its page word and its pair.

#include "tests/proof/proof.h"

#include "core/base/atomic.h"

// One thread is enough to prove arithmetic.
#undef MH_LOAD_ACQUIRE
#define MH_LOAD_ACQUIRE(p) (*(p))
#undef MH_LOAD_RELAXED
#define MH_LOAD_RELAXED(p) (*(p))

#include "core/page/arena_map.h"

enum { ENTRIES = 8 };

struct mh_arena {
    int nothing;
};

struct mh_arena_map mh_arena_map;
struct mh_window mh_window;

// Any map of up to ENTRIES arenas anywhere; below address 0, too.
static uintptr_t any_map(struct mh_arena **table) {
    uintptr_t count = any_within(1, ENTRIES);
    mh_arena_map.bias = any_uint64();
    GIVEN(mh_arena_map.bias % MH_ARENA_SIZE == 0);
    mh_arena_map.count = count;
    mh_arena_map.table = table;
    mh_arena_map.parts = 1;
    mh_arena_map.part_shift = 63;
    return count;
}

void every_byte_of_an_arena_leads_to_it_and_no_other_address_does(void) {
    struct mh_arena arenas[ENTRIES];
    struct mh_arena *table[ENTRIES];
    for (unsigned i = 0; i < ENTRIES; i++) {
        table[i] = &arenas[i];
    }
    uintptr_t count = any_map(table);
    uintptr_t p = any_uint64();
    uintptr_t distance = p - mh_arena_map.bias;
    bool covered = p % 16 == 0 && distance < count * MH_ARENA_SIZE;
    struct mh_arena *arena = mh_arena_of(p);
    HOLDS(covered == (arena != NULL));
    HOLDS(!covered || arena == &arenas[distance / MH_ARENA_SIZE]);
}

// Reading it would be an access through NULL, which cbmc looks for.
void a_part_that_is_not_there_is_not_read(void) {
    (void)any_map(NULL);
    mh_arena_map.parts = 0;
    HOLDS(mh_arena_of(any_uint64()) == NULL);
}

void granules_are_below_the_limit_for_the_windows_multiples_of_16_only(void) {
    struct mh_window window = {.bias = any_uint64(), .limit = any_uint64()};
    GIVEN(window.bias % MH_ARENA_SIZE == 0);
    GIVEN(window.limit <= UINTPTR_MAX >> MH_GRANULE_SHIFT);
    uintptr_t p = any_uint64();
    uintptr_t distance = p - window.bias;
    uintptr_t granule = mh_window_granule(&window, p);
    bool covered = p % 16 == 0 && distance / 16 < window.limit;
    HOLDS((granule < window.limit) == covered);
    HOLDS(!covered || granule == distance / 16);
}

void the_pair_of_a_granule_is_that_of_its_kib(void) {
    struct mh_pair pairs[ENTRIES];
    uintptr_t offset = any_below(ENTRIES * 1024);
    HOLDS(mh_pair_of(pairs, offset / 16) == &pairs[offset / 1024]);
}
