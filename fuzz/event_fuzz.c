/// Events of any bytes: `s` and JSON for structured mode, or `b`, headers, an empty line and the data for binary mode. One that is taken is a
/// JSON object that has what CloudEvents asks for, and is taken again as it is.
#include "services/events/event.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void begin(service_call *call) {
  *call = (service_call){.caller = {.function = TEXT("greet")}};
  arena_init(&call->arena);
}

static void check_again(yyjson_val *root) {
  service_call call;
  event event;
  begin(&call);
  call.body = (service_body){.kind = SERVICE_BODY_JSON, .value = root};
  if (event_read_structured(&call, &event) != NULL) abort();
  arena_free(&call.arena);
}

static void check(const event *event) {
  static const char *const wanted[] = {"specversion", "id", "source", "type", "time"};
  yyjson_doc *document = yyjson_read((const char *)event->json.data, event->json.size, 0);
  yyjson_val *root = yyjson_doc_get_root(document);
  if (event->id.size == 0 || event->source.size == 0) abort();
  for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++)
    if (!yyjson_is_str(yyjson_obj_get(root, wanted[i]))) abort();
  check_again(root);
  yyjson_doc_free(document);
}

/// What the API's table has seen to before: a type, and texts where texts belong.
static bool is_of_the_api(yyjson_val *root) {
  static const char *const texts[] = {"specversion", "type",         "id",          "source",     "subject",
                                      "time",        "partitionkey", "data_base64", "dataschema", "datacontenttype"};
  yyjson_obj_iter iterator = yyjson_obj_iter_with(root);
  if (!yyjson_is_obj(root) || yyjson_get_len(yyjson_obj_get(root, "type")) == 0) return false;
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    yyjson_val *value = yyjson_obj_get(root, texts[i]);
    if (value != NULL && !yyjson_is_null(value) && !yyjson_is_str(value)) return false;
  }
  for (yyjson_val *key; (key = yyjson_obj_iter_next(&iterator)) != NULL;) {
    yyjson_val *value = yyjson_obj_iter_get_val(key);
    if (!yyjson_equals_str(key, "data") && (yyjson_is_ctn(value) || yyjson_is_real(value))) return false;
  }
  return true;
}

static void read_structured(service_call *call, text json) {
  yyjson_doc *document = yyjson_read(json.data, json.size, 0);
  call->body = (service_body){.kind = SERVICE_BODY_JSON, .value = yyjson_doc_get_root(document)};
  event event;
  ubiq_error *error = is_of_the_api(call->body.value) ? event_read_structured(call, &event) : ubiq_error_no_memory();
  if (error == NULL) check(&event);
  ubiq_error_delete(error);
  yyjson_doc_free(document);
}

static void read_binary(service_call *call, text rest) {
  service_field headers[8];
  event event;
  text line, name;
  bool has_type = false;
  while (call->headers_asked_count < 8 && text_split(&rest, '\n', &line) && line.size > 0) {
    text_split(&line, ':', &name);
    headers[call->headers_asked_count++] = (service_field){name, line};
    has_type |= text_equal_string(name, "ce-type") && line.size > 0;
  }
  call->headers_asked = headers;
  if (rest.size > 0)
    call->body = (service_body){.kind = SERVICE_BODY_BYTES, .bytes = {(const uint8_t *)rest.data, rest.size}};
  ubiq_error *error = has_type ? event_read_binary(call, &event) : NULL;
  if (has_type && error == NULL) check(&event);
  ubiq_error_delete(error);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  service_call call;
  if (size == 0) return 0;
  const text rest = {(const char *)data + 1, size - 1};
  begin(&call);
  if (data[0] == 's')
    read_structured(&call, rest);
  else
    read_binary(&call, rest);
  arena_free(&call.arena);
  return 0;
}
