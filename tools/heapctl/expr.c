// expr.c - the language of --where and --fail-on: parser and evaluator.
//
// Recursive descent into an array of nodes; children stand before parents, and
// an index names a node. Texts come from a command line, so both the array and
// the depth are bounded by constants.

#include "tools/heapctl/expr.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/attr.h"
#include "tools/heapctl/units.h"

enum {
    NODES_MAX = 256,
    DEPTH_MAX = 64,
    WORD_MAX = 31,
    NO_NODE = NODES_MAX,
};

enum kind {
    KIND_NUMBER,
    KIND_WORD,
    KIND_FIELD,
    KIND_NOT,
    KIND_AND,
    KIND_OR,
    KIND_LT,
    KIND_LE,
    KIND_EQ,
    KIND_NE,
    KIND_GE,
    KIND_GT,
};

struct node {
    enum kind kind;
    size_t left, right;           // operands
    double number;                // KIND_NUMBER
    char word[WORD_MAX + 1];      // KIND_WORD
    const struct hc_field *field; // KIND_FIELD
    size_t position;              // in the text, for messages
};

struct hc_expr {
    const void *context; // of the rows
    size_t root;
    size_t nnodes;
    struct node nodes[NODES_MAX];
};

struct parser {
    const char *text;
    const char *at;
    struct hc_fields fields;
    struct hc_expr *expr;
    struct hc_expr_error *error;
    unsigned depth;
};

static size_t parse_or(struct parser *p);

MH_PRINTF(3, 4)
static size_t fail(struct parser *p, const char *at, const char *format, ...) {
    va_list args;

    p->error->position = (size_t)(at - p->text) + 1;
    va_start(args, format);
    (void)vsnprintf(p->error->text, sizeof(p->error->text), format, args);
    va_end(args);
    return NO_NODE;
}

static size_t add(struct parser *p, enum kind kind, const char *at) {
    struct hc_expr *expr = p->expr;

    if (expr->nnodes == NODES_MAX) {
        return fail(p, at, "the expression is too long");
    }
    struct node *node = &expr->nodes[expr->nnodes];
    memset(node, 0, sizeof(*node));
    node->kind = kind;
    node->position = (size_t)(at - p->text);
    return expr->nnodes++;
}

static size_t add_pair(struct parser *p, enum kind kind, const char *at,
                       size_t left, size_t right) {
    size_t node = add(p, kind, at);

    if (node != NO_NODE) {
        p->expr->nodes[node].left = left;
        p->expr->nodes[node].right = right;
    }
    return node;
}

static void skip_blanks(struct parser *p) {
    while (isspace((unsigned char)*p->at)) {
        p->at++;
    }
}

// Takes token if it comes next.
static bool take(struct parser *p, const char *token) {
    skip_blanks(p);
    size_t length = strlen(token);
    if (strncmp(p->at, token, length) != 0) {
        return false;
    }
    p->at += length;
    return true;
}

const struct hc_field *hc_field_find(struct hc_fields fields, const char *name,
                                     size_t length) {
    for (size_t i = 0; i < fields.count; i++) {
        if (strlen(fields.list[i].name) == length &&
            strncmp(fields.list[i].name, name, length) == 0) {
            return &fields.list[i];
        }
    }
    return NULL;
}

static size_t parse_number(struct parser *p) {
    const char *start = p->at;
    double number = 0;
    const char *why = hc_scan_number(p->at, &p->at, &number);

    if (why != NULL) {
        return fail(p, p->at, "%s", why);
    }
    size_t node = add(p, KIND_NUMBER, start);
    if (node != NO_NODE) {
        p->expr->nodes[node].number = number;
    }
    return node;
}

static bool is_name(char c) {
    return isalnum((unsigned char)c) || c == '_' || c == '-';
}

// A name is a field if there is one of that name, else a word; whether a word
// makes sense there is for the comparison to say.
static size_t parse_name(struct parser *p) {
    const char *start = p->at;
    size_t length = 0;

    while (is_name(start[length])) {
        length++;
    }
    p->at += length;
    if (length > WORD_MAX) {
        return fail(p, start, "no field has so long a name");
    }
    const struct hc_field *field = hc_field_find(p->fields, start, length);
    size_t node = add(p, field != NULL ? KIND_FIELD : KIND_WORD, start);
    if (node != NO_NODE) {
        p->expr->nodes[node].field = field;
        memcpy(p->expr->nodes[node].word, start, length);
    }
    return node;
}

static size_t parse_operand(struct parser *p) {
    skip_blanks(p);
    if (isdigit((unsigned char)*p->at)) {
        return parse_number(p);
    }
    if (isalpha((unsigned char)*p->at)) {
        return parse_name(p);
    }
    if (*p->at == '\0') {
        return fail(p, p->at, "it ends where a field or a number should be");
    }
    return fail(p, p->at, "'%c' where a field or a number should be", *p->at);
}

static const char *field_name(const void *list, size_t i) {
    return ((const struct hc_field *)list)[i].name;
}

static size_t unknown_field(struct parser *p, const struct node *node) {
    const char *near = hc_nearest(node->word, strlen(node->word),
                                  p->fields.count, field_name, p->fields.list);

    return fail(p, p->text + node->position, "unknown field '%s'%s%s%s",
                node->word, near != NULL ? "; did you mean '" : "",
                near != NULL ? near : "", near != NULL ? "'?" : "");
}

static bool is_wordy(const struct node *node) {
    return node->kind == KIND_WORD ||
           (node->kind == KIND_FIELD && node->field->word != NULL);
}

// A comparison needs two numbers, or a word field and a word by == or !=.
static size_t check_comparison(struct parser *p, size_t index) {
    const struct node *nodes = p->expr->nodes;
    const struct node *node = &nodes[index];
    const struct node *sides[2] = {&nodes[node->left], &nodes[node->right]};

    for (int i = 0; i < 2; i++) {
        const struct node *other = sides[1 - i];
        if (sides[i]->kind == KIND_WORD &&
            !(other->kind == KIND_FIELD && other->field->word != NULL)) {
            return unknown_field(p, sides[i]);
        }
    }
    if (is_wordy(sides[0]) != is_wordy(sides[1])) {
        const struct node *word = is_wordy(sides[0]) ? sides[0] : sides[1];
        return fail(p, p->text + node->position,
                    "'%s' is a word and cannot be compared with a number",
                    word->word);
    }
    if (is_wordy(sides[0]) && node->kind != KIND_EQ && node->kind != KIND_NE) {
        return fail(p, p->text + node->position,
                    "words compare by == and != only");
    }
    return index;
}

static bool take_comparison(struct parser *p, enum kind *kind_out) {
    static const struct {
        const char *token;
        enum kind kind;
    } operators[] = {
        {"<=", KIND_LE}, {">=", KIND_GE}, {"==", KIND_EQ},
        {"!=", KIND_NE}, {"<", KIND_LT},  {">", KIND_GT},
    };

    for (size_t i = 0; i < sizeof(operators) / sizeof(operators[0]); i++) {
        if (take(p, operators[i].token)) {
            *kind_out = operators[i].kind;
            return true;
        }
    }
    return false;
}

static size_t parse_comparison(struct parser *p) {
    size_t left = parse_operand(p);
    enum kind kind;

    if (left == NO_NODE) {
        return NO_NODE;
    }
    skip_blanks(p);
    const char *at = p->at;
    if (!take_comparison(p, &kind)) {
        const struct node *node = &p->expr->nodes[left];
        if (node->kind == KIND_WORD) {
            return unknown_field(p, node);
        }
        return is_wordy(node)
                   ? fail(p, at, "'%s' needs == or != and a word", node->word)
                   : left;
    }
    size_t right = parse_operand(p);
    if (right == NO_NODE) {
        return NO_NODE;
    }
    size_t node = add_pair(p, kind, at, left, right);
    return node == NO_NODE ? NO_NODE : check_comparison(p, node);
}

static size_t parse_group(struct parser *p, const char *open) {
    size_t inner = parse_or(p);

    if (inner == NO_NODE) {
        return NO_NODE;
    }
    return take(p, ")") ? inner : fail(p, open, "this ( is never closed");
}

static size_t parse_factor(struct parser *p) {
    size_t node;

    skip_blanks(p);
    const char *at = p->at;
    if (++p->depth > DEPTH_MAX) {
        return fail(p, at, "the expression is too deep");
    }
    if (*at == '!' && at[1] != '=') {
        p->at++;
        node = parse_factor(p);
        node =
            node == NO_NODE ? NO_NODE : add_pair(p, KIND_NOT, at, node, node);
    } else if (take(p, "(")) {
        node = parse_group(p, at);
    } else {
        node = parse_comparison(p);
    }
    p->depth--;
    return node;
}

static size_t parse_and(struct parser *p) {
    size_t left = parse_factor(p);

    while (left != NO_NODE && take(p, "&&")) {
        const char *at = p->at;
        size_t right = parse_factor(p);
        left =
            right == NO_NODE ? NO_NODE : add_pair(p, KIND_AND, at, left, right);
    }
    return left;
}

static size_t parse_or(struct parser *p) {
    size_t left = parse_and(p);

    while (left != NO_NODE && take(p, "||")) {
        const char *at = p->at;
        size_t right = parse_and(p);
        left =
            right == NO_NODE ? NO_NODE : add_pair(p, KIND_OR, at, left, right);
    }
    return left;
}

struct hc_expr *hc_expr_parse(const char *text, struct hc_fields fields,
                              struct hc_expr_error *error_out) {
    struct hc_expr *expr = calloc(1, sizeof(*expr));
    struct parser parser = {
        .text = text,
        .at = text,
        .fields = fields,
        .expr = expr,
        .error = error_out,
    };

    if (expr == NULL) {
        (void)fail(&parser, text, "out of memory");
        return NULL;
    }
    expr->context = fields.context;
    expr->root = parse_or(&parser);
    if (expr->root != NO_NODE) {
        skip_blanks(&parser);
        if (*parser.at == '\0') {
            return expr;
        }
        (void)fail(&parser, parser.at,
                   *parser.at == '=' ? "'%c' where == should be"
                                     : "'%c' where && or || should be",
                   *parser.at);
    }
    free(expr);
    return NULL;
}

void hc_expr_free(struct hc_expr *expr) {
    free(expr);
}

static const char *word_of(const struct hc_expr *expr, const struct node *node,
                           const void *row) {
    return node->kind == KIND_FIELD ? node->field->word(expr->context, row)
                                    : node->word;
}

static double number_of(const struct hc_expr *expr, const struct node *node,
                        const void *row) {
    return node->kind == KIND_FIELD ? node->field->number(expr->context, row)
                                    : node->number;
}

static bool compare(const struct hc_expr *expr, const struct node *node,
                    const void *row) {
    const struct node *left = &expr->nodes[node->left];
    const struct node *right = &expr->nodes[node->right];

    if (is_wordy(left)) {
        bool same =
            strcmp(word_of(expr, left, row), word_of(expr, right, row)) == 0;
        return same == (node->kind == KIND_EQ);
    }
    double a = number_of(expr, left, row), b = number_of(expr, right, row);
    switch (node->kind) {
    case KIND_LT:
        return a < b;
    case KIND_LE:
        return a <= b;
    case KIND_EQ:
        return a == b;
    case KIND_NE:
        return a != b;
    case KIND_GE:
        return a >= b;
    default:
        return a > b;
    }
}

static bool holds(const struct hc_expr *expr, size_t index, const void *row) {
    const struct node *node = &expr->nodes[index];

    switch (node->kind) {
    case KIND_NUMBER:
    case KIND_FIELD:
        return number_of(expr, node, row) != 0;
    case KIND_NOT:
        return !holds(expr, node->left, row);
    case KIND_AND:
        return holds(expr, node->left, row) && holds(expr, node->right, row);
    case KIND_OR:
        return holds(expr, node->left, row) || holds(expr, node->right, row);
    default:
        return compare(expr, node, row);
    }
}

bool hc_expr_holds(const struct hc_expr *expr, const void *row) {
    return holds(expr, expr->root, row);
}
