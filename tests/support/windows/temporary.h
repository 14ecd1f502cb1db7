// temporary.h - files for what is written to standard error.

#ifndef MHEAP_TESTS_SUPPORT_WINDOWS_TEMPORARY_H
#define MHEAP_TESTS_SUPPORT_WINDOWS_TEMPORARY_H

#include <stddef.h>
#include <windows.h>

// mh_temporary_file is a file that new processes inherit and that is gone when
// the last closes it; INVALID_HANDLE_VALUE: there is none to be had.
HANDLE mh_temporary_file(void);

// mh_temporary_text stores what such a file holds, cut to size - 1 bytes, and
// closes it.
void mh_temporary_text(HANDLE file, char *text, size_t size);

#endif // MHEAP_TESTS_SUPPORT_WINDOWS_TEMPORARY_H
