// note_linux.c - the ELF note that leads a reader to the root record.
//
// The note is data of the same link unit as the record, so the distance between
// the two is known at link time: no relocation is left, it reads the same in
// the file and in memory, in a PIE, a shared library and a static program. It
// is a section of its own that is loaded, so strip and --gc-sections keep it.

#include <stdint.h>

#include "platform/os_info.h"

// The hidden second name of the record: the exported one could be taken over
// by another mheap in the process, and the distance would not be known.
extern const char mh_inspect_root[] __attribute__((visibility("hidden")));

// The distance fills 8 bytes. Where addresses have 4, and on MIPS, there is no
// relocation for more, and the upper half is 0: the note lies before the
// record, with what is only read.
#if UINTPTR_MAX > UINT32_MAX && !defined(__mips__)
#    define DISTANCE ".8byte mh_inspect_root - 1b"
#elif __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#    define DISTANCE ".4byte 0, mh_inspect_root - 1b"
#else
#    define DISTANCE ".4byte mh_inspect_root - 1b, 0"
#endif

// Owner with its NUL filled up to 8 bytes; descriptor: 8 bytes; type: 1.
// "%" starts the section type where "@" starts a comment (arm).
__asm__(".pushsection .note.mheap, \"a\", %note\n"
        "    .balign 4\n"
        "    .4byte 6\n"
        "    .4byte 8\n"
        "    .4byte 1\n"
        "    .asciz \"mheap\"\n"
        "    .byte 0, 0\n"
        "    .hidden mh_inspect_root\n"
        "1:  " DISTANCE "\n"
        "    .popsection\n");

// Nothing is left to do at run time; but a static library's object is linked
// only when something calls it.
void mh_os_publish(const void *root) {
    (void)root;
}
