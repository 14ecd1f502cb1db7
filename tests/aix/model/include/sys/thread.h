// sys/thread.h - AIX's, as far as it is declared.

#include "tests/aix/include/sys/thread.h"
