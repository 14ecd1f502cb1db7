// cmd_what.c - `heapctl what TARGET ADDR…`: a line of prose per address.

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "tools/heapctl/heapctl.h"
#include "tools/heapctl/json_out.h"
#include "tools/heapctl/plain.h"
#include "tools/heapctl/span_row.h"
#include "tools/heapctl/units.h"

enum { PROSE = 512 };

struct asker {
    struct hc_context *ctx;
    struct mh_target_map *maps; // of the target, read when first needed
    size_t nmaps;
    bool maps_read;
    uint64_t answered;
};

struct prose {
    char text[PROSE];
    size_t length;
};

MH_PRINTF(2, 3)
static void say(struct prose *prose, const char *format, ...) {
    va_list args;
    size_t left = PROSE - prose->length;

    va_start(args, format);
    int n = vsnprintf(prose->text + prose->length, left, format, args);
    va_end(args);
    if (n > 0) {
        prose->length += (size_t)n < left ? (size_t)n : left - 1;
    }
}

static void say_size(struct prose *prose, uint64_t bytes) {
    char text[HC_UNIT_TEXT];

    if (bytes < 1024) {
        say(prose, "%" PRIu64 " bytes", bytes);
    } else {
        say(prose, "%" PRIu64 " bytes (%s)", bytes,
            hc_format_bytes(text, bytes, false));
    }
}

static void say_span(const struct mh_view *view, struct prose *prose,
                     const struct mh_view_span *span) {
    const struct mh_view_heap *heap = mh_view_heap_by_id(view, span->heap);

    say(prose,
        " of %" PRIu32 " (%" PRIu32 " used), class %u, span 0x%" PRIx64
        ", arena %" PRIu32,
        span->nslots, span->used, span->size_class, span->base,
        view->arenas[span->arena].number);
    if (heap != NULL && view->nheaps > 1) {
        say(prose, ", heap %" PRIu32, heap->id);
    }
}

static void say_owner(const struct mh_view *view, struct prose *prose,
                      const struct mh_view_span *span) {
    const struct mh_view_cache *cache = mh_view_cache_of(view, span);

    if (cache == NULL) {
        say(prose, ", no thread owns it");
    } else if (cache->thread != 0) {
        say(prose, ", owned by thread %" PRIu64, cache->thread);
    } else {
        say(prose, ", owned by cache %" PRIu32, cache->id);
    }
}

static const char *slot_phrase(enum mh_slot_state state) {
    switch (state) {
    case MH_SLOT_USED:
        return "used object of ";
    case MH_SLOT_PENDING:
        return "object freed by another thread, not yet taken back, of ";
    case MH_SLOT_FREE:
        return "free slot of ";
    case MH_SLOT_CACHED:
        return "free slot in a thread cache, of ";
    default:
        return "waste behind the last slot of a span of slots of ";
    }
}

static void say_large(const struct mh_view *view, struct prose *prose,
                      const struct mh_view_place *place) {
    const struct mh_view_span *span = place->span;

    if (place->state == MH_SLOT_TAIL) {
        say(prose, "waste %s the large object at 0x%" PRIx64 " of ",
            span->start != 0 ? "beside" : "behind", span->base + span->start);
        say_size(prose, span->large_size);
    } else {
        say(prose, "%s large object of ",
            place->state == MH_SLOT_USED ? "used" : "freed");
        say_size(prose, span->large_size);
        say(prose, " (+0x%" PRIx64 ")", place->offset);
    }
    say(prose, ", %" PRIu64 " pages at 0x%" PRIx64 ", arena %" PRIu32,
        span->bytes >> view->page_shift, span->base,
        view->arenas[span->arena].number);
}

static void say_slot(const struct mh_view *view, struct prose *prose,
                     const struct mh_view_place *place) {
    say(prose, "%s", slot_phrase(place->state));
    say_size(prose, place->span->slot_size);
    if (place->state == MH_SLOT_TAIL) {
        say(prose, ", slots 0 to %" PRIu32, place->span->nslots - 1);
    } else {
        say(prose, " (+0x%" PRIx64 "), slot %" PRIu32, place->offset,
            place->slot);
    }
    say_span(view, prose, place->span);
    say_owner(view, prose, place->span);
}

static const char *run_phrase(unsigned kind) {
    switch (kind) {
    case MH_KIND_PAGE_CACHE:
        return "free pages that a thread keeps";
    case MH_KIND_PAGE_CACHE_RELEASED:
        return "free pages that a thread keeps, given back to the system";
    case MH_KIND_FREE:
        return "free pages, kept";
    case MH_KIND_RELEASED:
        return "free pages, given back to the system or never used";
    case MH_KIND_TAKEN:
        return "allocated pages, in no span that held still while being read";
    case MH_KIND_ROOM:
        return "address space reserved for the heap, not used yet";
    case MH_KIND_FOREIGN:
        return "between pieces of the heap, not mheap's";
    default:
        return "pages of a span that changed while being read";
    }
}

static const struct mh_target_map *map_at(struct asker *asker,
                                          uint64_t address) {
    struct mh_target *target = asker->ctx->target;

    if (!asker->maps_read && target != NULL) {
        asker->maps_read = true;
        if (mh_target_maps(target, &asker->maps, &asker->nmaps) !=
            MH_TARGET_OK) {
            asker->nmaps = 0;
        }
    }
    for (size_t i = 0; i < asker->nmaps; i++) {
        if (asker->maps[i].start <= address && address < asker->maps[i].end) {
            return &asker->maps[i];
        }
    }
    return NULL;
}

static void say_elsewhere(struct asker *asker, struct prose *prose,
                          uint64_t address) {
    const struct mh_target_map *map = map_at(asker, address);
    char path[sizeof(map->path)];

    if (map == NULL) {
        say(prose,
            asker->nmaps != 0 ? "not mapped: nothing is there" : "not mheap's");
        return;
    }
    say(prose, "not mheap's: %s (+0x%" PRIx64 ") of the process, %s%s%s",
        map->path[0] != '\0' ? hc_plain(path, sizeof(path), map->path)
                             : "anonymous memory",
        address - map->start, map->readable ? "readable" : "not readable",
        map->writable ? ", writable" : "",
        map->executable ? ", executable" : "");
}

// What stands behind the page of an address, as far as the system tells; NULL
// where there is no page.
static const char *page_word(struct asker *asker,
                             const struct mh_view_place *place,
                             uint64_t address) {
    struct hc_context *ctx = asker->ctx;
    bool is_ours =
        place->span != NULL || place->run != NULL || place->metadata != NULL;
    enum mh_target_page page;
    uint64_t size = ctx->view->system_page;

    if (ctx->target == NULL || size == 0 ||
        (!is_ours && map_at(asker, address) == NULL) ||
        mh_target_pages(ctx->target, address & ~(size - 1), 1, &page) !=
            MH_TARGET_OK) {
        return NULL;
    }
    switch (page) {
    case MH_TARGET_PAGE_RESIDENT:
        return "resident";
    case MH_TARGET_PAGE_SWAPPED:
        return "swapped out";
    case MH_TARGET_PAGE_SHARED:
        return "shared or zero page";
    default:
        return "not in memory";
    }
}

static const char *kind_word(const struct mh_view_place *place) {
    if (place->span != NULL) {
        return place->span->state == MH_VIEW_SPAN_MANUAL
                   ? "manual"
                   : mh_slot_state_name(place->state);
    }
    if (place->metadata != NULL) {
        return "metadata";
    }
    return place->run != NULL ? mh_view_kind_name(place->run->kind)
                              : "elsewhere";
}

static void explain(struct asker *asker, const struct mh_view_place *place,
                    uint64_t address, struct prose *prose) {
    const struct mh_view *view = asker->ctx->view;
    const struct mh_view_span *span = place->span;

    if (span != NULL && span->state == MH_VIEW_SPAN_MANUAL) {
        say(prose, "manual pages: %" PRIu64 " at 0x%" PRIx64,
            span->bytes >> view->page_shift, span->base);
    } else if (span != NULL && span->slot_size == 0) {
        say_large(view, prose, place);
    } else if (span != NULL) {
        say_slot(view, prose, place);
    } else if (place->metadata != NULL) {
        say(prose, "mheap's own metadata (%s), +0x%" PRIx64 " of 0x%" PRIx64,
            place->metadata->what, address - place->metadata->base,
            place->metadata->base);
    } else if (place->run != NULL) {
        say(prose, "%s: ", run_phrase(place->run->kind));
        say_size(prose, place->run->bytes);
        say(prose, " at 0x%" PRIx64, place->run->base);
    } else {
        say_elsewhere(asker, prose, address);
    }
}

static void print_json(struct asker *asker, const struct mh_view_place *place,
                       uint64_t address, const struct prose *prose) {
    FILE *out = asker->ctx->out;
    struct hc_json *object = hc_json_new_object();
    const struct mh_view_span *span = place->span;

    hc_json_address(object, "address", address);
    hc_json_text(object, "kind", kind_word(place));
    hc_json_text(object, "text", prose->text);
    hc_json_text(object, "page", page_word(asker, place, address));
    if (span != NULL) {
        hc_json_address(object, "span", span->base);
        hc_json_number(object, "class", span->size_class);
        hc_json_number(object, "heap", span->heap);
        hc_json_number(object, "arena",
                       asker->ctx->view->arenas[span->arena].number);
    }
    if (span != NULL && span->state == MH_VIEW_SPAN_IN_USE &&
        place->state != MH_SLOT_TAIL) {
        hc_json_address(object, "object", place->object);
        hc_json_number(object, "object_bytes", place->object_bytes);
        hc_json_number(object, "offset", place->offset);
        hc_json_number(object, "slot", place->slot);
    }
    (void)fputs(asker->answered == 0 ? "\n" : ",", out);
    hc_json_print(out, object);
}

static void answer(struct asker *asker, uint64_t address) {
    struct hc_context *ctx = asker->ctx;
    struct mh_view_place place;
    struct prose prose = {.length = 0};

    mh_view_locate(ctx->view, address, &place);
    explain(asker, &place, address, &prose);
    if (hc_is_json(ctx)) {
        print_json(asker, &place, address, &prose);
    } else {
        const char *page = page_word(asker, &place, address);
        (void)fprintf(ctx->out, "0x%" PRIx64 "  %s%s%s\n", address, prose.text,
                      page != NULL ? ", " : "", page != NULL ? page : "");
    }
    asker->answered++;
}

static int answer_word(struct asker *asker, const char *word) {
    uint64_t address;

    if (!hc_parse_address(word, &address)) {
        return hc_error(asker->ctx, HC_USAGE, "what: '%s' is not an address",
                        word);
    }
    answer(asker, address);
    return HC_OK;
}

// Words separated by blanks or line ends, answered as they come.
static int answer_stream(struct asker *asker) {
    char word[64];

    while (fscanf(asker->ctx->in, "%63s", word) == 1) {
        int status = answer_word(asker, word);
        if (status != HC_OK) {
            return status;
        }
        hc_flush(asker->ctx);
        if (hc_out_broken(asker->ctx)) {
            break;
        }
    }
    return ferror(asker->ctx->in)
               ? hc_error(asker->ctx, HC_INTERNAL,
                          "what: standard input cannot be read")
               : HC_OK;
}

// Words that are wrong are found before anything is printed.
static int check_words(struct hc_context *ctx) {
    uint64_t address;

    for (int i = 0; i < ctx->nwords; i++) {
        if (strcmp(ctx->words[i], "-") != 0 &&
            !hc_parse_address(ctx->words[i], &address)) {
            return hc_error(ctx, HC_USAGE, "what: '%s' is not an address",
                            ctx->words[i]);
        }
    }
    return HC_OK;
}

static int run_what(struct hc_context *ctx) {
    struct asker asker = {.ctx = ctx};
    int status = check_words(ctx);

    if (status != HC_OK) {
        return status;
    }
    if (hc_is_json(ctx)) {
        hc_json_begin(ctx, "what");
        (void)fputs("{\"rows\":[", ctx->out);
    }
    for (int i = 0; i < ctx->nwords && status == HC_OK; i++) {
        status = strcmp(ctx->words[i], "-") == 0
                     ? answer_stream(&asker)
                     : answer_word(&asker, ctx->words[i]);
    }
    if (hc_is_json(ctx)) {
        (void)fputs("]}", ctx->out);
        hc_json_end(ctx);
    }
    free(asker.maps);
    return status;
}

const struct hc_command hc_cmd_what = {
    .name = "what",
    .summary = "what lies at an address, in one line of prose each",
    .usage = "TARGET ADDR... | -",
    .help =
        "Addresses are hexadecimal, with or without 0x. '-' reads them from\n"
        "standard input, separated by blanks or line ends.\n"
        "\n"
        "examples:\n"
        "  heapctl what webd 0xc000a2c040\n"
        "  heapctl what webd c000a2c040 c000a2c080 --json\n"
        "  grep -o '0xc0[0-9a-f]*' trace | heapctl what webd -\n",
    .options = HC_OPTS_VIEW & ~HC_OPT_BYTES,
    .wants_target = true,
    .min_words = 1,
    .max_words = -1,
    .run = run_what,
};
