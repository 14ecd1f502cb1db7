// page_runs.h - runs of free pages that one thread keeps whole.
//
// What comes back is kept as it is, for the thread's next request of just as
// many pages: nothing is looked for, and no lock but the owner's is taken.
// Larger runs than a page cache is asked for (page_cache.h), and smaller ones
// than are worth more than the search for them.
//
// In the page allocator the pages count as allocated. All of them are Ready.
// There is no lock here: the owner guards the record, and holds the heap lock
// besides where a function takes the page allocator.

#ifndef MHEAP_CORE_PAGE_PAGE_RUNS_H
#define MHEAP_CORE_PAGE_PAGE_RUNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/attr.h"
#include "core/base/params.h"

struct mh_palloc;

enum {
    MH_PAGE_RUNS = 8,        // runs that are kept
    MH_PAGE_RUNS_PAGES = 64, // pages in all of them
    MH_PAGE_RUN_LEAST = 5,   // pages in one
    MH_PAGE_RUN_MOST = 16,
};

// A zeroed record holds nothing. Invariants, checked in mh_page_runs_check:
//   R1  The runs, oldest first, come before the places that are 0.
//   R2  Each has MH_PAGE_RUN_LEAST to MH_PAGE_RUN_MOST pages, and all together
//       no more than MH_PAGE_RUNS_PAGES.
struct mh_page_runs {
    // The address of the first page, and in the bits that are 0 there how many
    // pages.
    uint64_t run[MH_PAGE_RUNS];
};

static inline size_t mh_page_run_pages(uint64_t run) {
    return (size_t)(run & (MH_PAGE_SIZE - 1));
}

static inline uintptr_t mh_page_run_base(uint64_t run) {
    return (uintptr_t)(run - mh_page_run_pages(run));
}

static inline bool mh_page_runs_is_empty(const struct mh_page_runs *runs) {
    return runs->run[0] == 0;
}

// mh_page_runs_serves: runs of so many pages are kept.
static inline bool mh_page_runs_serves(size_t npages) {
    return npages - MH_PAGE_RUN_LEAST <= MH_PAGE_RUN_MOST - MH_PAGE_RUN_LEAST;
}

// mh_page_runs_count is how many pages are kept.
size_t mh_page_runs_count(const struct mh_page_runs *runs);

// mh_page_runs_has: a run begins at base.
bool mh_page_runs_has(const struct mh_page_runs *runs, uintptr_t base);

// mh_page_runs_take takes the youngest run of npages; 0 when there is none.
MH_NODISCARD uintptr_t mh_page_runs_take(struct mh_page_runs *runs,
                                         size_t npages);

// mh_page_runs_put keeps a run, of a number of pages that is served. False when
// there is no room for it: it is still the caller's.
MH_NODISCARD bool mh_page_runs_put(struct mh_page_runs *runs, uintptr_t base,
                                   size_t npages);

// mh_page_runs_make_room gives the oldest runs back to the heap until there is
// room for one of npages; mh_page_runs_flush gives all. The caller holds the
// heap lock.
void mh_page_runs_make_room(struct mh_palloc *p, struct mh_page_runs *runs,
                            size_t npages);
void mh_page_runs_flush(struct mh_palloc *p, struct mh_page_runs *runs);

// mh_page_runs_check is 0, or the number of the broken invariant.
int mh_page_runs_check(const struct mh_page_runs *runs);

#endif // MHEAP_CORE_PAGE_PAGE_RUNS_H
