// span_row.h - what is said of a span, in the words all verbs use.

#ifndef MHEAP_TOOLS_HEAPCTL_SPAN_ROW_H
#define MHEAP_TOOLS_HEAPCTL_SPAN_ROW_H

#include "inspect/view.h"

// hc_span_state is "large", "manual", or for a span of slots: "full" without a
// free one; "partial" on its owner's list; "central" on the central list, owned
// by nobody; "current" when its owner allocates from it.
const char *hc_span_state(const struct mh_view_span *span);

// hc_span_owner is the number of the thread cache that owns a span, 0: none.
uint32_t hc_span_owner(const struct mh_view_span *span);

// hc_span_used_bytes is what the program has in it.
uint64_t hc_span_used_bytes(const struct mh_view_span *span);

#endif // MHEAP_TOOLS_HEAPCTL_SPAN_ROW_H
