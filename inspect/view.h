// view.h - the heap of another process, decoded and checked.
//
// mh_view_open copies the metadata of a running target without stopping it and
// turns it into plain arrays. The view is a copy: it stays as it was read until
// it is closed, needs no target any more, and two reads of it agree.
//
// Protocol. Per arena the reader copies the sequence numbers, then page words,
// span records and object bits, then the sequence numbers again in a later
// system call. A span whose number was even and did not change is stable. The
// others are read again one by one, up to MH_VIEW_RETRIES times; what still
// moves is counted in `unstable` and is not in `spans`. Object bits move all
// the time without a sequence number; each slot is put into exactly one state
// by precedence (enum mh_slot_state), so the counts of a span always add up to
// its slots. Parts of the metadata that no page backs are taken as zero and
// never read: reading changes neither resident pages nor page tables of the
// target.
//
// Trust. Nothing read is believed: every number is bounded before it is used,
// every address must lie in a mapping of the target, list walks are limited.
// What is wrong becomes a finding, after it was read twice, and is left out. A
// view takes at most MH_VIEW_SLACK bytes and as much again as is resident in
// the target.
//
// All addresses are the target's, all sizes bytes unless the name says pages.

#ifndef MHEAP_INSPECT_VIEW_H
#define MHEAP_INSPECT_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "platform/target.h"

enum {
    MH_VIEW_RETRIES = 3, // re-reads of a span that moves
    MH_VIEW_MAX_ARENAS = 65536,
    MH_VIEW_MAX_CACHES = 65536,
    MH_VIEW_MAX_HEAPS = 4096,
    MH_VIEW_MAX_CLASSES = 256,
    MH_VIEW_MAX_WORDS = 64, // bytes of a page word, and of a pair
    MH_VIEW_MAX_PURPOSES = 32,
    MH_VIEW_MAX_FINDINGS = 100, // kept; all are counted
    MH_VIEW_MAX_ROOTS = 16,
};
#define MH_VIEW_SLACK ((uint64_t)64 << 20)

enum mh_view_status {
    MH_VIEW_OK,
    MH_VIEW_GONE,      // no such process, or it ended while being read
    MH_VIEW_DENIED,    // mh_target_explain says why
    MH_VIEW_NONE,      // the process has no mheap
    MH_VIEW_NEWER,     // it has one whose format this reader does not know
    MH_VIEW_CORRUPT,   // its root record or layout table makes no sense
    MH_VIEW_NO_MEMORY, // this side ran out
    MH_VIEW_FAILED,    // the system refused something else
};

// ---- finding the root -------------------------------------------------------

// One mheap in a process. A process may have several: a static one in a shared
// library, say, and a preloaded one.
struct mh_view_root {
    uint64_t address; // of the root record
    bool by_note;     // found through the ELF note; else the dynamic symbol
    uint16_t major, minor;
    bool used;        // it has at least one arena
    char file[512];   // the mapped file that holds it
    char version[32]; // of the library
};

// mh_view_find lists the mheaps of a target, those in use first. MH_VIEW_NONE
// when there is none. MH_VIEW_NEWER when all have an unknown major; they are
// listed nevertheless. It reads files and a few hundred bytes of the target.
// why, of why_size bytes, gets the reason for NONE, NEWER and CORRUPT; it may
// be NULL, of 0 bytes.
enum mh_view_status mh_view_find(struct mh_target *target,
                                 struct mh_view_root roots[MH_VIEW_MAX_ROOTS],
                                 size_t *nroots_out, char *why,
                                 size_t why_size);

enum { MH_VIEW_WHY = 160 }; // bytes that any reason needs

// ---- the view ---------------------------------------------------------------

struct mh_view_class {
    uint32_t slot_size;   // bytes; 0 for class 0, large objects
    uint32_t npages;      // of a span
    uint32_t nslots;      // of a span
    uint32_t cache_slots; // a thread cache holds at most so many
    // Summed over the stable spans of the class:
    uint64_t nspans;
    uint64_t span_bytes;
    uint64_t slots;   // = used + pending + free + cached
    uint64_t used;    // objects the program has
    uint64_t pending; // freed by another thread, owner has not taken them yet
    uint64_t free;
    uint64_t cached; // in thread caches
    uint64_t used_bytes;
    uint64_t tail_bytes; // behind the last slot; large: behind the object
    uint64_t resident;   // 0 unless residency was read
    // Summed over all caches; monotonic, never reset:
    uint64_t taken, given, drained; // objects
    uint64_t fill; // what the caches themselves say they hold, objects
};

enum mh_view_span_state { // as in the format
    MH_VIEW_SPAN_DEAD,
    MH_VIEW_SPAN_IN_USE,
    MH_VIEW_SPAN_MANUAL,
};

enum mh_view_list { // as in the format
    MH_VIEW_LIST_NONE,
    MH_VIEW_LIST_PARTIAL,
    MH_VIEW_LIST_CENTRAL,
};

#define MH_VIEW_NO_CACHE UINT32_MAX // span.cache: no thread cache owns it

struct mh_view_span {
    uint64_t base;
    uint64_t bytes;      // of its pages
    uint64_t large_size; // bytes of a large object; 0 for others
    uint64_t start;      // bytes in front of it in its first page
    uint64_t resident;   // bytes of it in memory; 0 unless residency was read
    uint64_t bits;       // where its slot bits lie (mh_view_slot_state)
    uint32_t slot_size;  // 0: large or manual
    uint32_t nslots;     // 1: large; 0: manual
    uint32_t used;       // used + pending + free + cached = nslots
    uint32_t pending;
    uint32_t free;
    uint32_t cached;
    uint32_t owner;  // number of the owner as it stands in the target
    uint32_t cache;  // index in view->caches, or MH_VIEW_NO_CACHE
    uint32_t heap;   // id of its heap
    uint32_t birth;  // spans its arena had made before: larger is younger
    uint32_t arena;  // index in view->arenas
    uint32_t record; // number of its record in that arena
    uint32_t seq;
    uint8_t size_class; // 0: large or manual
    uint8_t state;      // enum mh_view_span_state, never DEAD
    uint8_t list;       // enum mh_view_list
    bool told;          // its owner has been told to drain it
    bool reread;        // it moved at first
};

struct mh_view_arena {
    uint64_t record;         // address of its record
    uint64_t record_bytes;   // of it, and of what lies behind it
    uint64_t page_words;     // address of its page words
    uint64_t pairs;          // address of its live and remote words
    uint64_t metadata_bytes; // of the three
    uint64_t base, bytes;    // what it covers
    uint32_t number;
    uint32_t spans_made; // span records ever used
    uint32_t nspans;     // stable ones in use or manual
    uint32_t unstable;
    // Bytes of its addresses by what they are. The sum is `bytes`.
    uint64_t in_spans;    // small, large and manual spans
    uint64_t page_caches; // free pages that threads keep
    uint64_t free_kept;   // free, not given back
    uint64_t released;    // free, given back or never used
    uint64_t taken;       // taken from the page allocator, no span seen
    uint64_t room;        // reserved for a heap, not mapped yet
    uint64_t foreign;     // not mheap's
    uint64_t used_bytes;  // of objects, in the spans that begin here
    uint64_t resident;    // of `bytes`; 0 unless residency was read
};

enum mh_view_cache_state { // as in the format
    MH_VIEW_CACHE_FREE,
    MH_VIEW_CACHE_IN_USE,
    MH_VIEW_CACHE_SIDE,
    MH_VIEW_CACHE_ORPHAN, // of a thread, and of a heap that was destroyed
};

struct mh_view_bin {
    uint32_t fill; // objects in it now
    uint64_t taken, given, drained;
};

// How many runs of pages of a cache are read, of a target that has more.
enum { MH_VIEW_PAGE_RUNS = 16 };

struct mh_view_cache {
    uint64_t address;
    uint64_t thread; // as the system shows it, 0: none
    uint32_t id;     // its number as an owner of spans
    uint32_t state;  // enum mh_view_cache_state
    uint32_t generation;
    uint32_t heap;                       // id
    uint32_t nspans;                     // stable spans it owns
    uint64_t fill_objects, fill_bytes;   // in its bins
    uint64_t page_base;                  // of its 64 pages, or 0
    uint64_t pages_free, pages_released; // bit per page
    // Runs it keeps: the address, and in the low bits how many pages. 0: none.
    uint64_t runs[MH_VIEW_PAGE_RUNS];
    struct mh_view_bin *bins; // view->nclasses of them
};

enum mh_view_heap_state { MH_VIEW_HEAP_FREE, MH_VIEW_HEAP_LIVE };

struct mh_view_heap {
    uint64_t address;
    uint32_t id, generation;
    uint32_t state; // enum mh_view_heap_state
    char name[32];
    uint64_t total_pages, free_pages, released_pages; // as it counts itself
    uint64_t room_next, room_end;                     // [next, end) unmapped
    // Monotonic, never reset:
    uint64_t large_allocs, large_alloc_bytes, large_frees, large_free_bytes;
    uint64_t spans_made, spans_freed, released_bytes, remote_frees, grown_bytes;
    // Summed over its stable spans:
    uint64_t nspans, used, used_bytes;
};

// Address space a heap holds, sorted by base, not overlapping.
struct mh_view_extent {
    uint64_t base, bytes;
    uint32_t heap;
};

// What a stretch of a heap's addresses is. Runs partition the extents: sorted
// by base, touching, as long as they can be; a run never crosses an extent.
enum mh_view_kind {
    MH_KIND_SMALL,      // span of a size class
    MH_KIND_LARGE,      // span of one large object
    MH_KIND_MANUAL,     // span somebody manages by hand
    MH_KIND_PAGE_CACHE, // free pages a thread keeps, in memory or not
    MH_KIND_PAGE_CACHE_RELEASED,
    MH_KIND_FREE,     // free, kept
    MH_KIND_RELEASED, // free, given back or never used
    MH_KIND_TAKEN,    // allocated, but no stable span covers it
    MH_KIND_ROOM,     // reserved, not mapped
    MH_KIND_FOREIGN,  // no heap's
    MH_NKINDS,
};

struct mh_view_run {
    uint64_t base, bytes;
    uint64_t resident; // bytes; 0 unless residency was read
    uint32_t heap;
    uint8_t kind; // enum mh_view_kind
};

// One purpose of the library's own books.
struct mh_view_book {
    char name[16]; // "heap", "spans", "caches", "profile", "gc", "other"
    uint64_t reserved, prepared, ready, reserved_peak, calls, failures;
};

// The limits of memory and what they count, in bytes; a limit of 0 is none.
struct mh_view_limits {
    bool known; // false: a library that has none
    uint64_t soft, hard, counted, refusals;
};

// Where metadata lies.
struct mh_view_metadata {
    uint64_t base, bytes;
    uint64_t resident; // bytes; 0 unless residency was read
    const char *what;  // "arena", "window", "records", "caches", "arena map"
    bool reserved;     // addresses only, not Ready
};

// Something that cannot be, with a stable code (docs/inspection.md lists them).
struct mh_finding {
    char code[8]; // "MH0107"
    uint64_t address;
    char text[116];
};

struct mh_view_options {
    uint64_t root;      // address of a root; 0: the first of mh_view_find
    bool residency;     // read the page tables: needed for ledger and resident
    uint64_t max_bytes; // the view may take; 0: as the header says
    char *why;          // may be NULL; gets the reason for NEWER and CORRUPT
    size_t why_size;
    // Called now and then while reading; may be NULL. done of total arenas.
    void (*progress)(void *context, uint64_t done, uint64_t total);
    void *context;
};

// How often locks were taken, ever, by any thread.
struct mh_view_locks {
    uint64_t heap, central, side; // of all heaps, one each, one a class, one
    uint64_t registry, arenas;    // of the process
    uint64_t records;             // one an arena
    uint64_t contended;           // of all these: another thread held it
};

struct mh_view {
    struct mh_view_root root;
    bool big_endian;
    uint32_t pointer_bytes;
    uint32_t page_shift, arena_shift, granule_shift;
    uint32_t pair_bytes, chunk_pages;
    uint64_t process_id; // as the target sees itself
    size_t system_page;  // bytes

    struct mh_view_class *classes; // by number; 0 is large
    size_t nclasses;
    struct mh_view_arena *arenas; // by base
    size_t narenas;
    struct mh_view_span *spans; // stable ones, by base, not overlapping
    size_t nspans;
    struct mh_view_cache *caches; // by id
    size_t ncaches;
    struct mh_view_heap *heaps; // by id; free ones included
    size_t nheaps;
    struct mh_view_extent *extents;
    size_t nextents;
    struct mh_view_run *runs;
    size_t nruns;
    struct mh_view_metadata *metadata;
    size_t nmetadata;
    struct mh_view_book *books;
    size_t nbooks;
    struct mh_view_limits limits;
    struct mh_finding *findings; // at most MH_VIEW_MAX_FINDINGS
    size_t nfindings;            // kept
    uint64_t findings_total;

    bool has_locks; // the target counts them
    struct mh_view_locks locks;

    // Consistency.
    bool partial;            // something could not be read; a finding says what
    bool has_residency;      // resident figures were measured
    uint64_t unstable;       // spans that moved in every try
    uint64_t unstable_bytes; // of them, as last seen
    uint64_t retried;        // spans read more than once
    uint64_t process_resident;  // bytes resident in the whole process
    uint64_t swapped;           // bytes of mheap in swap
    uint64_t reads, read_bytes; // what it took
    uint64_t elapsed_ns;

    uint64_t *bits; // slot bits of all spans
    size_t nbits;   // words
};

// mh_view_open reads a target. On success *view_out is the caller's, to be
// closed. A target that is damaged but readable gives MH_VIEW_OK with findings;
// see `partial`. On failure *view_out is NULL.
enum mh_view_status mh_view_open(struct mh_target *target,
                                 const struct mh_view_options *options,
                                 struct mh_view **view_out);
void mh_view_close(struct mh_view *view);

// mh_view_status_name is a short phrase, for messages.
const char *mh_view_status_name(enum mh_view_status status);
const char *mh_view_kind_name(unsigned kind); // "small", "released", …

// ---- asking -----------------------------------------------------------------

// The state of a slot; the first that applies. TAIL is no slot.
enum mh_slot_state {
    MH_SLOT_USED,    // live, and nobody else freed it
    MH_SLOT_PENDING, // freed by another thread, still with the owner
    MH_SLOT_FREE,
    MH_SLOT_CACHED, // in its owner's thread cache
    MH_SLOT_TAIL,   // behind the last slot
};
const char *mh_slot_state_name(enum mh_slot_state state);

// mh_view_slot_state is the state of slot < span->nslots.
enum mh_slot_state mh_view_slot_state(const struct mh_view *view,
                                      const struct mh_view_span *span,
                                      uint32_t slot);

// mh_view_next_used is the first used slot >= from, or span->nslots. The object
// is at span->base + slot * span->slot_size.
uint32_t mh_view_next_used(const struct mh_view *view,
                           const struct mh_view_span *span, uint32_t from);

// mh_view_object_size is what the program may write in one object of the span.
uint64_t mh_view_object_size(const struct mh_view_span *span);

// mh_view_span_at, mh_view_run_at and mh_view_arena_at find what covers an
// address; NULL when nothing does.
const struct mh_view_span *mh_view_span_at(const struct mh_view *view,
                                           uint64_t address);
const struct mh_view_run *mh_view_run_at(const struct mh_view *view,
                                         uint64_t address);
const struct mh_view_arena *mh_view_arena_at(const struct mh_view *view,
                                             uint64_t address);

// mh_view_heap_by_id and mh_view_cache_of; NULL when there is none.
const struct mh_view_heap *mh_view_heap_by_id(const struct mh_view *view,
                                              uint32_t id);
const struct mh_view_cache *mh_view_cache_of(const struct mh_view *view,
                                             const struct mh_view_span *span);

// Everything that is known of one address.
struct mh_view_place {
    const struct mh_view_run *run;           // NULL: not in a heap
    const struct mh_view_span *span;         // NULL: in no span
    const struct mh_view_arena *arena;       // NULL: in no arena
    const struct mh_view_metadata *metadata; // NULL: not metadata
    enum mh_slot_state state; // with a span: of the slot, or TAIL
    uint32_t slot;            // with a span, not TAIL
    uint64_t object;          // its address
    uint64_t object_bytes;    // what the program may write there
    uint64_t offset;          // of the address in it
};

void mh_view_locate(const struct mh_view *view, uint64_t address,
                    struct mh_view_place *place_out);

#endif // MHEAP_INSPECT_VIEW_H
