// model_zones.c - the system's malloc: the host's, and zones beside it.
//
// <malloc/malloc.h>: whose an object is, each zone is asked by its size, which
// is 0 where it is not the zone's.

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "tests/darwin/model.h"

// The beginning of malloc_zone_t.
struct zone {
    void *reserved[2];
    size_t (*size)(struct zone *zone, const void *p);
    void *(*malloc)(struct zone *zone, size_t size);
    void *(*calloc)(struct zone *zone, size_t n, size_t size);
    void *(*valloc)(struct zone *zone, size_t size);
    void (*free)(struct zone *zone, void *p);
    void *(*realloc)(struct zone *zone, void *p, size_t size);
    void (*destroy)(struct zone *zone);
    const char *name;
};

enum { MOST = 8 };
static struct zone *zones[MOST];
static unsigned nzones;

static void d_zone_register(struct zone *zone) {
    if (nzones == MOST || zone->size == NULL || zone->free == NULL) {
        broken("a zone that cannot be registered", zone->name);
    }
    zones[nzones++] = zone;
}

static struct zone *zone_of(const void *p) {
    for (unsigned i = 0; p != NULL && i < nzones; i++) {
        if (zones[i]->size(zones[i], p) != 0) {
            return zones[i];
        }
    }
    return NULL;
}

static size_t d_size(const void *p) {
    struct zone *zone = zone_of(p);

    return zone != NULL ? zone->size(zone, p) : malloc_usable_size((void *)p);
}

static void d_free(void *p) {
    struct zone *zone = zone_of(p);

    if (zone != NULL) {
        zone->free(zone, p);
    } else {
        free(p);
    }
}

static void *d_realloc(void *p, size_t size) {
    struct zone *zone = zone_of(p);

    return zone != NULL ? zone->realloc(zone, p, size) : realloc(p, size);
}

static void *d_reallocf(void *p, size_t size) {
    void *resized = d_realloc(p, size);

    if (resized == NULL) {
        d_free(p);
    }
    return resized;
}

static void d_zone_free(struct zone *zone, void *p) {
    zone->free(zone, p);
}

static const char *d_zone_name(const struct zone *zone) {
    return zone->name;
}

static size_t d_good_size(size_t size) {
    return (size + 15) & ~(size_t)15;
}

const struct symbol zone_symbols[] = {
    {"malloc_zone_register", (void *)d_zone_register},
    {"malloc_zone_from_ptr", (void *)zone_of},
    {"malloc_zone_free", (void *)d_zone_free},
    {"malloc_get_zone_name", (void *)d_zone_name},
    {"malloc_size", (void *)d_size},
    {"malloc_good_size", (void *)d_good_size},
    {"malloc", (void *)malloc},
    {"calloc", (void *)calloc},
    {"free", (void *)d_free},
    {"realloc", (void *)d_realloc},
    {"reallocf", (void *)d_reallocf},
    {"valloc", (void *)valloc},
    {"posix_memalign", (void *)posix_memalign},
    {"aligned_alloc", (void *)aligned_alloc},
    {NULL, NULL},
};
