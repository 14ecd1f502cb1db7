// view_oracle.c - what no view may ever say, whatever the target was doing.

#include "tests/inspect/view_oracle.h"

#include <stddef.h>

#include "inspect/ledger.h"

static const char *span_fault(const struct mh_view *view,
                              const struct mh_view_span *span) {
    uint32_t counts[MH_SLOT_TAIL + 1] = {0};
    uint32_t walked = 0;

    if (span->state == MH_VIEW_SPAN_DEAD) {
        return "a dead span";
    }
    if ((uint64_t)span->used + span->pending + span->free + span->cached !=
        span->nslots) {
        return "slots that do not add up";
    }
    if ((uint64_t)span->nslots * span->slot_size > span->bytes ||
        span->used * mh_view_object_size(span) > span->bytes) {
        return "more in use than the span has";
    }
    if (span->resident > span->bytes) {
        return "more resident than the span has";
    }
    for (uint32_t slot = 0; slot < span->nslots; slot++) {
        counts[mh_view_slot_state(view, span, slot)]++;
    }
    if (counts[MH_SLOT_USED] != span->used ||
        counts[MH_SLOT_PENDING] != span->pending ||
        counts[MH_SLOT_FREE] != span->free ||
        counts[MH_SLOT_CACHED] != span->cached) {
        return "slot bits that differ from their counts";
    }
    for (uint32_t slot = mh_view_next_used(view, span, 0); slot < span->nslots;
         slot = mh_view_next_used(view, span, slot + 1)) {
        walked++;
    }
    return walked == span->used ? NULL : "a walk that misses objects";
}

static const char *spans_fault(const struct mh_view *view) {
    for (size_t i = 0; i < view->nspans; i++) {
        const struct mh_view_span *span = &view->spans[i];
        const char *fault = span_fault(view, span);
        if (fault != NULL) {
            return fault;
        }
        if (i > 0 && span[-1].base + span[-1].bytes > span->base) {
            return "spans that overlap";
        }
        if (mh_view_span_at(view, span->base + span->bytes - 1) != span) {
            return "a span that is not found again";
        }
    }
    return NULL;
}

static const char *runs_fault(const struct mh_view *view) {
    uint64_t in_runs = 0, in_spans = 0, in_extents = 0, all = 0;

    for (size_t i = 0; i < view->nruns; i++) {
        const struct mh_view_run *run = &view->runs[i];
        if (run->bytes == 0 || run->resident > run->bytes) {
            return "a run with more resident than it has";
        }
        if (i > 0 && run[-1].base + run[-1].bytes > run->base) {
            return "runs that overlap";
        }
        all += run->bytes;
        in_runs += run->kind <= MH_KIND_MANUAL ? run->bytes : 0;
    }
    for (size_t i = 0; i < view->nspans; i++) {
        in_spans += view->spans[i].bytes;
    }
    for (size_t i = 0; i < view->nextents; i++) {
        in_extents += view->extents[i].bytes;
    }
    if (in_runs != in_spans) {
        return "runs of spans that are not the spans";
    }
    return all == in_extents ? NULL : "runs that do not fill their extents";
}

static const char *arenas_fault(const struct mh_view *view) {
    for (size_t i = 0; i < view->narenas; i++) {
        const struct mh_view_arena *arena = &view->arenas[i];
        uint64_t sum = arena->in_spans + arena->page_caches + arena->free_kept +
                       arena->released + arena->taken + arena->room +
                       arena->foreign;
        if (sum != arena->bytes || arena->resident > arena->bytes) {
            return "an arena that does not add up";
        }
        if (i > 0 && arena[-1].base + arena[-1].bytes > arena->base) {
            return "arenas that overlap";
        }
    }
    return NULL;
}

static const char *sums_fault(const struct mh_view *view) {
    struct mh_ledger ledger;
    uint64_t used = 0, bytes = 0;

    mh_ledger_make(view, &ledger);
    for (size_t i = 0; i < view->nclasses; i++) {
        const struct mh_view_class *class = &view->classes[i];
        if (class->used + class->pending + class->free + class->cached !=
            class->slots) {
            return "a class that does not add up";
        }
        used += class->used;
        bytes += class->used_bytes;
    }
    if (used != ledger.live_objects || bytes != ledger.live) {
        return "classes that differ from the ledger";
    }
    if (ledger.sum + ledger.released + ledger.room < ledger.live) {
        return "a ledger that wraps";
    }
    if (view->nfindings > MH_VIEW_MAX_FINDINGS ||
        view->findings_total < view->nfindings) {
        return "findings that were not counted";
    }
    return NULL;
}

const char *view_oracle_fault(const struct mh_view *view) {
    const char *fault = spans_fault(view);

    if (fault == NULL) {
        fault = runs_fault(view);
    }
    if (fault == NULL) {
        fault = arenas_fault(view);
    }
    return fault == NULL ? sums_fault(view) : fault;
}
