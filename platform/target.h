// target.h - reading another process.
//
// Used by inspect only; no part of the library. Every call copies bytes out of
// the target without stopping it. Addresses are the target's, so they are
// 64-bit numbers, never pointers.

#ifndef MHEAP_PLATFORM_TARGET_H
#define MHEAP_PLATFORM_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum mh_target_status {
    MH_TARGET_OK,
    MH_TARGET_GONE,       // no such process, or it ended meanwhile
    MH_TARGET_DENIED,     // not allowed; mh_target_explain says by which layer
    MH_TARGET_UNREADABLE, // the process lives, but that address holds nothing
    MH_TARGET_NO_MEMORY,  // this side ran out
    MH_TARGET_FAILED,     // anything else
};

// One mapping of the target, as the system lists them, in address order.
struct mh_target_map {
    uint64_t start, end; // [start, end)
    uint64_t offset;     // in the file
    uint64_t inode;      // 0 when anonymous
    uint64_t device;
    bool readable, writable, executable, shared;
    char path[512]; // "" when anonymous; cut when longer
};

// What the target's page tables say about one system page.
enum mh_target_page {
    MH_TARGET_PAGE_ABSENT,   // nothing behind it
    MH_TARGET_PAGE_RESIDENT, // a page of its own in memory
    MH_TARGET_PAGE_SHARED,   // in memory, but a file's or the zero page
    MH_TARGET_PAGE_SWAPPED,
};

struct mh_target; // opaque; mh_target_open makes it, mh_target_close ends it

struct mh_target_process {
    uint64_t pid;
    char name[64]; // what the system calls the program
    uint64_t uid;
};

// mh_target_open prepares to read process pid. On failure *target_out is NULL.
enum mh_target_status mh_target_open(uint64_t pid,
                                     struct mh_target **target_out);
void mh_target_close(struct mh_target *target);

// mh_target_read copies size bytes at address. All or nothing is promised; on
// failure buffer holds junk.
enum mh_target_status mh_target_read(struct mh_target *target, uint64_t address,
                                     void *buffer, size_t size);

// mh_target_maps lists the mappings. The array is malloc'ed, the caller frees.
enum mh_target_status mh_target_maps(struct mh_target *target,
                                     struct mh_target_map **maps_out,
                                     size_t *nmaps_out);

// mh_target_pages says for each of npages system pages from address what lies
// behind it.
enum mh_target_status mh_target_pages(struct mh_target *target,
                                      uint64_t address, size_t npages,
                                      enum mh_target_page *pages_out);

// mh_target_alive: the same process still runs (not merely the same number).
bool mh_target_alive(struct mh_target *target);

// mh_target_page_size is the size of a system page in the target, in bytes.
size_t mh_target_page_size(const struct mh_target *target);

// mh_target_resident is what the system says is resident in the whole process,
// in bytes.
enum mh_target_status mh_target_resident(struct mh_target *target,
                                         uint64_t *bytes_out);

// mh_target_file opens a file as the target sees it (another root, a deleted
// binary) for reading. -1 when that is impossible.
int mh_target_file(struct mh_target *target, const struct mh_target_map *map);

// mh_target_now_ns is a clock of ours that only goes forward, in nanoseconds.
uint64_t mh_target_now_ns(void);

// mh_target_process_of fills what the system says about pid.
enum mh_target_status mh_target_process_of(uint64_t pid,
                                           struct mh_target_process *out);

// mh_target_processes lists all processes. The array is malloc'ed.
enum mh_target_status mh_target_processes(struct mh_target_process **list_out,
                                          size_t *n_out);

// mh_target_explain writes into text why pid cannot be read, layer by layer,
// and what would fix it: several lines, each ended by a newline.
void mh_target_explain(uint64_t pid, char *text, size_t size);

#endif // MHEAP_PLATFORM_TARGET_H
