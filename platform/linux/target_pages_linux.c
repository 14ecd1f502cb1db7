// target_pages_linux.c - what lies behind the pages of another process.
//
// PAGEMAP_SCAN (Linux 6.7) says it by ranges and knows the zero page. Elsewhere
// /proc/PID/pagemap has a word for each page, of which everybody who may read
// the process sees the flags; the page numbers are for CAP_SYS_ADMIN and not
// needed. There an anonymous page that is not exclusive is either the zero page
// or shared with a forked child; only its contents tell, and reading a page
// that is present costs the target nothing.

#include "platform/linux/target_linux.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

// As in linux/fs.h, which is older than the call on many systems that have it.
struct scan_region {
    uint64_t start, end, categories;
};

struct scan_request {
    uint64_t size, flags, start, end, walk_end, regions, nregions, max_pages;
    uint64_t inverted, all_of, any_of, report;
};

#define SCAN_REQUEST _IOWR('f', 16, struct scan_request)

enum {
    SCAN_FILE = 1 << 2,
    SCAN_PRESENT = 1 << 3,
    SCAN_SWAPPED = 1 << 4,
    SCAN_ZERO = 1 << 5,
    SCAN_REGIONS = 512,
};

#define MAP_PRESENT   (UINT64_C(1) << 63)
#define MAP_SWAPPED   (UINT64_C(1) << 62)
#define MAP_FILE      (UINT64_C(1) << 61)
#define MAP_EXCLUSIVE (UINT64_C(1) << 56)

enum { MAP_WORDS = 8192, MAX_PAGE_SIZE = 65536 };

static enum mh_target_page page_of_scan(uint64_t categories) {
    if ((categories & SCAN_SWAPPED) != 0) {
        return MH_TARGET_PAGE_SWAPPED;
    }
    return (categories & (SCAN_FILE | SCAN_ZERO)) != 0
               ? MH_TARGET_PAGE_SHARED
               : MH_TARGET_PAGE_RESIDENT;
}

static int scan(struct mh_target *target, uint64_t address, uint64_t end,
                enum mh_target_page *pages_out) {
    struct scan_region regions[SCAN_REGIONS];
    struct scan_request request = {
        .size = sizeof(request),
        .start = address,
        .end = end,
        .regions = (uint64_t)(uintptr_t)regions,
        .nregions = SCAN_REGIONS,
        .any_of = SCAN_PRESENT | SCAN_SWAPPED,
        .report = SCAN_PRESENT | SCAN_SWAPPED | SCAN_FILE | SCAN_ZERO,
    };

    while (request.start < end) {
        int n = ioctl(target->pagemap, SCAN_REQUEST, &request);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return errno;
        }
        for (int i = 0; i < n; i++) {
            size_t page = (regions[i].start - address) / target->page_size;
            size_t last = (regions[i].end - address) / target->page_size;
            for (; page < last; page++) {
                pages_out[page] = page_of_scan(regions[i].categories);
            }
        }
        if (request.walk_end <= request.start) {
            return EIO;
        }
        request.start = request.walk_end;
    }
    return 0;
}

// Whether a present page, neither a file's nor exclusive, is the zero page.
static enum mh_target_page ambiguous_page(struct mh_target *target,
                                          uint64_t address) {
    static const char zeros[4096];
    char page[MAX_PAGE_SIZE];

    if (target->page_size > sizeof(page) ||
        mh_target_read(target, address, page, target->page_size) !=
            MH_TARGET_OK) {
        return MH_TARGET_PAGE_RESIDENT;
    }
    for (size_t i = 0; i < target->page_size; i += sizeof(zeros)) {
        if (memcmp(page + i, zeros, sizeof(zeros)) != 0) {
            return MH_TARGET_PAGE_RESIDENT;
        }
    }
    return MH_TARGET_PAGE_SHARED;
}

static enum mh_target_page page_of_word(struct mh_target *target,
                                        uint64_t address, uint64_t word) {
    if ((word & MAP_SWAPPED) != 0) {
        return MH_TARGET_PAGE_SWAPPED;
    }
    if ((word & MAP_PRESENT) == 0) {
        return MH_TARGET_PAGE_ABSENT;
    }
    if ((word & MAP_FILE) != 0) {
        return MH_TARGET_PAGE_SHARED;
    }
    return (word & MAP_EXCLUSIVE) != 0 ? MH_TARGET_PAGE_RESIDENT
                                       : ambiguous_page(target, address);
}

static int read_words(struct mh_target *target, uint64_t address, size_t npages,
                      enum mh_target_page *pages_out) {
    static const size_t at_once = MAP_WORDS;
    uint64_t *words = malloc(at_once * sizeof(*words));
    int code = 0;

    if (words == NULL) {
        return ENOMEM;
    }
    for (size_t page = 0; page < npages && code == 0;) {
        size_t n = npages - page < at_once ? npages - page : at_once;
        uint64_t first = address / target->page_size + page;
        ssize_t got = pread(target->pagemap, words, n * sizeof(*words),
                            (off_t)(first * sizeof(*words)));
        if (got <= 0) {
            // The file ends where user addresses do; nothing lies behind.
            code = got == 0 ? 0 : errno;
            break;
        }
        n = (size_t)got / sizeof(*words);
        for (size_t i = 0; i < n; i++) {
            pages_out[page + i] =
                page_of_word(target, (first + i) * target->page_size, words[i]);
        }
        page += n;
    }
    free(words);
    return code;
}

enum mh_target_status mh_target_pages(struct mh_target *target,
                                      uint64_t address, size_t npages,
                                      enum mh_target_page *pages_out) {
    uint64_t limit = (uint64_t)INT64_MAX;
    int code = ENOTTY;

    if (target->pagemap < 0) {
        return MH_TARGET_DENIED;
    }
    address -= address % target->page_size;
    for (size_t i = 0; i < npages; i++) {
        pages_out[i] = MH_TARGET_PAGE_ABSENT;
    }
    if (address > limit || npages > (limit - address) / target->page_size) {
        return MH_TARGET_UNREADABLE;
    }
    if (!target->no_scan) {
        code = scan(target, address, address + npages * target->page_size,
                    pages_out);
    }
    if (code == ENOTTY || code == EINVAL || code == EFAULT || code == ENOSYS) {
        target->no_scan = target->no_scan || code != EFAULT;
        code = read_words(target, address, npages, pages_out);
    }
    return code == 0 ? MH_TARGET_OK : mh_linux_target_status(code);
}

enum mh_target_status mh_target_resident(struct mh_target *target,
                                         uint64_t *bytes_out) {
    char text[4096];
    uint64_t kib;

    if (mh_linux_read_at(target->dir, "status", text, sizeof(text)) < 0) {
        return mh_linux_target_status(errno);
    }
    // A process that has ended but was not waited for has no such line.
    if (!mh_linux_status_number(text, "VmRSS:", 10, &kib)) {
        return MH_TARGET_GONE;
    }
    *bytes_out = kib * 1024;
    return MH_TARGET_OK;
}
