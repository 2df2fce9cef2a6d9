// Answers with its input, kernel block to kernel block: no copy in the module's own memory. The guest of the benchmarks.
#include <ubiq/pdk.h>

static void copy_words(ubiq_block to, size_t size) {
  size_t i = 0;
  for (; size - i >= 32; i += 32) {
    extism_store_u64(to + i, extism_input_load_u64(i));
    extism_store_u64(to + i + 8, extism_input_load_u64(i + 8));
    extism_store_u64(to + i + 16, extism_input_load_u64(i + 16));
    extism_store_u64(to + i + 24, extism_input_load_u64(i + 24));
  }
  for (; size - i >= 8; i += 8) extism_store_u64(to + i, extism_input_load_u64(i));
  for (; i < size; i++) extism_store_u8(to + i, extism_input_load_u8(i));
}

UBIQ_EXPORT(echo) {
  const size_t size = ubiq_input_size();
  const ubiq_block block = extism_alloc(size);
  if (block == 0 && size > 0) return ubiq_error_string("echo: no memory left for the output");
  copy_words(block, size);
  return ubiq_output_block(block, size);
}

// The same through the module's own memory, as most plugins do it.
UBIQ_EXPORT(echo_copy) {
  size_t size;
  char *input = ubiq_input(&size);
  if (input == NULL) return ubiq_error_string("echo_copy: no memory left for the input");
  const int32_t result = ubiq_output(input, size);
  ubiq_free(input);
  return result;
}

// Byte by byte, the slowest that a guest can be.
UBIQ_EXPORT(echo_bytes) {
  const size_t size = ubiq_input_size();
  const ubiq_block block = extism_alloc(size);
  for (size_t i = 0; i < size; i++) extism_store_u8(block + i, extism_input_load_u8(i));
  return ubiq_output_block(block, size);
}

// No output at all.
UBIQ_EXPORT(nothing) {
  return 0;
}

// Sets two outputs; the last one counts.
UBIQ_EXPORT(twice) {
  ubiq_output_string("first");
  return ubiq_output_string("second");
}
