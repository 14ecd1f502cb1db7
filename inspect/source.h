// source.h - reading a target with care.
//
// Between the target and the decoder: knows the mappings, so that an address
// can be judged before it is followed; reads only pages that exist, so that the
// target does not grow by being looked at; counts what it did.

#ifndef MHEAP_INSPECT_SOURCE_H
#define MHEAP_INSPECT_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "platform/target.h"

struct mh_source {
    struct mh_target *target;
    struct mh_target_map *maps; // by address
    size_t nmaps;
    size_t page_size;
    bool no_pages; // the page tables cannot be read: everything is taken to
                   // exist
    enum mh_target_page *pages; // scratch
    size_t npages_room;
    FILE *file; // of map file_map, or NULL
    size_t file_map;
    unsigned relists; // how often the mappings may still be listed again
    uint64_t reads, read_bytes;
    enum mh_target_status failure; // the first one that was not an address
};

// What a mapping must be for mh_source_mapped.
enum {
    MH_MAPPED_ANY = 0,
    MH_MAPPED_READABLE = 1,
    MH_MAPPED_WRITABLE = 2,
    MH_MAPPED_PRIVATE = 4,
};

// mh_source_open lists the mappings. On failure nothing is left to close.
enum mh_target_status mh_source_open(struct mh_source *source,
                                     struct mh_target *target);
void mh_source_close(struct mh_source *source);

// mh_source_relist allows the mappings to be listed again, a few times, when an
// address lies in none of them: a target that grows while it is read has newer
// ones. Off at first, for as long as somebody counts mappings by number.
void mh_source_relist(struct mh_source *source);

// mh_source_mapped: every byte of [address, address + size) lies in a mapping
// that is all of flags. False for an empty or wrapping range.
bool mh_source_mapped(struct mh_source *source, uint64_t address, uint64_t size,
                      unsigned flags);

// mh_source_map_of is the mapping that holds address, NULL if none.
const struct mh_target_map *mh_source_map_of(const struct mh_source *source,
                                             uint64_t address);

// mh_source_read copies a range that must be readable. Pages that nothing backs
// are not read: they are zero, or what their file holds. False when the range
// is not mapped, or the target is gone (`failure` says).
bool mh_source_read(struct mh_source *source, uint64_t address, void *buffer,
                    size_t size);

// mh_source_pages is mh_target_pages into scratch memory of the source, NULL on
// failure; the next call overwrites it. address is rounded down to a page.
const enum mh_target_page *mh_source_pages(struct mh_source *source,
                                           uint64_t address, size_t npages);

#endif // MHEAP_INSPECT_SOURCE_H
