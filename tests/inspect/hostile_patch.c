// hostile_patch.c - a made-up heap with some of its bytes changed.

#include "tests/inspect/hostile_patch.h"

#include <stdio.h>
#include <stdlib.h>

#include "inspect/view.h"
#include "tests/inspect/fake_heap.h"
#include "tests/inspect/view_oracle.h"

// What is in use of the three places, one behind another.
static const struct {
    uint64_t base;
    uint32_t bytes;
} places[] = {
    {FAKE_ROOT, 0x4000},
    {FAKE_META, 0x1000},
    {FAKE_META + 0x8000, 0x4000},
    {FAKE_WINDOW, 0x7000},
};

enum { PATCHABLE = 0x10000 };

static uint64_t address_of(uint32_t offset) {
    size_t i = 0;
    while (offset >= places[i].bytes) {
        offset -= places[i].bytes;
        i++;
    }
    return places[i].base + offset;
}

static void patch(struct fake_heap *heap, const uint8_t *at) {
    uint32_t offset =
        (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16;
    *fake_target_at(&heap->target, address_of(offset % PATCHABLE)) = at[3];
}

size_t hostile_patch(const uint8_t *data, size_t size) {
    struct fake_heap heap;
    struct mh_view *view;
    struct mh_view_options options = {.root = FAKE_ROOT, .residency = true};
    size_t findings = SIZE_MAX;

    if (size == 0) {
        return 0;
    }
    fake_heap_make(&heap, (data[0] & 1) != 0, (data[0] & 2) != 0 ? 4 : 8);
    for (size_t i = 1; i + 4 <= size; i += 4) {
        patch(&heap, data + i);
    }
    enum mh_view_status status = mh_view_open(&heap.target, &options, &view);
    if (status == MH_VIEW_OK) {
        const char *fault = view_oracle_fault(view);
        if (fault != NULL) {
            fprintf(stderr, "impossible: %s\n", fault);
            abort();
        }
        findings = (size_t)view->findings_total;
        mh_view_close(view);
    }
    fake_heap_free(&heap);
    return findings;
}
