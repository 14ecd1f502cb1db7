# 64-bit x86 Darwin. Its programs run here over a model of the system
# (tests/darwin), for both pass arguments alike.
set(mheap_target darwin-amd64)
set(mheap_machine x86_64)
set(mheap_emulator "${CMAKE_CURRENT_LIST_DIR}/../../build/cross/darwin-amd64/bin/darwin_model")
include("${CMAKE_CURRENT_LIST_DIR}/darwin.cmake")
