// darwin.h - what the files of the Darwin backend share.

#ifndef MHEAP_PLATFORM_DARWIN_DARWIN_H
#define MHEAP_PLATFORM_DARWIN_DARWIN_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/attr.h"

// What each thread remembers, one key each.
enum mh_darwin_key {
    MH_DARWIN_CACHE,  // struct mh_cache *
    MH_DARWIN_ASKED,  // a number
    MH_DARWIN_ROUNDS, // a number: of destructors that have run
    MH_DARWIN_NKEYS,
};

// The value of a key for the calling thread. Nothing is remembered where the
// process had no keys left: then it is NULL whatever was set.
MH_HIDDEN void *mh_darwin_get(enum mh_darwin_key key);
MH_HIDDEN void mh_darwin_set(enum mh_darwin_key key, const void *value);

// mh_darwin_has_keys makes the keys, unless it has been done; false where the
// process had none left.
MH_HIDDEN bool mh_darwin_has_keys(void);

// mh_darwin_drop_words gives the calling thread's words back, at its end.
MH_HIDDEN void mh_darwin_drop_words(void);

#endif // MHEAP_PLATFORM_DARWIN_DARWIN_H
