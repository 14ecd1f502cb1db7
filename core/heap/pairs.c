// pairs.c - giving back the pairs of released pages.

#include "core/heap/pairs.h"

#include "core/base/bits.h"
#include "core/heap/arena.h"
#include "core/heap/heap.h"
#include "core/sys/sys.h"

// Looked at under one lock, and of which one call gives the pairs back.
#define MOST_BYTES ((uintptr_t)64 << 20)

// So many bytes of heap have pairs that fill a system page.
static uintptr_t block_bytes(void) {
    size_t npairs = mh_sys_facts()->page_size / sizeof(struct mh_pair);
    return (uintptr_t)npairs << MH_PAIR_SHIFT;
}

void mh_pairs_note_locked(struct mheap *heap, struct mh_pairs_home *home,
                          uintptr_t base, size_t bytes) {
    uintptr_t end = base + bytes;
    bool beside = home->to != 0 && home->from - end < block_bytes();
    if (beside && home->to - base <= MOST_BYTES) {
        home->from = base;
        return;
    }
    mh_pairs_go_locked(heap, home);
    *home = (struct mh_pairs_home){base, end};
}

void mh_pairs_go_locked(struct mheap *heap, struct mh_pairs_home *home) {
    if (home->to == 0 || !mh_sys_facts()->can_discard) {
        return;
    }
    uintptr_t block = block_bytes();
    uintptr_t end = mh_align_up(home->to, block);
    uintptr_t first = 0; // of the blocks that go together
    for (uintptr_t at = mh_align_down(home->from, block); at != end;
         at += block) {
        bool goes =
            mh_palloc_is_released(&heap->pages, at, block >> MH_PAGE_SHIFT);
        if (!goes && first != 0) {
            mh_arena_discard_pairs(first, at - first);
        }
        first = !goes ? 0 : first != 0 ? first : at;
    }
    if (first != 0) {
        mh_arena_discard_pairs(first, end - first);
    }
    *home = (struct mh_pairs_home){0, 0};
}
