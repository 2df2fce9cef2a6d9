#include "server/admin/admin_json.h"

#include "base/clock.h"

bool admin_json_time(yyjson_mut_doc *document, yyjson_mut_val *object, const char *key, uint64_t time_ms) {
  char text[CLOCK_TEXT_SIZE];
  clock_format_ms(time_ms, text);
  return yyjson_mut_obj_add_strcpy(document, object, key, text);
}

static const char *state_of(const release_record *record, const release_choice *choice) {
  if (strcmp(record->digest, choice->current) == 0) return "current";
  if (strcmp(record->digest, choice->canary) == 0) return "canary";
  return strcmp(record->digest, choice->previous) == 0 ? "previous" : "kept";
}

yyjson_mut_val *admin_json_release(yyjson_mut_doc *document, const release_record *record,
                                   const release_choice *choice) {
  yyjson_mut_val *object = yyjson_mut_obj(document);
  bool good = yyjson_mut_obj_add_strcpy(document, object, "digest", record->digest) &&
              yyjson_mut_obj_add_strcpy(document, object, "project", record->project) &&
              yyjson_mut_obj_add_strcpy(document, object, "version", record->version) &&
              yyjson_mut_obj_add_uint(document, object, "size", record->size) &&
              admin_json_time(document, object, "received_at", record->received_ms) &&
              yyjson_mut_obj_add_bool(document, object, "signed", record->is_signed) &&
              yyjson_mut_obj_add_str(document, object, "state", state_of(record, choice)) &&
              (record->note[0] == '\0' || yyjson_mut_obj_add_strcpy(document, object, "note", record->note));
  return good ? object : NULL;
}

static bool add_rule(yyjson_mut_doc *document, yyjson_mut_val *object, const releases_status *status) {
  const release_choice *choice = &status->choice;
  bool good = yyjson_mut_obj_add_uint(document, object, "percent", choice->canary_percent);
  if (choice->failures_permille_max == 0) return good;
  return good &&
         yyjson_mut_obj_add_real(document, object, "rollback_above", (double)choice->failures_permille_max / 10) &&
         yyjson_mut_obj_add_uint(document, object, "requests_min", choice->requests_min) &&
         yyjson_mut_obj_add_uint(document, object, "window_s", choice->window_s) &&
         yyjson_mut_obj_add_uint(document, object, "window_requests", status->canary_within.requests) &&
         yyjson_mut_obj_add_uint(document, object, "window_failures", status->canary_within.failures);
}

yyjson_mut_val *admin_json_served(yyjson_mut_doc *document, const releases_status *status, bool is_canary) {
  const release_record *record = is_canary ? &status->canary : &status->current;
  const release_totals *totals = is_canary ? &status->canary_totals : &status->current_totals;
  yyjson_mut_val *object = admin_json_release(document, record, &status->choice);
  bool good = object != NULL && yyjson_mut_obj_add_uint(document, object, "requests", totals->requests) &&
              yyjson_mut_obj_add_uint(document, object, "failures", totals->failures) &&
              (!is_canary || add_rule(document, object, status));
  return good ? object : NULL;
}

static bool add_hosts(yyjson_mut_doc *document, yyjson_mut_val *object, const project_function *function) {
  yyjson_mut_val *hosts = yyjson_mut_obj_add_arr(document, object, "allowed_hosts");
  bool good = hosts != NULL;
  for (size_t i = 0; good && i < function->allowed_hosts_count; i++)
    good = yyjson_mut_arr_add_strcpy(document, hosts, function->allowed_hosts[i]);
  return good;
}

/// Text is copied: the release that it is of may end before the answer goes out.
yyjson_mut_val *admin_json_function(yyjson_mut_doc *document, const project_function *function) {
  const limits *limits = &function->limits;
  const text method = function->method.size == 0 ? TEXT("*") : function->method;
  yyjson_mut_val *object = yyjson_mut_obj(document);
  bool good = yyjson_mut_obj_add_strcpy(document, object, "name", function->name) &&
              (function->path.size == 0 ||
               (yyjson_mut_obj_add_strncpy(document, object, "method", method.data, method.size) &&
                yyjson_mut_obj_add_strncpy(document, object, "path", function->path.data, function->path.size))) &&
              yyjson_mut_obj_add_uint(document, object, "timeout_ms", limits->wall_ms) &&
              yyjson_mut_obj_add_uint(document, object, "cpu_ms", limits->cpu_ms) &&
              yyjson_mut_obj_add_uint(document, object, "memory_bytes", limits->memory_bytes) &&
              yyjson_mut_obj_add_uint(document, object, "body_max", limits->body_bytes_max) &&
              yyjson_mut_obj_add_uint(document, object, "response_max", limits->response_bytes_max) &&
              add_hosts(document, object, function);
  return good ? object : NULL;
}

answer admin_json_answer(yyjson_mut_doc *document, yyjson_mut_val *root) {
  size_t size = 0;
  yyjson_mut_doc_set_root(document, root);
  char *text = root == NULL ? NULL : yyjson_mut_write(document, YYJSON_WRITE_ALLOW_INVALID_UNICODE, &size);
  yyjson_mut_doc_free(document);
  return answer_json(MHD_HTTP_OK, text, size);
}
