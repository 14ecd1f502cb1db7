// posix_trap.h - being told of accesses that trap, where they are signals.
//
// Which of the two signals it is differs from system to system, and with the
// cause. What was there before gets every signal that comes, in the same thread
// and with the same arguments.

#ifndef MHEAP_PLATFORM_POSIX_POSIX_TRAP_H
#define MHEAP_PLATFORM_POSIX_POSIX_TRAP_H

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>

#include "platform/os_trap.h"

static const int posix_trap_signals[] = {SIGSEGV, SIGBUS};
static struct sigaction posix_traps_before[2];
static void (*posix_trap_hook)(uintptr_t address);

// Whether the signal does not come again by itself: no access raised it.
static inline bool posix_was_sent(const siginfo_t *info) {
    return info->si_code <= 0 || info->si_code == SI_USER;
}

// What the system does without a handler is left to it: the access that trapped
// is tried again without ours.
static inline void posix_pass_on(const struct sigaction *before, int number,
                                 siginfo_t *info, void *context) {
    if ((before->sa_flags & SA_SIGINFO) != 0) {
        before->sa_sigaction(number, info, context);
    } else if (before->sa_handler == SIG_IGN && posix_was_sent(info)) {
        return;
    } else if (before->sa_handler == SIG_DFL || before->sa_handler == SIG_IGN) {
        (void)sigaction(number, before, NULL);
        if (posix_was_sent(info)) {
            (void)raise(number);
        }
    } else {
        before->sa_handler(number);
    }
}

static inline void posix_on_trap(int number, siginfo_t *info, void *context) {
    int saved = errno;

    if (!posix_was_sent(info)) {
        posix_trap_hook((uintptr_t)info->si_addr);
    }
    errno = saved;
    posix_pass_on(&posix_traps_before[number == SIGBUS], number, info, context);
}

// The handler runs as the one before would have: with the same signals blocked,
// and on the thread's other stack where it has one. What was there is read
// first, for the handler may run at once.
static inline struct mh_os_err mh_posix_on_trap(void (*hook)(uintptr_t)) {
    int saved = errno;
    int code = 0;

    posix_trap_hook = hook;
    for (int i = 0; i < 2 && code == 0; i++) {
        struct sigaction *before = &posix_traps_before[i];
        if (sigaction(posix_trap_signals[i], NULL, before) != 0) {
            code = errno;
            break;
        }
        struct sigaction action = *before;
        action.sa_sigaction = posix_on_trap;
        action.sa_flags = SA_SIGINFO | SA_ONSTACK |
                          (before->sa_flags & (SA_NODEFER | SA_RESTART));
        code = sigaction(posix_trap_signals[i], &action, NULL) == 0 ? 0 : errno;
    }
    errno = saved;
    return (struct mh_os_err){code};
}

#endif // MHEAP_PLATFORM_POSIX_POSIX_TRAP_H
