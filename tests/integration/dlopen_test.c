// dlopen_test.c - libraries that allocate while they come and go.
//
// usage: dlopen_test PLUGIN CXX_MODULE, two shared objects built beside it.
// This is a C program: the C++ module brings the C++ library with it, after
// mheap was bound, and its operator new must find how to throw all the same.

#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "run_support.h"

static const char *plugin_path;

static void *must_find(void *library, const char *name) {
    void *symbol = dlsym(library, name);
    if (symbol == NULL) {
        (void)fprintf(stderr, "%s\n", dlerror());
        exit(EXIT_FAILURE);
    }
    return symbol;
}

static void *must_open(const char *path) {
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) {
        (void)fprintf(stderr, "%s\n", dlerror());
        exit(EXIT_FAILURE);
    }
    return library;
}

static void *load_and_unload(void *arg) {
    (void)arg;
    for (int i = 0; i < 100; i++) {
        void *library = must_open(plugin_path);
        char *(*give)(void) = NULL;
        void *symbol = must_find(library, "plugin_give");
        memcpy(&give, &symbol, sizeof(give));
        char *text = give();
        REQUIRE(dlclose(library) == 0);
        REQUIRE(strcmp(text, "from the plugin") == 0);
        free(text); // outlived the library it came from
    }
    return NULL;
}

static void throw_in_module(const char *path) {
    void *library = must_open(path);
    int (*run)(void) = NULL;
    void *symbol = must_find(library, "module_run");
    memcpy(&run, &symbol, sizeof(run));
    REQUIRE(run() == 0);
    REQUIRE(dlclose(library) == 0);
}

int main(int argc, char **argv) {
    REQUIRE(argc == 3);
    plugin_path = argv[1];
    (void)load_and_unload(NULL);

    pthread_t threads[4];
    for (size_t i = 0; i < 4; i++) {
        REQUIRE(pthread_create(&threads[i], NULL, load_and_unload, NULL) == 0);
    }
    for (size_t i = 0; i < 4; i++) {
        REQUIRE(pthread_join(threads[i], NULL) == 0);
    }
    throw_in_module(argv[2]);
    return EXIT_SUCCESS;
}
