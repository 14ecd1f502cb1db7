// headroom.c - giving memory back so that the heaps stay below the limits.

#include "core/heap/headroom.h"

#include "core/base/atomic.h"
#include "core/heap/cache_pages.h"
#include "core/heap/heap.h"
#include "core/heap/scavenge.h"
#include "core/sys/thread.h"

// Somewhat more than what is too much goes at once, so that a heap that grows
// page by page does not pay for each page: this part of the limit, or this
// much.
enum { MORE_PART = 64 };
#define MORE_BYTES (UINT64_C(1) << 20)

// After an attempt in vain none is made for so many times what it took, within
// these bounds: a twentieth of one processor goes into them at most.
enum { REST = 19 };
#define REST_LEAST_NS (UINT64_C(1) << 20)

// What looking after quiet threads may take, once in a period or, where a call
// is about to fail, at a time.
#define QUIET_SOFT_NS (UINT64_C(4) << 20)
#define QUIET_HARD_NS (UINT64_C(20) << 20)

static struct {
    uint64_t relieve_ns;    // (a) no attempt before
    uint64_t quiet_soft_ns; // of the scavenger's lock: no look at quiet threads
    uint64_t quiet_hard_ns; // the same
} not_before;

static bool is_shut(uint64_t now) {
    return now < MH_LOAD_RELAXED(&not_before.relieve_ns);
}

static void shut(uint64_t now, uint64_t took) {
    uint64_t rest =
        took < MH_SCAV_PERIOD_NS / REST ? took * REST : MH_SCAV_PERIOD_NS;
    rest = rest > REST_LEAST_NS ? rest : REST_LEAST_NS;
    MH_STORE_RELAXED(&not_before.relieve_ns, now + rest);
}

// How much is to go so that `bytes` more stay below the soft limit.
static uint64_t too_much(uint64_t bytes) {
    uint64_t over = mh_limit_over_soft(bytes);
    uint64_t part = MH_LOAD_RELAXED(&mh_limits.soft) / MORE_PART;
    return over == 0 ? 0 : over + (part < MORE_BYTES ? part : MORE_BYTES);
}

void mh_heap_make_room_slow(struct mheap *heap, size_t bytes) {
    // Freeing goes by the soft limit only: a hard one refuses, no more.
    uint64_t hard = bytes != 0 ? mh_limit_over_hard(bytes) : 0;
    uint64_t soft = too_much(bytes);
    bool tries = soft != 0 && !is_shut(mh_thread_now_ns());
    soft = tries ? soft : 0;
    uint64_t most = soft > hard ? soft : hard;
    if (most != 0) {
        mh_heap_release_some_locked(heap, most);
    }
    if (tries && mh_limit_over_soft(bytes) != 0) {
        mh_scav_take_note(MH_SCAV_SHORT);
    }
}

void mh_heap_make_room_lock(struct mheap *heap, size_t bytes) {
    mh_lock(&heap->lock);
    mh_heap_make_room_slow(heap, bytes);
    mh_unlock(&heap->lock);
}

// Gives back free pages of all heaps, until enough are gone.
static void give_free_pages(void) {
    mh_cache_flush_all_pages(NULL);
    uint32_t count = MH_LOAD_ACQUIRE(&mh_heaps.count);
    for (uint32_t i = 0; i < count; i++) {
        struct mheap *heap = mh_heap_by_id(i);
        uint64_t most = too_much(0);
        if (most == 0) {
            return;
        }
        mh_lock(&heap->lock);
        mh_heap_release_some_locked(heap, most);
        mh_unlock(&heap->lock);
    }
}

// One look at what threads hold that make no calls; how long it took.
static uint64_t look_at_quiet(uint64_t budget_ns) {
    uint64_t start = mh_thread_now_ns();
    struct mh_pacer pacer = {.now_ns = start, .left_ns = budget_ns};
    mh_heap_sweep_quiet(&pacer);
    return mh_thread_now_ns() - start;
}

// Looking at quiet threads has a budget of its own, and does not make the rest
// longer.
static void relieve_locked(uint64_t start) {
    give_free_pages();
    uint64_t took = mh_thread_now_ns() - start;
    if (mh_limit_over_soft(0) != 0 && start >= not_before.quiet_soft_ns) {
        not_before.quiet_soft_ns = start + MH_SCAV_PERIOD_NS;
        (void)look_at_quiet(QUIET_SOFT_NS);
        give_free_pages();
    }
    if (mh_limit_over_soft(0) != 0) {
        shut(mh_thread_now_ns(), took);
    }
}

// Keeps out rounds, forks and the end of a heap, as a round does.
void mh_headroom_relieve(void) {
    if (mh_limit_over_soft(0) == 0) {
        return;
    }
    mh_lock(&mh_scavenger.lock);
    uint64_t now = mh_thread_now_ns();
    if (!is_shut(now)) {
        relieve_locked(now);
    }
    mh_unlock(&mh_scavenger.lock);
}

void mh_headroom_changed(void) {
    MH_STORE_RELAXED(&not_before.relieve_ns, 0);
    mh_headroom_relieve();
}

// Who is quiet is seen by looking twice.
static void take_from_quiet(void) {
    uint64_t now = mh_thread_now_ns();
    if (now < not_before.quiet_hard_ns) {
        return;
    }
    uint64_t took = look_at_quiet(QUIET_HARD_NS / 2);
    took += look_at_quiet(QUIET_HARD_NS / 2);
    not_before.quiet_hard_ns = now + took + REST * took;
}

bool mh_headroom_reclaim(uint64_t refusals) {
    if (mh_headroom_refusals() == refusals) {
        return false;
    }
    mh_cache_flush_thread();
    mh_lock(&mh_scavenger.lock);
    take_from_quiet();
    mh_cache_flush_all_pages(NULL);
    mh_heap_release_all_locked();
    mh_unlock(&mh_scavenger.lock);
    return true;
}
