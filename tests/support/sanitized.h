// sanitized.h - whether this is built with AddressSanitizer or ThreadSanitizer,
// under which tests do less, and some things not at all.

#ifndef MHEAP_TESTS_SUPPORT_SANITIZED_H
#define MHEAP_TESTS_SUPPORT_SANITIZED_H

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#    define MH_SANITIZED 1
#elif defined(__has_feature)
#    if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#        define MH_SANITIZED 1
#    endif
#endif
#ifndef MH_SANITIZED
#    define MH_SANITIZED 0
#endif

#endif // MHEAP_TESTS_SUPPORT_SANITIZED_H
