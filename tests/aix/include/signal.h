// signal.h - "sigaction, sigvec, or signal Subroutine", "sigthreadmask
// Subroutine" and their like in IBM's "Technical Reference: Base Operating
// System".

#ifndef MHEAP_TESTS_AIX_INCLUDE_SIGNAL_H
#define MHEAP_TESTS_AIX_INCLUDE_SIGNAL_H

#include <sys/types.h>

// golang/go, src/runtime/defs_aix_ppc64.go.
#define SIGABRT     6
#define SIG_BLOCK   0
#define SIG_UNBLOCK 1
#define SIG_SETMASK 2
#define SIG_DFL     ((void (*)(int))0)

// rust-lang/libc, src/unix/aix/mod.rs: sigaction.
struct sigaction {
    void (*sa_handler)(int);
    sigset_t sa_mask;
    int sa_flags;
};

int raise(int number);
int sigaction(int number, const struct sigaction *action,
              struct sigaction *before);
int sigemptyset(sigset_t *set);
int sigfillset(sigset_t *set);
int sigaddset(sigset_t *set, int number);
int pthread_sigmask(int how, const sigset_t *set, sigset_t *before);

#endif // MHEAP_TESTS_AIX_INCLUDE_SIGNAL_H
