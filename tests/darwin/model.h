// model.h - a Darwin to run Mach-O programs of amd64 over, on Linux.
//
// model_macho.c maps a program and binds what it imports; the other files are
// what it imports: a libSystem that does what the documents say, over
// Linux's memory and threads. Both systems pass arguments alike on amd64, so a
// function without structures of the system's goes straight through.
//
// Nothing here was written from, or includes, the backends that run over it.
// The documents, with the number of the line where it matters:
//   mmap.2:66 and so on   bsd/man/man2 of xnu-11417.101.15, which Apple
//                         published, and the line
//   xnu:FILE              a file of the same
//   pthread_create.3:103  man of libpthread-539, and the line
// Where they are silent the model does the least kind thing that they allow.

#ifndef MHEAP_TESTS_DARWIN_MODEL_H
#define MHEAP_TESTS_DARWIN_MODEL_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// What a program can bind to.
struct symbol {
    const char *name; // without the underscore
    void *address;
};

// The parts of the library, each ended by a NULL name.
extern const struct symbol memory_symbols[], mach_symbols[], thread_symbols[],
    key_symbols[], lock_symbols[], signal_symbols[], system_symbols[],
    task_symbols[], text_symbols[], zone_symbols[];

// What differs between machines, by options of the program.
struct machine {
    size_t page;        // of the process
    size_t kernel_page; // of the kernel: larger when the process is translated
    bool no_reusable;   // MADV_FREE_REUSABLE is refused
    bool keys_apart;    // the values of keys are not where they use to be
    bool no_keys;       // all keys are taken
};
extern struct machine machine;

// One thread. Its array of values comes first: the gs register points there,
// and the first value is the thread itself (xnu:libsyscall/os/tsd.h).
enum { NKEYS = 768, FIRST_KEY = 256 };
struct thread {
    void *values[NKEYS];
    void *locals; // its thread-local variables; model_macho.c knows it
    void *apart[NKEYS];
    int error; // errno, by Darwin's numbers
    uint64_t id;
    unsigned long host; // pthread_t
    void *(*start)(void *);
    void *arg, *result;
};

// thread_self is the calling thread; the first call makes the first thread's.
struct thread *thread_self(void);
void thread_first(void);
// thread_end runs the destructors of keys, as the end of a thread does.
void thread_end(struct thread *thread);

// done turns what a Linux call returned, -1 and errno or a value, into the same
// on Darwin.
long done(long result);
// fail is -1 with the thread's errno set to a number of Darwin's.
int fail(int darwin_errno);
// darwin_errno is the number Darwin has for one of Linux's.
int darwin_errno(int linux_errno);

// memory_holds: the address lies in memory the program mapped.
bool memory_holds(const void *address);

// broken stops the model: the program asked for what it does not have.
__attribute__((noreturn)) void broken(const char *what, const char *name);

// macho_load maps the program; the entry is its main. bind is asked for each
// import, with the name of the library it should come from.
typedef int macho_main(int argc, char **argv, char **envp, char **apple);
macho_main *macho_load(const char *path,
                       void *(*bind)(const char *library, const char *name),
                       int argc, char **argv);

// macho_insert maps a library before the program, as dyld does with those of
// DYLD_INSERT_LIBRARIES (dyld.1), and runs its initialisers.
void macho_insert(const char *path,
                  void *(*bind)(const char *library, const char *name));

// macho_interposed is what the inserted library has put in the place of a
// function, or the function.
void *macho_interposed(void *address);

// macho_thread_locals gives a thread its variables of the compiler's kind. dyld
// does that at their first use, and the program cannot tell.
void macho_thread_locals(struct thread *thread);

#endif // MHEAP_TESTS_DARWIN_MODEL_H
