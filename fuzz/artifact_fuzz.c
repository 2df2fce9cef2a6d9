// Fuzzes what reads a compiled plugin behind its MAC, which only our own mistakes or a stolen key lead to.
//
// The code in it is not deserialized: that trusts its bytes, and the MAC is why it may.
//
// Run: make fuzz, or build/fuzz/fuzz/artifact_fuzz fuzz/corpus/artifact_fuzz
#include "plugin/compile/artifact_format.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/// Every byte that the content says is its own is one that was handed in.
static void touch(ubiq_bytes bytes) {
  volatile uint8_t sum = 0;
  for (size_t i = 0; i < bytes.size; i++) sum = (uint8_t)(sum + bytes.data[i]);
}

static void use(const artifact_content *content) {
  touch(content->manifest);
  for (size_t i = 0; i < content->modules_count; i++) touch(content->modules[i].wasm);
  for (size_t i = 0; i < content->codes.count; i++) touch(content->codes.entries[i].code);
  if (strlen(content->engine) + strlen(content->version) + strlen(content->cpu) > (size_t)1 << 40) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  arena strings;
  artifact_content content;
  arena_init(&strings);
  ubiq_error *error = artifact_read((ubiq_bytes){data, size}, &strings, &content);
  if (error == NULL) use(&content);
  ubiq_error_delete(error);
  cache_set_free(&content.codes);
  arena_free(&strings);
  return 0;
}
