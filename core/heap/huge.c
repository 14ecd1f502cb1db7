// huge.c - which chunks ask for huge pages.

#include "core/heap/huge.h"

#include "core/base/assert.h"
#include "core/base/bits.h"
#include "core/heap/heap.h"
#include "core/heap/options.h"
#include "core/sys/limit.h"

static bool is_wanted(void) {
    size_t huge = mh_sys_facts()->huge_page_size;
    return huge != 0 && MH_CHUNK_SIZE % huge == 0 &&
           MH_ARENA_SIZE > MH_CHUNK_SIZE &&
           mh_option(MH_OPTION_HUGE_PAGES) != 0 &&
           MH_LOAD_RELAXED(&mh_limits.soft) == 0 &&
           MH_LOAD_RELAXED(&mh_limits.hard) == 0;
}

// Whether three quarters of the first chunk of an arena are in memory.
static bool is_dense(uintptr_t arena) {
    return mh_arena_of(arena) != NULL &&
           mh_sys_resident((void *)arena, MH_CHUNK_SIZE) >=
               MH_CHUNK_SIZE / 4 * 3;
}

static bool asks_now(uint32_t chunks) {
    return chunks != 0 && chunks < MH_HUGE_OVER;
}

// The addresses that chunks stand for.
static struct mh_range range_of(const struct mh_arena *arena, uint32_t chunks) {
    uintptr_t first = chunks & MH_HUGE_NUMBER;
    uintptr_t end = chunks >> MH_HUGE_END_SHIFT & MH_HUGE_NUMBER;
    return (struct mh_range){
        .base = (void *)((uintptr_t)arena->base + (first << MH_CHUNK_SHIFT)),
        .size = (size_t)((end - first) << MH_CHUNK_SHIFT),
    };
}

// Asks for chunks of an arena that has asked for none, or for those of the same
// heap before them. A second stretch would cost more mappings than an arena may
// have.
static void ask(struct mh_arena *arena, uint32_t heap, uint32_t first,
                uint32_t end) {
    uint32_t was = MH_LOAD_RELAXED(&arena->huge);
    uint32_t more = end << MH_HUGE_END_SHIFT | first;
    uint32_t all = was == 0 ? more : more + (was & MH_HUGE_NUMBER) - first;
    bool follows = was == 0 || (was >> MH_HUGE_END_SHIFT == first &&
                                MH_LOAD_RELAXED(&arena->huge_heap) == heap);
    if (first >= end || was >= MH_HUGE_OVER || !follows) {
        return;
    }
    struct mh_range range = range_of(arena, more);
    mh_sys_hugepage(range.base, range.size);
    MH_STORE_RELAXED(&arena->huge_heap, heap);
    if (!MH_CAS_RELAXED(&arena->huge, &was, all)) {
        mh_sys_nohugepage(range.base, range.size); // it is over since
    }
}

void mh_huge_note_mapped_locked(const struct mheap *heap, uintptr_t base,
                                size_t size) {
    uint64_t total = heap->pages.total_pages << MH_PAGE_SHIFT;
    // Who wants as much as there is may never touch it.
    bool fits = size <= total - size && (base | size) % MH_CHUNK_SIZE == 0;
    if (!fits || !is_wanted()) {
        return;
    }
    uintptr_t sample = mh_align_down(base, MH_ARENA_SIZE);
    if (!is_dense(sample == base ? base - MH_ARENA_SIZE : sample)) {
        return;
    }
    uintptr_t end = base + size;
    while (base < end) {
        struct mh_arena *arena = mh_arena_of_known(base);
        uintptr_t start = (uintptr_t)arena->base;
        uintptr_t border = start + MH_ARENA_SIZE;
        uintptr_t stop = border < end ? border : end;
        uint32_t first = (uint32_t)((base - start) >> MH_CHUNK_SHIFT);
        ask(arena, heap->id, first == 0 ? 1 : first,
            (uint32_t)((stop - start) >> MH_CHUNK_SHIFT));
        base = stop;
    }
}

static void stop(struct mh_arena *arena) {
    uint32_t was =
        __atomic_fetch_or(&arena->huge, MH_HUGE_OVER, __ATOMIC_RELAXED);
    if (asks_now(was)) {
        struct mh_range range = range_of(arena, was);
        mh_sys_nohugepage(range.base, range.size);
    }
}

// Whether pages lie outside of what asks.
static bool lies_apart(struct mh_range asks, uintptr_t base, size_t size) {
    uintptr_t first = (uintptr_t)asks.base;
    return base + size <= first || base >= first + asks.size;
}

void mh_huge_note_unused_slow(struct mh_arena *arena, uintptr_t base,
                              size_t size) {
    struct mh_range asks = range_of(arena, MH_LOAD_RELAXED(&arena->huge));
    if (!lies_apart(asks, base, size) &&
        (base | size) % mh_sys_facts()->huge_page_size != 0) {
        stop(arena);
    }
}

enum mh_status mh_huge_fault(uintptr_t base, size_t size, struct mh_split was) {
    const struct mh_arena *arena = mh_arena_of_known(base);
    uint32_t chunks = MH_LOAD_RELAXED(&arena->huge);
    enum mh_status status = mh_sys_fault((void *)base, size, was, MH_FOR_HEAP);
    if (status == MH_OK && chunks >= MH_HUGE_OVER &&
        !lies_apart(range_of(arena, chunks), base, size)) {
        mh_sys_nohugepage((void *)base, size);
    }
    return status;
}

// Whether an eighth of what is in use lies idle beside it. Huge pages that are
// idle as a whole do not count: they go.
static bool is_sparse_locked(const struct mh_palloc *pages,
                             struct mh_range asks) {
    size_t huge = mh_sys_facts()->huge_page_size;
    size_t unit = huge >> MH_PAGE_SHIFT;
    size_t used = 0, idle = 0;
    for (size_t at = 0; at < asks.size; at += huge) {
        uintptr_t base = (uintptr_t)asks.base + at;
        size_t n = mh_palloc_idle_in(pages, base, unit);
        used += unit - n - mh_palloc_released(pages, base, unit);
        idle += n < unit ? n : 0;
    }
    return idle >= used / 8;
}

struct mh_huge_run mh_huge_may_go_locked(const struct mh_palloc *pages,
                                         uintptr_t base, size_t npages,
                                         const struct mh_arena **dense) {
    struct mh_huge_run run = {.base = base, .npages = npages, .below = base};
    const struct mh_arena *arena = mh_arena_of_known(base);
    uint32_t chunks = MH_LOAD_RELAXED(&arena->huge);
    struct mh_range asks = range_of(arena, chunks);
    uintptr_t end = base + (npages << MH_PAGE_SHIFT);
    if (!asks_now(chunks) || lies_apart(asks, base, end - base)) {
        return run;
    }
    size_t huge = mh_sys_facts()->huge_page_size;
    uintptr_t first = mh_align_up(base, huge);
    uintptr_t limit = mh_align_down(end, huge);
    if (first < limit) {
        run.base = first;
        run.npages = (limit - first) >> MH_PAGE_SHIFT;
    } else if (*dense == arena || !is_sparse_locked(pages, asks)) {
        *dense = arena;
        run.npages = 0;
        run.below = mh_align_down(base, huge);
    }
    return run;
}

// Gives back pages of a huge page that are released, and came with the others:
// all, or, when the system refuses, none.
static void give_again_locked(struct mh_palloc *pages, uintptr_t base,
                              size_t npages) {
    size_t bytes = npages << MH_PAGE_SHIFT;
    size_t released = 0;
    bool taken = mh_palloc_take(pages, base, npages, &released);
    MH_CHECK(taken && released == npages);
    if (mh_sys_used_anyway((void *)base, bytes, bytes, MH_FOR_HEAP) != MH_OK) {
        mh_palloc_undo(pages, base, npages);
        return;
    }
    bool done = mh_sys_unused((void *)base, bytes, MH_FOR_HEAP) == MH_OK;
    mh_palloc_free(pages, base, npages);
    if (done) {
        mh_palloc_mark_released(pages, base, npages);
    }
}

// All released pages of one huge page, unless it is released as a whole.
static void settle_one_locked(struct mh_palloc *pages, uintptr_t base) {
    uintptr_t end = base + mh_sys_facts()->huge_page_size;
    uintptr_t from = base; // of a run of released pages
    if (mh_palloc_is_released(pages, base, (end - base) >> MH_PAGE_SHIFT)) {
        return;
    }
    for (uintptr_t at = base; at <= end; at += MH_PAGE_SIZE) {
        if (at < end && mh_palloc_is_released(pages, at, 1)) {
            continue;
        }
        if (from < at) {
            give_again_locked(pages, from, (at - from) >> MH_PAGE_SHIFT);
        }
        from = at + MH_PAGE_SIZE;
    }
}

static void settle_arena(struct mheap *heap, const struct mh_arena *arena) {
    struct mh_range range = range_of(arena, MH_LOAD_RELAXED(&arena->huge));
    uintptr_t base = (uintptr_t)range.base;
    size_t huge = mh_sys_facts()->huge_page_size;
    for (size_t at = 0; at < range.size; at += huge) {
        mh_lock(&heap->lock);
        settle_one_locked(&heap->pages, base + at);
        mh_unlock(&heap->lock);
    }
}

void mh_huge_settle(struct mheap *heap) {
    uint64_t n = MH_LOAD_ACQUIRE(&mh_arenas.count);
    struct mh_arena **table = MH_LOAD_ACQUIRE(&mh_arenas.table);
    for (uint64_t i = 0; i < n; i++) {
        struct mh_arena *arena = table[i];
        uint32_t chunks = MH_LOAD_RELAXED(&arena->huge);
        bool waits =
            (chunks & (MH_HUGE_OVER | MH_HUGE_SETTLED)) == MH_HUGE_OVER;
        if (waits && MH_LOAD_RELAXED(&arena->huge_heap) == heap->id) {
            settle_arena(heap, arena);
            (void)__atomic_fetch_or(&arena->huge, MH_HUGE_SETTLED,
                                    __ATOMIC_RELAXED);
        }
    }
}

void mh_huge_stop(void) {
    uint64_t n = MH_LOAD_ACQUIRE(&mh_arenas.count);
    struct mh_arena **table = MH_LOAD_ACQUIRE(&mh_arenas.table);
    for (uint64_t i = 0; i < n; i++) {
        stop(table[i]);
    }
}
