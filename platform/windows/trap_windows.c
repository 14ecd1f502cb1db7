// trap_windows.c - being told of accesses that trap on Windows.

#include "platform/os_trap.h"
#include "platform/windows/windows_util.h"

static void (*trap_hook)(uintptr_t address);

// "EXCEPTION_RECORD": the second of its words is the address. Vectored handlers
// come before those of the frames, which are next.
static LONG CALLBACK on_exception(EXCEPTION_POINTERS *what) {
    const EXCEPTION_RECORD *record = what->ExceptionRecord;

    if (record->ExceptionCode == EXCEPTION_ACCESS_VIOLATION &&
        record->NumberParameters >= 2) {
        trap_hook((uintptr_t)record->ExceptionInformation[1]);
    }
    return EXCEPTION_CONTINUE_SEARCH;
}

struct mh_os_err mh_os_on_trap(void (*hook)(uintptr_t address)) {
    DWORD saved = GetLastError();

    trap_hook = hook;
    bool done = AddVectoredExceptionHandler(TRUE, on_exception) != NULL;
    SetLastError(saved);
    return (struct mh_os_err){done ? 0 : ERROR_NOT_ENOUGH_MEMORY};
}

bool mh_os_can_read(uintptr_t address, size_t size) {
    return mh_windows_is_on_stack(address, size);
}
