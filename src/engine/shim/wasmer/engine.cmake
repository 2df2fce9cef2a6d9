# Wasmer has the standard C API and is a crate with a compiler: minutes of work.
set(wasmer_cargo ${UBIQ_CARGO})
if(UBIQ_CARGO)
  execute_process(COMMAND ${UBIQ_CARGO} --version OUTPUT_VARIABLE cargo_version ERROR_QUIET)
  string(REGEX MATCH "[0-9]+[.][0-9]+" cargo_version "${cargo_version}")
  if(cargo_version VERSION_LESS 1.95)
    set(wasmer_cargo "")
  endif()
endif()
ubiq_engine_option(wasmer SLOW "${wasmer_cargo}" "cargo 1.95 or later is missing (install Rust with rustup)")
if(UBIQ_ENGINE_WASMER)
  # The crate's build script makes headers that are not used, and wants the target folder to have a certain name for
  # that; the variable is its own way to have it leave that.
  ubiq_engine_crate(wasmer
    CAPABILITIES ENGINE_CAN_INTERRUPT ENGINE_CAN_FUEL ENGINE_CAN_SERIALIZE ENGINE_LINKS_MODULES ENGINE_HAS_MEMORIES
      ENGINE_VALIDATES ENGINE_NAMES_FUNCTIONS
    ENVIRONMENT WASMER_PUBLISH_SCRIPT_IS_RUNNING=1)
endif()
