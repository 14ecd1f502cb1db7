// heapctl_fixture.h - a heap made up in memory, and verbs run on it.

#ifndef MHEAP_TESTS_HEAPCTL_HEAPCTL_FIXTURE_H
#define MHEAP_TESTS_HEAPCTL_HEAPCTL_FIXTURE_H

#include "inspect/view.h"
#include "tools/heapctl/heapctl.h"

// Addresses in the made-up heap.
#define FIXTURE_BASE   UINT64_C(0xc000000000) // a span of 1024 slots of 16
#define FIXTURE_FULL   UINT64_C(0xc000004000) // a full span of 31 slots of 1024
#define FIXTURE_SPARSE UINT64_C(0xc00000c000) // one with a single object
#define FIXTURE_LARGE  UINT64_C(0xc000014000) // a large object
#define FIXTURE_MANUAL UINT64_C(0xc000116000) // manual pages
#define FIXTURE_ARENA2 UINT64_C(0xc004000000) // the second arena
#define FIXTURE_RECORD UINT64_C(0x7f0000000000) // metadata of the first

// fixture_view makes the view. Everything in it adds up. fixture_free frees it.
struct mh_view *fixture_view(void);
void fixture_free(struct mh_view *view);

// What a verb did.
struct fixture_result {
    int status;
    char *out;
    char *err;
};

// fixture_run runs "VERB ARGUMENTS…" on a view; blanks separate arguments, and
// an underscore in them stands for a blank. input is what `-` reads, or NULL.
struct fixture_result fixture_run(const struct mh_view *view, const char *line,
                                  const char *input);
void fixture_result_free(struct fixture_result *result);

// fixture_main runs hc_main on a command line written like that, without
// "heapctl" in front.
struct fixture_result fixture_main(const char *line);

#endif // MHEAP_TESTS_HEAPCTL_HEAPCTL_FIXTURE_H
