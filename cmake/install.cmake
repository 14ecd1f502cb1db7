# What `cmake --install` puts where, and how other projects find it: the CMake
# package mheap (cmake/mheap-config.cmake.in), and pkg-config's mheap and
# mheap_malloc.

include(CMakePackageConfigHelpers)

set(mheap_installed mheap)
foreach(target mheap_malloc mheap_malloc_shared)
    if(TARGET ${target})
        list(APPEND mheap_installed ${target})
    endif()
endforeach()

install(TARGETS ${mheap_installed} EXPORT mheap-targets
    ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
    LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
if(TARGET heapctl)
    install(TARGETS heapctl RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
install(DIRECTORY include/mheap "${PROJECT_BINARY_DIR}/include/mheap"
    DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")

set(mheap_package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/mheap")
install(EXPORT mheap-targets NAMESPACE mheap:: DESTINATION ${mheap_package_dir})
configure_package_config_file(cmake/mheap-config.cmake.in
    cmake/mheap-config.cmake INSTALL_DESTINATION ${mheap_package_dir})
write_basic_package_version_file(
    "${PROJECT_BINARY_DIR}/cmake/mheap-config-version.cmake"
    COMPATIBILITY SameMajorVersion)
install(FILES "${PROJECT_BINARY_DIR}/cmake/mheap-config.cmake"
    "${PROJECT_BINARY_DIR}/cmake/mheap-config-version.cmake"
    DESTINATION ${mheap_package_dir})

# `cmake --install --prefix` names the folder after these files are written, so
# they name all others from where they lie themselves.
set(mheap_pc_dir "${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig")
file(RELATIVE_PATH mheap_pc_to_prefix "${mheap_pc_dir}"
    "${CMAKE_INSTALL_PREFIX}")
file(RELATIVE_PATH mheap_pc_to_include "${mheap_pc_dir}"
    "${CMAKE_INSTALL_FULL_INCLUDEDIR}")
foreach(name mheap mheap_malloc)
    configure_file(cmake/${name}.pc.in ${name}.pc @ONLY)
    install(FILES "${PROJECT_BINARY_DIR}/${name}.pc"
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endforeach()
