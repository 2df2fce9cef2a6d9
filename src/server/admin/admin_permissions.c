// What workers note in the function's set (services/permissions/permissions.h) is read: no worker is asked.
#include "server/admin/admin_permissions.h"

#include "server/admin/admin_json.h"

static bool add_granted(yyjson_mut_doc *document, yyjson_mut_val *root, const permission_set *set) {
  yyjson_mut_val *list = yyjson_mut_obj_add_arr(document, root, "granted");
  bool good = list != NULL;
  for (size_t i = 0; good && i < permission_set_count(set); i++) {
    permission_use use = permission_set_use(set, i);
    yyjson_mut_val *object = yyjson_mut_arr_add_obj(document, list);
    good = yyjson_mut_obj_add_strncpy(document, object, "permission", use.permission.data, use.permission.size) &&
           yyjson_mut_obj_add_bool(document, object, "is_used", use.is_used);
  }
  return good;
}

static bool add_denied(yyjson_mut_doc *document, yyjson_mut_val *root, const permission_set *set) {
  buffer lines = {0};
  yyjson_mut_val *list = yyjson_mut_obj_add_arr(document, root, "denied");
  bool good = list != NULL && permission_set_denied(set, &lines);
  text rest = {(const char *)lines.data, lines.size}, line;
  while (good && text_split(&rest, '\n', &line))
    good = line.size == 0 || yyjson_mut_arr_add_strncpy(document, list, line.data, line.size);
  buffer_free(&lines);
  return good && yyjson_mut_obj_add_uint(document, root, "denials", permission_set_denials(set));
}

static answer describe(const function *function) {
  yyjson_mut_doc *document = yyjson_mut_doc_new(NULL);
  yyjson_mut_val *root = yyjson_mut_obj(document);
  bool good = yyjson_mut_obj_add_strcpy(document, root, "function", function->name) &&
              add_granted(document, root, function->permissions) && add_denied(document, root, function->permissions);
  return admin_json_answer(document, good ? root : NULL);
}

answer admin_permissions_get(admin_request *self) {
  release *current = releases_hold(self->context->releases);
  text name = admin_request_function(self);
  const function *function = release_function(current, name);
  answer answer =
      function != NULL
          ? describe(function)
          : answer_error(ubiq_error_new(UBIQ_NOT_FOUND, "there is no function \"%.*s\"; see `ubiq functions`",
                                        (int)name.size, name.data));
  release_delete(current);
  return answer;
}
