// books.h - whether the statistics of a heap add up, to the byte.

#ifndef MHEAP_TESTS_SUPPORT_BOOKS_H
#define MHEAP_TESTS_SUPPORT_BOOKS_H

#include "mheap/mheap.h"

// mh_books_wrong checks a heap that nobody is using: its invariants and those
// of all its caches; that the slots of every class are used, cached, free or
// pending; that spans, free and released pages are all pages it has; that large
// objects were counted when they came and went; and the books of core/sys. NULL
// when all is well, else what is not.
const char *mh_books_wrong(struct mheap *heap);

#endif // MHEAP_TESTS_SUPPORT_BOOKS_H
