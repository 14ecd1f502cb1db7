// mheap.c - the malloc family, heaps, and giving back.

// mheap_malloc is defined here, and not the inline one.
#define MHEAP_NO_INLINE

#include "mheap/mheap.h"

#include <errno.h>
#include <string.h>

#include "core/api/fast.h"
#include "core/api/sized.h"
#include "core/api/slow.h"
#include "core/base/atomic.h"
#include "core/base/bits.h"
#include "core/heap/bad_free.h"
#include "core/heap/hard.h"
#include "core/heap/hard_alloc.h"
#include "core/heap/hard_zero.h"
#include "core/heap/headroom.h"
#include "core/heap/heap.h"
#include "core/heap/huge.h"
#include "core/heap/large.h"
#include "core/heap/options.h"
#include "core/heap/scavenge.h"

void *mheap_malloc(size_t size) {
    return mh_fast_malloc(size);
}

void mheap_free(void *p) {
    mh_fast_free(p, "free");
}

static void *out_of_memory(void) {
    errno = ENOMEM;
    return NULL;
}

static void *invalid(void) {
    errno = EINVAL;
    return NULL;
}

void *mheap_calloc_in(struct mheap *heap, size_t n, size_t size) {
    size_t bytes = 0;
    bool zero = false;
    if (mh_mul_overflows(n, size, &bytes)) {
        return out_of_memory();
    }
    void *p = mh_alloc(heap, bytes, 1, &zero);
    if (p != NULL && !zero) {
        memset(p, 0, bytes);
    }
    return p;
}

void *mheap_calloc(size_t n, size_t size) {
    size_t bytes = 0;
    if (mh_mul_overflows(n, size, &bytes)) {
        return out_of_memory();
    }
    if (bytes > MH_SMALL_MAX) {
        return mheap_calloc_in(mh_heap_default(), n, size);
    }
    void *p = mh_fast_malloc(bytes);
    if (p != NULL) {
        memset(p, 0, bytes);
    }
    return p;
}

// Moves an object of so many bytes to where a new one of `size` was found. If
// none was, an object that shrinks stays where it is: few programs expect that
// to fail.
static void *finish_move(void *to, void *p, size_t bytes, size_t size,
                         int saved) {
    if (MH_LIKELY(to != NULL)) {
        memcpy(to, p, size < bytes ? size : bytes);
        mheap_free(p);
        return to;
    }
    if (!mh_hard_on || !mh_hard_keep((uintptr_t)p, size)) {
        if (size > bytes) {
            return NULL;
        }
        mh_object_left_large();
    }
    errno = saved;
    return p;
}

static void *move_object(void *p, struct mh_object object, size_t size) {
    struct mheap *heap = mh_heap_by_id(object.span->heap);
    bool zero = false;
    int saved = errno;
    bool grows = size > object.bytes;
    if (object.span->size_class == 0 && grows && !mh_hard_on) {
        void *moved = mh_large_move(object.span, size);
        if (moved != NULL) {
            return moved;
        }
    }
    void *to = size > object.bytes ? mh_alloc_growing(heap, size)
                                   : mh_alloc(heap, size, 1, &zero);
    return finish_move(to, p, object.bytes, size, saved);
}

// Leaves a small object where it is.
static void *keep_object(void *p, unsigned size_class, size_t size) {
    if (mh_size_class(size) != size_class) {
        mh_object_kept();
    }
    return p;
}

// An object that has no bytes has none to move.
static void *realloc_zero(void *p, size_t size) {
    void *to = size != 0 ? mheap_malloc(size) : NULL;
    if (to != NULL || size == 0) {
        mheap_free(p);
    }
    return to;
}

static void *bad_realloc(void *p) {
    mh_bad_free(p, "realloc", SIZE_MAX);
    return invalid();
}

// An object that this thread's cache took from a span of its own, for a size
// that has a class: most are. Nothing of the span is looked at.
static void *realloc_own(void *p, unsigned size_class, size_t size) {
    size_t bytes = mh_class_size(size_class);
    if (mh_object_fits(bytes, size)) {
        return keep_object(p, size_class, size);
    }
    int saved = errno;
    return finish_move(mh_fast_malloc(size), p, bytes, size, saved);
}

static void *realloc_any(void *p, size_t size) {
    if (p == NULL) {
        return mheap_malloc(size);
    }
    struct mh_object object = mh_object_at(p);
    if (object.span == NULL) {
        return mh_hard_zero_is_live((uintptr_t)p) ? realloc_zero(p, size)
                                                  : bad_realloc(p);
    }
    if (size == 0) {
        mheap_free(p);
        return NULL;
    }
    if (mh_hard_on) {
        return mh_hard_resize(object.span, (uintptr_t)p, size)
                   ? p
                   : move_object(p, object, size);
    }
    if (object.span->size_class != 0) {
        return mh_object_fits(object.bytes, size)
                   ? keep_object(p, object.span->size_class, size)
                   : move_object(p, object, size);
    }
    bool stays_large = size > MH_SMALL_MAX;
    if (stays_large && mh_large_resize(object.span, size)) {
        mh_heap_poke_taking();
        return p;
    }
    return move_object(p, object, size);
}

void *mheap_realloc(void *p, size_t size) {
    unsigned size_class = mh_fast_class(p);
    return size_class != 0 && size != 0 && size <= MH_SMALL_MAX
               ? realloc_own(p, size_class, size)
               : realloc_any(p, size);
}

void *mheap_reallocarray(void *p, size_t n, size_t size) {
    size_t bytes = 0;
    if (mh_mul_overflows(n, size, &bytes)) {
        return out_of_memory();
    }
    return mheap_realloc(p, bytes);
}

void *mheap_aligned_alloc_in(struct mheap *heap, size_t align, size_t size) {
    bool zero = false;
    if (!mh_is_pow2(align)) {
        return invalid();
    }
    return mh_alloc(heap, size, align, &zero);
}

void *mheap_aligned_alloc(size_t align, size_t size) {
    return mheap_aligned_alloc_in(mh_heap_default(), align, size);
}

int mheap_posix_memalign(void **out, size_t align, size_t size) {
    if (!mh_is_pow2(align) || align % sizeof(void *) != 0) {
        return EINVAL;
    }
    int saved = errno;
    void *p = mheap_aligned_alloc(align, size);
    errno = saved;
    if (p == NULL) {
        return ENOMEM;
    }
    *out = p;
    return 0;
}

size_t mheap_usable_size(const void *p) {
    unsigned size_class = mh_fast_class(p);
    if (size_class != 0) {
        return mh_class_size(size_class);
    }
    return p == NULL ? 0 : mh_object_at(p).bytes;
}

size_t mheap_good_size(size_t size) {
    return mh_good_size(size);
}

struct mheap *mheap_create(const char *name) {
    uint64_t refusals = mh_headroom_refusals();
    struct mheap *heap = mh_heap_create(name);
    if (heap == NULL && mh_headroom_reclaim(refusals)) {
        heap = mh_heap_create(name);
    }
    if (heap == NULL) {
        errno = ENOMEM;
    }
    return heap;
}

void mheap_destroy(struct mheap *heap) {
    if (heap != NULL) {
        int saved = errno;
        mh_heap_destroy(heap);
        errno = saved;
    }
}

struct mheap *mheap_default(void) {
    struct mheap *heap = mh_heap_default();
    if (heap == NULL) {
        errno = ENOMEM;
    }
    return heap;
}

void *mheap_alloc_in(struct mheap *heap, size_t size) {
    bool zero = false;
    return mh_alloc(heap, size, 1, &zero);
}

struct mheap *mheap_heap_of(const void *p) {
    struct mh_object object = mh_object_at(p);
    if (mh_hard_zero_is_live((uintptr_t)p)) {
        return mh_heap_default();
    }
    return object.span == NULL ? NULL : mh_heap_by_id(object.span->heap);
}

void *mheap_pages_alloc(struct mheap *heap, size_t npages) {
    if (npages == 0) {
        return invalid();
    }
    uint64_t refusals = mh_headroom_refusals();
    void *base = heap == NULL ? NULL : mh_heap_manual_alloc(heap, npages);
    if (base == NULL && heap != NULL && mh_headroom_reclaim(refusals)) {
        base = mh_heap_manual_alloc(heap, npages);
    }
    mh_heap_poke_taking();
    return base == NULL ? out_of_memory() : base;
}

void mheap_pages_free(void *base) {
    int saved = errno;
    if (base != NULL && !mh_heap_manual_free(base)) {
        mh_bad_free(base, "mheap_pages_free", SIZE_MAX);
    }
    errno = saved;
}

void mheap_thread_flush(void) {
    int saved = errno;
    mh_cache_flush_thread();
    mh_bad_free_tell_late();
    errno = saved;
}

size_t mheap_release(void) {
    int saved = errno;
    mheap_thread_flush();
    size_t done = mh_heap_release_all();
    mh_bad_free_tell_late();
    errno = saved;
    return done;
}

MH_STATIC_ASSERT((int)MHEAP_BAD_STALE_WRITE == (int)MH_BAD_STALE_WRITE,
                 "the kinds of bad frees have the same numbers");
MH_STATIC_ASSERT((int)MHEAP_NOPTIONS == (int)MH_NOPTIONS,
                 "the options have the same numbers");

// The user's handler, and the one before: who meets either while it is changed
// meets it with its own context.
static struct {
    struct {
        mheap_bad_free_handler *handler;
        void *context;
    } last[2];
    uint32_t which; // (a)
} users;

// Translates a report into the public record.
static void forward(const struct mh_bad_free *what, void *context) {
    (void)context;
    struct mheap_bad_free report = {
        .kind = (enum mheap_bad_free_kind)what->kind,
        .address = what->address,
        .object = what->object,
        .span = what->span,
        .slot_size = what->slot_size,
        .given_size = what->given_size == SIZE_MAX ? 0 : what->given_size,
        .function = what->function,
    };
    uint32_t i = MH_LOAD_ACQUIRE(&users.which);
    users.last[i].handler(&report, users.last[i].context);
}

void mheap_set_bad_free_handler(mheap_bad_free_handler *handler,
                                void *context) {
    if (handler == NULL) {
        mh_bad_free_set_handler(NULL, NULL);
        return;
    }
    uint32_t i = 1 - MH_LOAD_RELAXED(&users.which);
    users.last[i].context = context;
    users.last[i].handler = handler;
    MH_STORE_RELEASE(&users.which, i);
    mh_bad_free_set_handler(forward, NULL);
}

const char *mheap_bad_free_name(enum mheap_bad_free_kind kind) {
    return mh_bad_free_name(kind);
}

int mheap_option_set(enum mheap_option option, uint64_t value) {
    bool too_late = option == MHEAP_OPTION_HARDENED && mh_hard_is_decided();
    if (too_late || !mh_option_set(option, value)) {
        return EINVAL;
    }
    bool soft = option == MHEAP_OPTION_SOFT_LIMIT;
    bool limit = soft || option == MHEAP_OPTION_HARD_LIMIT;
    if ((limit && value != 0) ||
        (option == MHEAP_OPTION_HUGE_PAGES && value == 0) ||
        (option == MHEAP_OPTION_SCAVENGER && value == MHEAP_SCAVENGER_OFF)) {
        MH_FENCE_SEQ_CST(); // who asks from here on sees it
        mh_lock(&mh_scavenger.lock);
        mh_huge_end(NULL);
        mh_unlock(&mh_scavenger.lock);
    }
    if (soft) {
        mh_headroom_changed();
        mh_bad_free_tell_late();
    }
    return 0;
}

uint64_t mheap_option_get(enum mheap_option option) {
    return (unsigned)option < MH_NOPTIONS ? mh_option((enum mh_option)option)
                                          : 0;
}

int mheap_check(struct mheap *heap) {
    return mh_heap_check(heap);
}

const char *mheap_version(void) {
    return MHEAP_VERSION_STRING;
}
