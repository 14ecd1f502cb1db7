// account.c - the books of core/sys.
//
// All accesses are relaxed: the counters order nothing, they only have to be
// whole and to lose no update.

#include "core/sys/account.h"

#include "core/base/assert.h"
#include "core/base/atomic.h"

static struct mh_account books[MH_NPURPOSES];

// What is mapped, per purpose and (last) in all, kept apart from the states so
// that the peak is exact while bytes move between them, and so that the sum of
// the states has something to be checked against.
static struct { uint64_t now, peak; } mapped[MH_NPURPOSES + 1];

static uint64_t *counter(enum mh_purpose purpose, enum mh_state state) {
    struct mh_account *book = &books[purpose];

    MH_ASSERT(state != MH_NONE && state < MH_NSTATES);
    if (state == MH_RESERVED) {
        return &book->reserved;
    }
    return state == MH_PREPARED ? &book->prepared : &book->ready;
}

static void subtract(uint64_t *from, uint64_t size) {
    uint64_t before = MH_SUB_RELAXED(from, size);

    MH_CHECK(before >= size);
    (void)before;
}

static void raise_peak(uint64_t *peak, uint64_t now) {
    uint64_t seen = MH_LOAD_RELAXED(peak);

    while (seen < now && !MH_CAS_RELAXED(peak, &seen, now)) {
    }
}

static void grow(enum mh_purpose purpose, uint64_t size) {
    uint64_t now = MH_ADD_RELAXED(&mapped[purpose].now, size) + size;
    uint64_t all = MH_ADD_RELAXED(&mapped[MH_NPURPOSES].now, size) + size;

    raise_peak(&mapped[purpose].peak, now);
    raise_peak(&books[purpose].reserved_peak, now);
    raise_peak(&mapped[MH_NPURPOSES].peak, all);
}

void mh_account_move(enum mh_purpose purpose, enum mh_state from,
                     enum mh_state to, size_t size) {
    MH_ASSERT(purpose < MH_NPURPOSES);
    if (size == 0 || from == to) {
        return;
    }
    if (to == MH_NONE) {
        subtract(&mapped[purpose].now, size);
        subtract(&mapped[MH_NPURPOSES].now, size);
    } else {
        MH_ADD_RELAXED(counter(purpose, to), size);
    }
    if (from == MH_NONE) {
        grow(purpose, size);
    } else {
        subtract(counter(purpose, from), size);
    }
}

void mh_account_call(enum mh_purpose purpose, bool failed) {
    MH_ASSERT(purpose < MH_NPURPOSES);
    MH_ADD_RELAXED(&books[purpose].calls, 1);
    if (failed) {
        MH_ADD_RELAXED(&books[purpose].failures, 1);
    }
}

static struct mh_account read_book(enum mh_purpose purpose) {
    const struct mh_account *book = &books[purpose];

    return (struct mh_account){
        .reserved = MH_LOAD_RELAXED(&book->reserved),
        .prepared = MH_LOAD_RELAXED(&book->prepared),
        .ready = MH_LOAD_RELAXED(&book->ready),
        .reserved_peak = MH_LOAD_RELAXED(&book->reserved_peak),
        .calls = MH_LOAD_RELAXED(&book->calls),
        .failures = MH_LOAD_RELAXED(&book->failures),
    };
}

struct mh_account mh_sys_account(enum mh_purpose purpose) {
    struct mh_account sum = {0};

    MH_ASSERT(purpose <= MH_NPURPOSES);
    if (purpose < MH_NPURPOSES) {
        return read_book(purpose);
    }
    for (unsigned i = 0; i < MH_NPURPOSES; i++) {
        struct mh_account book = read_book((enum mh_purpose)i);
        sum.reserved += book.reserved;
        sum.prepared += book.prepared;
        sum.ready += book.ready;
        sum.calls += book.calls;
        sum.failures += book.failures;
    }
    sum.reserved_peak = MH_LOAD_RELAXED(&mapped[MH_NPURPOSES].peak);
    return sum;
}

const struct mh_account *mh_sys_books(void) {
    return books;
}

void mh_account_check(void) {
    uint64_t all = 0;

    for (unsigned i = 0; i < MH_NPURPOSES; i++) {
        struct mh_account book = read_book((enum mh_purpose)i);
        uint64_t now = MH_LOAD_RELAXED(&mapped[i].now);

        MH_CHECK(book.reserved + book.prepared + book.ready == now);
        MH_CHECK(book.reserved_peak >= now);
        MH_CHECK(book.failures <= book.calls);
        all += now;
    }
    MH_CHECK(MH_LOAD_RELAXED(&mapped[MH_NPURPOSES].now) == all);
    MH_CHECK(MH_LOAD_RELAXED(&mapped[MH_NPURPOSES].peak) >= all);
}
