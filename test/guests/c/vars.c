// Variables: a counter, values set, read and removed, and as many bytes as a test asks for.
#include <ubiq/pdk.h>

// The number written in the input, 0 when there is none.
static uint64_t input_number(void) {
  char text[21];
  const size_t size = ubiq_input_read(text, 20);
  uint64_t value = 0;
  for (size_t i = 0; i < size && text[i] >= '0' && text[i] <= '9'; i++) value = value * 10 + (uint64_t)(text[i] - '0');
  return value;
}

static int32_t output_number(uint64_t value) {
  char text[21];
  return ubiq_output(text, ubiq_format_u64(text, value));
}

// 1, 2, 3, ... from call to call of one instance.
UBIQ_EXPORT(count) {
  uint64_t count = 0;
  ubiq_var_get("count", &count, sizeof count);
  count++;
  ubiq_var_set("count", &count, sizeof count);
  return output_number(count);
}

// The same in the module's own memory: what a fresh instance forgets.
UBIQ_EXPORT(count_static) {
  static uint64_t count;
  return output_number(++count);
}

// Answers `value`, whose key, which the host has freed already, is freed before it is read.
UBIQ_EXPORT(get_key_freed_twice) {
  const ubiq_block key = ubiq_block_new("value", 5);
  const ubiq_block value = extism_var_get(key);
  ubiq_block_free(key);
  return ubiq_output_block(value, ubiq_block_size(value));
}

// Input is the key's value: kept under `value`.
UBIQ_EXPORT(set) {
  size_t size;
  char *text = ubiq_input(&size);
  ubiq_var_set("value", text, size);
  ubiq_free(text);
  return 0;
}

// Outputs what is kept under `value`, or `(none)`.
UBIQ_EXPORT(get) {
  const ubiq_block value = extism_var_get(ubiq_block_new_string("value"));
  if (value == 0) return ubiq_output_string("(none)");
  return ubiq_output_block(value, ubiq_block_size(value));
}

UBIQ_EXPORT(remove) {
  ubiq_var_remove("value");
  return 0;
}

// Keeps a variable `fill` of as many bytes as the input says. The host traps past its limit.
UBIQ_EXPORT(fill) {
  const uint64_t size = input_number();
  const ubiq_block block = extism_alloc(size);
  if (block == 0 && size > 0) return ubiq_error_string("fill: no memory left for the value");
  extism_var_set(ubiq_block_new_string("fill"), block);
  return 0;
}

// Keeps as many variables of one byte as the input says.
UBIQ_EXPORT(many) {
  const uint64_t count = input_number();
  for (uint64_t i = 0; i < count; i++) {
    char key[24] = "k";
    ubiq_format_u64(key + 1, i);
    ubiq_var_set(key, "x", 1);
  }
  return 0;
}

// A key that is no block.
UBIQ_EXPORT(bad_key) {
  extism_var_get(0xffffffffffff0000u);
  return 0;
}

// A value that is no block.
UBIQ_EXPORT(bad_value) {
  extism_var_set(ubiq_block_new_string("value"), 0x7fffffffffffffffu);
  return 0;
}

// A key that is no UTF-8.
UBIQ_EXPORT(binary_key) {
  extism_var_set(ubiq_block_new("\xff\xfe\x80", 3), ubiq_block_new_string("value"));
  return 0;
}
