# Language standards, warnings and sanitizers of everything that is ours.
set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_CXX_STANDARD 17)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)

# Asserts stay in every build: this program runs other people's code.
set(CMAKE_C_FLAGS_RELWITHDEBINFO "-O2 -g")
set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O2 -g")
set(CMAKE_C_FLAGS_RELEASE "-O3")
set(CMAKE_CXX_FLAGS_RELEASE "-O3")

# Defined empty, so that a source that defines it too is not told off; C++ compilers define it themselves.
add_compile_options($<$<COMPILE_LANGUAGE:C>:-D_GNU_SOURCE=>)
add_compile_definitions($<$<CONFIG:Debug>:UBIQ_DEBUG=1>)
add_compile_options(-ffunction-sections -fdata-sections -fno-omit-frame-pointer)
add_link_options(-Wl,--gc-sections -Wl,--as-needed)

# No path of the machine that builds gets into what is built: sources are named from the checkout's root, where a debugger
# finds them when it is started there. The build's folder may lie in the checkout, so it comes last: gcc takes the last map
# that fits, clang the longest. Instrumented builds keep whole paths, which their reports and tools need.
if(NOT UBIQ_SANITIZE AND NOT "${CMAKE_C_FLAGS} ${CMAKE_CXX_FLAGS}" MATCHES "--coverage|-fprofile|-finstrument")
  set(ubiq_prefix_maps -ffile-prefix-map=${UBIQ_DEPS_DIR}/=.deps/ -ffile-prefix-map=${CMAKE_SOURCE_DIR}/=
    -ffile-prefix-map=${CMAKE_BINARY_DIR}=.)
  add_compile_options(${ubiq_prefix_maps})
  if(CMAKE_INTERPROCEDURAL_OPTIMIZATION)
    add_link_options(${ubiq_prefix_maps})
  endif()
endif()

# Link with this to compile under our warnings. gcc's guess at what snprintf may cut is wrong about strings that are
# short in truth, and depends on what it inlined.
add_library(ubiq_warnings INTERFACE)
target_compile_options(ubiq_warnings INTERFACE -Wall -Wextra -Wpedantic
  $<$<COMPILE_LANGUAGE:C>:-Wstrict-prototypes -Wmissing-prototypes>
  $<$<OR:$<COMPILE_LANG_AND_ID:C,GNU>,$<COMPILE_LANG_AND_ID:CXX,GNU>>:-Wno-format-truncation>
  $<$<BOOL:${UBIQ_WERROR}>:-Werror>)

if(UBIQ_SANITIZE)
  add_compile_options(-fsanitize=${UBIQ_SANITIZE} -fno-sanitize-recover=all)
  # GNU ld takes several times as long for the debug information of so many programs.
  add_link_options(-fsanitize=${UBIQ_SANITIZE} -fuse-ld=lld)
  if(UBIQ_FUZZ)
    add_compile_options(-fsanitize=fuzzer-no-link)
  endif()
endif()
