# 64-bit POWER, AIX 7.2.
set(CMAKE_SYSTEM_PROCESSOR ppc64)
set(mheap_target aix-ppc64)
set(mheap_triple powerpc64-ibm-aix7.2.0.0)
include("${CMAKE_CURRENT_LIST_DIR}/aix.cmake")
