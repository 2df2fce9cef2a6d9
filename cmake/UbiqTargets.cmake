# What is built: a static library for each module of src/, ubiq_<module>, linked with those of the layers below
# it; ubiq_core, which is all of them; libubiq.so, libextism.so, and the program ubiq.
set(layers base engine wasi plugin schema wire services api runtime server cli) # as in scripts/check-layers
set(generated ${CMAKE_BINARY_DIR}/generated)
configure_file(${CMAKE_SOURCE_DIR}/packaging/version.h.in ${generated}/ubiq/version.h @ONLY)

# What every source of ours is compiled with.
add_library(ubiq_usage INTERFACE)
target_include_directories(ubiq_usage INTERFACE
  ${CMAKE_SOURCE_DIR}/include ${CMAKE_SOURCE_DIR}/src ${generated} ${CMAKE_SOURCE_DIR}) # the last for "kernel/kernel.h"
target_link_libraries(ubiq_usage INTERFACE wasmtime yyjson tomlplusplus PkgConfig::MICROHTTPD
  PkgConfig::LIBUV PkgConfig::GNUTLS ubiq_curl ubiq_sodium PkgConfig::ZSTD PkgConfig::SQLITE PkgConfig::SECCOMP Threads::Threads ${CMAKE_DL_LIBS} m)

# The C ABI's own objects, so that libextism.so is these and what they need.
file(GLOB extism_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/plugin/extism/*.c)
if(extism_sources)
  add_library(ubiq_extism_abi OBJECT ${extism_sources})
  target_link_libraries(ubiq_extism_abi PRIVATE ubiq_usage ubiq_warnings)
endif()

file(GLOB_RECURSE engine_files CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/engine/*)
add_custom_command(OUTPUT ${generated}/engine_build.h
  COMMAND ${CMAKE_COMMAND} -DROOT=${CMAKE_SOURCE_DIR}/src/engine -DOUT=${generated}/engine_build.h
    -P ${CMAKE_SOURCE_DIR}/cmake/EngineBuild.cmake
  DEPENDS ${engine_files} ${CMAKE_SOURCE_DIR}/cmake/EngineBuild.cmake
  COMMENT "Taking the digest of the sources of engines"
  VERBATIM)
add_custom_target(engine_build DEPENDS ${generated}/engine_build.h)

set(main_source ${CMAKE_SOURCE_DIR}/src/cli/main.c)
set(below ubiq_usage)
# Media types by the ends of file names: Debian's table.
add_custom_command(OUTPUT ${generated}/media_types.inc
  COMMAND ${CMAKE_SOURCE_DIR}/scripts/media-types /etc/mime.types ${generated}/media_types.inc
  DEPENDS ${CMAKE_SOURCE_DIR}/scripts/media-types /etc/mime.types
  COMMENT "Listing media types"
  VERBATIM)

# Names and tables of the platform API.
set(api_tables ${generated}/services/operations.h ${generated}/api/operations.inc)
add_custom_command(OUTPUT ${api_tables}
  COMMAND ${CMAKE_SOURCE_DIR}/scripts/api-tables ${CMAKE_SOURCE_DIR}/api/openapi.yaml ${generated}
  DEPENDS ${CMAKE_SOURCE_DIR}/scripts/api-tables ${CMAKE_SOURCE_DIR}/api/openapi.yaml
  COMMENT "Making tables of api/openapi.yaml"
  VERBATIM)
set(admin_table ${generated}/server/admin/admin_operations.inc)
add_custom_command(OUTPUT ${admin_table}
  COMMAND ${CMAKE_SOURCE_DIR}/scripts/api-tables --admin ${CMAKE_SOURCE_DIR}/api/admin.yaml ${generated}
  DEPENDS ${CMAKE_SOURCE_DIR}/scripts/api-tables ${CMAKE_SOURCE_DIR}/api/admin.yaml
  COMMENT "Making a table of api/admin.yaml"
  VERBATIM)
add_custom_target(ubiq_api_tables DEPENDS ${api_tables} ${admin_table})

foreach(layer IN LISTS layers)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS
    ${CMAKE_SOURCE_DIR}/src/${layer}/*.c ${CMAKE_SOURCE_DIR}/src/${layer}/*.cpp)
  list(REMOVE_ITEM sources ${main_source} ${extism_sources})
  if(layer STREQUAL runtime)
    list(APPEND sources ${generated}/media_types.inc)
  endif()
  if(layer STREQUAL engine) # the other engines are shared objects of their own: UbiqEngines.cmake
    list(FILTER sources INCLUDE REGEX "/src/engine/((wasmtime|wasm|cache)/)?[^/]+$")
  endif()
  if(NOT sources)
    continue()
  endif()
  add_library(ubiq_${layer} STATIC ${sources})
  target_link_libraries(ubiq_${layer} PUBLIC ${below} PRIVATE ubiq_warnings)
  if(layer STREQUAL services)
    add_dependencies(ubiq_${layer} ubiq_api_tables)
  endif()
  if(layer STREQUAL plugin AND TARGET ubiq_extism_abi)
    target_sources(ubiq_${layer} PRIVATE $<TARGET_OBJECTS:ubiq_extism_abi>)
  endif()
  if(layer STREQUAL services)
    target_link_libraries(ubiq_${layer} PRIVATE date::date-tz)
  endif()
  if(layer STREQUAL engine AND TARGET ubiq_kernel_embedded)
    target_link_libraries(ubiq_${layer} PUBLIC ubiq_kernel_embedded)
  endif()
  if(layer STREQUAL engine)
    add_dependencies(ubiq_${layer} engine_build)
  endif()
  set(below ubiq_${layer})
endforeach()
ubiq_embed(ubiq_cli wit_wire_wit ${CMAKE_SOURCE_DIR}/wit/wit-wire.wit) # `ubiq new` puts it beside a component
add_library(ubiq_core INTERFACE)
target_link_libraries(ubiq_core INTERFACE ${below})

# Our own C++ (the toml++ wrapper) brings its runtime along, so that C programs need none.
set(own_runtime "")
if(NOT UBIQ_SANITIZE)
  set(own_runtime -static-libstdc++)
endif()

# ubiq_shared_library(NAME MAP): a library in out/lib that exports only what packaging/MAP says. It stays loaded: its
# ticker's thread must not find itself in memory that dlclose has unmapped.
function(ubiq_shared_library name map)
  set_target_properties(${name} PROPERTIES
    LINKER_LANGUAGE CXX
    LIBRARY_OUTPUT_DIRECTORY ${UBIQ_OUT_DIR}/lib
    BUILD_WITH_INSTALL_RPATH ON
    INSTALL_RPATH $ORIGIN
    LINK_DEPENDS ${CMAKE_SOURCE_DIR}/packaging/${map})
  target_link_options(${name} PRIVATE -Wl,--version-script=${CMAKE_SOURCE_DIR}/packaging/${map}
    -Wl,-Bsymbolic-functions -Wl,-z,nodelete ${own_runtime})
  target_link_libraries(${name} PRIVATE ubiq_core)
endfunction()

# libubiq.so takes from ubiq_core what the public headers declare, and what that needs.
file(GLOB public_headers CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/include/*.h ${CMAKE_SOURCE_DIR}/include/ubiq/*.h)
set(wanted ${generated}/libubiq.symbols)
add_custom_command(OUTPUT ${wanted}
  COMMAND ${CMAKE_COMMAND} "-DHEADERS=${public_headers}" -DOUT=${wanted} -P ${CMAKE_SOURCE_DIR}/cmake/PublicSymbols.cmake
  DEPENDS ${public_headers} ${CMAKE_SOURCE_DIR}/cmake/PublicSymbols.cmake
  COMMENT "Listing the public functions"
  VERBATIM)
add_custom_target(ubiq_public_symbols DEPENDS ${wanted})
file(CONFIGURE OUTPUT ${generated}/libubiq.c CONTENT "typedef int everything_is_in_ubiq_core;\n")
add_library(ubiq_shared SHARED ${generated}/libubiq.c)
ubiq_shared_library(ubiq_shared libubiq.map)
set_target_properties(ubiq_shared PROPERTIES OUTPUT_NAME ubiq VERSION ${PROJECT_VERSION} SOVERSION 0)
set_property(TARGET ubiq_shared APPEND PROPERTY LINK_DEPENDS ${wanted})
target_link_options(ubiq_shared PRIVATE @${wanted})
add_dependencies(ubiq_shared ubiq_public_symbols)

if(TARGET ubiq_extism_abi)
  add_library(extism_shared SHARED $<TARGET_OBJECTS:ubiq_extism_abi>)
  ubiq_shared_library(extism_shared libextism.map) # without a version, as the official one
  set_target_properties(extism_shared PROPERTIES OUTPUT_NAME extism)
  if(UBIQ_SINGLE)
    target_link_options(extism_shared PRIVATE -s -Wl,-z,defs) # no larger than it must be, and nothing left to find
  endif()
endif()

if(EXISTS ${main_source})
  add_executable(ubiq ${main_source})
  target_link_libraries(ubiq PRIVATE ubiq_core ubiq_warnings)
  target_link_options(ubiq PRIVATE ${own_runtime})
  set_target_properties(ubiq PROPERTIES
    LINKER_LANGUAGE CXX
    RUNTIME_OUTPUT_DIRECTORY ${UBIQ_OUT_DIR}/bin
    BUILD_WITH_INSTALL_RPATH ON
    INSTALL_RPATH $ORIGIN/../lib)
endif()
