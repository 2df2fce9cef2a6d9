// Sets as lists of texts, there and back.
#include "services/work/kept_permissions.h"

#include "base/json_write.h"

static bool write_set(buffer *out, const permission_set *set) {
  bool good = buffer_append_string(out, "{\"owner\":") && json_write_text(out, permission_set_owner(set)) &&
              buffer_append_string(out, permission_set_is_token(set) ? ",\"token\":true" : ",\"token\":false") &&
              buffer_append_string(out, ",\"list\":[");
  for (size_t i = 0; good && i < permission_set_count(set); i++)
    good = (i == 0 || buffer_append_byte(out, ',')) && json_write_text(out, permission_set_use(set, i).permission);
  return good && buffer_append_string(out, "]}");
}

static bool is_own(const permission_set *set, text function) {
  return !permission_set_is_token(set) && text_equal(permission_set_owner(set), function);
}

static bool begin_item(buffer *out, size_t *count) {
  return buffer_append_string(out, (*count)++ == 0 ? ",\"" KEPT_PERMISSIONS "\":[" : ",");
}

bool kept_permissions_write(buffer *out, yyjson_val *before, const permissions *who, text function) {
  size_t count = 0, index, max;
  bool good = true;
  yyjson_val *item;
  yyjson_arr_foreach(before, index, max, item) {
    good = good && begin_item(out, &count) && json_write_value(out, item);
  }
  for (size_t i = 0; good && who != NULL && i < who->count; i++)
    if (!is_own(who->sets[i], function)) good = begin_item(out, &count) && write_set(out, who->sets[i]);
  return good && (count == 0 || buffer_append_byte(out, ']'));
}

static ubiq_error *read_list(const json_value *list, text texts[PERMISSIONS_MAX], size_t *count) {
  json_value item = {0};
  ubiq_error *error = json_expect_array(list);
  for (*count = 0; error == NULL && *count < PERMISSIONS_MAX && json_next_item(list, &item); ++*count)
    error = json_get_text(&item, &texts[*count]);
  return error;
}

static ubiq_error *read_set(const json_value *object, permissions *out) {
  text owner, texts[PERMISSIONS_MAX];
  size_t count = 0;
  permission_set *set = NULL;
  json_value field = json_field(object, "owner"), list = json_field(object, "list");
  ubiq_error *error = json_get_text(&field, &owner);
  if (error == NULL) error = read_list(&list, texts, &count);
  if (error == NULL) error = permission_set_new(owner, texts, count, &set);
  if (error != NULL) return error;
  permission_set_mark_token(set, yyjson_get_bool(yyjson_obj_get(object->value, "token")));
  if (permissions_join(out, set)) return NULL;
  permission_set_delete(set);
  return json_error(object, "is one more than may be: at most %d functions may have led to it", PERMISSIONS_SETS_MAX);
}

ubiq_error *kept_permissions_read(const json_value *object, permissions *out) {
  json_value list = json_field(object, KEPT_PERMISSIONS), item = {0};
  *out = (permissions){0};
  if (list.value == NULL) return NULL;
  ubiq_error *error = json_expect_array(&list);
  while (error == NULL && json_next_item(&list, &item)) error = read_set(&item, out);
  if (error != NULL) permissions_let_go(out);
  return error;
}
