// unused_none.c - where there is one way to give memory up, and a call for each
// range.

#include "platform/os.h"

void mh_os_set_lazy(bool lazy) {
    (void)lazy;
}

size_t mh_os_unused_ranges(const struct mh_range *ranges, size_t n) {
    (void)ranges;
    (void)n;
    return 0;
}
