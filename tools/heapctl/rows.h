// rows.h - a set of like things, shown as a table or as JSON.
//
// --where, --sort, --top and --fail-on mean the same for every set. Rows go out
// as they are found: without --sort nothing is gathered first.

#ifndef MHEAP_TOOLS_HEAPCTL_ROWS_H
#define MHEAP_TOOLS_HEAPCTL_ROWS_H

#include <stdint.h>

#include "tools/heapctl/expr.h"
#include "tools/heapctl/heapctl.h"
#include "tools/heapctl/table.h"

struct hc_json;

// What a set adds up over the rows it shows; the set knows what is where.
enum { HC_SUMS = 12 };
struct hc_sums {
    uint64_t rows; // all that --where lets through
    uint64_t of[HC_SUMS];
};

struct hc_set {
    const char *kind; // the verb
    struct hc_fields fields;
    const struct hc_column *columns;
    size_t ncolumns;
    size_t nrows;

    // Row i, in the order of addresses; NULL: it is not shown. context is that
    // of the fields.
    const void *(*row)(const void *context, size_t i);
    // The cells of a row, from left to right.
    void (*print)(const struct hc_context *ctx, struct hc_table *table,
                  const void *row);
    void (*json)(const struct hc_context *ctx, struct hc_json *object,
                 const void *row);
    // Takes a row into the sums; prints their line. label is its first cell.
    void (*add)(struct hc_sums *sums, const void *row);
    void (*print_sums)(struct hc_table *table, const struct hc_sums *sums,
                       const char *label);
    void (*json_sums)(struct hc_json *object, const struct hc_sums *sums);
};

// hc_set_show prints a set as the options of ctx ask. The sums are those of all
// rows that --where lets through, also of those --top leaves out.
int hc_set_show(struct hc_context *ctx, const struct hc_set *set);

#endif // MHEAP_TOOLS_HEAPCTL_ROWS_H
