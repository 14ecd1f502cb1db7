// table.h - rows of fixed columns, one header line, nothing that scripts would
// have to strip.
//
// Rows go out as they are made: a table has no end to wait for. A cell that is
// wider than its column pushes the rest of its row; nothing is ever cut.

#ifndef MHEAP_TOOLS_HEAPCTL_TABLE_H
#define MHEAP_TOOLS_HEAPCTL_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum hc_align {
    HC_LEFT,
    HC_RIGHT,
};

struct hc_column {
    const char *title; // in capitals, without blanks
    enum hc_align align;
    unsigned width; // least, in characters; 0: the width of a size
};

struct hc_table {
    FILE *out;
    const struct hc_column *columns;
    size_t ncolumns;
    bool bytes;  // sizes in bytes, not in binary units
    size_t at;   // the column that comes next
    size_t owed; // blanks to print before the next cell
};

// hc_table_start prints the header line. columns must outlive the table.
void hc_table_start(struct hc_table *table, FILE *out,
                    const struct hc_column *columns, size_t ncolumns,
                    bool bytes);

// One cell each, from left to right. A row takes as many as there are columns.
void hc_table_text(struct hc_table *table, const char *text);
void hc_table_size(struct hc_table *table, uint64_t bytes);
void hc_table_count(struct hc_table *table, uint64_t count);
void hc_table_address(struct hc_table *table, uint64_t address);
// part of whole, as a percentage.
void hc_table_share(struct hc_table *table, uint64_t part, uint64_t whole);

// hc_table_end ends the row; cells that were not given stay empty.
void hc_table_end(struct hc_table *table);

#endif // MHEAP_TOOLS_HEAPCTL_TABLE_H
