// expr.h - the language of --where and --fail-on.
//
//   expression = term { "||" term }
//   term       = factor { "&&" factor }
//   factor     = "!" factor | "(" expression ")" | comparison
//   comparison = operand [ ( < | <= | == | != | >= | > ) operand ]
//   operand    = field | number | word
//
// A number takes the units of units.h: 64K, 10MiB, 0.25, 25%, 0xc000000000. A
// field holds a number or a word; words compare by == and != only, as in
// state == large. A number that stands alone is true unless it is 0.

#ifndef MHEAP_TOOLS_HEAPCTL_EXPR_H
#define MHEAP_TOOLS_HEAPCTL_EXPR_H

#include <stdbool.h>
#include <stddef.h>

// What a row has under one name. The verb that owns the rows lists its fields
// and says what each holds; number and word are alternatives. context is what
// the rows lie in.
struct hc_field {
    const char *name;
    double (*number)(const void *context, const void *row);
    const char *(*word)(const void *context, const void *row);
};

struct hc_fields {
    const struct hc_field *list;
    size_t count;
    const void *context;
};

// Why a text is no expression.
struct hc_expr_error {
    size_t position; // of the first character that is wrong, from 1
    char text[160];
};

struct hc_expr; // opaque

// hc_expr_parse makes an expression over fields, which must outlive it. NULL
// when text is none, and error_out says why; or when memory ran out.
struct hc_expr *hc_expr_parse(const char *text, struct hc_fields fields,
                              struct hc_expr_error *error_out);

void hc_expr_free(struct hc_expr *expr);

// hc_expr_holds evaluates the expression for a row.
bool hc_expr_holds(const struct hc_expr *expr, const void *row);

// hc_field_find looks a name of length bytes up; NULL when there is none.
const struct hc_field *hc_field_find(struct hc_fields fields, const char *name,
                                     size_t length);

// hc_nearest is the one of n names closest to a misspelt one of length bytes,
// or NULL when none is close enough to be worth suggesting. name_of returns
// name i of list.
const char *hc_nearest(const char *name, size_t length, size_t n,
                       const char *(*name_of)(const void *list, size_t i),
                       const void *list);

#endif // MHEAP_TOOLS_HEAPCTL_EXPR_H
