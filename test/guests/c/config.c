// Config: the input names a key.
#include <ubiq/pdk.h>

// Outputs the key's value; fails when it is not set.
UBIQ_EXPORT(config) {
  size_t size;
  char *key = ubiq_input(&size);
  const ubiq_block value = extism_config_get(ubiq_block_new(key, size));
  ubiq_free(key);
  if (value == 0) return ubiq_error_string("config: the key is not set");
  return ubiq_output_block(value, ubiq_block_size(value));
}

// Outputs the whole length of the value when only four bytes of it are read, or -1.
UBIQ_EXPORT(config_cut) {
  char *key = ubiq_input(NULL);
  char value[4];
  char text[22] = "-1";
  const ptrdiff_t length = ubiq_config(key, value, sizeof value);
  ubiq_free(key);
  if (length >= 0) ubiq_format_u64(text, (uint64_t)length);
  return ubiq_output_string(text);
}

// A key that is no block.
UBIQ_EXPORT(bad_key) {
  extism_config_get(UINT64_MAX);
  return 0;
}
