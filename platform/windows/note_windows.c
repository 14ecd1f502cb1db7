// note_windows.c - the section that leads a reader to the root record.
//
// The counterpart of the ELF note: a section of its own, found by its name in
// the headers of the program or library, which strip keeps. It holds the name
// once more and the distance of the record from the start of the image, which
// the linker knows and no relocation changes.

#include "platform/os_info.h"

// The linker's name of a C name: 32-bit x86 puts an underscore before it.
#if defined(__i386__)
#    define LINKED(name) "_" #    name
#else
#    define LINKED(name) #    name
#endif

// Name with its NUL filled up to 8 bytes, version 1, distance.
__asm__(
    ".section .mheap, \"dr\"\n"
    "    .balign 8\n"
    "    .globl " LINKED(mh_windows_note) "\n" LINKED(
        mh_windows_note) ":\n"
                         "    .asciz \"mheap\"\n"
                         "    .byte 0, 0\n"
                         "    .4byte 1\n"
                         "    .rva " LINKED(mheap_inspect_root) "\n"
                                                                "    .text\n");

extern const char mh_windows_note[16];

// Nothing is left to do at run time; but a static library's object is linked
// only when something calls it, and a section kept only when something in what
// is linked names it.
void mh_os_publish(const void *root) {
    (void)root;
    __asm__ volatile("" : : "r"(mh_windows_note));
}
