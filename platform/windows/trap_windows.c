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

// "NT_TIB": of the words of a thread's block the second is where its stack ends
// and the third where those of its pages begin that are there. gcc 12 takes the
// header's own function for an access to an array of none.
#if defined(_WIN64)
#    define READ_BLOCK(value, at) __asm__("movq %%gs:" at ", %0" : "=r"(value))
#    define STACK_END             "8"
#    define STACK_BEGIN           "16"
#else
#    define READ_BLOCK(value, at) __asm__("movl %%fs:" at ", %0" : "=r"(value))
#    define STACK_END             "4"
#    define STACK_BEGIN           "8"
#endif

bool mh_os_can_read(uintptr_t address, size_t size) {
    uintptr_t begin = 0, end = 0;

    READ_BLOCK(begin, STACK_BEGIN);
    READ_BLOCK(end, STACK_END);
    return address >= begin && address < end && size <= end - address;
}
