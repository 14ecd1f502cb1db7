// override_new.cc - operator new and delete, in all forms, on mheap.
//
// The C++ library's own forms would do: they call malloc and free. These save
// the way through them, and give the aligned forms mheap's aligned objects.
//
// The shared library is loaded into C programs too, and must not bring a C++
// library with it. So there (MH_CXX_IS_OPTIONAL) every name of the C++ runtime
// used here is a weak one, which the loader binds when the program has such a
// runtime. The archive needs no such care: its member is linked in only when a
// program uses these operators.
//
// The sizes that sized delete is given are not compared. The language makes a
// wrong one undefined, but programs that delete through a base class do it, and
// work on every C library. And a size that is not compared is of no use: the
// page word must be looked at anyhow, for the owner, and has the class. Built
// with MH_CHECK_DELETE, a wrong size is a bad free; a delete then takes four
// instructions more (docs/decisions/0010-inline.md).

#include <cstddef>
#include <cstdlib>
#include <new>

// No size is constant here: straight to the functions.
#define MHEAP_NO_INLINE
#include "mheap/mheap.h"

// A function and a struct of one name, as mh_lock, are C's way, not C++'s.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow"
extern "C" {
#include "core/api/fast.h"
}
#pragma GCC diagnostic pop

// std::__throw_bad_alloc, which both C++ libraries have and neither declares
// for others.
extern "C" [[noreturn]] void
throw_bad_alloc() __asm__("_ZSt17__throw_bad_allocv");

#if MH_CXX_IS_OPTIONAL

__asm__(".weak _ZSt17__throw_bad_allocv\n"
        ".weak _ZSt15get_new_handlerv\n"
        ".weak __gxx_personality_v0\n"
        ".weak __cxa_begin_catch\n"
        ".weak __cxa_end_catch\n"
        ".weak _ZSt9terminatev\n");

// A C program that loads C++ modules later has a runtime that the weak names
// were bound too early for.
extern "C" void *dlopen(const char *file, int mode) __attribute__((weak));
extern "C" void *dlsym(void *handle, const char *name) __attribute__((weak));

#endif

namespace {

struct runtime {
    std::new_handler (*get_handler)();
    void (*throw_bad_alloc)();
};

#if MH_CXX_IS_OPTIONAL

void *volatile weak_get_handler =
    reinterpret_cast<void *>(&std::get_new_handler);
void *volatile weak_throw = reinterpret_cast<void *>(&throw_bad_alloc);

void *symbol_of(const char *library, const char *name) {
    enum { NOW_IF_LOADED = 2 | 4 }; // RTLD_NOW | RTLD_NOLOAD
    if (dlopen == nullptr || dlsym == nullptr) {
        return nullptr;
    }
    void *handle = dlopen(library, NOW_IF_LOADED);
    return handle == nullptr ? nullptr : dlsym(handle, name);
}

void *find(void *bound, const char *name) {
    static const char *const libraries[] = {"libstdc++.so.6", "libc++.so.1",
                                            "libc++abi.so.1"};
    for (const char *library : libraries) {
        if (bound != nullptr) {
            break;
        }
        bound = symbol_of(library, name);
    }
    return bound;
}

runtime find_runtime() {
    return {reinterpret_cast<std::new_handler (*)()>(
                find(weak_get_handler, "_ZSt15get_new_handlerv")),
            reinterpret_cast<void (*)()>(
                find(weak_throw, "_ZSt17__throw_bad_allocv"))};
}

#else

runtime find_runtime() {
    return {&std::get_new_handler, &throw_bad_alloc};
}

#endif

// align 0: whatever malloc gives.
inline void *allocate(std::size_t size, std::size_t align) {
    return align == 0 ? mheap_malloc(size) : mheap_aligned_alloc(align, size);
}

// What the language asks for when memory runs out: call the handler, if there
// is one, for as long as it returns, and try again after each.
[[gnu::noinline, gnu::cold]] void *allocate_or_throw(std::size_t size,
                                                     std::size_t align) {
    const runtime cxx = find_runtime();
    for (;;) {
        std::new_handler handler =
            cxx.get_handler == nullptr ? nullptr : cxx.get_handler();
        if (handler == nullptr) {
            break;
        }
        handler();
        void *p = allocate(size, align);
        if (p != nullptr) {
            return p;
        }
    }
    if (cxx.throw_bad_alloc != nullptr) {
        cxx.throw_bad_alloc();
    }
    mh_fatal("operator new: out of memory, and no C++ runtime to throw with");
}

[[gnu::noinline, gnu::cold]] void *
allocate_or_null(std::size_t size, std::size_t align) noexcept {
    const runtime cxx = find_runtime();
    // The handler gives up by throwing. Without one, nothing can be thrown.
    if (cxx.get_handler == nullptr || cxx.get_handler() == nullptr) {
        return nullptr;
    }
    try {
        return allocate_or_throw(size, align);
    } catch (...) {
        return nullptr;
    }
}

[[gnu::noinline]] void *get(std::size_t size, std::size_t align) {
    void *p = allocate(size, align);
    return p != nullptr ? p : allocate_or_throw(size, align);
}

[[gnu::noinline]] void *get_or_null(std::size_t size,
                                    std::size_t align) noexcept {
    void *p = allocate(size, align);
    return p != nullptr ? p : allocate_or_null(size, align);
}

// A slot of the thread's cache, if it has one; nullptr when somebody must look
// closer. Without a call, so that the operators need no frame until then.
MH_ALWAYS_INLINE void *pop(std::size_t size) noexcept {
    return MH_LIKELY(size <= MH_CLASS_STEP_LIMIT) ? mh_fast_pop(size) : nullptr;
}

MH_ALWAYS_INLINE void *get(std::size_t size) {
    void *p = pop(size);
    return MH_LIKELY(p != nullptr) ? p : get(size, 0);
}

MH_ALWAYS_INLINE void *get_or_null(std::size_t size) noexcept {
    void *p = pop(size);
    return MH_LIKELY(p != nullptr) ? p : get_or_null(size, 0);
}

MH_ALWAYS_INLINE void give_back(void *p) noexcept {
    mh_fast_free(p, "operator delete");
}

inline void give_back(void *p, std::size_t size) noexcept {
#if MH_CHECK_DELETE
    mheap_free_sized(p, size);
#else
    static_cast<void>(size);
    give_back(p);
#endif
}

inline void give_back(void *p, std::size_t size,
                      std::align_val_t align) noexcept {
#if MH_CHECK_DELETE
    mheap_free_aligned_sized(p, static_cast<std::size_t>(align), size);
#else
    static_cast<void>(size);
    static_cast<void>(align);
    give_back(p);
#endif
}

} // namespace

#define API MHEAP_API

API void *operator new(std::size_t size) {
    return get(size);
}

API void *operator new[](std::size_t size) {
    return get(size);
}

API void *operator new(std::size_t size, const std::nothrow_t &) noexcept {
    return get_or_null(size);
}

API void *operator new[](std::size_t size, const std::nothrow_t &) noexcept {
    return get_or_null(size);
}

API void *operator new(std::size_t size, std::align_val_t align) {
    return get(size, static_cast<std::size_t>(align));
}

API void *operator new[](std::size_t size, std::align_val_t align) {
    return get(size, static_cast<std::size_t>(align));
}

API void *operator new(std::size_t size, std::align_val_t align,
                       const std::nothrow_t &) noexcept {
    return get_or_null(size, static_cast<std::size_t>(align));
}

API void *operator new[](std::size_t size, std::align_val_t align,
                         const std::nothrow_t &) noexcept {
    return get_or_null(size, static_cast<std::size_t>(align));
}

API void operator delete(void *p) noexcept {
    give_back(p);
}

API void operator delete[](void *p) noexcept {
    give_back(p);
}

API void operator delete(void *p, const std::nothrow_t &) noexcept {
    give_back(p);
}

API void operator delete[](void *p, const std::nothrow_t &) noexcept {
    give_back(p);
}

API void operator delete(void *p, std::size_t size) noexcept {
    give_back(p, size);
}

API void operator delete[](void *p, std::size_t size) noexcept {
    give_back(p, size);
}

API void operator delete(void *p, std::align_val_t) noexcept {
    give_back(p);
}

API void operator delete[](void *p, std::align_val_t) noexcept {
    give_back(p);
}

API void operator delete(void *p, std::align_val_t,
                         const std::nothrow_t &) noexcept {
    give_back(p);
}

API void operator delete[](void *p, std::align_val_t,
                           const std::nothrow_t &) noexcept {
    give_back(p);
}

API void operator delete(void *p, std::size_t size,
                         std::align_val_t align) noexcept {
    give_back(p, size, align);
}

API void operator delete[](void *p, std::size_t size,
                           std::align_val_t align) noexcept {
    give_back(p, size, align);
}
