// thread.h - threads, exits, forks and clocks, as the core sees them.
//
// Thin names over the system's; see platform/os_thread.h for the contracts.

#ifndef MHEAP_CORE_SYS_THREAD_H
#define MHEAP_CORE_SYS_THREAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/attr.h"
#include "core/sys/sys.h"

// mh_thread_on_exit registers the process's one exit hook for threads.
MH_NODISCARD enum mh_status mh_thread_on_exit(void (*hook)(void *value));

// mh_thread_arm_exit makes the hook run for this thread. It may call malloc.
MH_NODISCARD enum mh_status mh_thread_arm_exit(void *value);

// mh_thread_on_fork registers the handlers around fork; once per process.
MH_NODISCARD enum mh_status mh_thread_on_fork(void (*prepare)(void),
                                              void (*parent)(void),
                                              void (*child)(void));

// mh_thread_on_process_exit registers what runs at exit; once per process.
MH_NODISCARD enum mh_status mh_thread_on_process_exit(void (*hook)(void));

// mh_thread_start runs main(arg) on a new detached thread with a stack of at
// least stack_size bytes and all signals blocked. It may call malloc.
MH_NODISCARD enum mh_status mh_thread_start(void (*main)(void *arg), void *arg,
                                            size_t stack_size);

// mh_thread_wait_for sleeps while *word == expected, until mh_thread_wake on
// the same word, for at most timeout_ns (UINT64_MAX: for ever), or for no
// reason less.
void mh_thread_wait_for(const uint32_t *word, uint32_t expected,
                        uint64_t timeout_ns);
void mh_thread_wake(const uint32_t *word);

// mh_thread_barrier makes every running thread pass a full barrier before it
// returns; false where the system does not offer that.
bool mh_thread_barrier(void);

uint64_t mh_thread_id(void);
uint64_t mh_thread_now_ns(void);
void mh_thread_yield(void);

#endif // MHEAP_CORE_SYS_THREAD_H
