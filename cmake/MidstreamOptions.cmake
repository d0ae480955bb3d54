# Language, warnings, sanitizers, ccache. All of it stays in this build: nothing reaches the users
# of the installed library.
include_guard(GLOBAL)

# Included from the root, so these hold for every room, test and benchmark alike. Equal flags
# everywhere are also what lets one precompiled header serve all of them.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

if(NOT CMAKE_BUILD_TYPE AND PROJECT_IS_TOP_LEVEL)
  set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "Build type" FORCE)
endif()

add_library(midstream_options INTERFACE)
# -fPIC: the static library may end up in somebody's shared object.
target_compile_options(midstream_options INTERFACE
  -Wall -Wextra -Wconversion -Wshadow -fPIC -fno-semantic-interposition)
if(MIDSTREAM_WERROR)
  target_compile_options(midstream_options INTERFACE -Werror)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  target_compile_options(midstream_options INTERFACE -fcoroutines)
endif()
target_compile_definitions(midstream_options INTERFACE $<$<CONFIG:Debug>:_GLIBCXX_ASSERTIONS>)

if(MIDSTREAM_LTO)
  # Fat objects: the static library also serves users who link without.
  target_compile_options(midstream_options INTERFACE -flto=auto -ffat-lto-objects)
  target_link_options(midstream_options INTERFACE -flto=auto)
endif()

if(MIDSTREAM_SANITIZE)
  target_compile_options(midstream_options INTERFACE
    -fsanitize=${MIDSTREAM_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(midstream_options INTERFACE -fsanitize=${MIDSTREAM_SANITIZE})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    # clang 14 puts the check's data before the split parts of a coroutine too, and cannot assemble
    # that: "Cannot represent a difference across sections".
    target_compile_options(midstream_options INTERFACE -fno-sanitize=function)
  endif()
endif()

if(MIDSTREAM_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  find_program(MIDSTREAM_CCACHE_PROGRAM ccache)
  if(MIDSTREAM_CCACHE_PROGRAM)
    # The sloppiness is what ccache's manual asks for with precompiled headers.
    set(CMAKE_CXX_COMPILER_LAUNCHER
      env CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
      ${MIDSTREAM_CCACHE_PROGRAM})
  endif()
endif()

if(MIDSTREAM_RUN_WITH)
  # CMake puts this in front of tests and of test discovery.
  set(CMAKE_CROSSCOMPILING_EMULATOR ${MIDSTREAM_RUN_WITH})
endif()
