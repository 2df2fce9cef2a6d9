// A record is one line: the message, then trace and attributes as key=value, values that are no plain words as JSON.
#include "base/log.h"
#include "base/json.h"
#include "services/operations.h"

#include <stdlib.h>

enum { LINE_BYTES_MAX = 64 << 10, TRACE_ID_AT = 3, TRACE_ID_DIGITS = 32 };

static text string_of(yyjson_val *value) {
  return (text){yyjson_get_str(value), yyjson_get_len(value)};
}

static ubiq_log_level level_of(yyjson_val *value) {
  static const char *const names[] = {"trace", "debug", "info", "warn", "error"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
    if (yyjson_equals_str(value, names[i])) return (ubiq_log_level)i;
  return UBIQ_LOG_INFO;
}

static bool is_word(text value) {
  for (size_t i = 0; i < value.size; i++) {
    unsigned char c = (unsigned char)value.data[i];
    if (c <= ' ' || c == '"' || c == '=' || c == 0x7f) return false;
  }
  return value.size > 0;
}

static bool write_value(yyjson_val *value, buffer *out) {
  if (yyjson_is_str(value) && is_word(string_of(value)))
    return buffer_append(out, yyjson_get_str(value), yyjson_get_len(value));
  size_t size = 0;
  char *json = yyjson_val_write(value, YYJSON_WRITE_NOFLAG, &size);
  bool good = json != NULL && buffer_append(out, json, size);
  free(json);
  return good;
}

/// None are NULL.
static bool write_attributes(yyjson_val *attributes, buffer *out) {
  if (attributes == NULL) return true;
  size_t index, count;
  yyjson_val *key, *value;
  bool good = true;
  yyjson_obj_foreach(attributes, index, count, key, value) good =
      good && buffer_append_byte(out, ' ') && write_value(key, out) && buffer_append_byte(out, '=') &&
      write_value(value, out);
  return good;
}

static bool write_trace(const service_caller *caller, buffer *out) {
  if (caller->traceparent == NULL) return true;
  return buffer_printf(out, " trace=%.*s", TRACE_ID_DIGITS, caller->traceparent(caller->run) + TRACE_ID_AT);
}

static bool write_line(service_call *call, buffer *out) {
  yyjson_val *message = yyjson_obj_get(call->body.value, "message");
  return buffer_append(out, yyjson_get_str(message), yyjson_get_len(message)) && write_trace(&call->caller, out) &&
         write_attributes(yyjson_obj_get(call->body.value, "attributes"), out);
}

void service_log_write(service_call *call) {
  ubiq_log_level level = level_of(yyjson_obj_get(call->body.value, "level"));
  if (log_enabled(level)) {
    buffer line = {0};
    char *source = arena_string(&call->arena, call->caller.function.data, call->caller.function.size);
    if (source == NULL || !write_line(call, &line)) {
      buffer_free(&line);
      service_call_fail(call, ubiq_error_no_memory());
      return;
    }
    const text shown = text_cut((text){(const char *)line.data, line.size}, LINE_BYTES_MAX);
    call->error = call->caller.count_line == NULL ? NULL : call->caller.count_line(call->caller.run, shown.size);
    if (call->error == NULL) log_write(level, source[0] == '\0' ? "admin" : source, shown.data, shown.size);
    buffer_free(&line);
  }
  service_call_done(call);
}
