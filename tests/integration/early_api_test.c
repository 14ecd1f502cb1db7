// early_api_test.c - every public function before any constructor has run, and
// after the destructors.
//
// .preinit_array comes before every constructor, also those of libraries. Each
// function is the first one of a process of its own.

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mheap/mheap.h"
#include "mheap/os.h"
#include "run_support.h"

static void objects(void) {
    char *p = mheap_malloc(100);
    REQUIRE(p != NULL);
    memset(p, 'e', 100);
    p = mheap_realloc(p, 100000);
    REQUIRE(p != NULL && p[99] == 'e' && mheap_usable_size(p) >= 100000);
    mheap_free(p);
}

static void zeroed(void) {
    char *p = mheap_calloc(10, 1000);
    REQUIRE(p != NULL && p[0] == 0 && p[9999] == 0);
    p = mheap_reallocarray(p, 2, 10000);
    REQUIRE(p != NULL);
    mheap_free_sized(p, 20000);
}

static void aligned(void) {
    void *p = NULL;
    REQUIRE(mheap_posix_memalign(&p, 4096, 100) == 0);
    mheap_free(p);
    p = mheap_aligned_alloc(64, 100);
    REQUIRE((uintptr_t)p % 64 == 0);
    mheap_free_aligned_sized(p, 64, 100);
}

static void free_nothing(void) {
    mheap_free(NULL);
}

static void heaps(void) {
    struct mheap *heap = mheap_create("early");
    REQUIRE(heap != NULL && heap != mheap_default());
    void *p = mheap_alloc_in(heap, 1000);
    REQUIRE(p != NULL && mheap_heap_of(p) == heap);
    REQUIRE(mheap_calloc_in(heap, 2, 100000) != NULL);
    REQUIRE(mheap_aligned_alloc_in(heap, 128, 10) != NULL);
    mheap_destroy(heap);
}

static void default_heap(void) {
    REQUIRE(mheap_default() != NULL);
    REQUIRE(mheap_check(mheap_default()) == 0);
}

static void pages(void) {
    void *p = mheap_pages_alloc(mheap_default(), 3);
    REQUIRE(p != NULL);
    mheap_pages_free(p);
}

static void release(void) {
    (void)mheap_release();
}

static void flush(void) {
    mheap_thread_flush();
}

static void questions(void) {
    REQUIRE(mheap_usable_size(NULL) == 0);
    REQUIRE(mheap_heap_of("none") == NULL);
    REQUIRE(mheap_good_size(100) >= 100);
    REQUIRE(strcmp(mheap_version(), MHEAP_VERSION_STRING) == 0);
}

static unsigned told;

static void tell(const struct mheap_bad_free *what, void *context) {
    REQUIRE(context == &told && what->kind == MHEAP_BAD_WILD);
    told++;
}

static void bad_free(void) {
    static char variable[64];
    unsigned before = told;
    mheap_set_bad_free_handler(tell, &told);
    mheap_free(variable);
    REQUIRE(told == before + 1);
    mheap_set_bad_free_handler(NULL, NULL);
    REQUIRE(mheap_bad_free_name(MHEAP_BAD_WILD) != NULL);
}

static void options(void) {
    uint64_t was = mheap_option_get(MHEAP_OPTION_CACHE_BYTES);
    REQUIRE(mheap_option_set(MHEAP_OPTION_CACHE_BYTES, was) == 0);
    REQUIRE(mheap_option_set(MHEAP_NOPTIONS, 0) != 0);
}

static void stats(void) {
    struct mheap_stats all;
    struct mheap_class_stats of_class;
    mheap_stats(NULL, &all);
    REQUIRE(all.in_use_bytes >= all.large_bytes);
    REQUIRE(mheap_class_stats_get(mheap_default(), 2, &of_class));
    REQUIRE(of_class.slot_bytes == mheap_good_size(1));
}

static void system_pages(void) {
    REQUIRE(mheap_os_facts().page_size >= 4096);
    struct mheap_region region;
    REQUIRE(mheap_os_alloc(100000, &region) == MHEAP_OS_OK);
    memset(region.base, 1, 100000);
    REQUIRE(mheap_os_free(&region) == MHEAP_OS_OK);
}

static void (*const calls[])(void) = {
    objects,      zeroed,  aligned, free_nothing, heaps,
    default_heap, pages,   release, flush,        questions,
    bad_free,     options, stats,   system_pages,
};
enum { NCALLS = sizeof(calls) / sizeof(*calls) };

static size_t first = NCALLS; // none: this process starts the others

static void call_all(void) {
    for (size_t i = 0; first < NCALLS && i < NCALLS; i++) {
        calls[(first + i) % NCALLS]();
    }
}

static void preinit(int argc, char **argv) {
    if (argc > 1) {
        first = (size_t)(argv[1][0] - 'a');
    }
    call_all();
}

__attribute__((section(".preinit_array"),
               used)) static void (*const entry)(int, char **) = preinit;

__attribute__((destructor(101))) static void last_destructor(void) {
    call_all();
}

int main(int argc, char **argv) {
    REQUIRE(argc == 1 || first < NCALLS);
    for (size_t i = 0; first == NCALLS && i < NCALLS; i++) {
        char letter[2] = {(char)('a' + i), '\0'};
        int status = 1;
        pid_t child = fork();
        REQUIRE(child >= 0);
        if (child == 0) {
            (void)execl(argv[0], argv[0], letter, (char *)NULL);
            _exit(127);
        }
        REQUIRE(waitpid(child, &status, 0) == child);
        REQUIRE(status == 0);
    }
    return EXIT_SUCCESS;
}
