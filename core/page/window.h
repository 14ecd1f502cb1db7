// window.h - the words every free looks at, by arithmetic alone.
//
// Two things decide a free: the page word of the heap page, which names owner
// and class, and the pair of words that the object's live and remote bits lie
// in. For a stretch of addresses, the window, each kind is one array, indexed
// by the distance from the start of the window: no table stands between an
// address and its words.
//
// The addresses of the window are reserved at start and become Ready as arenas
// are made, front to back. An arena outside of it has arrays of its own, found
// through its record; frees of its objects are not the fast ones.
//
// Invariants:
//   W1  The words of every address below bias + limit granules are Ready.
//   W2  bias and the arrays never change; limit only grows.

#ifndef MHEAP_CORE_PAGE_WINDOW_H
#define MHEAP_CORE_PAGE_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/atomic.h"
#include "core/base/attr.h"
#include "core/base/bits.h"
#include "core/base/params.h"
#include "core/sys/sys.h"

enum { MH_GRANULE_SHIFT = 4 }; // live and remote bits stand for 16 bytes each

#define MH_PAIR_SHIFT  10 // a pair stands for 1 KiB of heap
#define MH_ARENA_PAIRS (MH_ARENA_SIZE >> MH_PAIR_SHIFT)

// Two bits for every 16 bytes of heap. live is written by the owner of the span
// alone, remote by anybody, with atomic operations.
struct mh_pair {
    uint64_t live;
    uint64_t remote;
};

struct mh_window {
    uintptr_t bias;        // (c) address of the first byte covered
    uintptr_t limit;       // (a) granules covered; 0: no window
    uint32_t *page_words;  // (c) by heap page: owner << 8 | span class; 0: none
    struct mh_pair *pairs; // (c) by KiB
};

extern struct mh_window mh_window;

// One of the two arrays, as far as it is in use.
struct mh_window_array {
    uintptr_t base;   // (c)
    size_t per_arena; // (c) bytes
    size_t mapped;    // (l) bytes from base that are not Reserved any more
    size_t ready;     // (l) of them, bytes that are Ready
};

// What the window takes: one reservation, with both arrays in it. (l) is the
// arenas lock.
struct mh_window_memory {
    uintptr_t base; // (c)
    size_t bytes;   // (c)
    size_t narenas; // (c) that there is room for
    struct mh_window_array page_words;
    struct mh_window_array pairs;
};

extern struct mh_window_memory mh_window_memory;

// The words of one arena.
struct mh_words {
    uint32_t *page_words;  // MH_ARENA_PAGES
    struct mh_pair *pairs; // MH_ARENA_PAIRS
};

// Bytes that the words of one arena take, of both arrays.
#define MH_WORDS_BYTES                   \
    (MH_ARENA_PAGES * sizeof(uint32_t) + \
     MH_ARENA_PAIRS * sizeof(struct mh_pair))

// mh_window_now is a copy of the window as wide as it is now.
static inline struct mh_window mh_window_now(void) {
    return (struct mh_window){
        .bias = mh_window.bias,
        // acquire: pairs with the release in mh_window_words.
        .limit = MH_LOAD_ACQUIRE(&mh_window.limit),
        .page_words = mh_window.page_words,
        .pairs = mh_window.pairs,
    };
}

// mh_window_granule is the number of a pointer's granule in a window, which is
// also the number of its bit in the pair, counting on from 0 after 63. Not
// below the limit for every pointer that is misaligned, non-canonical or
// elsewhere: the rotation moves the low four bits to the top.
static MH_ALWAYS_INLINE uintptr_t
mh_window_granule(const struct mh_window *window, uintptr_t p) {
    return mh_ror(p - window->bias, MH_GRANULE_SHIFT);
}

// mh_window_page_word and mh_window_pair find the words of a granule that is
// below the limit.
static MH_ALWAYS_INLINE uint32_t
mh_window_page_word(const struct mh_window *window, uintptr_t granule) {
    uintptr_t page = granule >> (MH_PAGE_SHIFT - MH_GRANULE_SHIFT);
    return MH_LOAD_RELAXED(&window->page_words[page]);
}

// mh_pair_of is the pair of a granule, counted from where `first` begins. By
// byte offset: compilers shift twice when they see an index.
static MH_ALWAYS_INLINE struct mh_pair *mh_pair_of(struct mh_pair *first,
                                                   uintptr_t granule) {
    uintptr_t offset = granule >> (MH_PAIR_SHIFT - MH_GRANULE_SHIFT - 4) &
                       ~(uintptr_t)(sizeof(struct mh_pair) - 1);
    return (struct mh_pair *)((uintptr_t)first + offset);
}

static MH_ALWAYS_INLINE struct mh_pair *
mh_window_pair(const struct mh_window *window, uintptr_t granule) {
    return mh_pair_of(window->pairs, granule);
}

// mh_window_close leaves the window without any granule for good, so that no
// free is a fast one; arenas have their words there all the same. Before the
// first arena is made.
void mh_window_close(void);

// mh_window_init reserves the window, from the arena that `first` lies in, as
// wide as address space allows. Without room for any there is none, and nothing
// else changes. Called once, under the arenas lock.
void mh_window_init(uintptr_t first);

// mh_window_words finds the words of the arena at base, making them Ready. They
// read as zero. MH_REFUSED when the arena lies outside of the window,
// MH_NO_MEMORY when the system refuses; a later call may work. Caller holds the
// arenas lock.
MH_NODISCARD enum mh_status mh_window_words(uintptr_t base,
                                            struct mh_words *out);

#endif // MHEAP_CORE_PAGE_WINDOW_H
