#include "services/work/kept_trace.h"

#include "base/json_write.h"

static text header_of(const service_call *call, const char *name) {
  for (size_t i = 0; i < call->headers_asked_count; i++)
    if (text_equal_string(call->headers_asked[i].name, name)) return call->headers_asked[i].value;
  return (text){NULL, 0};
}

/// Its shape alone: who goes on with it looks at all of it.
static bool is_parent(text value) {
  static const char form[] = "00-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx-xxxxxxxxxxxxxxxx-xx";
  if (value.size != sizeof form - 1) return false;
  for (size_t i = 0; i < value.size; i++) {
    bool is_digit = (value.data[i] >= '0' && value.data[i] <= '9') || (value.data[i] >= 'a' && value.data[i] <= 'f');
    if (form[i] == 'x' ? !is_digit : value.data[i] != form[i]) return false;
  }
  return true;
}

static bool is_state(text value) {
  for (size_t i = 0; i < value.size; i++)
    if (value.data[i] < ' ' || value.data[i] > '~') return false;
  return value.size <= KEPT_TRACE_STATE_MAX;
}

static kept_trace of_run(const service_caller *caller) {
  const char *parent = caller->run == NULL || caller->traceparent == NULL ? NULL : caller->traceparent(caller->run),
             *state = parent == NULL || caller->tracestate == NULL ? NULL : caller->tracestate(caller->run);
  return (kept_trace){parent == NULL ? (text){NULL, 0} : text_of(parent),
                      state == NULL ? (text){NULL, 0} : text_of(state)};
}

kept_trace kept_trace_of(const service_call *call) {
  kept_trace said = {header_of(call, KEPT_TRACE_PARENT), header_of(call, KEPT_TRACE_STATE)};
  if (!is_parent(said.parent)) return of_run(&call->caller);
  if (!is_state(said.state)) said.state = (text){NULL, 0};
  return said;
}

bool kept_trace_write(buffer *out, const kept_trace *self) {
  if (self->parent.size == 0) return true;
  if (!buffer_append_string(out, ",\"" KEPT_TRACE_PARENT "\":") || !json_write_text(out, self->parent)) return false;
  return self->state.size == 0 ||
         (buffer_append_string(out, ",\"" KEPT_TRACE_STATE "\":") && json_write_text(out, self->state));
}

static text member(yyjson_val *object, const char *name) {
  yyjson_val *value = yyjson_obj_get(object, name);
  return (text){yyjson_get_str(value), yyjson_get_len(value)};
}

kept_trace kept_trace_read(yyjson_val *object) {
  return (kept_trace){member(object, KEPT_TRACE_PARENT), member(object, KEPT_TRACE_STATE)};
}

bool kept_trace_has_name(text name) {
  return text_equal_string(name, KEPT_TRACE_PARENT) || text_equal_string(name, KEPT_TRACE_STATE);
}
