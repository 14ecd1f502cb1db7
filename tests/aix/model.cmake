# Where Linux stands for AIX, the backend's calls are the model's, and the row of
# the address layout is moved to the addresses that Linux has.
if(CMAKE_SYSTEM_NAME STREQUAL "Linux")
    target_sources(mheap_os PRIVATE "${CMAKE_CURRENT_LIST_DIR}/model_aix.c")
    add_link_options(-Wl,--wrap=mh_layout_own)
endif()
