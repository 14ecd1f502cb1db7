// expect_windows.c - code that must stop the program, and reads that may trap.

#include "tests/support/expect.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

#include "tests/support/windows/self.h"

enum { SECONDS = 60 };

// Reads a temporary file from its start.
static void read_text(HANDLE file, char *text, DWORD size) {
    DWORD n = 0;

    (void)SetFilePointer(file, 0, NULL, FILE_BEGIN);
    if (!ReadFile(file, text, size - 1, &n, NULL)) {
        n = 0;
    }
    text[n] = '\0';
}

static HANDLE temporary_file(void) {
    SECURITY_ATTRIBUTES inherited = {sizeof(inherited), NULL, TRUE};
    char folder[MAX_PATH], path[MAX_PATH];

    ck_assert_uint_ne(GetTempPathA(sizeof(folder), folder), 0);
    ck_assert_uint_ne(GetTempFileNameA(folder, "mh", 0, path), 0);
    HANDLE file = CreateFileA(path, GENERIC_READ | GENERIC_WRITE,
                              FILE_SHARE_READ | FILE_SHARE_WRITE, &inherited,
                              CREATE_ALWAYS, FILE_FLAG_DELETE_ON_CLOSE, NULL);
    ck_assert_ptr_ne(file, INVALID_HANDLE_VALUE);
    return file;
}

// The same test runs in a new process up to the same call, where it does what
// is fatal. What tests do before is the same each time.
void mh_expect_fatal(void (*act)(void), const char *message) {
    static int calls;
    int me = calls++;
    int wanted = mh_self_number(SELF_FATAL);
    unsigned long status = 0;
    char text[4096];

    if (wanted == me) {
        act();
        exit(0);
    }
    if (wanted >= 0) {
        return; // an earlier call than the wanted one
    }
    HANDLE file = temporary_file();
    mh_self_set(SELF_FATAL, me);
    bool ended = mh_self_run(file, SECONDS, &status);
    (void)SetEnvironmentVariableA(SELF_FATAL, NULL);
    read_text(file, text, sizeof(text));
    (void)CloseHandle(file);
    ck_assert(ended);
    ck_assert_msg(strstr(text, message) != NULL, "\"%s\" is not in \"%s\"",
                  message, text);
    ck_assert_msg(status == MH_ABORT_STATUS,
                  "ended with status 0x%lx instead of abort's", status);
}

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
    HANDLE file = temporary_file();
    HANDLE before = GetStdHandle(STD_ERROR_HANDLE);

    (void)SetStdHandle(STD_ERROR_HANDLE, file);
    act();
    (void)SetStdHandle(STD_ERROR_HANDLE, before);
    read_text(file, text, (DWORD)size);
    (void)CloseHandle(file);
}

// The C library keeps a copy of the environment, in which nothing is empty.
void mh_set_variable(const char *name, const char *value) {
    (void)_putenv_s(name, value != NULL ? value : "");
    ck_assert(SetEnvironmentVariableA(name, value) || value == NULL);
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
