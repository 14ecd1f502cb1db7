// root.c - the record a reader outside finds first, and the layout table.
//
// A row per field that a reader needs; docs/inspection.md says what each means.
// The names are those of the structures, so that a rename here is a rename for
// every reader, and asks for a new major.

#include "core/heap/root.h"

#include <stddef.h>

#include "core/heap/heap.h"
#include "core/heap/records.h"
#include "core/sys/limit.h"
#include "mheap/inspect.h"
#include "mheap/version.h"

// NOLINTBEGIN(bugprone-sizeof-expression): a field may be a pointer, and it is
// the pointer whose size a reader needs.

#define WHOLE(name, type) \
    { name, 0, sizeof(type), 1, sizeof(type) }
#define FIELD(name, type, field)                                               \
    {                                                                          \
        name "." #field, offsetof(type, field), sizeof(((type *)0)->field), 1, \
            sizeof(((type *)0)->field)                                         \
    }
#define ARRAY(name, type, field)                                               \
    {                                                                          \
        name "." #field, offsetof(type, field), sizeof(((type *)0)->field[0]), \
            sizeof(((type *)0)->field) / sizeof(((type *)0)->field[0]),        \
            sizeof(((type *)0)->field[0])                                      \
    }

static const struct mheap_inspect_field layout[] = {
    WHOLE("lock", struct mh_lock),
    FIELD("lock", struct mh_lock, taken),
    FIELD("lock", struct mh_lock, contended),

    WHOLE("arenas", struct mh_arenas),
    FIELD("arenas", struct mh_arenas, count),
    FIELD("arenas", struct mh_arenas, table),
    FIELD("arenas", struct mh_arenas, lock),
    FIELD("arenas", struct mh_arenas, ahead),
    FIELD("arenas", struct mh_arenas, ahead_end),

    WHOLE("arena", struct mh_arena),
    FIELD("arena", struct mh_arena, base),
    FIELD("arena", struct mh_arena, bytes),
    FIELD("arena", struct mh_arena, number),
    FIELD("arena", struct mh_arena, spans_made),
    FIELD("arena", struct mh_arena, births),
    FIELD("arena", struct mh_arena, record_bytes),
    FIELD("arena", struct mh_arena, lock),
    FIELD("arena", struct mh_arena, page_words),
    FIELD("arena", struct mh_arena, pairs),
    ARRAY("arena", struct mh_arena, span_index),
    ARRAY("arena", struct mh_arena, seq),
    ARRAY("arena", struct mh_arena, spans),

    WHOLE("page_word", uint32_t),
    {"page_word.word", 0, sizeof(uint32_t), 1, sizeof(uint32_t)},

    WHOLE("pair", struct mh_pair),
#if MH_CHECKS // else nobody writes it, and no reader could tell what is live
    FIELD("pair", struct mh_pair, live),
#endif
    FIELD("pair", struct mh_pair, remote),

    WHOLE("span", struct mh_span),
    FIELD("span", struct mh_span, base),
    FIELD("span", struct mh_span, slot_size),
    FIELD("span", struct mh_span, magic),
    FIELD("span", struct mh_span, nslots),
    FIELD("span", struct mh_span, npages),
    FIELD("span", struct mh_span, heap),
    FIELD("span", struct mh_span, birth),
    FIELD("span", struct mh_span, size_class),
    FIELD("span", struct mh_span, state),
    FIELD("span", struct mh_span, start),
    FIELD("span", struct mh_span, list),
    FIELD("span", struct mh_span, arena_index),
    FIELD("span", struct mh_span, large_size),
    FIELD("span", struct mh_span, owner_told),
    FIELD("span", struct mh_span, touched),
    FIELD("span", struct mh_span, nfree),
    FIELD("span", struct mh_span, holes),
    ARRAY("span", struct mh_span, free),

    WHOLE("caches", struct mh_caches),
    FIELD("caches", struct mh_caches, count),
    FIELD("caches", struct mh_caches, table),
    FIELD("caches", struct mh_caches, lock),

    WHOLE("cache", struct mh_cache),
    FIELD("cache", struct mh_cache, id),
    FIELD("cache", struct mh_cache, owner_word),
    ARRAY("cache", struct mh_cache, bins),
    ARRAY("cache", struct mh_cache, counts),
    FIELD("cache", struct mh_cache, heap),
    FIELD("cache", struct mh_cache, thread),
    FIELD("cache", struct mh_cache, state),
    FIELD("cache", struct mh_cache, generation),
    FIELD("cache", struct mh_cache, pages),
    {"cache.runs", offsetof(struct mh_cache, runs), sizeof(uint64_t),
     MH_PAGE_RUNS, sizeof(uint64_t)},
    FIELD("cache", struct mh_cache, told),
    ARRAY("cache", struct mh_cache, bottoms),

    WHOLE("place", struct mh_place),

    WHOLE("bin", struct mh_bin),
    FIELD("bin", struct mh_bin, top),
    FIELD("bin", struct mh_bin, limit),

    WHOLE("bin_count", struct mh_bin_count),
    FIELD("bin_count", struct mh_bin_count, taken),
    FIELD("bin_count", struct mh_bin_count, given),

    WHOLE("page_cache", struct mh_page_cache),
    FIELD("page_cache", struct mh_page_cache, base),
    FIELD("page_cache", struct mh_page_cache, free),
    FIELD("page_cache", struct mh_page_cache, released),

    WHOLE("heaps", struct mh_heaps),
    FIELD("heaps", struct mh_heaps, count),
    ARRAY("heaps", struct mh_heaps, table),
    FIELD("heaps", struct mh_heaps, caches),

    WHOLE("central", struct mh_central),
    FIELD("central", struct mh_central, lock),

    WHOLE("heap", struct mheap),
    FIELD("heap", struct mheap, id),
    FIELD("heap", struct mheap, generation),
    FIELD("heap", struct mheap, state),
    FIELD("heap", struct mheap, name),
    FIELD("heap", struct mheap, pages),
    FIELD("heap", struct mheap, room),
    FIELD("heap", struct mheap, counts),
    FIELD("heap", struct mheap, lock),
    FIELD("heap", struct mheap, side_lock),
    ARRAY("heap", struct mheap, central),

    WHOLE("room", struct mh_room),
    FIELD("room", struct mh_room, next),
    FIELD("room", struct mh_room, end),

    WHOLE("heap_counts", struct mh_heap_counts),
    FIELD("heap_counts", struct mh_heap_counts, large_allocs),
    FIELD("heap_counts", struct mh_heap_counts, large_alloc_bytes),
    FIELD("heap_counts", struct mh_heap_counts, large_frees),
    FIELD("heap_counts", struct mh_heap_counts, large_free_bytes),
    FIELD("heap_counts", struct mh_heap_counts, run_allocs),
    FIELD("heap_counts", struct mh_heap_counts, run_alloc_bytes),
    FIELD("heap_counts", struct mh_heap_counts, run_frees),
    FIELD("heap_counts", struct mh_heap_counts, run_free_bytes),
    FIELD("heap_counts", struct mh_heap_counts, spans_made),
    FIELD("heap_counts", struct mh_heap_counts, spans_freed),
    FIELD("heap_counts", struct mh_heap_counts, released_bytes),
    FIELD("heap_counts", struct mh_heap_counts, remote_frees),
    FIELD("heap_counts", struct mh_heap_counts, grown_bytes),

    WHOLE("palloc", struct mh_palloc),
    FIELD("palloc", struct mh_palloc, table),
    FIELD("palloc", struct mh_palloc, total_pages),
    FIELD("palloc", struct mh_palloc, free_pages),
    FIELD("palloc", struct mh_palloc, released_pages),

    WHOLE("palloc_table", struct mh_palloc_table),
    FIELD("palloc_table", struct mh_palloc_table, nblocks),
    {"palloc_table.blocks", offsetof(struct mh_palloc_table, blocks),
     sizeof(struct mh_palloc_block), 1, sizeof(struct mh_palloc_block)},

    WHOLE("palloc_block", struct mh_palloc_block),
    FIELD("palloc_block", struct mh_palloc_block, chunks),
    FIELD("palloc_block", struct mh_palloc_block, nchunks),

    WHOLE("palloc_chunk", struct mh_palloc_chunk),
    FIELD("palloc_chunk", struct mh_palloc_chunk, base),
    ARRAY("palloc_chunk", struct mh_palloc_chunk, alloc),
    ARRAY("palloc_chunk", struct mh_palloc_chunk, released),
    ARRAY("palloc_chunk", struct mh_palloc_chunk, ours),

    WHOLE("persistent", struct mh_persistent),
    FIELD("persistent", struct mh_persistent, chunks),
    FIELD("persistent", struct mh_persistent, mapped_bytes),
    FIELD("persistent", struct mh_persistent, used_bytes),

    WHOLE("persistent_chunk", struct mh_persistent_chunk),
    FIELD("persistent_chunk", struct mh_persistent_chunk, next),
    FIELD("persistent_chunk", struct mh_persistent_chunk, base),
    FIELD("persistent_chunk", struct mh_persistent_chunk, size),

    WHOLE("class", struct mh_class_info),
    FIELD("class", struct mh_class_info, size),
    FIELD("class", struct mh_class_info, npages),
    FIELD("class", struct mh_class_info, nslots),
    FIELD("class", struct mh_class_info, magic),
    FIELD("class", struct mh_class_info, cache_slots),

    WHOLE("account", struct mh_account),
    FIELD("account", struct mh_account, reserved),
    FIELD("account", struct mh_account, prepared),
    FIELD("account", struct mh_account, ready),
    FIELD("account", struct mh_account, reserved_peak),
    FIELD("account", struct mh_account, calls),
    FIELD("account", struct mh_account, failures),

    WHOLE("arena_map", struct mh_arena_map),
    FIELD("arena_map", struct mh_arena_map, bias),
    FIELD("arena_map", struct mh_arena_map, count),
    FIELD("arena_map", struct mh_arena_map, table),
    FIELD("arena_map", struct mh_arena_map, parts),
    FIELD("arena_map", struct mh_arena_map, part_shift),

    WHOLE("window", struct mh_window_memory),
    FIELD("window", struct mh_window_memory, base),
    FIELD("window", struct mh_window_memory, bytes),
    FIELD("window", struct mh_window_memory, page_words),
    FIELD("window", struct mh_window_memory, pairs),

    WHOLE("window_array", struct mh_window_array),
    FIELD("window_array", struct mh_window_array, base),
    FIELD("window_array", struct mh_window_array, ready),

    WHOLE("limits", struct mh_limits),
    FIELD("limits", struct mh_limits, soft),
    FIELD("limits", struct mh_limits, hard),
    FIELD("limits", struct mh_limits, counted),
    FIELD("limits", struct mh_limits, refusals),
};
// NOLINTEND(bugprone-sizeof-expression)

static const char version[] = MHEAP_VERSION_STRING;

// A field of the root that holds an address. Stored in 64 bits; on 32-bit
// systems the first word is the address and the other zero, whichever comes
// first.
#define NROWS (sizeof(layout) / sizeof(layout[0]))

MH_EXPORT struct mheap_inspect_root mheap_inspect_root = {
    .magic = MHEAP_INSPECT_MAGIC,
    .byte_order = MHEAP_INSPECT_BYTE_ORDER,
    .major = MHEAP_INSPECT_MAJOR,
    .minor = MHEAP_INSPECT_MINOR,
    .pointer_bytes = sizeof(void *),
    .root_bytes = sizeof(struct mheap_inspect_root),
    .layout_count = NROWS,
    .page_shift = MH_PAGE_SHIFT,
    .arena_shift = MH_ARENA_SHIFT,
    .granule_shift = MH_GRANULE_SHIFT,
    .pair_bytes = 1u << MH_PAIR_SHIFT,
    .chunk_pages = MH_CHUNK_PAGES,
    .nclasses = MH_NCLASSES,
    .npurposes = MH_NPURPOSES,
};

// The same record under a name that no other object can take over, so that the
// note's distance to it is fixed when the program or library is linked.
MH_OWN_NAME(struct mheap_inspect_root, mh_inspect_root, "mheap_inspect_root");

static uint64_t address(const void *p) {
    return (uint64_t)(uintptr_t)p;
}

// Filled at run time: a 64-bit field cannot hold a 32-bit address at link time.
void mh_root_publish(void) {
    struct mheap_inspect_root *root = &mheap_inspect_root;
    root->layout = address(layout);
    root->version = address(version);
    root->classes = address(mh_classes);
    root->arenas = address(&mh_arenas);
    root->heaps = address(&mh_heaps);
    root->caches = address(&mh_caches);
    root->records = address(&mh_records);
    root->books = address(mh_sys_books());
    root->arena_map = address(&mh_arena_map);
    root->window = address(&mh_window_memory);
    root->limits = address(&mh_limits);
    root->process_id = mh_sys_process_id();
    mh_sys_publish(root);
}
