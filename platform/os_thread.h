// os_thread.h - waiting, threads, clocks, and being told of exits and forks.
//
// Only core/sys includes it. Nothing here allocates through malloc on a path
// that malloc itself takes, and nothing takes an mheap lock.

#ifndef MHEAP_PLATFORM_OS_THREAD_H
#define MHEAP_PLATFORM_OS_THREAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/attr.h"
#include "platform/os.h"

// mh_os_wait sleeps while *word == expected, until mh_os_wake on the same word,
// or spuriously. errno is kept.
void mh_os_wait(const uint32_t *word, uint32_t expected);

// mh_os_wait_for is mh_os_wait for at most timeout_ns; UINT64_MAX for ever.
void mh_os_wait_for(const uint32_t *word, uint32_t expected,
                    uint64_t timeout_ns);

// mh_os_wake wakes one sleeper, or all of them.
void mh_os_wake(const uint32_t *word, bool all);

// mh_os_barrier makes every running thread of the process pass a full memory
// barrier before it returns, at the cost of a system call here and of nothing
// there. False where the system does not offer that.
bool mh_os_barrier(void);

// mh_os_yield lets another runnable thread go first.
void mh_os_yield(void);

// mh_os_now_ns is a monotonic clock in nanoseconds from an arbitrary start.
uint64_t mh_os_now_ns(void);

// mh_os_thread_id names the calling thread as the system's tools show it.
uint64_t mh_os_thread_id(void);

// mh_os_thread_words are so many words of the calling thread's own, zero when
// it starts. For debug builds, which note what a thread does.
enum { MH_OS_THREAD_WORDS = 16 };
uint32_t *mh_os_thread_words(void);

// mh_os_on_thread_exit registers, once per process, the function that runs at
// the end of each thread that armed itself, after the thread's own destructors
// as far as the system allows. The function gets the armed value.
MH_NODISCARD struct mh_os_err mh_os_on_thread_exit(void (*hook)(void *value));

// mh_os_arm_thread_exit makes the hook run for the calling thread with value,
// not NULL. May call malloc (glibc does for late keys): the caller must already
// be able to serve that call.
MH_NODISCARD struct mh_os_err mh_os_arm_thread_exit(void *value);

// mh_os_on_fork registers, once per process, what runs around every fork.
MH_NODISCARD struct mh_os_err
mh_os_on_fork(void (*prepare)(void), void (*parent)(void), void (*child)(void));

// mh_os_on_process_exit registers, once per process, what runs when the process
// ends by exit or by returning from main; after _exit or a kill nothing runs.
MH_NODISCARD struct mh_os_err mh_os_on_process_exit(void (*hook)(void));

// What a thread has at least, whatever it is asked for.
#define MH_OS_LEAST_STACK ((size_t)16 << 10)

// mh_os_thread_start runs main(arg) on a new detached thread with a stack of at
// least stack_size bytes and all signals blocked.
MH_NODISCARD struct mh_os_err mh_os_thread_start(void (*main)(void *arg),
                                                 void *arg, size_t stack_size);

#endif // MHEAP_PLATFORM_OS_THREAD_H
