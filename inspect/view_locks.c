// view_locks.c - how often the target's locks were taken.
//
// The counts lie in the locks. They are read where heaps and arenas are known,
// and only added up: nothing else in a view depends on them.

#include <stdlib.h>

#include "inspect/reader.h"

static void add_lock(struct mh_reader *reader, const void *lock,
                     uint64_t *sum) {
    *sum += mh_reader_get(reader, MH_F_lock_taken, lock);
    reader->view->locks.contended +=
        mh_reader_get(reader, MH_F_lock_contended, lock);
}

// The lock that is a field of a record in the target.
static void read_lock(struct mh_reader *reader, uint64_t record,
                      enum mh_field field, uint64_t *sum) {
    const struct mh_schema_row *row = &reader->root.schema.rows[field];
    unsigned char lock[256];

    if (row->width == 0 || row->width > sizeof(lock)) {
        return;
    }
    if (!mh_source_read(&reader->source, record + row->offset, lock,
                        row->width)) {
        mh_reader_unread(reader, "a lock", record + row->offset);
        return;
    }
    add_lock(reader, lock, sum);
}

// One per class, in an array of the heap's record.
static void read_central(struct mh_reader *reader, uint64_t heap) {
    const struct mh_schema *schema = &reader->root.schema;
    const struct mh_schema_row *row = &schema->rows[MH_F_heap_central];

    if (row->width == 0 || !mh_schema_has(schema, MH_F_central_lock)) {
        return;
    }
    size_t bytes = (size_t)(row->count - 1) * row->stride + row->width;
    char *array = mh_reader_alloc(reader, bytes, 1);
    if (array == NULL) {
        return;
    }
    if (!mh_source_read(&reader->source, heap + row->offset, array, bytes)) {
        mh_reader_unread(reader, "the central lists", heap + row->offset);
    } else {
        for (uint32_t i = 0; i < row->count; i++) {
            add_lock(reader,
                     mh_schema_at(schema, MH_F_central_lock,
                                  array + (size_t)i * row->stride, 0),
                     &reader->view->locks.central);
        }
    }
    free(array);
}

void mh_reader_locks(struct mh_reader *reader) {
    const struct mheap_inspect_root *is = &reader->root.is;
    struct mh_view *view = reader->view;
    struct mh_view_locks *locks = &view->locks;

    view->has_locks = mh_schema_has(&reader->root.schema, MH_F_lock_taken);
    if (!view->has_locks) {
        return;
    }
    for (size_t i = 0; i < view->nheaps; i++) {
        uint64_t heap = view->heaps[i].address;
        read_lock(reader, heap, MH_F_heap_lock, &locks->heap);
        read_lock(reader, heap, MH_F_heap_side_lock, &locks->side);
        read_central(reader, heap);
    }
    for (size_t i = 0; i < view->narenas; i++) {
        read_lock(reader, view->arenas[i].record, MH_F_arena_lock,
                  &locks->records);
    }
    read_lock(reader, is->arenas, MH_F_arenas_lock, &locks->arenas);
    read_lock(reader, is->caches, MH_F_caches_lock, &locks->registry);
}
