# Lays out in ${UBIQ_OUT_DIR} what does not come from the linker, and installs the whole.

# ubiq_place(FILE PLACE): copies a file to a place in the layout whenever it changes.
set(placed "")
macro(ubiq_place file place)
  add_custom_command(OUTPUT ${UBIQ_OUT_DIR}/${place}
    COMMAND ${CMAKE_COMMAND} -E copy ${file} ${UBIQ_OUT_DIR}/${place}
    DEPENDS ${file}
    COMMENT "Placing ${place}"
    VERBATIM)
  list(APPEND placed ${UBIQ_OUT_DIR}/${place})
endmacro()

if(NOT UBIQ_SINGLE)
  ubiq_place(${UBIQ_DEPS_DIR}/wasmtime/lib/libwasmtime.so lib/libwasmtime.so)
endif()
foreach(header IN LISTS public_headers)
  file(RELATIVE_PATH name ${CMAKE_SOURCE_DIR}/include ${header})
  ubiq_place(${header} include/${name})
endforeach()
ubiq_place(${generated}/ubiq/version.h include/ubiq/version.h)
ubiq_place(${CMAKE_SOURCE_DIR}/wit/wit-wire.wit share/ubiq/wit/wit-wire.wit)

# What `ubiq dev` compiles C functions against.
file(GLOB_RECURSE pdk_headers CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/pdk/c/*.h)
foreach(header IN LISTS pdk_headers)
  file(RELATIVE_PATH name ${CMAKE_SOURCE_DIR}/pdk/c ${header})
  ubiq_place(${header} share/ubiq/pdk/${name})
endforeach()

foreach(name ubiq extism)
  configure_file(${CMAKE_SOURCE_DIR}/packaging/${name}.pc.in ${generated}/${name}.pc @ONLY)
  ubiq_place(${generated}/${name}.pc lib/pkgconfig/${name}.pc)
endforeach()

include(CMakePackageConfigHelpers)
write_basic_package_version_file(${generated}/ubiq-config-version.cmake COMPATIBILITY SameMinorVersion)
ubiq_place(${generated}/ubiq-config-version.cmake lib/cmake/ubiq/ubiq-config-version.cmake)
ubiq_place(${CMAKE_SOURCE_DIR}/packaging/ubiq-config.cmake lib/cmake/ubiq/ubiq-config.cmake)
ubiq_place(${CMAKE_SOURCE_DIR}/packaging/ubiq.service lib/systemd/system/ubiq.service)
ubiq_place(${CMAKE_SOURCE_DIR}/LICENSE share/doc/ubiq/LICENSE)
ubiq_place(${CMAKE_SOURCE_DIR}/packaging/licences.txt share/doc/ubiq/licences/README)
ubiq_place(${UBIQ_DEPS_DIR}/yyjson/LICENSE share/doc/ubiq/licences/yyjson.txt)
get_property(licences GLOBAL PROPERTY UBIQ_LICENCES)
foreach(name IN LISTS licences)
  get_property(file GLOBAL PROPERTY UBIQ_LICENCES_${name})
  ubiq_place(${file} share/doc/ubiq/licences/engine-${name}.txt)
endforeach()

# kernel/CMakeLists.txt says where its drop-in kernel is built, by setting UBIQ_KERNEL_WASM in this scope.
if(UBIQ_KERNEL_WASM)
  ubiq_place(${UBIQ_KERNEL_WASM} share/ubiq/extism-runtime.wasm)
endif()

include(UbiqMan)
include(UbiqCompletion)
add_custom_target(ubiq_layout ALL DEPENDS ${placed})

# All that is installed, and nothing else: no test, no guest, no benchmark.
add_custom_target(ubiq_program)
add_dependencies(ubiq_program ubiq_layout ubiq ubiq_shared extism_shared)
foreach(engine IN LISTS UBIQ_ENGINES)
  add_dependencies(ubiq_program engine_${engine})
endforeach()

install(DIRECTORY ${UBIQ_OUT_DIR}/bin ${UBIQ_OUT_DIR}/lib ${UBIQ_OUT_DIR}/include ${UBIQ_OUT_DIR}/share
  DESTINATION . USE_SOURCE_PERMISSIONS OPTIONAL)
# The unit starts the program that was installed with it.
install(CODE [[
  set(unit "$ENV{DESTDIR}${CMAKE_INSTALL_PREFIX}/lib/systemd/system/ubiq.service")
  file(READ "${unit}" text)
  string(REPLACE "ExecStart=/usr/bin/ubiq" "ExecStart=${CMAKE_INSTALL_PREFIX}/bin/ubiq" text "${text}")
  file(WRITE "${unit}" "${text}")
]])
