// heapctl_fixture.c - a heap made up in memory, and verbs run on it.

#include "tests/heapctl/heapctl_fixture.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

enum {
    NSPANS = 5,
    NRUNS = 9,
    NCLASSES = 3,
    BITS_WORDS = 64,
    PAGE = 8192,
    MEBI = 1 << 20,
    WORDS_MAX = 16,
};

static const struct mh_view_class classes[NCLASSES] = {
    {.slot_size = 0},
    {.slot_size = 16, .npages = 2, .nslots = 1024, .cache_slots = 64},
    {.slot_size = 1024, .npages = 4, .nslots = 31, .cache_slots = 32},
};

// Small spans: used slots come first, then pending, free and cached ones.
static const struct mh_view_span spans[NSPANS] = {
    {.base = FIXTURE_BASE,
     .bytes = 2 * PAGE,
     .resident = 2 * PAGE,
     .slot_size = 16,
     .nslots = 1024,
     .used = 700,
     .pending = 4,
     .free = 256,
     .cached = 64,
     .owner = 1,
     .cache = 0,
     .size_class = 1,
     .birth = 0,
     .state = MH_VIEW_SPAN_IN_USE,
     .list = MH_VIEW_LIST_PARTIAL},
    {.base = FIXTURE_FULL,
     .bytes = 4 * PAGE,
     .resident = 4 * PAGE,
     .slot_size = 1024,
     .nslots = 31,
     .used = 31,
     .owner = 2,
     .cache = 1,
     .size_class = 2,
     .birth = 1,
     .state = MH_VIEW_SPAN_IN_USE},
    {.base = FIXTURE_SPARSE,
     .bytes = 4 * PAGE,
     .resident = PAGE,
     .slot_size = 1024,
     .nslots = 31,
     .used = 1,
     .free = 30,
     .cache = MH_VIEW_NO_CACHE,
     .size_class = 2,
     .birth = 2,
     .state = MH_VIEW_SPAN_IN_USE,
     .list = MH_VIEW_LIST_CENTRAL},
    {.base = FIXTURE_LARGE,
     .bytes = 129 * PAGE,
     .resident = 128 * PAGE,
     .large_size = MEBI + 100,
     .nslots = 1,
     .used = 1,
     .owner = 0xffffff,
     .cache = MH_VIEW_NO_CACHE,
     .birth = 3,
     .state = MH_VIEW_SPAN_IN_USE},
    {.base = FIXTURE_MANUAL,
     .bytes = 2 * PAGE,
     .resident = PAGE,
     .owner = 0xfffffe,
     .cache = MH_VIEW_NO_CACHE,
     .birth = 4,
     .state = MH_VIEW_SPAN_MANUAL},
};

// The first extent is an arena, the second the beginning of another.
static const struct mh_view_run runs[NRUNS] = {
    {FIXTURE_BASE, 10 * PAGE, 7 * PAGE, 0, MH_KIND_SMALL},
    {FIXTURE_LARGE, 129 * PAGE, 128 * PAGE, 0, MH_KIND_LARGE},
    {FIXTURE_MANUAL, 2 * PAGE, PAGE, 0, MH_KIND_MANUAL},
    {FIXTURE_BASE + 141 * PAGE, 4 * PAGE, 4 * PAGE, 0, MH_KIND_PAGE_CACHE},
    {FIXTURE_BASE + 145 * PAGE, 111 * PAGE, 100 * PAGE, 0, MH_KIND_FREE},
    {FIXTURE_BASE + 256 * PAGE, 256 * PAGE, 2 * PAGE, 0, MH_KIND_RELEASED},
    {FIXTURE_BASE + 512 * PAGE, 7680 * PAGE, 0, 0, MH_KIND_ROOM},
    {FIXTURE_ARENA2, PAGE, PAGE, 0, MH_KIND_TAKEN},
    {FIXTURE_ARENA2 + PAGE, 511 * PAGE, 0, 0, MH_KIND_RELEASED},
};

static const struct mh_view_extent extents[] = {
    {FIXTURE_BASE, 64 * MEBI, 0},
    {FIXTURE_ARENA2, 4 * MEBI, 0},
};

static const struct mh_view_cache caches[] = {
    {.thread = 4242,
     .id = 1,
     .state = MH_VIEW_CACHE_IN_USE,
     .nspans = 1,
     .fill_objects = 64,
     .fill_bytes = 1024},
    {.thread = 4243, .id = 2, .state = MH_VIEW_CACHE_IN_USE, .nspans = 1},
    {.id = 3, .state = MH_VIEW_CACHE_FREE},
};

static const struct mh_view_heap heaps[] = {
    {.id = 0,
     .state = MH_VIEW_HEAP_LIVE,
     .name = "default",
     .total_pages = 1024,
     .free_pages = 882,
     .released_pages = 767,
     .spans_made = 9,
     .spans_freed = 4,
     .released_bytes = 767 * PAGE,
     .nspans = 5,
     .used = 733,
     .used_bytes = 700 * 16 + 32 * 1024},
    {.id = 1, .state = MH_VIEW_HEAP_FREE, .name = "gone"},
};

static const struct mh_view_metadata metadata[] = {
    {FIXTURE_RECORD, 2 * MEBI, 40 * PAGE, "arena", false},
    {FIXTURE_RECORD + 2 * MEBI, MEBI / 4, 2 * PAGE, "records", false},
};

static const struct mh_view_book books[] = {
    {"heap", 62914560, 6283264, 2113536, 68 * MEBI, 12, 0},
    {"spans", 0, 0, MEBI * 9 / 4, MEBI * 9 / 4, 3, 1},
};

static void *copy(const void *from, size_t size) {
    void *to = malloc(size);

    ck_assert_ptr_nonnull(to);
    memcpy(to, from, size);
    return to;
}

// Two words of bits for each 64 slots, low bits first: enum mh_slot_state.
static size_t put_bits(struct mh_view *view, struct mh_view_span *span,
                       size_t at) {
    size_t words = ((size_t)span->nslots + 63) / 64;
    uint32_t counts[] = {span->used, span->pending, span->free, span->cached};
    uint32_t slot = 0;

    span->bits = at;
    for (unsigned state = 0; state < 4; state++) {
        for (uint32_t i = 0; i < counts[state]; i++, slot++) {
            uint64_t bit = UINT64_C(1) << (slot % 64);
            view->bits[at + slot / 64] |= (state & 1) != 0 ? bit : 0;
            view->bits[at + words + slot / 64] |= (state & 2) != 0 ? bit : 0;
        }
    }
    return at + 2 * words;
}

static void add_to_class(struct mh_view *view,
                         const struct mh_view_span *span) {
    struct mh_view_class *c = &view->classes[span->size_class];

    if (span->state != MH_VIEW_SPAN_IN_USE) {
        return;
    }
    c->nspans++;
    c->span_bytes += span->bytes;
    c->slots += span->nslots;
    c->used += span->used;
    c->pending += span->pending;
    c->free += span->free;
    c->cached += span->cached;
    c->used_bytes += span->used * mh_view_object_size(span);
    c->tail_bytes += span->bytes - span->nslots * mh_view_object_size(span);
    c->resident += span->resident;
}

static void make_arenas(struct mh_view *view) {
    view->narenas = 2;
    view->arenas = calloc(view->narenas, sizeof(*view->arenas));
    ck_assert_ptr_nonnull(view->arenas);
    view->arenas[0] =
        (struct mh_view_arena){.record = FIXTURE_RECORD,
                               .metadata_bytes = 2 * MEBI,
                               .base = FIXTURE_BASE,
                               .bytes = 64 * MEBI,
                               .number = 0,
                               .spans_made = 9,
                               .nspans = NSPANS,
                               .in_spans = 141 * PAGE,
                               .page_caches = 4 * PAGE,
                               .free_kept = 111 * PAGE,
                               .released = 256 * PAGE,
                               .room = 7680 * PAGE,
                               .used_bytes = 700 * 16 + 32 * 1024 + MEBI + 100,
                               .resident = 240 * PAGE};
    view->arenas[1] =
        (struct mh_view_arena){.record = FIXTURE_RECORD + 4 * MEBI,
                               .base = FIXTURE_ARENA2,
                               .bytes = 64 * MEBI,
                               .number = 1,
                               .unstable = 1,
                               .taken = PAGE,
                               .released = 511 * PAGE,
                               .foreign = 60 * MEBI,
                               .resident = PAGE};
}

struct mh_view *fixture_view(void) {
    struct mh_view *view = calloc(1, sizeof(*view));

    ck_assert_ptr_nonnull(view);
    view->root = (struct mh_view_root){.address = 0x7f1000,
                                       .by_note = true,
                                       .major = 1,
                                       .used = true,
                                       .file = "/usr/lib/libmheap_malloc.so",
                                       .version = "0.1.0"};
    view->pointer_bytes = 8;
    view->page_shift = 13;
    view->arena_shift = 26;
    view->system_page = 4096;
    view->classes = copy(classes, sizeof(classes));
    view->nclasses = NCLASSES;
    view->spans = copy(spans, sizeof(spans));
    view->nspans = NSPANS;
    view->caches = copy(caches, sizeof(caches));
    view->ncaches = sizeof(caches) / sizeof(caches[0]);
    view->heaps = copy(heaps, sizeof(heaps));
    view->nheaps = sizeof(heaps) / sizeof(heaps[0]);
    view->extents = copy(extents, sizeof(extents));
    view->nextents = sizeof(extents) / sizeof(extents[0]);
    view->runs = copy(runs, sizeof(runs));
    view->nruns = NRUNS;
    view->metadata = copy(metadata, sizeof(metadata));
    view->nmetadata = sizeof(metadata) / sizeof(metadata[0]);
    view->books = copy(books, sizeof(books));
    view->nbooks = sizeof(books) / sizeof(books[0]);
    view->limits = (struct mh_view_limits){true, 4 * MEBI, 6 * MEBI,
                                           2113536 + MEBI * 9 / 4, 3};
    view->bits = calloc(BITS_WORDS, sizeof(*view->bits));
    ck_assert_ptr_nonnull(view->bits);
    view->nbits = BITS_WORDS;
    for (size_t i = 0, at = 0; i < NSPANS; i++) {
        at = put_bits(view, &view->spans[i], at);
        add_to_class(view, &view->spans[i]);
    }
    make_arenas(view);
    view->has_residency = true;
    view->unstable = 1;
    view->unstable_bytes = PAGE;
    view->retried = 3;
    view->process_resident = 8 * MEBI;
    view->reads = 21;
    view->read_bytes = 3 * MEBI;
    view->has_locks = true;
    view->locks = (struct mh_view_locks){12345, 67, 8, 9, 1, 18, 2};
    view->elapsed_ns = 1234567;
    return view;
}

void fixture_free(struct mh_view *view) {
    free(view->classes);
    free(view->spans);
    free(view->caches);
    free(view->heaps);
    free(view->extents);
    free(view->runs);
    free(view->metadata);
    free(view->books);
    free(view->bits);
    free(view->arenas);
    free(view->findings);
    free(view);
}

// Splits line at blanks; underscores become blanks.
static int split(char *line, char **words) {
    int n = 0;

    for (char *word = strtok(line, " "); word != NULL;
         word = strtok(NULL, " ")) {
        ck_assert_int_lt(n, WORDS_MAX);
        words[n++] = word;
        for (; *word != '\0'; word++) {
            *word = *word == '_' ? ' ' : *word;
        }
    }
    return n;
}

struct fixture_result fixture_run(const struct mh_view *view, const char *line,
                                  const char *input) {
    struct fixture_result result = {0};
    struct hc_args args = {.options = {.top = UINT64_MAX}};
    size_t out_size, err_size;
    char *words[WORDS_MAX];
    char *own = strdup(line);
    int n = split(own, words);
    const struct hc_command *command = hc_command_find(words[0]);

    ck_assert_ptr_nonnull(command);
    ck_assert_msg(hc_args_parse(n - 1, words + 1,
                                command->options | HC_OPT_COLOR,
                                command->stop_at_word, &args) == HC_OK,
                  "%s: %s", line, args.error);
    struct hc_context ctx = {
        .out = open_memstream(&result.out, &out_size),
        .err = open_memstream(&result.err, &err_size),
        .in =
            input != NULL ? fmemopen((void *)input, strlen(input), "r") : NULL,
        .options = args.options,
        .words = args.words,
        .nwords = args.nwords,
        .color = args.options.color == HC_COLOR_ALWAYS,
        .utf8 = (args.options.given & HC_OPT_ASCII) == 0,
        .width = 80,
        .target_word = "webd",
        .process = {.pid = 4242, .name = "webd", .uid = 33},
        .view = view,
    };
    result.status = command->run(&ctx);
    int partial = hc_report_findings(&ctx);
    result.status = result.status == HC_OK ? partial : result.status;
    (void)fclose(ctx.out);
    (void)fclose(ctx.err);
    if (ctx.in != NULL) {
        (void)fclose(ctx.in);
    }
    free(own);
    return result;
}

struct fixture_result fixture_main(const char *line) {
    struct fixture_result result = {0};
    size_t out_size, err_size;
    char *words[WORDS_MAX + 1] = {"heapctl"};
    char *own = strdup(line);
    int n = split(own, words + 1);
    FILE *out = open_memstream(&result.out, &out_size);
    FILE *err = open_memstream(&result.err, &err_size);

    result.status = hc_main(n + 1, words, stdin, out, err);
    (void)fclose(out);
    (void)fclose(err);
    free(own);
    return result;
}

void fixture_result_free(struct fixture_result *result) {
    free(result->out);
    free(result->err);
}
