// errno.h - "errno" as IBM's "Technical Reference" describes it: a value of
// each thread, reached by _Errno.

#ifndef MHEAP_TESTS_AIX_INCLUDE_ERRNO_H
#define MHEAP_TESTS_AIX_INCLUDE_ERRNO_H

int *_Errno(void);
#define errno (*_Errno())

// golang/sys, unix/zerrors_aix_ppc64.go, table of errors.
#define EINTR   4
#define EAGAIN  11
#define ENOMEM  12
#define EINVAL  22
#define ENOTSUP 124

#endif // MHEAP_TESTS_AIX_INCLUDE_ERRNO_H
