// posix_trap.h - being told of accesses that trap, where they are signals.
//
// Which of the two signals it is differs from system to system, and with the
// cause. What was there before gets every signal that comes, in the same thread
// and with the same arguments.

#ifndef MHEAP_PLATFORM_POSIX_POSIX_TRAP_H
#define MHEAP_PLATFORM_POSIX_POSIX_TRAP_H

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
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

static inline void posix_set_default(int number) {
    struct sigaction none = {.sa_handler = SIG_DFL};

    (void)sigaction(number, &none, NULL);
}

// What the system does without a handler is left to it: the access that trapped
// is tried again without ours. An ignored signal that an access raised ends the
// process all the same. A handler for one time is gone before it runs.
static inline void posix_pass_on(const struct sigaction *before, int number,
                                 siginfo_t *info, void *context) {
    bool sent = posix_was_sent(info);

    if (before->sa_handler == SIG_IGN && sent) {
        return;
    }
    if (before->sa_handler == SIG_DFL || before->sa_handler == SIG_IGN) {
        posix_set_default(number);
        if (sent) {
            (void)raise(number);
        }
        return;
    }
    if ((before->sa_flags & SA_RESETHAND) != 0) {
        posix_set_default(number);
    }
    if ((before->sa_flags & SA_SIGINFO) != 0) {
        before->sa_sigaction(number, info, context);
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

// The handler runs as the one before would have: with the same signals blocked
// and on the same stack. Where there was none, on the thread's other stack if
// it has one, for its own may be what is used up.
static inline int posix_flags(const struct sigaction *before) {
    bool none = before->sa_handler == SIG_DFL || before->sa_handler == SIG_IGN;

    return SA_SIGINFO | (none ? SA_ONSTACK : 0) |
           (before->sa_flags & (SA_NODEFER | SA_RESTART | SA_ONSTACK));
}

// What was there is read first, for the handler may run at once. Another thread
// may set one of its own meanwhile: that is what was there then, and ours is
// set again, to run as it would.
static inline int posix_replace(int number, struct sigaction *before) {
    struct sigaction action, found;

    if (sigaction(number, NULL, before) != 0) {
        return errno;
    }
    for (;;) {
        action = *before;
        action.sa_sigaction = posix_on_trap;
        action.sa_flags = posix_flags(before);
        if (sigaction(number, &action, &found) != 0) {
            return errno;
        }
        if (found.sa_sigaction == posix_on_trap ||
            (found.sa_sigaction == before->sa_sigaction &&
             found.sa_flags == before->sa_flags)) {
            return 0;
        }
        *before = found;
    }
}

static inline struct mh_os_err mh_posix_on_trap(void (*hook)(uintptr_t)) {
    int saved = errno;
    int code = 0;

    posix_trap_hook = hook;
    for (int i = 0; i < 2 && code == 0; i++) {
        code = posix_replace(posix_trap_signals[i], &posix_traps_before[i]);
    }
    errno = saved;
    return (struct mh_os_err){code};
}

#endif // MHEAP_PLATFORM_POSIX_POSIX_TRAP_H
