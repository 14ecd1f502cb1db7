// assert.h - checks that stop the program before it does harm.
//
// MH_CHECK is for every build: cheap, security-relevant, or the last thing
// between a bug and corruption. MH_ASSERT exists from debug level 1 up. In
// release it still names its operands, so they stay checked by the compiler.
// Conditions have no side effects.

#ifndef MHEAP_CORE_BASE_ASSERT_H
#define MHEAP_CORE_BASE_ASSERT_H

#include "core/base/attr.h"

#ifndef MH_DEBUG_LEVEL
#    define MH_DEBUG_LEVEL 0
#endif

// mh_check_failed prints `mheap: fatal: check failed: CONDITION (FILE:LINE)`
// and aborts. core/sys implements it: only that layer may write and abort.
MH_COLD MH_NORETURN void mh_check_failed(const char *condition,
                                         const char *file, int line);

#define MH_CHECK(condition)         \
    (MH_LIKELY(condition) ? (void)0 \
                          : mh_check_failed(#condition, __FILE__, __LINE__))

#if MH_DEBUG_LEVEL >= 1
#    define MH_ASSERT(condition) MH_CHECK(condition)
#else
#    define MH_ASSERT(condition) ((void)sizeof(condition))
#endif

// override_new.cc includes headers of the core.
#ifdef __cplusplus
#    define MH_STATIC_ASSERT(condition, message) \
        static_assert(condition, message)
#else
#    define MH_STATIC_ASSERT(condition, message) \
        _Static_assert(condition, message)
#endif

#endif // MHEAP_CORE_BASE_ASSERT_H
