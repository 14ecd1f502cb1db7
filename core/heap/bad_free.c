// bad_free.c - what happens when something is freed that is no live object.

#include "core/heap/bad_free.h"

#include <errno.h>

#include "core/base/bits.h"
#include "core/base/fmt.h"
#include "core/heap/arena.h"
#include "core/heap/hard_zero.h"
#include "core/heap/heap.h"
#include "core/heap/late_reports.h"
#include "core/heap/options.h"
#include "core/heap/sample.h"
#include "core/heap/size_class.h"
#include "core/scav/scavenger.h"

static struct {
    void (*handler)(const struct mh_bad_free *what, void *context);
    void *context;
    uint64_t count;
} bad_frees;

static const char *const names[MH_NBAD_FREES] = {
    [MH_BAD_DOUBLE] = "double free",
    [MH_BAD_INTERIOR] = "interior pointer",
    [MH_BAD_MISALIGNED] = "misaligned pointer",
    [MH_BAD_FREE_PAGE] = "free page",
    [MH_BAD_STACK] = "stack address",
    [MH_BAD_WILD] = "wild pointer",
    [MH_BAD_SIZE] = "wrong size",
    [MH_BAD_MANUAL] = "manual pages",
    [MH_BAD_OVERFLOW] = "write behind the object",
    [MH_BAD_STALE_WRITE] = "write after free",
};

const char *mh_bad_free_name(unsigned kind) {
    return kind < MH_NBAD_FREES ? names[kind] : "unknown";
}

uint64_t mh_bad_free_count(void) {
    return MH_LOAD_RELAXED(&bad_frees.count);
}

void mh_bad_free_set_handler(void (*handler)(const struct mh_bad_free *what,
                                             void *context),
                             void *context) {
    MH_STORE_RELAXED(&bad_frees.context, context);
    MH_STORE_RELEASE(&bad_frees.handler, handler);
}

// Near enough to this frame that it can only be this thread's stack: nothing
// tells where the stack ends, and a guess is all the word needs.
static bool is_on_stack(uintptr_t address) {
    uintptr_t here = (uintptr_t)__builtin_frame_address(0);
    uintptr_t above = (uintptr_t)8 << 20;  // callers' frames
    uintptr_t below = (uintptr_t)64 << 10; // frames that have returned
    return address - (here - below) <= above + below;
}

// What a pointer is that lies in a span of slots.
static void describe_slot(struct mh_bad_free *what,
                          const struct mh_span *span) {
    uintptr_t address = (uintptr_t)what->address;
    uint32_t slot = mh_span_slot(span, address);
    what->slot_size = span->slot_size;
    if (slot >= span->nslots) {
        what->kind = MH_BAD_INTERIOR; // in the tail that no slot fits into
        return;
    }
    uintptr_t start = mh_span_slot_address(span, slot);
    what->object = (void *)start;
    what->kind = start == address ? MH_BAD_DOUBLE : MH_BAD_INTERIOR;
}

// A copy of what is constant in a span, word by word: a report races with the
// owner, who may be giving the span back.
static struct mh_span copy_of(const struct mh_span *span) {
    return (struct mh_span){
        .base = MH_LOAD_RELAXED(&span->base),
        .slot_size = MH_LOAD_RELAXED(&span->slot_size),
        .magic = MH_LOAD_RELAXED(&span->magic),
        .nslots = MH_LOAD_RELAXED(&span->nslots),
        .size_class = MH_LOAD_RELAXED(&span->size_class),
        .state = MH_LOAD_RELAXED(&span->state),
        .guard = span->guard,
        .large_size = MH_LOAD_RELAXED(&span->large_size),
    };
}

static void describe_span(struct mh_bad_free *what,
                          const struct mh_span *span) {
    what->span = (void *)(uintptr_t)span->base;
    if (span->guard >= MH_GUARD_RESERVED) {
        what->kind = MH_BAD_FREE_PAGE;
    } else if (span->state == MH_SPAN_MANUAL) {
        what->kind = MH_BAD_MANUAL;
    } else if (span->size_class == 0) {
        what->object = what->span;
        what->slot_size = (size_t)span->large_size;
        what->kind =
            what->address == what->object ? MH_BAD_DOUBLE : MH_BAD_INTERIOR;
    } else {
        describe_slot(what, span);
    }
}

static void describe_sampled(struct mh_bad_free *what) {
    uintptr_t address = (uintptr_t)what->address;
    struct mh_sample_about about = mh_sample_about(address);
    what->kind = MH_BAD_FREE_PAGE;
    if (about.object != 0) {
        what->object = (void *)about.object;
        what->slot_size = about.size;
    }
    if (address % 16 != 0) {
        what->kind = MH_BAD_MISALIGNED;
    } else if (address == about.object) {
        what->kind = MH_BAD_DOUBLE;
    } else if (about.object != 0 && !about.is_guard) {
        what->kind = MH_BAD_INTERIOR;
    }
}

static void describe(struct mh_bad_free *what) {
    uintptr_t address = (uintptr_t)what->address;
    uintptr_t aligned = mh_align_down(address, 16);
    if (mh_hard_zero_owns(address)) {
        what->kind = aligned == address ? MH_BAD_DOUBLE : MH_BAD_MISALIGNED;
        return;
    }
    if (mh_sample_owns(address)) {
        describe_sampled(what);
        return;
    }
    if (mh_arena_of(aligned) == NULL) {
        what->kind = is_on_stack(address) ? MH_BAD_STACK : MH_BAD_WILD;
        return;
    }
    const struct mh_span *span = mh_arena_span_at(aligned);
    if (span == NULL) {
        what->kind = MH_BAD_FREE_PAGE;
    } else {
        struct mh_span copy = copy_of(span);
        describe_span(what, &copy);
    }
    if (aligned != address) {
        what->kind = MH_BAD_MISALIGNED;
    }
}

// `mheap: fatal: bad free: WHAT: address 0x…`, then a line of what is known.
static void say(const struct mh_bad_free *what, bool fatal) {
    char buffer[320];
    struct mh_text text = mh_text_start(buffer, sizeof(buffer));
    mh_text_str(&text, fatal ? "mheap: fatal: " : "mheap: warning: ");
    mh_text_str(&text,
                what->kind < MH_BAD_OVERFLOW ? "bad free: " : "bad write: ");
    mh_text_str(&text, mh_bad_free_name(what->kind));
    mh_text_str(&text, ": address ");
    mh_text_hex(&text, (uintptr_t)what->address);
    mh_text_str(&text, "\nmheap: in ");
    mh_text_str(&text, what->function);
    if (what->given_size != SIZE_MAX) {
        mh_text_str(&text, " with size ");
        mh_text_dec(&text, what->given_size);
    }
    if (what->object != NULL) {
        mh_text_str(&text, "; the object there starts at ");
        mh_text_hex(&text, (uintptr_t)what->object);
        mh_text_str(&text, " and has ");
        mh_text_dec(&text, what->slot_size);
        mh_text_str(&text, " bytes");
    }
    if (what->span != NULL) {
        mh_text_str(&text, "; span ");
        mh_text_hex(&text, (uintptr_t)what->span);
    }
    mh_text_str(&text, "\n");
    mh_sys_say(buffer, text.len);
    if (mh_sample_owns((uintptr_t)what->address)) {
        mh_sample_say((uintptr_t)what->address);
    }
}

static void act(const struct mh_bad_free *what, bool locks_held) {
    uint64_t wish = mh_option(MH_OPTION_BAD_FREE);
    if (wish != MH_ON_BAD_FREE_COUNT) {
        say(what, wish == MH_ON_BAD_FREE_ABORT);
    }
    if (wish == MH_ON_BAD_FREE_ABORT) {
        mh_sys_abort(locks_held);
    }
}

static bool has_handler(void) {
    return MH_LOAD_RELAXED(&bad_frees.handler) != NULL;
}

// No lock is held.
static void tell(const struct mh_bad_free *what) {
    // acquire: pairs with the release that published handler and context.
    void (*handler)(const struct mh_bad_free *, void *) =
        MH_LOAD_ACQUIRE(&bad_frees.handler);
    if (handler != NULL) {
        handler(what, MH_LOAD_RELAXED(&bad_frees.context));
    } else {
        act(what, false);
    }
}

void mh_bad_free(const void *p, const char *function, size_t given_size) {
    struct mh_bad_free what = {
        .address = p, .function = function, .given_size = given_size};
    // What the environment asks for is read when the default heap is made; a
    // process may begin with a bad free.
    (void)mh_heap_default();
    describe(&what);
    if (given_size != SIZE_MAX) {
        what.kind = MH_BAD_SIZE;
    }
    MH_ADD_RELAXED(&bad_frees.count, 1);
    tell(&what);
}

void mh_bad_write(enum mh_bad_free_kind kind, uintptr_t slot,
                  const char *function) {
    int saved = errno; // a free keeps it, whatever the handler does
    struct mh_bad_free what = {.address = (const void *)slot,
                               .function = function,
                               .given_size = SIZE_MAX};
    describe(&what);
    what.kind = kind;
    MH_ADD_RELAXED(&bad_frees.count, 1);
    tell(&what);
    errno = saved;
}

void mh_bad_free_late(const void *p) {
    struct mh_bad_free what = {.address = p,
                               .function = "a free that raced this one",
                               .given_size = SIZE_MAX};
    // Now: later the object may be another's.
    describe(&what);
    MH_ADD_RELAXED(&bad_frees.count, 1);
    if (!has_handler()) {
        act(&what, true);
    } else if (mh_late_put(&what)) {
        // seq_cst, and also when it is noted: whoever took the note before has
        // not seen the report, whoever does it later will.
        __atomic_fetch_or(&mh_scavenger.notes, (uint32_t)MH_SCAV_UNTOLD,
                          __ATOMIC_SEQ_CST);
    }
}

void mh_bad_free_tell_late(void) {
    struct mh_bad_free what;
    int saved = errno;
    if ((MH_LOAD_RELAXED(&mh_scavenger.notes) & MH_SCAV_UNTOLD) == 0) {
        return;
    }
    // Before looking: a report put after the last look is noted again.
    __atomic_fetch_and(&mh_scavenger.notes, ~(uint32_t)MH_SCAV_UNTOLD,
                       __ATOMIC_SEQ_CST);
    while (mh_late_take(&what)) {
        tell(&what);
    }
    errno = saved;
}
