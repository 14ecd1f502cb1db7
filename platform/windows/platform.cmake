# What the build must know of Windows.

set(MHEAP_LACKS hints resident unused)
# The row of the address layout: 4 MiB, for committed memory is charged.
add_compile_definitions(MH_ARENA_SHIFT=22)
# Programs bind malloc to the library they were linked with: there is no drop-in
# (MHEAP_OVERRIDE), which a cross build leaves out by itself.
set(MHEAP_HAVE_FORK OFF)
set(MHEAP_HAVE_PROC OFF)
set(MHEAP_SIM_HOST windows)
# The other systems are simulated on machines where a process costs less.
set(MHEAP_SIM_DEFAULT windows)
set(MHEAP_SIM_UNIT "")
set(MHEAP_SIM_BACKEND "")
# What a fork leaves behind, and hundreds of children; sizes beyond what is
# counted by getrusage.
set(MHEAP_TESTS_LEFT_OUT os_posix fork left heap_regress heap_fault fork_stress
    first_use_stress huge_stress)
# printf as in C11 also with the older of the two C libraries. Check's own
# declarations go by that library's letters.
add_compile_definitions(__USE_MINGW_ANSI_STDIO=1)
set(MHEAP_TEST_OPTIONS -Wno-format -Wno-format-extra-args)
