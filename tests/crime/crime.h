// crime.h - what each program of this folder consists of.
//
// A crime is one misuse of free. Its file defines the two names below; the main
// program (crime_main.c) commits it under the action the environment asks for
// and judges what the library did. run_crime.py runs every action.

#ifndef MHEAP_TESTS_CRIME_H
#define MHEAP_TESTS_CRIME_H

#include <stddef.h>

struct crime {
    const char *what; // the words mheap must find for it
    unsigned times;   // bad frees in one run
};

extern const struct crime crime;

// crime_commit does it. Where the library lets the process go on, it returns.
void crime_commit(void);

// crime_alias returns p, which the compiler no longer knows anything about: it
// would otherwise warn of the crime, or remove it.
void *crime_alias(void *p);

// crime_at is the address n bytes behind p, hidden in the same way.
void *crime_at(void *p, ptrdiff_t n);

// crime_in_thread runs f(arg) in a new thread and waits for the thread's end.
void crime_in_thread(void (*f)(void *arg), void *arg);

// crime_then_park runs f(arg) in a new thread, which then sleeps until the
// process ends: it makes no further call. Returns when f has.
void crime_then_park(void (*f)(void *arg), void *arg);

// crime_in_child forks and returns in the child. The parent waits and ends as
// its child does, so that the child is who is judged.
void crime_in_child(void);

#endif // MHEAP_TESTS_CRIME_H
