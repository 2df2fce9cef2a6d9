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
  set(wasm3_adapter ${CMAKE_CURRENT_LIST_DIR})
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
  ubiq_engine_licences(wasm3 ${UBIQ_DEPS_DIR}/wasm3/LICENSE)
endif()
