// view_span.h - decoding one span from a copy of its arena's metadata.

#ifndef MHEAP_INSPECT_VIEW_SPAN_H
#define MHEAP_INSPECT_VIEW_SPAN_H

#include "inspect/reader.h"

// A copy of the metadata of one arena, and room to work. One is enough for all.
struct mh_arena_copy {
    char *bytes;      // as in the target; parts never read are stale
    char *page_words; // the same, by page
    char *pairs;      // the same, by pair
    uint32_t *before; // sequence numbers by page, read first
    uint32_t *after;  // read last
    uint64_t *live;   // of one span, by granule
    uint64_t *remote; // the same
    uint64_t *free;   // of one span, by slot
    uint32_t *order;  // by page: 1 + number of the span that begins there
    struct mh_view_span *found; // spans of this arena
    uint32_t *moving;           // records to read again
    size_t npages;              // of an arena
    size_t index;               // in view->arenas
};

// mh_span_decode turns record number `record` of the copy into *out, with its
// slot bits at the end of view->bits. NULL, or the rule that is broken; nothing
// is added then.
const char *mh_span_decode(struct mh_reader *reader, struct mh_arena_copy *copy,
                           uint32_t record, struct mh_view_span *out);

// mh_span_fault_code is the code of a finding for a result of mh_span_decode.
const char *mh_span_fault_code(const char *fault);

#endif // MHEAP_INSPECT_VIEW_SPAN_H
