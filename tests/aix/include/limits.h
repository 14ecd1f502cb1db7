// limits.h - "limits.h File" of IBM's "Files Reference".

#ifndef MHEAP_TESTS_AIX_INCLUDE_LIMITS_H
#define MHEAP_TESTS_AIX_INCLUDE_LIMITS_H

#include_next <limits.h>

#define PTHREAD_DESTRUCTOR_ITERATIONS 4

#endif // MHEAP_TESTS_AIX_INCLUDE_LIMITS_H
