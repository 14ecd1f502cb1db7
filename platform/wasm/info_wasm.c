// info_wasm.c - facts about a WebAssembly module's world, and standard error.

#include "core/base/stir.h"
#include "platform/os_info.h"
#include "platform/wasm/wasm_util.h"

// How far memory may grow is written in the module and cannot be asked for: no
// limit is told, and growing fails there.
void mh_os_query(struct mh_os_info *info) {
    *info = (struct mh_os_info){
        .page_size = WASM_PAGE,
        .reserve_align = WASM_PAGE,
        .huge_page_size = 0,
        .address_bits = 32,
        .space_bytes = 0,
        .program_end = 0,
        .partial_free = true,
        .unused_zeroes = false,
        .commit_charged = false,
        .can_move = false,
        .can_discard = false,
    };
}

void mh_os_entropy(void *buffer, size_t size) {
    static uint64_t calls;

    if (__wasi_random_get(buffer, size) != 0) {
        mh_stir(mh_wasm_clock() ^ ++calls << 56, buffer, size);
    }
}

const char *mh_os_getenv(const char *name) {
    return mh_wasm_getenv(name);
}

// Rights come with the module's world and not with its file.
bool mh_os_is_secure(void) {
    return false;
}

// A module knows of no others, and has no number among them.
uint64_t mh_os_process_id(void) {
    return 1;
}

void mh_os_write_error(const char *text, size_t size) {
    mh_wasm_write_error(text, size);
}

void mh_os_abort(bool run_handler) {
    mh_wasm_abort(run_handler);
}
