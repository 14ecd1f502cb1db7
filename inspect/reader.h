// reader.h - what the files that build a view share while they do.

#ifndef MHEAP_INSPECT_READER_H
#define MHEAP_INSPECT_READER_H

#include "core/base/attr.h"
#include "inspect/root_read.h"
#include "inspect/source.h"
#include "inspect/view.h"

// An array that grows within the memory a view may take.
struct mh_growing {
    size_t room; // elements
};

// Pages of one chunk of a heap, in the numbers of this machine.
struct mh_reader_chunk {
    uint64_t base;
    uint32_t heap; // id
    size_t words;  // where alloc, released and ours lie in chunk_words
};

struct mh_reader {
    struct mh_source source;
    struct mh_root root;
    struct mh_view *view;
    const struct mh_view_options *options;
    uint64_t budget, taken; // bytes
    bool over_budget;
    bool no_memory;

    struct mh_growing spans, bits, runs, extents, metadata, chunks;
    struct mh_growing chunk_words_room;
    struct mh_reader_chunk *chunk;
    size_t nchunks;
    uint64_t *chunk_words;
    size_t nchunk_words;
    unsigned words_per_chunk; // of 64 bits
};

// mh_reader_alloc is zeroed memory within the budget, NULL when there is none;
// free gives it back but not to the budget.
void *mh_reader_alloc(struct mh_reader *reader, size_t count, size_t size);

// mh_reader_grow makes room for one more than n elements in *array. False when
// the budget or the memory is used up.
bool mh_reader_grow(struct mh_reader *reader, void *array_pointer,
                    struct mh_growing *growing, size_t n, size_t size);

// mh_reader_find records a finding.
void mh_reader_find(struct mh_reader *reader, const char *code,
                    uint64_t address, const char *format, ...) MH_PRINTF(4, 5);

// mh_reader_unread records that something could not be read: the view is
// partial.
void mh_reader_unread(struct mh_reader *reader, const char *what,
                      uint64_t address);

// mh_reader_get is a number of a record that was copied.
static inline uint64_t mh_reader_get(const struct mh_reader *reader,
                                     enum mh_field field, const void *record) {
    return mh_schema_get(&reader->root.schema, field, record);
}

// mh_reader_words copies a bit array of n words of any width, stride bytes
// apart, into 64-bit words, bit i first to last. out has room for all bits.
void mh_reader_words(const struct mh_reader *reader, const void *words,
                     size_t n, const struct mh_schema_row *row, uint64_t *out);

// The steps of mh_view_open, in order. Each leaves what it could read and
// records findings for the rest.
void mh_reader_classes(struct mh_reader *reader);
void mh_reader_arenas(struct mh_reader *reader); // arenas and spans
void mh_reader_heaps(struct mh_reader *reader);
void mh_reader_caches(struct mh_reader *reader);
void mh_reader_locks(struct mh_reader *reader);  // how often each was taken
void mh_reader_chunks(struct mh_reader *reader); // pages of heaps
void mh_reader_books(struct mh_reader *reader);  // books, where metadata lies
void mh_reader_pages(struct mh_reader *reader);  // runs, extents
void mh_reader_residency(struct mh_reader *reader);
void mh_reader_totals(struct mh_reader *reader); // sums over spans and runs

#endif // MHEAP_INSPECT_READER_H
