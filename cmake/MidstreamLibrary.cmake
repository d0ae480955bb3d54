# The installed library `midstream`: the objects of base and live, their public headers, a CMake
# package and a pkg-config file. Needs Boost's headers and threads, nothing else.
include_guard(GLOBAL)
include(CMakePackageConfigHelpers)

set(objects "")
foreach(room IN ITEMS base live)
  get_target_property(type midstream_${room} TYPE)
  if(type STREQUAL "STATIC_LIBRARY")
    list(APPEND objects $<TARGET_OBJECTS:midstream_${room}>)
  endif()
endforeach()
if(NOT objects)
  file(CONFIGURE OUTPUT "${PROJECT_BINARY_DIR}/empty.cc" CONTENT "// Nothing here yet.\n")
  set(objects "${PROJECT_BINARY_DIR}/empty.cc")
endif()

add_library(midstream STATIC ${objects})
add_library(midstream::midstream ALIAS midstream)
set_target_properties(midstream PROPERTIES LINKER_LANGUAGE CXX)
target_compile_features(midstream PUBLIC cxx_std_20)
target_include_directories(midstream PUBLIC
  $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
  $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
target_link_libraries(midstream PUBLIC Boost::headers Threads::Threads)

set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/midstream")
install(TARGETS midstream EXPORT midstream-targets ARCHIVE COMPONENT library)
install(DIRECTORY "${PROJECT_SOURCE_DIR}/include/midstream"
  DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" COMPONENT library FILES_MATCHING PATTERN "*.h")
install(EXPORT midstream-targets NAMESPACE midstream:: DESTINATION "${package_dir}" COMPONENT library)

configure_package_config_file("${PROJECT_SOURCE_DIR}/packaging/midstream-config.cmake.in"
  "${PROJECT_BINARY_DIR}/package/midstream-config.cmake" INSTALL_DESTINATION "${package_dir}")
write_basic_package_version_file("${PROJECT_BINARY_DIR}/package/midstream-config-version.cmake"
  COMPATIBILITY SameMinorVersion)
install(FILES
  "${PROJECT_BINARY_DIR}/package/midstream-config.cmake"
  "${PROJECT_BINARY_DIR}/package/midstream-config-version.cmake"
  DESTINATION "${package_dir}" COMPONENT library)

# The prefix in the .pc file is found from where the file lies, so that the tree can be moved.
file(RELATIVE_PATH MIDSTREAM_PC_TO_PREFIX
  "/prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/prefix")
configure_file("${PROJECT_SOURCE_DIR}/packaging/midstream.pc.in"
  "${PROJECT_BINARY_DIR}/package/midstream.pc" @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/package/midstream.pc"
  DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig" COMPONENT library)
