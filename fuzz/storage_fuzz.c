/// The path of an object and a range of it, with a zero byte between them. A path that is taken leads nowhere else, and a range lies within
/// its object.
#include "services/storage/storage_parts.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_path(text path, text project, bool is_private) {
  service_call call = {.caller = {.project = project, .function = TEXT("f"), .is_private = is_private}};
  text key, part;
  arena_init(&call.arena);
  ubiq_error *error = storage_key(&call, path, &key);
  if (error == NULL) {
    if (!text_equal(storage_path_of(key), path) || !text_equal(storage_project_of(key), project)) abort();
    if (memchr(path.data, '\0', path.size) != NULL || path.size > STORAGE_PATH_MAX) abort();
    while (text_split(&path, '/', &part))
      if (part.size == 0 || text_equal(part, TEXT("..")) || text_equal(part, TEXT("."))) abort();
  }
  ubiq_error_delete(error);
  arena_free(&call.arena);
}

static void check_range(text value, uint64_t object_size) {
  storage_range range;
  ubiq_error *error = storage_range_read(value, object_size, &range);
  bool is_within = range.from <= object_size && range.size <= object_size - range.from;
  if (!is_within || (error == NULL && (range.size == 0 || range.is_missed))) abort();
  ubiq_error_delete(error);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  text rest = {(const char *)data, size}, path;
  if (!text_split(&rest, '\0', &path)) return 0;
  check_path(path, TEXT("shop"), false);
  check_path(path, TEXT("shop"), true);
  check_range(rest, 0);
  check_range(rest, 1);
  check_range(rest, 1000);
  check_range(rest, UINT64_MAX);
  return 0;
}
