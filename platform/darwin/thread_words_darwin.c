// thread_words_darwin.c - which locks a thread holds, in debug builds.
//
// A table by thread rather than a value of a key: locks are taken before there
// are keys, and by destructors of keys after the last of ours. A thread that
// ends without a word leaves its row to the next one with the same pthread_t.

#include <pthread.h>
#include <stdint.h>

#include "core/base/atomic.h"
#include "platform/darwin/darwin.h"
#include "platform/os_thread.h"

enum { NROWS = 4096, NOBODY = 0, LEFT = 1 };

// Rows are searched from the one a thread's address names. A row that was left
// is free, but others may lie behind it; one that is nobody's ends the search.
static struct row {
    uintptr_t owner;
    uint32_t words[MH_OS_THREAD_WORDS];
} rows[NROWS];

static struct row *row_at(uintptr_t self, unsigned i) {
    return &rows[((self >> 12) + i) % NROWS];
}

static struct row *find(uintptr_t self) {
    for (unsigned i = 0; i < NROWS; i++) {
        struct row *row = row_at(self, i);
        uintptr_t owner = MH_LOAD_RELAXED(&row->owner);
        if (owner == self) {
            return row;
        }
        if (owner == NOBODY) {
            break;
        }
    }
    return NULL;
}

static struct row *take(uintptr_t self) {
    for (unsigned i = 0; i < NROWS; i++) {
        struct row *row = row_at(self, i);
        uintptr_t owner = MH_LOAD_RELAXED(&row->owner);
        // acquire: pairs with the release in mh_darwin_drop_words.
        if (owner <= LEFT && MH_CAS_ACQ_REL(&row->owner, &owner, self)) {
            return row;
        }
    }
    return NULL;
}

// With more threads than rows the rest share one: a debug build then stops over
// a lock that another thread holds.
uint32_t *mh_os_thread_words(void) {
    static struct row shared;
    uintptr_t self = (uintptr_t)pthread_self();
    struct row *row = find(self);

    if (row == NULL) {
        row = take(self);
    }
    return row != NULL ? row->words : shared.words;
}

void mh_darwin_drop_words(void) {
    struct row *row = find((uintptr_t)pthread_self());

    if (row != NULL) {
        for (unsigned i = 0; i < MH_OS_THREAD_WORDS; i++) {
            row->words[i] = 0;
        }
        MH_STORE_RELEASE(&row->owner, (uintptr_t)LEFT);
    }
}
