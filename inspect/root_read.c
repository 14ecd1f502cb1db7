// root_read.c - reading the root record and its layout table.

#include "inspect/root_read.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "inspect/decode.h"

#define ROOT_FIELD(bytes, field, big)                               \
    mh_decode((bytes) + offsetof(struct mheap_inspect_root, field), \
              sizeof(((struct mheap_inspect_root *)NULL)->field), (big))

// The record of minor 0; a later one is longer.
#define ROOT_LEAST offsetof(struct mheap_inspect_root, limits)

_Static_assert(offsetof(struct mheap_inspect_root, layout) == 24,
               "the record is the same on every machine");

static bool find_byte_order(const unsigned char *bytes, bool *big_out) {
    for (int big = 0; big < 2; big++) {
        if (ROOT_FIELD(bytes, byte_order, big != 0) ==
            MHEAP_INSPECT_BYTE_ORDER) {
            *big_out = big != 0;
            return true;
        }
    }
    return false;
}

static void decode_root(struct mheap_inspect_root *is,
                        const unsigned char *bytes, bool big) {
    is->root_bytes = (uint32_t)ROOT_FIELD(bytes, root_bytes, big);
    is->pointer_bytes = (uint32_t)ROOT_FIELD(bytes, pointer_bytes, big);
    is->layout = ROOT_FIELD(bytes, layout, big);
    is->layout_count = ROOT_FIELD(bytes, layout_count, big);
    is->version = ROOT_FIELD(bytes, version, big);
    is->page_shift = (uint32_t)ROOT_FIELD(bytes, page_shift, big);
    is->arena_shift = (uint32_t)ROOT_FIELD(bytes, arena_shift, big);
    is->granule_shift = (uint32_t)ROOT_FIELD(bytes, granule_shift, big);
    is->pair_bytes = (uint32_t)ROOT_FIELD(bytes, pair_bytes, big);
    is->chunk_pages = (uint32_t)ROOT_FIELD(bytes, chunk_pages, big);
    is->nclasses = (uint32_t)ROOT_FIELD(bytes, nclasses, big);
    is->classes = ROOT_FIELD(bytes, classes, big);
    is->arenas = ROOT_FIELD(bytes, arenas, big);
    is->heaps = ROOT_FIELD(bytes, heaps, big);
    is->caches = ROOT_FIELD(bytes, caches, big);
    is->books = ROOT_FIELD(bytes, books, big);
    is->npurposes = ROOT_FIELD(bytes, npurposes, big);
    is->arena_map = ROOT_FIELD(bytes, arena_map, big);
    is->process_id = ROOT_FIELD(bytes, process_id, big);
    is->summary = ROOT_FIELD(bytes, summary, big);
    is->records = ROOT_FIELD(bytes, records, big);
    is->window = ROOT_FIELD(bytes, window, big);
    is->limits = ROOT_FIELD(bytes, limits, big); // 0 in a shorter record
}

// What this reader knows of a record that says that it has it. Where that
// cannot be read, the record is as short as those of minor 0.
static void read_rest(struct mh_source *source, uint64_t address,
                      unsigned char *bytes, size_t size, bool big) {
    if (ROOT_FIELD(bytes, root_bytes, big) >= size &&
        !mh_source_read(source, address + ROOT_LEAST, bytes + ROOT_LEAST,
                        size - ROOT_LEAST)) {
        memset(bytes + ROOT_LEAST, 0, size - ROOT_LEAST);
    }
}

static bool is_pow2(uint64_t n) {
    return n != 0 && (n & (n - 1)) == 0;
}

// The shifts are used in sums of 64-bit addresses: small enough that none can
// overflow, and each unit holds whole smaller ones.
static const char *fault_of(const struct mheap_inspect_root *is) {
    if (is->root_bytes < ROOT_LEAST) {
        return "the root record is too short";
    }
    if (is->pointer_bytes != 4 && is->pointer_bytes != 8) {
        return "pointers are neither 4 nor 8 bytes";
    }
    if (is->page_shift < 9 || is->page_shift > 24 ||
        is->arena_shift <= is->page_shift || is->arena_shift > 40 ||
        is->arena_shift - is->page_shift > 20) {
        return "page and arena sizes make no sense";
    }
    if (is->granule_shift < 2 || is->granule_shift > 8 ||
        !is_pow2(is->pair_bytes) ||
        is->pair_bytes < (UINT32_C(8) << is->granule_shift) ||
        is->pair_bytes > (UINT32_C(1) << is->page_shift)) {
        return "granules and pairs make no sense";
    }
    if (!is_pow2(is->chunk_pages) || is->chunk_pages < 8 ||
        is->chunk_pages > 65536) {
        return "chunks make no sense";
    }
    if (is->nclasses == 0 || is->nclasses > MH_VIEW_MAX_CLASSES ||
        is->npurposes > MH_VIEW_MAX_PURPOSES) {
        return "there are too many classes or purposes";
    }
    if (is->layout_count == 0 || is->layout_count > MH_SCHEMA_MAX_ROWS) {
        return "the layout table has no rows, or too many";
    }
    return NULL;
}

static enum mh_view_status read_table(struct mh_source *source,
                                      struct mh_root *root, char *reason,
                                      size_t size) {
    size_t nrows = (size_t)root->is.layout_count;
    void *rows = malloc(nrows * MH_SCHEMA_ROW_BYTES);

    if (rows == NULL) {
        return MH_VIEW_NO_MEMORY;
    }
    root->schema.big_endian = root->big_endian;
    root->schema.pointer_bytes = root->is.pointer_bytes;
    const char *fault = "layout table: cannot be read";
    if (mh_source_read(source, root->is.layout, rows,
                       nrows * MH_SCHEMA_ROW_BYTES)) {
        fault = mh_schema_parse(&root->schema, rows, nrows, reason, size);
    } else {
        snprintf(reason, size, "%s", fault);
    }
    free(rows);
    return fault == NULL ? MH_VIEW_OK : MH_VIEW_CORRUPT;
}

static void read_version(struct mh_source *source, struct mh_root *root) {
    // The string may end near the end of its mapping.
    char text[sizeof(root->version) - 1];
    size_t n = sizeof(text);

    memset(text, 0, sizeof(text));
    while (n > 0 && !mh_source_read(source, root->is.version, text, n)) {
        n /= 2;
    }
    mh_decode_text(text, n, root->version, sizeof(root->version));
}

static void say_newer(const struct mh_root *root, char *reason, size_t size) {
    snprintf(reason, size, "its format is %u.%u, this program reads %d.x",
             (unsigned)root->is.major, (unsigned)root->is.minor,
             MHEAP_INSPECT_MAJOR);
}

enum mh_view_status mh_root_read(struct mh_source *source, uint64_t address,
                                 struct mh_root *root, char *reason,
                                 size_t size) {
    unsigned char bytes[sizeof(struct mheap_inspect_root)];

    memset(root, 0, sizeof(*root));
    memset(bytes, 0, sizeof(bytes));
    root->address = address;
    if (!mh_source_read(source, address, bytes, ROOT_LEAST) ||
        memcmp(bytes, MHEAP_INSPECT_MAGIC, sizeof(root->is.magic)) != 0) {
        snprintf(reason, size, "no root record at 0x%" PRIx64, address);
        return MH_VIEW_NONE;
    }
    if (!find_byte_order(bytes, &root->big_endian)) {
        snprintf(reason, size, "the byte order is none");
        return MH_VIEW_CORRUPT;
    }
    root->is.major = (uint16_t)ROOT_FIELD(bytes, major, root->big_endian);
    root->is.minor = (uint16_t)ROOT_FIELD(bytes, minor, root->big_endian);
    if (root->is.major != MHEAP_INSPECT_MAJOR) {
        say_newer(root, reason, size);
        return MH_VIEW_NEWER;
    }
    read_rest(source, address, bytes, sizeof(bytes), root->big_endian);
    decode_root(&root->is, bytes, root->big_endian);
    const char *fault = fault_of(&root->is);
    if (fault != NULL) {
        snprintf(reason, size, "%s", fault);
        return MH_VIEW_CORRUPT;
    }
    read_version(source, root);
    return read_table(source, root, reason, size);
}
