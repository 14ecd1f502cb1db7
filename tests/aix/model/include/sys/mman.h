// sys/mman.h - AIX's, as far as it is declared; the calls are the model's.

#define mmap     mh_model_mmap
#define mprotect mh_model_mprotect
#define munmap   mh_model_munmap
#include "tests/aix/include/sys/mman.h"
