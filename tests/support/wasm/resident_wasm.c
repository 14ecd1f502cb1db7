// resident_wasm.c - which pages are in memory: nobody can say.

#include <stdlib.h>

#include "tests/support/expect.h"
#include "tests/support/self.h"

// Which pages have memory behind them is the host's secret, and none is ever
// given back.
size_t mh_resident_pages(const void *base, size_t npages) {
    (void)base;
    (void)npages;
    exit(MH_NEEDS_PAGES);
}
