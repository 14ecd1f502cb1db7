// thread_keys_darwin.c - what each thread has of its own, by pthread keys.
//
// Nothing here allocates: a thread of Darwin has room for the values of all
// keys from its start, and pthread_setspecific only writes there.

#include <stddef.h>

#include "core/base/atomic.h"
#include "platform/darwin/darwin.h"
#include "platform/darwin/tls_darwin.h"
#include "platform/os_thread.h"

enum { KEYS_NONE, KEYS_BEING_MADE, KEYS_MADE, KEYS_REFUSED };

static pthread_key_t keys[MH_DARWIN_NKEYS];
static uint32_t state = KEYS_NONE;

uintptr_t mh_darwin_slot = 0;

// direct_works: reading behind the thread register finds what was set.
static bool direct_works(pthread_key_t key, uintptr_t slot) {
    static const char marks[3];
    bool works = true;

    for (unsigned i = 0; i < sizeof(marks) && works; i++) {
        works = pthread_setspecific(key, &marks[i]) == 0 &&
                mh_darwin_direct(slot) == &marks[i];
    }
    return pthread_setspecific(key, NULL) == 0 && works &&
           mh_darwin_direct(slot) == NULL;
}

static bool make_keys(void) {
    for (unsigned i = 0; i < MH_DARWIN_NKEYS; i++) {
        if (pthread_key_create(&keys[i], NULL) != 0) {
            return false;
        }
    }
    uintptr_t slot = keys[MH_DARWIN_CACHE] * sizeof(void *);
    if (direct_works(keys[MH_DARWIN_CACHE], slot)) {
        MH_STORE_RELAXED(&mh_darwin_slot, slot);
    }
    return true;
}

bool mh_darwin_has_keys(void) {
    // acquire: pairs with the release below.
    uint32_t seen = MH_LOAD_ACQUIRE(&state);

    while (MH_UNLIKELY(seen <= KEYS_BEING_MADE)) {
        if (seen == KEYS_NONE &&
            MH_CAS_ACQ_REL(&state, &seen, (uint32_t)KEYS_BEING_MADE)) {
            seen = make_keys() ? KEYS_MADE : KEYS_REFUSED;
            MH_STORE_RELEASE(&state, seen);
        } else {
            MH_PAUSE();
            seen = MH_LOAD_ACQUIRE(&state);
        }
    }
    return seen == KEYS_MADE;
}

void *mh_darwin_get(enum mh_darwin_key key) {
    return MH_LOAD_ACQUIRE(&state) == KEYS_MADE ? pthread_getspecific(keys[key])
                                                : NULL;
}

void mh_darwin_set(enum mh_darwin_key key, const void *value) {
    if (mh_darwin_has_keys()) {
        (void)pthread_setspecific(keys[key], value);
    }
}

MH_DARWIN_RARE void mh_darwin_get_cache(struct mh_cache **out) {
    *out = mh_darwin_get(MH_DARWIN_CACHE);
}

void mh_darwin_set_cache(struct mh_cache *cache) {
    mh_darwin_set(MH_DARWIN_CACHE, cache);
}

uint32_t mh_darwin_asked(void) {
    return (uint32_t)(uintptr_t)mh_darwin_get(MH_DARWIN_ASKED);
}

void mh_darwin_set_asked(uint32_t word) {
    mh_darwin_set(MH_DARWIN_ASKED, (const void *)(uintptr_t)word);
}
