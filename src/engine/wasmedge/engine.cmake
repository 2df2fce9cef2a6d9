# WasmEdge comes from Debian, from trixie on. Where it cannot be installed, scripts/wasmedge unpacks its packages to a
# folder, UBIQ_WASMEDGE_ROOT, builds the engine against that and runs the tests.
set(UBIQ_WASMEDGE_ROOT "" CACHE PATH "Where WasmEdge's packages are unpacked; empty: they are installed")
set(wasmedge_places "")
if(UBIQ_WASMEDGE_ROOT)
  set(wasmedge_places PATHS ${UBIQ_WASMEDGE_ROOT}/usr/include ${UBIQ_WASMEDGE_ROOT}/usr/lib/${CMAKE_LIBRARY_ARCHITECTURE}
    NO_DEFAULT_PATH)
endif()
find_path(UBIQ_WASMEDGE_INCLUDE wasmedge/wasmedge.h ${wasmedge_places})
find_library(UBIQ_WASMEDGE_LIBRARY wasmedge ${wasmedge_places})
if(UBIQ_WASMEDGE_INCLUDE AND UBIQ_WASMEDGE_LIBRARY)
  set(wasmedge_is_there ON)
else()
  set(wasmedge_is_there OFF)
endif()
option(UBIQ_ENGINE_WASMEDGE "Build the engine wasmedge" ${wasmedge_is_there})
ubiq_engine_option(wasmedge QUICK "${UBIQ_WASMEDGE_LIBRARY}"
  "it needs libwasmedge-dev, of Debian trixie or later (elsewhere `make wasmedge` builds and tests it)")
if(UBIQ_ENGINE_WASMEDGE AND NOT wasmedge_is_there)
  message(FATAL_ERROR "WasmEdge is missing; install libwasmedge-dev (Debian trixie or later), or run `make wasmedge`")
endif()
if(UBIQ_ENGINE_WASMEDGE)
  file(GLOB wasmedge_sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/*.c)
  ubiq_engine(wasmedge ${wasmedge_sources} ${reader_sources}
    ${CMAKE_SOURCE_DIR}/src/engine/wasm_writer.c ${CMAKE_SOURCE_DIR}/src/engine/wasm_code.c
    ${CMAKE_SOURCE_DIR}/src/engine/wasm_height.c ${CMAKE_SOURCE_DIR}/src/engine/wasm_fence.c
    ${CMAKE_SOURCE_DIR}/src/engine/wasm_fence_code.c ${CMAKE_SOURCE_DIR}/src/engine/wasm_merge_parts.c)
  set_target_properties(engine_wasmedge PROPERTIES SKIP_BUILD_RPATH ON)
  target_include_directories(engine_wasmedge SYSTEM PRIVATE ${UBIQ_WASMEDGE_INCLUDE})
  target_link_libraries(engine_wasmedge PRIVATE ${UBIQ_WASMEDGE_LIBRARY} pthread)
  file(WRITE ${CMAKE_BINARY_DIR}/wasmedge-licences.txt
    "Nothing of WasmEdge is in this object: it loads the system's library, which has its own licence (Apache-2.0).\n")
  ubiq_engine_licences(wasmedge ${CMAKE_BINARY_DIR}/wasmedge-licences.txt)
endif()
