# wazero is a Go module; what it needs is built to an archive, with the Go and C parts of its runtime.
find_program(UBIQ_GO NAMES go HINTS ${UBIQ_DEPS_DIR}/go/bin /usr/local/go/bin)
set(wazero_builder "${UBIQ_GO}")
if(UBIQ_GO)
  execute_process(COMMAND ${UBIQ_GO} env GOVERSION OUTPUT_VARIABLE wazero_go_version OUTPUT_STRIP_TRAILING_WHITESPACE)
  string(REGEX REPLACE "^go" "" wazero_go_version "${wazero_go_version}")
  if(wazero_go_version VERSION_LESS 1.25)
    set(wazero_builder "")
  endif()
endif()
ubiq_engine_option(wazero QUICK "${wazero_builder}" "Go 1.25 or later is missing (scripts/setup --sdks brings it)")
if(UBIQ_ENGINE_WAZERO)
  if(NOT UBIQ_GO)
    message(FATAL_ERROR "go is missing; the engine wazero is built by it")
  endif()
  set(wazero_go ${CMAKE_CURRENT_LIST_DIR})
  set(wazero_adapter ${CMAKE_SOURCE_DIR}/src/engine/wazero)
  set(wazero_library ${CMAKE_BINARY_DIR}/wazero/libubiq_wazero.a)
  file(GLOB wazero_go_sources CONFIGURE_DEPENDS ${wazero_go}/*.go)
  file(GLOB wazero_adapter_sources CONFIGURE_DEPENDS ${wazero_adapter}/*.c)
  add_custom_command(OUTPUT ${wazero_library}
    COMMAND ${CMAKE_COMMAND} -E env CGO_ENABLED=1 CC=${CMAKE_C_COMPILER} ${UBIQ_GO} build -buildmode=c-archive
      -mod=readonly -trimpath -buildvcs=false -p 2 -ldflags=-s\ -w -o ${wazero_library} .
    WORKING_DIRECTORY ${wazero_go}
    DEPENDS ${wazero_go_sources} ${wazero_go}/go.mod ${wazero_go}/go.sum ${wazero_adapter}/hooks.h
    COMMENT "Building wazero (go)"
    VERBATIM)
  add_custom_target(wazero_shim DEPENDS ${wazero_library})

  file(STRINGS ${wazero_go}/go.mod wazero_version REGEX "tetratelabs/wazero v")
  string(REGEX REPLACE ".* v" "" wazero_version "${wazero_version}")
  ubiq_engine(wazero ${wazero_adapter_sources} ${reader_sources} ${fence_sources})
  add_dependencies(engine_wazero wazero_shim)
  target_compile_definitions(engine_wazero PRIVATE WAZERO_VERSION="${wazero_version}")
  target_link_libraries(engine_wazero PRIVATE ${wazero_library} pthread)
  ubiq_engine_licences_of(wazero module ${UBIQ_GO} ${wazero_go} ${wazero_library})
  ubiq_engine_licences_of(wazero module ${UBIQ_GO} ${wazero_go} ${wazero_library})
endif()
