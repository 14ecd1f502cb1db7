// hostile_patch.h - a made-up heap with some of its bytes changed.

#ifndef MHEAP_TESTS_INSPECT_HOSTILE_PATCH_H
#define MHEAP_TESTS_INSPECT_HOSTILE_PATCH_H

#include <stddef.h>
#include <stdint.h>

// hostile_patch reads a heap after changes: the first byte picks byte order and
// pointer size, every following four an offset (three bytes) and a new value.
// It stops the program when the view says something impossible, and returns how
// many findings it has, or SIZE_MAX when the target was refused.
size_t hostile_patch(const uint8_t *data, size_t size);

#endif // MHEAP_TESTS_INSPECT_HOSTILE_PATCH_H
