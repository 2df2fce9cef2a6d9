# Helpers that build guests: Wasm modules for tests, benchmarks and examples. Each makes ${UBIQ_GUESTS_DIR}/<name>.wasm, a
# target `guest_<name>`, and adds that to the target `ubiq_guests`.
#
#   ubiq_guest_c(NAME SOURCE)                  C with pdk/c, no C library
#   ubiq_guest_wasi(NAME SOURCE [REACTOR])     C with pdk/c and wasi-libc, a command unless it is a reactor
#   ubiq_guest_wat(NAME SOURCE)                WebAssembly text
#   ubiq_guest_rust(NAME FOLDER CRATE TARGET [FILES...])
#                                              a crate, for one of rustc's wasm32 targets, made of these files too
#   ubiq_guest_go(NAME FOLDER)                 a Go module, as a WASI reactor
#   ubiq_guest_python(NAME FOLDER)             a component of the folder's app.py, by componentize-py
#
# A toolchain that is missing is a message, not an error: the file is then absent, and tests that need it skip, or fail
# where UBIQ_NEED_GUESTS is set in their environment.

cmake_path(GET CMAKE_CURRENT_LIST_DIR PARENT_PATH guests_root)
set(UBIQ_GUESTS_DIR ${guests_root}/build/guests CACHE PATH "Where test guests are built to, by every preset")
set(UBIQ_PDK_DIR ${guests_root}/pdk/c)

find_program(UBIQ_GUEST_CLANG NAMES clang-14 clang-15 clang-16 clang-17 clang-18 clang-19 clang
  DOC "The clang that compiles guests to Wasm")
find_program(UBIQ_WASM_LD NAMES wasm-ld-14 wasm-ld)
find_program(UBIQ_WAT2WASM NAMES wat2wasm)
find_program(UBIQ_CARGO NAMES cargo HINTS $ENV{HOME}/.cargo/bin)
find_program(UBIQ_RUSTC NAMES rustc HINTS $ENV{HOME}/.cargo/bin)
find_program(UBIQ_GO NAMES go HINTS ${guests_root}/.deps/go/bin /usr/local/go/bin)
find_program(UBIQ_PYTHON NAMES python3)
set(UBIQ_COMPONENTIZE_PY ${guests_root}/.deps/componentize-py)

if(NOT TARGET ubiq_guests)
  add_custom_target(ubiq_guests ALL)
endif()

# The stack comes first, so that running out of it traps instead of reaching data.
set(UBIQ_GUEST_COMPILE_FLAGS -std=c17 -O2 -Wall -Wextra -Wpedantic -Werror -I${UBIQ_PDK_DIR})
set(UBIQ_GUEST_LINK_FLAGS -Wl,--stack-first,-z,stack-size=16384)

function(ubiq_guest_add name)
  add_custom_target(guest_${name} DEPENDS ${UBIQ_GUESTS_DIR}/${name}.wasm)
  add_dependencies(ubiq_guests guest_${name})
endfunction()

# Compiles and links in two steps, because clang runs wasm-opt after linking where it finds one and an -O was given: that
# takes the functions' names away, which backtraces need, and makes the result depend on the machine.
function(ubiq_guest_compile name source target_flags link_flags)
  set(output ${UBIQ_GUESTS_DIR}/${name}.wasm)
  set(object ${CMAKE_CURRENT_BINARY_DIR}/${name}.o)
  set(source ${CMAKE_CURRENT_SOURCE_DIR}/${source})
  add_custom_command(OUTPUT ${output}
    COMMAND ${CMAKE_COMMAND} -E make_directory ${UBIQ_GUESTS_DIR}
    COMMAND ${UBIQ_GUEST_CLANG} ${target_flags} ${UBIQ_GUEST_COMPILE_FLAGS} -c ${source} -o ${object}
    COMMAND ${UBIQ_GUEST_CLANG} ${target_flags} ${UBIQ_GUEST_LINK_FLAGS} ${link_flags} ${object} -o ${output}
    DEPENDS ${source} ${UBIQ_PDK_DIR}/ubiq/pdk.h ${UBIQ_PDK_DIR}/ubiq/host.h ${UBIQ_PDK_DIR}/ubiq/core.h
    COMMENT "Building guest ${name}.wasm"
    VERBATIM)
  ubiq_guest_add(${name})
endfunction()

function(ubiq_guest_c name source)
  if(NOT UBIQ_GUEST_CLANG OR NOT UBIQ_WASM_LD)
    message(STATUS "guest ${name}.wasm is left out: clang or wasm-ld is missing (packages clang, lld)")
    return()
  endif()
  ubiq_guest_compile(${name} ${source} "--target=wasm32-unknown-unknown;-nostdlib;-mbulk-memory" "-Wl,--no-entry")
endfunction()

function(ubiq_guest_wasi name source)
  cmake_parse_arguments(PARSE_ARGV 2 guest "REACTOR" "" "")
  if(NOT UBIQ_GUEST_CLANG OR NOT UBIQ_WASM_LD OR NOT EXISTS /usr/lib/wasm32-wasi/libc.a)
    message(STATUS "guest ${name}.wasm is left out: wasi-libc is missing (packages wasi-libc, libclang-rt-dev-wasm32)")
    return()
  endif()
  set(link_flags "")
  if(guest_REACTOR)
    set(link_flags -mexec-model=reactor)
  endif()
  ubiq_guest_compile(${name} ${source} "--target=wasm32-wasi;--sysroot=/usr" "${link_flags}")
endfunction()

function(ubiq_guest_wat name source)
  if(NOT UBIQ_WAT2WASM)
    message(STATUS "guest ${name}.wasm is left out: wat2wasm is missing (package wabt)")
    return()
  endif()
  set(output ${UBIQ_GUESTS_DIR}/${name}.wasm)
  add_custom_command(OUTPUT ${output}
    COMMAND ${CMAKE_COMMAND} -E make_directory ${UBIQ_GUESTS_DIR}
    COMMAND ${UBIQ_WAT2WASM} ${CMAKE_CURRENT_SOURCE_DIR}/${source} -o ${output}
    DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${source}
    COMMENT "Building guest ${name}.wasm"
    VERBATIM)
  ubiq_guest_add(${name})
endfunction()

# Rust knows a target when its standard library for it is installed.
function(ubiq_rust_has target result)
  set(${result} FALSE PARENT_SCOPE)
  if(UBIQ_CARGO AND UBIQ_RUSTC)
    execute_process(COMMAND ${UBIQ_RUSTC} --print sysroot OUTPUT_VARIABLE sysroot OUTPUT_STRIP_TRAILING_WHITESPACE)
    if(EXISTS ${sysroot}/lib/rustlib/${target})
      set(${result} TRUE PARENT_SCOPE)
    endif()
  endif()
endfunction()

# Crates share one folder for what cargo makes, so that their dependencies are compiled once a target.
function(ubiq_guest_rust name folder crate target)
  ubiq_rust_has(${target} known)
  if(NOT known)
    message(STATUS "guest ${name}.wasm is left out: Rust's ${target} is missing (rustup target add ${target})")
    return()
  endif()
  set(output ${UBIQ_GUESTS_DIR}/${name}.wasm)
  set(made ${UBIQ_GUESTS_DIR}/.cargo)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${folder}/src/*.rs)
  add_custom_command(OUTPUT ${output}
    COMMAND ${UBIQ_CARGO} build --quiet --release --locked -j 2 --target ${target} --target-dir ${made}
    COMMAND ${CMAKE_COMMAND} -E copy ${made}/${target}/release/${crate}.wasm ${output}
    DEPENDS ${sources} ${folder}/Cargo.toml ${folder}/Cargo.lock ${ARGN}
    WORKING_DIRECTORY ${folder}
    COMMENT "Building guest ${name}.wasm"
    VERBATIM)
  ubiq_guest_add(${name})
endfunction()

function(ubiq_guest_go name folder)
  if(UBIQ_GO)
    execute_process(COMMAND ${UBIQ_GO} env GOVERSION OUTPUT_VARIABLE version OUTPUT_STRIP_TRAILING_WHITESPACE)
  endif()
  string(REGEX MATCH "[0-9]+[.][0-9]+" version "${version}")
  if(NOT UBIQ_GO OR version VERSION_LESS 1.24)
    message(STATUS "guest ${name}.wasm is left out: Go 1.24 or later is missing")
    return()
  endif()
  set(output ${UBIQ_GUESTS_DIR}/${name}.wasm)
  file(GLOB sources CONFIGURE_DEPENDS ${folder}/*.go)
  add_custom_command(OUTPUT ${output}
    COMMAND ${CMAKE_COMMAND} -E env GOOS=wasip1 GOARCH=wasm CGO_ENABLED=0
      ${UBIQ_GO} build -p 2 -buildmode=c-shared -buildvcs=false -trimpath -ldflags=-s -o ${output} .
    DEPENDS ${sources} ${folder}/go.mod ${folder}/go.sum
    WORKING_DIRECTORY ${folder}
    COMMENT "Building guest ${name}.wasm"
    VERBATIM)
  ubiq_guest_add(${name})
endfunction()

# The interpreter that runs componentize-py is not the one that comes into the component.
function(ubiq_guest_python name folder)
  if(NOT UBIQ_PYTHON OR NOT EXISTS ${UBIQ_COMPONENTIZE_PY})
    message(STATUS "guest ${name}.wasm is left out: componentize-py is missing (scripts/setup)")
    return()
  endif()
  set(output ${UBIQ_GUESTS_DIR}/${name}.wasm)
  set(world ${guests_root}/wit/wit-wire.wit)
  add_custom_command(OUTPUT ${output}
    COMMAND ${CMAKE_COMMAND} -E env PYTHONPATH=${UBIQ_COMPONENTIZE_PY} PYTHONDONTWRITEBYTECODE=1
      ${UBIQ_PYTHON} -c "import componentize_py; componentize_py.script()" -d ${world} -w wit-wire componentize app -o ${output}
    DEPENDS ${folder}/app.py ${world}
    WORKING_DIRECTORY ${folder}
    COMMENT "Building guest ${name}.wasm"
    VERBATIM)
  ubiq_guest_add(${name})
endfunction()
