# Apple silicon. Nothing here runs its programs.
set(mheap_target darwin-arm64)
set(mheap_machine aarch64)
set(mheap_emulator "")
include("${CMAKE_CURRENT_LIST_DIR}/darwin.cmake")
