// expect_windows.c - reads that may trap, and what is written and resident.

#include "tests/support/expect.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

#include "tests/support/windows/temporary.h"

// A leaf that reads a byte and has no frame: when it traps, the handler lets it
// return to its caller at once. Unwinding from a handler is not for C.
void mh_probe_byte(const void *address);
#ifdef _WIN64
__asm__(".text\n"
        ".globl mh_probe_byte\n"
        "mh_probe_byte:\n"
        "    movb (%rcx), %al\n"
        "    ret\n");
#else
__asm__(".text\n"
        ".globl _mh_probe_byte\n"
        "_mh_probe_byte:\n"
        "    movl 4(%esp), %ecx\n"
        "    movb (%ecx), %al\n"
        "    ret\n");
#endif

static volatile LONG probing, trapped;

static void leave_probe(CONTEXT *context) {
#ifdef _WIN64
    context->Rip = *(const DWORD64 *)context->Rsp;
    context->Rsp += sizeof(DWORD64);
#else
    context->Eip = *(const DWORD *)context->Esp;
    context->Esp += sizeof(DWORD);
#endif
}

static LONG CALLBACK on_trap(EXCEPTION_POINTERS *what) {
    if (probing == 0 ||
        what->ExceptionRecord->ExceptionCode != EXCEPTION_ACCESS_VIOLATION) {
        return EXCEPTION_CONTINUE_SEARCH;
    }
    trapped = 1;
    leave_probe(what->ContextRecord);
    return EXCEPTION_CONTINUE_EXECUTION;
}

bool mh_traps(const void *address) {
    void *handler = AddVectoredExceptionHandler(1, on_trap);

    trapped = 0;
    probing = 1;
    mh_probe_byte(address);
    probing = 0;
    (void)RemoveVectoredExceptionHandler(handler);
    return trapped != 0;
}

void mh_error_of(void (*act)(void), char *text, size_t size) {
    HANDLE file = mh_temporary_file();
    HANDLE before = GetStdHandle(STD_ERROR_HANDLE);

    (void)SetStdHandle(STD_ERROR_HANDLE, file);
    act();
    (void)SetStdHandle(STD_ERROR_HANDLE, before);
    mh_temporary_text(file, text, size);
}

// The C library keeps a copy of the environment, in which nothing is empty.
void mh_set_variable(const char *name, const char *value) {
    (void)_putenv_s(name, value != NULL ? value : "");
    if (!SetEnvironmentVariableA(name, value) && value != NULL) {
        abort();
    }
}

bool mh_is_filled(const void *base, size_t size, unsigned char byte) {
    const unsigned char *p = base;

    for (size_t i = 0; i < size; i++) {
        if (p[i] != byte) {
            return false;
        }
    }
    return true;
}
