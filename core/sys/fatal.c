// fatal.c - the last words of a process.
//
// Messages are built on the stack and written by one system call, because the
// heap may be broken or locked when they are needed.

#include <string.h>

#include "core/base/assert.h"
#include "core/base/fmt.h"
#include "core/sys/sys.h"
#include "platform/os_info.h"

enum { MESSAGE_MAX = 512 };

void mh_sys_say(const char *text, size_t size) {
    mh_os_write_error(text, size);
}

void mh_sys_abort(bool locks_held) {
    mh_os_abort(!locks_held);
}

void mh_fatal(const char *text) {
    char buf[MESSAGE_MAX];
    struct mh_text message = mh_text_start(buf, sizeof(buf) - 1);

    mh_text_str(&message, "mheap: fatal: ");
    mh_text_str(&message, text);
    buf[message.len] = '\n';
    mh_sys_say(buf, message.len + 1);
    mh_sys_abort(true);
}

void mh_check_failed(const char *condition, const char *file, int line) {
    char buf[MESSAGE_MAX];
    struct mh_text text = mh_text_start(buf, sizeof(buf));

    mh_text_str(&text, "check failed: ");
    mh_text_str(&text, condition);
    mh_text_str(&text, " (");
    mh_text_str(&text, file);
    mh_text_str(&text, ":");
    mh_text_dec(&text, (uint64_t)line);
    mh_text_str(&text, ")");
    mh_fatal(buf);
}
