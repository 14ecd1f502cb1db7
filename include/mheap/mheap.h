// mheap.h - allocate, free, and ask about memory.
//
// The heap follows the architecture of the Go runtime's allocator (arenas,
// spans, size classes, thread caches, central lists, page allocator); see
// docs/design.md. Nothing of it lies in or beside the memory it hands out.
//
// Unless a function says otherwise:
//   - every function may be called from any thread at any time, also before
//     constructors and after destructors have run;
//   - sizes are bytes; an allocation of 16 bytes and more is aligned to 16, a
//     smaller one too;
//   - NULL means out of memory: errno is ENOMEM and nothing has changed;
//   - functions that free keep errno.
//
// A bad free (of something that is not the start of a live object: freed
// already, inside an object, misaligned, on a stack, or never from mheap) is
// caught at the call, from any thread; of two that race the second may be
// caught somewhat later. By default the process is told and aborted; see
// mheap_set_bad_free_handler and MHEAP_BAD_FREE.

#ifndef MHEAP_MHEAP_H
#define MHEAP_MHEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mheap/export.h"
#include "mheap/stats.h"
#include "mheap/version.h"

#ifdef __cplusplus
extern "C" {
#endif

// The malloc family --------------------------------------------------------

// mheap_malloc returns size bytes, not zeroed. Size 0 gives a pointer of its
// own, which must be freed and not be read. A size that the compiler knows
// costs less (inline.h).
MHEAP_API void *mheap_malloc(size_t size);

// mheap_calloc returns n * size zeroed bytes; NULL also when that overflows.
MHEAP_API void *mheap_calloc(size_t n, size_t size);

// mheap_realloc makes the object at p size bytes long, keeping what fits of its
// contents, and returns where it now is; p is then no longer valid, unless it
// is what is returned. p NULL: mheap_malloc. Size 0 frees p and returns NULL,
// as glibc does. On failure p is as it was. A p that is no live object is a bad
// free.
MHEAP_API void *mheap_realloc(void *p, size_t size);

// mheap_reallocarray is mheap_realloc to n * size; NULL with ENOMEM, p
// untouched, when that overflows.
MHEAP_API void *mheap_reallocarray(void *p, size_t n, size_t size);

// mheap_free gives an object back. NULL does nothing.
MHEAP_API void mheap_free(void *p);

// mheap_free_sized is mheap_free for a caller who knows the size the object was
// asked for with; a size of another class is a bad free ("wrong size"). Once
// realloc has left any object of the process where it was, for a size of
// another class, every size that it might have so is taken for the right one.
MHEAP_API void mheap_free_sized(void *p, size_t size);

// mheap_free_aligned_sized is the same for aligned objects.
MHEAP_API void mheap_free_aligned_sized(void *p, size_t align, size_t size);

// mheap_aligned_alloc returns size bytes at a multiple of align, which must be
// a power of two, or NULL with EINVAL. size need not be a multiple of align.
MHEAP_API void *mheap_aligned_alloc(size_t align, size_t size);

// mheap_posix_memalign stores such an object in *out and returns 0; EINVAL when
// align is no power of two or no multiple of sizeof(void *), ENOMEM when there
// is no memory. On failure *out is untouched. errno is kept.
MHEAP_API int mheap_posix_memalign(void **out, size_t align, size_t size);

// mheap_usable_size is how many bytes at p may be used: at least what was asked
// for. 0 for NULL and for what is no live object.
MHEAP_API size_t mheap_usable_size(const void *p);

// mheap_good_size is what an allocation of size really takes, so that a caller
// may ask for all of it; a thread's first objects may take more. SIZE_MAX where
// nothing can serve size.
MHEAP_API size_t mheap_good_size(size_t size);

// Heaps --------------------------------------------------------------------

// A heap of its own: destroyed in one call with everything in it. Objects of
// any heap are freed and resized by the functions above, from any thread.
struct mheap;

// mheap_create makes an empty heap. name is for reports; at most 31 bytes of it
// are copied; NULL is allowed. At most 1,023 heaps exist at a time.
MHEAP_API struct mheap *mheap_create(const char *name);

// mheap_destroy frees everything in heap and gives the memory back to the
// system; pointers into it are then wild. Its addresses are kept for the next
// heap that is made. No other thread may be using heap or its objects. NULL
// does nothing; the default heap cannot be destroyed.
MHEAP_API void mheap_destroy(struct mheap *heap);

// mheap_default is the heap that mheap_malloc allocates in. NULL only when
// there is no memory to make it.
MHEAP_API struct mheap *mheap_default(void);

// mheap_alloc_in, mheap_calloc_in and mheap_aligned_alloc_in allocate in heap.
MHEAP_API void *mheap_alloc_in(struct mheap *heap, size_t size);
MHEAP_API void *mheap_calloc_in(struct mheap *heap, size_t n, size_t size);
MHEAP_API void *mheap_aligned_alloc_in(struct mheap *heap, size_t align,
                                       size_t size);

// mheap_heap_of tells which heap a live object is in; NULL when p is none.
MHEAP_API struct mheap *mheap_heap_of(const void *p);

// mheap_pages_alloc and mheap_pages_free hand out whole heap pages (8 KiB) that
// mheap keeps no slots in: a runtime's stacks and buffers. A reader outside
// sees them as manual spans. Not zeroed. npages 0 gives NULL with EINVAL. Pages
// are freed only by mheap_pages_free; anything else there is a bad free.
MHEAP_API void *mheap_pages_alloc(struct mheap *heap, size_t npages);
MHEAP_API void mheap_pages_free(void *base);

// Giving back --------------------------------------------------------------

// mheap_release gives all free pages of all heaps, and what the calling thread
// caches, back to the system now. The result is how many bytes went. It takes
// time in proportion to the free memory and holds each heap's lock meanwhile;
// forks and mheap_destroy in other threads wait for its end.
MHEAP_API size_t mheap_release(void);

// mheap_thread_flush gives what the calling thread caches back to its heaps,
// for a thread that is about to be idle for long.
MHEAP_API void mheap_thread_flush(void);

// Bad frees ----------------------------------------------------------------

enum mheap_bad_free_kind {
    MHEAP_BAD_DOUBLE,     // the object is free already
    MHEAP_BAD_INTERIOR,   // inside a live object, not at its start
    MHEAP_BAD_MISALIGNED, // in the heap, but at no multiple of 16
    MHEAP_BAD_FREE_PAGE, // in heap pages that hold nothing (freed large object)
    MHEAP_BAD_STACK,     // near the calling thread's stack pointer
    MHEAP_BAD_WILD,      // not in any heap
    MHEAP_BAD_SIZE,      // freed with a size of another class
    MHEAP_BAD_MANUAL,    // in pages of mheap_pages_alloc
    // Of the hardened mode, at whichever call finds it:
    MHEAP_BAD_OVERFLOW,    // something was written behind the object
    MHEAP_BAD_STALE_WRITE, // something was written to it after it was freed
};

struct mheap_bad_free {
    enum mheap_bad_free_kind kind;
    const void *address;
    const void *object; // start of the slot or object address lies in, or NULL
    const void *span;   // start of the span, or NULL
    size_t slot_size;   // bytes of a slot there, 0 when unknown
    size_t given_size;  // MHEAP_BAD_SIZE: the size the caller gave
    const char *function; // "free", "realloc", …, "a free that raced this one"
};

// A handler runs in the thread that made the bad free, with no lock held, and
// must not allocate. When it returns, the call does nothing (realloc returns
// NULL with EINVAL); after a report of the last two kinds it does what it was
// called for.
//
// Of two threads that free the same object within a few instructions of each
// other, neither may find the other's free. The second is found when the object
// is taken in. The handler is then told by the next call into mheap, in
// whichever thread, that does more than take an object from the thread's cache
// or put one into it: function is "a free that raced this one".
// When more than 8 wait to be told the others are only counted.
typedef void mheap_bad_free_handler(const struct mheap_bad_free *what,
                                    void *context);

// mheap_set_bad_free_handler sets what happens at a bad free; NULL restores
// what MHEAP_BAD_FREE says (abort by default). Set it before threads start: a
// bad free during the call may meet either handler, with its own context.
MHEAP_API void mheap_set_bad_free_handler(mheap_bad_free_handler *handler,
                                          void *context);

// mheap_bad_free_name is the kind in words: "double free", "interior pointer",
// …
MHEAP_API const char *mheap_bad_free_name(enum mheap_bad_free_kind kind);

// Options ------------------------------------------------------------------

// Every option can be set from code before the first allocation, or by the
// environment variable of the same name in capitals with MHEAP_ in front
// (ignored where the process runs with more rights than its caller).
// docs/tuning.md is the table of names, units and defaults.
enum mheap_option {
    MHEAP_OPTION_BAD_FREE,      // enum mheap_on_bad_free
    MHEAP_OPTION_CACHE_BYTES,   // most bytes of one class in one thread's cache
    MHEAP_OPTION_CACHE_TOTAL,   // most bytes all caches may grow by together
    MHEAP_OPTION_SCAVENGER,     // enum mheap_scavenger
    MHEAP_OPTION_FIRST_OBJECTS, // that a thread gets before it has a cache
    MHEAP_OPTION_SOFT_LIMIT, // bytes the library tries to stay below; 0: none
    MHEAP_OPTION_HARD_LIMIT, // bytes it does not grow beyond; 0: none
    MHEAP_OPTION_HARDENED,   // 0 or 1: see docs/hardened.md
    // See docs/guards.md.
    MHEAP_OPTION_GUARD_BYTES,  // one object in so many is guarded; 0: none
    MHEAP_OPTION_GUARD_REPORT, // 0 or 1: traps at guards are told
    MHEAP_OPTION_HUGE_PAGES,   // 0 or 1: asked for where a heap is dense
    MHEAP_NOPTIONS,
};

enum mheap_on_bad_free {
    MHEAP_ON_BAD_FREE_ABORT, // message, then SIGABRT
    MHEAP_ON_BAD_FREE_COUNT, // count it (mheap_stats) and do nothing
    MHEAP_ON_BAD_FREE_WARN,  // message, then as COUNT
};

// Who gives memory back that has lain free for a while.
enum mheap_scavenger {
    MHEAP_SCAVENGER_OFF,    // nobody, but for mheap_release and malloc_trim
    MHEAP_SCAVENGER_CALLS,  // calls that free pages, a little on the way
    MHEAP_SCAVENGER_THREAD, // a thread of the library, started when needed
};

// mheap_option_set returns 0, or EINVAL for an unknown option or a value out of
// its range, or for HARDENED once there is a heap. What a cache may hold
// already it goes on to. The two limits of memory may be set at any time and
// hold at once, for all heaps together: under a new soft limit the call gives
// back what is free and too much; under a new hard limit no call gets more from
// then on. What they count is mheap_stats.counted_bytes, which pages that the
// system does not take back may still raise.
MHEAP_API int mheap_option_set(enum mheap_option option, uint64_t value);
MHEAP_API uint64_t mheap_option_get(enum mheap_option option);

// Checking -----------------------------------------------------------------

// mheap_check walks every structure of a heap and returns 0, or the number of
// the first invariant found broken (docs/design.md lists them). No other thread
// may be using heap meanwhile.
MHEAP_API int mheap_check(struct mheap *heap);

// mheap_version is MHEAP_VERSION_STRING of the library that is really linked.
MHEAP_API const char *mheap_version(void);

#ifdef __cplusplus
}
#endif

#include "mheap/inline.h"

#endif // MHEAP_MHEAP_H
