// hostile_fuzz.c - the entry of libFuzzer: see hostile_patch.h.

#include "tests/inspect/hostile_patch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    (void)hostile_patch(data, size);
    return 0;
}
