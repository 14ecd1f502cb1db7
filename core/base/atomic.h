// atomic.h - atomic access to plain fields.
//
// Records are read by other processes and described by offset and width, so
// their fields are plain integers; an access that must be atomic says so where
// it happens. The suffix names the memory order. Relaxed loads and stores cost
// what plain ones do; they exist so that a racing reader sees whole words.

#ifndef MHEAP_CORE_BASE_ATOMIC_H
#define MHEAP_CORE_BASE_ATOMIC_H

#define MH_LOAD_RELAXED(p)     __atomic_load_n((p), __ATOMIC_RELAXED)
#define MH_LOAD_ACQUIRE(p)     __atomic_load_n((p), __ATOMIC_ACQUIRE)
#define MH_STORE_RELAXED(p, v) __atomic_store_n((p), (v), __ATOMIC_RELAXED)
#define MH_STORE_RELEASE(p, v) __atomic_store_n((p), (v), __ATOMIC_RELEASE)
#define MH_ADD_RELAXED(p, v)   __atomic_fetch_add((p), (v), __ATOMIC_RELAXED)
#define MH_SUB_RELAXED(p, v)   __atomic_fetch_sub((p), (v), __ATOMIC_RELAXED)
#define MH_SUB_ACQ_REL(p, v)   __atomic_fetch_sub((p), (v), __ATOMIC_ACQ_REL)
#define MH_AND_RELEASE(p, v)   __atomic_fetch_and((p), (v), __ATOMIC_RELEASE)
#define MH_AND_ACQ_REL(p, v)   __atomic_fetch_and((p), (v), __ATOMIC_ACQ_REL)
#define MH_EXCHANGE_ACQUIRE(p, v) \
    __atomic_exchange_n((p), (v), __ATOMIC_ACQUIRE)
#define MH_EXCHANGE_ACQ_REL(p, v) \
    __atomic_exchange_n((p), (v), __ATOMIC_ACQ_REL)
#define MH_FENCE_ACQUIRE() __atomic_thread_fence(__ATOMIC_ACQUIRE)
#define MH_FENCE_RELEASE() __atomic_thread_fence(__ATOMIC_RELEASE)
#define MH_FENCE_SEQ_CST() __atomic_thread_fence(__ATOMIC_SEQ_CST)
// A load of an aligned word on a fast path, which another thread may be writing
// and of which any value will do. Compilers do not fold an atomic load into the
// instruction that uses it; they do fold this one.
#if defined(__SANITIZE_THREAD__)
#    define MH_LOAD_ANY(p) MH_LOAD_RELAXED(p)
#elif defined(__has_feature)
#    if __has_feature(thread_sanitizer)
#        define MH_LOAD_ANY(p) MH_LOAD_RELAXED(p)
#    endif
#endif
#ifndef MH_LOAD_ANY
#    define MH_LOAD_ANY(p) (*(p))
#endif
// Keeps the compiler, not the processor, from moving accesses across it.
#define MH_FENCE_SIGNAL() __atomic_signal_fence(__ATOMIC_SEQ_CST)

// MH_CAS_* store desired where *p == *expected and say whether they did; on
// failure *expected holds what was there.
#define MH_CAS_ACQ_REL(p, expected, desired)                   \
    __atomic_compare_exchange_n((p), (expected), (desired), 0, \
                                __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)
#define MH_CAS_RELAXED(p, expected, desired)                   \
    __atomic_compare_exchange_n((p), (expected), (desired), 0, \
                                __ATOMIC_RELAXED, __ATOMIC_RELAXED)

// Tells the processor that this is a loop which waits for another thread.
#if defined(__x86_64__) || defined(__i386__)
#    define MH_PAUSE() __builtin_ia32_pause()
#elif defined(__aarch64__) || defined(__arm__)
#    define MH_PAUSE() __asm__ volatile("yield")
#else
#    define MH_PAUSE() MH_FENCE_SIGNAL()
#endif

#endif // MHEAP_CORE_BASE_ATOMIC_H
