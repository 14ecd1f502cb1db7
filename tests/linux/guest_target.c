// guest_target.c - a program that qemu-user runs, as a target of its own.
//
// An emulator of processors keeps the addresses of the program it runs, its
// guest, at a constant distance from the addresses the kernel knows, and its
// own memory among them. heapctl reads the kernel's. Linked with --wrap (see
// CMakeLists.txt), these stand between it and the system: addresses are the
// guest's, and nothing above them is there. All else is heapctl as it is.
//
// MHEAP_GUEST_BASE is the distance, as given to qemu with -B.

#include <stdint.h>
#include <stdlib.h>

#include "platform/target.h"

#define GUEST_END (UINT64_C(1) << 32) // of the guests that are read

enum mh_target_status __real_mh_target_read(struct mh_target *target,
                                            uint64_t address, void *buffer,
                                            size_t size);
enum mh_target_status __real_mh_target_maps(struct mh_target *target,
                                            struct mh_target_map **maps_out,
                                            size_t *nmaps_out);
enum mh_target_status __real_mh_target_pages(struct mh_target *target,
                                             uint64_t address, size_t npages,
                                             enum mh_target_page *pages_out);
int __real_mh_target_file(struct mh_target *target,
                          const struct mh_target_map *map);

enum mh_target_status __wrap_mh_target_read(struct mh_target *target,
                                            uint64_t address, void *buffer,
                                            size_t size);
enum mh_target_status __wrap_mh_target_maps(struct mh_target *target,
                                            struct mh_target_map **maps_out,
                                            size_t *nmaps_out);
enum mh_target_status __wrap_mh_target_pages(struct mh_target *target,
                                             uint64_t address, size_t npages,
                                             enum mh_target_page *pages_out);
int __wrap_mh_target_file(struct mh_target *target,
                          const struct mh_target_map *map);

static uint64_t guest_base(void) {
    const char *text = getenv("MHEAP_GUEST_BASE");

    return text != NULL ? strtoull(text, NULL, 0) : 0;
}

enum mh_target_status __wrap_mh_target_read(struct mh_target *target,
                                            uint64_t address, void *buffer,
                                            size_t size) {
    if (address >= GUEST_END || size > GUEST_END - address) {
        return MH_TARGET_UNREADABLE;
    }
    return __real_mh_target_read(target, address + guest_base(), buffer, size);
}

enum mh_target_status __wrap_mh_target_maps(struct mh_target *target,
                                            struct mh_target_map **maps_out,
                                            size_t *nmaps_out) {
    enum mh_target_status status =
        __real_mh_target_maps(target, maps_out, nmaps_out);
    uint64_t base = guest_base();
    size_t n = 0;

    for (size_t i = 0; status == MH_TARGET_OK && i < *nmaps_out; i++) {
        struct mh_target_map map = (*maps_out)[i];
        if (map.start >= base && map.end <= base + GUEST_END) {
            map.start -= base;
            map.end -= base;
            map.executable = map.inode != 0; // an emulator only reads code
            (*maps_out)[n++] = map;
        }
    }
    *nmaps_out = n;
    return status;
}

enum mh_target_status __wrap_mh_target_pages(struct mh_target *target,
                                             uint64_t address, size_t npages,
                                             enum mh_target_page *pages_out) {
    return __real_mh_target_pages(target, address + guest_base(), npages,
                                  pages_out);
}

int __wrap_mh_target_file(struct mh_target *target,
                          const struct mh_target_map *map) {
    struct mh_target_map theirs = *map;

    theirs.start += guest_base();
    theirs.end += guest_base();
    return __real_mh_target_file(target, &theirs);
}
