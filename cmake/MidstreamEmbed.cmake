# midstream_embed(TARGET HEADER NAME FILE [NAME FILE]...)
#
# Makes texts that lie beside the code (a style sheet, a script) part of TARGET. HEADER declares, in
# namespace midstream::site, `extern const EmbeddedText NAME;` for each: the bytes of FILE and their
# SHA-256. A change of FILE is seen at the next build.
include_guard(GLOBAL)

function(midstream_embed target header)
  set(definitions "")
  while(ARGN)
    list(POP_FRONT ARGN name file)
    set(path "${CMAKE_CURRENT_SOURCE_DIR}/${file}")
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${path}")
    file(READ "${path}" text)
    file(SHA256 "${path}" hash)
    string(APPEND definitions
      "constinit const EmbeddedText ${name}{R\"embedded(${text})embedded\",\n  \"${hash}\"};\n")
  endwhile()
  string(MAKE_C_IDENTIFIER "${target}_${header}" stem)
  set(source "${CMAKE_CURRENT_BINARY_DIR}/${stem}.cc")
  file(CONFIGURE OUTPUT "${source}" @ONLY CONTENT
    "// Made by CMake.\n#include \"@header@\"\n\nnamespace midstream::site {\n@definitions@}\n")
  target_sources(${target} PRIVATE "${source}")
endfunction()
