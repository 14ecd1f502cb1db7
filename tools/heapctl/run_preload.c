// run_preload.c - which library to preload, and how to say so.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/heapctl/run.h"

#define LIBRARY "libmheap_malloc.so"

enum { LONGEST_PATH = 4096 };

// The loader splits LD_PRELOAD at these and knows no way to quote them.
static bool is_speakable(const char *path) {
    return strpbrk(path, " :") == NULL;
}

static bool is_there(const char *path) {
    return access(path, R_OK) == 0;
}

// Makes path absolute, so that it still holds where the program goes.
static const char *settle(const char *found, char *path, size_t size) {
    char real[LONGEST_PATH];

    if (realpath(found, real) == NULL) {
        return "the library cannot be read";
    }
    if (!is_speakable(real)) {
        return "the path of the library has a blank or a colon, which "
               "LD_PRELOAD cannot hold";
    }
    if ((size_t)snprintf(path, size, "%s", real) >= size) {
        return "the path of the library is too long";
    }
    return NULL;
}

static bool beside_us(char path[LONGEST_PATH]) {
    char self[LONGEST_PATH - 32];
    ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);

    if (length <= 0) {
        return false;
    }
    self[length] = '\0';
    char *slash = strrchr(self, '/');
    if (slash == NULL) {
        return false;
    }
    *slash = '\0';
    (void)snprintf(path, LONGEST_PATH, "%s/../lib/" LIBRARY, self);
    return is_there(path);
}

const char *hc_find_preload(char *path, size_t size) {
    const char *wish = getenv("MHEAP_PRELOAD");
    char found[LONGEST_PATH];

    if (wish != NULL && *wish != '\0') {
        return is_there(wish) ? settle(wish, path, size)
                              : "the file MHEAP_PRELOAD names cannot be read";
    }
    if (beside_us(found)) {
        return settle(found, path, size);
    }
    if (is_there(HC_LIBRARY_DIR "/" LIBRARY)) {
        return settle(HC_LIBRARY_DIR "/" LIBRARY, path, size);
    }
    return LIBRARY " is neither beside heapctl in ../lib nor in " HC_LIBRARY_DIR
                   "; name it in MHEAP_PRELOAD";
}

char *hc_preload_value(const char *existing, const char *library) {
    bool alone = existing == NULL || *existing == '\0';
    size_t size = strlen(library) + (alone ? 0 : strlen(existing)) + 2;
    char *value = malloc(size);

    if (value != NULL) {
        (void)snprintf(value, size, "%s%s%s", alone ? "" : existing,
                       alone ? "" : ":", library);
    }
    return value;
}
