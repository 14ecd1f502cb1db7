// view.c - opening and closing a view.

#include "inspect/view.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "inspect/reader.h"

static enum mh_view_status status_of(enum mh_target_status status) {
    switch (status) {
    case MH_TARGET_OK:
        return MH_VIEW_OK;
    case MH_TARGET_GONE:
        return MH_VIEW_GONE;
    case MH_TARGET_DENIED:
        return MH_VIEW_DENIED;
    case MH_TARGET_NO_MEMORY:
        return MH_VIEW_NO_MEMORY;
    default:
        return MH_VIEW_FAILED;
    }
}

const char *mh_view_status_name(enum mh_view_status status) {
    static const char *const names[] = {
        [MH_VIEW_OK] = "ok",
        [MH_VIEW_GONE] = "the process has ended",
        [MH_VIEW_DENIED] = "permission denied",
        [MH_VIEW_NONE] = "no mheap in it",
        [MH_VIEW_NEWER] = "its mheap has a format this program does not know",
        [MH_VIEW_CORRUPT] = "its mheap's root record makes no sense",
        [MH_VIEW_NO_MEMORY] = "out of memory here",
        [MH_VIEW_FAILED] = "the system refused",
    };

    return (size_t)status < sizeof(names) / sizeof(names[0]) ? names[status]
                                                             : "unknown";
}

// ---- finding ----------------------------------------------------------------

static bool in_use(struct mh_source *source, const struct mh_root *root) {
    unsigned char head[256];
    size_t size = mh_schema_size(&root->schema, MH_S_arenas);

    return size <= sizeof(head) &&
           mh_source_read(source, root->is.arenas, head, size) &&
           mh_schema_get(&root->schema, MH_F_arenas_count, head) != 0;
}

static void describe(struct mh_view_root *out, const struct mh_root *root,
                     const struct mh_source *source,
                     const struct mh_root_place *place) {
    memset(out, 0, sizeof(*out));
    out->address = root->address;
    out->by_note = place != NULL && place->by_note;
    out->major = root->is.major;
    out->minor = root->is.minor;
    memcpy(out->version, root->version, sizeof(out->version));
    if (place != NULL) {
        snprintf(out->file, sizeof(out->file), "%s",
                 source->maps[place->map].path);
    }
}

static int used_first(const void *a, const void *b) {
    const struct mh_view_root *x = a, *y = b;

    if (x->used != y->used) {
        return x->used ? -1 : 1;
    }
    if (x->by_note != y->by_note) {
        return x->by_note ? -1 : 1;
    }
    return x->address < y->address ? -1 : x->address > y->address;
}

// reason is why the one that the status is of was not taken.
static enum mh_view_status find(struct mh_source *source,
                                struct mh_view_root *roots, size_t *n_out,
                                char *reason, size_t size) {
    struct mh_root_place places[MH_VIEW_MAX_ROOTS];
    size_t nplaces = mh_root_places(source, places, MH_VIEW_MAX_ROOTS);
    enum mh_view_status status = MH_VIEW_NONE;

    *n_out = 0;
    snprintf(reason, size, "no note and no symbol in its files");
    for (size_t i = 0; i < nplaces; i++) {
        struct mh_root root;
        char why[MH_VIEW_WHY] = "";
        enum mh_view_status found =
            mh_root_read(source, places[i].address, &root, why, sizeof(why));
        if (found == MH_VIEW_OK || found == MH_VIEW_NEWER) {
            describe(&roots[*n_out], &root, source, &places[i]);
            roots[(*n_out)++].used =
                found == MH_VIEW_OK && in_use(source, &root);
        }
        // The best there is: one that can be read, else one too new.
        if (found == MH_VIEW_OK || status == MH_VIEW_NONE ||
            (found == MH_VIEW_NEWER && status != MH_VIEW_OK)) {
            status = found;
            snprintf(reason, size, "%s", found == MH_VIEW_OK ? "" : why);
        }
    }
    qsort(roots, *n_out, sizeof(*roots), used_first);
    if (source->failure != MH_TARGET_OK) {
        return status_of(source->failure);
    }
    return status;
}

enum mh_view_status mh_view_find(struct mh_target *target,
                                 struct mh_view_root roots[MH_VIEW_MAX_ROOTS],
                                 size_t *nroots_out, char *why,
                                 size_t why_size) {
    struct mh_source source;
    enum mh_target_status opened = mh_source_open(&source, target);

    *nroots_out = 0;
    if (opened != MH_TARGET_OK) {
        return status_of(opened);
    }
    enum mh_view_status status =
        find(&source, roots, nroots_out, why, why_size);
    mh_source_close(&source);
    return status == MH_VIEW_OK || mh_target_alive(target) ? status
                                                           : MH_VIEW_GONE;
}

// ---- opening ----------------------------------------------------------------

// What the steps rely on, of the layout and the root together.
static bool shapes_fit(const struct mh_reader *reader) {
    const struct mh_schema_row *rows = reader->root.schema.rows;
    const struct mheap_inspect_root *is = &reader->root.is;
    uint64_t pages = UINT64_C(1) << (is->arena_shift - is->page_shift);
    uint64_t bits = is->pair_bytes >> is->granule_shift;
    const struct mh_schema_row *chunks[] = {&rows[MH_F_palloc_chunk_alloc],
                                            &rows[MH_F_palloc_chunk_released],
                                            &rows[MH_F_palloc_chunk_ours]};

    for (size_t i = 0; i < 3; i++) {
        if ((uint64_t)chunks[i]->width * 8 * chunks[i]->count !=
            is->chunk_pages) {
            return false;
        }
    }
    return rows[MH_S_page_word].width <= MH_VIEW_MAX_WORDS &&
           rows[MH_S_pair].width <= MH_VIEW_MAX_WORDS &&
           rows[MH_F_arena_span_index].count == pages &&
           rows[MH_F_arena_seq].count == pages &&
           rows[MH_F_arena_spans].count <= pages &&
           (uint64_t)rows[MH_F_pair_live].width * 8 == bits &&
           (uint64_t)rows[MH_F_pair_remote].width * 8 == bits &&
           (uint64_t)rows[MH_F_span_free].count * rows[MH_F_span_free].width <=
               8192 &&
           rows[MH_F_cache_bins].count >= is->nclasses &&
           rows[MH_F_cache_bottoms].count >= is->nclasses &&
           (rows[MH_F_cache_counts].width == 0 ||
            rows[MH_F_cache_counts].count >= is->nclasses);
}

void mh_reader_classes(struct mh_reader *reader) {
    const struct mheap_inspect_root *is = &reader->root.is;
    struct mh_view *view = reader->view;
    size_t size = mh_schema_size(&reader->root.schema, MH_S_class);
    char *records = mh_reader_alloc(reader, is->nclasses, size);

    view->classes =
        mh_reader_alloc(reader, is->nclasses, sizeof(*view->classes));
    view->nclasses = view->classes == NULL ? 0 : is->nclasses;
    if (records == NULL || !mh_source_read(&reader->source, is->classes,
                                           records, is->nclasses * size)) {
        mh_reader_unread(reader, "the table of size classes", is->classes);
        free(records);
        return;
    }
    for (size_t i = 0; i < view->nclasses; i++) {
        const char *at = records + i * size;
        view->classes[i].slot_size =
            (uint32_t)mh_reader_get(reader, MH_F_class_size, at);
        view->classes[i].npages =
            (uint32_t)mh_reader_get(reader, MH_F_class_npages, at);
        view->classes[i].nslots =
            (uint32_t)mh_reader_get(reader, MH_F_class_nslots, at);
        view->classes[i].cache_slots =
            (uint32_t)mh_reader_get(reader, MH_F_class_cache_slots, at);
    }
    free(records);
}

static enum mh_view_status choose_root(struct mh_reader *reader) {
    const struct mh_view_options *options = reader->options;
    struct mh_view *view = reader->view;
    struct mh_view_root roots[MH_VIEW_MAX_ROOTS];
    size_t nroots = 0;
    char reason[MH_VIEW_WHY] = "";
    uint64_t address = options != NULL ? options->root : 0;

    memset(roots, 0, sizeof(roots));
    if (address == 0) {
        enum mh_view_status found =
            find(&reader->source, roots, &nroots, reason, sizeof(reason));
        if (found != MH_VIEW_OK) {
            view->root = roots[0];
            if (options != NULL && options->why != NULL) {
                snprintf(options->why, options->why_size, "%s", reason);
            }
            return found;
        }
        address = roots[0].address;
    }
    enum mh_view_status status = mh_root_read(
        &reader->source, address, &reader->root, reason, sizeof(reason));
    if (nroots != 0) {
        view->root = roots[0];
    } else {
        describe(&view->root, &reader->root, &reader->source, NULL);
    }
    if (status == MH_VIEW_OK && !shapes_fit(reader)) {
        snprintf(reason, sizeof(reason),
                 "layout table: arrays are not as long as the sizes say");
        status = MH_VIEW_CORRUPT;
    }
    if (status != MH_VIEW_OK && options != NULL && options->why != NULL) {
        snprintf(options->why, options->why_size, "%s", reason);
    }
    return status;
}

static void fill_constants(struct mh_reader *reader) {
    const struct mheap_inspect_root *is = &reader->root.is;
    struct mh_view *view = reader->view;

    view->big_endian = reader->root.big_endian;
    view->pointer_bytes = is->pointer_bytes;
    view->page_shift = is->page_shift;
    view->arena_shift = is->arena_shift;
    view->granule_shift = is->granule_shift;
    view->pair_bytes = is->pair_bytes;
    view->chunk_pages = is->chunk_pages;
    view->process_id = is->process_id;
    reader->words_per_chunk = (is->chunk_pages + 63) / 64;
}

// Spans before caches before bitmaps: what moves from one to the next meanwhile
// is seen twice rather than never, and precedence settles it.
static enum mh_view_status read_all(struct mh_reader *reader) {
    struct mh_view *view = reader->view;
    struct mh_source *source = &reader->source;

    mh_source_relist(source);
    fill_constants(reader);
    mh_reader_classes(reader);
    mh_reader_heaps(reader);
    mh_reader_arenas(reader);
    mh_reader_caches(reader);
    mh_reader_locks(reader);
    mh_reader_chunks(reader);
    mh_reader_books(reader);
    mh_reader_pages(reader);
    if (reader->options != NULL && reader->options->residency) {
        mh_reader_residency(reader);
    }
    mh_reader_totals(reader);
    if (reader->no_memory) {
        return MH_VIEW_NO_MEMORY;
    }
    if (!mh_target_alive(source->target)) {
        return MH_VIEW_GONE;
    }
    view->reads = source->reads;
    view->read_bytes = source->read_bytes;
    return status_of(source->failure);
}

static void set_budget(struct mh_reader *reader) {
    const struct mh_view_options *options = reader->options;
    uint64_t resident = 0;

    reader->budget = MH_VIEW_SLACK;
    if (options != NULL && options->max_bytes != 0) {
        reader->budget = options->max_bytes;
    } else if (mh_target_resident(reader->source.target, &resident) ==
                   MH_TARGET_OK &&
               resident < UINT64_MAX - MH_VIEW_SLACK) {
        reader->budget += resident;
    }
}

enum mh_view_status mh_view_open(struct mh_target *target,
                                 const struct mh_view_options *options,
                                 struct mh_view **view_out) {
    struct mh_reader reader = {.options = options};
    uint64_t started = mh_target_now_ns();

    *view_out = NULL;
    enum mh_target_status opened = mh_source_open(&reader.source, target);
    if (opened != MH_TARGET_OK) {
        return status_of(opened);
    }
    reader.view = calloc(1, sizeof(*reader.view));
    if (reader.view != NULL) {
        reader.view->findings =
            calloc(MH_VIEW_MAX_FINDINGS, sizeof(*reader.view->findings));
    }
    enum mh_view_status status = MH_VIEW_NO_MEMORY;
    if (reader.view != NULL && reader.view->findings != NULL) {
        reader.view->system_page = reader.source.page_size;
        set_budget(&reader);
        status = choose_root(&reader);
    }
    if (status == MH_VIEW_OK) {
        status = read_all(&reader);
    } else if (status != MH_VIEW_NO_MEMORY && !mh_target_alive(target)) {
        status = MH_VIEW_GONE;
    }
    mh_source_close(&reader.source);
    free(reader.chunk);
    free(reader.chunk_words);
    if (status != MH_VIEW_OK) {
        mh_view_close(reader.view);
        return status;
    }
    reader.view->elapsed_ns = mh_target_now_ns() - started;
    *view_out = reader.view;
    return MH_VIEW_OK;
}

void mh_view_close(struct mh_view *view) {
    if (view == NULL) {
        return;
    }
    for (size_t i = 0; i < view->ncaches; i++) {
        free(view->caches[i].bins);
    }
    free(view->classes);
    free(view->arenas);
    free(view->spans);
    free(view->caches);
    free(view->heaps);
    free(view->extents);
    free(view->runs);
    free(view->metadata);
    free(view->books);
    free(view->findings);
    free(view->bits);
    free(view);
}
