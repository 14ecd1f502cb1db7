// sched.h - "sched_yield Subroutine" of IBM's "Technical Reference: Base
// Operating System".

#ifndef MHEAP_TESTS_AIX_INCLUDE_SCHED_H
#define MHEAP_TESTS_AIX_INCLUDE_SCHED_H

int sched_yield(void);

#endif // MHEAP_TESTS_AIX_INCLUDE_SCHED_H
