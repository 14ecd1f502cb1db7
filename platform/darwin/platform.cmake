# What the build must know of Darwin.

set(MHEAP_LACKS hints resident unused)
# The simulator runs on machines where a process costs less.
set(MHEAP_SIM_HOST "")
# What asks a Linux kernel: memory files, seals, locked pages, /proc. What needs
# barriers of POSIX threads, which Darwin has not. What counts by getrusage.
set(MHEAP_TESTS_LEFT_OUT os_posix threads_stress first_use_stress
    huge_stress)
set(MHEAP_HAVE_PROC OFF)
# sbrk, which one test asks.
set(MHEAP_TEST_OPTIONS -Wno-deprecated-declarations)
