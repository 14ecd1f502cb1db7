// root_search.h - what the search for roots and its file formats share.
//
// A format looks at the start of a program or library as it lies in the target.
// Each is a file root_FORMAT.c; to add one, call it from root_find.c.

#ifndef MHEAP_INSPECT_ROOT_SEARCH_H
#define MHEAP_INSPECT_ROOT_SEARCH_H

#include "inspect/root_read.h"

struct mh_root_search {
    struct mh_source *source;
    struct mh_root_place *places;
    size_t nplaces, max;
    size_t map;                 // the mapping of the file's start
    uint64_t start;             // its address
    const unsigned char *image; // and the file's first bytes
    size_t size;
};

// mh_root_found notes a place where a root should be, unless it is known.
void mh_root_found(struct mh_root_search *search, uint64_t address,
                   bool by_note);

// Each returns whether the bytes are a file of its format, and notes the places
// it finds there.
bool mh_root_search_elf(struct mh_root_search *search);
bool mh_root_search_pe(struct mh_root_search *search);
bool mh_root_search_macho(struct mh_root_search *search);

// mh_root_search_symbols looks for the dynamic symbol in the ELF file of the
// mapping: a last way, for a file whose notes were lost. bias is what is added
// to the addresses in the file. It needs libelf; without it nothing is found.
void mh_root_search_symbols(struct mh_root_search *search, uint64_t bias);

#endif // MHEAP_INSPECT_ROOT_SEARCH_H
