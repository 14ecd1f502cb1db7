// dlopen_plugin.c - a library that allocates in its constructor and destructor.

#include <stdlib.h>
#include <string.h>

char *plugin_give(void);

static char *own;
static __thread char *of_thread;

__attribute__((constructor)) static void come(void) {
    own = malloc(100000);
    of_thread = calloc(1, 40);
    if (own != NULL) {
        memset(own, 1, 100000);
    }
}

__attribute__((destructor)) static void go(void) {
    own = realloc(own, 50);
    free(own);
    free(of_thread);
}

char *plugin_give(void) {
    return strdup("from the plugin");
}
