// Permissions and subjects of any bytes. An input is lines: permissions, an empty line, asks (`service action subject`). What a permission
// covers, it also allows; normalising a path twice changes nothing more.
#include "services/permissions/permissions.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LIST_MAX = 16 };

static size_t read_list(text *rest, text list[LIST_MAX]) {
  size_t count = 0;
  text line;
  while (text_split(rest, '\n', &line) && line.size > 0) {
    ubiq_error *error = permission_check_form(line);
    if (error == NULL && count < LIST_MAX) list[count++] = line;
    ubiq_error_delete(error);
  }
  return count;
}

static void check_coverage(const permission_set *set, const text *list, size_t count) {
  for (size_t i = 0; i < count; i++)
    if (!permission_set_covers(set, list[i])) abort();
}

static void check_path(text path) {
  if (path.size == 0 || path.data[0] != '/') return;
  buffer once = {0}, twice = {0};
  if (!permission_http_subject(&once, TEXT("a"), 80, 80, path)) abort();
  text again = {(const char *)once.data + 1, once.size - 1};
  if (!permission_http_subject(&twice, TEXT("a"), 80, 80, again)) abort();
  if (once.size != twice.size || memcmp(once.data, twice.data, once.size) != 0) abort();
  buffer_free(&once);
  buffer_free(&twice);
}

static void check_ask(const permission_set *set, text line) {
  permission_ask ask = {0};
  permissions permissions = {.sets = {set}, .count = 1};
  if (!text_split(&line, ' ', &ask.service) || !text_split(&line, ' ', &ask.action)) return;
  ask.subject = line.data == NULL ? TEXT("") : line;
  ubiq_error *error = permissions_check(&permissions, &ask);
  ask.is_prefix = true;
  ubiq_error *of_all = permissions_check(&permissions, &ask);
  if (of_all == NULL && error != NULL) abort(); // who may have all that begins so may have this
  ubiq_error_delete(error);
  ubiq_error_delete(of_all);
  check_path(ask.subject);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  text rest = {(const char *)data, size}, list[LIST_MAX], line;
  size_t count = read_list(&rest, list);
  permission_set *set = NULL;
  ubiq_error *error = permission_set_new(TEXT("fuzz"), list, count, &set);
  if (error != NULL) abort();
  check_coverage(set, list, count);
  while (text_split(&rest, '\n', &line)) check_ask(set, line);
  permission_set_delete(set);
  return 0;
}
