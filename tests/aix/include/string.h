// string.h - of C11, 7.24.

#ifndef MHEAP_TESTS_AIX_INCLUDE_STRING_H
#define MHEAP_TESTS_AIX_INCLUDE_STRING_H

#include <stddef.h>

void *memcpy(void *to, const void *from, size_t size);
void *memmove(void *to, const void *from, size_t size);
void *memset(void *at, int byte, size_t size);
int memcmp(const void *a, const void *b, size_t size);
char *strchr(const char *text, int letter);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t size);
size_t strlen(const char *text);

#endif // MHEAP_TESTS_AIX_INCLUDE_STRING_H
