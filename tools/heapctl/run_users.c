// run_users.c - who we are, and what users are called.

#include <inttypes.h>
#include <pwd.h>
#include <unistd.h>

#include "tools/heapctl/heapctl.h"

uint64_t hc_self(void) {
    return (uint64_t)getpid();
}

const char *hc_user_name(uint64_t uid, char *text, size_t size) {
    const struct passwd *entry = getpwuid((uid_t)uid);

    if (entry != NULL) {
        (void)snprintf(text, size, "%s", entry->pw_name);
    } else {
        (void)snprintf(text, size, "%" PRIu64, uid);
    }
    return text;
}
