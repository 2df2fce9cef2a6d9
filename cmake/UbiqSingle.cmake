# The third-party libraries of a libextism.so that needs no file beside it (`make single`): targets of the same names as
# UbiqDependencies.cmake's, but static. Wasmtime's C API and libcurl come out of packaging/single, built by cargo, which
# takes some minutes; OpenSSL, zlib and libsodium are Debian's archives.
#
# What only the server and the program `ubiq` need stays as it is: libextism.so has nothing of it.
find_program(UBIQ_CARGO NAMES cargo HINTS $ENV{HOME}/.cargo/bin REQUIRED)

set(single_folder ${CMAKE_SOURCE_DIR}/packaging/single)
set(single_made ${CMAKE_BINARY_DIR}/cargo)
set(single_archive ${single_made}/release/libubiq_wasmtime.a)

# Sources are named by their place within these folders in what is built, wherever the folders are.
set(cargo_home $ENV{CARGO_HOME})
if(NOT cargo_home)
  set(cargo_home $ENV{HOME}/.cargo)
endif()
set(single_renames --remap-path-prefix=${cargo_home}/registry/src=crates --remap-path-prefix=${CMAKE_SOURCE_DIR}=ubiq)

# Wasmtime asks for Rust 1.97. 1.95 compiles it, and what it makes passes our tests.
find_program(UBIQ_RUSTC NAMES rustc HINTS $ENV{HOME}/.cargo/bin REQUIRED)
execute_process(COMMAND ${UBIQ_RUSTC} --version OUTPUT_VARIABLE rust_version OUTPUT_STRIP_TRAILING_WHITESPACE)
if(NOT rust_version MATCHES "^rustc ([0-9.]+)" OR CMAKE_MATCH_1 VERSION_LESS 1.95)
  message(FATAL_ERROR "`rustc --version` says ${rust_version}; Wasmtime needs 1.95 or later (rustup update stable)")
endif()

list(JOIN single_renames " " single_rustflags)
add_custom_command(OUTPUT ${single_archive}
  COMMAND ${CMAKE_COMMAND} -E env "RUSTFLAGS=${single_rustflags}" ${UBIQ_CARGO} build --quiet --release --locked --ignore-rust-version --target-dir ${single_made}
  DEPENDS ${single_folder}/Cargo.toml ${single_folder}/Cargo.lock ${single_folder}/src/lib.rs
  WORKING_DIRECTORY ${single_folder}
  COMMENT "Building Wasmtime's C API and libcurl (some minutes)"
  VERBATIM USES_TERMINAL)
add_custom_target(ubiq_single_archive DEPENDS ${single_archive})

function(ubiq_archive target)
  set(found "")
  foreach(name IN LISTS ARGN)
    find_library(UBIQ_ARCHIVE_${name} NAMES lib${name}.a REQUIRED)
    list(APPEND found ${UBIQ_ARCHIVE_${name}})
  endforeach()
  add_library(${target} INTERFACE IMPORTED GLOBAL)
  target_link_libraries(${target} INTERFACE ${found})
endfunction()

# The archive is one object of Wasmtime's, for optimisation across its crates, and many of curl's.
add_library(wasmtime STATIC IMPORTED GLOBAL)
set_target_properties(wasmtime PROPERTIES IMPORTED_LOCATION ${single_archive})
target_include_directories(wasmtime SYSTEM INTERFACE ${UBIQ_DEPS_DIR}/wasmtime/include)
add_dependencies(wasmtime ubiq_single_archive)

ubiq_archive(ubiq_sodium sodium)
ubiq_archive(ubiq_curl ssl crypto z)
target_link_libraries(ubiq_curl INTERFACE wasmtime)

# What this build of Wasmtime serializes is not for the other, which has more features.
set_source_files_properties(${CMAKE_SOURCE_DIR}/src/engine/wasmtime/engine.c PROPERTIES
  COMPILE_DEFINITIONS WT_BUILD="+single")
