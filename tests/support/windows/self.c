// self.c - starting the running program once more, and files for what it says.

#include "tests/support/self.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/windows/temporary.h"

int mh_self_number(const char *name) {
    char text[16];
    DWORD length = GetEnvironmentVariableA(name, text, sizeof(text));

    return length == 0 || length >= sizeof(text) ? -1 : atoi(text);
}

void mh_self_set(const char *name, int number) {
    char text[16];

    (void)snprintf(text, sizeof(text), "%d", number);
    (void)SetEnvironmentVariableA(name, number >= 0 ? text : NULL);
}

HANDLE mh_temporary_file(void) {
    SECURITY_ATTRIBUTES inherited = {sizeof(inherited), NULL, TRUE};
    char folder[MAX_PATH], path[MAX_PATH];

    if (GetTempPathA(sizeof(folder), folder) == 0 ||
        GetTempFileNameA(folder, "mh", 0, path) == 0) {
        return INVALID_HANDLE_VALUE;
    }
    return CreateFileA(path, GENERIC_READ | GENERIC_WRITE,
                       FILE_SHARE_READ | FILE_SHARE_WRITE, &inherited,
                       CREATE_ALWAYS, FILE_FLAG_DELETE_ON_CLOSE, NULL);
}

void mh_temporary_text(HANDLE file, char *text, size_t size) {
    DWORD n = 0;

    (void)SetFilePointer(file, 0, NULL, FILE_BEGIN);
    if (!ReadFile(file, text, (DWORD)size - 1, &n, NULL)) {
        n = 0;
    }
    text[n] = '\0';
    (void)CloseHandle(file);
}

// A process that fails opens no window, nor do those that it starts.
static bool start_process(HANDLE err, PROCESS_INFORMATION *process) {
    STARTUPINFOA start = {.cb = sizeof(start), .dwFlags = STARTF_USESTDHANDLES};
    char command[4096];

    (void)SetErrorMode(SEM_FAILCRITICALERRORS | SEM_NOGPFAULTERRORBOX);
    (void)snprintf(command, sizeof(command), "%s", GetCommandLineA());
    start.hStdInput = GetStdHandle(STD_INPUT_HANDLE);
    start.hStdOutput = GetStdHandle(STD_OUTPUT_HANDLE);
    start.hStdError = err != NULL ? err : GetStdHandle(STD_ERROR_HANDLE);
    (void)fflush(NULL);
    return CreateProcessA(NULL, command, NULL, NULL, TRUE, 0, NULL, NULL,
                          &start, process) != 0;
}

static bool run(HANDLE err, unsigned seconds, unsigned long *status_out) {
    PROCESS_INFORMATION process;

    if (!start_process(err, &process)) {
        return false;
    }
    bool ended = WaitForSingleObject(process.hProcess, seconds * 1000) ==
                     WAIT_OBJECT_0 &&
                 GetExitCodeProcess(process.hProcess, status_out);
    if (!ended) {
        (void)TerminateProcess(process.hProcess, 1);
    }
    (void)CloseHandle(process.hThread);
    (void)CloseHandle(process.hProcess);
    return ended;
}

bool mh_self_run(char *err, size_t size, unsigned seconds,
                 unsigned long *status_out) {
    if (err == NULL) {
        return run(NULL, seconds, status_out);
    }
    HANDLE file = mh_temporary_file();
    bool ended = file != INVALID_HANDLE_VALUE && run(file, seconds, status_out);
    mh_temporary_text(file, err, size);
    return ended;
}
