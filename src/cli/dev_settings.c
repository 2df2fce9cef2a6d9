// What a value says is never told, because it may be a password.
#include "cli/dev_settings.h"

#include "base/file.h"
#include "base/text.h"
#include "cli/dot_env.h"
#include "services/config/config.h"

#include <stdlib.h>

enum { FILE_BYTES_MAX = 1 << 20 };

/// The prefix may be said or not.
static ubiq_error *set(const char *path, const dot_env_setting *one) {
  const text prefix = TEXT(CONFIG_PREFIX);
  char variable[CONFIG_VARIABLE_SIZE];
  text name = text_of(one->name);
  if (text_starts_with(name, prefix)) name = (text){name.data + prefix.size, name.size - prefix.size};
  if (!config_variable(name, variable))
    return ubiq_error_new(UBIQ_INVALID_INPUT, "%s: the name %.40s... is too long", path, one->name);
  return setenv(variable, one->value, 0) == 0 ? NULL : ubiq_error_no_memory();
}

/// From the last to the first, because none takes the place of what is there: so the last one of a name counts, unless the
/// environment has it.
static ubiq_error *set_all(const char *path, const dot_env *file) {
  ubiq_error *error = NULL;
  for (size_t i = file->count; error == NULL && i > 0; i--) error = set(path, &file->settings[i - 1]);
  return error;
}

ubiq_error *dev_settings_read(const char *directory) {
  buffer bytes = {0};
  dot_env file = {0};
  char *path = file_path_join(directory, ".env");
  if (path == NULL) return ubiq_error_no_memory();
  ubiq_error *error = file_exists(path) ? file_read_all(path, FILE_BYTES_MAX, &bytes) : NULL;
  if (error == NULL && bytes.size > 0) error = dot_env_parse(path, (text){(const char *)bytes.data, bytes.size}, &file);
  if (error == NULL) error = set_all(path, &file);
  dot_env_free(&file);
  buffer_free(&bytes);
  free(path);
  return error;
}
