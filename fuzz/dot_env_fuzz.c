/// Files of settings of any bytes: what is read is made of strings.
#include "cli/dot_env.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  dot_env file;
  ubiq_error *error = dot_env_parse(".env", (text){(const char *)data, size}, &file);
  for (size_t i = 0; error == NULL && i < file.count; i++) {
    const dot_env_setting *one = &file.settings[i];
    if (one->name[0] == '\0' || strlen(one->name) + strlen(one->value) > size) abort();
  }
  ubiq_error_delete(error);
  dot_env_free(&file);
  return 0;
}
