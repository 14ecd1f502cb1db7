// threads.h - a thread that does what it is asked, and then waits.

#ifndef MHEAP_TESTS_SUPPORT_THREADS_H
#define MHEAP_TESTS_SUPPORT_THREADS_H

#include <pthread.h>
#include <stdbool.h>

// mh_in_thread runs act(arg) in a new thread, which then ends.
void mh_in_thread(void (*act)(void *arg), void *arg);

// A zeroed actor has no thread yet: the first request starts one.
struct mh_actor {
    pthread_t thread;
    bool running, leave;
    void (*act)(void *arg); // NULL: nothing to do
    void *arg;
};

// mh_actor_do runs act(arg) in the actor's thread and returns when it is done;
// the thread then stands still.
void mh_actor_do(struct mh_actor *actor, void (*act)(void *arg), void *arg);

// mh_actor_end ends the actor's thread and waits for it.
void mh_actor_end(struct mh_actor *actor);

#endif // MHEAP_TESTS_SUPPORT_THREADS_H
