# Third-party libraries as targets: what scripts/setup fetched into .deps/, and Debian packages.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)

if(NOT EXISTS ${UBIQ_DEPS_DIR}/wasmtime/lib/libwasmtime.so)
  message(FATAL_ERROR "${UBIQ_DEPS_DIR}/wasmtime is missing; run scripts/setup (or `make setup`) first")
endif()

if(UBIQ_SINGLE)
  include(UbiqSingle)
else()
  # The wheel's library has no SONAME, so that -l decides the name that is recorded: libwasmtime.so.
  add_library(wasmtime SHARED IMPORTED GLOBAL)
  set_target_properties(wasmtime PROPERTIES
    IMPORTED_LOCATION ${UBIQ_DEPS_DIR}/wasmtime/lib/libwasmtime.so
    IMPORTED_NO_SONAME ON)
  target_include_directories(wasmtime SYSTEM INTERFACE ${UBIQ_DEPS_DIR}/wasmtime/include)
  pkg_check_modules(CURL REQUIRED IMPORTED_TARGET GLOBAL libcurl)
  pkg_check_modules(SODIUM REQUIRED IMPORTED_TARGET GLOBAL libsodium)
  add_library(ubiq_curl ALIAS PkgConfig::CURL)
  add_library(ubiq_sodium ALIAS PkgConfig::SODIUM)
endif()

# ThreadSanitizer does not see Wasmtime's own locks: test/sanitizers/tsan_wasmtime.c tells it of them.
if(UBIQ_SANITIZE MATCHES thread)
  add_library(tsan_wasmtime STATIC ${CMAKE_SOURCE_DIR}/test/sanitizers/tsan_wasmtime.c)
  target_link_libraries(wasmtime INTERFACE tsan_wasmtime)
  target_link_options(wasmtime INTERFACE -Wl,--wrap=wasmtime_store_delete,--wrap=wasmtime_call_future_delete
    -Wl,--wrap=wasmtime_instance_new,--wrap=wasmtime_instance_pre_instantiate,--wrap=wasmtime_linker_instantiate
    -Wl,--wrap=wasmtime_call_future_poll)
endif()

add_library(yyjson STATIC ${UBIQ_DEPS_DIR}/yyjson/yyjson.c)
target_include_directories(yyjson SYSTEM PUBLIC ${UBIQ_DEPS_DIR}/yyjson)
target_compile_options(yyjson PRIVATE -w)
# Both sanitizers at once make a minute's work for the compiler of this one source. Fuzzing has both.
if(UBIQ_SANITIZE MATCHES undefined AND NOT UBIQ_FUZZ)
  target_compile_options(yyjson PRIVATE -fno-sanitize=undefined)
endif()

# toml++ is used header-only: one C++ file of ours wraps it, and no library is needed to run.
add_library(tomlplusplus INTERFACE)
target_compile_definitions(tomlplusplus INTERFACE TOML_HEADER_ONLY=1)

find_package(date REQUIRED) # time zones

pkg_check_modules(MICROHTTPD REQUIRED IMPORTED_TARGET libmicrohttpd)
pkg_check_modules(GNUTLS REQUIRED IMPORTED_TARGET gnutls) # of libmicrohttpd
pkg_check_modules(LIBUV REQUIRED IMPORTED_TARGET libuv)
pkg_check_modules(ZSTD REQUIRED IMPORTED_TARGET libzstd)
pkg_check_modules(SQLITE REQUIRED IMPORTED_TARGET sqlite3)
pkg_check_modules(SECCOMP REQUIRED IMPORTED_TARGET libseccomp)
pkg_check_modules(CMOCKA IMPORTED_TARGET cmocka)
