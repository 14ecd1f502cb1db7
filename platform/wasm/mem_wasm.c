// mem_wasm.c - the four states of memory in a WebAssembly module.
//
// The states differ on the books only. Memory has no rights: what is Reserved
// can be read and written by mistake, and nothing traps. It has no pages either
// that could be given back: unused keeps them, so what is used again may hold
// what it held. The heap's books say what is unused, as everywhere.
//
// What is given up for good serves the next reservation (wasm_linear.h).

#include <errno.h>

#include "platform/os.h"
#include "platform/wasm/wasm_linear.h"

static struct mh_os_err take(void *hint, size_t size, void **base_out) {
    void *base = wasm_take(hint, size);

    if (base == NULL) {
        return (struct mh_os_err){ENOMEM};
    }
    *base_out = base;
    return (struct mh_os_err){0};
}

struct mh_os_err mh_os_alloc(size_t size, void **base_out) {
    return take(NULL, size, base_out);
}

struct mh_os_err mh_os_reserve(void *hint, size_t size, void **base_out) {
    return take(hint, size, base_out);
}

// What is nobody's is refused, as it is where a system looks.
static struct mh_os_err note(const void *base, size_t size) {
    return (struct mh_os_err){wasm_has(base, size) ? 0 : EINVAL};
}

struct mh_os_err mh_os_map(void *base, size_t size) {
    return note(base, size);
}

struct mh_os_err mh_os_used(void *base, size_t size) {
    return note(base, size);
}

// memory.grow has no opposite. Writing zeroes would cost the time and give
// nothing back.
struct mh_os_err mh_os_unused(void *base, size_t size) {
    return note(base, size);
}

struct mh_os_err mh_os_fault(void *base, size_t size) {
    return note(base, size);
}

struct mh_os_err mh_os_free(void *base, size_t size) {
    return (struct mh_os_err){wasm_give(base, size) ? 0 : EINVAL};
}

struct mh_os_err mh_os_move(void *from, void *to, size_t size) {
    (void)from;
    (void)to;
    (void)size;
    return (struct mh_os_err){ENOTSUP};
}

struct mh_os_err mh_os_discard(void *base, size_t size) {
    (void)base;
    (void)size;
    return (struct mh_os_err){ENOTSUP};
}

// WASI has no files that lie in memory.
struct mh_os_err mh_os_map_shared(int fd, size_t size, void **base_out) {
    (void)fd;
    (void)size;
    (void)base_out;
    return (struct mh_os_err){ENOTSUP};
}

bool mh_os_err_is_oom(struct mh_os_err err) {
    return err.code == ENOMEM;
}
