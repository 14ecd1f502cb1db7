// sys/thread.h - "thread_self Subroutine" of IBM's "Technical Reference: Kernel
// and Subsystems".

#ifndef MHEAP_TESTS_AIX_INCLUDE_SYS_THREAD_H
#define MHEAP_TESTS_AIX_INCLUDE_SYS_THREAD_H

typedef long tid_t;

tid_t thread_self(void);

#endif // MHEAP_TESTS_AIX_INCLUDE_SYS_THREAD_H
