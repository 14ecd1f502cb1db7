// run_users_windows.c - who we are, and what users are called.

#include <inttypes.h>
#include <windows.h>

#include "tools/heapctl/heapctl.h"

uint64_t hc_self(void) {
    return GetCurrentProcessId();
}

// A user is the last part of an identifier, which has a name only together with
// the rest of it. Our own is known.
const char *hc_user_name(uint64_t uid, char *text, size_t size) {
    struct mh_target_process self;
    DWORD length = (DWORD)size;

    if (mh_target_process_of(hc_self(), &self) != MH_TARGET_OK ||
        self.uid != uid || !GetUserNameA(text, &length)) {
        (void)snprintf(text, size, "%" PRIu64, uid);
    }
    return text;
}
