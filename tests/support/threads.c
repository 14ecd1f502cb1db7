// threads.c - a thread that does what it is asked, and then waits.

#include "tests/support/threads.h"

#include <stdlib.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

static void *actor_main(void *arg) {
    struct mh_actor *self = arg;
    pthread_mutex_lock(&lock);
    while (!self->leave) {
        if (self->act == NULL) {
            pthread_cond_wait(&changed, &lock);
            continue;
        }
        self->act(self->arg);
        self->act = NULL;
        pthread_cond_broadcast(&changed);
    }
    pthread_mutex_unlock(&lock);
    return NULL;
}

void mh_actor_do(struct mh_actor *actor, void (*act)(void *arg), void *arg) {
    if (!actor->running) {
        actor->leave = false;
        if (pthread_create(&actor->thread, NULL, actor_main, actor) != 0) {
            abort();
        }
        actor->running = true;
    }
    pthread_mutex_lock(&lock);
    actor->arg = arg;
    actor->act = act;
    pthread_cond_broadcast(&changed);
    while (actor->act != NULL) {
        pthread_cond_wait(&changed, &lock);
    }
    pthread_mutex_unlock(&lock);
}

void mh_actor_end(struct mh_actor *actor) {
    if (actor->running) {
        pthread_mutex_lock(&lock);
        actor->leave = true;
        pthread_cond_broadcast(&changed);
        pthread_mutex_unlock(&lock);
        (void)pthread_join(actor->thread, NULL);
        actor->running = false;
    }
}

void mh_in_thread(void (*act)(void *arg), void *arg) {
    struct mh_actor actor = {0};
    mh_actor_do(&actor, act, arg);
    mh_actor_end(&actor);
}
