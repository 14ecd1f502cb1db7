// self.c - starting the running program once more.

#include "tests/support/windows/self.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

int mh_self_number(const char *name) {
    char text[16];
    DWORD length = GetEnvironmentVariableA(name, text, sizeof(text));

    return length == 0 || length >= sizeof(text) ? -1 : atoi(text);
}

void mh_self_set(const char *name, int number) {
    char text[16];

    (void)snprintf(text, sizeof(text), "%d", number);
    (void)SetEnvironmentVariableA(name, text);
}

bool mh_self_run(void *err, unsigned seconds, unsigned long *status_out) {
    STARTUPINFOA start = {.cb = sizeof(start), .dwFlags = STARTF_USESTDHANDLES};
    PROCESS_INFORMATION process;
    char command[4096];

    (void)snprintf(command, sizeof(command), "%s", GetCommandLineA());
    start.hStdInput = GetStdHandle(STD_INPUT_HANDLE);
    start.hStdOutput = GetStdHandle(STD_OUTPUT_HANDLE);
    start.hStdError = err != NULL ? err : GetStdHandle(STD_ERROR_HANDLE);
    (void)fflush(NULL);
    if (!CreateProcessA(NULL, command, NULL, NULL, TRUE, 0, NULL, NULL, &start,
                        &process)) {
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
