# Engines that are shared objects of their own, lib/ubiq/engine-NAME.so (src/engine/load.h): each an option UBIQ_ENGINE_NAME,
# on where its sources are there. Nothing else depends on one.

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

# Wasm3 is an interpreter whose operations call each other as their last act: compiled without optimisation, or with what
# keeps a compiler from making jumps of such calls, they would use up the stack.
file(GLOB wasm3_names RELATIVE ${UBIQ_DEPS_DIR}/wasm3 ${UBIQ_DEPS_DIR}/wasm3/*.c ${UBIQ_DEPS_DIR}/wasm3/*.h)
if(wasm3_names)
  set(wasm3_is_there ON)
else()
  set(wasm3_is_there OFF)
endif()
option(UBIQ_ENGINE_WASM3 "Build the engine wasm3" ${wasm3_is_there})
if(UBIQ_ENGINE_WASM3 AND NOT wasm3_is_there)
  message(FATAL_ERROR "${UBIQ_DEPS_DIR}/wasm3 is missing; run scripts/setup (or `make setup`) first")
endif()
if(UBIQ_ENGINE_WASM3)
  find_package(Python3 REQUIRED COMPONENTS Interpreter)
  set(wasm3_adapter ${CMAKE_SOURCE_DIR}/src/engine/wasm3)
  set(wasm3_copy ${CMAKE_BINARY_DIR}/wasm3)
  list(TRANSFORM wasm3_names PREPEND ${wasm3_copy}/ OUTPUT_VARIABLE wasm3_sources)
  list(TRANSFORM wasm3_names PREPEND ${UBIQ_DEPS_DIR}/wasm3/ OUTPUT_VARIABLE wasm3_originals)
  add_custom_command(OUTPUT ${wasm3_sources}
    COMMAND ${Python3_EXECUTABLE} ${wasm3_adapter}/patch.py ${UBIQ_DEPS_DIR}/wasm3 ${wasm3_copy}
    DEPENDS ${wasm3_adapter}/patch.py ${wasm3_originals}
    COMMENT "Copying Wasm3 with our changes"
    VERBATIM)
  add_library(wasm3 OBJECT ${wasm3_sources})
  target_include_directories(wasm3 PRIVATE ${CMAKE_SOURCE_DIR}/src)
  target_include_directories(wasm3 SYSTEM PUBLIC ${wasm3_copy})
  target_compile_definitions(wasm3 PUBLIC d_m3VerboseErrorMessages=0)
  target_compile_options(wasm3 PRIVATE -w -O3 -fomit-frame-pointer -fno-stack-protector -fno-strict-aliasing
    -foptimize-sibling-calls -fno-sanitize=all)

  file(GLOB wasm3_adapter_sources CONFIGURE_DEPENDS ${wasm3_adapter}/*.c)
  ubiq_engine(wasm3 ${wasm3_adapter_sources} $<TARGET_OBJECTS:wasm3> ${reader_sources})
  target_link_libraries(engine_wasm3 PRIVATE wasm3 m)
endif()

# Wasmi is a crate: cargo builds it with what its C API lacks (src/engine/shim/wasmi), half a minute of work that only
# `make engines` asks for.
option(UBIQ_ENGINE_WASMI "Build the engine wasmi (needs cargo)" OFF)
if(UBIQ_ENGINE_WASMI)
  find_program(UBIQ_CARGO cargo REQUIRED)
  set(wasmi_shim ${CMAKE_SOURCE_DIR}/src/engine/shim/wasmi)
  set(wasmi_made ${CMAKE_BINARY_DIR}/wasmi)
  set(wasmi_library ${wasmi_made}/release/libubiq_wasmi.a)
  add_custom_command(OUTPUT ${wasmi_library} ${wasmi_made}/include/wasm.h
    COMMAND ${CMAKE_COMMAND} -E env UBIQ_HEADERS=${wasmi_made}/include ${UBIQ_CARGO} build --release --locked --quiet
      --jobs 2 --manifest-path ${wasmi_shim}/Cargo.toml --target-dir ${wasmi_made}
    DEPENDS ${wasmi_shim}/Cargo.toml ${wasmi_shim}/Cargo.lock ${wasmi_shim}/build.rs ${wasmi_shim}/src/lib.rs
    COMMENT "Building Wasmi"
    VERBATIM)
  add_custom_target(wasmi_shim DEPENDS ${wasmi_library})

  file(STRINGS ${wasmi_shim}/Cargo.toml wasmi_line REGEX "^wasmi_c_api_impl")
  string(REGEX MATCH "[0-9]+[.][0-9]+[.][0-9]+" wasmi_version "${wasmi_line}")
  file(GLOB wasm_c_api_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/engine/wasm_c_api/*.c)
  ubiq_engine(wasmi ${wasm_c_api_sources} ${reader_sources})
  add_dependencies(engine_wasmi wasmi_shim)
  target_compile_definitions(engine_wasmi PRIVATE CAPI_NAME="wasmi" CAPI_VERSION="${wasmi_version}")
  target_include_directories(engine_wasmi SYSTEM PRIVATE ${wasmi_made}/include)
  target_link_libraries(engine_wasmi PRIVATE ${wasmi_library} m dl pthread)
endif()
