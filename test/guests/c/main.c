// The main module of a plugin of two: it imports from `lib` (lib.c).
#include <ubiq/pdk.h>

UBIQ_IMPORT("lib", "add") int32_t lib_add(int32_t left, int32_t right);
UBIQ_IMPORT("lib", "next") int32_t lib_next(void);
UBIQ_IMPORT("lib", "shout") ubiq_block lib_shout(ubiq_block block);

// Outputs "42 <calls so far>".
UBIQ_EXPORT(sum) {
  char text[48];
  size_t end = ubiq_format_u64(text, (uint32_t)lib_add(40, 2));
  text[end++] = ' ';
  end += ubiq_format_u64(text + end, (uint32_t)lib_next());
  return ubiq_output(text, end);
}

// Outputs the input in capitals.
UBIQ_EXPORT(shout) {
  size_t size;
  char *text = ubiq_input(&size);
  const ubiq_block result = lib_shout(ubiq_block_new(text, size));
  ubiq_free(text);
  return ubiq_output_block(result, ubiq_block_size(result));
}
