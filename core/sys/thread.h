// thread.h - threads, exits, forks and clocks, as the core sees them.
//
// Thin names over the system's; see platform/os_thread.h for the contracts.

#ifndef MHEAP_CORE_SYS_THREAD_H
#define MHEAP_CORE_SYS_THREAD_H

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

uint64_t mh_thread_id(void);
uint64_t mh_thread_now_ns(void);
void mh_thread_yield(void);

#endif // MHEAP_CORE_SYS_THREAD_H
