// override_report.c - the C library's questions about its heap, answered for
// mheap: mallinfo, malloc_stats, malloc_info, and the two that tune it.
//
// The figures keep the meaning glibc gives them as far as mheap has such a
// thing: a "chunk" is a slot, an "mmapped" chunk a large object.

#include <errno.h>
#include <limits.h>
#include <malloc.h>
#include <stddef.h>
#include <stdint.h>

#include "mheap/mheap.h"

// Newer than the oldest C library we build with, and to newer ones no news:
// NOLINTNEXTLINE(readability-redundant-declaration)
MHEAP_API struct mallinfo2 mallinfo2(void);

// What lies in spans or pages and could be allocated without growing.
static uint64_t free_bytes(const struct mheap_stats *stats) {
    return stats->cached_bytes + stats->span_free_bytes +
           stats->free_page_bytes;
}

static uint64_t free_slots(void) {
    struct mheap_class_stats class_stats;
    uint64_t slots = 0;

    for (unsigned i = 1; mheap_class_stats_get(NULL, i, &class_stats); i++) {
        slots += class_stats.free + class_stats.cached + class_stats.pending;
    }
    return slots;
}

MHEAP_API struct mallinfo2 mallinfo2(void) {
    struct mheap_stats stats;

    mheap_stats(NULL, &stats);
    uint64_t small = stats.in_use_bytes - stats.large_bytes;
    return (struct mallinfo2){
        .arena = small + free_bytes(&stats),
        .ordblks = free_slots(),
        .hblks = stats.large_objects,
        .hblkhd = stats.large_bytes,
        .uordblks = small,
        .fordblks = free_bytes(&stats),
        .keepcost = stats.free_page_bytes,
    };
}

static int saturated(size_t n) {
    return n > INT_MAX ? INT_MAX : (int)n;
}

// The one with int fields, which cannot hold the figures of a big process: they
// stop at INT_MAX, where glibc's wrap around.
MHEAP_API struct mallinfo mallinfo(void) {
    struct mallinfo2 wide = mallinfo2();

    return (struct mallinfo){
        .arena = saturated(wide.arena),
        .ordblks = saturated(wide.ordblks),
        .hblks = saturated(wide.hblks),
        .hblkhd = saturated(wide.hblkhd),
        .uordblks = saturated(wide.uordblks),
        .fordblks = saturated(wide.fordblks),
        .keepcost = saturated(wide.keepcost),
    };
}

MHEAP_API void malloc_stats(void) {
    struct mheap_stats stats;

    mheap_stats(NULL, &stats);
    (void)fprintf(stderr,
                  "mheap %s\n"
                  "in use bytes     = %10llu\n"
                  "in use objects   = %10llu\n"
                  "free bytes       = %10llu\n"
                  "ready bytes      = %10llu\n"
                  "max mapped bytes = %10llu\n",
                  mheap_version(), (unsigned long long)stats.in_use_bytes,
                  (unsigned long long)stats.in_use_objects,
                  (unsigned long long)free_bytes(&stats),
                  (unsigned long long)stats.ready_bytes,
                  (unsigned long long)stats.mapped_peak_bytes);
}

static void print_classes(FILE *out) {
    struct mheap_class_stats found;

    for (unsigned i = 1; mheap_class_stats_get(NULL, i, &found); i++) {
        if (found.spans == 0) {
            continue;
        }
        (void)fprintf(
            out,
            "<class size=\"%llu\" spans=\"%llu\" slots=\"%llu\" "
            "used=\"%llu\" cached=\"%llu\" free=\"%llu\"/>\n",
            (unsigned long long)found.slot_bytes,
            (unsigned long long)found.spans, (unsigned long long)found.slots,
            (unsigned long long)found.used, (unsigned long long)found.cached,
            (unsigned long long)found.free + found.pending);
    }
}

// XML, as glibc's is; the elements are mheap's own, but for the totals, which
// programs that read glibc's look for.
MHEAP_API int malloc_info(int options, FILE *out) {
    struct mheap_stats stats;

    if (options != 0) {
        return EINVAL;
    }
    mheap_stats(NULL, &stats);
    (void)fprintf(out, "<malloc version=\"1\" allocator=\"mheap %s\">\n",
                  mheap_version());
    print_classes(out);
    (void)fprintf(out,
                  "<total type=\"rest\" count=\"%llu\" size=\"%llu\"/>\n"
                  "<total type=\"mmap\" count=\"%llu\" size=\"%llu\"/>\n"
                  "<system type=\"current\" size=\"%llu\"/>\n"
                  "<system type=\"max\" size=\"%llu\"/>\n"
                  "</malloc>\n",
                  (unsigned long long)free_slots(),
                  (unsigned long long)free_bytes(&stats),
                  (unsigned long long)stats.large_objects,
                  (unsigned long long)stats.large_bytes,
                  (unsigned long long)stats.ready_bytes,
                  (unsigned long long)stats.mapped_peak_bytes);
    return 0;
}

// The padding to keep is a hint to a heap that grows at one end. This one gives
// back whole pages anywhere, so there is nothing it could mean.
MHEAP_API int malloc_trim(size_t pad) {
    (void)pad;
    return mheap_release() > 0;
}

// glibc's parameters tune a heap of another build. They are taken and change
// nothing, because a program may treat refusal as an error.
MHEAP_API int mallopt(int parameter, int value) {
    (void)parameter;
    (void)value;
    return 1;
}

MHEAP_API struct mallinfo libc_mallinfo(void) __asm__("__libc_mallinfo")
    __attribute__((alias("mallinfo")));
MHEAP_API int libc_mallopt(int parameter, int value) __asm__("__libc_mallopt")
    __attribute__((alias("mallopt")));
