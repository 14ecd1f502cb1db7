// override_summary.c - the last figures of a process, for heapctl run.
//
// heapctl run leaves the number of a memory file in MHEAP_SUMMARY_FD. The first
// process that opens it owns the record in it, across every exec, and fills it
// when it exits; its children leave it alone. A process that ends otherwise
// leaves the record unfinished, which says so.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "core/base/atomic.h"
#include "core/sys/sys.h"
#include "mheap/inspect.h"
#include "mheap/stats.h"

// The record of this process, NULL when it has none. Written before main.
static struct mheap_summary *summary;

// The number of a descriptor, or -1 when text is none.
static int descriptor(const char *text) {
    int fd = 0;

    if (*text == '\0') {
        return -1;
    }
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9' || fd > INT16_MAX) {
            return -1;
        }
        fd = fd * 10 + (*text - '0');
    }
    return fd;
}

// Whoever has the number by now, the record is ours only if heapctl made it and
// nobody, or we before an exec, took it.
static bool claim(struct mheap_summary *record) {
    uint64_t nobody = 0;
    uint64_t self = mh_sys_process_id();

    if (memcmp(record->magic, MHEAP_SUMMARY_MAGIC, sizeof(record->magic)) !=
            0 ||
        record->bytes < sizeof(*record)) {
        return false;
    }
    // Two processes can come at once; the order with other fields is no matter.
    return MH_CAS_ACQ_REL(&record->process_id, &nobody, self) || nobody == self;
}

__attribute__((constructor)) static void open_summary(void) {
    const char *number = mh_sys_option("MHEAP_SUMMARY_FD");
    int fd = number != NULL ? descriptor(number) : -1;

    if (fd >= 0) {
        struct mheap_summary *record =
            mh_sys_map_shared(fd, mh_sys_facts()->page_size);
        summary = record != NULL && claim(record) ? record : NULL;
    }
}

static void fill(struct mheap_summary *record, const struct mheap_stats *now) {
    record->in_use_bytes = now->in_use_bytes;
    record->in_use_objects = now->in_use_objects;
    record->peak_mapped_bytes = now->mapped_peak_bytes;
    record->ready_bytes = now->ready_bytes;
    record->prepared_bytes = now->prepared_bytes;
    record->reserved_bytes = now->reserved_bytes;
    record->large_objects = now->large_objects;
    record->large_bytes = now->large_bytes;
    record->spans = now->spans;
    record->cached_bytes = now->cached_bytes;
    record->metadata_bytes = now->metadata_bytes;
    record->bad_frees = now->bad_frees_total;
    record->os_calls = now->os_calls_total;
    record->os_failures = now->os_failures_total;
}

// After the program's own exit handlers. In a child of fork the record is the
// parent's.
__attribute__((destructor)) static void close_summary(void) {
    struct mheap_stats now;

    if (summary == NULL || summary->process_id != mh_sys_process_id()) {
        return;
    }
    mheap_stats(NULL, &now);
    fill(summary, &now);
    // release: who sees the flag sees the figures.
    MH_STORE_RELEASE(&summary->final, 1);
}
