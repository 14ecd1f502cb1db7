// page_runs.c - runs of free pages that one thread keeps whole.

#include "core/page/page_runs.h"

#include "core/base/assert.h"
#include "core/page/palloc.h"

size_t mh_page_runs_count(const struct mh_page_runs *runs) {
    size_t count = 0;
    for (unsigned i = 0; i < MH_PAGE_RUNS; i++) {
        count += mh_page_run_pages(runs->run[i]);
    }
    return count;
}

bool mh_page_runs_has(const struct mh_page_runs *runs, uintptr_t base) {
    bool has = false;
    for (unsigned i = 0; i < MH_PAGE_RUNS; i++) {
        has = has ||
              (runs->run[i] != 0 && mh_page_run_base(runs->run[i]) == base);
    }
    return has;
}

// Takes n runs out, from number i on; the younger ones move up.
static void unlist(struct mh_page_runs *runs, unsigned i, unsigned n) {
    for (; i + n < MH_PAGE_RUNS; i++) {
        runs->run[i] = runs->run[i + n];
    }
    for (; i < MH_PAGE_RUNS; i++) {
        runs->run[i] = 0;
    }
}

uintptr_t mh_page_runs_take(struct mh_page_runs *runs, size_t npages) {
    for (unsigned i = MH_PAGE_RUNS; i-- > 0;) {
        uint64_t run = runs->run[i];
        if (mh_page_run_pages(run) == npages) {
            unlist(runs, i, 1);
            return mh_page_run_base(run);
        }
    }
    return 0;
}

static bool has_room(const struct mh_page_runs *runs, size_t npages) {
    return runs->run[MH_PAGE_RUNS - 1] == 0 &&
           mh_page_runs_count(runs) + npages <= MH_PAGE_RUNS_PAGES;
}

bool mh_page_runs_put(struct mh_page_runs *runs, uintptr_t base,
                      size_t npages) {
    MH_CHECK(base % MH_PAGE_SIZE == 0 && mh_page_runs_serves(npages));
    if (!has_room(runs, npages)) {
        return false;
    }
    unsigned i = 0;
    while (runs->run[i] != 0) {
        i++;
    }
    runs->run[i] = (uint64_t)base + npages;
    MH_ASSERT(mh_page_runs_check(runs) == 0);
    return true;
}

// Gives the n oldest back.
static void give(struct mh_palloc *p, struct mh_page_runs *runs, unsigned n) {
    for (unsigned i = 0; i < n; i++) {
        uint64_t run = runs->run[i];
        mh_palloc_free(p, mh_page_run_base(run), mh_page_run_pages(run));
    }
    unlist(runs, 0, n);
}

void mh_page_runs_make_room(struct mh_palloc *p, struct mh_page_runs *runs,
                            size_t npages) {
    MH_CHECK(mh_page_runs_serves(npages));
    while (!has_room(runs, npages)) {
        give(p, runs, 1);
    }
}

void mh_page_runs_flush(struct mh_palloc *p, struct mh_page_runs *runs) {
    unsigned n = 0;
    MH_ASSERT(mh_page_runs_check(runs) == 0);
    while (n < MH_PAGE_RUNS && runs->run[n] != 0) {
        n++;
    }
    give(p, runs, n);
}

int mh_page_runs_check(const struct mh_page_runs *runs) {
    for (unsigned i = 0; i < MH_PAGE_RUNS; i++) {
        uint64_t run = runs->run[i];
        if (run != 0 && i != 0 && runs->run[i - 1] == 0) {
            return 1;
        }
        if (run != 0 && (!mh_page_runs_serves(mh_page_run_pages(run)) ||
                         mh_page_run_base(run) == 0)) {
            return 2;
        }
    }
    return mh_page_runs_count(runs) <= MH_PAGE_RUNS_PAGES ? 0 : 2;
}
