// MessagePack of any bytes: what is taken is the same after it was written and read again.
#include "base/msgpack.h"

#include <stdlib.h>

static const json_limits limits = {SIZE_MAX, SIZE_MAX};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_again(yyjson_val *value) {
  buffer written = {0};
  arena arena;
  arena_init(&arena);
  yyjson_val *again = NULL;
  if (!msgpack_value_write(&written, value)) abort();
  ubiq_error *error = msgpack_value_read("again", written.data, written.size, &limits, "body", &arena, &again);
  if (error != NULL || !unsafe_yyjson_equals(value, again)) abort();
  arena_free(&arena);
  buffer_free(&written);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  arena arena;
  arena_init(&arena);
  yyjson_val *value = NULL;
  ubiq_error *error = msgpack_value_read("fuzz", data, size, &limits, "body", &arena, &value);
  if (error == NULL) check_again(value);
  ubiq_error_delete(error);
  arena_free(&arena);
  return 0;
}
