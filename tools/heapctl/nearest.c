// nearest.c - the name somebody meant to type.

#include <string.h>

#include "tools/heapctl/expr.h"
#include "tools/heapctl/units.h"

// Names longer than this are nobody's typing mistake.
enum { LONGEST = 31 };

static size_t lesser(size_t a, size_t b) {
    return a < b ? a : b;
}

static size_t cost(char a, char b) {
    return hc_lower(a) == hc_lower(b) ? 0 : 1;
}

// The edits (insert, delete, replace, swap neighbours) from one to the other,
// row by row: here is the row of the first i letters, above and before are the
// two rows before it.
static size_t distance(const char *a, size_t na, const char *b, size_t nb) {
    size_t row[3][LONGEST + 1] = {{0}};
    size_t *before = row[0], *above = row[1], *here = row[2];

    for (size_t j = 0; j <= nb; j++) {
        above[j] = j;
    }
    for (size_t i = 1; i <= na; i++) {
        here[0] = i;
        for (size_t j = 1; j <= nb; j++) {
            here[j] = lesser(above[j], here[j - 1]) + 1;
            here[j] = lesser(here[j], above[j - 1] + cost(a[i - 1], b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
                a[i - 2] == b[j - 1]) {
                here[j] = lesser(here[j], before[j - 2] + 1);
            }
        }
        size_t *spare = before;
        before = above;
        above = here;
        here = spare;
    }
    return above[nb];
}

const char *hc_nearest(const char *name, size_t length, size_t n,
                       const char *(*name_of)(const void *list, size_t i),
                       const void *list) {
    const char *best = NULL;
    size_t best_edits = length / 3 + 1;

    if (length == 0 || length > LONGEST) {
        return NULL;
    }
    for (size_t i = 0; i < n; i++) {
        const char *candidate = name_of(list, i);
        size_t size = strlen(candidate);
        if (size > LONGEST) {
            continue;
        }
        // What was typed so far may be the beginning of it.
        size_t edits = size > length && strncmp(candidate, name, length) == 0
                           ? 1
                           : distance(name, length, candidate, size);
        if (edits < best_edits || (best == NULL && edits == best_edits)) {
            best = candidate;
            best_edits = edits;
        }
    }
    return best;
}
