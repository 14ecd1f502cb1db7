// source.c - reading a target with care.

#include "inspect/source.h"

#include <stdlib.h>
#include <string.h>

enum { NO_MAP = -1, MAX_RELISTS = 64 };

enum mh_target_status mh_source_open(struct mh_source *source,
                                     struct mh_target *target) {
    memset(source, 0, sizeof(*source));
    source->target = target;
    source->page_size = mh_target_page_size(target);
    source->file_map = (size_t)NO_MAP;
    return mh_target_maps(target, &source->maps, &source->nmaps);
}

void mh_source_close(struct mh_source *source) {
    if (source->file != NULL) {
        (void)fclose(source->file);
    }
    free(source->maps);
    free(source->pages);
    memset(source, 0, sizeof(*source));
}

// The first mapping that ends behind address.
static size_t map_index(const struct mh_source *source, uint64_t address) {
    size_t low = 0, high = source->nmaps;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (source->maps[middle].end > address) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return low;
}

const struct mh_target_map *mh_source_map_of(const struct mh_source *source,
                                             uint64_t address) {
    size_t i = map_index(source, address);

    return i < source->nmaps && source->maps[i].start <= address
               ? &source->maps[i]
               : NULL;
}

static bool map_is(const struct mh_target_map *map, unsigned flags) {
    return ((flags & MH_MAPPED_READABLE) == 0 || map->readable) &&
           ((flags & MH_MAPPED_WRITABLE) == 0 || map->writable) &&
           ((flags & MH_MAPPED_PRIVATE) == 0 || !map->shared);
}

static bool is_mapped(const struct mh_source *source, uint64_t address,
                      uint64_t end, unsigned flags) {
    for (size_t i = map_index(source, address); address < end; i++) {
        if (i >= source->nmaps || source->maps[i].start > address ||
            !map_is(&source->maps[i], flags)) {
            return false;
        }
        address = source->maps[i].end;
    }
    return true;
}

void mh_source_relist(struct mh_source *source) {
    source->relists = MAX_RELISTS;
}

static bool list_again(struct mh_source *source) {
    struct mh_target_map *maps;
    size_t nmaps;

    if (source->relists == 0 ||
        mh_target_maps(source->target, &maps, &nmaps) != MH_TARGET_OK) {
        return false;
    }
    source->relists--;
    free(source->maps);
    source->maps = maps;
    source->nmaps = nmaps;
    if (source->file != NULL) {
        (void)fclose(source->file);
        source->file = NULL;
    }
    source->file_map = (size_t)NO_MAP;
    return true;
}

bool mh_source_mapped(struct mh_source *source, uint64_t address, uint64_t size,
                      unsigned flags) {
    if (size == 0 || address > UINT64_MAX - size) {
        return false;
    }
    return is_mapped(source, address, address + size, flags) ||
           (list_again(source) &&
            is_mapped(source, address, address + size, flags));
}

const enum mh_target_page *mh_source_pages(struct mh_source *source,
                                           uint64_t address, size_t npages) {
    if (source->no_pages) {
        return NULL;
    }
    if (npages > source->npages_room) {
        enum mh_target_page *larger =
            realloc(source->pages, npages * sizeof(*larger));
        if (larger == NULL) {
            source->failure = MH_TARGET_NO_MEMORY;
            return NULL;
        }
        source->pages = larger;
        source->npages_room = npages;
    }
    address -= address % source->page_size;
    enum mh_target_status status =
        mh_target_pages(source->target, address, npages, source->pages);
    if (status == MH_TARGET_OK) {
        return source->pages;
    }
    source->no_pages = true;
    return NULL;
}

static bool read_backed(struct mh_source *source, uint64_t address,
                        void *buffer, size_t size) {
    enum mh_target_status status =
        mh_target_read(source->target, address, buffer, size);

    source->reads++;
    source->read_bytes += size;
    if (status != MH_TARGET_OK && status != MH_TARGET_UNREADABLE &&
        source->failure == MH_TARGET_OK) {
        source->failure = status;
    }
    return status == MH_TARGET_OK;
}

// A page of a file that the target has not touched yet still reads as the file.
// Reading the file itself leaves the target alone.
static bool read_file(struct mh_source *source, size_t map_number,
                      uint64_t address, void *buffer, size_t size) {
    const struct mh_target_map *map = &source->maps[map_number];

    if (source->file_map != map_number) {
        if (source->file != NULL) {
            (void)fclose(source->file);
        }
        int fd = mh_target_file(source->target, map);
        source->file = fd < 0 ? NULL : fdopen(fd, "rb");
        source->file_map = map_number;
    }
    uint64_t offset = map->offset + (address - map->start);
    if (source->file == NULL || offset > INT64_MAX / 2 ||
        fseek(source->file, (long)offset, SEEK_SET) != 0) {
        return false;
    }
    // The last page of a file is filled up with zeros.
    size_t n = fread(buffer, 1, size, source->file);
    memset((char *)buffer + n, 0, size - n);
    return ferror(source->file) == 0;
}

static bool read_absent(struct mh_source *source, uint64_t address,
                        char *buffer, size_t size) {
    while (size > 0) {
        size_t i = map_index(source, address);
        if (i >= source->nmaps) {
            return false;
        }
        const struct mh_target_map *map = &source->maps[i];
        uint64_t left = map->end - address;
        size_t n = left < size ? (size_t)left : size;
        if (map->inode == 0) {
            memset(buffer, 0, n);
        } else if (!read_file(source, i, address, buffer, n) &&
                   !read_backed(source, address, buffer, n)) {
            return false;
        }
        address += n;
        buffer += n;
        size -= n;
    }
    return true;
}

bool mh_source_read(struct mh_source *source, uint64_t address, void *buffer,
                    size_t size) {
    uint64_t page = source->page_size;
    char *out = buffer;

    if (!mh_source_mapped(source, address, size, MH_MAPPED_READABLE)) {
        return false;
    }
    uint64_t first = address / page;
    size_t npages = (size_t)((address + size - 1) / page - first + 1);
    const enum mh_target_page *pages = mh_source_pages(source, address, npages);
    if (pages == NULL) {
        return source->failure == MH_TARGET_OK &&
               read_backed(source, address, buffer, size);
    }
    uint64_t end = address + size;
    for (size_t i = 0; i < npages;) {
        size_t run = i + 1;
        bool absent = pages[i] == MH_TARGET_PAGE_ABSENT;
        while (run < npages &&
               (pages[run] == MH_TARGET_PAGE_ABSENT) == absent) {
            run++;
        }
        uint64_t from = i == 0 ? address : (first + i) * page;
        uint64_t to = run == npages ? end : (first + run) * page;
        char *at = out + (from - address);
        if (!(absent ? read_absent(source, from, at, (size_t)(to - from))
                     : read_backed(source, from, at, (size_t)(to - from)))) {
            return false;
        }
        i = run;
    }
    return true;
}
