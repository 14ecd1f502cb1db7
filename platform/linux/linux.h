// linux.h - what the files of the Linux backend tell one another.

#ifndef MHEAP_PLATFORM_LINUX_LINUX_H
#define MHEAP_PLATFORM_LINUX_LINUX_H

#include <stdbool.h>

// mh_linux_is_lazy: unused pages may keep their contents (mh_os_set_lazy).
bool mh_linux_is_lazy(void);

#endif // MHEAP_PLATFORM_LINUX_LINUX_H
