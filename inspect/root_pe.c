// root_pe.c - the root of a program or library of Windows, by its section.
//
// Offsets as Microsoft's "PE Format" gives them; they are the same for either
// word size, and everything is little-endian.

#include <string.h>

#include "inspect/decode.h"
#include "inspect/root_search.h"

enum {
    STUB_BYTES = 64,    // of the header for DOS, which ends with
    HEADER_AT = 0x3c,   // where the other one is
    HEADER_BYTES = 24,  // signature and file header
    NSECTIONS_AT = 6,   // in it
    OPTIONAL_AT = 20,   // the size of the part behind it
    SECTION_BYTES = 40, // of each entry of the table behind that
    ADDRESS_AT = 12,    // from the start of the image
    NOTE_BYTES = 16,
    VERSION = 1,
};

static uint64_t number(const unsigned char *at, size_t width) {
    return mh_decode(at, width, false);
}

// The section holds the name, a version and where the record is.
static void search_section(struct mh_root_search *search,
                           const unsigned char *section) {
    static const unsigned char name[8] = ".mheap";
    uint64_t address = search->start + number(section + ADDRESS_AT, 4);
    unsigned char note[NOTE_BYTES];

    if (memcmp(section, name, sizeof(name)) == 0 &&
        mh_source_read(search->source, address, note, sizeof(note)) &&
        memcmp(note, MHEAP_INSPECT_NOTE_NAME,
               sizeof(MHEAP_INSPECT_NOTE_NAME)) == 0 &&
        number(note + 8, 4) == VERSION) {
        mh_root_found(search, search->start + number(note + 12, 4), true);
    }
}

bool mh_root_search_pe(struct mh_root_search *search) {
    const unsigned char *image = search->image;

    if (search->size < STUB_BYTES || memcmp(image, "MZ", 2) != 0) {
        return false;
    }
    uint64_t header = number(image + HEADER_AT, 4);
    if (search->size < HEADER_BYTES || header > search->size - HEADER_BYTES ||
        memcmp(image + header, "PE\0", 4) != 0) {
        return false;
    }
    uint64_t nsections = number(image + header + NSECTIONS_AT, 2);
    uint64_t table =
        header + HEADER_BYTES + number(image + header + OPTIONAL_AT, 2);
    for (uint64_t i = 0; i < nsections; i++) {
        uint64_t at = table + i * SECTION_BYTES;
        if (at + SECTION_BYTES > search->size) {
            break;
        }
        search_section(search, image + at);
    }
    return true;
}
