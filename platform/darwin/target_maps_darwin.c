// target_maps_darwin.c - what the memory of a process is made of.

#include <mach/mach_init.h>
#include <mach/vm_prot.h>
#include <mach/vm_region.h>
#include <stdlib.h>
#include <string.h>

#include "platform/darwin/target_darwin.h"

enum { MAPS_FIRST = 256 };

struct list {
    struct mh_target_map *of;
    size_t n, room;
};

static struct mh_target_map *append(struct list *list) {
    if (list->n == list->room) {
        size_t room = list->room == 0 ? MAPS_FIRST : 2 * list->room;
        struct mh_target_map *more = realloc(list->of, room * sizeof(*more));
        if (more == NULL) {
            return NULL;
        }
        list->of = more;
        list->room = room;
    }
    memset(&list->of[list->n], 0, sizeof(list->of[0]));
    return &list->of[list->n++];
}

// A program for several processors holds one image for each, so an image need
// not begin where its file does; in memory its header is at the start.
static bool begins_an_image(struct mh_target *target, uint64_t address) {
    uint32_t magic = 0;

    return mh_target_read(target, address, &magic, sizeof(magic)) ==
               MH_TARGET_OK &&
           magic == 0xfeedfacf;
}

// The file of a mapping, if it has one.
static void name_file(struct mh_target *target, struct mh_target_map *map) {
    struct proc_regionwithpathinfo info;

    if (proc_pidinfo(target->pid, PROC_PIDREGIONPATHINFO, map->start, &info,
                     (int)sizeof(info)) != (int)sizeof(info) ||
        info.prp_prinfo.pri_address > map->start) {
        return;
    }
    const struct vnode_info_path *file = &info.prp_vip;
    map->inode = file->vip_vi.vi_stat.vst_ino;
    map->device = file->vip_vi.vi_stat.vst_dev;
    size_t length = strnlen(file->vip_path, sizeof(map->path) - 1);
    memcpy(map->path, file->vip_path, length);
    map->path[length] = '\0';
    if (map->executable && begins_an_image(target, map->start)) {
        map->offset = 0;
    }
}

static void describe(struct mh_target *target, struct mh_target_map *map,
                     const struct vm_region_submap_info_64 *info) {
    map->offset = info->offset;
    map->readable = (info->protection & VM_PROT_READ) != 0;
    map->writable = (info->protection & VM_PROT_WRITE) != 0;
    map->executable = (info->protection & VM_PROT_EXECUTE) != 0;
    map->shared = info->share_mode == SM_SHARED ||
                  info->share_mode == SM_TRUESHARED ||
                  info->share_mode == SM_SHARED_ALIASED;
    // Memory of no file has no pager, or one of the system's own.
    if (info->external_pager != 0) {
        name_file(target, map);
    }
}

// Regions can be maps themselves, that of the system's libraries for one: those
// are asked one level deeper.
enum mh_target_status mh_target_maps(struct mh_target *target,
                                     struct mh_target_map **maps_out,
                                     size_t *nmaps_out) {
    struct vm_region_submap_info_64 info;
    struct list list = {0};
    mach_vm_address_t at = 0;
    mach_vm_size_t size = 0;
    natural_t depth = 0;
    kern_return_t code;

    *maps_out = NULL;
    *nmaps_out = 0;
    for (;;) {
        mach_msg_type_number_t count = VM_REGION_SUBMAP_INFO_COUNT_64;
        code = mach_vm_region_recurse(target->task, &at, &size, &depth,
                                      (int *)&info, &count);
        if (code != KERN_SUCCESS) {
            break; // KERN_INVALID_ADDRESS: there are no more
        }
        if (info.is_submap) {
            depth++;
            continue;
        }
        struct mh_target_map *map = append(&list);
        if (map == NULL) {
            free(list.of);
            return MH_TARGET_NO_MEMORY;
        }
        map->start = at;
        map->end = at + size;
        describe(target, map, &info);
        at += size;
    }
    if (list.n == 0 || code != KERN_INVALID_ADDRESS) {
        free(list.of);
        return mh_target_alive(target) ? MH_TARGET_FAILED : MH_TARGET_GONE;
    }
    *maps_out = list.of;
    *nmaps_out = list.n;
    return MH_TARGET_OK;
}
