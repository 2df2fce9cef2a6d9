// Calls host functions of the embedding program: `host_reverse`, which takes a block and returns another.
#include <ubiq/pdk.h>

UBIQ_HOST("host_reverse") ubiq_block host_reverse(ubiq_block block);

// Outputs the input as host_reverse returns it. The guest frees both blocks.
UBIQ_EXPORT(reverse) {
  size_t size;
  char *text = ubiq_input(&size);
  const ubiq_block block = ubiq_block_new(text, size);
  const ubiq_block result = host_reverse(block);
  ubiq_block_free(block);
  ubiq_free(text);
  if (result == 0) return ubiq_error_string("host_reverse: answered with no block");
  return ubiq_output_block(result, ubiq_block_size(result));
}

// The same a hundred times over, so an even number: outputs the input.
UBIQ_EXPORT(reverse_100) {
  size_t size;
  char *text = ubiq_input(&size);
  ubiq_block block = ubiq_block_new(text, size);
  for (int i = 0; i < 100; i++) {
    const ubiq_block result = host_reverse(block);
    ubiq_block_free(block);
    block = result;
  }
  ubiq_free(text);
  return ubiq_output_block(block, ubiq_block_size(block));
}

// Hands the host an offset that is no block; outputs what comes back in decimal.
UBIQ_EXPORT(reverse_bad) {
  char text[21];
  return ubiq_output(text, ubiq_format_u64(text, host_reverse(0x7fffffff12345678u)));
}
