// cache_pages.h - the free pages that a thread's cache has for spans.
//
// Of two kinds: 64 taken from the heap in advance, from which small runs are
// cut (page_cache.h), and longer ones kept as they came back (page_runs.h).
// Both are under the cache's page lock, and emptied when the thread ends, when
// it makes no calls (scavenge.h), and when memory is short (headroom.h).

#ifndef MHEAP_CORE_HEAP_CACHE_PAGES_H
#define MHEAP_CORE_HEAP_CACHE_PAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mheap;
struct mh_cache;

// mh_cache_cut_pages takes few pages, Ready, from the cache's 64, which are
// taken anew when they have no such run. 0 when that does not help: out of
// memory, or the lowest free pages of the heap lie scattered.
uintptr_t mh_cache_cut_pages(struct mh_cache *cache, size_t npages);

// mh_cache_put_pages is the way back; false when they are not of the 64.
bool mh_cache_put_pages(struct mh_cache *cache, uintptr_t base, size_t npages);

// mh_cache_of_pages is the calling thread's cache of a heap, which keeps runs
// for it; NULL when it has none yet, or that is not the first one it had.
struct mh_cache *mh_cache_of_pages(const struct mheap *heap);

// mh_cache_take_run takes a run of npages that a cache has kept, in one arena
// and Ready; 0 when it has none. The cache may be NULL.
uintptr_t mh_cache_take_run(struct mh_cache *cache, size_t npages);

// mh_cache_keep_run keeps Ready pages; older ones go back to the heap when
// there are too many. False when they are not such as are kept, while memory is
// short, or when the cache is NULL.
bool mh_cache_keep_run(struct mh_cache *cache, uintptr_t base, size_t npages);

// mh_cache_flush_pages gives all of a cache's pages back to its heap. Takes its
// page lock, and the heap's. mh_cache_flush_pages_if_quiet flushes those of a
// thread that has not used them since the last look, and returns true when
// pages are left; mh_cache_flush_all_pages those of all threads, of one heap
// or, NULL, of all.
void mh_cache_flush_pages(struct mh_cache *cache);
bool mh_cache_flush_pages_if_quiet(struct mh_cache *cache);
void mh_cache_flush_all_pages(const struct mheap *heap);

// mh_cache_flush_own_runs gives back the runs that the calling thread has kept
// of a heap: if one of them begins at `at`, or, with 0, in any case. False when
// nothing was given.
bool mh_cache_flush_own_runs(const struct mheap *heap, uintptr_t at);

// mh_cache_pages_are_free: no page that a cache holds is a span's, and both
// records are sound. Owner only. Takes the page lock.
bool mh_cache_pages_are_free(struct mh_cache *cache);

// mh_cache_free_pages is how many pages a cache holds; *released_out how many
// of them are released.
size_t mh_cache_free_pages(struct mh_cache *cache, size_t *released_out);

#endif // MHEAP_CORE_HEAP_CACHE_PAGES_H
