// thread.c - threads, exits, forks and clocks: the system's, renamed.

#include "core/sys/thread.h"

#include "platform/os.h"
#include "platform/os_thread.h"

static enum mh_status status_of(struct mh_os_err err) {
    if (mh_os_ok(err)) {
        return MH_OK;
    }
    return mh_os_err_is_oom(err) ? MH_NO_MEMORY : MH_REFUSED;
}

enum mh_status mh_thread_on_exit(void (*hook)(void *value)) {
    return status_of(mh_os_on_thread_exit(hook));
}

enum mh_status mh_thread_arm_exit(void *value) {
    return status_of(mh_os_arm_thread_exit(value));
}

enum mh_status mh_thread_on_fork(void (*prepare)(void), void (*parent)(void),
                                 void (*child)(void)) {
    return status_of(mh_os_on_fork(prepare, parent, child));
}

enum mh_status mh_thread_on_process_exit(void (*hook)(void)) {
    return status_of(mh_os_on_process_exit(hook));
}

enum mh_status mh_thread_start(void (*main)(void *arg), void *arg,
                               size_t stack_size) {
    return status_of(mh_os_thread_start(main, arg, stack_size));
}

void mh_thread_wait_for(const uint32_t *word, uint32_t expected,
                        uint64_t timeout_ns) {
    mh_os_wait_for(word, expected, timeout_ns);
}

void mh_thread_wake(const uint32_t *word) {
    mh_os_wake(word, true);
}

bool mh_thread_barrier(void) {
    return mh_os_barrier();
}

uint64_t mh_thread_id(void) {
    return mh_os_thread_id();
}

uint64_t mh_thread_now_ns(void) {
    return mh_os_now_ns();
}

void mh_thread_yield(void) {
    mh_os_yield();
}
