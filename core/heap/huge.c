// huge.c - which chunks ask for huge pages.

#include "core/heap/huge.h"

#include "core/base/assert.h"
#include "core/base/bits.h"
#include "core/heap/heap.h"
#include "core/heap/options.h"
#include "core/sys/limit.h"
#include "core/sys/thread.h"

MH_STATIC_ASSERT(MH_HEAPS_MAX <= MH_HUGE_HEAP + 1, "a word names any heap");

// A smaller heap does not ask: the huge page that it has only begun, a MiB in
// the middle, would be too much of it.
#define ASKS_FROM ((uint64_t)32 << 20)

static bool is_wanted(void) {
    size_t huge = mh_sys_facts()->huge_page_size;
    return huge != 0 && MH_CHUNK_SIZE % huge == 0 &&
           MH_ARENA_SIZE > MH_CHUNK_SIZE &&
           mh_option(MH_OPTION_HUGE_PAGES) != 0 &&
           mh_option(MH_OPTION_SCAVENGER) != MH_SCAV_OFF &&
           MH_LOAD_RELAXED(&mh_limits.soft) == 0 &&
           MH_LOAD_RELAXED(&mh_limits.hard) == 0;
}

// The sample of a chunk: the first chunk of its arena, where that is the
// heap's. 0: it is not.
static uintptr_t sample_of(const struct mheap *heap, uintptr_t chunk) {
    uintptr_t arena = mh_align_down(chunk, MH_ARENA_SIZE);
    bool ours = mh_palloc_has(&heap->pages, arena, MH_CHUNK_PAGES);
    return ours ? arena : 0;
}

// Whether three quarters of a sample are in memory, and not because they came
// along with others.
static bool is_dense(const struct mheap *heap, uintptr_t sample) {
    return sample != 0 &&
           mh_palloc_released(&heap->pages, sample, MH_CHUNK_PAGES) <=
               MH_CHUNK_PAGES / 4 &&
           mh_sys_resident((void *)sample, MH_CHUNK_SIZE) >=
               MH_CHUNK_SIZE / 4 * 3;
}

static uint32_t first_of(uint32_t word) {
    return word & MH_HUGE_NUMBER;
}

static uint32_t end_of(uint32_t word) {
    return word >> MH_HUGE_END_SHIFT & MH_HUGE_NUMBER;
}

static uint32_t heap_of(uint32_t word) {
    return word >> MH_HUGE_HEAP_SHIFT & MH_HUGE_HEAP;
}

// The addresses that a word stands for.
static struct mh_range range_of(const struct mh_arena *arena, uint32_t word) {
    uintptr_t first = (uintptr_t)first_of(word) << MH_CHUNK_SHIFT;
    uintptr_t end = (uintptr_t)end_of(word) << MH_CHUNK_SHIFT;
    return (struct mh_range){
        .base = (void *)((uintptr_t)arena->base + first),
        .size = (size_t)(end - first),
    };
}

// Whether pages lie outside of what asks.
static bool lies_apart(struct mh_range asks, uintptr_t base, size_t size) {
    uintptr_t first = (uintptr_t)asks.base;
    return base + size <= first || base >= first + asks.size;
}

static void cease(struct mh_arena *arena) {
    uint32_t was =
        __atomic_fetch_or(&arena->huge, MH_HUGE_OVER, __ATOMIC_RELAXED);
    if (mh_huge_asks(was)) {
        struct mh_range range = range_of(arena, was);
        mh_sys_nohugepage(range.base, range.size);
    }
}

// Asks for chunks [first, end) of an arena that has asked for none, or for
// those before them. A second stretch would cost more mappings than an arena
// may have. The sample may ask as well where it lies beside them: it is dense,
// which will be seen all the same, and one mapping with them then.
static void ask(struct mheap *heap, struct mh_arena *arena, uint32_t first,
                uint32_t end, bool with_sample) {
    uint32_t was = MH_LOAD_RELAXED(&arena->huge);
    bool follows = was == 0 || (mh_huge_asks(was) && end_of(was) == first);
    if (first >= end || !follows) {
        return;
    }
    uint32_t begin = was == 0 ? first : first_of(was);
    uint32_t from = first;
    if (with_sample && begin == 1) {
        begin = from = 0;
    }
    uint32_t word =
        heap->id << MH_HUGE_HEAP_SHIFT | end << MH_HUGE_END_SHIFT | begin;
    uintptr_t base = (uintptr_t)arena->base + (from << MH_CHUNK_SHIFT);
    size_t size = (size_t)(end - from) << MH_CHUNK_SHIFT;
    mh_sys_hugepage((void *)base, size);
    if (!MH_CAS_RELAXED(&arena->huge, &was, word)) {
        mh_sys_nohugepage((void *)base, size); // it is over since
        return;
    }
    if (was == 0) {
        MH_ADD_RELAXED(&heap->huge_arenas, 1);
    }
    MH_FENCE_SEQ_CST(); // pairs with the one in mheap_option_set
    if (!is_wanted()) {
        cease(arena); // who has forbidden it did not see this
    }
}

// The first chunk of an arena is not asked for. Asked for and not, it is of one
// piece with the chunk before for the system, and may be one mapping with it
// later: what was never asked for could not.
static void begin_sample(uintptr_t chunk) {
    mh_sys_hugepage((void *)chunk, MH_CHUNK_SIZE);
    mh_sys_nohugepage((void *)chunk, MH_CHUNK_SIZE);
}

// The next border of arenas behind base, or end.
static uintptr_t border_of(uintptr_t base, uintptr_t end) {
    uintptr_t border = mh_align_down(base, MH_ARENA_SIZE) + MH_ARENA_SIZE;
    return border < end ? border : end;
}

void mh_huge_note_mapped_locked(struct mheap *heap, uintptr_t base,
                                size_t size) {
    uint64_t had = heap->pages.total_pages - heap->pages.released_pages;
    had <<= MH_PAGE_SHIFT;
    // Who wants as much as there is, or more than an arena, may never touch it:
    // one sample says nothing of so much.
    bool fits = size < had && size <= MH_ARENA_SIZE &&
                (base | size) % MH_CHUNK_SIZE == 0;
    if (!fits || had < ASKS_FROM || !is_wanted()) {
        return;
    }
    uintptr_t before = base % MH_ARENA_SIZE == 0 ? base - MH_CHUNK_SIZE : base;
    if (!is_dense(heap, sample_of(heap, before))) {
        return;
    }
    uintptr_t end = base + size;
    for (uintptr_t at = base, next; at < end; at = next) {
        struct mh_arena *arena = mh_arena_of_known(at);
        uintptr_t start = (uintptr_t)arena->base;
        next = border_of(at, end);
        bool begins = at == start;
        if (begins) {
            begin_sample(at);
            at += MH_CHUNK_SIZE;
        }
        ask(heap, arena, (uint32_t)((at - start) >> MH_CHUNK_SHIFT),
            (uint32_t)((next - start) >> MH_CHUNK_SHIFT), !begins);
    }
}

void mh_huge_note_used_slow(uint32_t word) {
    MH_STORE_RELAXED(&mh_heap_by_id(heap_of(word))->huge_news, 1);
    mh_heap_note_came();
}

void mh_huge_note_unused_slow(struct mh_arena *arena, uintptr_t base,
                              size_t size) {
    struct mh_range asks = range_of(arena, MH_LOAD_RELAXED(&arena->huge));
    if (!lies_apart(asks, base, size) &&
        (base | size) % mh_sys_facts()->huge_page_size != 0) {
        cease(arena);
    }
}

struct mh_may_go mh_huge_may_go(uintptr_t base, size_t npages) {
    struct mh_may_go run = {.base = base, .npages = npages, .below = base};
    const struct mh_arena *arena = mh_arena_of_known(base);
    uint32_t word = MH_LOAD_RELAXED(&arena->huge);
    uintptr_t end = base + (npages << MH_PAGE_SHIFT);
    if (!mh_huge_asks(word) ||
        lies_apart(range_of(arena, word), base, end - base)) {
        return run;
    }
    size_t huge = mh_sys_facts()->huge_page_size;
    uintptr_t first = mh_align_up(base, huge);
    uintptr_t limit = mh_align_down(end, huge);
    if (first < limit) {
        run.base = first;
        run.npages = (limit - first) >> MH_PAGE_SHIFT;
    } else {
        run.npages = 0;
        run.below = mh_align_down(base, huge);
    }
    return run;
}

// Tells the system of pages in one arena what it was told of those around them.
// Those outside of what asks have nothing to be told, or, where they came from
// somewhere that asks, that they do not.
static void tell_again(uintptr_t base, uintptr_t end, bool told) {
    const struct mh_arena *arena = mh_arena_of_known(base);
    uint32_t word = MH_LOAD_RELAXED(&arena->huge);
    struct mh_range asks = range_of(arena, word);
    uintptr_t first = (uintptr_t)asks.base;
    uintptr_t limit = first + asks.size;
    first = first > base ? first : base;
    limit = limit < end ? limit : end;
    if (told) {
        mh_sys_nohugepage((void *)base, end - base);
    }
    if (first < limit && mh_huge_asks(word)) {
        mh_sys_hugepage((void *)first, limit - first);
    } else if (first < limit && !told) {
        mh_sys_nohugepage((void *)first, limit - first);
    }
}

static void tell_all_again(uintptr_t base, size_t size, bool told) {
    uintptr_t end = base + size;
    for (uintptr_t at = base, next; at < end; at = next) {
        next = border_of(at, end);
        tell_again(at, next, told);
    }
}

enum mh_status mh_huge_fault(uintptr_t base, size_t size, struct mh_split was) {
    enum mh_status status = mh_sys_fault((void *)base, size, was, MH_FOR_HEAP);
    if (status == MH_OK) {
        tell_all_again(base, size, false);
    }
    return status;
}

// Whether the system was told something about any page of a range.
static bool was_told(uintptr_t base, size_t size) {
    bool told = false;
    uintptr_t end = base + size;
    for (uintptr_t at = base, next; at < end; at = next) {
        const struct mh_arena *arena = mh_arena_of_known(at);
        uint32_t word = MH_LOAD_RELAXED(&arena->huge);
        next = border_of(at, end);
        told = told || !lies_apart(range_of(arena, word), at, next - at);
    }
    return told;
}

enum mh_status mh_huge_move(uintptr_t from, uintptr_t to, size_t size) {
    enum mh_status status = mh_sys_move((void *)from, (void *)to, size);
    bool told = was_told(from, size);
    if (status == MH_OK && (told || was_told(to, size))) {
        tell_all_again(to, size, told);
    }
    return status;
}

// Pages of an arena that asks: in use; and in the huge pages that some are in
// use of, or idle: idle ones, and released ones, which came along.
struct share {
    size_t used, idle, came;
    bool gone; // all are released
};

static struct share share_locked(const struct mh_palloc *pages,
                                 struct mh_range asks) {
    size_t huge = mh_sys_facts()->huge_page_size;
    size_t unit = huge >> MH_PAGE_SHIFT;
    struct share share = {0, 0, 0, true};
    for (size_t at = 0; at < asks.size; at += huge) {
        uintptr_t base = (uintptr_t)asks.base + at;
        size_t idle = mh_palloc_idle_in(pages, base, unit);
        size_t came = mh_palloc_released(pages, base, unit);
        bool whole = idle == unit || came == unit; // goes, or went
        share.gone = share.gone && came == unit;
        share.used += unit - idle - came;
        share.idle += whole ? 0 : idle;
        share.came += whole ? 0 : came;
    }
    return share;
}

// An eighth of what is in use lies idle beside it, or came along; or all went
// home, and nothing is known any more of what comes next. A heap that grows has
// a huge page that it has only begun.
static bool is_sparse(struct mheap *heap, struct mh_range asks) {
    size_t unit = mh_sys_facts()->huge_page_size >> MH_PAGE_SHIFT;
    mh_lock(&heap->lock);
    struct share share = share_locked(&heap->pages, asks);
    mh_unlock(&heap->lock);
    size_t most = share.used / 8;
    return (share.idle != 0 && share.idle >= most) ||
           share.came >= most + unit || share.gone;
}

// Gives back pages that are released already, and came with others: all, or,
// when the system refuses, none.
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

// All released pages of a chunk: what is released as a whole may have been so
// part by part, and the parts that came along still be there.
static void settle_chunk_locked(struct mh_palloc *pages, uintptr_t base) {
    uintptr_t end = base + MH_CHUNK_SIZE;
    uintptr_t from = base; // of a run of released pages
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

static void settle_arena(struct mheap *heap, struct mh_arena *arena) {
    struct mh_range range = range_of(arena, MH_LOAD_RELAXED(&arena->huge));
    for (size_t at = 0; at < range.size; at += MH_CHUNK_SIZE) {
        mh_lock(&heap->lock);
        settle_chunk_locked(&heap->pages, (uintptr_t)range.base + at);
        mh_unlock(&heap->lock);
    }
    (void)__atomic_fetch_or(&arena->huge, MH_HUGE_SETTLED, __ATOMIC_RELAXED);
    MH_SUB_RELAXED(&heap->huge_arenas, 1);
}

// One arena that asks, or has asked. True when it ceases.
static bool see_to(struct mheap *heap, struct mh_arena *arena, bool end) {
    uint32_t word = MH_LOAD_RELAXED(&arena->huge);
    bool ceases =
        mh_huge_asks(word) && (end || is_sparse(heap, range_of(arena, word)));
    if (ceases) {
        cease(arena);
    } else if (word >= MH_HUGE_OVER) {
        // Who ceased may not have come to tell the system.
        struct mh_range range = range_of(arena, word);
        mh_sys_nohugepage(range.base, range.size);
    }
    if (ceases || word >= MH_HUGE_OVER) {
        settle_arena(heap, arena);
    }
    return ceases;
}

static bool waits(const struct mheap *heap, const struct mh_arena *arena) {
    uint32_t word = MH_LOAD_RELAXED(&arena->huge);
    return end_of(word) != 0 && heap_of(word) == heap->id &&
           (word & MH_HUGE_SETTLED) == 0;
}

static bool has_any(const struct mheap *heap) {
    return MH_LOAD_RELAXED(&heap->huge_arenas) != 0;
}

static void see_to_all(struct mheap *heap, bool end) {
    uint64_t n = MH_LOAD_ACQUIRE(&mh_arenas.count);
    struct mh_arena **table = MH_LOAD_ACQUIRE(&mh_arenas.table);
    if (!has_any(heap)) {
        return;
    }
    for (uint64_t i = 0; i < n; i++) {
        if (waits(heap, table[i])) {
            (void)see_to(heap, table[i], end);
        }
    }
}

// As many as there is time for; the next call goes on behind them, soon if this
// one got anywhere. After the last comes the first again, soon if there is
// news.
static bool see_to_some(struct mheap *heap, struct mh_pacer *pacer,
                        bool *more) {
    uint64_t n = MH_LOAD_ACQUIRE(&mh_arenas.count);
    struct mh_arena **table = MH_LOAD_ACQUIRE(&mh_arenas.table);
    uint64_t first = heap->huge_next, at = first;
    bool any = false;
    if (first == 0) {
        MH_STORE_RELAXED(&heap->huge_news, 0);
    }
    for (; at < n && mh_pacer_allows(pacer); at++) {
        if (waits(heap, table[at])) {
            uint64_t start = mh_thread_now_ns();
            any = see_to(heap, table[at], false) || any;
            // At least something, where the clock is coarse.
            mh_pacer_spend(pacer, mh_thread_now_ns() - start + 1);
        }
    }
    heap->huge_next = at < n ? (uint32_t)at : 0;
    *more = at < n ? at != first : MH_LOAD_RELAXED(&heap->huge_news) != 0;
    return any;
}

void mh_huge_settle(struct mheap *heap) {
    see_to_all(heap, false);
}

bool mh_huge_settle_some(struct mheap *heap, struct mh_pacer *pacer,
                         bool *more) {
    *more = false;
    if (!has_any(heap)) {
        heap->huge_next = 0;
        return false;
    }
    return see_to_some(heap, pacer, more);
}

void mh_huge_end(struct mheap *heap) {
    if (heap != NULL) {
        see_to_all(heap, true);
        return;
    }
    uint32_t count = MH_LOAD_ACQUIRE(&mh_heaps.count);
    for (uint32_t i = 0; i < count; i++) {
        see_to_all(mh_heap_by_id(i), true);
    }
}
