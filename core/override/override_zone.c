// override_zone.c - a zone of the system's malloc that knows our objects.
//
// Who calls the system's free all the same, or asks which zone an object is in,
// is answered by asking every zone for the object's size. The zone is
// registered, and not made the default: the system has no call for that.

#include <malloc/malloc.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "core/api/fast.h"
#include "core/override/override_own.h"
#include "core/sys/sys.h"
#include "mheap/mheap.h"

static size_t zone_size(malloc_zone_t *zone, const void *p) {
    (void)zone;
    return mh_override_owns(p) ? mheap_usable_size(p) : 0;
}

static void *zone_malloc(malloc_zone_t *zone, size_t size) {
    (void)zone;
    return mh_fast_malloc(size);
}

static void *zone_calloc(malloc_zone_t *zone, size_t n, size_t size) {
    (void)zone;
    return mheap_calloc(n, size);
}

static void *zone_valloc(malloc_zone_t *zone, size_t size) {
    (void)zone;
    return mheap_aligned_alloc(mh_sys_facts()->page_size, size);
}

static void *zone_memalign(malloc_zone_t *zone, size_t align, size_t size) {
    (void)zone;
    return mheap_aligned_alloc(align, size);
}

static void zone_free(malloc_zone_t *zone, void *p) {
    (void)zone;
    mh_fast_free(p, "free");
}

static void zone_free_sized(malloc_zone_t *zone, void *p, size_t size) {
    (void)size;
    zone_free(zone, p);
}

static void *zone_realloc(malloc_zone_t *zone, void *p, size_t size) {
    (void)zone;
    return mheap_realloc(p, size);
}

static size_t zone_relief(malloc_zone_t *zone, size_t goal) {
    (void)zone;
    (void)goal;
    return mheap_release();
}

// Nobody's: the objects are the whole process's.
static void zone_destroy(malloc_zone_t *zone) {
    (void)zone;
}

// What the system's tools ask. They find no objects here: heapctl does.
static kern_return_t zone_enumerate(task_t task, void *context, unsigned types,
                                    vm_address_t zone, memory_reader_t reader,
                                    vm_range_recorder_t recorder) {
    (void)task;
    (void)context;
    (void)types;
    (void)zone;
    (void)reader;
    (void)recorder;
    return KERN_SUCCESS;
}

static size_t zone_good_size(malloc_zone_t *zone, size_t size) {
    (void)zone;
    return mheap_good_size(size);
}

static boolean_t zone_check(malloc_zone_t *zone) {
    (void)zone;
    return 1;
}

static void zone_print(malloc_zone_t *zone, boolean_t verbose) {
    (void)zone;
    (void)verbose;
}

static void zone_log(malloc_zone_t *zone, void *address) {
    (void)zone;
    (void)address;
}

// Around a fork. The heap has handlers of its own, which take its locks.
static void zone_lock(malloc_zone_t *zone) {
    (void)zone;
}

static boolean_t zone_locked(malloc_zone_t *zone) {
    (void)zone;
    return 0;
}

static void zone_statistics(malloc_zone_t *zone, malloc_statistics_t *out) {
    struct mheap_stats stats;

    (void)zone;
    mheap_stats(NULL, &stats);
    memset(out, 0, sizeof(*out));
    out->blocks_in_use = (unsigned)stats.in_use_objects;
    out->size_in_use = stats.in_use_bytes;
    out->size_allocated = stats.in_use_bytes + stats.span_free_bytes +
                          stats.cached_bytes + stats.free_page_bytes;
}

static malloc_introspection_t introspection = {
    .enumerator = zone_enumerate,
    .good_size = zone_good_size,
    .check = zone_check,
    .print = zone_print,
    .log = zone_log,
    .force_lock = zone_lock,
    .force_unlock = zone_lock,
    .reinit_lock = zone_lock,
    .statistics = zone_statistics,
    .zone_locked = zone_locked,
};

static malloc_zone_t zone = {
    .size = zone_size,
    .malloc = zone_malloc,
    .calloc = zone_calloc,
    .valloc = zone_valloc,
    .memalign = zone_memalign,
    .free = zone_free,
    .free_definite_size = zone_free_sized,
    .realloc = zone_realloc,
    .pressure_relief = zone_relief,
    .destroy = zone_destroy,
    .zone_name = "mheap",
    .introspect = &introspection,
    .version = 9, // reinit_lock is the last that is there
};

__attribute__((constructor)) static void register_zone(void) {
    malloc_zone_register(&zone);
}
