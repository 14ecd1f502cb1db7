// attr.h - what the compiler can be told about functions and data.

#ifndef MHEAP_CORE_BASE_ATTR_H
#define MHEAP_CORE_BASE_ATTR_H

// GCC and clang spell all of these alike; no other compiler builds mheap.
#define MH_NODISCARD           __attribute__((warn_unused_result))
#define MH_NOINLINE            __attribute__((noinline))
#define MH_ALWAYS_INLINE       inline __attribute__((always_inline))
#define MH_NORETURN            __attribute__((noreturn))
#define MH_NOTHROW             __attribute__((nothrow))
#define MH_COLD                __attribute__((cold, noinline))
#define MH_ALIGNED(n)          __attribute__((aligned(n)))
#define MH_UNUSED              __attribute__((unused))
#define MH_EXPORT              __attribute__((visibility("default")))
#define MH_LIKELY(condition)   __builtin_expect(!!(condition), 1)
#define MH_UNLIKELY(condition) __builtin_expect(!!(condition), 0)
#define MH_PREFETCH(address)   __builtin_prefetch(address)

// Fetches a cache line for a write that follows: no other processor keeps a
// copy. For x86-64 as such, compilers make a plain prefetch of it; a processor
// without the instruction does nothing.
#if defined(__x86_64__)
#    define MH_PREFETCH_WRITE(address) \
        __asm__ volatile("prefetchw %0" : : "m"(*(const char *)(address)))
#else
#    define MH_PREFETCH_WRITE(address) __builtin_prefetch((address), 1)
#endif

// C11's letters, also where gcc takes printf for that of an older library.
#if defined(__clang__)
#    define MH_PRINTF(fmt, first) __attribute__((format(printf, fmt, first)))
#else
#    define MH_PRINTF(fmt, first) \
        __attribute__((format(gnu_printf, fmt, first)))
#endif

// Not for other link units. What is no ELF has no such names to begin with.
#if defined(__ELF__)
#    define MH_HIDDEN __attribute__((visibility("hidden")))
#else
#    define MH_HIDDEN
#endif

// MH_OWN_NAME gives a variable a second name that no other link unit can take
// over. Only in ELF can they take the first: elsewhere there is no second.
#if defined(__ELF__)
#    define MH_OWN_NAME(type, own, of) \
        extern type own MH_HIDDEN __attribute__((alias(of)))
#else
#    define MH_OWN_NAME(type, own, of) \
        _Static_assert(sizeof(type) != 0, "a type")
#endif

// A variable of each thread, reached without a call and without allocating.
#define MH_THREAD_LOCAL __thread __attribute__((tls_model("initial-exec")))

// The processor this is compiled for, by the names core/meta/layout.c uses.
#if defined(__x86_64__)
#    define MH_ARCH_NAME "amd64"
#elif defined(__i386__)
#    define MH_ARCH_NAME "386"
#elif defined(__aarch64__)
#    define MH_ARCH_NAME "arm64"
#elif defined(__arm__)
#    define MH_ARCH_NAME "arm"
#elif defined(__riscv) && __riscv_xlen == 64
#    define MH_ARCH_NAME "riscv64"
#elif defined(__powerpc64__) && defined(__LITTLE_ENDIAN__)
#    define MH_ARCH_NAME "ppc64le"
#elif defined(__powerpc64__)
#    define MH_ARCH_NAME "ppc64"
#elif defined(__s390x__)
#    define MH_ARCH_NAME "s390x"
#elif defined(__mips64) && defined(__MIPSEL__)
#    define MH_ARCH_NAME "mips64le"
#elif defined(__mips64)
#    define MH_ARCH_NAME "mips64"
#elif defined(__mips__) && defined(__MIPSEL__)
#    define MH_ARCH_NAME "mipsle"
#elif defined(__mips__)
#    define MH_ARCH_NAME "mips"
#elif defined(__wasm32__)
#    define MH_ARCH_NAME "wasm32"
#else
#    define MH_ARCH_NAME "other"
#endif

// Where a function's frame pointer points to, counted in words from there: the
// frame pointer of its caller, and the address to return to. For the processors
// on which compilers keep frames in this way. With tables for exceptions of SEH
// a long frame's pointer lies anywhere in it.
#if defined(__SEH__)
#    define MH_HAVE_FRAMES 0
#elif defined(__x86_64__) || defined(__i386__) || defined(__aarch64__)
#    define MH_HAVE_FRAMES  1
#    define MH_FRAME_CALLER 0
#    define MH_FRAME_RETURN 1
#elif defined(__riscv)
#    define MH_HAVE_FRAMES  1
#    define MH_FRAME_CALLER (-2)
#    define MH_FRAME_RETURN (-1)
#else
#    define MH_HAVE_FRAMES 0
#endif

// Fields written by different threads are kept this far apart.
#define MH_CACHE_LINE 64

#endif // MHEAP_CORE_BASE_ATTR_H
