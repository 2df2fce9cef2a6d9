# Makes the manual pages into the layout (`placed`, see UbiqLayout), of the program's help and of the public headers, so
# that they say what there is. SOURCE_DATE_EPOCH sets their date.
find_package(Python3 REQUIRED COMPONENTS Interpreter)
string(TIMESTAMP man_date "%Y-%m-%d" UTC)
set(man_maker ${CMAKE_SOURCE_DIR}/scripts/man)

# ubiq_man(PAGE KIND NEEDED ARGUMENTS...): PAGE depends on the list NEEDED; the rest is for scripts/man.
function(ubiq_man page kind needed)
  set(out ${UBIQ_OUT_DIR}/share/man/${page})
  get_filename_component(folder ${out} DIRECTORY)
  add_custom_command(OUTPUT ${out}
    COMMAND ${CMAKE_COMMAND} -E make_directory ${folder}
    COMMAND ${Python3_EXECUTABLE} ${man_maker} ${kind} ${ARGN} ${PROJECT_VERSION} ${man_date} ${out}
    DEPENDS ${man_maker} ${needed}
    COMMENT "Making ${page}"
    VERBATIM)
  set(placed ${placed} ${out} PARENT_SCOPE)
endfunction()

ubiq_man(man3/libubiq.3 libubiq "${public_headers}" ${CMAKE_SOURCE_DIR}/include)
# The program has to run here and now.
if(TARGET ubiq AND NOT UBIQ_SANITIZE AND NOT CMAKE_CROSSCOMPILING)
  set(page ${CMAKE_SOURCE_DIR}/docs/cli.md)
  set(needed ubiq ${page})
  if(NOT UBIQ_SINGLE)
    list(APPEND needed ${UBIQ_OUT_DIR}/lib/libwasmtime.so)
  endif()
  ubiq_man(man1/ubiq.1 ubiq "${needed}" $<TARGET_FILE:ubiq> ${page})
endif()
