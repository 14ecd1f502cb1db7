# What tests of this machine need to look at programs of another.

# heapctl, for a program that an emulator runs (guest_target.c).
if(TARGET mheap_heapctl)
    set(wrapped -Wl,--wrap=mh_target_read,--wrap=mh_target_maps)
    string(APPEND wrapped ",--wrap=mh_target_pages,--wrap=mh_target_file")
    add_executable(heapctl_guest EXCLUDE_FROM_ALL
        "${CMAKE_SOURCE_DIR}/tools/heapctl/main.c"
        "${CMAKE_CURRENT_LIST_DIR}/guest_target.c"
        $<TARGET_OBJECTS:mheap_heapctl> $<TARGET_OBJECTS:mheap_inspect>
        $<TARGET_OBJECTS:mheap_target>)
    target_include_directories(heapctl_guest PRIVATE "${CMAKE_SOURCE_DIR}"
        "${CMAKE_SOURCE_DIR}/include" "${CMAKE_BINARY_DIR}/include")
    target_link_libraries(heapctl_guest PRIVATE mheap_warnings
        $<TARGET_NAME_IF_EXISTS:PkgConfig::libelf> m)
    target_link_options(heapctl_guest PRIVATE ${wrapped})
    set_target_properties(heapctl_guest PROPERTIES RUNTIME_OUTPUT_DIRECTORY
        "${CMAKE_BINARY_DIR}/bin")
endif()
