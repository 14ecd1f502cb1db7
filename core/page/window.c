// window.c - the words every free looks at, by arithmetic alone.

#include "core/page/window.h"

#include "core/base/assert.h"

// The stretch of addresses a window is made for where there is room: what the
// heaps of few processes outgrow, for 4 GiB of addresses on 64-bit systems.
#if UINTPTR_MAX > UINT32_MAX
#    define WINDOW_BYTES ((uint64_t)256 << 30)
#else
#    define WINDOW_BYTES ((uint64_t)4 << 30)
#endif
#define WINDOW_ARENAS ((uintptr_t)(WINDOW_BYTES >> MH_ARENA_SHIFT))

// The words of a window may take this part of a limited address space.
enum { SPACE_PART = 8 };

struct mh_window mh_window;

struct mh_window_memory mh_window_memory = {
    .page_words = {.per_arena = MH_ARENA_PAGES * sizeof(uint32_t)},
    .pairs = {.per_arena = MH_ARENA_PAIRS * sizeof(struct mh_pair)},
};

static bool closed;

void mh_window_close(void) {
    closed = true;
}

MH_STATIC_ASSERT(sizeof(struct mh_pair) == 16, "a pair is found by a shift");
MH_STATIC_ASSERT(1 << (MH_PAIR_SHIFT - MH_GRANULE_SHIFT) == 64,
                 "a granule's number is its bit's, modulo 64");

// System pages may be larger than the words of one arena.
static size_t whole_pages(size_t bytes) {
    return mh_align_up(bytes, mh_sys_facts()->page_size);
}

static size_t array_size(const struct mh_window_array *array, uintptr_t n) {
    return mh_align_up(n * array->per_arena, mh_sys_facts()->reserve_align);
}

// Both arrays in one reservation.
static bool reserve(struct mh_window_memory *memory, uintptr_t n) {
    size_t head = array_size(&memory->page_words, n);
    size_t bytes = head + array_size(&memory->pairs, n);
    void *base = mh_sys_reserve(NULL, bytes, MH_FOR_SPANS);
    if (base == NULL) {
        return false;
    }
    mh_sys_name(base, bytes, "mheap: window");
    memory->page_words.base = (uintptr_t)base;
    memory->pairs.base = (uintptr_t)base + head;
    memory->base = (uintptr_t)base;
    memory->bytes = bytes;
    memory->narenas = n;
    return true;
}

// How many arenas from bias on a window is wanted for.
static uintptr_t wanted(uintptr_t bias) {
    uintptr_t last = UINTPTR_MAX >> MH_ARENA_SHIFT;
    uintptr_t n = last - (bias >> MH_ARENA_SHIFT) + 1;
    size_t space = mh_sys_facts()->space_bytes;
    n = n < WINDOW_ARENAS ? n : WINDOW_ARENAS;
    while (n != 0 && space != 0 && n * MH_WORDS_BYTES > space / SPACE_PART) {
        n /= 2;
    }
    return n;
}

void mh_window_init(uintptr_t first) {
    struct mh_window_memory *memory = &mh_window_memory;
    MH_CHECK(memory->narenas == 0);
    uintptr_t bias = mh_align_down(first, MH_ARENA_SIZE);
    uintptr_t n = wanted(bias);
    while (n != 0 && !reserve(memory, n)) {
        n /= 2;
    }
    mh_window.bias = bias;
    mh_window.page_words = (uint32_t *)memory->page_words.base;
    mh_window.pairs = (struct mh_pair *)memory->pairs.base;
}

// Makes the array Ready for its first n arenas. What was done before a failure
// is kept: the next try goes on from there.
static enum mh_status extend(struct mh_window_array *array, uintptr_t n) {
    size_t want = whole_pages(n * array->per_arena);
    enum mh_status status = MH_OK;
    if (array->mapped < want) {
        status = mh_sys_map((void *)(array->base + array->mapped),
                            want - array->mapped, MH_FOR_SPANS);
        if (status != MH_OK) {
            return status;
        }
        array->mapped = want;
    }
    if (array->ready < want) {
        size_t size = want - array->ready;
        status = mh_sys_used((void *)(array->base + array->ready), size, size,
                             MH_FOR_SPANS);
        if (status != MH_OK) {
            return status;
        }
        MH_STORE_RELAXED(&array->ready, want);
    }
    return MH_OK;
}

enum mh_status mh_window_words(uintptr_t base, struct mh_words *out) {
    struct mh_window_memory *memory = &mh_window_memory;
    uintptr_t number = (base - mh_window.bias) >> MH_ARENA_SHIFT;
    if (number >= memory->narenas) {
        return MH_REFUSED;
    }
    if (extend(&memory->page_words, number + 1) != MH_OK ||
        extend(&memory->pairs, number + 1) != MH_OK) {
        return MH_NO_MEMORY;
    }
    uintptr_t limit = (number + 1) << (MH_ARENA_SHIFT - MH_GRANULE_SHIFT);
    if (limit > mh_window.limit && !closed) {
        // release: pairs with mh_window_now.
        MH_STORE_RELEASE(&mh_window.limit, limit);
    }
    out->page_words = mh_window.page_words + number * MH_ARENA_PAGES;
    out->pairs = mh_window.pairs + number * MH_ARENA_PAIRS;
    return MH_OK;
}
