# 32-bit POWER, AIX 7.2.
set(CMAKE_SYSTEM_PROCESSOR ppc)
set(mheap_target aix-ppc)
set(mheap_triple powerpc-ibm-aix7.2.0.0)
include("${CMAKE_CURRENT_LIST_DIR}/aix.cmake")
# Words of 64 bits are more than this processor changes at once: the compiler
# calls a library for it, and warns.
string(APPEND CMAKE_C_FLAGS_INIT " -Wno-atomic-alignment")
