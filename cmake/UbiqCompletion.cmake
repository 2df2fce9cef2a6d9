# Lets the program make the shells' completions into the layout (`placed`, see UbiqLayout), where it can run here and now.
function(ubiq_completion shell place)
  set(out ${UBIQ_OUT_DIR}/${place})
  get_filename_component(folder ${out} DIRECTORY)
  set(needed ubiq)
  if(NOT UBIQ_SINGLE)
    list(APPEND needed ${UBIQ_OUT_DIR}/lib/libwasmtime.so)
  endif()
  add_custom_command(OUTPUT ${out}
    COMMAND ${CMAKE_COMMAND} -E make_directory ${folder}
    COMMAND $<TARGET_FILE:ubiq> completion ${shell} > ${out}
    DEPENDS ${needed}
    COMMENT "Making ${place}"
    VERBATIM)
  set(placed ${placed} ${out} PARENT_SCOPE)
endfunction()

if(TARGET ubiq AND NOT UBIQ_SANITIZE AND NOT CMAKE_CROSSCOMPILING)
  ubiq_completion(bash share/bash-completion/completions/ubiq)
  ubiq_completion(zsh share/zsh/site-functions/_ubiq)
  ubiq_completion(fish share/fish/vendor_completions.d/ubiq.fish)
endif()
