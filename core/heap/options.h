// options.h - the few things a process may decide.
//
// Read from the environment once, when the first heap is made, and settable
// from code before and after. docs/tuning.md has the table for users.

#ifndef MHEAP_CORE_HEAP_OPTIONS_H
#define MHEAP_CORE_HEAP_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

// In the order of enum mheap_option of the public header.
enum mh_option {
    MH_OPTION_BAD_FREE,      // enum mh_on_bad_free
    MH_OPTION_CACHE_BYTES,   // bytes of one class in one cache
    MH_OPTION_CACHE_TOTAL,   // bytes in all caches
    MH_OPTION_SCAVENGER,     // enum mh_scav_mode
    MH_OPTION_FIRST_OBJECTS, // a thread gets before it has a cache
    MH_OPTION_SOFT_LIMIT,    // bytes of the process, 0: none
    MH_OPTION_HARD_LIMIT,    // the same
    MH_OPTION_HARDENED,      // 0 or 1; see hard.h
    MH_OPTION_GUARD_BYTES,   // bytes for each sampled object, 0: none is
    MH_OPTION_GUARD_REPORT,  // 1: traps there are told; see sample.h
    MH_OPTION_HUGE_PAGES,    // 1: asked for where a heap is dense; see huge.h
    MH_NOPTIONS,
};

// What a drop-in asks for: one sampled object for so many bytes.
#define MH_GUARD_BYTES_OF_PROGRAMS ((uint64_t)8 << 20)

// mh_option is the value in force.
uint64_t mh_option(enum mh_option option);

// mh_option_set returns false for an unknown option or a value out of range.
bool mh_option_set(unsigned option, uint64_t value);

// mh_option_prefer replaces the default: it yields to what code or the
// environment has set, or will.
void mh_option_prefer(enum mh_option option, uint64_t value);

// mh_options_read takes what the environment says; a value that cannot be
// understood is reported in one line and ignored. Options already set from code
// stay.
void mh_options_read(void);

#endif // MHEAP_CORE_HEAP_OPTIONS_H
