# Engines that are shared objects of their own, lib/ubiq/engine-NAME.so (src/engine/load.h): each an option UBIQ_ENGINE_NAME,
# described by the engine.cmake of its folder (docs/adding-an-engine.md). Nothing else depends on one.

# Which are built: those whose tools every build has, those of `make engines`, or of `make engines-all`. An option that
# is ON is obeyed whatever this says.
set(UBIQ_ENGINE_SET "" CACHE STRING "Further engines: nothing, quick (about a minute each) or all (many minutes)")
# Crates that were compiled once, for several builds: then an engine that takes minutes is as quick as the others.
set(UBIQ_CARGO_TARGET_DIR "$ENV{UBIQ_CARGO_TARGET_DIR}" CACHE PATH "Where cargo keeps engines that it compiled")
if(NOT UBIQ_CARGO_TARGET_DIR)
  set(UBIQ_CARGO_TARGET_DIR ${CMAKE_BINARY_DIR})
endif()

# ubiq_engine_option(NAME QUICK|SLOW FOUND MISSING): sets UBIQ_ENGINE_<NAME>. FOUND is what a find_* command found, MISSING
# says what is not there otherwise and how to get it. Whatever the set asks for and is left out is said in a line.
macro(ubiq_engine_option name pace found missing)
  string(TOUPPER ${name} engine_upper)
  option(UBIQ_ENGINE_${engine_upper} "Build the engine ${name}" OFF)
  if(UBIQ_ENGINE_SET AND NOT UBIQ_ENGINE_${engine_upper})
    if("${found}" STREQUAL "" OR "${found}" MATCHES "NOTFOUND$")
      message(STATUS "engine ${name} is left out: ${missing}")
    elseif("${pace}" STREQUAL "SLOW" AND NOT UBIQ_ENGINE_SET STREQUAL "all"
        AND NOT EXISTS ${UBIQ_CARGO_TARGET_DIR}/${name}/release/libubiq_${name}.a)
      message(STATUS "engine ${name} is left out: it takes minutes to build (make engines-all)")
    else()
      set(UBIQ_ENGINE_${engine_upper} ON)
    endif()
  endif()
endmacro()

# ubiq_engine_object(TARGET SOURCES...): an object that exports ubiq_engine alone. The errors are the loader's; what else
# it uses of the base and of the readers of Wasm binaries is linked in.
function(ubiq_engine_object target)
  add_library(${target} MODULE ${ARGN} ${CMAKE_SOURCE_DIR}/src/engine/loaded/errors.c)
  set_target_properties(${target} PROPERTIES PREFIX "" LINK_DEPENDS ${CMAKE_SOURCE_DIR}/packaging/engine.map)
  add_dependencies(${target} engine_build)
  target_include_directories(${target} PRIVATE ${CMAKE_SOURCE_DIR}/include ${CMAKE_SOURCE_DIR}/src ${generated})
  target_include_directories(${target} SYSTEM PRIVATE ${UBIQ_DEPS_DIR}/yyjson) # for scripts/analyzer-facts.h alone
  target_link_libraries(${target} PRIVATE ubiq_warnings)
  target_link_options(${target} PRIVATE -Wl,--version-script=${CMAKE_SOURCE_DIR}/packaging/engine.map -Wl,-z,nodelete)
endfunction()

# What adapters use to read modules and to link them.
set(reader_sources base/arena.c base/buffer.c base/text.c engine/links.c engine/wasm/wasm.c engine/wasm/wasm_exports.c
  engine/wasm/wasm_reader.c engine/wasm/wasm_signature.c)
list(TRANSFORM reader_sources PREPEND ${CMAKE_SOURCE_DIR}/src/)

# What those use that put limits into modules.
set(fence_sources loaded/fenced.c loaded/running.c wasm/wasm_code.c wasm/wasm_entries.c wasm/wasm_fence.c wasm/wasm_fence_code.c
  wasm/wasm_fence_range.c wasm/wasm_fence_read.c wasm/wasm_height.c wasm/wasm_merge_parts.c wasm/wasm_writer.c)
list(TRANSFORM fence_sources PREPEND ${CMAKE_SOURCE_DIR}/src/engine/)

# ubiq_engine(NAME SOURCES...): the engine's name is added to UBIQ_ENGINES.
set(UBIQ_ENGINES "")
function(ubiq_engine name)
  ubiq_engine_object(engine_${name} ${ARGN})
  set_target_properties(engine_${name} PROPERTIES
    OUTPUT_NAME engine-${name} LIBRARY_OUTPUT_DIRECTORY ${UBIQ_OUT_DIR}/lib/ubiq)
  set(UBIQ_ENGINES ${UBIQ_ENGINES} ${name} PARENT_SCOPE)
endfunction()

# ubiq_engine_licences(NAME FILE): the licences of what is linked into an engine's object; UbiqLayout.cmake places them.
function(ubiq_engine_licences name file)
  set_property(GLOBAL APPEND PROPERTY UBIQ_LICENCES ${name})
  set_property(GLOBAL PROPERTY UBIQ_LICENCES_${name} ${file})
endfunction()

# ubiq_engine_licences_of(NAME crate|module TOOL PLACE NEEDS): the same, gathered by scripts/licences from what cargo or go
# has fetched once NEEDS is built.
function(ubiq_engine_licences_of name kind tool place needs)
  set(file ${CMAKE_BINARY_DIR}/${name}-licences.txt)
  add_custom_command(OUTPUT ${file}
    COMMAND ${CMAKE_SOURCE_DIR}/scripts/licences ${kind} ${tool} ${place} ${file}
    DEPENDS ${needs} ${CMAKE_SOURCE_DIR}/scripts/licences
    COMMENT "Gathering licences of ${name}"
    VERBATIM)
  ubiq_engine_licences(${name} ${file})
endfunction()

# ubiq_engine_crate(NAME CAPABILITIES ... [ENVIRONMENT NAME=VALUE...]): an engine with the standard C API
# (src/engine/wasm_c_api) that cargo builds, together with what that lacks, to a static library: the crate
# src/engine/shim/NAME, whose Cargo.toml names the engine's crate first among its dependencies. Its build script copies the
# headers to the folder that UBIQ_HEADERS names.
function(ubiq_engine_crate name)
  cmake_parse_arguments(crate "" "" "CAPABILITIES;ENVIRONMENT" ${ARGN})
  if(NOT UBIQ_CARGO)
    message(FATAL_ERROR "cargo is missing; the engine ${name} is built by it")
  endif()
  set(shim ${CMAKE_SOURCE_DIR}/src/engine/shim/${name})
  set(made ${UBIQ_CARGO_TARGET_DIR}/${name})
  set(library ${made}/release/libubiq_${name}.a)
  file(GLOB shim_sources CONFIGURE_DEPENDS ${shim}/src/*.rs)
  add_custom_command(OUTPUT ${library}
    COMMAND ${CMAKE_COMMAND} -E env UBIQ_HEADERS=${made}/include ${crate_ENVIRONMENT}
      ${UBIQ_CARGO} build --release --locked --quiet --jobs 2 --manifest-path ${shim}/Cargo.toml --target-dir ${made}
    COMMAND ${CMAKE_COMMAND} -E touch ${library} # cargo leaves alone what is new enough for it
    DEPENDS ${shim}/Cargo.toml ${shim}/Cargo.lock ${shim}/build.rs ${shim_sources}
    COMMENT "Building ${name} (cargo)"
    VERBATIM)
  add_custom_target(${name}_shim DEPENDS ${library})

  file(STRINGS ${shim}/Cargo.toml lines REGEX "^[a-z0-9_-]+ = .*\"=[0-9]+[.][0-9]+[.][0-9]+\"")
  list(GET lines 0 line)
  string(REGEX MATCH "[0-9]+[.][0-9]+[.][0-9]+" version "${line}")
  list(JOIN crate_CAPABILITIES " | " capabilities)
  file(GLOB wasm_c_api_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/engine/wasm_c_api/*.c)
  ubiq_engine(${name} ${wasm_c_api_sources} ${reader_sources})
  set(UBIQ_ENGINES ${UBIQ_ENGINES} PARENT_SCOPE)
  add_dependencies(engine_${name} ${name}_shim)
  target_compile_definitions(engine_${name} PRIVATE
    CAPI_NAME="${name}" CAPI_VERSION="${version}" "CAPI_CAPABILITIES=(${capabilities})")
  target_include_directories(engine_${name} SYSTEM PRIVATE ${made}/include)
  target_link_libraries(engine_${name} PRIVATE ${library} m dl pthread)
  ubiq_engine_licences_of(${name} crate ${UBIQ_CARGO} ${shim}/Cargo.toml ${library})
endfunction()

find_program(UBIQ_CARGO NAMES cargo HINTS $ENV{HOME}/.cargo/bin)
file(GLOB engine_files CONFIGURE_DEPENDS
  ${CMAKE_SOURCE_DIR}/src/engine/*/engine.cmake ${CMAKE_SOURCE_DIR}/src/engine/shim/*/engine.cmake)
foreach(engine_file IN LISTS engine_files)
  include(${engine_file})
endforeach()
