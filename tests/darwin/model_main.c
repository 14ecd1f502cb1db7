// model_main.c - darwin_model [OPTION...] PROGRAM [ARGUMENT...]
//
// Runs a Mach-O program of amd64 over the model. Options are what machines
// differ in:
//   --page N          pages of the process, in bytes; 4096
//   --kernel-page N   pages of the kernel; as the process's
//   --no-reusable     MADV_FREE_REUSABLE is refused
//   --keys-apart      values of keys do not lie behind the thread register
//   --no-keys         there are no keys left
//   --insert LIBRARY  loaded first, and put in the place of what it names

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/darwin/model.h"

struct machine machine = {.page = 4096, .kernel_page = 0};

void mach_start(void);

void broken(const char *what, const char *name) {
    (void)fprintf(stderr, "darwin_model: %s %s\n", what, name);
    _exit(97);
}

// A function of the library that has no model stops the program when it is
// called, not when it is bound: half of a test's imports it never calls.
static void *trap_for(const char *name) {
    static unsigned char *next, *end;
    enum { BYTES = 48 };
    static const char what[] = "nothing models";

    if (next == end) {
        next = mmap(NULL, 65536, PROT_READ | PROT_WRITE | PROT_EXEC,
                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (next == MAP_FAILED) {
            broken("no memory to bind", name);
        }
        end = next + 65536 / BYTES * BYTES;
    }
    unsigned char *code = next;
    const void *values[] = {what, name, (const void *)broken};
    // push rax, which aligns the stack; movabs rdi, rsi, rax; call rax
    static const unsigned char moves[3][2] = {
        {0x48, 0xbf}, {0x48, 0xbe}, {0x48, 0xb8}};
    code[0] = 0x50;
    for (unsigned i = 0; i < 3; i++) {
        memcpy(code + 1 + i * 10, moves[i], 2);
        memcpy(code + 1 + i * 10 + 2, &values[i], 8);
    }
    memcpy(code + 31, "\xff\xd0", 2);
    next += BYTES;
    return code;
}

static void *bind(const char *library, const char *name) {
    static const struct symbol *const parts[] = {
        memory_symbols, mach_symbols,   thread_symbols, key_symbols,
        lock_symbols,   signal_symbols, system_symbols, task_symbols,
        text_symbols,   zone_symbols};

    name += name[0] == '_';
    if (strcmp(library, "libcheck.dylib") == 0) {
        void *address = dlsym(RTLD_DEFAULT, name);
        return address != NULL ? address : trap_for(name);
    }
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        for (const struct symbol *s = parts[i]; s->name != NULL; s++) {
            if (strcmp(s->name, name) == 0) {
                return s->address;
            }
        }
    }
    return trap_for(name);
}

// size_of reads a power of two from 4096 up.
static size_t size_of(const char *text) {
    size_t size = text != NULL ? strtoul(text, NULL, 10) : 0;

    if (size < 4096 || (size & (size - 1)) != 0 || size > 65536) {
        broken("no size of pages:", text != NULL ? text : "");
    }
    return size;
}

static void *bind_program(const char *library, const char *name) {
    return macho_interposed(bind(library, name));
}

static const char *inserted;

static int take_options(int argc, char **argv) {
    int i = 1;

    for (; i < argc && strncmp(argv[i], "--", 2) == 0; i++) {
        if (strcmp(argv[i], "--page") == 0) {
            machine.page = size_of(argv[++i]);
        } else if (strcmp(argv[i], "--kernel-page") == 0) {
            machine.kernel_page = size_of(argv[++i]);
        } else if (strcmp(argv[i], "--insert") == 0) {
            inserted = argv[++i];
        } else if (strcmp(argv[i], "--no-reusable") == 0) {
            machine.no_reusable = true;
        } else if (strcmp(argv[i], "--keys-apart") == 0) {
            machine.keys_apart = true;
        } else if (strcmp(argv[i], "--no-keys") == 0) {
            machine.no_keys = true;
        } else {
            broken("no option", argv[i]);
        }
    }
    if (machine.kernel_page < machine.page) {
        machine.kernel_page = machine.page;
    }
    return i;
}

int main(int argc, char **argv) {
    int first = take_options(argc, argv);

    if (first >= argc) {
        broken("usage: darwin_model [OPTION...] PROGRAM [ARGUMENT...]", "");
    }
    mach_start();
    thread_first();
    static char *apple[] = {NULL};
    if (inserted != NULL) {
        macho_insert(inserted, bind);
    }
    macho_main *program =
        macho_load(argv[first], bind_program, argc - first, argv + first);
    exit(program(argc - first, argv + first, environ, apple));
}
