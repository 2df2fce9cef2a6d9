# Engines that are shared objects of their own, lib/ubiq/engine-NAME.so (src/engine/load.h): each an option UBIQ_ENGINE_NAME,
# on where its sources are there. Nothing else depends on one.

# ubiq_engine_object(TARGET SOURCES...): an object that exports ubiq_engine alone. The errors are the loader's; what else
# it uses of the base and of the readers of Wasm binaries is linked in.
function(ubiq_engine_object target)
  add_library(${target} MODULE ${ARGN} ${CMAKE_SOURCE_DIR}/src/engine/loaded/errors.c)
  set_target_properties(${target} PROPERTIES PREFIX "" LINK_DEPENDS ${CMAKE_SOURCE_DIR}/packaging/engine.map)
  target_include_directories(${target} PRIVATE ${CMAKE_SOURCE_DIR}/include ${CMAKE_SOURCE_DIR}/src)
  target_link_libraries(${target} PRIVATE ubiq_warnings)
  target_link_options(${target} PRIVATE -Wl,--version-script=${CMAKE_SOURCE_DIR}/packaging/engine.map -Wl,-z,nodelete)
endfunction()

# ubiq_engine(NAME SOURCES...)
function(ubiq_engine name)
  ubiq_engine_object(engine_${name} ${ARGN})
  set_target_properties(engine_${name} PROPERTIES
    OUTPUT_NAME engine-${name} LIBRARY_OUTPUT_DIRECTORY ${UBIQ_OUT_DIR}/lib/ubiq)
endfunction()
