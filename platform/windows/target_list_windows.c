// target_list_windows.c - which processes there are, and why one is closed.

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "platform/windows/target_windows.h"

#include <tlhelp32.h>

enum { LIST_FIRST = 128 };

// The last part of the user's security identifier: 500 and the like for
// accounts that every system has, 1000 and up for others. 0: not told.
static uint64_t user_of(DWORD pid) {
    HANDLE process = OpenProcess(PROCESS_QUERY_LIMITED_INFORMATION, FALSE, pid);
    HANDLE token = NULL;
    uint64_t uid = 0;
    DWORD length = 0;
    union {
        TOKEN_USER user;
        unsigned char bytes[sizeof(TOKEN_USER) + SECURITY_MAX_SID_SIZE];
    } answer;

    if (process != NULL && OpenProcessToken(process, TOKEN_QUERY, &token) &&
        GetTokenInformation(token, TokenUser, &answer, sizeof(answer),
                            &length)) {
        PSID sid = answer.user.User.Sid;
        UCHAR parts = *GetSidSubAuthorityCount(sid);
        uid = parts != 0 ? *GetSidSubAuthority(sid, parts - 1u) : 0;
    }
    if (token != NULL) {
        (void)CloseHandle(token);
    }
    if (process != NULL) {
        (void)CloseHandle(process);
    }
    return uid;
}

static void fill(struct mh_target_process *out, const PROCESSENTRY32W *entry) {
    memset(out, 0, sizeof(*out));
    out->pid = entry->th32ProcessID;
    out->uid = user_of(entry->th32ProcessID);
    // What does not fit is cut in the middle of a character at worst, which is
    // what readers of names from outside have to expect anyway.
    char name[4 * MAX_PATH];
    int n = WideCharToMultiByte(CP_UTF8, 0, entry->szExeFile, -1, name,
                                (int)sizeof(name), NULL, NULL);
    (void)snprintf(out->name, sizeof(out->name), "%s", n > 0 ? name : "?");
}

// each calls take for every process until it says false.
static bool each(bool (*take)(const PROCESSENTRY32W *, void *), void *context) {
    HANDLE list = CreateToolhelp32Snapshot(TH32CS_SNAPPROCESS, 0);
    PROCESSENTRY32W entry = {.dwSize = sizeof(entry)};

    if (list == INVALID_HANDLE_VALUE) {
        return false;
    }
    BOOL more = Process32FirstW(list, &entry);
    while (more && take(&entry, context)) {
        more = Process32NextW(list, &entry);
    }
    (void)CloseHandle(list);
    return true;
}

struct wanted {
    uint64_t pid;
    struct mh_target_process *out;
    bool found;
};

static bool take_wanted(const PROCESSENTRY32W *entry, void *context) {
    struct wanted *wanted = context;

    if (entry->th32ProcessID == wanted->pid) {
        fill(wanted->out, entry);
        wanted->found = true;
    }
    return !wanted->found;
}

enum mh_target_status mh_target_process_of(uint64_t pid,
                                           struct mh_target_process *out) {
    struct wanted wanted = {pid, out, false};

    if (!each(take_wanted, &wanted)) {
        return MH_TARGET_FAILED;
    }
    return wanted.found ? MH_TARGET_OK : MH_TARGET_GONE;
}

struct list {
    struct mh_target_process *of;
    size_t n, room;
    bool no_memory;
};

static bool take_all(const PROCESSENTRY32W *entry, void *context) {
    struct list *list = context;

    if (list->n == list->room) {
        size_t room = list->room == 0 ? LIST_FIRST : 2 * list->room;
        struct mh_target_process *more =
            realloc(list->of, room * sizeof(*more));
        if (more == NULL) {
            list->no_memory = true;
            return false;
        }
        list->of = more;
        list->room = room;
    }
    fill(&list->of[list->n++], entry);
    return true;
}

enum mh_target_status mh_target_processes(struct mh_target_process **list_out,
                                          size_t *n_out) {
    struct list list = {0};
    bool listed = each(take_all, &list);

    *list_out = NULL;
    *n_out = 0;
    if (!listed || list.no_memory) {
        free(list.of);
        return listed ? MH_TARGET_NO_MEMORY : MH_TARGET_FAILED;
    }
    *list_out = list.of;
    *n_out = list.n;
    return MH_TARGET_OK;
}

void mh_target_explain(uint64_t pid, char *text, size_t size) {
    struct mh_target_process process;
    struct mh_target *target = NULL;

    if (mh_target_process_of(pid, &process) == MH_TARGET_GONE) {
        (void)snprintf(text, size, "  there is no such process\n");
        return;
    }
    enum mh_target_status status = mh_target_open(pid, &target);
    mh_target_close(target);
    if (status == MH_TARGET_OK) {
        (void)snprintf(text, size, "  nothing stands in the way now\n");
        return;
    }
    uint64_t me = user_of(GetCurrentProcessId());
    (void)snprintf(
        text, size,
        "  user: it runs as %" PRIu64 ", we are %" PRIu64 "%s\n"
        "  system: opening it for reading was refused, with SeDebugPrivilege "
        "where we hold that\n"
        "fix: run heapctl as the same user, or from an elevated prompt; a "
        "protected process (antivirus, DRM) can be read by nobody\n",
        process.uid, me, process.uid == me ? "" : ", another user");
}
