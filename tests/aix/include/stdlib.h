// stdlib.h - of C11, 7.22.

#ifndef MHEAP_TESTS_AIX_INCLUDE_STDLIB_H
#define MHEAP_TESTS_AIX_INCLUDE_STDLIB_H

#include <stddef.h>

void abort(void);

#endif // MHEAP_TESTS_AIX_INCLUDE_STDLIB_H
