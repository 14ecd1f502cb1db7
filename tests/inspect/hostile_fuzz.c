// hostile_fuzz.c - targets that lie, chosen by a fuzzer: see hostile_patch.h.

#include "tests/fuzz/fuzz_main.h"
#include "tests/inspect/hostile_patch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    (void)hostile_patch(data, size);
    return 0;
}
