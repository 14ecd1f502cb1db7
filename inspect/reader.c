// reader.c - what the files that build a view share while they do.

#include "inspect/reader.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "inspect/decode.h"

static bool take(struct mh_reader *reader, uint64_t bytes) {
    if (bytes <= reader->budget - reader->taken) {
        reader->taken += bytes;
        return true;
    }
    if (!reader->over_budget) {
        reader->over_budget = true;
        reader->view->partial = true;
        mh_reader_find(reader, "MH0402", 0,
                       "the target lists more than %llu bytes can describe",
                       (unsigned long long)reader->budget);
    }
    return false;
}

void *mh_reader_alloc(struct mh_reader *reader, size_t count, size_t size) {
    if (size != 0 && count > SIZE_MAX / size) {
        return NULL;
    }
    if (!take(reader, (uint64_t)count * size)) {
        return NULL;
    }
    void *memory = count == 0 || size == 0 ? malloc(1) : calloc(count, size);
    reader->no_memory = reader->no_memory || memory == NULL;
    return memory;
}

bool mh_reader_grow(struct mh_reader *reader, void *array_pointer,
                    struct mh_growing *growing, size_t n, size_t size) {
    void *array;

    if (n < growing->room) {
        return true;
    }
    size_t room = growing->room == 0 ? 64 : growing->room + growing->room / 2;
    if (room <= n) {
        room = n + 1;
    }
    if (room > SIZE_MAX / size ||
        !take(reader, (uint64_t)(room - growing->room) * size)) {
        return false;
    }
    memcpy(&array, array_pointer, sizeof(array));
    array = realloc(array, room * size);
    if (array == NULL) {
        reader->no_memory = true;
        return false;
    }
    memcpy(array_pointer, &array, sizeof(array));
    growing->room = room;
    return true;
}

void mh_reader_find(struct mh_reader *reader, const char *code,
                    uint64_t address, const char *format, ...) {
    struct mh_view *view = reader->view;
    va_list arguments;

    view->findings_total++;
    if (view->nfindings == MH_VIEW_MAX_FINDINGS) {
        return;
    }
    struct mh_finding *finding = &view->findings[view->nfindings++];
    snprintf(finding->code, sizeof(finding->code), "%s", code);
    finding->address = address;
    va_start(arguments, format);
    vsnprintf(finding->text, sizeof(finding->text), format, arguments);
    va_end(arguments);
}

void mh_reader_unread(struct mh_reader *reader, const char *what,
                      uint64_t address) {
    reader->view->partial = true;
    mh_reader_find(reader, "MH0403", address, "%s cannot be read", what);
}

void mh_reader_words(const struct mh_reader *reader, const void *words,
                     size_t n, const struct mh_schema_row *row, uint64_t *out) {
    unsigned bits = 8 * row->width;
    const char *at = words;

    memset(out, 0, (n * bits + 63) / 64 * sizeof(*out));
    for (size_t i = 0; i < n; i++) {
        uint64_t word = mh_decode(at + i * (size_t)row->stride, row->width,
                                  reader->root.big_endian);
        out[i * bits / 64] |= word << (i * bits % 64);
    }
}
