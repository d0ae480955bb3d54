# midstream_room(NAME [ROOMS room...] [LIBRARIES target...] [EXCLUDE file...])
#
# One room of src/: the target midstream_NAME, made of every .cc in the directory. ROOMS are the rooms
# it may use, LIBRARIES what else it needs. A new file needs no change here. A room without a .cc is
# an INTERFACE library with the same name.
include_guard(GLOBAL)

function(midstream_room name)
  cmake_parse_arguments(ROOM "" "" "ROOMS;LIBRARIES;EXCLUDE" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/*.cc")
  foreach(file IN LISTS ROOM_EXCLUDE)
    list(REMOVE_ITEM sources "${CMAKE_CURRENT_SOURCE_DIR}/${file}")
  endforeach()

  set(target midstream_${name})
  if(sources)
    add_library(${target} STATIC ${sources})
    set(scope PUBLIC)
    target_link_libraries(${target} PRIVATE midstream_options)
    midstream_precompile(${target})
  else()
    add_library(${target} INTERFACE)
    set(scope INTERFACE)
  endif()
  target_include_directories(${target} ${scope} 
    "${PROJECT_SOURCE_DIR}/src" "${PROJECT_SOURCE_DIR}/include")
  list(TRANSFORM ROOM_ROOMS PREPEND midstream_)
  target_link_libraries(${target} ${scope} ${ROOM_ROOMS} ${ROOM_LIBRARIES})
endfunction()

# midstream_precompile(TARGET): takes the precompiled Asio headers of the whole build.
function(midstream_precompile target)
  if(NOT MIDSTREAM_PCH)
    return()
  endif()
  if(NOT TARGET midstream_pch)
    set(dir "${PROJECT_BINARY_DIR}/pch")
    file(CONFIGURE OUTPUT "${dir}/pch.cc" CONTENT "// Carries the precompiled header.\n")
    add_library(midstream_pch OBJECT "${dir}/pch.cc")
    target_link_libraries(midstream_pch PRIVATE midstream_options Boost::headers Threads::Threads)
    target_precompile_headers(midstream_pch PRIVATE "${PROJECT_SOURCE_DIR}/cmake/precompiled.h")
    midstream_pch_flags(midstream_pch)
  endif()
  target_precompile_headers(${target} REUSE_FROM midstream_pch)
  midstream_pch_flags(${target})
endfunction()

# What ccache's manual asks for, so that it can tell precompiled headers apart.
function(midstream_pch_flags target)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_compile_options(${target} PRIVATE -fpch-preprocess)
  else()
    target_compile_options(${target} PRIVATE "SHELL:-Xclang -fno-pch-timestamp")
  endif()
endfunction()
