# Wasmi has the standard C API and is a crate: half a minute of work that only `make engines` asks for.
ubiq_engine_option(wasmi QUICK "${UBIQ_CARGO}" "cargo is missing (install Rust with rustup)")
if(UBIQ_ENGINE_WASMI)
  file(GLOB wasm_c_api_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/engine/wasm_c_api/*.c)
  ubiq_engine_crate(wasmi ${wasm_c_api_sources})
endif()
