# find_package(ubiq) defines ubiq::ubiq and, where it was built, ubiq::extism. Relocatable: all paths are
# taken from where this file is.
get_filename_component(ubiq_prefix "${CMAKE_CURRENT_LIST_DIR}/../../.." ABSOLUTE)

set(ubiq_soname libubiq.so.0)
set(extism_soname libextism.so)
foreach(ubiq_library ubiq extism)
  set(ubiq_path "${ubiq_prefix}/lib/lib${ubiq_library}.so")
  if(EXISTS "${ubiq_path}" AND NOT TARGET ubiq::${ubiq_library})
    add_library(ubiq::${ubiq_library} SHARED IMPORTED)
    set_target_properties(ubiq::${ubiq_library} PROPERTIES
      IMPORTED_LOCATION "${ubiq_path}"
      IMPORTED_SONAME ${${ubiq_library}_soname}
      INTERFACE_INCLUDE_DIRECTORIES "${ubiq_prefix}/include")
  endif()
endforeach()

if(NOT TARGET ubiq::ubiq)
  set(ubiq_FOUND FALSE)
  set(ubiq_NOT_FOUND_MESSAGE "${ubiq_prefix}/lib/libubiq.so is missing")
endif()
unset(ubiq_library)
unset(ubiq_path)
unset(ubiq_soname)
unset(extism_soname)
unset(ubiq_prefix)
