# cmake -DROOT=FOLDER -DOUT=FILE -P EngineBuild.cmake: writes a header that says of which sources engines are made: a digest of
# those of the folder and of their names. What one build's engines compiled is nothing to another's (engine/cache/cache_key.h).
file(GLOB_RECURSE names RELATIVE ${ROOT} ${ROOT}/*)
list(FILTER names INCLUDE REGEX "[.](c|h|rs|go|py|toml|lock|mod|sum|cmake)$")
list(SORT names)
set(digests "")
foreach(name IN LISTS names)
  file(SHA256 ${ROOT}/${name} digest)
  string(APPEND digests "${name} ${digest}\n")
endforeach()
string(SHA256 digest "${digests}")
string(SUBSTRING ${digest} 0 16 digest)
file(WRITE ${OUT} "/// The sources of engines, as a digest.\n#define ENGINE_BUILD \"${digest}\"\n")
