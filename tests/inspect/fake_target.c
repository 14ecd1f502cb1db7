// fake_target.c - a process made of byte buffers, behind platform/target.h.

#include "tests/inspect/fake_target.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct fake_map *fake_target_map(struct mh_target *target, uint64_t start,
                                 size_t size) {
    struct fake_map *map = &target->maps[target->nmaps];

    if (target->nmaps == FAKE_MAX_MAPS || size % FAKE_PAGE != 0) {
        abort();
    }
    memset(map, 0, sizeof(*map));
    map->map.start = start;
    map->map.end = start + size;
    map->map.readable = map->map.writable = true;
    map->bytes = calloc(1, size);
    map->pages = calloc(size / FAKE_PAGE, sizeof(*map->pages));
    if (map->bytes == NULL || map->pages == NULL) {
        abort();
    }
    target->nmaps++;
    fake_target_set_pages(target, start, size, MH_TARGET_PAGE_RESIDENT);
    return map;
}

static struct fake_map *map_of(struct mh_target *target, uint64_t address) {
    for (size_t i = 0; i < target->nmaps; i++) {
        if (address - target->maps[i].map.start <
            target->maps[i].map.end - target->maps[i].map.start) {
            return &target->maps[i];
        }
    }
    return NULL;
}

unsigned char *fake_target_at(struct mh_target *target, uint64_t address) {
    struct fake_map *map = map_of(target, address);

    return map == NULL ? NULL : map->bytes + (address - map->map.start);
}

static enum mh_target_page *page_at(struct mh_target *target,
                                    uint64_t address) {
    struct fake_map *map = map_of(target, address);

    return map == NULL ? NULL
                       : &map->pages[(address - map->map.start) / FAKE_PAGE];
}

void fake_target_set_pages(struct mh_target *target, uint64_t address,
                           size_t size, enum mh_target_page state) {
    for (uint64_t at = address; at < address + size; at += FAKE_PAGE) {
        *page_at(target, at) = state;
    }
}

void fake_target_clear(struct mh_target *target) {
    for (size_t i = 0; i < target->nmaps; i++) {
        free(target->maps[i].bytes);
        free(target->maps[i].pages);
    }
    memset(target, 0, sizeof(*target));
}

// ---- the seam ---------------------------------------------------------------

enum mh_target_status mh_target_read(struct mh_target *target, uint64_t address,
                                     void *buffer, size_t size) {
    char *out = buffer;

    target->calls++;
    if (target->fail_call != 0 &&
        (target->fail_once ? target->calls == target->fail_call
                           : target->calls >= target->fail_call)) {
        return target->fail_status;
    }
    for (size_t i = 0; i < size; i++) {
        unsigned char *at = fake_target_at(target, address + i);
        if (at == NULL) {
            return MH_TARGET_UNREADABLE;
        }
        if (*page_at(target, address + i) == MH_TARGET_PAGE_ABSENT) {
            target->touched_absent = true;
        }
        out[i] = (char)*at;
    }
    target->reads++;
    if (target->after_read != NULL) {
        target->after_read(target, address, size);
    }
    return MH_TARGET_OK;
}

enum mh_target_status mh_target_maps(struct mh_target *target,
                                     struct mh_target_map **maps_out,
                                     size_t *nmaps_out) {
    struct mh_target_map *maps = calloc(target->nmaps + 1, sizeof(*maps));

    if (maps == NULL || target->no_maps) {
        free(maps);
        return MH_TARGET_NO_MEMORY;
    }
    for (size_t i = 0; i < target->nmaps; i++) {
        maps[i] = target->maps[i].map;
    }
    target->lists++;
    *maps_out = maps;
    *nmaps_out = target->nmaps;
    return MH_TARGET_OK;
}

enum mh_target_status mh_target_pages(struct mh_target *target,
                                      uint64_t address, size_t npages,
                                      enum mh_target_page *pages_out) {
    if (target->no_pages) {
        return MH_TARGET_DENIED;
    }
    for (size_t i = 0; i < npages; i++) {
        enum mh_target_page *page = page_at(target, address + i * FAKE_PAGE);
        pages_out[i] = page == NULL ? MH_TARGET_PAGE_ABSENT : *page;
    }
    return MH_TARGET_OK;
}

bool mh_target_alive(struct mh_target *target) {
    return !target->dead;
}

size_t mh_target_page_size(const struct mh_target *target) {
    (void)target;
    return FAKE_PAGE;
}

enum mh_target_status mh_target_resident(struct mh_target *target,
                                         uint64_t *bytes_out) {
    *bytes_out = target->resident;
    return MH_TARGET_OK;
}

int mh_target_file(struct mh_target *target, const struct mh_target_map *map) {
    (void)map;
    return target->file == 0 ? -1 : dup(target->file);
}

// A nanosecond passes with each look.
uint64_t mh_target_now_ns(void) {
    static uint64_t now;

    return ++now;
}
