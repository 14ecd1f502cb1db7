// table.c - rows of fixed columns.

#include "tools/heapctl/table.h"

#include <string.h>

#include "tools/heapctl/units.h"

enum {
    HUMAN_WIDTH = 8,  // "1023 GiB"
    EXACT_WIDTH = 14, // bytes of up to 99 TB
    GAP = 2,
};

static size_t width_of(const struct hc_table *table,
                       const struct hc_column *column) {
    size_t width = column->width != 0 ? column->width
                   : table->bytes     ? EXACT_WIDTH
                                      : HUMAN_WIDTH;
    size_t title = strlen(column->title);

    return width > title ? width : title;
}

// The blanks that end a left-aligned cell are owed, not printed: no line ends
// with blanks.
void hc_table_text(struct hc_table *table, const char *text) {
    const struct hc_column *column = &table->columns[table->at];
    size_t width = width_of(table, column);
    size_t length = strlen(text);
    size_t pad = width > length ? width - length : 0;
    size_t before = table->owed + (column->align == HC_RIGHT ? pad : 0);

    if (length == 0) {
        table->owed += width;
    } else {
        (void)fprintf(table->out, "%*s%s", (int)before, "", text);
        table->owed = column->align == HC_LEFT ? pad : 0;
    }
    table->owed += GAP;
    table->at++;
}

void hc_table_start(struct hc_table *table, FILE *out,
                    const struct hc_column *columns, size_t ncolumns,
                    bool bytes) {
    *table = (struct hc_table){
        .out = out, .columns = columns, .ncolumns = ncolumns, .bytes = bytes};
    for (size_t i = 0; i < ncolumns; i++) {
        hc_table_text(table, columns[i].title);
    }
    hc_table_end(table);
}

void hc_table_size(struct hc_table *table, uint64_t bytes) {
    char text[HC_UNIT_TEXT];

    hc_table_text(table, hc_format_bytes(text, bytes, table->bytes));
}

void hc_table_count(struct hc_table *table, uint64_t count) {
    char text[HC_UNIT_TEXT];

    (void)snprintf(text, sizeof(text), "%llu", (unsigned long long)count);
    hc_table_text(table, text);
}

void hc_table_address(struct hc_table *table, uint64_t address) {
    char text[HC_UNIT_TEXT];

    hc_table_text(table, hc_format_address(text, address));
}

void hc_table_share(struct hc_table *table, uint64_t part, uint64_t whole) {
    char text[HC_UNIT_TEXT];

    hc_table_text(table, hc_format_percent(text, part, whole));
}

void hc_table_end(struct hc_table *table) {
    (void)fputc('\n', table->out);
    table->at = 0;
    table->owed = 0;
}
