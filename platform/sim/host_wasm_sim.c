// host_wasm_sim.c - the simulator in a WebAssembly module.
//
// The host's memory has no rights, so that what the simulated system does not
// allow is seen in its own tables only: nothing traps.

#include <errno.h>

#include "core/base/bits.h"
#include "platform/sim/sim_host.h"
#include "platform/wasm/wasm_linear.h"

size_t mh_host_granularity(void) {
    return WASM_PAGE;
}

// With nothing to protect any page can be simulated.
size_t mh_host_page_size(void) {
    return 1;
}

size_t mh_host_program_end(void) {
    return 0; // memory begins behind the program as it is
}

unsigned mh_host_address_bits(void) {
    return 32;
}

void *mh_host_map(void *hint, size_t size, bool access, size_t align) {
    size_t whole = mh_align_up(size, WASM_PAGE);

    (void)access;
    align = align < WASM_PAGE ? WASM_PAGE : align;
    size_t padded = whole + align;
    if (hint != NULL && wasm_take_at(hint, whole) == hint) {
        return hint;
    }
    char *base = padded < size ? NULL : wasm_take(NULL, padded);
    if (base == NULL) {
        return NULL;
    }
    char *middle = (char *)mh_align_up((uintptr_t)base, align);
    size_t head = (size_t)(middle - base);
    if (head > 0) {
        (void)wasm_give(base, head);
    }
    if (padded > head + whole) {
        (void)wasm_give(middle + whole, padded - head - whole);
    }
    return middle;
}

// Only whole pages of the host's can be used again; what ends within one is
// lost.
bool mh_host_unmap(void *base, size_t size) {
    uintptr_t start = mh_align_up((uintptr_t)base, WASM_PAGE);
    uintptr_t end = mh_align_down((uintptr_t)base + size, WASM_PAGE);

    return end <= start || wasm_give((void *)start, end - start);
}

bool mh_host_protect(void *base, size_t size, bool access) {
    (void)access;
    return wasm_has(base, size);
}

bool mh_host_can_read(uintptr_t address) {
    (void)address;
    return false;
}

void mh_host_discard(void *base, size_t size) {
    memset(base, 0, size);
}

struct mh_os_err mh_host_map_shared(int fd, size_t size, void **base_out) {
    (void)fd;
    (void)size;
    (void)base_out;
    return (struct mh_os_err){ENOTSUP};
}

const char *mh_host_getenv(const char *name) {
    return mh_wasm_getenv(name);
}

void mh_host_write_error(const char *text, size_t size) {
    mh_wasm_write_error(text, size);
}

void mh_host_abort(bool run_handler) {
    mh_wasm_abort(run_handler);
}

uint64_t mh_host_process_id(void) {
    return 1;
}

bool mh_host_is_oom(int code) {
    return code == ENOMEM;
}
