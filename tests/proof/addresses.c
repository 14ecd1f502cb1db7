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

// Any map of up to ENTRIES arenas anywhere, below address 0, too; in one part
// or in several, any of which may be there.
static void any_map(struct mh_arena **table) {
    mh_arena_map.bias = any_uint64();
    GIVEN(mh_arena_map.bias % MH_ARENA_SIZE == 0);
    mh_arena_map.count = any_within(1, ENTRIES);
    mh_arena_map.table = table;
    mh_arena_map.parts = any_uint64();
    mh_arena_map.part_shift = any_below(2) != 0 ? any_below(4) : 63;
}

static bool part_is_there(uintptr_t number) {
    return (mh_arena_map.parts >> (number >> mh_arena_map.part_shift) & 1) != 0;
}

void every_byte_of_an_arena_leads_to_it_and_no_other_address_does(void) {
    struct mh_arena arenas[ENTRIES];
    struct mh_arena *table[ENTRIES];
    for (unsigned i = 0; i < ENTRIES; i++) {
        table[i] = any_below(2) != 0 ? &arenas[i] : NULL;
    }
    any_map(table);
    uintptr_t p = any_uint64();
    uintptr_t distance = p - mh_arena_map.bias;
    uintptr_t number = distance / MH_ARENA_SIZE;
    bool covered = p % 16 == 0 && number < mh_arena_map.count;
    struct mh_arena *expected =
        covered && part_is_there(number) ? table[number] : NULL;
    HOLDS(mh_arena_of(p) == expected);
}

// Reading it would be an access through NULL, which cbmc looks for.
void a_part_that_is_not_there_is_not_read(void) {
    any_map(NULL);
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

void the_page_word_of_a_granule_is_that_of_its_page(void) {
    uint32_t words[ENTRIES];
    struct mh_window window = {.page_words = words};
    for (unsigned i = 0; i < ENTRIES; i++) {
        words[i] = i;
    }
    uintptr_t distance = any_below(ENTRIES * MH_PAGE_SIZE);
    HOLDS(mh_window_page_word(&window, distance / 16) ==
          distance / MH_PAGE_SIZE);
}

void the_pair_of_a_granule_is_that_of_its_kib(void) {
    uintptr_t granule = any_uint64(), base = any_uint64();
    GIVEN(granule <= UINTPTR_MAX >> MH_GRANULE_SHIFT);
    struct mh_pair *pair = mh_pair_of((struct mh_pair *)base, granule);
    HOLDS((uintptr_t)pair == base + granule / 64 * sizeof(struct mh_pair));
}
