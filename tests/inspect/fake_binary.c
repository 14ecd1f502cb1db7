// fake_binary.c - the file of the program that runs the made-up heap.

#include "tests/inspect/fake_binary.h"

#include <elf.h>
#include <stddef.h>
#include <string.h>

void fake_binary_put(struct fake_heap *heap, size_t offset, size_t width,
                     uint64_t value) {
    unsigned char *at = fake_target_at(&heap->target, BINARY + offset);

    for (size_t i = 0; i < width; i++) {
        at[heap->big_endian ? width - 1 - i : i] =
            (unsigned char)(value >> (8 * i));
    }
}

#define PUT(offset, type, field, value)                     \
    fake_binary_put(heap, (offset) + offsetof(type, field), \
                    sizeof(((type *)0)->field), (value))

static void put_header64(struct fake_heap *heap) {
    PUT(0, Elf64_Ehdr, e_type, ET_DYN);
    PUT(0, Elf64_Ehdr, e_version, EV_CURRENT);
    PUT(0, Elf64_Ehdr, e_phoff, sizeof(Elf64_Ehdr));
    PUT(0, Elf64_Ehdr, e_ehsize, sizeof(Elf64_Ehdr));
    PUT(0, Elf64_Ehdr, e_phentsize, sizeof(Elf64_Phdr));
    PUT(0, Elf64_Ehdr, e_phnum, 2);
    size_t load = sizeof(Elf64_Ehdr), note = load + sizeof(Elf64_Phdr);
    PUT(load, Elf64_Phdr, p_type, PT_LOAD);
    PUT(load, Elf64_Phdr, p_vaddr, WANTED);
    PUT(load, Elf64_Phdr, p_filesz, BINARY_BYTES);
    PUT(load, Elf64_Phdr, p_memsz, BINARY_BYTES);
    PUT(note, Elf64_Phdr, p_type, PT_NOTE);
    PUT(note, Elf64_Phdr, p_offset, NOTES);
    PUT(note, Elf64_Phdr, p_vaddr, WANTED + NOTES);
    PUT(note, Elf64_Phdr, p_filesz, OTHER_NOTE + OUR_NOTE);
}

static void put_header32(struct fake_heap *heap) {
    PUT(0, Elf32_Ehdr, e_type, ET_DYN);
    PUT(0, Elf32_Ehdr, e_version, EV_CURRENT);
    PUT(0, Elf32_Ehdr, e_phoff, sizeof(Elf32_Ehdr));
    PUT(0, Elf32_Ehdr, e_ehsize, sizeof(Elf32_Ehdr));
    PUT(0, Elf32_Ehdr, e_phentsize, sizeof(Elf32_Phdr));
    PUT(0, Elf32_Ehdr, e_phnum, 2);
    size_t load = sizeof(Elf32_Ehdr), note = load + sizeof(Elf32_Phdr);
    PUT(load, Elf32_Phdr, p_type, PT_LOAD);
    PUT(load, Elf32_Phdr, p_vaddr, WANTED);
    PUT(load, Elf32_Phdr, p_filesz, BINARY_BYTES);
    PUT(load, Elf32_Phdr, p_memsz, BINARY_BYTES);
    PUT(note, Elf32_Phdr, p_type, PT_NOTE);
    PUT(note, Elf32_Phdr, p_offset, NOTES);
    PUT(note, Elf32_Phdr, p_vaddr, WANTED + NOTES);
    PUT(note, Elf32_Phdr, p_filesz, OTHER_NOTE + OUR_NOTE);
}

// Somebody else's note first, then ours.
static void put_notes(struct fake_heap *heap) {
    size_t ours = NOTES + OTHER_NOTE, desc = ours + 12 + 8;

    fake_binary_put(heap, NOTES, 4, 4);
    fake_binary_put(heap, NOTES + 4, 4, 16);
    fake_binary_put(heap, NOTES + 8, 4, 1);
    memcpy(fake_target_at(&heap->target, BINARY + NOTES + 12), "GNU", 4);
    fake_binary_put(heap, ours, 4, 6);
    fake_binary_put(heap, ours + 4, 4, 8);
    fake_binary_put(heap, ours + 8, 4, 1);
    memcpy(fake_target_at(&heap->target, BINARY + ours + 12), "mheap", 6);
    fake_binary_put(heap, desc, 8, FAKE_ROOT - (BINARY + desc));
}

// The heap's mappings must come behind the file's; the made-up target keeps
// them in order of address.
static void map_binary(struct fake_heap *heap) {
    struct mh_target *target = &heap->target;
    struct fake_map *map = fake_target_map(target, BINARY, BINARY_BYTES);
    struct fake_map binary = *map;

    memmove(&target->maps[1], &target->maps[0],
            (target->nmaps - 1) * sizeof(binary));
    binary.map.inode = 5;
    binary.map.executable = true;
    strcpy(binary.map.path, "/bin/program");
    target->maps[0] = binary;
}

void fake_binary_add(struct fake_heap *heap) {
    bool narrow = heap->pointer_bytes == 4;

    map_binary(heap);
    unsigned char *ident = fake_target_at(&heap->target, BINARY);
    memcpy(ident, ELFMAG, SELFMAG);
    ident[EI_CLASS] = narrow ? ELFCLASS32 : ELFCLASS64;
    ident[EI_DATA] = heap->big_endian ? ELFDATA2MSB : ELFDATA2LSB;
    ident[EI_VERSION] = EV_CURRENT;
    if (narrow) {
        put_header32(heap);
    } else {
        put_header64(heap);
    }
    put_notes(heap);
}

static void put_text(struct fake_heap *heap, size_t offset, const char *text,
                     size_t size) {
    memcpy(fake_target_at(&heap->target, BINARY + offset), text, size);
}

void fake_binary_add_pe(struct fake_heap *heap) {
    map_binary(heap);
    put_text(heap, 0, "MZ", 2);
    fake_binary_put(heap, 0x3c, 4, PE_HEADER);
    put_text(heap, PE_HEADER, "PE\0", 4);
    fake_binary_put(heap, PE_HEADER + 6, 2, 2);
    fake_binary_put(heap, PE_HEADER + 20, 2, PE_OPTIONAL);
    put_text(heap, PE_SECTIONS, ".text\0\0", 8);
    fake_binary_put(heap, PE_SECTIONS + 12, 4, 0x1000);
    put_text(heap, PE_OURS, ".mheap\0", 8);
    fake_binary_put(heap, PE_OURS + 12, 4, NOTES);
    put_text(heap, NOTES, "mheap\0\0", 8);
    fake_binary_put(heap, NOTES + 8, 4, 1);
    fake_binary_put(heap, NOTES + 12, 4, FAKE_ROOT - BINARY);
}

static void put_segment(struct fake_heap *heap, size_t at, const char *name,
                        uint64_t address, unsigned nsections) {
    fake_binary_put(heap, at, 4, 0x19);
    fake_binary_put(heap, at + 4, 4, 72 + 80 * nsections);
    put_text(heap, at + 8, name, strlen(name));
    fake_binary_put(heap, at + 24, 8, address);
    fake_binary_put(heap, at + 64, 4, nsections);
}

static void put_section(struct fake_heap *heap, size_t at, const char *name,
                        uint64_t address) {
    put_text(heap, at, name, strlen(name));
    fake_binary_put(heap, at + 32, 8, address);
}

// The file wants to be at an address of 33 bits, as all of Darwin's do.
void fake_binary_add_macho(struct fake_heap *heap) {
    const uint64_t wanted = UINT64_C(1) << 32;

    map_binary(heap);
    fake_binary_put(heap, 0, 4, 0xfeedfacf);
    fake_binary_put(heap, 16, 4, 2);
    put_segment(heap, MACHO_TEXT, "__TEXT", wanted, 1);
    put_section(heap, MACHO_TEXT + 72, "__text", wanted + 0x1000);
    put_segment(heap, MACHO_DATA, "__DATA", wanted + 0x800, 2);
    put_section(heap, MACHO_DATA + 72, "__data", wanted + 0x900);
    put_section(heap, MACHO_OURS, "__mheap", wanted + NOTES);
    put_text(heap, NOTES, "mheap\0\0", 8);
    fake_binary_put(heap, NOTES + 8, 4, 1);
    fake_binary_put(heap, NOTES + 16, 8, FAKE_ROOT);
}
