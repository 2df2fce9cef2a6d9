// What an SDK's host functions are called with: several types at once, a namespace of the embedder's own, and blocks.
#include <ubiq/pdk.h>

UBIQ_HOST("host_describe") ubiq_block host_describe(int64_t whole, double real, int32_t flag, ubiq_block text);
UBIQ_IMPORT("sdk/names", "host_tag") ubiq_block host_tag(ubiq_block text);

static int32_t answer(ubiq_block block) {
  if (block == 0) return ubiq_error_string("the host function answered with no block");
  return ubiq_output_block(block, ubiq_block_size(block));
}

static ubiq_block input_block(void) {
  size_t size;
  char *text = ubiq_input(&size);
  const ubiq_block block = ubiq_block_new(text, size);
  ubiq_free(text);
  return block;
}

// Outputs what host_describe answers to -7, 2.5, 1 and the input.
UBIQ_EXPORT(describe) {
  return answer(host_describe(-7, 2.5, 1, input_block()));
}

// Outputs what host_tag answers to the input.
UBIQ_EXPORT(tag) {
  return answer(host_tag(input_block()));
}

// Calls host_tag until the call is ended from outside.
UBIQ_EXPORT(tag_for_ever) {
  for (;;) ubiq_block_free(host_tag(input_block()));
}
