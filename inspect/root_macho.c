// root_macho.c - the root of a program or library of Darwin, by its section.
//
// Offsets are those of the structures in mach-o/loader.h for 64 bits. Darwin
// has no others any more, and all that it runs on is little-endian.

#include <string.h>

#include "inspect/decode.h"
#include "inspect/root_search.h"

enum {
    HEADER_BYTES = 32,
    NCOMMANDS_AT = 16,
    COMMAND_BYTES = 8, // of each command's beginning: what and how large
    SEGMENT = 0x19,    // a command
    SEGMENT_BYTES = 72,
    SEGMENT_NAME_AT = 8,
    SEGMENT_ADDRESS_AT = 24,
    NSECTIONS_AT = 64,
    SECTION_BYTES = 80, // of each entry behind the segment
    SECTION_ADDRESS_AT = 32,
    NOTE_BYTES = 24,
    ROOT_AT = 16,
    VERSION = 1,
};

static uint64_t number(const unsigned char *at, size_t width) {
    return mh_decode(at, width, false);
}

static bool is_named(const unsigned char *at, const char *name) {
    char text[17] = "";

    memcpy(text, at, 16);
    return strcmp(text, name) == 0;
}

// Addresses in the file are those the linker thought of. The first bytes of the
// file lie in the segment __TEXT, so the difference to where they are now is
// that of all.
static uint64_t distance(const struct mh_root_search *search,
                         uint64_t text_address) {
    return search->start - text_address;
}

// The section holds the name, a version and, once dyld has put the image in its
// place, the address of the record.
static void search_section(struct mh_root_search *search,
                           const unsigned char *section, uint64_t moved) {
    uint64_t address = number(section + SECTION_ADDRESS_AT, 8) + moved;
    unsigned char note[NOTE_BYTES];

    if (is_named(section, "__mheap") &&
        mh_source_read(search->source, address, note, sizeof(note)) &&
        memcmp(note, MHEAP_INSPECT_NOTE_NAME,
               sizeof(MHEAP_INSPECT_NOTE_NAME)) == 0 &&
        number(note + 8, 4) == VERSION) {
        mh_root_found(search, number(note + ROOT_AT, 8), true);
    }
}

static void search_segment(struct mh_root_search *search,
                           const unsigned char *command, size_t size,
                           uint64_t *text_address) {
    uint64_t nsections = number(command + NSECTIONS_AT, 4);

    if (is_named(command + SEGMENT_NAME_AT, "__TEXT")) {
        *text_address = number(command + SEGMENT_ADDRESS_AT, 8);
    }
    for (uint64_t i = 0; i < nsections; i++) {
        uint64_t at = SEGMENT_BYTES + i * SECTION_BYTES;
        if (at + SECTION_BYTES > size) {
            break;
        }
        search_section(search, command + at, distance(search, *text_address));
    }
}

bool mh_root_search_macho(struct mh_root_search *search) {
    static const unsigned char magic[4] = {0xcf, 0xfa, 0xed, 0xfe};
    const unsigned char *image = search->image;
    uint64_t text_address = 0;

    if (search->size < HEADER_BYTES || memcmp(image, magic, 4) != 0) {
        return false;
    }
    uint64_t ncommands = number(image + NCOMMANDS_AT, 4);
    size_t at = HEADER_BYTES;
    for (uint64_t i = 0; i < ncommands; i++) {
        size_t room = search->size - at;
        uint64_t size = room < COMMAND_BYTES ? 0 : number(image + at + 4, 4);
        if (size < COMMAND_BYTES || size > room) {
            break;
        }
        if (number(image + at, 4) == SEGMENT && size >= SEGMENT_BYTES) {
            search_segment(search, image + at, (size_t)size, &text_address);
        }
        at += (size_t)size;
    }
    return true;
}
