// trap.c - being told of accesses that trap, and who has called whom.

#include "core/sys/trap.h"

#include "core/base/bits.h"
#include "platform/os_trap.h"

enum mh_status mh_trap_tell(void (*hook)(uintptr_t address)) {
    return mh_os_ok(mh_os_on_trap(hook)) ? MH_OK : MH_REFUSED;
}

#if MH_HAVE_FRAMES

// A frame beyond this is none: a program that has no frame pointers keeps other
// things where they would be.
#    define FRAME_MAX ((uintptr_t)1 << 20)

// The two words of a frame.
static const uintptr_t *words_of(uintptr_t frame) {
    return (const uintptr_t *)frame + (MH_FRAME_CALLER < MH_FRAME_RETURN
                                           ? MH_FRAME_CALLER
                                           : MH_FRAME_RETURN);
}

// Frames are asked for page by page: the first is this function's own.
MH_NOINLINE unsigned mh_stack_take(uintptr_t *returns, unsigned max) {
    uintptr_t page = mh_sys_facts()->page_size;
    uintptr_t frame = (uintptr_t)__builtin_frame_address(0);
    uintptr_t known = mh_align_down((uintptr_t)words_of(frame), page) + page;
    unsigned n = 0;
    while (n < max) {
        const uintptr_t *words = words_of(frame);
        uintptr_t end = (uintptr_t)(words + 2);
        if (end > known &&
            !mh_os_can_read((uintptr_t)words, end - (uintptr_t)words)) {
            break;
        }
        known = end > known ? mh_align_up(end, page) : known;
        const uintptr_t *at = (const uintptr_t *)frame;
        uintptr_t next = at[MH_FRAME_CALLER];
        if (at[MH_FRAME_RETURN] < page) {
            break; // code lies above the first page
        }
        returns[n++] = at[MH_FRAME_RETURN];
        if (next <= frame || next - frame > FRAME_MAX ||
            next % sizeof(uintptr_t) != 0) {
            break;
        }
        frame = next;
    }
    return n;
}

#else

unsigned mh_stack_take(uintptr_t *returns, unsigned max) {
    (void)returns;
    (void)max;
    return 0;
}

#endif
