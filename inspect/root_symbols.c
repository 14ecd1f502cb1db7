// root_symbols.c - the root of an ELF file by its dynamic symbol.
//
// Built where libelf is there. The note is the way that always works; this one
// finds the root of files whose notes were thrown away (objcopy does so when it
// is told to).

#include "inspect/root_search.h"

#if MH_HAVE_LIBELF

#    include <gelf.h>
#    include <libelf.h>
#    include <string.h>

enum { SYMBOL_BYTES = 64 << 20 }; // of a table of dynamic symbols

static bool search_table(struct mh_root_search *search, uint64_t bias, Elf *elf,
                         Elf_Scn *section) {
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
            mh_root_found(search, bias + symbol.st_value, false);
            return true;
        }
    }
    return false;
}

void mh_root_search_symbols(struct mh_root_search *search, uint64_t bias) {
    struct mh_source *source = search->source;
    int fd = mh_target_file(source->target, &source->maps[search->map]);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "rb");

    if (file == NULL || elf_version(EV_CURRENT) == EV_NONE) {
        return;
    }
    Elf *elf = elf_begin(fd, ELF_C_READ, NULL);
    if (elf != NULL && elf_kind(elf) == ELF_K_ELF) {
        Elf_Scn *section = NULL;
        while ((section = elf_nextscn(elf, section)) != NULL &&
               !search_table(search, bias, elf, section)) {
        }
    }
    (void)elf_end(elf);
    (void)fclose(file);
}

#else

void mh_root_search_symbols(struct mh_root_search *search, uint64_t bias) {
    (void)search;
    (void)bias;
}

#endif
