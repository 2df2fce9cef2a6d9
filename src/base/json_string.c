#include "base/json_string.h"

#include "base/buffer.h"

ubiq_error *json_copy_text(arena *arena, text value, const char **out) {
  *out = arena_string(arena, value.data, value.size);
  return *out == NULL ? ubiq_error_no_memory() : NULL;
}

ubiq_error *json_get_string(const json_value *value, arena *arena, const char **out) {
  text found;
  ubiq_error *error = json_get_text(value, &found);
  if (error != NULL) return error;
  if (found.size == 0 || memchr(found.data, '\0', found.size) != NULL)
    return json_wrong(value, "a string that is not empty");
  return json_copy_text(arena, found, out);
}

/// `"a", "b" or "c"`
static bool write_words(buffer *out, const char *const *words, size_t count) {
  bool good = true;
  for (size_t i = 0; good && i < count; i++)
    good = buffer_printf(out, "%s\"%s\"", i == 0 ? "" : i + 1 < count ? ", " : " or ", words[i]);
  return good && buffer_string(out) != NULL;
}

static ubiq_error *none_of(const json_value *value, const char *const *words, size_t count) {
  buffer list = {0};
  ubiq_error *error =
      write_words(&list, words, count) ? json_wrong(value, "%s", (const char *)list.data) : ubiq_error_no_memory();
  buffer_free(&list);
  return error;
}

ubiq_error *json_get_word(const json_value *value, const char *const *words, size_t count, size_t *index) {
  text found;
  ubiq_error *error = json_get_text(value, &found);
  if (error != NULL) return error;
  for (size_t i = 0; i < count; i++) {
    if (!text_equal_string(found, words[i])) continue;
    *index = i;
    return NULL;
  }
  return none_of(value, words, count);
}
