# ubiq_embed(TARGET SYMBOL FILE): compiles a file's bytes into TARGET as
#   extern const unsigned char SYMBOL[]; extern const size_t SYMBOL_size;
# The bytes are made into a C source again whenever FILE changes.
function(ubiq_embed target symbol file)
  set(source ${CMAKE_CURRENT_BINARY_DIR}/${symbol}.c)
  add_custom_command(OUTPUT ${source}
    COMMAND ${CMAKE_SOURCE_DIR}/scripts/embed ${source} ${symbol} ${file}
    DEPENDS ${file} ${CMAKE_SOURCE_DIR}/scripts/embed
    COMMENT "Embedding ${symbol}"
    VERBATIM)
  target_sources(${target} PRIVATE ${source})
endfunction()
