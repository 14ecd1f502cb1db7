// root_find.c - looking for roots in the files a target has mapped.
//
// The headers of a program or library lie at its start, and its start is
// mapped. They are read through the source, which goes to the file for pages
// that the target has not touched.

#include <stdlib.h>

#include "inspect/root_search.h"

enum {
    HEADER_BYTES = 16384, // what formats get to see of a file
    NEAR_MAPS = 8,        // the mappings of a file stand together
};

void mh_root_found(struct mh_root_search *search, uint64_t address,
                   bool by_note) {
    for (size_t i = 0; i < search->nplaces; i++) {
        if (search->places[i].address == address) {
            return;
        }
    }
    if (search->nplaces < search->max) {
        search->places[search->nplaces++] = (struct mh_root_place){
            .address = address, .map = search->map, .by_note = by_note};
    }
}

static bool is_program(const struct mh_source *source, size_t i) {
    const struct mh_target_map *maps = source->maps;

    if (maps[i].inode == 0 || maps[i].offset != 0 || !maps[i].readable) {
        return false;
    }
    for (size_t j = i; j < source->nmaps && j < i + NEAR_MAPS; j++) {
        if (maps[j].inode == maps[i].inode &&
            maps[j].device == maps[i].device && maps[j].executable) {
            return true;
        }
    }
    return false;
}

size_t mh_root_places(struct mh_source *source, struct mh_root_place *places,
                      size_t max) {
    unsigned char *image = malloc(HEADER_BYTES);
    struct mh_root_search s = {
        .source = source, .places = places, .max = max, .image = image};

    for (s.map = 0; image != NULL && s.map < source->nmaps; s.map++) {
        const struct mh_target_map *map = &source->maps[s.map];
        uint64_t length = map->end - map->start;
        s.start = map->start;
        s.size = length < HEADER_BYTES ? (size_t)length : HEADER_BYTES;
        if (is_program(source, s.map) &&
            mh_source_read(source, map->start, image, s.size)) {
            (void)(mh_root_search_elf(&s) || mh_root_search_pe(&s) ||
                   mh_root_search_macho(&s));
        }
    }
    free(image);
    return s.nplaces;
}
