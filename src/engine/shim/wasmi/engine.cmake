# Wasmi has the standard C API and is a crate: half a minute of work that only `make engines` asks for.
ubiq_engine_option(wasmi QUICK "${UBIQ_CARGO}" "cargo is missing (install Rust with rustup)")
if(UBIQ_ENGINE_WASMI)
  ubiq_engine_crate(wasmi CAPABILITIES
    ENGINE_CAN_INTERRUPT ENGINE_CAN_FUEL ENGINE_LINKS_MODULES ENGINE_HAS_MEMORIES ENGINE_HAS_SMALL_PAGES ENGINE_VALIDATES)
endif()
