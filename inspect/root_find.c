// root_find.c - looking for roots in the files a target has mapped.
//
// The headers of a program or library lie at its start, and its start is
// mapped; so do its notes. They are read through the source, which goes to the
// file for pages that the target has not touched.

#include <gelf.h>
#include <libelf.h>
#include <stdlib.h>
#include <string.h>

#include "inspect/decode.h"
#include "inspect/root_read.h"

enum {
    HEADER_BYTES = 16384,    // ELF header and program headers
    NOTE_BYTES = 65536,      // of one segment of notes
    DESCRIPTOR_BYTES = 8,    // one signed number
    NEAR_MAPS = 8,           // the mappings of a file stand together
    SYMBOL_BYTES = 64 << 20, // of a table of dynamic symbols
};

struct search {
    struct mh_source *source;
    struct mh_root_place *places;
    size_t nplaces, max;
    size_t map;    // the mapping of the file's start
    uint64_t bias; // from addresses in the file to those in the target
    Elf *elf;
    bool big_endian;
};

static void found(struct search *s, uint64_t address, bool by_note) {
    for (size_t i = 0; i < s->nplaces; i++) {
        if (s->places[i].address == address) {
            return;
        }
    }
    if (s->nplaces < s->max) {
        s->places[s->nplaces++] = (struct mh_root_place){
            .address = address, .map = s->map, .by_note = by_note};
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

// The segment that holds the start of the file says where the linker wanted it.
static bool find_bias(struct search *s, size_t nheaders) {
    uint64_t page = s->source->page_size;

    for (size_t i = 0; i < nheaders; i++) {
        GElf_Phdr header;
        if (gelf_getphdr(s->elf, (int)i, &header) != NULL &&
            header.p_type == PT_LOAD && header.p_offset < page) {
            uint64_t wanted = header.p_vaddr - header.p_offset;
            s->bias = s->source->maps[s->map].start - wanted / page * page;
            return true;
        }
    }
    return false;
}

// A note is: length of the name, length of the descriptor, type, then name and
// descriptor, each filled up to 4 bytes.
static bool search_notes(struct search *s, const unsigned char *bytes,
                         size_t size, uint64_t address) {
    static const char name[8] = MHEAP_INSPECT_NOTE_NAME;
    bool any = false;
    size_t at = 0;

    while (size - at >= 12) {
        uint64_t name_size = mh_decode(bytes + at, 4, s->big_endian);
        uint64_t desc_size = mh_decode(bytes + at + 4, 4, s->big_endian);
        uint64_t type = mh_decode(bytes + at + 8, 4, s->big_endian);
        uint64_t desc = at + 12 + (name_size + 3) / 4 * 4;
        uint64_t next = desc + (desc_size + 3) / 4 * 4;
        if (next > size) {
            break;
        }
        if (type == MHEAP_INSPECT_NOTE_TYPE &&
            name_size == sizeof(MHEAP_INSPECT_NOTE_NAME) &&
            memcmp(bytes + at + 12, name, sizeof(MHEAP_INSPECT_NOTE_NAME)) ==
                0 &&
            desc_size == DESCRIPTOR_BYTES) {
            int64_t distance =
                mh_decode_signed(bytes + desc, DESCRIPTOR_BYTES, s->big_endian);
            found(s, address + desc + (uint64_t)distance, true);
            any = true;
        }
        at = (size_t)next;
    }
    return any;
}

static bool search_segment(struct search *s, const GElf_Phdr *header) {
    bool any = false;

    if (header->p_type != PT_NOTE || header->p_filesz < 12 ||
        header->p_filesz > NOTE_BYTES) {
        return false;
    }
    size_t size = (size_t)header->p_filesz;
    uint64_t address = s->bias + header->p_vaddr;
    unsigned char *bytes = malloc(size);
    if (bytes != NULL && mh_source_read(s->source, address, bytes, size)) {
        any = search_notes(s, bytes, size, address);
    }
    free(bytes);
    return any;
}

static bool search_symbols(struct search *s, Elf *elf, Elf_Scn *section) {
    GElf_Shdr header;

    if (gelf_getshdr(section, &header) == NULL ||
        header.sh_type != SHT_DYNSYM || header.sh_size > SYMBOL_BYTES) {
        return false;
    }
    Elf_Data *data = elf_getdata(section, NULL);
    GElf_Sym symbol;
    for (int i = 0; data != NULL && gelf_getsym(data, i, &symbol) != NULL;
         i++) {
        const char *name = elf_strptr(elf, header.sh_link, symbol.st_name);
        if (symbol.st_shndx != SHN_UNDEF && name != NULL &&
            strcmp(name, "mheap_inspect_root") == 0) {
            found(s, s->bias + symbol.st_value, false);
            return true;
        }
    }
    return false;
}

static void search_file(struct search *s) {
    int fd = mh_target_file(s->source->target, &s->source->maps[s->map]);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "rb");

    if (file == NULL) {
        return;
    }
    Elf *elf = elf_begin(fd, ELF_C_READ, NULL);
    if (elf != NULL && elf_kind(elf) == ELF_K_ELF) {
        Elf_Scn *section = NULL;
        while ((section = elf_nextscn(elf, section)) != NULL &&
               !search_symbols(s, elf, section)) {
        }
    }
    (void)elf_end(elf);
    (void)fclose(file);
}

static void search_program(struct search *s, char *image, size_t size) {
    size_t nheaders = 0;
    bool any = false;

    s->elf = elf_memory(image, size);
    if (s->elf == NULL) {
        return;
    }
    s->big_endian = image[EI_DATA] == ELFDATA2MSB;
    if (elf_kind(s->elf) == ELF_K_ELF &&
        elf_getphdrnum(s->elf, &nheaders) == 0 && find_bias(s, nheaders)) {
        for (size_t i = 0; i < nheaders; i++) {
            GElf_Phdr header;
            if (gelf_getphdr(s->elf, (int)i, &header) != NULL) {
                any = search_segment(s, &header) || any;
            }
        }
        if (!any) {
            search_file(s);
        }
    }
    (void)elf_end(s->elf);
}

size_t mh_root_places(struct mh_source *source, struct mh_root_place *places,
                      size_t max) {
    struct search s = {.source = source, .places = places, .max = max};
    char *image = malloc(HEADER_BYTES);

    if (image == NULL || elf_version(EV_CURRENT) == EV_NONE) {
        free(image);
        return 0;
    }
    for (s.map = 0; s.map < source->nmaps; s.map++) {
        const struct mh_target_map *map = &source->maps[s.map];
        uint64_t length = map->end - map->start;
        size_t size = length < HEADER_BYTES ? (size_t)length : HEADER_BYTES;
        if (is_program(source, s.map) &&
            mh_source_read(source, map->start, image, size) &&
            memcmp(image, ELFMAG, SELFMAG) == 0) {
            search_program(&s, image, size);
        }
    }
    free(image);
    return s.nplaces;
}
