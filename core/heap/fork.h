// fork.h - a fork in the middle of a storm.

#ifndef MHEAP_CORE_HEAP_FORK_H
#define MHEAP_CORE_HEAP_FORK_H

#include "core/base/attr.h"
#include "core/sys/sys.h"

// mh_fork_init registers the handlers that make malloc work in the child,
// whatever other threads were doing. Once per process.
MH_NODISCARD enum mh_status mh_fork_init(void);

#endif // MHEAP_CORE_HEAP_FORK_H
