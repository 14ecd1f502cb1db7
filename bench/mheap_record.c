// mheap_record.c - records a program's allocator calls into a trace.
//
//     MHEAP_RECORD=FILE LD_PRELOAD=libmheap_record.so PROGRAM
//
// Interposes malloc and its kin, makes each call of the allocator that comes
// next in the loader's order (the C library's, or another one preloaded behind
// this), and writes down what was called. `bench_trace --case replay` plays
// the file; its format is in bench/README.md. One process is recorded: the one
// that starts with the variable, until it ends. Its children are not, whether
// by fork or by exec, since the variable is taken from the environment.

#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "record_log.h"

#define EXPORTED __attribute__((visibility("default")))

static struct {
    void *(*malloc)(size_t);
    void *(*calloc)(size_t, size_t);
    void *(*realloc)(void *, size_t);
    void (*free)(void *);
    void *(*aligned_alloc)(size_t, size_t);
    int (*posix_memalign)(void **, size_t, size_t);
    void *(*memalign)(size_t, size_t);
} next;

// What dlsym itself asks for while the table is being filled. Never freed, and
// zero from the start.
static struct {
    _Alignas(16) char room[16384];
    size_t used;
} early;

static bool is_early(const void *object) {
    uintptr_t address = (uintptr_t)object;
    uintptr_t base = (uintptr_t)early.room;
    return address >= base && address < base + sizeof early.room;
}

static void *take_early(size_t size) {
    if (size > sizeof early.room - early.used) {
        errno = ENOMEM;
        return NULL;
    }
    void *object = early.room + early.used;
    early.used += (size + 15) & ~(size_t)15;
    return object;
}

// look_up stores by memcpy: C has no conversion from an object's pointer to a
// function's.
static void look_up(const char *name, void *slot) {
    void *found = dlsym(RTLD_NEXT, name);
    if (found == NULL) {
        static const char text[] = "mheap_record: no allocator follows\n";
        if (write(STDERR_FILENO, text, sizeof text - 1) < 0) {
            _exit(127);
        }
        _exit(127);
    }
    memcpy(slot, &found, sizeof found);
}

// is_ready fills the table at the first call, which is made before there are
// threads. It is false within that: for what dlsym asks for.
static bool is_ready(void) {
    static enum { UNTOUCHED, FILLING, FILLED } progress;
    if (progress == UNTOUCHED) {
        progress = FILLING;
        look_up("malloc", &next.malloc);
        look_up("calloc", &next.calloc);
        look_up("realloc", &next.realloc);
        look_up("free", &next.free);
        look_up("aligned_alloc", &next.aligned_alloc);
        look_up("posix_memalign", &next.posix_memalign);
        look_up("memalign", &next.memalign);
        progress = FILLED;
    }
    return progress == FILLED;
}

static void *made(enum trace_kind kind, size_t align, size_t size,
                  void *object) {
    if (object != NULL) {
        unsigned align_log2 =
            align == 0 ? 0 : (unsigned)__builtin_ctzll((uint64_t)align);
        record_made(kind, align_log2, size, object);
    }
    return object;
}

EXPORTED void *malloc(size_t size) {
    if (!is_ready()) {
        return take_early(size);
    }
    return made(TRACE_MALLOC, 0, size, next.malloc(size));
}

EXPORTED void *calloc(size_t count, size_t size) {
    if (!is_ready()) {
        return take_early(count * size);
    }
    // The product has not overflowed when there is a result.
    return made(TRACE_CALLOC, 0, count * size, next.calloc(count, size));
}

EXPORTED void free(void *object) {
    if (object == NULL || is_early(object)) {
        return;
    }
    if (is_ready()) {
        record_freed(object);
        next.free(object);
    }
}

static void *move_early(const void *object, size_t size) {
    void *moved = malloc(size);
    size_t rest = (size_t)(early.room + sizeof early.room - (char *)object);
    if (moved != NULL) {
        memcpy(moved, object, size < rest ? size : rest);
    }
    return moved;
}

EXPORTED void *realloc(void *object, size_t size) {
    if (object == NULL) {
        return malloc(size);
    }
    if (is_early(object)) {
        return move_early(object, size);
    }
    if (!is_ready()) {
        return NULL; // dlsym has nothing from elsewhere
    }
    if (size == 0) {
        // It frees; what some allocators return is an object of its own.
        record_freed(object);
        return made(TRACE_MALLOC, 0, 0, next.realloc(object, 0));
    }
    uint32_t number = record_leaves(object);
    void *moved = next.realloc(object, size);
    if (number == RECORD_UNKNOWN) {
        return made(TRACE_MALLOC, 0, size, moved);
    }
    record_arrives(number, moved == NULL ? 0 : size,
                   moved == NULL ? object : moved);
    return moved;
}

// The C library's own would call realloc in itself, where we see it as well;
// other allocators bring one that does not.
EXPORTED void *reallocarray(void *object, size_t count, size_t size) {
    size_t bytes = 0;
    if (__builtin_mul_overflow(count, size, &bytes)) {
        errno = ENOMEM;
        return NULL;
    }
    return realloc(object, bytes);
}

EXPORTED void *aligned_alloc(size_t align, size_t size) {
    if (!is_ready()) {
        return NULL;
    }
    return made(TRACE_ALIGNED, align, size, next.aligned_alloc(align, size));
}

EXPORTED int posix_memalign(void **out, size_t align, size_t size) {
    if (!is_ready()) {
        return ENOMEM;
    }
    int code = next.posix_memalign(out, align, size);
    if (code == 0) {
        made(TRACE_ALIGNED, align, size, *out);
    }
    return code;
}

EXPORTED void *memalign(size_t align, size_t size) {
    if (!is_ready()) {
        return NULL;
    }
    return made(TRACE_ALIGNED, align, size, next.memalign(align, size));
}

// A program that ends by these runs no destructors.
static _Noreturn void leave(int status) {
    record_finish();
    for (;;) {
        syscall(SYS_exit_group, status);
    }
}

EXPORTED void _exit(int status) {
    leave(status);
}

EXPORTED void _Exit(int status) {
    leave(status);
}

__attribute__((constructor)) static void start(void) {
    const char *path = getenv("MHEAP_RECORD");
    if (path != NULL && path[0] != '\0' && is_ready()) {
        record_start(path);
    }
    unsetenv("MHEAP_RECORD");
}

__attribute__((destructor)) static void finish(void) {
    record_finish();
}
