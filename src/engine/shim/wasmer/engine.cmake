# Wasmer has the standard C API and is a crate with a compiler: minutes of work.
ubiq_engine_option(wasmer SLOW "${UBIQ_CARGO}" "cargo is missing (install Rust 1.95 or later with rustup)")
if(UBIQ_ENGINE_WASMER)
  # The crate's build script makes headers that are not used, and wants the target folder to have a certain name for
  # that; the variable is its own way to have it leave that.
  ubiq_engine_crate(wasmer
    CAPABILITIES ENGINE_CAN_INTERRUPT ENGINE_CAN_FUEL ENGINE_CAN_SERIALIZE ENGINE_LINKS_MODULES ENGINE_HAS_MEMORIES
      ENGINE_VALIDATES
    ENVIRONMENT WASMER_PUBLISH_SCRIPT_IS_RUNNING=1)
endif()
