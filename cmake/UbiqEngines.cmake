# Engines that are shared objects of their own, lib/ubiq/engine-NAME.so (src/engine/load.h): each an option UBIQ_ENGINE_NAME,
# described by the engine.cmake of its folder (docs/adding-an-engine.md). Nothing else depends on one.

# ubiq_engine_object(TARGET SOURCES...): an object that exports ubiq_engine alone. The errors are the loader's; what else
# it uses of the base and of the readers of Wasm binaries is linked in.
function(ubiq_engine_object target)
  add_library(${target} MODULE ${ARGN} ${CMAKE_SOURCE_DIR}/src/engine/loaded/errors.c)
  set_target_properties(${target} PROPERTIES PREFIX "" LINK_DEPENDS ${CMAKE_SOURCE_DIR}/packaging/engine.map)
  target_include_directories(${target} PRIVATE ${CMAKE_SOURCE_DIR}/include ${CMAKE_SOURCE_DIR}/src)
  target_include_directories(${target} SYSTEM PRIVATE ${UBIQ_DEPS_DIR}/yyjson) # for scripts/analyzer-facts.h alone
  target_link_libraries(${target} PRIVATE ubiq_warnings)
  target_link_options(${target} PRIVATE -Wl,--version-script=${CMAKE_SOURCE_DIR}/packaging/engine.map -Wl,-z,nodelete)
endfunction()

# What adapters use to read modules.
set(reader_sources base/arena.c base/buffer.c base/text.c engine/wasm.c engine/wasm_reader.c engine/wasm_signature.c)
list(TRANSFORM reader_sources PREPEND ${CMAKE_SOURCE_DIR}/src/)

# ubiq_engine(NAME SOURCES...): the engine's name is added to UBIQ_ENGINES.
set(UBIQ_ENGINES "")
function(ubiq_engine name)
  ubiq_engine_object(engine_${name} ${ARGN})
  set_target_properties(engine_${name} PROPERTIES
    OUTPUT_NAME engine-${name} LIBRARY_OUTPUT_DIRECTORY ${UBIQ_OUT_DIR}/lib/ubiq)
  set(UBIQ_ENGINES ${UBIQ_ENGINES} ${name} PARENT_SCOPE)
endfunction()

# ubiq_engine_crate(NAME SOURCES...): an engine that cargo builds, together with what its C API lacks, to a static
# library: the crate src/engine/shim/NAME, whose Cargo.toml names the engine's crate first among its dependencies. Its
# build script copies the headers to the folder that UBIQ_HEADERS names.
function(ubiq_engine_crate name)
  find_program(UBIQ_CARGO cargo REQUIRED)
  set(shim ${CMAKE_SOURCE_DIR}/src/engine/shim/${name})
  set(made ${CMAKE_BINARY_DIR}/${name})
  set(library ${made}/release/libubiq_${name}.a)
  add_custom_command(OUTPUT ${library} ${made}/include/wasm.h
    COMMAND ${CMAKE_COMMAND} -E env UBIQ_HEADERS=${made}/include ${UBIQ_CARGO} build --release --locked --quiet
      --jobs 2 --manifest-path ${shim}/Cargo.toml --target-dir ${made}
    DEPENDS ${shim}/Cargo.toml ${shim}/Cargo.lock ${shim}/build.rs ${shim}/src/lib.rs
    COMMENT "Building ${name} (cargo)"
    VERBATIM)
  add_custom_target(${name}_shim DEPENDS ${library})

  file(STRINGS ${shim}/Cargo.toml lines REGEX "^[a-z0-9_-]+ = .*\"=[0-9]+[.][0-9]+[.][0-9]+\"")
  list(GET lines 0 line)
  string(REGEX MATCH "[0-9]+[.][0-9]+[.][0-9]+" version "${line}")
  ubiq_engine(${name} ${ARGN} ${reader_sources})
  set(UBIQ_ENGINES ${UBIQ_ENGINES} PARENT_SCOPE)
  add_dependencies(engine_${name} ${name}_shim)
  target_compile_definitions(engine_${name} PRIVATE CAPI_NAME="${name}" CAPI_VERSION="${version}")
  target_include_directories(engine_${name} SYSTEM PRIVATE ${made}/include)
  target_link_libraries(engine_${name} PRIVATE ${library} m dl pthread)
endfunction()

file(GLOB engine_files CONFIGURE_DEPENDS
  ${CMAKE_SOURCE_DIR}/src/engine/*/engine.cmake ${CMAKE_SOURCE_DIR}/src/engine/shim/*/engine.cmake)
foreach(engine_file IN LISTS engine_files)
  include(${engine_file})
endforeach()
