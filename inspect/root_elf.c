// root_elf.c - the root of a program or library in ELF, by its note.
//
// The few fields that are needed are read here, by the offsets that the ELF
// specification (System V gABI, chapters 4 and 5) gives for either word size.

#include <stdlib.h>
#include <string.h>

#include "inspect/decode.h"
#include "inspect/root_search.h"

enum {
    NOTE_BYTES = 65536,   // of one segment of notes
    DESCRIPTOR_BYTES = 8, // one signed number
    IDENT_BYTES = 16,
    CLASS_AT = 4, // in the first bytes: 1 or 2, for 32 or 64 bits
    ORDER_AT = 5, // 1: little-endian, 2: big-endian
    LOAD = 1,     // types of segments
    NOTE = 4,
};

// Where a field lies, and how wide it is; by word size.
struct place {
    unsigned char at, width;
};

struct format {
    size_t header_bytes, segment_bytes;                // the least they can be
    struct place table, segment_size, nsegments;       // of the header
    struct place type, offset, address, bytes_in_file; // of a segment
};

static const struct format formats[2] = {
    {52, 32, {28, 4}, {42, 2}, {44, 2}, {0, 4}, {4, 4}, {8, 4}, {16, 4}},
    {64, 56, {32, 8}, {54, 2}, {56, 2}, {0, 4}, {8, 8}, {16, 8}, {32, 8}},
};

struct elf {
    struct mh_root_search *search;
    const struct format *format;
    bool big_endian;
    const unsigned char *segments;
    size_t segment_bytes, nsegments;
    uint64_t bias; // from addresses in the file to those in the target
};

static uint64_t field(const struct elf *elf, const unsigned char *record,
                      struct place place) {
    return mh_decode(record + place.at, place.width, elf->big_endian);
}

static const unsigned char *segment(const struct elf *elf, size_t i) {
    return elf->segments + i * elf->segment_bytes;
}

static bool read_header(struct elf *elf) {
    const unsigned char *image = elf->search->image;
    size_t size = elf->search->size;

    if (image[CLASS_AT] < 1 || image[CLASS_AT] > 2 || image[ORDER_AT] < 1 ||
        image[ORDER_AT] > 2) {
        return false;
    }
    elf->format = &formats[image[CLASS_AT] - 1];
    elf->big_endian = image[ORDER_AT] == 2;
    if (size < elf->format->header_bytes) {
        return false;
    }
    uint64_t table = field(elf, image, elf->format->table);
    elf->segment_bytes = (size_t)field(elf, image, elf->format->segment_size);
    elf->nsegments = (size_t)field(elf, image, elf->format->nsegments);
    if (elf->segment_bytes < elf->format->segment_bytes || table > size ||
        elf->nsegments * elf->segment_bytes > size - table) {
        return false;
    }
    elf->segments = image + table;
    return true;
}

// The segment that holds the start of the file says where the linker wanted it.
static bool find_bias(struct elf *elf) {
    uint64_t page = elf->search->source->page_size;

    for (size_t i = 0; i < elf->nsegments; i++) {
        const unsigned char *at = segment(elf, i);
        uint64_t offset = field(elf, at, elf->format->offset);
        if (field(elf, at, elf->format->type) == LOAD && offset < page) {
            uint64_t wanted = field(elf, at, elf->format->address) - offset;
            elf->bias = elf->search->start - wanted / page * page;
            return true;
        }
    }
    return false;
}

static bool is_ours(const struct elf *elf, const unsigned char *note) {
    uint64_t name_size = mh_decode(note, 4, elf->big_endian);
    uint64_t desc_size = mh_decode(note + 4, 4, elf->big_endian);
    uint64_t type = mh_decode(note + 8, 4, elf->big_endian);

    return type == MHEAP_INSPECT_NOTE_TYPE &&
           name_size == sizeof(MHEAP_INSPECT_NOTE_NAME) &&
           desc_size == DESCRIPTOR_BYTES &&
           memcmp(note + 12, MHEAP_INSPECT_NOTE_NAME,
                  sizeof(MHEAP_INSPECT_NOTE_NAME)) == 0;
}

// A note is: length of the name, length of the descriptor, type, then name and
// descriptor, each filled up to 4 bytes.
static bool search_notes(const struct elf *elf, const unsigned char *bytes,
                         size_t size, uint64_t address) {
    bool any = false;
    size_t at = 0;

    while (size - at >= 12) {
        uint64_t name_size = mh_decode(bytes + at, 4, elf->big_endian);
        uint64_t desc_size = mh_decode(bytes + at + 4, 4, elf->big_endian);
        uint64_t desc = at + 12 + (name_size + 3) / 4 * 4;
        uint64_t next = desc + (desc_size + 3) / 4 * 4;
        if (next > size) {
            break;
        }
        if (is_ours(elf, bytes + at)) {
            int64_t distance = mh_decode_signed(bytes + desc, DESCRIPTOR_BYTES,
                                                elf->big_endian);
            mh_root_found(elf->search, address + desc + (uint64_t)distance,
                          true);
            any = true;
        }
        at = (size_t)next;
    }
    return any;
}

static bool search_segment(const struct elf *elf, const unsigned char *record) {
    uint64_t size = field(elf, record, elf->format->bytes_in_file);
    bool any = false;

    if (field(elf, record, elf->format->type) != NOTE || size < 12 ||
        size > NOTE_BYTES) {
        return false;
    }
    uint64_t address = elf->bias + field(elf, record, elf->format->address);
    unsigned char *bytes = malloc((size_t)size);
    if (bytes != NULL &&
        mh_source_read(elf->search->source, address, bytes, (size_t)size)) {
        any = search_notes(elf, bytes, (size_t)size, address);
    }
    free(bytes);
    return any;
}

bool mh_root_search_elf(struct mh_root_search *search) {
    static const unsigned char magic[4] = {0x7f, 'E', 'L', 'F'};
    struct elf elf = {.search = search};
    bool any = false;

    if (search->size < IDENT_BYTES ||
        memcmp(search->image, magic, sizeof(magic)) != 0) {
        return false;
    }
    if (read_header(&elf) && find_bias(&elf)) {
        for (size_t i = 0; i < elf.nsegments; i++) {
            any = search_segment(&elf, segment(&elf, i)) || any;
        }
        if (!any) {
            mh_root_search_symbols(search, elf.bias);
        }
    }
    return true;
}
