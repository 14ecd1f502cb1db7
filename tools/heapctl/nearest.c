// nearest.c - the name somebody meant to type.

#include <ctype.h>
#include <string.h>

#include "tools/heapctl/expr.h"

// Names longer than this are nobody's typing mistake.
enum { LONGEST = 31 };

static size_t least(size_t a, size_t b, size_t c) {
    size_t ab = a < b ? a : b;

    return ab < c ? ab : c;
}

// The edits (insert, delete, replace, swap neighbours) from one to the other.
static size_t distance(const char *a, size_t na, const char *b, size_t nb) {
    size_t row[3][LONGEST + 1];
    size_t *before = row[0], *above = row[1], *here = row[2];

    for (size_t j = 0; j <= nb; j++) {
        above[j] = j;
        before[j] = j;
    }
    for (size_t i = 1; i <= na; i++) {
        here[0] = i;
        for (size_t j = 1; j <= nb; j++) {
            bool same = tolower((unsigned char)a[i - 1]) ==
                        tolower((unsigned char)b[j - 1]);
            here[j] = least(above[j] + 1, here[j - 1] + 1,
                            above[j - 1] + (same ? 0 : 1));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
                a[i - 2] == b[j - 1]) {
                size_t swapped = before[j - 2] + 1;
                here[j] = swapped < here[j] ? swapped : here[j];
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
