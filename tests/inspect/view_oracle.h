// view_oracle.h - what no view may ever say, whatever the target was doing.

#ifndef MHEAP_TESTS_INSPECT_VIEW_ORACLE_H
#define MHEAP_TESTS_INSPECT_VIEW_ORACLE_H

#include "inspect/view.h"

// view_oracle_fault looks for an impossible result: a sum that does not add up,
// more in use than there is, an overlap, an address out of order. NULL when
// there is none, else what it is, for a message.
const char *view_oracle_fault(const struct mh_view *view);

#endif // MHEAP_TESTS_INSPECT_VIEW_ORACLE_H
