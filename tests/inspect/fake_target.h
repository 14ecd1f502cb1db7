// fake_target.h - a process made of byte buffers, behind platform/target.h.
//
// Linked instead of the system's own target_*.c, so that a test decides what a
// reader meets: contents, mappings, page tables, and what changes between two
// reads.

#ifndef MHEAP_TESTS_INSPECT_FAKE_TARGET_H
#define MHEAP_TESTS_INSPECT_FAKE_TARGET_H

#include "platform/target.h"

enum { FAKE_MAX_MAPS = 8, FAKE_PAGE = 4096 };

struct fake_map {
    struct mh_target_map map;
    unsigned char *bytes;       // as many as the mapping is long
    enum mh_target_page *pages; // one for each FAKE_PAGE
};

struct mh_target {
    struct fake_map maps[FAKE_MAX_MAPS]; // by address
    size_t nmaps;
    bool dead;     // mh_target_alive says no
    bool no_pages; // mh_target_pages fails
    uint64_t resident;
    int file;           // what mh_target_file opens, 0: nothing
    size_t lists;       // calls of mh_target_maps
    uint64_t reads;     // calls of mh_target_read that succeeded
    uint64_t calls;     // all calls of mh_target_read
    uint64_t fail_call; // from this one, counted from 1, they fail; 0: none
    bool fail_once;     // it alone fails
    enum mh_target_status fail_status; // as what
    bool no_maps;                      // mh_target_maps fails
    bool touched_absent;               // a read met a page that nothing backs
    // Called after each successful read; may change bytes.
    void (*after_read)(struct mh_target *target, uint64_t address, size_t size);
    void *context;
};

// fake_target_map adds a private mapping of zeros, readable and writable, whose
// pages are all resident; maps are added in order of address.
struct fake_map *fake_target_map(struct mh_target *target, uint64_t start,
                                 size_t size);

// fake_target_at is the byte at an address, NULL where nothing is mapped.
unsigned char *fake_target_at(struct mh_target *target, uint64_t address);

// fake_target_set_pages changes what the page tables say of a range.
void fake_target_set_pages(struct mh_target *target, uint64_t address,
                           size_t size, enum mh_target_page state);

void fake_target_clear(struct mh_target *target);

#endif // MHEAP_TESTS_INSPECT_FAKE_TARGET_H
